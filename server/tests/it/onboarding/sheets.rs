//! Products as sheets of TOML: they come back as they went, and a wrong one leaves nothing.

use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::STANDARD;
use serde_json::json;
use store::Target;

use super::{Desk, PARTNER, WHY, rows};
use crate::support::{aside, filled, on_each_database};

#[tokio::test(flavor = "multi_thread")]
async fn products_go_as_a_sheet_into_another_database() {
    let (from, bank) = filled::on_sqlite().await;
    let of = from.target();
    on_each_database(async |to, _| {
        let from = of.clone();
        aside(move || as_a_sheet(&from, &to)).await;
    })
    .await;
    bank.stop().await;
}

fn as_a_sheet(from: &Target, to: &Target) {
    let (here, there) = (Desk::at(from), Desk::at(to));
    let of = ["--partner", ASP_ID];
    let sheet = here.done(&[&["product", "export"], &of[..]].concat());
    assert!(sheet.matches("[[products]]").count() >= 12, "{sheet}");
    let path = there.file("products.toml", &sheet);
    there.change(&["partner", "create", "--asp-id", PARTNER, "--name", "Seoul Pay"]);
    // The other database's own partner has these digits already, so they are other ones.
    let moved = sheet.replace("\"94914", "\"94915");
    let other = there.file("moved.toml", &moved);
    let import = ["product", "import", &other, "--partner", PARTNER];
    let before = rows(to);
    let tried = there.change(&[&import[..], &["--dry-run"]].concat());
    assert!(tried.lines().all(|line| line.ends_with("created")), "{tried}");
    assert_eq!(rows(to), before, "only tried");
    there.change(&import);
    assert_eq!(there.done(&["product", "export", "--partner", PARTNER]), moved);
    assert!(there.change(&import).lines().all(|line| line.ends_with("unchanged")));
    let said = there.refused(to, &["product", "import", &path, "--partner", PARTNER]);
    assert!(said.contains("belong to another range"), "{said}");
    refusals(&there, to, &moved);
    changes(&there, &moved);
}

/// A sheet in which something of the ordinary product stands differently.
fn with(sheet: &str, from: &str, to: &str) -> String {
    let id = STANDARD.service_id();
    let (before, own) = sheet.split_at(sheet.find(&format!("serviceId = \"{id}\"")).unwrap());
    assert!(own.contains(from), "{from}");
    format!("{before}{}", own.replacen(from, to, 1))
}

/// One fault in a sheet, and nothing of it is done.
fn refusals(desk: &Desk, target: &Target, sheet: &str) {
    let first = format!("serviceId = \"{}\"", STANDARD.service_id());
    for (from, to, said) in [
        ("status = \"ACTIVE\"", "status = \"GONE\"", "`status`"),
        ("status = \"ACTIVE\"", "state = \"ACTIVE\"", "`state`"),
        ("renewal = 0", "renewal = -1", "fees.renewal"),
        ("renewal = 0", "renewals = 0", "`renewals`"),
        ("issuance = \"PRE_ISSUANCE\"", "issuance = \"ORDINARY\"", "set mobileOnly"),
        ("paysAbroad = \"NO\"", "paysAbroad = \"YES\"", "paysAbroad"),
        ("bins = [", "bins = [\"94915\", ", "`bins`"),
        (&first, "serviceId = \"1\"", "15 digits"),
        ("[[products]]", "[[product]]", " of the sheet is no TOML: duplicate key"),
        ("uses = [", "unused = [", "`unused`"),
    ] {
        let path = desk.file("wrong.toml", &with(sheet, from, to));
        let err = desk.refused(target, &["product", "import", &path, "--partner", PARTNER]);
        assert!(err.contains(said), "{from} -> {to}: {err}");
    }
    let next = format!("{first}\nnextServiceId = \"999999999999999\"");
    let path = desk.file("wrong.toml", &with(sheet, &first, &next));
    let err = desk.refused(target, &["product", "import", &path, "--partner", PARTNER]);
    assert!(err.contains("next one"), "{err}");
}

/// A sheet changes what it says differently, and adds ranges.
fn changes(desk: &Desk, sheet: &str) {
    let changed = with(sheet, "renewal = 0", "renewal = 700");
    let changed = with(&changed, "bins = [", "bins = [\"949159999\", ");
    let path = desk.file("changed.toml", &changed);
    let said = desk.change(&["product", "import", &path, "--partner", PARTNER]);
    assert_eq!(
        said.matches("changed\n").count() - said.matches("unchanged\n").count(),
        1,
        "{said}"
    );
    let after = desk.done(&["product", "export", "--partner", PARTNER]);
    assert!(after.contains("renewal = 700") && after.contains("\"949159999\""), "{after}");
    let id = STANDARD.service_id();
    let id = id.as_str();
    let of = ["--partner", PARTNER];
    let add = ["bin", "add", "949158888", "--product", id];
    desk.change(&[&add[..], &of].concat());
    let ranges = desk.json(&[&["bin", "list"], &of[..]].concat());
    let found = ranges["ranges"].as_array().unwrap();
    let found = found.iter().find(|range| range["tokenBinNo"] == "949158888").unwrap();
    assert_eq!((&found["serviceId"], &found["numbers"]), (&json!(id), &json!(1_000_000)));
    let status =
        |desk: &Desk| desk.json(&[&["product", "show", id], &of[..]].concat())["status"].clone();
    for (verb, state) in [("suspend", "SUSPENDED"), ("resume", "ACTIVE"), ("discard", "DELETED")] {
        desk.change(&[&["product", verb, id], &of[..]].concat());
        assert_eq!(status(desk), state);
    }
    let (code, _, err) = desk.run(&[&["product", "resume", id], &of[..], &WHY].concat());
    assert!(code == Some(1) && err.contains("for good"), "{err}");
}

//! A database that was lost and put back from an older copy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platen::ops::prepaid_card::reissue::{mobile_only, with_plastic};
use platen::sandbox::world::World;
use platen::sandbox::world::products::{FREE, STANDARD};
use serde_json::Value;
use store::Target;
use tempfile::TempDir;

use crate::given::{given_of, new_id};
use crate::process::{arg, database_arg, run, stdout_of};
use crate::reconciling::{Row, text};
use crate::support::{
    REISSUE, TestBank, TestServer, aside, code, on_each_database, on_each_engine, quick,
};

const WHY: [&str; 4] = ["--by", "kim", "--reason", "the disk was lost"];

/// What was given out, as the database has it: card numbers by their serials, orders, ids.
async fn given_out(server: &TestServer) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for sql in [
        "SELECT mobile_number FROM application WHERE asp_id = $1 AND mobile_number IS NOT NULL",
        "SELECT bank_tran_id FROM application WHERE asp_id = $1 AND bank_tran_id IS NOT NULL",
        "SELECT apply_no FROM application WHERE asp_id = $1",
        "SELECT log_id FROM operation_log WHERE asp_id = $1",
    ] {
        all.extend(server.rows(sql, &[]).await);
    }
    all
}

async fn reissue(server: &TestServer, bank: &TestBank) -> World {
    let world = given_of(server, bank, STANDARD).await;
    let answer = server.call_as(REISSUE, &with_plastic(&world), Some(&new_id())).await;
    assert_eq!(code(&answer), "000_000");
    world
}

async fn command(args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|each| (*each).to_owned()).collect();
    aside(move || stdout_of(&args.iter().map(String::as_str).collect::<Vec<_>>())).await
}

/// What a copy of the copy knows, and what a server gives out that starts on it.
async fn goes_on(copy: &Path, bank: &TestBank) -> (BTreeSet<String>, BTreeSet<String>) {
    let server = TestServer::start(&Target::Sqlite(copy.to_owned()), bank, quick()).await;
    let known = given_out(&server).await;
    let world = given_of(&server, bank, FREE).await;
    assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
    let all = given_out(&server).await;
    server.stop().await;
    let fresh = all.difference(&known).cloned().collect();
    (known, fresh)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_out_twice_after_an_older_copy_was_put_back() {
    on_each_database(async |target, bank: Arc<TestBank>| {
        let Target::Sqlite(path) = &target else { return };
        let folder = TempDir::new().unwrap();
        let named = |name: &str| -> PathBuf { folder.path().join(name) };
        let copy = named("copy.db");
        // It is copied while calls are made.
        let server = TestServer::start(&target, &bank, quick()).await;
        let busy = async {
            for _ in 0..5 {
                reissue(&server, &bank).await;
            }
        };
        let database = arg(path);
        let args = ["backup", "--out", arg(&copy), "--database", database, "--json"];
        let (said, ()) = tokio::join!(command(&args), busy);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["bytes"], std::fs::metadata(&copy).unwrap().len());
        server.stop().await;

        // A server that starts anew takes ids and numbers that the copy has never heard of.
        let server = TestServer::start(&target, &bank, quick()).await;
        let lost = [reissue(&server, &bank).await, reissue(&server, &bank).await];
        let all = given_out(&server).await;
        let day = server.app.now().business_day().to_string();
        let sql = "SELECT bank_tran_id FROM application WHERE asp_id = $1 AND user_id = $2";
        let mut orders = Vec::new();
        for world in &lost {
            let id = server.row(sql, &[world.user_id().into()]).await;
            orders.push(Row { id, direction: 'W', amount: 3_000 });
        }
        server.stop().await;

        // Without a fence they are given out again.
        for name in ["careless.db", "fenced.db"] {
            std::fs::copy(&copy, named(name)).unwrap();
        }
        let (known, again) = goes_on(&named("careless.db"), &bank).await;
        let after: BTreeSet<_> = all.difference(&known).cloned().collect();
        assert!(!again.is_disjoint(&after), "the fence would not be needed: {again:?}");

        let file = named("bank.csv");
        std::fs::write(&file, text(&day, &orders)).unwrap();
        let fenced = named("fenced.db");
        let own = ["restore-fence", "--database", arg(&fenced), "--bank", arg(&file), "--json"];
        let dry = command(&[&own[..], &WHY, &["--dry-run"]].concat()).await;
        let told = command(&[&own[..], &WHY].concat()).await;
        let [dry, told] = [dry, told].map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(dry["moved"], told["moved"], "what was said would be done is done");
        let cases = told["cases"].as_array().unwrap().iter();
        let ids: BTreeSet<_> = cases.map(|case| case["bankTranId"].as_str().unwrap()).collect();
        // Of the members that were lost the bank has the money.
        assert!(orders.iter().all(|order| ids.contains(order.id.as_str())), "{told}");

        let (_, fresh) = goes_on(&fenced, &bank).await;
        assert!(fresh.is_disjoint(&after), "{fresh:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_given_out_is_moved_on() {
    on_each_engine(async |server, bank, target| {
        reissue(&server, &bank).await;
        server.quiet().await;
        let counters =
            "SELECT name, next_value FROM counter WHERE asp_id IN ($1, '000000000000000')
             AND name IN ('id', 'bank-tran-id', 'product') ORDER BY asp_id, name";
        let ranges = "SELECT prefix, next_serial FROM number_range
             WHERE asp_id = $1 AND kind = 'ISSUE' ORDER BY prefix";
        let ends = "UPDATE number_range SET next_serial = serial_end - 200
             WHERE asp_id = $1 AND prefix = '9491409'";
        server.exec(ends, &[]).await;
        let database = database_arg(&target);
        let own = ["restore-fence", "--ids", "5000", "--numbers", "250", "--database", &database];
        let before = (server.rows(counters, &[]).await, server.rows(ranges, &[]).await);
        let dry = command(&[&own[..], &WHY, &["--dry-run"]].concat()).await;
        assert!(dry.ends_with("nothing was written\n"), "{dry}");
        assert_eq!((server.rows(counters, &[]).await, server.rows(ranges, &[]).await), before);
        let done = command(&[&own[..], &WHY].concat()).await;
        assert!(done.contains("9491409") && done.contains("none is left: add a range"), "{done}");
        let moved = |row: &String, by: i64| {
            let (name, next) = row.rsplit_once(' ').unwrap();
            (name.to_owned(), next.parse::<i64>().unwrap() + by)
        };
        for (old, new) in before.1.iter().zip(server.rows(ranges, &[]).await) {
            let by = if old.starts_with("9491409") { 200 } else { 300 };
            assert_eq!(moved(old, by), moved(&new, 0));
        }
        for (old, new) in before.0.iter().zip(server.rows(counters, &[]).await) {
            // The row of the operation log took one more.
            let (expected, found) = (moved(old, 5_000), moved(&new, 0));
            let is_near = (0..=1).contains(&(found.1 - expected.1));
            let is_product = expected.0.starts_with("product");
            assert!(is_near || is_product, "{old} {new}");
        }
        let noted = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = '000000000000000' AND event = 'platform.fenced' AND asp_id <> $1";
        assert_eq!(server.row(noted, &[]).await, "1");
    })
    .await;
}

#[test]
fn what_cannot_be_copied_is_one_sentence() {
    let folder = TempDir::new().unwrap();
    let there = folder.path().join("there.db");
    std::fs::write(&there, "no database").unwrap();
    let out = folder.path().join("out.db");
    for (database, out, part) in [
        ("/no/such.db", arg(&out), "there is no database /no/such.db"),
        (arg(&there), arg(&there), "is there already"),
        (arg(&there), arg(&out), "cannot be copied"),
        (arg(&there), "/no/such/folder/out.db", "cannot be written"),
        ("postgres://127.0.0.1/x", arg(&out), "docs/operations/backup.md"),
    ] {
        let output = run(&["backup", "--out", out, "--database", database]);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(part) && err.lines().count() == 1, "{err}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left of a copy that failed");
    let output = run(&["restore-fence", "--by", "9491339401250765", "--reason", "x"]);
    assert_eq!(output.status.code(), Some(2));
}

//! What is owed to card holders: the books of a day, held against the rows that there are.

use std::collections::BTreeMap;

use domain::{AspId, BusinessDay};
use platen::op::Operation;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::ops::prepaid_card::terminate::{Terminate, request};
use platen::report::float::{self, Float, Sums};
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{FREE, STANDARD};
use platen::sandbox::world::{Card, World};
use serde_json::Value;
use store::testing::TestDatabase;
use tempfile::TempDir;

use crate::books::Books;
use crate::customer::database;
use crate::given::{given, given_of};
use crate::process::{Server, arg, run, stdout_of};
use crate::support::{REISSUE, TestBank, TestServer, aside, code, on_each_engine};

async fn at_end_of(server: &TestServer, day: BusinessDay) -> Float {
    let store = server.app.store.clone();
    aside(move || float::at_end_of(&store, &AspId::new(ASP_ID), day).unwrap()).await
}

/// Each product's part.
fn sums(report: &Float) -> BTreeMap<String, Sums> {
    let each = report.lines.iter().map(|line| (line.service_id.clone(), line.sums.clone()));
    each.collect()
}

fn of(report: &Float, service_id: &str) -> Sums {
    sums(report).remove(service_id).unwrap()
}

/// What the report says of now, against the stored rows.
async fn is_as_stored(server: &TestServer, report: &Float) {
    let balances = "SELECT COALESCE(CAST(SUM(balance) AS BIGINT), 0) FROM card_account
         WHERE asp_id = $1";
    assert_eq!(report.total.sums.liability, server.number(balances).await);
    let open = "SELECT COUNT(*) FROM card_account WHERE asp_id = $1 AND state <> 'TERMINATED'";
    assert_eq!(report.total.sums.accounts, server.number(open).await);
    assert_eq!(report.total.sums.pg_clearing, server.fees_taken().await);
    let each = "SELECT service_id, CAST(SUM(balance) AS BIGINT) FROM card_account
         WHERE asp_id = $1 GROUP BY service_id ORDER BY service_id";
    let stored = server.rows(each, &[]).await;
    let held = stored.iter().map(|row| {
        let (service_id, balance) = row.split_once(' ').unwrap();
        (of(report, service_id).liability, balance.parse::<i64>().unwrap())
    });
    assert!(stored.len() > 5 && held.into_iter().all(|(posted, stored)| posted == stored));
    for Sums { fee_income, vat_payable, return_payable, pg_clearing, .. } in
        sums(report).into_values().chain([report.total.sums.clone()])
    {
        assert_eq!(pg_clearing, fee_income + vat_payable + return_payable);
    }
    assert!(report.is_sound());
}

async fn reissue(server: &TestServer, world: &World) {
    assert_eq!(code(&server.call(REISSUE, &with_plastic(world)).await), "000_000");
}

/// Cards that change on the second day: one is reissued for a fee, one discarded, one opened.
async fn second_day(server: &TestServer, bank: &TestBank, (paid, empty): (&World, &World)) {
    reissue(server, paid).await;
    let answer = server.call(Terminate::SPEC.path, &request(empty)).await;
    assert_eq!(code(&answer), "000_000");
    given_of(server, bank, FREE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_over_comes_out_the_same_for_ever() {
    on_each_engine(async |server, bank, target| {
        let paid = given_of(&server, &bank, STANDARD).await;
        let empty = given(&server, &bank, |world| {
            world.card = Card::Active;
            world.product = FREE;
            world.balance_won = 0;
        })
        .await;
        reissue(&server, &given_of(&server, &bank, STANDARD).await).await;
        let first = server.app.now().business_day();
        let before = at_end_of(&server, first).await;
        is_as_stored(&server, &before).await;
        assert!(before.total.sums.pg_clearing > 0 && before.total.sums.vat_payable > 0);

        let clock = format!("{}/sandbox/v1/clock", server.url);
        assert_eq!(server.post_plain(&clock, r#"{"forwardDays":1}"#).await, 200);
        second_day(&server, &bank, (&paid, &empty)).await;
        let second = server.app.now().business_day();
        assert!(second > first);
        let again = at_end_of(&server, first).await;
        assert_eq!(sums(&again), sums(&before));
        let after = at_end_of(&server, second).await;
        is_as_stored(&server, &after).await;
        let moved = |product: &str, of_sum: fn(&Sums) -> i64| {
            of_sum(&of(&after, product)) - of_sum(&of(&before, product))
        };
        let (free, standard) = (FREE.service_id(), STANDARD.service_id());
        assert_eq!(moved(free.as_str(), |sums| sums.liability), 25_000);
        // One was discarded, one opened.
        assert_eq!(moved(free.as_str(), |sums| sums.accounts), 0);
        assert_eq!(moved(standard.as_str(), |sums| sums.accounts), 0);
        let taken = moved(standard.as_str(), |sums| sums.pg_clearing);
        assert!(taken > 0);
        assert_eq!(after.total.sums.pg_clearing - before.total.sums.pg_clearing, taken);
        tokio::task::block_in_place(|| as_commanded(&database(&target), (first, second), &after));
        broken(&server, &database(&target), second).await;
    })
    .await;
}

fn report(database: &str, day: BusinessDay, more: &[&str]) -> (Option<i32>, String, String) {
    let day = day.hyphenated();
    let own = ["report", "float", "--day", &day, "--database", database];
    let output = run(&[&own[..], more].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The command tells the same, in each form.
fn as_commanded(database: &str, (first, second): (BusinessDay, BusinessDay), after: &Float) {
    let (status, out, err) = report(database, second, &["--json"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (told["day"].as_str(), &told["isOver"]),
        (Some(&*second.hyphenated()), &false.into())
    );
    let partner = &told["partners"][0];
    assert_eq!(partner["products"].as_array().unwrap().len(), after.lines.len());
    let total = &after.total.sums;
    for (name, sum) in [
        ("accounts", total.accounts),
        ("liability", total.liability),
        ("feeIncome", total.fee_income),
        ("vatPayable", total.vat_payable),
        ("returnPayable", total.return_payable),
        ("pgClearing", total.pg_clearing),
    ] {
        assert_eq!(partner["total"][name], sum, "{name}");
    }
    let (_, out, _) = report(database, first, &["--json", "--partner", ASP_ID]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["isOver"], true);
    let (status, out, _) = report(database, second, &[]);
    assert!(status == Some(0) && out.contains("(not over: up to now)"), "{out}");
    assert!(out.contains("stored: they agree"), "{out}");
    let (status, out, _) = report(database, second, &["--csv"]);
    let line = format!(
        "{},{ASP_ID},TOTAL,\"\",{},{},{},{},{},{}",
        second.hyphenated(),
        total.accounts,
        total.liability,
        total.fee_income,
        total.vat_payable,
        total.return_payable,
        total.pg_clearing
    );
    assert_eq!((status, out.lines().last()), (Some(0), Some(line.as_str())));
    let next = second.end().business_day();
    let (status, out, err) = report(database, next, &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("has not come yet") && err.trim_end().lines().count() == 1, "{err}");
    let (status, _, err) = report(database, second, &["--partner", "1"]);
    let wanted = "platen: there is no partner 1: look for a digit that is wrong\n";
    assert_eq!((status, err.as_str()), (Some(1), wanted));
}

/// A balance that no posting made, and a posting that no row has.
async fn broken(server: &TestServer, database: &str, day: BusinessDay) {
    let said = |more: &'static [&str]| tokio::task::block_in_place(|| report(database, day, more));
    let change = "UPDATE card_account SET balance = balance + $2
         WHERE asp_id = $1 AND account_id = (
             SELECT MIN(c.account_id) FROM card_account c
             WHERE c.asp_id = $1 AND c.state <> 'TERMINATED')";
    server.exec(change, &[7_i64.into()]).await;
    let (status, out, err) = said(&[]);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert_eq!(out.matches("BROKEN: ").count(), 1, "{out}");
    let (status, out, _) = said(&["--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["partners"][0]["isSound"]), (Some(1), &false.into()));
    let (status, _, err) = said(&["--csv"]);
    assert!(status == Some(1) && err.contains("run it without --csv"), "{err}");
    server.exec(change, &[(-7_i64).into()]).await;
    assert_eq!(said(&[]).0, Some(0));
    let orphan = "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
         VALUES ($1, -7, 1, 'opening', 'fee-income', $2, 'KRW')";
    server.exec(orphan, &[5_i64.into()]).await;
    let (status, out, _) = said(&[]);
    assert!(status == Some(1) && out.contains("BROKEN: 1 postings have no row"), "{out}");
    let unknown = "UPDATE posting SET credit = 'cash' WHERE asp_id = $1 AND log_id = $2";
    server.exec(unknown, &[(-7_i64).into()]).await;
    let (status, out, err) = said(&[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("a posting names `cash`"), "{err}");
}

/// More rows than are read at once.
#[test]
fn all_rows_are_counted() {
    let database = TestDatabase::sqlite();
    let folder = TempDir::new().unwrap();
    let store::Target::Sqlite(path) = database.target() else { panic!("SQLite") };
    let (path, cards) = (arg(path), folder.path().join("cards.jsonl"));
    let bank = folder.path().join("bank.db");
    let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", path, "--bank-file", arg(&bank)];
    assert!(Server::start(folder.path(), &own).terminate().success());
    let out = arg(&cards);
    stdout_of(&["populate", "--cards", "2100", "--out", out, "--database", path]);
    let books = Books::open(database.target());
    let balances = books.number("SELECT CAST(SUM(balance) AS BIGINT) FROM card_account");
    let open = books.number("SELECT COUNT(*) FROM card_account WHERE state <> 'TERMINATED'");
    assert!(books.number("SELECT COUNT(*) FROM posting") > 2_100 && open > 2_100);
    let today = platen::context::Clock.now().business_day();
    let (status, out, _) = report(path, today, &["--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let total = &told["partners"][0]["total"];
    assert_eq!(status, Some(0));
    assert_eq!((&total["liability"], &total["accounts"]), (&balances.into(), &open.into()));
}

//! A platform is moved into another database: whole, once, and however it is interrupted.

mod busy;
mod interrupted;
mod refused;

use std::collections::{BTreeMap, BTreeSet};

use bank::sim::Scope;
use platen::audit::sealer;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::Bank;
use platen::sandbox::world::products::{FREE, STANDARD};
use serde_json::Value;
use store::schema::COLUMNS;
use store::testing::TestDatabase;
use store::{OpenError, Options, Store, Target};

use crate::books::Books;
use crate::given::{given, given_of, mobile_only, new_id};
use crate::process::{arg, database_arg, run, stdout_of};
use crate::rows::cell;
use crate::serve::Stage;
use crate::support::{REISSUE, TestServer, aside, code, on_each_database, quick};

/// Who moves it and why.
const WHY: [&str; 4] = ["--by", "kim", "--reason", "more servers are needed"];

/// Every row of every table, as text; each table sorted.
type Rows = BTreeMap<&'static str, Vec<String>>;

fn tables() -> BTreeSet<&'static str> {
    COLUMNS.iter().map(|column| column.table).collect()
}

/// All that stands in a database that nobody serves. Blocks.
fn rows_of(target: &Target) -> Rows {
    let books = Books::open(target);
    let each = tables().into_iter().map(|table| {
        let rows = books.rows(&format!("SELECT * FROM {table}"));
        let text = |row: &store::Row| {
            let cells: Vec<String> = (0..row.len()).map(|index| cell(row, index)).collect();
            cells.join(" ")
        };
        let mut rows: Vec<String> = rows.iter().map(text).collect();
        rows.sort();
        (table, rows)
    });
    each.collect()
}

/// An empty database of the other engine; none where that is not at hand.
fn other(than: &Target) -> Option<TestDatabase> {
    match than {
        Target::Sqlite(_) => TestDatabase::postgres(),
        Target::Postgres(_) => Some(TestDatabase::sqlite()),
    }
}

/// The command, with these arguments more.
fn args<'a>(from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["migrate", "--from", from, "--to", to], &WHY[..], more].concat()
}

/// The sentence of a command that must fail.
fn refusal(args: &[&str]) -> String {
    let output = run(args);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    err
}

/// Nothing opens a database that was moved away.
fn is_given_up(target: &Target, to: &Target) {
    let opened = Store::open(target, store::schema::MIGRATIONS, Options::default());
    let error = opened.err().unwrap();
    assert!(matches!(&error, OpenError::Moved { to: told } if *told == to.to_string()), "{error}");
    let said = refusal(&["audit", "verify", "--database", &database_arg(target)]);
    assert!(said.contains("was moved to"), "{said}");
}

/// What the copy has beyond the source: that it was moved, and the number of that row.
fn same_but_for_the_note(before: &Rows, after: &Rows) {
    for (table, rows) in before {
        let new: Vec<_> = after[table].iter().filter(|row| !rows.contains(row)).collect();
        let gone: Vec<_> = rows.iter().filter(|row| !after[table].contains(row)).collect();
        match *table {
            "operation_log" => {
                assert_eq!((new.len(), gone.len()), (1, 0), "{new:?} {gone:?}");
                assert!(new[0].contains("platform.moved") && new[0].contains("more servers"));
            }
            "counter" => assert_eq!((new.len(), gone.len()), (1, 1), "{new:?} {gone:?}"),
            _ => assert_eq!((new, gone), (vec![], vec![]), "{table}"),
        }
    }
}

/// A report of a move, whose tables are all that there are, each with its digest.
fn whole_report(said: &str, before: &Rows) {
    let said: Value = serde_json::from_str(said).unwrap();
    let told = said["tables"].as_array().unwrap();
    let names: BTreeSet<_> = told.iter().map(|one| one["table"].as_str().unwrap()).collect();
    assert_eq!(names, tables(), "a table was forgotten");
    let mut sum = 0;
    for one in told {
        let (table, rows) = (one["table"].as_str().unwrap(), one["rows"].as_u64().unwrap());
        assert_eq!(rows, before[table].len() as u64, "{table}");
        assert_eq!(one["sha256"].as_str().unwrap().len(), 64);
        sum += rows;
    }
    assert_eq!(said["rows"], sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_goes_on_in_the_other_engine() {
    on_each_database(async |target, bank| {
        let from = target.clone();
        let Some(moved) = aside(move || other(&from)).await else { return };
        let to = moved.target().clone();
        let server = TestServer::start(&target, &bank, quick()).await;
        let (world, id) = (given_of(&server, &bank, STANDARD).await, new_id());
        let first = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&first), "000_000");
        // Its fee is open when the platform is moved.
        let open = given(&server, &bank, |world| world.bank = Bank::Behaving("hold")).await;
        let open_id = new_id();
        server.call_as(REISSUE, &with_plastic(&open), Some(&open_id)).await;
        assert_eq!(server.state(open.user_id()).await, "COST_PAYING");
        sealer::round(&server.app).await.unwrap();
        server.stop().await;

        let (from, into) = (target.clone(), to.clone());
        let (before, said) = aside(move || {
            let before = rows_of(&from);
            let (from, into) = (database_arg(&from), database_arg(&into));
            let planned = stdout_of(&args(&from, &into, &["--dry-run"]));
            assert!(planned.ends_with("nothing was written\n"), "{planned}");
            (before, stdout_of(&args(&from, &into, &["--json"])))
        })
        .await;
        whole_report(&said, &before);
        let (from, into) = (target.clone(), to.clone());
        aside(move || {
            is_given_up(&from, &into);
            let again = refusal(&args(&database_arg(&from), &database_arg(&into), &[]));
            assert!(again.contains("was moved to"), "{again}");
            same_but_for_the_note(&before, &rows_of(&into));
        })
        .await;

        bank.behave(&open, "answer", Scope::Account).await;
        let server = TestServer::start(&to, &bank, quick()).await;
        let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(same.body_clear, first.body_clear);
        assert_eq!(server.settled(open.user_id()).await, "DIGITAL_ISSUED");
        let fresh = given_of(&server, &bank, FREE).await;
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&fresh)).await), "000_000");
        sealer::round(&server.app).await.unwrap();
        server.assert_balances_derive().await;
        server.stop().await;
        let verified = aside(move || {
            let verified = stdout_of(&["audit", "verify", "--database", &database_arg(&to)]);
            drop(moved);
            verified
        });
        assert!(verified.await.contains("are as they were sealed"));
    })
    .await;
}

#[test]
fn a_production_platform_is_moved_by_its_configurations() {
    for database in store::testing::engines() {
        let Some(moved) = other(database.target()) else { continue };
        let (old, new) = (Stage::set(database.target()), Stage::set(moved.target()));
        old.init();
        let config = arg(&old.config);
        let ends = ["migrate", "--config", config, "--to-config", arg(&new.config)];
        let strange = refusal(&[&ends[..], &WHY].concat());
        assert!(strange.contains("does not open this database's keys"), "{strange}");
        new.secret("master.key", &std::fs::read_to_string(old.path("master.key")).unwrap());
        let said = stdout_of(&[&ends[..], &WHY].concat());
        assert!(said.contains("the old database is fenced for ever"), "{said}");
        let kept = old.refused(&["serve"]);
        assert!(kept.contains("was moved to"), "{kept}");
        let (server, _) = new.serve();
        assert!(server.terminate().success());
        assert!(new.on(&["audit", "verify"]).contains("are as they were sealed"));
    }
}

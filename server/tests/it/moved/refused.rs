//! What is not moved, and that nothing is left behind where it is not.

use platen::facts::{MODE, put_fact};
use platen::sandbox::keys;
use store::schema::MIGRATIONS;
use store::testing::engines;
use store::{Options, Store, Target, Tx, TxError};
use tempfile::TempDir;

use super::{args, other, refusal};
use crate::process::{arg, database_arg};

fn write(target: &Target, sql: &'static str) {
    let store = Store::open(target, MIGRATIONS, Options::default()).unwrap();
    let run = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(sql)?) };
    store.write_blocking(run).unwrap();
    store.close();
}

fn sandbox(target: &Target) {
    let store = Store::open(target, MIGRATIONS, Options::default()).unwrap();
    keys::open(&store, true).unwrap();
    store.close();
}

/// Both with and without `--dry-run`.
fn is_refused(from: &Target, to: &Target, part: &str) {
    for more in [&["--dry-run"][..], &[]] {
        let said = refusal(&args(&database_arg(from), &database_arg(to), more));
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_target_with_something_in_it_is_refused() {
    for source in engines() {
        let Some(target) = other(source.target()) else { continue };
        sandbox(source.target());
        sandbox(target.target());
        is_refused(source.target(), target.target(), "is not empty");
        is_refused(source.target(), source.target(), "is not empty");
        // Both are as they were.
        for each in [&source, &target] {
            sandbox(each.target());
        }
    }
}

#[test]
fn a_source_of_another_release_is_refused() {
    for source in engines() {
        let Some(target) = other(source.target()) else { continue };
        let older = Store::open(source.target(), &MIGRATIONS[..5], Options::default()).unwrap();
        older.close();
        let last = MIGRATIONS.last().unwrap().version;
        let told = format!("has schema version 5, this release has {last}");
        is_refused(source.target(), target.target(), &told);
        write(source.target(), "INSERT INTO schema_migration (version, name) VALUES (99, 'new')");
        is_refused(source.target(), target.target(), "has schema version 99");
        if let Target::Sqlite(path) = target.target() {
            assert!(!path.exists(), "a file was made");
        }
    }
}

#[test]
fn what_is_no_platform_of_its_kind_is_refused() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.db");
    let to = folder.path().join("to.db");
    let said = refusal(&args(arg(&missing), arg(&to), &[]));
    assert!(said.contains("there is no database"), "{said}");
    assert!(!missing.exists() && !to.exists());
    for source in engines() {
        let Some(target) = other(source.target()) else { continue };
        Store::open(source.target(), MIGRATIONS, Options::default()).unwrap().close();
        is_refused(source.target(), target.target(), "there is no platform in");
        let store = Store::open(source.target(), MIGRATIONS, Options::default()).unwrap();
        let mark = |tx: &mut Tx<'_>| -> Result<bool, TxError<()>> {
            Ok(put_fact(tx, MODE, "PRODUCTION")?)
        };
        assert!(store.write_blocking(mark).unwrap());
        store.close();
        is_refused(source.target(), target.target(), "name it by --config and --to-config");
        write(source.target(), "CREATE TABLE odd (a BIGINT PRIMARY KEY, b DATE)");
        is_refused(source.target(), target.target(), "--config");
    }
}

/// Tables that the release does not know are not left behind without a word.
#[test]
fn a_table_that_nobody_knows_is_no_part_of_a_move() {
    for source in engines() {
        let Some(target) = other(source.target()) else { continue };
        sandbox(source.target());
        write(source.target(), "CREATE TABLE extra (asp_id TEXT PRIMARY KEY)");
        let said =
            refusal(&args(&database_arg(source.target()), &database_arg(target.target()), &[]));
        assert!(said.contains("table extra is not the same"), "{said}");
        sandbox(source.target());
    }
}

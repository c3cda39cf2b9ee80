use std::sync::Barrier;
use std::thread;

use store::schema::MIGRATIONS as PLATFORM;
use store::testing::for_each_engine;
use store::{Migration, OpenError, Options, Store, Target, params};

use crate::support::{ADD, MIGRATIONS, Never, counter, open};

#[test]
fn a_fresh_database_opened_by_many_at_once() {
    const OPENERS: i64 = 4;
    for_each_engine(|target| {
        let together = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..OPENERS {
                scope.spawn(|| {
                    together.wait();
                    let store = open(target);
                    let added = store
                        .write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![1, 1])?) });
                    assert_eq!(added, Ok(1));
                    store.close();
                });
            }
        });
        assert_eq!(counter(&open(target), 1), OPENERS);
    });
}

#[test]
fn opening_again_keeps_and_adds() {
    for_each_engine(|target| {
        let first = Store::open(target, &MIGRATIONS[..1], Options::default()).unwrap();
        first.write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![5, 1])?) }).unwrap();
        first.close();
        let second = open(target);
        assert_eq!(counter(&second, 1), 5);
        let versions = second.read_blocking(|tx| -> Never<_> {
            let rows = tx.query("SELECT version, name FROM schema_migration ORDER BY 1", &[])?;
            let read = |row: &store::Row| Ok((row.int(0)?, row.text(1)?.to_owned()));
            Ok(rows.iter().map(read).collect::<Result<Vec<_>, store::DbError>>()?)
        });
        assert_eq!(versions, Ok(vec![(1, "counter".to_owned()), (2, "sample".to_owned())]));
    });
}

/// What the platform's own migrations find when they come to a database of the first release.
#[test]
fn a_database_of_the_first_release_is_brought_up_to_date() {
    const PUT: &str = "INSERT INTO partner (asp_id, name, state) VALUES ($1, 'Old', 'ACTIVE')";
    const COUNT: &str = "SELECT COUNT(*) FROM partner p LEFT JOIN card_check c
         ON c.asp_id = p.asp_id WHERE p.asp_id = $1 AND c.card_id IS NULL";
    for_each_engine(|target| {
        let first = Store::open(target, &PLATFORM[..1], Options::default()).unwrap();
        let put = first.write_blocking(|tx| -> Never<_> { Ok(tx.execute(PUT, params!["1"])?) });
        assert_eq!(put, Ok(1));
        first.close();
        for _ in 0..2 {
            let store = Store::open(target, PLATFORM, Options::default()).unwrap();
            let count = store
                .read_blocking(|tx| -> Never<_> { Ok(tx.query_one(COUNT, params!["1"])?.int(0)?) });
            assert_eq!(count, Ok(1));
            store.close();
        }
    });
}

#[test]
fn a_newer_schema_is_refused() {
    for_each_engine(|target| {
        open(target).close();
        let error = Store::open(target, &MIGRATIONS[..1], Options::default()).err().unwrap();
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error}");
        assert_eq!(
            error.to_string(),
            "the database has schema version 2, which this release does not know \
             (it knows up to 1): run the newer release"
        );
    });
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    const BROKEN: &[Migration] = &[
        Migration { version: 1, name: "good", sql: "CREATE TABLE good (a BIGINT PRIMARY KEY);" },
        Migration { version: 2, name: "bad", sql: "CREATE TABLE bad (a BIGINT PRIMARY KEY); oops" },
    ];
    for_each_engine(|target| {
        let error = Store::open(target, BROKEN, Options::default()).err().unwrap();
        assert!(matches!(error, OpenError::Migration { version: 2, .. }), "{error}");
        // The same names and versions are free again.
        const MENDED: &[Migration] = &[Migration {
            version: 1,
            name: "good",
            sql: "CREATE TABLE good (a BIGINT PRIMARY KEY);",
        }];
        Store::open(target, MENDED, Options::default()).unwrap();
    });
}

#[test]
fn migrations_ascend() {
    const TWICE: &[Migration] = &[
        Migration { version: 1, name: "one", sql: "" },
        Migration { version: 1, name: "one again", sql: "" },
    ];
    for_each_engine(|target| {
        let error = Store::open(target, TWICE, Options::default()).err().unwrap();
        assert!(matches!(error, OpenError::Order(1)), "{error}");
    });
}

#[test]
fn an_unreachable_database_is_told_without_its_password() {
    let target = Target::parse("postgres://ann:s3cret@127.0.0.1:1/platen").unwrap();
    let error = Store::open(&target, MIGRATIONS, Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::Connect(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

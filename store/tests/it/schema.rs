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

/// Rows of the first release in the tables that were made anew since.
const OLD_ROWS: &str = "
    INSERT INTO card_account (asp_id, account_id, user_id, service_id, state, balance, currency,
        balance_limit, is_named, is_main, predecessor_id, successor_id, opened_at, version)
    VALUES ('1', 7, 1, 's', 'ACTIVE', 5, 'KRW', 9, FALSE, TRUE, 6, NULL, 1, 0);
    INSERT INTO card (asp_id, card_id, account_id, service_id, form, pan_sealed, pan_index,
        lookup_key_id, pan_first6, pan_last4, par, expiry_yymm, cvc_key_id, issued_at)
    VALUES ('1', 8, 7, 's', 'MOBILE', '', '', 1, '', '', 'p', '3108', 1, 1);
    INSERT INTO application (asp_id, apply_no, kind, state, user_id, old_account_id,
        holds_old_card, service_id, issuance, delivery, fee, vat_basis_points, currency,
        validity_months, number_key_id, applied_at, correlation_id)
    VALUES ('1', 'a', 'REISSUE', 'COST_PAID', 1, 7, TRUE, 's', 'ORDINARY', 'PHYSICAL', 3, 1000,
        'KRW', 60, 1, 1, 'c');
    INSERT INTO delivery (asp_id, apply_no, state, card_id, recipient_sealed, ordered_at,
        changed_at)
    VALUES ('1', 'a', 'ARRIVAL', 9, '', 1, 2);";

/// What was there stays, with what the new columns say of it.
#[test]
fn rows_of_the_first_release_are_taken_over() {
    const NEW: &str = "SELECT a.kind, a.returned_fee, d.attempt, d.ended_at, c.expiry_yymm,
            c.reissues, a.holds_old_card, a.fee
        FROM application a JOIN delivery d ON d.asp_id = a.asp_id AND d.apply_no = a.apply_no
        JOIN card_account c ON c.asp_id = a.asp_id AND c.account_id = a.old_account_id
        WHERE a.asp_id = $1";
    for_each_engine(|target| {
        let first = Store::open(target, &PLATFORM[..1], Options::default()).unwrap();
        first.write_blocking(|tx| -> Never<_> { Ok(tx.batch(OLD_ROWS)?) }).unwrap();
        first.close();
        let store = Store::open(target, PLATFORM, Options::default()).unwrap();
        let row = store.read_blocking(|tx| -> Never<_> { Ok(tx.query_one(NEW, params!["1"])?) });
        let row = row.unwrap();
        assert_eq!((row.text(0).unwrap(), row.text(1).unwrap()), ("REISSUE", "KEPT"));
        assert_eq!((row.int(2).unwrap(), row.opt_int(3).unwrap()), (1, Some(2)));
        assert_eq!((row.text(4).unwrap(), row.int(5).unwrap()), ("3108", 1));
        assert_eq!((row.boolean(6).unwrap(), row.int(7).unwrap()), (true, 3));
        store.close();
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

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use store::testing::{TestDatabase, run};
use store::{Cause, Options, Target, Tx, WriteError, params};

use crate::support::{ADD, Held, Never, counter, one_worker, open, open_with};

fn add(tx: &mut Tx<'_>) -> Never<u64> {
    Ok(tx.execute(ADD, params![1, 1])?)
}

fn run_on(target: &Target, sql: &str) {
    match target {
        Target::Postgres(url) => run(url, sql).unwrap(),
        Target::Sqlite(_) => panic!("PostgreSQL was asked for"),
    }
}

#[test]
fn a_deadlock_ends_with_both_committed() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    let met = Arc::new(Barrier::new(2));
    let runs = Arc::new(AtomicUsize::new(0));
    let lock_both = |first: i64, second: i64| {
        let (store, met, runs) = (store.clone(), Arc::clone(&met), Arc::clone(&runs));
        thread::spawn(move || {
            let mut is_first_run = true;
            store.write_blocking(move |tx| -> Never<_> {
                runs.fetch_add(1, Ordering::SeqCst);
                tx.execute(ADD, params![1, first])?;
                if std::mem::take(&mut is_first_run) {
                    met.wait();
                }
                Ok(tx.execute(ADD, params![1, second])?)
            })
        })
    };
    let both = [lock_both(1, 2), lock_both(2, 1)];
    for one in both {
        assert_eq!(one.join().unwrap(), Ok(1));
    }
    assert_eq!((counter(&store, 1), counter(&store, 2)), (2, 2));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[test]
fn a_conflict_that_never_ends_is_unavailable() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let result = store.write_blocking(move |tx| -> Never<()> {
        counted.fetch_add(1, Ordering::SeqCst);
        tx.batch("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")?;
        Ok(())
    });
    assert_eq!(result, Err(WriteError::Unavailable(Cause::Contention)));
    assert_eq!(runs.load(Ordering::SeqCst), 6);
}

#[test]
fn ended_connections_are_replaced_unseen() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    assert_eq!(store.write_blocking(add), Ok(1));
    run_on(
        database.target(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    for _ in 0..16 {
        assert_eq!(store.write_blocking(add), Ok(1));
    }
    assert_eq!(counter(&store, 1), 17);
}

#[test]
fn a_connection_lost_within_a_job_is_tried_again_once() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    for (losses, expect) in [(1, Ok(1)), (2, Err(WriteError::Unavailable(Cause::Away)))] {
        let mut left = losses;
        let result = store.write_blocking(move |tx| -> Never<_> {
            let added = add(tx)?;
            if left > 0 {
                left -= 1;
                tx.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
            }
            Ok(added)
        });
        assert_eq!(result, expect);
    }
    assert_eq!(counter(&store, 1), 1);
}

#[test]
fn a_database_that_is_away_comes_back() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    assert_eq!(store.write_blocking(add), Ok(1));
    assert!(database.cut());
    assert_eq!(store.write_blocking(add), Err(WriteError::Unavailable(Cause::Away)));
    database.restore();
    thread::sleep(Duration::from_millis(150));
    assert_eq!(store.write_blocking(add), Ok(1));
    assert_eq!(counter(&store, 1), 2);
}

#[test]
fn a_server_that_only_reads_is_away_for_writes() {
    let Some(database) = TestDatabase::postgres() else { return };
    let name = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    let store = open(database.target());
    run_on(database.target(), name);
    assert_eq!(store.write_blocking(add), Err(WriteError::Unavailable(Cause::Away)));
    assert_eq!(counter(&store, 1), 0);
}

#[test]
fn locks_and_statements_end_in_time() {
    let Some(database) = TestDatabase::postgres() else { return };
    let options = Options { lock_ms_max: 100, statement_ms_max: 300, ..Options::default() };
    let store = open_with(database.target(), options);
    let held = Held::worker(&store);
    assert_eq!(store.write_blocking(add), Err(WriteError::Unavailable(Cause::Locked)));
    drop(held);
    let slow =
        store.write_blocking(|tx| -> Never<_> { Ok(tx.execute("SELECT pg_sleep(5)", &[])?) });
    assert_eq!(slow, Err(WriteError::Unavailable(Cause::TimedOut)));
    assert_eq!(store.write_blocking(add), Ok(1));
}

#[test]
fn a_transaction_that_idles_is_ended() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open_with(database.target(), Options { idle_ms_max: 50, ..one_worker() });
    let idle = store.write_blocking(|tx| -> Never<_> {
        add(tx)?;
        thread::sleep(Duration::from_millis(300));
        add(tx)
    });
    assert!(matches!(idle, Err(WriteError::Unavailable(_))), "{idle:?}");
    assert_eq!(store.write_blocking(add), Ok(1));
    assert_eq!(counter(&store, 1), 1);
}

#[test]
fn a_value_of_another_type_is_told_by_position() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    let result =
        store.write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params!["secret", 1])?) });
    let Err(WriteError::Fault(fault)) = result else { panic!("{result:?}") };
    assert_eq!(fault.message(), "parameters: $1 is a text, the statement wants int8 (CAST it?)");
    assert_eq!(store.write_blocking(add), Ok(1));
}

#[test]
fn a_data_exception_does_not_quote_its_value() {
    let Some(database) = TestDatabase::postgres() else { return };
    let result = open(database.target()).write_blocking(|tx| -> Never<_> {
        let sql = "SELECT CAST(CAST($1 AS TEXT) AS BIGINT)";
        Ok(tx.query(sql, params!["s3cret"])?.len())
    });
    let Err(WriteError::Fault(fault)) = result else { panic!("{result:?}") };
    assert_eq!(fault.message(), "data exception (22P02)");
}

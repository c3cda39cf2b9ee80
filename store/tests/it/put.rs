//! Statements of which nothing is asked: on PostgreSQL they go out with the next one.

use store::testing::{TestDatabase, for_each_engine};
use store::{Cause, FaultSeam, Options, Point, Tx, TxError, WriteError, params};

use crate::support::{ADD, Never, counter, one_worker, open, open_with};

fn put(tx: &mut Tx<'_>) -> Result<(), TxError<()>> {
    Ok(tx.put(ADD, params![1, 1])?)
}

fn value(tx: &mut Tx<'_>) -> Result<i64, TxError<()>> {
    let row = tx.query_opt("SELECT value FROM counter WHERE id = $1", params![1])?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?)
}

#[test]
fn what_is_put_alone_is_committed() {
    for_each_engine(|target| {
        let store = open(target);
        for count in [0, 1, 2, 17, 40] {
            let before = counter(&store, 1);
            store.write_blocking(move |tx| (0..count).try_for_each(|_| put(tx))).unwrap();
            assert_eq!(counter(&store, 1), before + count);
        }
    });
}

#[test]
fn the_next_statement_sees_it() {
    for_each_engine(|target| {
        let seen = open(target).write_blocking(|tx| {
            put(tx)?;
            put(tx)?;
            let first = value(tx)?;
            put(tx)?;
            Ok((first, value(tx)?))
        });
        assert_eq!(seen, Ok((2, 3)));
    });
}

#[test]
fn what_is_put_and_refused_leaves_nothing() {
    for_each_engine(|target| {
        let store = open_with(target, one_worker());
        let refused = store.write_blocking(|tx| -> Result<(), TxError<()>> {
            put(tx)?;
            Err(TxError::Refused(()))
        });
        assert_eq!(refused, Err(WriteError::Refused(())));
        // Nor does the next transaction of the same connection send it.
        store.write_blocking(put).unwrap();
        assert_eq!(counter(&store, 1), 1);
    });
}

#[test]
fn a_failure_shows_at_the_next_statement_or_the_commit_and_undoes_all() {
    const TWICE: &str = "INSERT INTO counter (id, value) VALUES ($1, 0)";
    for_each_engine(|target| {
        let store = open_with(target, one_worker());
        store.write_blocking(put).unwrap();
        for is_asked in [false, true] {
            let failed = store.write_blocking(move |tx| -> Never<i64> {
                tx.put(ADD, params![1, 1])?;
                tx.put(TWICE, params![1])?;
                tx.put(ADD, params![1, 1])?;
                if is_asked { Ok(tx.query_one("SELECT 7", &[])?.int(0)?) } else { Ok(0) }
            });
            let Err(WriteError::Fault(fault)) = failed else { panic!("{failed:?}") };
            assert!(fault.message().starts_with("constraint "), "{}", fault.message());
            assert_eq!(counter(&store, 1), 1);
        }
        // The connection is as good as before.
        store.write_blocking(put).unwrap();
        assert_eq!(counter(&store, 1), 2);
    });
}

#[test]
fn a_value_of_another_type_fails_where_it_is_put() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = open(database.target());
    let wrong = store.write_blocking(|tx| -> Never<_> {
        assert!(tx.put(ADD, params!["text", 1]).is_err());
        Ok(())
    });
    assert!(matches!(wrong, Err(WriteError::Fault(_))), "{wrong:?}");
}

#[test]
fn a_commit_that_is_not_sent_sends_nothing_of_it() {
    for_each_engine(|target| {
        let seam = FaultSeam::new(|point| (point == Point::Commit).then_some(Cause::RolledBack));
        let store = open_with(target, Options { fault: Some(seam), ..one_worker() });
        let lost = store.write_blocking(put);
        assert_eq!(lost, Err(WriteError::Unavailable(Cause::RolledBack)));
        assert_eq!(counter(&open(target), 1), 0);
    });
}

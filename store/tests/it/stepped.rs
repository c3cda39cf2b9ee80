use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use store::testing::TestDatabase;
use store::{
    Cause, Ended, FaultSeam, Options, Point, Stepper, Store, Target, Tx, TxError, WriteError,
    params,
};

use crate::support::{ADD, MIGRATIONS};

type Outcome = Result<(), WriteError<&'static str>>;

fn stepped(database: &TestDatabase, options: &Options) -> (Store, Stepper) {
    let Target::Sqlite(path) = database.target() else { panic!("SQLite is stepped alone") };
    Store::stepped(path, MIGRATIONS, options).unwrap()
}

fn polled<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn add(tx: &mut Tx<'_>) -> Result<(), TxError<&'static str>> {
    tx.execute(ADD, params![1, 1])?;
    Ok(())
}

fn refuse(tx: &mut Tx<'_>) -> Result<(), TxError<&'static str>> {
    add(tx)?;
    Err(TxError::Refused("no"))
}

fn insert(tx: &mut Tx<'_>) -> Result<(), TxError<&'static str>> {
    tx.execute("INSERT INTO sample (partner, id, words) VALUES (7, 8, 'nine')", &[])?;
    Ok(())
}

#[test]
fn nothing_runs_until_it_is_stepped_and_each_job_tells_what_it_changed() {
    let database = TestDatabase::sqlite();
    let (store, stepper) = stepped(&database, &Options::default());
    let (mut added, mut refused) = (pin!(store.write(add)), pin!(store.write(refuse)));
    let mut inserted = pin!(store.write(insert));
    assert!(polled(added.as_mut()).is_pending() && polled(refused.as_mut()).is_pending());
    assert!(polled(inserted.as_mut()).is_pending());
    assert_eq!((stepper.waiting().writes, stepper.waiting().reads), (3, 0));
    let ran = stepper.write(9).unwrap();
    let ended: Vec<Ended> = ran.iter().map(|ran| ran.ended).collect();
    assert_eq!(ended, [Ended::Done, Ended::Refused, Ended::Done]);
    let [change] = &ran[0].changes[..] else { panic!("{:?}", ran[0].changes) };
    let (before, after) = (change.before.as_ref().unwrap(), change.after.as_ref().unwrap());
    assert_eq!((after.table(), after.key().as_str()), ("counter", "1"));
    assert_eq!((before.int("value"), after.int("value")), (Some(0), Some(1)));
    assert_eq!(after.changed_since(before), ["value"]);
    assert!(ran[1].changes.is_empty());
    let [change] = &ran[2].changes[..] else { panic!("{:?}", ran[2].changes) };
    let row = change.after.as_ref().unwrap();
    assert!(change.before.is_none());
    assert_eq!((row.key().as_str(), row.text("words")), ("7/8", Some("nine")));
    assert_eq!(polled(added), Poll::Ready(Ok(())));
    assert_eq!(polled(refused), Poll::Ready(Err(WriteError::Refused("no"))));
    let known = stepper.rows().unwrap();
    assert!(known.contains(row) && known.contains(after), "{known:?}");
}

#[test]
fn a_job_alone_is_watched_too() {
    let database = TestDatabase::sqlite();
    let (store, stepper) = stepped(&database, &Options::default());
    for (job, ended, changes) in [
        (add as fn(&mut Tx<'_>) -> _, Ended::Done, 1),
        (refuse, Ended::Refused, 0),
        (add, Ended::Done, 1),
    ] {
        let mut asked = pin!(store.write(job));
        assert!(polled(asked.as_mut()).is_pending());
        let ran = stepper.write(1).unwrap();
        assert_eq!((ran[0].ended, ran[0].changes.len()), (ended, changes));
        assert!(polled(asked).is_ready());
    }
    let direct = stepper.directly(add).unwrap();
    assert_eq!((direct.result, direct.ran[0].changes.len()), (Ok(()), 1));
}

#[test]
fn a_group_that_is_not_committed_changed_nothing() {
    let database = TestDatabase::sqlite();
    let fails = FaultSeam::new(|point| (point == Point::Commit).then_some(Cause::RolledBack));
    let options = Options { fault: Some(fails), ..Options::default() };
    let (store, stepper) = stepped(&database, &options);
    let (mut first, mut second) = (pin!(store.write(add)), pin!(store.write(insert)));
    assert!(polled(first.as_mut()).is_pending() && polled(second.as_mut()).is_pending());
    let ran = stepper.write(2).unwrap();
    assert!(ran.iter().all(|ran| ran.ended == Ended::Undone && ran.changes.is_empty()));
    let lost: Outcome = Err(WriteError::Unavailable(Cause::RolledBack));
    assert_eq!(polled(first), Poll::Ready(lost));
    let values = stepper.rows().unwrap();
    assert!(values.iter().all(|row| row.table() != "sample" && row.int("value") != Some(1)));
}

use std::convert::Infallible;
use std::sync::mpsc;
use std::thread::JoinHandle;

use store::{Migration, Options, Store, Target, TxError, WriteError, params};

/// A transaction that refuses nothing.
pub(crate) type Never<T> = Result<T, TxError<Infallible>>;

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "counter",
        sql: "CREATE TABLE counter (
    id BIGINT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL CONSTRAINT counter_value_ck CHECK (value >= 0)
);
INSERT INTO counter (id, value) VALUES (1, 0), (2, 0);",
    },
    Migration {
        version: 2,
        name: "sample",
        sql: "CREATE TABLE sample (
    partner BIGINT NOT NULL,
    id BIGINT NOT NULL,
    whole BIGINT,
    words TEXT,
    bytes BYTEA,
    truth BOOLEAN,
    CONSTRAINT sample_pk PRIMARY KEY (partner, id)
);
CREATE INDEX sample_words_ix ON sample (partner, words);",
    },
];

pub(crate) fn open(target: &Target) -> Store {
    open_with(target, Options::default())
}

pub(crate) fn open_with(target: &Target, options: Options) -> Store {
    Store::open(target, MIGRATIONS, options).unwrap()
}

pub(crate) fn counter(store: &Store, id: i64) -> i64 {
    let value: Result<i64, WriteError<Infallible>> = store.read_blocking(move |tx| {
        Ok(tx.query_one("SELECT value FROM counter WHERE id = $1", params![id])?.int(0)?)
    });
    value.unwrap()
}

pub(crate) const ADD: &str = "UPDATE counter SET value = value + $1 WHERE id = $2";

/// A job that holds a worker until `release` is dropped.
pub(crate) struct Held {
    release: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Held {
    pub(crate) fn worker(store: &Store) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let store = store.clone();
        let thread = std::thread::spawn(move || {
            let held: Result<(), WriteError<Infallible>> = store.write_blocking(move |tx| {
                tx.execute(ADD, params![0, 1])?;
                started.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            });
            held.unwrap();
        });
        has_started.recv().unwrap();
        Self { release: Some(release), thread: Some(thread) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Options under which one worker takes every write.
pub(crate) fn one_worker() -> Options {
    Options { postgres_workers: 1, ..Options::default() }
}

pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 10, "not within 10 s: {what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

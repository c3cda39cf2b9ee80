use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use store::testing::TestDatabase;
use store::{Cause, Options, Store, Target, WriteError, params};

use crate::support::{
    ADD, Held, MIGRATIONS, Never, counter, one_worker, open, open_with, wait_until,
};

fn path(database: &TestDatabase) -> &Path {
    match database.target() {
        Target::Sqlite(path) => path,
        Target::Postgres(_) => panic!("SQLite was asked for"),
    }
}

#[test]
fn tables_have_no_rowid_and_the_journal_is_wal() {
    let database = TestDatabase::sqlite();
    let _store = open(database.target());
    let other = Connection::open(path(&database)).unwrap();
    for table in ["counter", "sample", "schema_migration"] {
        let error = other.prepare(&format!("SELECT rowid FROM {table}")).unwrap_err();
        assert!(error.to_string().contains("no such column: rowid"), "{table}: {error}");
    }
    let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let kind = |sql: &str| other.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    other.execute("INSERT INTO sample (partner, id, bytes) VALUES (1, 1, x'3132')", []).unwrap();
    assert_eq!(kind("SELECT typeof(bytes) FROM sample"), "blob");
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::sqlite();
    let _store = open(database.target());
    let mode = std::fs::metadata(path(&database)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_text_in_double_quotes_is_a_column() {
    let database = TestDatabase::sqlite();
    let read = open(database.target()).read_blocking(|tx| -> Never<_> {
        Ok(tx.query("SELECT id FROM counter WHERE \"absent\" = 'absent'", &[])?.len())
    });
    assert!(matches!(read, Err(WriteError::Fault(_))), "{read:?}");
}

#[test]
fn another_process_may_write_and_may_block() {
    let database = TestDatabase::sqlite();
    let options = Options { sqlite_busy_ms_max: 50, ..Options::default() };
    let store = open_with(database.target(), options);
    let other = Connection::open(path(&database)).unwrap();
    let add = || store.write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![1, 1])?) });
    other.execute_batch("BEGIN IMMEDIATE; UPDATE counter SET value = 10 WHERE id = 1").unwrap();
    assert_eq!(add(), Err(WriteError::Unavailable(Cause::Locked)));
    assert_eq!(counter(&store, 1), 0);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(add(), Ok(1));
    assert_eq!(counter(&store, 1), 11);
}

#[test]
fn an_upgrade_waits_for_another_process() {
    let database = TestDatabase::sqlite();
    Store::open(database.target(), &MIGRATIONS[..1], Options::default()).unwrap().close();
    let other = Connection::open(path(&database)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE counter SET value = 10 WHERE id = 1").unwrap();
    thread::scope(|scope| {
        let opening = scope.spawn(|| open(database.target()));
        // Long enough to reach the lock; shorter would only prove less.
        thread::sleep(Duration::from_millis(100));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(counter(&opening.join().unwrap(), 1), 10);
    });
}

#[test]
fn a_group_that_the_engine_rolls_back_commits_nothing_of_what_ran() {
    let database = TestDatabase::sqlite();
    let store = open_with(database.target(), one_worker());
    let held = Held::worker(&store);
    let mut threads = Vec::new();
    for number in 0..3 {
        let of = store.clone();
        let at = store.queue_len();
        threads.push(thread::spawn(move || {
            of.write_blocking(move |tx| -> Never<_> {
                let added = tx.execute(ADD, params![1, 1])?;
                if number == 1 {
                    tx.execute("INSERT OR ROLLBACK INTO counter (id, value) VALUES (1, 0)", &[])?;
                }
                Ok(added)
            })
        }));
        wait_until("the job waits", || store.queue_len() > at);
    }
    drop(held);
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(outcomes[0], Err(WriteError::Unavailable(Cause::RolledBack)));
    assert!(matches!(outcomes[1], Err(WriteError::Fault(_))), "{:?}", outcomes[1]);
    assert_eq!(outcomes[2], Ok(1));
    assert_eq!(counter(&store, 1), 1);
}

#[test]
fn a_full_disk_is_unavailable_and_the_store_lives_on() {
    let database = TestDatabase::sqlite();
    let store = open(database.target());
    let fill = |limit: &'static str| {
        store.write_blocking(move |tx| -> Never<_> {
            tx.query(limit, &[])?;
            let bytes = vec![7_u8; 1 << 20];
            let sql = "INSERT INTO sample (partner, id, bytes) VALUES (1, 1, $1)";
            Ok(tx.execute(sql, params![&bytes])?)
        })
    };
    let full = fill("PRAGMA max_page_count = 40");
    assert_eq!(full, Err(WriteError::Unavailable(Cause::Exhausted)));
    assert_eq!(fill("PRAGMA max_page_count = 100000"), Ok(1));
}

/// Bytes in the log beside the database, if there is one.
fn log_bytes(database: &TestDatabase) -> u64 {
    let mut log = path(database).as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |log| log.len())
}

#[test]
fn a_store_that_is_closed_leaves_nothing_in_the_log() {
    // Where connections close at the same time, it depends on luck.
    for _ in 0..50 {
        let database = TestDatabase::sqlite();
        let options = Options { sqlite_readers: 4, ..Options::default() };
        let store = open_with(database.target(), options);
        store.write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![1, 1])?) }).unwrap();
        assert_ne!(log_bytes(&database), 0);
        store.close();
        assert_eq!(log_bytes(&database), 0);
    }
}

#[test]
fn beside_another_process_the_log_is_emptied_and_a_reader_is_not_waited_for_long() {
    let database = TestDatabase::sqlite();
    open(database.target()).close();
    let other = Connection::open(path(&database)).unwrap();
    let value = || other.query_row("SELECT value FROM counter WHERE id = 1", [], |row| row.get(0));
    // From here on it keeps the log from being taken away with the last connection.
    assert_eq!(value(), Ok(0));
    let close_after_a_write = || {
        let store = open(database.target());
        store.write_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![1, 1])?) }).unwrap();
        let begun = std::time::Instant::now();
        store.close();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    };
    close_after_a_write();
    assert_eq!(log_bytes(&database), 0);
    other.execute_batch("BEGIN").unwrap();
    assert_eq!(value(), Ok(1));
    close_after_a_write();
    assert_ne!(log_bytes(&database), 0, "the reader still has to see what it saw");
    assert_eq!(value(), Ok(1));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(value(), Ok(2));
}

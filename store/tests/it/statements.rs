use proptest::prelude::*;
use store::testing::for_each_engine;
use store::{DbError, Row, Store, Value, WriteError, params, placeholders};

use crate::support::{ADD, Never, counter, open};

const INSERT: &str = "INSERT INTO sample (partner, id, whole, words, bytes, truth)
    VALUES ($1, $2, $3, $4, $5, $6)";
const SELECT: &str = "SELECT whole, words, bytes, truth FROM sample WHERE partner = $1 AND id = $2";

fn fault_of<T>(
    store: &Store,
    work: impl FnMut(&mut store::Tx<'_>) -> Never<T> + Send + 'static,
) -> String
where
    T: std::fmt::Debug + Send + 'static,
{
    match store.write_blocking(work) {
        Err(WriteError::Fault(fault)) => fault.message().to_owned(),
        other => panic!("{other:?} is no fault"),
    }
}

#[test]
fn parameters_are_numbered_not_ordered() {
    for_each_engine(|target| {
        let found: Vec<(i64, String)> = open(target)
            .write_blocking(|tx| -> Never<_> {
                tx.execute(
                    "INSERT INTO sample (partner, id, words, whole) VALUES ($2, $1, $3, $1)",
                    params![7, 9, "seven of nine"],
                )?;
                let rows = tx.query(
                    "SELECT whole, words FROM sample
                     WHERE id = $2 AND partner = $1 AND $2 = whole AND $1 > $2",
                    params![9, 7],
                )?;
                let read = |row: &Row| Ok((row.int(0)?, row.text(1)?.to_owned()));
                Ok(rows.iter().map(read).collect::<Result<_, DbError>>()?)
            })
            .unwrap();
        assert_eq!(found, [(7, "seven of nine".to_owned())]);
    });
}

#[test]
fn types_survive_and_null_is_none() {
    for_each_engine(|target| {
        let store = open(target);
        let rows = store.write_blocking(|tx| -> Never<_> {
            // A blob that is UTF-8 stays a blob; a text of digits stays a text.
            tx.execute(INSERT, params![1, 1, i64::MIN, "12", b"text", true])?;
            let none: Option<i64> = None;
            tx.execute(INSERT, params![1, 2, none, Value::Null, Value::Null, Value::Null])?;
            tx.execute(INSERT, params![1, 3, Some(i64::MAX), "", b"", false])?;
            let mut rows = Vec::new();
            for id in 1..=3 {
                rows.push(tx.query_one(SELECT, params![1, id])?);
            }
            Ok(rows)
        });
        let mut rows = rows.unwrap();
        let all = &rows[0];
        assert_eq!(all.int(0), Ok(i64::MIN));
        assert_eq!(all.text(1), Ok("12"));
        assert_eq!(all.blob(2), Ok(&b"text"[..]));
        assert_eq!(all.boolean(3), Ok(true));
        let none = &rows[1];
        assert_eq!(none.opt_int(0), Ok(None));
        assert_eq!(none.opt_text(1), Ok(None));
        assert_eq!(none.opt_blob(2), Ok(None));
        assert_eq!(none.opt_boolean(3), Ok(None));
        let edge = &mut rows[2];
        assert_eq!(edge.int(0), Ok(i64::MAX));
        assert_eq!(edge.take_text(1).as_deref(), Ok(""));
        assert_eq!(edge.take_blob(2), Ok(Vec::new()));
        assert_eq!(edge.boolean(3), Ok(false));
    });
}

#[test]
fn a_column_of_another_type_is_named() {
    for_each_engine(|target| {
        let row = open(target).write_blocking(|tx| -> Never<_> {
            tx.execute(INSERT, params![1, 1, 5, "secret", b"x", true])?;
            Ok(tx.query_one(SELECT, params![1, 1])?)
        });
        let row = row.unwrap();
        let wrong = row.int(1).unwrap_err();
        assert_eq!(wrong.to_string(), "column 1 is a text, not an integer");
        assert_eq!(row.text(9).unwrap_err().to_string(), "column 9 is no such column, not a text");
        assert_eq!(
            row.boolean(0).unwrap_err().to_string(),
            "column 0 is an integer, not a boolean"
        );
        assert!(!format!("{row:?}").contains("secret"));
    });
}

#[test]
fn rows_are_counted() {
    for_each_engine(|target| {
        let store = open(target);
        let counts = store.write_blocking(|tx| -> Never<_> {
            let changed = tx.execute("UPDATE counter SET value = 3", &[])?;
            let none = tx.execute("UPDATE counter SET value = 3 WHERE id = $1", params![9])?;
            let returned = tx.execute("UPDATE counter SET value = 4 RETURNING id", &[])?;
            let absent = tx.query_opt("SELECT id FROM counter WHERE id = $1", params![9])?;
            Ok((changed, none, returned, absent.is_none()))
        });
        assert_eq!(counts, Ok((2, 0, 2, true)));
        let many = fault_of(&store, |tx| Ok(tx.query_opt("SELECT id FROM counter", &[])?));
        assert_eq!(many, "2 rows where at most one was asked for");
        let none = fault_of(&store, |tx| Ok(tx.query_one("SELECT id FROM sample", &[])?));
        assert_eq!(none, "0 rows where one was asked for");
    });
}

#[test]
fn a_conflict_is_a_row_that_did_not_come_back() {
    for_each_engine(|target| {
        let inserted = open(target).write_blocking(|tx| -> Never<_> {
            let mut insert = || {
                tx.query_opt(
                    "INSERT INTO sample (partner, id) VALUES ($1, $2)
                     ON CONFLICT (partner, id) DO NOTHING RETURNING id",
                    params![1, 1],
                )
            };
            Ok((insert()?.is_some(), insert()?.is_some()))
        });
        assert_eq!(inserted, Ok((true, false)));
    });
}

#[test]
fn a_violated_constraint_is_a_fault_without_values() {
    for_each_engine(|target| {
        let store = open(target);
        let negative = fault_of(&store, |tx| {
            Ok(tx.execute("UPDATE counter SET value = $1 WHERE id = 1", params![-987_654])?)
        });
        assert!(negative.contains("counter_value_ck"), "{negative}");
        assert!(!negative.contains("987654"), "{negative}");
        let twice = fault_of(&store, |tx| {
            tx.execute(INSERT, params![987_654, 1, 1, "secret", b"x", true])?;
            Ok(tx.execute(INSERT, params![987_654, 1, 1, "secret", b"x", true])?)
        });
        assert!(twice.starts_with("constraint sample"), "{twice}");
        assert!(!twice.contains("987654") && !twice.contains("secret"), "{twice}");
    });
}

#[test]
fn a_failed_statement_decides_the_transaction() {
    for_each_engine(|target| {
        let store = open(target);
        let swallowed = fault_of(&store, |tx| {
            tx.execute("UPDATE counter SET value = 5 WHERE id = 1", &[])?;
            let _ = tx.execute("UPDATE counter SET value = -1 WHERE id = 2", &[]);
            assert_eq!(tx.execute("UPDATE counter SET value = 6", &[]), Err(DbError::Aborted));
            Ok(())
        });
        assert!(swallowed.contains("counter_value_ck"), "{swallowed}");
        assert_eq!(counter(&store, 1), 0);
    });
}

#[test]
fn parameters_that_do_not_fit_are_told() {
    for_each_engine(|target| {
        let store = open(target);
        let few = fault_of(&store, |tx| Ok(tx.execute(ADD, params![1])?));
        assert_eq!(few, "parameters: the statement has 2, 1 were given");
    });
}

#[test]
fn a_read_cannot_write() {
    for_each_engine(|target| {
        let store = open(target);
        let written = store.read_blocking(|tx| -> Never<_> { Ok(tx.execute(ADD, params![1, 1])?) });
        assert!(matches!(written, Err(WriteError::Fault(_))), "{written:?}");
        assert_eq!(counter(&store, 1), 0);
    });
}

#[test]
fn many_rows_in_one_dynamic_statement() {
    const ROWS: usize = 2_000;
    for_each_engine(|target| {
        let sum = open(target).write_blocking(|tx| -> Never<_> {
            let words: Vec<String> = (0..ROWS).map(|id| format!("w{id}")).collect();
            let mut values = Vec::new();
            for (id, word) in (0_i64..).zip(&words) {
                values.extend_from_slice(params![1, id, id * 2, word, Value::Null, true]);
            }
            let list = placeholders(ROWS, 6);
            let columns = "partner, id, whole, words, bytes, truth";
            let sql = format!("INSERT INTO sample ({columns}) VALUES {list}");
            assert_eq!(tx.execute_dynamic(&sql, &values)?, ROWS as u64);
            let quoted = "UPDATE sample SET words = '$2' WHERE id = $1";
            assert_eq!(tx.execute_dynamic(quoted, params![0])?, 1);
            let row = tx.query_one(
                "SELECT CAST(SUM(whole) AS BIGINT), MIN(words) FROM sample WHERE partner = $1",
                params![1],
            )?;
            Ok((row.int(0)?, row.text(1)?.to_owned()))
        });
        assert_eq!(sum, Ok((2_000 * 1_999, "$2".to_owned())));
    });
}

#[test]
fn placeholders_count_on_over_rows() {
    assert_eq!(placeholders(2, 2), "($1, $2), ($3, $4)");
    assert_eq!(placeholders(1, 1), "($1)");
}

#[test]
fn any_value_survives() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
    for_each_engine(|target| {
        let store = open(target);
        let words = proptest::option::of("[^\\x00]{0,40}");
        let bytes = proptest::collection::vec(any::<u8>(), 0..40);
        let all = (any::<Option<i64>>(), words, proptest::option::of(bytes), any::<bool>());
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        let checked = runner.run(&all, |(whole, words, bytes, truth)| {
            let sent = (whole, words.clone(), bytes.clone(), truth);
            let got = store.write_blocking(move |tx| -> Never<_> {
                tx.execute("DELETE FROM sample", &[])?;
                let bytes = bytes.as_ref();
                tx.execute(INSERT, params![1, 1, whole, words.as_ref(), bytes, truth])?;
                let mut row = tx.query_one(SELECT, params![1, 1])?;
                let truth = row.boolean(3)?;
                Ok((row.opt_int(0)?, row.take_opt_text(1)?, row.take_opt_blob(2)?, truth))
            });
            prop_assert_eq!(got, Ok(sent));
            Ok(())
        });
        checked.unwrap();
    });
}

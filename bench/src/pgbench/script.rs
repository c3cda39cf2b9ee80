//! The recorded statements as a script: [`BATCH`] reissues, whose values come from a row that is
//! fetched before them, so that the fetching counts for little.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use store::Owned;

use crate::record::{Statement, Transaction};

/// Reissues in one run of the script.
pub(super) const BATCH: usize = 8;

/// The transactions that send the statements that most send: no supply was taken in them.
pub(super) fn alike(transactions: Vec<Transaction>) -> Vec<Transaction> {
    let longest = transactions.iter().map(Vec::len).max().unwrap_or_default();
    transactions.into_iter().filter(|transaction| transaction.len() == longest).collect()
}

/// Which values differ from call to call: statement and parameter of each.
pub(super) struct Varying(Vec<(usize, usize)>);

impl Varying {
    pub(super) fn of(transactions: &[Transaction]) -> Self {
        let Some((first, rest)) = transactions.split_first() else { return Self(Vec::new()) };
        let places = first.iter().enumerate().flat_map(|(statement, sent)| {
            (0..sent.values.len()).map(move |parameter| (statement, parameter))
        });
        let value = |of: &Transaction, (statement, parameter): (usize, usize)| {
            of.get(statement).and_then(|sent| sent.values.get(parameter)).cloned()
        };
        // pgbench takes a colon in a text for the beginning of a variable, and we a dollar for
        // that of a parameter.
        let is_odd = |value: &Option<Owned>| match value {
            Some(Owned::Text(text)) => text.contains([':', '\'', '\\', '$']),
            Some(Owned::Int(_) | Owned::Blob(_) | Owned::Bool(_) | Owned::Null) | None => false,
        };
        let differs = |place: &(usize, usize)| {
            let own = value(first, *place);
            is_odd(&own) || rest.iter().any(|other| value(other, *place) != own)
        };
        Self(places.filter(differs).collect())
    }

    fn position(&self, place: (usize, usize)) -> Option<usize> {
        self.0.iter().position(|other| *other == place)
    }
}

/// A table with a row for each batch.
pub(super) fn staging(varying: &Varying, batches: &[&[Transaction]]) -> String {
    let columns = (0..BATCH * varying.0.len()).map(|column| format!(", v{column} TEXT"));
    let mut sql =
        format!("CREATE TABLE bench (n BIGINT PRIMARY KEY{});", columns.collect::<String>());
    for (number, batch) in batches.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(sql, "INSERT INTO bench VALUES ({number}");
        for transaction in *batch {
            for (statement, parameter) in &varying.0 {
                let value =
                    transaction.get(*statement).and_then(|sent| sent.values.get(*parameter));
                let _ = write!(sql, ", {}", value.map_or_else(|| "NULL".to_owned(), as_text));
            }
        }
        sql.push_str(");\n");
    }
    sql.push_str("ANALYZE bench;");
    sql
}

/// A value as a text that the column takes.
fn as_text(value: &Owned) -> String {
    match value {
        Owned::Int(value) => format!("'{value}'"),
        Owned::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Owned::Blob(bytes) => format!("'\\x{}'", HEXLOWER.encode(bytes)),
        Owned::Bool(value) => format!("'{value}'"),
        Owned::Null => "NULL".to_owned(),
    }
}

/// The script: a row of values, then the reissues that they are of.
pub(super) fn script(varying: &Varying, statements: &[Statement], runs: usize) -> String {
    let mut text = format!("\\set i :i + 1\n\\set n :client_id * {runs} + :i\n");
    text.push_str("SELECT * FROM bench WHERE n = :n \\gset\n");
    for call in 0..BATCH {
        text.push_str("BEGIN;\n");
        for (number, statement) in statements.iter().enumerate() {
            text.push_str(&with_values(varying, call, number, statement));
            text.push_str(";\n");
        }
        text.push_str("COMMIT;\n");
    }
    text
}

/// The statement with a variable, or its value, for each parameter.
fn with_values(varying: &Varying, call: usize, number: usize, statement: &Statement) -> String {
    let mut text = statement.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    // From the last: $1 begins $12 as well.
    for (parameter, value) in statement.values.iter().enumerate().rev() {
        let place = varying.position((number, parameter));
        let with = match place {
            Some(column) => format!(":v{}", call * varying.0.len() + column),
            None => match value {
                Owned::Int(value) => value.to_string(),
                Owned::Bool(value) => value.to_string(),
                Owned::Text(_) | Owned::Blob(_) | Owned::Null => as_text(value),
            },
        };
        text = text.replace(&format!("${}", parameter + 1), &with);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(sql: &'static str, values: &[Owned]) -> Statement {
        Statement { sql, values: values.to_vec() }
    }

    fn text(text: &str) -> Owned {
        Owned::Text(text.to_owned())
    }

    fn constant(sql: &'static str, values: &[Owned]) -> String {
        with_values(&Varying(Vec::new()), 0, 0, &sent(sql, values))
    }

    #[test]
    fn values_stand_where_their_parameters_did() {
        let twelve: Vec<Owned> = (101..=112).map(Owned::Int).collect();
        assert_eq!(
            constant("SELECT $1, $2,\n    $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $1", &twelve),
            "SELECT 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 101"
        );
        let values = [text("a b"), Owned::Null, Owned::Blob(vec![0, 0xfe]), Owned::Bool(true)];
        assert_eq!(
            constant("VALUES ($1, $2, $3, $4)", &values),
            r"VALUES ('a b', NULL, '\x00fe', true)"
        );
    }

    #[test]
    fn what_differs_is_a_variable_of_its_call() {
        let call = |id, name| vec![sent("UPDATE t SET name = $2 WHERE id = $1", &[id, name])];
        let calls = [call(Owned::Int(7), text("same")), call(Owned::Int(8), text("same"))];
        let varying = Varying::of(&calls);
        assert_eq!(varying.0, [(0, 0)]);
        let third = with_values(&varying, 3, 0, &calls[0][0]);
        assert_eq!(third, "UPDATE t SET name = 'same' WHERE id = :v3");
    }

    #[test]
    fn a_text_that_a_script_would_misread_is_a_variable() {
        for odd in ["12:30", "it's", r"a\b", "$1"] {
            let calls = [vec![sent("SELECT $1", &[text(odd)])]];
            assert_eq!(Varying::of(&calls).0, [(0, 0)], "{odd}");
        }
        let plain = [vec![sent("SELECT $1", &[text("plain")])]];
        assert!(Varying::of(&plain).0.is_empty() && Varying::of(&[]).0.is_empty());
    }

    #[test]
    fn a_row_has_the_values_of_its_batch_as_texts() {
        let values = [text("it's"), Owned::Null, Owned::Blob(vec![0xab]), Owned::Int(-5)];
        let places = Varying((0..values.len()).map(|parameter| (0, parameter)).collect());
        let batch = vec![vec![sent("SELECT $1, $2, $3, $4", &values)]; BATCH];
        let sql = staging(&places, &[&batch]);
        let columns = BATCH * values.len();
        assert!(sql.contains(&format!(", v{} TEXT);", columns - 1)), "{sql}");
        let row = r", 'it''s', NULL, '\xab', '-5'".repeat(BATCH);
        assert!(sql.contains(&format!("INSERT INTO bench VALUES (0{row});")), "{sql}");
    }

    #[test]
    fn a_client_takes_rows_of_its_own_and_commits_each_call() {
        let statements = [sent("SELECT $1", &[Owned::Int(1)]), sent("SELECT 2", &[])];
        let script = script(&Varying(vec![(0, 0)]), &statements, 25);
        assert!(script.starts_with("\\set i :i + 1\n\\set n :client_id * 25 + :i\n"), "{script}");
        assert_eq!(script.matches("BEGIN;\n").count(), BATCH);
        assert!(script.ends_with("BEGIN;\nSELECT :v7;\nSELECT 2;\nCOMMIT;\n"), "{script}");
    }

    #[test]
    fn calls_that_took_other_ways_are_left_out() {
        let long = || vec![sent("SELECT 1", &[]), sent("SELECT 2", &[])];
        let chosen = alike(vec![long(), vec![sent("SELECT 1", &[])], long()]);
        assert_eq!(chosen.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(alike(Vec::new()).is_empty());
    }
}

//! SQLite: connections, statements, errors.

pub(crate) mod alone;
pub(crate) mod backup;
mod error;
mod open;
pub(crate) mod stepped;
pub(crate) mod watch;
mod worker;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::error::DbError;
use crate::row::{Cell, Row};
use crate::value::Value;

use error::db_error;
pub(crate) use open::{alone, start, start_stepped};

pub(crate) struct SqliteTx<'a> {
    connection: &'a Connection,
    texts: &'a Texts,
}

/// Statements as SQLite takes them best: it looks the name `$12` up in a list, value by value, and
/// takes the number `?12` as it is.
#[derive(Default)]
struct Texts(RefCell<HashMap<(usize, usize), Arc<str>>>);

impl Texts {
    /// A static text is known by where it stands.
    fn numbered(&self, sql: &'static str) -> Arc<str> {
        let mut texts = self.0.borrow_mut();
        let place = (sql.as_ptr().addr(), sql.len());
        Arc::clone(texts.entry(place).or_insert_with(|| numbered(sql).into()))
    }
}

impl SqliteTx<'_> {
    pub(crate) fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, DbError> {
        let text = self.texts.numbered(sql);
        let mut statement = self.connection.prepare_cached(&text).map_err(db_error)?;
        bind(&mut statement, params)?;
        run(&mut statement)
    }

    pub(crate) fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let text = self.texts.numbered(sql);
        let mut statement = self.connection.prepare_cached(&text).map_err(db_error)?;
        bind(&mut statement, params)?;
        read(&mut statement)
    }

    pub(crate) fn execute_dynamic(&self, sql: &str, params: &[Value<'_>]) -> Result<u64, DbError> {
        let mut statement = self.connection.prepare(&numbered(sql)).map_err(db_error)?;
        bind(&mut statement, params)?;
        run(&mut statement)
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_batch(sql).map_err(db_error)
    }
}

/// All rows of a statement whose values are bound.
fn read(statement: &mut Statement<'_>) -> Result<Vec<Row>, DbError> {
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(db_error)? {
        let cells = (0..width).map(|index| {
            let value = row.get_ref(index).map_err(db_error)?;
            cell(index, value)
        });
        found.push(Row::new(cells.collect::<Result<_, _>>()?));
    }
    Ok(found)
}

/// How many rows a statement changed or, with RETURNING, gave back: as PostgreSQL counts.
fn run(statement: &mut Statement<'_>) -> Result<u64, DbError> {
    if statement.column_count() == 0 {
        return statement.raw_execute().map(|count| count as u64).map_err(db_error);
    }
    let mut rows = statement.raw_query();
    let mut count = 0;
    while rows.next().map_err(db_error)?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn bind(statement: &mut Statement<'_>, params: &[Value<'_>]) -> Result<(), DbError> {
    let (wanted, given) = (statement.parameter_count(), params.len());
    if wanted != given {
        let message = format!("the statement has {wanted}, {given} were given");
        return Err(DbError::Parameters(message));
    }
    for (index, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value).map_err(db_error)?;
    }
    Ok(())
}

/// `?12` for each `$12` that does not stand within quotes. A name would be numbered by its first
/// appearance, a number stays.
fn numbered(sql: &str) -> String {
    let mut is_quoted = false;
    let each = sql.chars().map(|character| match character {
        '\'' => {
            is_quoted = !is_quoted;
            character
        }
        '$' if !is_quoted => '?',
        _ => character,
    });
    each.collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
            Self::Bool(value) => ValueRef::Integer(i64::from(value)),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn cell(index: usize, value: ValueRef<'_>) -> Result<Cell, DbError> {
    let unreadable = |found| DbError::Column { index, wanted: "of a type of this store", found };
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(value) => Ok(Cell::Int(value)),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(|text| Cell::Text(text.to_owned()))
            .map_err(|_| unreadable("a text that is not UTF-8")),
        ValueRef::Blob(bytes) => Ok(Cell::Blob(bytes.to_vec())),
        ValueRef::Real(_) => Err(unreadable("a floating-point number")),
    }
}

/// Makes every table that starts a line with `CREATE TABLE` and ends in a line `);`
/// `WITHOUT ROWID`: its primary key then is the table, not a second tree beside it.
pub(crate) fn without_rowid(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 64);
    let mut in_table = false;
    for line in sql.split_inclusive('\n') {
        if line.trim_start().starts_with("CREATE TABLE") {
            in_table = true;
        }
        if in_table && line.trim_end() == ");" {
            text.push_str(&line.replacen(");", ") WITHOUT ROWID;", 1));
            in_table = false;
        } else {
            text.push_str(line);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_lose_their_rowid() {
        let script = "CREATE TABLE a (\n    x BIGINT PRIMARY KEY\n);\n\
                      INSERT INTO a (x) VALUES (\n1\n);\n\
                      CREATE TABLE IF NOT EXISTS b (\n    y BIGINT PRIMARY KEY\n);";
        let expect = "CREATE TABLE a (\n    x BIGINT PRIMARY KEY\n) WITHOUT ROWID;\n\
                      INSERT INTO a (x) VALUES (\n1\n);\n\
                      CREATE TABLE IF NOT EXISTS b (\n    y BIGINT PRIMARY KEY\n) WITHOUT ROWID;";
        assert_eq!(without_rowid(script), expect);
    }

    #[test]
    fn names_become_numbers_but_within_quotes() {
        assert_eq!(numbered("VALUES ($2, $1)"), "VALUES (?2, ?1)");
        assert_eq!(
            numbered("VALUES ('$1', $1, 'it''s $3', $12)"),
            "VALUES ('$1', ?1, 'it''s $3', ?12)"
        );
    }
}

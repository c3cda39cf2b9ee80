//! SQLite: connections, statements, errors.

mod error;
mod open;
pub(crate) mod stepped;
pub(crate) mod watch;
mod worker;

use std::borrow::Cow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::error::DbError;
use crate::row::{Cell, Row};
use crate::value::Value;

use error::db_error;
pub(crate) use open::{start, start_stepped};

pub(crate) struct SqliteTx<'a> {
    connection: &'a Connection,
}

impl SqliteTx<'_> {
    pub(crate) fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, DbError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(db_error)?;
        bind_by_name(&mut statement, params)?;
        run(&mut statement)
    }

    pub(crate) fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(db_error)?;
        bind_by_name(&mut statement, params)?;
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

    pub(crate) fn execute_dynamic(&self, sql: &str, params: &[Value<'_>]) -> Result<u64, DbError> {
        match numbered(sql) {
            Some(text) => {
                let mut statement = self.connection.prepare(&text).map_err(db_error)?;
                bind_by_number(&mut statement, params)?;
                run(&mut statement)
            }
            None => {
                let mut statement = self.connection.prepare(sql).map_err(db_error)?;
                bind_by_name(&mut statement, params)?;
                run(&mut statement)
            }
        }
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_batch(sql).map_err(db_error)
    }
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

/// SQLite takes `$2` for a name and numbers names by first appearance.
fn bind_by_name(statement: &mut Statement<'_>, params: &[Value<'_>]) -> Result<(), DbError> {
    same_count(statement, params)?;
    for (index, value) in params.iter().enumerate() {
        let name = parameter_name(index + 1);
        let Some(position) = statement.parameter_index(&name).map_err(db_error)? else {
            return Err(DbError::Parameters(format!("the statement has no {name}")));
        };
        statement.raw_bind_parameter(position, value).map_err(db_error)?;
    }
    Ok(())
}

fn bind_by_number(statement: &mut Statement<'_>, params: &[Value<'_>]) -> Result<(), DbError> {
    same_count(statement, params)?;
    for (index, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value).map_err(db_error)?;
    }
    Ok(())
}

fn same_count(statement: &Statement<'_>, params: &[Value<'_>]) -> Result<(), DbError> {
    let (wanted, given) = (statement.parameter_count(), params.len());
    if wanted == given {
        return Ok(());
    }
    Err(DbError::Parameters(format!("the statement has {wanted}, {given} were given")))
}

const NAMES: [&str; 24] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
    "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24",
];

fn parameter_name(number: usize) -> Cow<'static, str> {
    match NAMES.get(number - 1) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("${number}")),
    }
}

/// `?12` for `$12`, where the text has nothing in which `$` could mean something else. SQLite
/// looks a name up in a list, which makes thousands of names slow; a number it takes as it is.
fn numbered(sql: &str) -> Option<String> {
    let quotes = sql.contains(['\'', '"', '`', '[']) || sql.contains("--") || sql.contains("/*");
    if quotes { None } else { Some(sql.replace('$', "?")) }
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
    fn a_text_with_quotes_keeps_its_names() {
        assert_eq!(numbered("VALUES ($2, $1)").as_deref(), Some("VALUES (?2, ?1)"));
        assert_eq!(numbered("VALUES ('$1', $1)"), None);
        assert_eq!(numbered("VALUES ($1) -- $2"), None);
    }
}

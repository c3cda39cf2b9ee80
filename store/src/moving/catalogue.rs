//! The tables of a database as its engine has them. A table that a later migration adds is here by
//! itself.

use std::collections::BTreeMap;

use super::MoveError;
use super::end::End;
use crate::error::DbError;
use crate::row::{Cell, Row};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Blob,
    Bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A table; its primary key names columns by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) key: Vec<usize>,
}

/// Each column with its table, name, type, place, and place in the primary key (0: it is not).
const ON_SQLITE: &str = "
    SELECT t.name, c.name, c.type, c.cid, c.pk
    FROM pragma_table_list t, pragma_table_info(t.name) c
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
        AND t.name <> 'schema_migration'
    ORDER BY t.name, c.cid";
const ON_POSTGRES: &str = "
    SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT),
        format_type(a.atttypid, a.atttypmod), CAST(a.attnum AS BIGINT),
        CAST(COALESCE(array_position(CAST(i.indkey AS INT2[]), a.attnum) + 1, 0) AS BIGINT)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'p') AND c.relname <> 'schema_migration'
    ORDER BY CAST(c.relname AS TEXT) COLLATE \"C\", a.attnum";

/// Everything that stands in the database, whoever put it there.
const ALL_ON_SQLITE: &str = "SELECT COUNT(*) FROM sqlite_schema";
const ALL_ON_POSTGRES: &str = "
    SELECT COUNT(*) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()";
/// Whether the migrations' own table is there.
const MARKED_ON_SQLITE: &str =
    "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'";
const MARKED_ON_POSTGRES: &str = "
    SELECT COUNT(*) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    WHERE c.relname = 'schema_migration'";

/// The platform's tables, by name.
pub(super) fn tables(end: &mut End) -> Result<Vec<Table>, MoveError> {
    let sql = end.pick(ON_SQLITE, ON_POSTGRES);
    let mut tables: BTreeMap<String, (Table, Vec<(i64, usize)>)> = BTreeMap::new();
    for row in end.query(sql, &[])? {
        let name = row.text(0)?.to_owned();
        let (table, key) = tables
            .entry(name.clone())
            .or_insert_with(|| (Table { name, columns: Vec::new(), key: Vec::new() }, Vec::new()));
        let in_key = row.int(4)?;
        if in_key > 0 {
            key.push((in_key, table.columns.len()));
        }
        table.columns.push(column(&table.name, &row)?);
    }
    let keyed = tables.into_values().map(|(mut table, mut key)| {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, place)| place).collect();
        if table.key.is_empty() {
            return Err(MoveError::Keyless(table.name));
        }
        Ok(table)
    });
    keyed.collect()
}

fn column(table: &str, row: &Row) -> Result<Column, MoveError> {
    let (name, kind) = (row.text(1)?.to_owned(), row.text(2)?.to_ascii_lowercase());
    let kind = match kind.as_str() {
        "bigint" => Kind::Int,
        "text" => Kind::Text,
        "bytea" => Kind::Blob,
        "boolean" => Kind::Bool,
        _ => return Err(MoveError::Kind { table: table.to_owned(), column: name, kind }),
    };
    Ok(Column { name, kind })
}

/// Whether nothing at all stands in the database.
pub(super) fn is_empty(end: &mut End) -> Result<bool, DbError> {
    count(end, ALL_ON_SQLITE, ALL_ON_POSTGRES).map(|count| count == 0)
}

/// Whether a release has ever migrated the database.
pub(super) fn has_schema(end: &mut End) -> Result<bool, DbError> {
    count(end, MARKED_ON_SQLITE, MARKED_ON_POSTGRES).map(|count| count > 0)
}

fn count(end: &mut End, on_sqlite: &str, on_postgres: &str) -> Result<i64, DbError> {
    let sql = end.pick(on_sqlite, on_postgres);
    end.query(sql, &[])?.first().map_or(Ok(0), |row| row.int(0))
}

impl Table {
    /// Its columns, with commas.
    pub(super) fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        names.join(", ")
    }

    /// A value as the column has it: SQLite's 0 and 1 of a boolean are booleans.
    pub(super) fn typed(&self, place: usize, cell: Cell) -> Result<Cell, MoveError> {
        let misfit = || MoveError::Value {
            table: self.name.clone(),
            column: self.columns.get(place).map_or_else(String::new, |one| one.name.clone()),
        };
        let kind = self.columns.get(place).map(|column| column.kind).ok_or_else(misfit)?;
        match (kind, cell) {
            (_, Cell::Null) => Ok(Cell::Null),
            (Kind::Bool, Cell::Int(0)) => Ok(Cell::Bool(false)),
            (Kind::Bool, Cell::Int(1)) => Ok(Cell::Bool(true)),
            // PostgreSQL has no text with a zero byte in it.
            (Kind::Text, Cell::Text(text)) if text.contains('\0') => Err(misfit()),
            (Kind::Int, cell @ Cell::Int(_))
            | (Kind::Text, cell @ Cell::Text(_))
            | (Kind::Blob, cell @ Cell::Blob(_))
            | (Kind::Bool, cell @ Cell::Bool(_)) => Ok(cell),
            (Kind::Int | Kind::Text | Kind::Blob | Kind::Bool, _) => Err(misfit()),
        }
    }
}

/// A name within a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

//! Values and rows in PostgreSQL's types.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Column, Statement};

use crate::error::DbError;
use crate::row::{Cell, Row};
use crate::value::Value;

type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The values as the statement's parameters want them.
pub(super) fn parameters<'a>(
    statement: &Statement,
    values: &'a [Value<'a>],
) -> Result<Vec<Parameter<'a>>, DbError> {
    let wanted = statement.params();
    if wanted.len() != values.len() {
        let (wanted, given) = (wanted.len(), values.len());
        let message = format!("the statement has {wanted}, {given} were given");
        return Err(DbError::Parameters(message));
    }
    let pairs = values.iter().zip(wanted).enumerate();
    pairs
        .map(|(index, (value, wanted))| {
            parameter(value, wanted).ok_or_else(|| misfit(index, value, wanted))
        })
        .collect()
}

fn parameter<'a>(value: &'a Value<'a>, wanted: &Type) -> Option<Parameter<'a>> {
    match value {
        Value::Int(value) if *wanted == Type::INT8 => Some(value),
        Value::Text(value) if is_text(wanted) => Some(value),
        Value::Blob(value) if *wanted == Type::BYTEA => Some(value),
        Value::Bool(value) if *wanted == Type::BOOL => Some(value),
        Value::Null if *wanted == Type::INT8 => Some(&None::<i64>),
        Value::Null if *wanted == Type::BYTEA => Some(&None::<&[u8]>),
        Value::Null if *wanted == Type::BOOL => Some(&None::<bool>),
        Value::Null if is_text(wanted) => Some(&None::<&str>),
        Value::Int(_) | Value::Text(_) | Value::Blob(_) | Value::Bool(_) | Value::Null => None,
    }
}

fn is_text(wanted: &Type) -> bool {
    <&str as ToSql>::accepts(wanted)
}

fn misfit(index: usize, value: &Value<'_>, wanted: &Type) -> DbError {
    let (number, kind) = (index + 1, value.kind());
    DbError::Parameters(format!("${number} is {kind}, the statement wants {wanted} (CAST it?)"))
}

pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, DbError> {
    (0..row.len()).map(|index| cell(row, index)).collect::<Result<_, _>>().map(Row::new)
}

fn cell(row: &tokio_postgres::Row, index: usize) -> Result<Cell, DbError> {
    let found = row.columns().get(index).map(Column::type_);
    let cell = if found == Some(&Type::INT8) {
        row.try_get::<_, Option<i64>>(index).map(|value| value.map(Cell::Int))
    } else if found == Some(&Type::INT4) {
        row.try_get::<_, Option<i32>>(index).map(|value| value.map(|int| Cell::Int(int.into())))
    } else if found == Some(&Type::BOOL) {
        row.try_get::<_, Option<bool>>(index).map(|value| value.map(Cell::Bool))
    } else if found == Some(&Type::BYTEA) {
        row.try_get::<_, Option<Vec<u8>>>(index).map(|value| value.map(Cell::Blob))
    } else {
        row.try_get::<_, Option<String>>(index).map(|value| value.map(Cell::Text))
    };
    cell.map(|value| value.unwrap_or(Cell::Null)).map_err(|_| DbError::Column {
        index,
        wanted: "of a type of this store",
        found: "of another type (CAST it to BIGINT, TEXT, BYTEA or BOOLEAN)",
    })
}

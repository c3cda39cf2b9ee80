//! What a statement gave back.

use std::fmt;
use std::mem;

use crate::error::DbError;
use crate::value::Value;

/// A column's value, owned.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    Bool(bool),
    Null,
}

impl Cell {
    /// The value as a part of a key.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Text(text) => text.clone(),
            Self::Blob(bytes) => format!("{bytes:02x?}"),
            Self::Bool(value) => value.to_string(),
            Self::Null => String::new(),
        }
    }

    /// The value as a parameter.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Int(value) => Value::Int(*value),
            Self::Text(value) => Value::Text(value),
            Self::Blob(value) => Value::Blob(value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Null => Value::Null,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Text(_) => "a text",
            Self::Blob(_) => "a blob",
            Self::Bool(_) => "a boolean",
            Self::Null => "NULL",
        }
    }
}

/// A row, read by position from 0. A column of another type is a [`DbError::Column`].
pub struct Row {
    cells: Vec<Cell>,
}

impl Row {
    pub(crate) const fn new(cells: Vec<Cell>) -> Self {
        Self { cells }
    }

    pub(crate) fn into_cells(self) -> Vec<Cell> {
        self.cells
    }

    /// How many columns the row has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the row has no column.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The integer at `index`.
    pub fn int(&self, index: usize) -> Result<i64, DbError> {
        self.opt_int(index)?.ok_or_else(|| self.misfit(index, "an integer"))
    }

    /// The integer at `index`, or none for NULL.
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>, DbError> {
        match self.cells.get(index) {
            Some(Cell::Int(value)) => Ok(Some(*value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Text(_) | Cell::Blob(_) | Cell::Bool(_)) | None => {
                Err(self.misfit(index, "an integer"))
            }
        }
    }

    /// The boolean at `index`; SQLite's 0 and 1 are booleans too.
    pub fn boolean(&self, index: usize) -> Result<bool, DbError> {
        self.opt_boolean(index)?.ok_or_else(|| self.misfit(index, "a boolean"))
    }

    /// The boolean at `index`, or none for NULL.
    pub fn opt_boolean(&self, index: usize) -> Result<Option<bool>, DbError> {
        match self.cells.get(index) {
            Some(Cell::Bool(value)) => Ok(Some(*value)),
            Some(Cell::Int(0)) => Ok(Some(false)),
            Some(Cell::Int(1)) => Ok(Some(true)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Int(_) | Cell::Text(_) | Cell::Blob(_)) | None => {
                Err(self.misfit(index, "a boolean"))
            }
        }
    }

    /// The text at `index`.
    pub fn text(&self, index: usize) -> Result<&str, DbError> {
        self.opt_text(index)?.ok_or_else(|| self.misfit(index, "a text"))
    }

    /// The text at `index`, or none for NULL.
    pub fn opt_text(&self, index: usize) -> Result<Option<&str>, DbError> {
        match self.cells.get(index) {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Int(_) | Cell::Blob(_) | Cell::Bool(_)) | None => {
                Err(self.misfit(index, "a text"))
            }
        }
    }

    /// The blob at `index`.
    pub fn blob(&self, index: usize) -> Result<&[u8], DbError> {
        self.opt_blob(index)?.ok_or_else(|| self.misfit(index, "a blob"))
    }

    /// The blob at `index`, or none for NULL.
    pub fn opt_blob(&self, index: usize) -> Result<Option<&[u8]>, DbError> {
        match self.cells.get(index) {
            Some(Cell::Blob(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Int(_) | Cell::Text(_) | Cell::Bool(_)) | None => {
                Err(self.misfit(index, "a blob"))
            }
        }
    }

    /// Moves the text at `index` out; the column is NULL afterwards.
    pub fn take_text(&mut self, index: usize) -> Result<String, DbError> {
        self.take_opt_text(index)?.ok_or_else(|| self.misfit(index, "a text"))
    }

    /// Moves the text at `index` out, or none for NULL.
    pub fn take_opt_text(&mut self, index: usize) -> Result<Option<String>, DbError> {
        self.opt_text(index)?;
        Ok(match self.take(index) {
            Cell::Text(value) => Some(value),
            Cell::Int(_) | Cell::Blob(_) | Cell::Bool(_) | Cell::Null => None,
        })
    }

    /// Moves the blob at `index` out; the column is NULL afterwards.
    pub fn take_blob(&mut self, index: usize) -> Result<Vec<u8>, DbError> {
        self.take_opt_blob(index)?.ok_or_else(|| self.misfit(index, "a blob"))
    }

    /// Moves the blob at `index` out, or none for NULL.
    pub fn take_opt_blob(&mut self, index: usize) -> Result<Option<Vec<u8>>, DbError> {
        self.opt_blob(index)?;
        Ok(match self.take(index) {
            Cell::Blob(value) => Some(value),
            Cell::Int(_) | Cell::Text(_) | Cell::Bool(_) | Cell::Null => None,
        })
    }

    fn take(&mut self, index: usize) -> Cell {
        self.cells.get_mut(index).map_or(Cell::Null, |cell| mem::replace(cell, Cell::Null))
    }

    fn misfit(&self, index: usize, wanted: &'static str) -> DbError {
        let found = self.cells.get(index).map_or("no such column", Cell::kind);
        DbError::Column { index, wanted, found }
    }
}

/// Prints the columns' kinds alone: a column may hold a secret.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.cells.iter().map(Cell::kind)).finish()
    }
}

//! What each write job has changed, row by row, for a [`Stepper`](super::stepped::Stepper).
//!
//! SQLite's own update hook is silent for tables WITHOUT ROWID and does not know of rollbacks.
//! Triggers of the connection's own do: they note the row before and after in a temporary table,
//! and what is rolled back is rolled back there too.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::Connection;

use super::cell;
use super::error::db_error;
use crate::error::{DbError, OpenError};
use crate::job::Step;
use crate::row::Cell;

/// A table, as its rows are noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns in their order.
    pub columns: Vec<String>,
    /// The positions of its primary key's columns.
    pub key: Vec<usize>,
}

/// A row as it was at one moment. `Debug` prints its table alone: a column may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    table: Arc<Table>,
    cells: Vec<Cell>,
}

/// A row that was inserted, updated or deleted.
#[derive(Debug, Clone)]
pub struct Change {
    /// The row before; none where it was inserted.
    pub before: Option<Image>,
    /// The row after; none where it was deleted.
    pub after: Option<Image>,
}

/// How a job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is committed.
    Done,
    /// It refused, and was rolled back.
    Refused,
    /// The database failed it, or its closure panicked.
    Failed,
    /// Its group was not committed.
    Undone,
}

/// A write job that has run.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// The rows that it changed and that stay changed, in order.
    pub changes: Vec<Change>,
}

pub(super) struct Watch {
    tables: Vec<Arc<Table>>,
    ran: RefCell<Vec<Ran>>,
    /// Why rows could not be read; told once by [`Watch::take`].
    failure: RefCell<Option<DbError>>,
}

impl Image {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table.name
    }

    /// The primary key as one text.
    #[must_use]
    pub fn key(&self) -> String {
        let cells = self.table.key.iter().filter_map(|index| self.cells.get(*index));
        cells.map(Cell::shown).collect::<Vec<_>>().join("/")
    }

    /// An integer, if there is one in this column.
    #[must_use]
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            Cell::Int(value) => Some(*value),
            Cell::Text(_) | Cell::Blob(_) | Cell::Bool(_) | Cell::Null => None,
        }
    }

    /// A text, if there is one in this column.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column)? {
            Cell::Text(value) => Some(value),
            Cell::Int(_) | Cell::Blob(_) | Cell::Bool(_) | Cell::Null => None,
        }
    }

    /// A blob, if there is one in this column.
    #[must_use]
    pub fn blob(&self, column: &str) -> Option<&[u8]> {
        match self.cell(column)? {
            Cell::Blob(value) => Some(value),
            Cell::Int(_) | Cell::Text(_) | Cell::Bool(_) | Cell::Null => None,
        }
    }

    /// The columns that differ from an earlier image of the row.
    #[must_use]
    pub fn changed_since(&self, earlier: &Image) -> Vec<&str> {
        let pairs = self.cells.iter().zip(&earlier.cells).zip(&self.table.columns);
        pairs.filter(|((new, old), _)| new != old).map(|(_, name)| name.as_str()).collect()
    }

    fn cell(&self, column: &str) -> Option<&Cell> {
        let index = self.table.columns.iter().position(|name| name == column)?;
        self.cells.get(index)
    }

    /// The same row with another text in a column, to try what checks make of it.
    #[must_use]
    pub fn with_text(mut self, column: &str, text: &str) -> Self {
        self.put(column, Cell::Text(text.to_owned()));
        self
    }

    /// The same row with another integer in a column, to try what checks make of it.
    #[must_use]
    pub fn with_int(mut self, column: &str, value: i64) -> Self {
        self.put(column, Cell::Int(value));
        self
    }

    fn put(&mut self, column: &str, value: Cell) {
        let index = self.table.columns.iter().position(|name| name == column);
        if let Some(cell) = index.and_then(|index| self.cells.get_mut(index)) {
            *cell = value;
        }
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({})", self.table.name)
    }
}

impl Change {
    /// The row, after or, where it is gone, before.
    #[must_use]
    pub fn row(&self) -> Option<&Image> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

impl Watch {
    /// Finds the tables and sets the connection's triggers.
    pub(super) fn set_up(connection: &Connection) -> Result<Self, OpenError> {
        let tables = tables(connection)?;
        let width = tables.iter().map(|table| table.columns.len()).max().unwrap_or(0);
        let columns: Vec<String> = (0..width).map(|index| format!("c{index}")).collect();
        let mut script = format!(
            "CREATE TEMP TABLE noted (seq INTEGER PRIMARY KEY, place INTEGER, kind INTEGER, {});",
            columns.join(", ")
        );
        for (place, table) in tables.iter().enumerate() {
            let names = columns[..table.columns.len()].join(", ");
            let note = |kind: u8, row: &str| {
                let values = table.columns.iter().map(|column| format!("{row}.{column}"));
                let values = values.collect::<Vec<_>>().join(", ");
                format!(
                    "INSERT INTO noted (place, kind, {names}) VALUES ({place}, {kind}, {values});"
                )
            };
            for (event, notes) in [
                ("INSERT", note(INSERTED, "NEW")),
                ("UPDATE", note(BEFORE, "OLD") + &note(AFTER, "NEW")),
                ("DELETE", note(DELETED, "OLD")),
            ] {
                let name = &table.name;
                script.push_str(&format!(
                    "CREATE TEMP TRIGGER noted_{name}_{event} AFTER {event} ON main.{name}
                     BEGIN {notes} END;"
                ));
            }
        }
        connection.execute_batch(&script).map_err(db_error)?;
        let (ran, failure) = (RefCell::default(), RefCell::default());
        Ok(Self { tables, ran, failure })
    }

    /// A job's closure has run.
    pub(super) fn ran(&self, step: &Step) {
        let ended = match step {
            Step::Done => Ended::Done,
            Step::Refused => Ended::Refused,
            Step::Db(_) | Step::Panicked => Ended::Failed,
        };
        self.ran.borrow_mut().push(Ran { ended, changes: Vec::new() });
    }

    /// The job's savepoint or transaction has ended: what is noted now stays.
    pub(super) fn collect(&self, connection: &Connection) {
        match self.noted(connection) {
            Ok(changes) => {
                if let Some(last) = self.ran.borrow_mut().last_mut() {
                    last.changes = changes;
                }
            }
            Err(error) => *self.failure.borrow_mut() = Some(error),
        }
    }

    /// The group of the last `jobs` jobs was rolled back, or may be.
    pub(super) fn undone(&self, jobs: usize) {
        for ran in self.ran.borrow_mut().iter_mut().rev().take(jobs) {
            ran.changes.clear();
            if ran.ended == Ended::Done {
                ran.ended = Ended::Undone;
            }
        }
    }

    /// The jobs since the last time.
    pub(super) fn take(&self) -> Result<Vec<Ran>, DbError> {
        let ran = self.ran.take();
        self.failure.take().map_or(Ok(ran), Err)
    }

    /// All rows of all tables.
    pub(super) fn all(&self, connection: &Connection) -> Result<Vec<Image>, DbError> {
        let mut images = Vec::new();
        for table in &self.tables {
            let sql = format!("SELECT {} FROM {}", table.columns.join(", "), table.name);
            let mut statement = connection.prepare(&sql).map_err(db_error)?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(db_error)? {
                images.push(image(table, row, 0)?);
            }
        }
        Ok(images)
    }

    fn noted(&self, connection: &Connection) -> Result<Vec<Change>, DbError> {
        let sql = "SELECT * FROM temp.noted ORDER BY seq";
        let mut statement = connection.prepare_cached(sql).map_err(db_error)?;
        let mut rows = statement.raw_query();
        let mut changes: Vec<Change> = Vec::new();
        while let Some(row) = rows.next().map_err(db_error)? {
            let place: u16 = row.get(1).map_err(db_error)?;
            let kind: u8 = row.get(2).map_err(db_error)?;
            let Some(table) = self.tables.get(usize::from(place)) else { continue };
            let image = Some(image(table, row, 3)?);
            match kind {
                AFTER => {
                    if let Some(last) = changes.last_mut() {
                        last.after = image;
                    }
                }
                INSERTED => changes.push(Change { before: None, after: image }),
                _ => changes.push(Change { before: image, after: None }),
            }
        }
        if !changes.is_empty() {
            let mut delete =
                connection.prepare_cached("DELETE FROM temp.noted").map_err(db_error)?;
            delete.raw_execute().map_err(db_error)?;
        }
        Ok(changes)
    }
}

/// Kinds of a noted row.
const INSERTED: u8 = 0;
const BEFORE: u8 = 1;
const AFTER: u8 = 2;
const DELETED: u8 = 3;

fn image(table: &Arc<Table>, row: &rusqlite::Row<'_>, first: usize) -> Result<Image, DbError> {
    let cells = (0..table.columns.len()).map(|index| {
        let value = row.get_ref(first + index).map_err(db_error)?;
        cell(index, value)
    });
    Ok(Image { table: Arc::clone(table), cells: cells.collect::<Result<_, _>>()? })
}

fn tables(connection: &Connection) -> Result<Vec<Arc<Table>>, DbError> {
    let sql = "SELECT t.name, c.name, c.cid, c.pk FROM main.sqlite_schema t
               JOIN pragma_table_info(t.name) c
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
    let mut statement = connection.prepare(sql).map_err(db_error)?;
    let mut rows = statement.raw_query();
    let mut tables: Vec<Table> = Vec::new();
    while let Some(row) = rows.next().map_err(db_error)? {
        let name: String = row.get(0).map_err(db_error)?;
        if tables.last().is_none_or(|last| last.name != name) {
            tables.push(Table { name, columns: Vec::new(), key: Vec::new() });
        }
        if let Some(table) = tables.last_mut() {
            table.columns.push(row.get(1).map_err(db_error)?);
            if row.get::<_, i64>(3).map_err(db_error)? > 0 {
                table.key.push(usize::from(row.get::<_, u16>(2).map_err(db_error)?));
            }
        }
    }
    Ok(tables.into_iter().map(Arc::new).collect())
}

//! Rows on their way: read by key in pages, written, compared. No more than a page of each side is
//! in memory.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::catalogue::{Kind, Table, quoted};
use super::end::End;
use super::{MoveError, Side};
use crate::error::DbError;
use crate::row::{Cell, Row};
use crate::tx::placeholders;
use crate::value::Value;

/// Rows in a page.
const PAGE_ROWS: usize = 500;

/// A row, its values as the columns have them.
pub(super) type Cells = Vec<Cell>;

/// A table's rows by key, within a transaction that is open. The order is of bytes on both engines,
/// whatever the database's own is.
pub(super) struct Pages<'t> {
    table: &'t Table,
    /// SQLite: the last key that was read.
    last: Option<Cells>,
    /// PostgreSQL: whether its cursor was declared, which sorts once for all pages.
    is_declared: bool,
}

impl<'t> Pages<'t> {
    pub(super) const fn new(table: &'t Table) -> Self {
        Self { table, last: None, is_declared: false }
    }

    /// The next rows; none at the end.
    pub(super) fn next(&mut self, end: &mut End) -> Result<Vec<Cells>, MoveError> {
        let rows = match end {
            End::Sqlite(_) => self.next_by_key(end)?,
            End::Postgres(_) => self.next_of_cursor(end)?,
        };
        let typed = rows.into_iter().map(|row| {
            let cells = row.into_cells().into_iter().enumerate();
            cells.map(|(place, cell)| self.table.typed(place, cell)).collect::<Result<Cells, _>>()
        });
        let page: Vec<Cells> = typed.collect::<Result<_, _>>()?;
        if let Some(row) = page.last() {
            self.last = Some(key(self.table, row).cloned().collect());
        }
        Ok(page)
    }

    fn next_by_key(&self, end: &mut End) -> Result<Vec<Row>, DbError> {
        let Table { name, key, .. } = self.table;
        let names = self.key_names("");
        let after = match self.last {
            Some(_) => format!("WHERE ({names}) > {}", placeholders(1, key.len())),
            None => String::new(),
        };
        let values: Vec<Value<'_>> = self.last.iter().flatten().map(Cell::value).collect();
        let (columns, name) = (self.table.column_list(), quoted(name));
        end.query(
            &format!("SELECT {columns} FROM {name} {after} ORDER BY {names} LIMIT {PAGE_ROWS}"),
            &values,
        )
    }

    fn next_of_cursor(&mut self, end: &mut End) -> Result<Vec<Row>, DbError> {
        let cursor = quoted(&format!("move_{}", self.table.name));
        if !self.is_declared {
            let order = self.key_names(" COLLATE \"C\"");
            let (columns, name) = (self.table.column_list(), quoted(&self.table.name));
            end.batch(&format!(
                "DECLARE {cursor} NO SCROLL CURSOR FOR
                 SELECT {columns} FROM {name} ORDER BY {order}"
            ))?;
            self.is_declared = true;
        }
        let rows = end.query(&format!("FETCH {PAGE_ROWS} FROM {cursor}"), &[])?;
        if rows.is_empty() {
            end.batch(&format!("CLOSE {cursor}"))?;
        }
        Ok(rows)
    }

    /// The key's columns, `order` behind each text.
    fn key_names(&self, order: &str) -> String {
        let columns = self.table.key.iter().filter_map(|place| self.table.columns.get(*place));
        let names: Vec<String> = columns
            .map(|column| match column.kind {
                Kind::Text => format!("{}{order}", quoted(&column.name)),
                Kind::Int | Kind::Blob | Kind::Bool => quoted(&column.name),
            })
            .collect();
        names.join(", ")
    }
}

fn key<'r>(table: &'r Table, row: &'r Cells) -> impl Iterator<Item = &'r Cell> {
    table.key.iter().filter_map(|place| row.get(*place))
}

/// How many rows a table has.
pub(super) fn count(end: &mut End, table: &Table) -> Result<u64, MoveError> {
    let rows = end.query(&format!("SELECT COUNT(*) FROM {}", quoted(&table.name)), &[])?;
    let count = rows.first().map_or(Ok(0), |row| row.int(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Writes rows that are not there yet.
pub(super) fn write(end: &mut End, table: &Table, page: &[Cells]) -> Result<(), MoveError> {
    let (columns, name) = (table.column_list(), quoted(&table.name));
    match end {
        End::Sqlite(alone) => {
            let values = placeholders(1, table.columns.len());
            let rows = page.iter().map(|row| row.iter().map(Cell::value).collect());
            alone.insert(&format!("INSERT INTO {name} ({columns}) VALUES {values}"), rows)?;
        }
        End::Postgres(alone) => {
            let text = copy_text(page).into_bytes();
            let taken = alone.copy_in(&format!("COPY {name} ({columns}) FROM STDIN"), text)?;
            if taken != page.len() as u64 {
                return Err(MoveError::Taken(table.name.clone()));
            }
        }
    }
    Ok(())
}

/// COPY's text form: a line a row, tabs between, `\N` for NULL.
fn copy_text(page: &[Cells]) -> String {
    let mut text = String::new();
    for row in page {
        for (place, cell) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            copy_cell(&mut text, cell);
        }
        text.push('\n');
    }
    text
}

fn copy_cell(text: &mut String, cell: &Cell) {
    // Writing to a String cannot fail.
    match cell {
        Cell::Null => text.push_str("\\N"),
        Cell::Bool(value) => text.push(if *value { 't' } else { 'f' }),
        Cell::Int(value) => {
            let _ = write!(text, "{value}");
        }
        Cell::Blob(bytes) => {
            text.push_str("\\\\x");
            for byte in bytes {
                let _ = write!(text, "{byte:02x}");
            }
        }
        Cell::Text(value) => {
            for character in value.chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    '\t' => text.push_str("\\t"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    _ => text.push(character),
                }
            }
        }
    }
}

/// A side's rows one by one.
struct Rows<'t> {
    pages: Pages<'t>,
    page: std::vec::IntoIter<Cells>,
    side: Side,
}

impl<'t> Rows<'t> {
    fn new(table: &'t Table, side: Side) -> Self {
        Self { pages: Pages::new(table), page: Vec::new().into_iter(), side }
    }

    fn next(
        &mut self,
        end: &mut End,
        each: &mut dyn FnMut(Side, &[u8]),
    ) -> Result<Option<Cells>, MoveError> {
        if self.page.len() == 0 {
            self.page = self.pages.next(end)?.into_iter();
        }
        let row = self.page.next();
        if let Some(row) = &row {
            each(self.side, &bytes(row));
        }
        Ok(row)
    }
}

/// Compares a table's rows in both directions, by key: none may be missing, none too many, none
/// another; how many there are. Both transactions are open. `each` gets every row of both sides.
pub(super) fn compare(
    (source, target): (&mut End, &mut End),
    table: &Table,
    each: &mut dyn FnMut(Side, &[u8]),
) -> Result<u64, MoveError> {
    let differs = |what| MoveError::Differs { table: table.name.clone(), what };
    let (mut ours, mut theirs) = (Rows::new(table, Side::Source), Rows::new(table, Side::Target));
    let mut count = 0;
    loop {
        let pair = (ours.next(source, each)?, theirs.next(target, each)?);
        let (from, to) = match pair {
            (None, None) => return Ok(count),
            (Some(_), None) => return Err(differs("a row is missing in the copy")),
            (None, Some(_)) => return Err(differs("a row of the copy is not in the source")),
            (Some(from), Some(to)) => (from, to),
        };
        count += 1;
        if from == to {
            continue;
        }
        return Err(match by_key(table, &from, &to) {
            Ordering::Less => differs("a row is missing in the copy"),
            Ordering::Greater => differs("a row of the copy is not in the source"),
            Ordering::Equal => differs("a row of the copy has another value"),
        });
    }
}

fn by_key(table: &Table, a: &Cells, b: &Cells) -> Ordering {
    let pairs = key(table, a).zip(key(table, b));
    pairs.map(|(a, b)| order(a, b)).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

fn order(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Blob(a), Cell::Blob(b)) => a.cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        // A column has one type, and a key no NULL.
        (Cell::Int(_) | Cell::Text(_) | Cell::Blob(_) | Cell::Bool(_) | Cell::Null, _) => {
            Ordering::Equal
        }
    }
}

/// A row as bytes, the same on both engines and for no other row of its table: each value with its
/// kind and length before it.
fn bytes(row: &Cells) -> Vec<u8> {
    let mut all = Vec::new();
    let mut put = |kind: u8, value: &[u8]| {
        all.push(kind);
        all.extend_from_slice(&(value.len() as u64).to_be_bytes());
        all.extend_from_slice(value);
    };
    for cell in row {
        match cell {
            Cell::Null => put(0, &[]),
            Cell::Int(value) => put(1, &value.to_be_bytes()),
            Cell::Text(value) => put(2, value.as_bytes()),
            Cell::Blob(value) => put(3, value),
            Cell::Bool(value) => put(4, &[u8::from(*value)]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copys_text_escapes_what_it_must() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let row = vec![text("a\tb\\N\r\nc"), Cell::Null, Cell::Blob(vec![0, 0xab]), text("")];
        let other = vec![Cell::Int(-1), Cell::Bool(true), Cell::Bool(false), text("\\.")];
        assert_eq!(
            copy_text(&[row, other]),
            "a\\tb\\\\N\\r\\nc\t\\N\t\\\\x00ab\t\n-1\tt\tf\t\\\\.\n"
        );
    }

    #[test]
    fn rows_that_differ_have_other_bytes() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            vec![text("a"), text("bc")],
            vec![text("ab"), text("c")],
            vec![text("a"), Cell::Blob(b"bc".to_vec())],
            vec![text("a"), Cell::Null],
            vec![text("a"), text("")],
            vec![text("a"), Cell::Int(0)],
            vec![text("a"), Cell::Bool(false)],
        ];
        let all: std::collections::BTreeSet<_> = rows.iter().map(bytes).collect();
        assert_eq!(all.len(), rows.len());
    }
}

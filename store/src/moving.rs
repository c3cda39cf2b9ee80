//! Moves a whole database into an empty one, of the other engine or the same.
//!
//! The source is held by one transaction from before its first row is read until it is given up:
//! nobody else writes to it meanwhile. So whatever is interrupted leaves one of three states, and
//! the same call brings each to its end:
//!
//! - the source is as it was, and the target is marked an incomplete copy (or is empty);
//! - the target is marked a verified copy, the source is as it was;
//! - the source is fenced and marked as moved, the target is marked a verified copy.
//!
//! A database with a mark is opened by no [`Store`](crate::Store). Last, the target's mark goes.

mod catalogue;
mod end;
pub(crate) mod marks;
mod rows;

use crate::error::{DbError, OpenError};
use crate::migration::{Migration, applied, migrate};
use crate::options::OnEmpty;
use crate::target::Target;
use crate::tx::Tx;
use catalogue::{Table, has_schema, is_empty, tables};
use end::{End, shown};
use marks::{Mark, Stage};
use rows::{Pages, compare, count, write};

/// The SQLSTATE of PostgreSQL's fence around a database that was moved.
pub(crate) const FENCED: &str = "PM001";

/// Pages of rows in one commit of the target.
const PAGES_COMMITTED: usize = 20;

/// Why a database is not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A database cannot be opened.
    #[error("{0}: {1}")]
    Open(String, OpenError),
    /// There is no such file.
    #[error("there is no database {0}")]
    Missing(String),
    /// Nobody has made a platform of the source.
    #[error("there is no platform in {0}: start one on it first")]
    NoPlatform(String),
    /// The schema is not this release's.
    #[error(
        "{0} has schema version {1}, this release has {2}: move it with the release that it was \
         last served by, or start a server of this release on it first"
    )]
    Version(String, i64, i64),
    /// The target holds something.
    #[error("{0} is not empty: name a database with nothing in it")]
    NotEmpty(String),
    /// The target is the verified copy of another database.
    #[error(
        "{0} is a whole copy of {1}, whose move was interrupted at its last step: run the command \
         again from there, or drop it"
    )]
    OthersCopy(String, String),
    /// It was moved before.
    #[error("{0} was moved to {1}: go on with that one")]
    MovedAlready(String, String),
    /// The source is itself half a copy.
    #[error("{0} is an incomplete copy of {1}: move that one")]
    IsCopy(String, String),
    /// A table without a primary key, whose rows have no order.
    #[error("table {0} has no primary key, so its rows cannot be compared")]
    Keyless(String),
    /// A type that the other engine may not have.
    #[error("column {table}.{column} is of type {kind}, which cannot be moved")]
    Kind {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// A value that the column's type does not have.
    #[error("table {table} has a row whose {column} is not of the column's type")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The source's tables are not those of this release.
    #[error("table {0} is not the same in this release's schema: nothing was moved")]
    Shape(String),
    /// The target took another number of rows than it was given.
    #[error("table {0}: the target did not take every row")]
    Taken(String),
    /// The copy is not the source.
    #[error("table {table}: {what}; the source is kept, run the command again")]
    Differs {
        /// The table.
        table: String,
        /// In what.
        what: &'static str,
    },
    /// Another run writes into the target.
    #[error("another `platen migrate` has taken {0} over")]
    Overtaken(String),
    /// The caller's own reason.
    #[error("{0}")]
    Refused(String),
    /// A statement.
    #[error("{0}: mend that and run the command again, which begins anew or goes on")]
    Db(#[from] DbError),
}

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// That which is moved.
    Source,
    /// Where it is moved to.
    Target,
}

/// How far a move has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// Nobody but this move writes to the source any more.
    Held,
    /// A table's rows are in the target, so many of them.
    Copied(String, u64),
    /// A table's rows were compared in both directions, so many of them.
    Compared(String, u64),
    /// The target is marked a verified copy.
    Verified,
    /// The source takes no more writes, for ever.
    SourceGivenUp,
    /// Servers may be started on the target.
    Done,
}

/// What a move asks of its caller and tells it.
pub trait Mover {
    /// Looks at the source before anything is copied, and only looks; refuses where it must not be
    /// moved.
    fn check(&mut self, tx: &mut Tx<'_>) -> Result<(), MoveError>;

    /// A row of one side while both are compared, as bytes that are the same on both engines.
    fn row(&mut self, table: &str, side: Side, bytes: &[u8]);

    /// What is written into the target together with its completion: that it was moved.
    fn complete(&mut self, tx: &mut Tx<'_>) -> Result<(), MoveError>;

    /// Told after each step; an error ends the move there.
    fn reached(&mut self, step: Reached) -> Result<(), MoveError>;
}

/// Which database is moved where.
#[derive(Debug, Clone)]
pub struct Move<'a> {
    /// The source.
    pub from: &'a Target,
    /// The target.
    pub to: &'a Target,
    /// This release's schema.
    pub migrations: &'static [Migration],
    /// A name for this move that no other has: letters and digits.
    pub id: String,
}

/// A table's name and how many rows it has.
pub type Counted = (String, u64);

/// What would be moved: whether it could be is checked as it is before a move, and nothing is
/// written to either database.
pub fn plan(of: &Move<'_>, mover: &mut dyn Mover) -> Result<Vec<Counted>, MoveError> {
    let from = shown(of.from);
    let mut source = open(of.from)?.ok_or_else(|| MoveError::Missing(from.clone()))?;
    if let Some(mark) = mark_of(&mut source)? {
        return Err(marked(&from, mark));
    }
    same_version(&mut source, &from, of.migrations)?;
    mover.check(&mut source.tx())?;
    if let Some(mut target) = open(of.to)? {
        may_be_filled(of, &mut target)?;
    }
    source.begin_reading()?;
    let found = tables(&mut source)?;
    let counted = found.into_iter().map(|table| {
        let rows = count(&mut source, &table)?;
        Ok((table.name, rows))
    });
    let counted = counted.collect();
    source.roll_back();
    counted
}

/// Moves it; see the module. Every table with its number of rows.
pub fn run(of: &Move<'_>, mover: &mut dyn Mover) -> Result<Vec<Counted>, MoveError> {
    let from = shown(of.from);
    let mut source = open(of.from)?.ok_or_else(|| MoveError::Missing(from.clone()))?;
    let mark = mark_of(&mut source)?;
    if let Some(Mark::Moved { id, to }) = &mark {
        return finish(of, &mut source, (id, to), mover);
    }
    if let Some(mark) = mark {
        return Err(marked(&from, mark));
    }
    same_version(&mut source, &from, of.migrations)?;
    mover.check(&mut source.tx())?;
    let mut target = End::create(of.to).map_err(|error| MoveError::Open(shown(of.to), error))?;
    make(of, &mut target)?;
    source.hold()?;
    let moved = hand_over(of, (&mut source, &mut target), mover);
    if moved.is_err() {
        source.roll_back();
    }
    let moved = moved?;
    mover.reached(Reached::SourceGivenUp)?;
    complete(&of.id, of.to, &mut target, mover)?;
    Ok(moved)
}

fn open(target: &Target) -> Result<Option<End>, MoveError> {
    End::open(target).map_err(|error| MoveError::Open(shown(target), error))
}

fn marked(name: &str, mark: Mark) -> MoveError {
    match mark {
        Mark::Moved { to, .. } => MoveError::MovedAlready(name.to_owned(), to),
        Mark::Incomplete { from, .. } => MoveError::IsCopy(name.to_owned(), from),
    }
}

fn mark_of(end: &mut End) -> Result<Option<Mark>, MoveError> {
    if has_schema(end)? { Ok(Mark::read(&mut end.tx())?) } else { Ok(None) }
}

fn same_version(end: &mut End, name: &str, migrations: &[Migration]) -> Result<(), MoveError> {
    if !has_schema(end)? {
        return Err(MoveError::NoPlatform(name.to_owned()));
    }
    let mut found = applied(&mut end.tx())?;
    found.reverse();
    if migrations.iter().map(|one| one.version).eq(found.iter().copied()) {
        return Ok(());
    }
    let last = |all: Option<i64>| all.unwrap_or(0);
    let known = last(migrations.last().map(|one| one.version));
    Err(MoveError::Version(name.to_owned(), last(found.last().copied()), known))
}

/// Whether the target is empty, or what an interrupted move of this very source has left, whose id
/// it then is.
fn may_be_filled(of: &Move<'_>, target: &mut End) -> Result<Option<String>, MoveError> {
    if is_empty(target)? {
        return Ok(None);
    }
    let to = shown(of.to);
    match mark_of(target)? {
        // Its source was never given up for it.
        Some(Mark::Incomplete { stage: Stage::Copying, id, .. }) => Ok(Some(id)),
        Some(Mark::Incomplete { stage: Stage::Verified, id, from }) => {
            if from == shown(of.from) {
                Ok(Some(id))
            } else {
                Err(MoveError::OthersCopy(to, from))
            }
        }
        Some(Mark::Moved { .. }) | None => Err(MoveError::NotEmpty(to)),
    }
}

/// Makes the target an incomplete copy with no rows in it.
fn make(of: &Move<'_>, target: &mut End) -> Result<(), MoveError> {
    let left = may_be_filled(of, target)?;
    target.begin()?;
    if left.is_some() {
        target.wipe()?;
    }
    let made = migrate(&mut target.tx(), of.migrations, OnEmpty::Fill);
    made.map_err(|error| MoveError::Open(shown(of.to), error))?;
    for table in tables(target)? {
        // Some migrations bring rows of their own, which the source has as well.
        target.batch(&format!("DELETE FROM {}", catalogue::quoted(&table.name)))?;
    }
    let (id, from) = (of.id.clone(), shown(of.from));
    Mark::Incomplete { stage: Stage::Copying, id, from }.put(&mut target.tx())?;
    Ok(target.batch("COMMIT")?)
}

/// From the first row to the moment at which the source is given up. The source is held.
fn hand_over(
    of: &Move<'_>,
    (source, target): (&mut End, &mut End),
    mover: &mut dyn Mover,
) -> Result<Vec<Counted>, MoveError> {
    mover.reached(Reached::Held)?;
    // Another move may have been faster.
    if let Some(mark) = mark_of(source)? {
        return Err(marked(&shown(of.from), mark));
    }
    let found = same_tables(source, target)?;
    for table in &found {
        let rows = copy(of, (source, target), table)?;
        mover.reached(Reached::Copied(table.name.clone(), rows))?;
    }
    target.begin_reading()?;
    let compared = compare_all((source, target), &found, mover);
    target.roll_back();
    let compared = compared?;
    target.settle()?;
    let (id, from) = (of.id.clone(), shown(of.from));
    target.write(|tx| {
        own_mark(tx, of)?;
        Ok(Mark::Incomplete { stage: Stage::Verified, id, from }.put(tx)?)
    })?;
    mover.reached(Reached::Verified)?;
    source.fence(&found)?;
    Mark::Moved { id: of.id.clone(), to: shown(of.to) }.put(&mut source.tx())?;
    source.batch("COMMIT")?;
    Ok(compared)
}

fn same_tables(source: &mut End, target: &mut End) -> Result<Vec<Table>, MoveError> {
    let (ours, theirs) = (tables(source)?, tables(target)?);
    let has = |all: &[Table], one: &Table| {
        // A column added by a migration stands where its engine puts it: at the end of both.
        all.iter().any(|other| other == one)
    };
    let odd = ours.iter().find(|table| !has(&theirs, table));
    match odd.or_else(|| theirs.iter().find(|table| !has(&ours, table))) {
        Some(odd) => Err(MoveError::Shape(odd.name.clone())),
        None => Ok(ours),
    }
}

fn copy(
    of: &Move<'_>,
    (source, target): (&mut End, &mut End),
    table: &Table,
) -> Result<u64, MoveError> {
    let mut pages = Pages::new(table);
    let mut rows = 0;
    let mut page = pages.next(source)?;
    while !page.is_empty() {
        target.begin()?;
        own_mark(&mut target.tx(), of)?;
        for _ in 0..PAGES_COMMITTED {
            rows += page.len() as u64;
            write(target, table, &page)?;
            page = pages.next(source)?;
            if page.is_empty() {
                break;
            }
        }
        target.batch("COMMIT")?;
    }
    Ok(rows)
}

/// Whether the target is still this move's: another one may have begun anew in it.
fn own_mark(tx: &mut Tx<'_>, of: &Move<'_>) -> Result<(), MoveError> {
    match Mark::read(tx)? {
        Some(Mark::Incomplete { id, .. }) if id == of.id => Ok(()),
        Some(Mark::Incomplete { .. } | Mark::Moved { .. }) | None => {
            Err(MoveError::Overtaken(shown(of.to)))
        }
    }
}

fn compare_all(
    (source, target): (&mut End, &mut End),
    all: &[Table],
    mover: &mut dyn Mover,
) -> Result<Vec<Counted>, MoveError> {
    let mut compared = Vec::new();
    for table in all {
        let mut each = |side, bytes: &[u8]| mover.row(&table.name, side, bytes);
        let rows = compare((source, target), table, &mut each)?;
        mover.reached(Reached::Compared(table.name.clone(), rows))?;
        compared.push((table.name.clone(), rows));
    }
    Ok(compared)
}

/// Brings a move to its end that was interrupted after its source was given up.
fn finish(
    of: &Move<'_>,
    source: &mut End,
    (id, to): (&str, &str),
    mover: &mut dyn Mover,
) -> Result<Vec<Counted>, MoveError> {
    let already = || MoveError::MovedAlready(shown(of.from), to.to_owned());
    let mut target = open(of.to)?.ok_or_else(already)?;
    match mark_of(&mut target)? {
        Some(Mark::Incomplete { stage: Stage::Verified, id: copys, .. }) if copys == id => {}
        Some(Mark::Incomplete { .. } | Mark::Moved { .. }) | None => return Err(already()),
    }
    source.begin_reading()?;
    target.begin_reading()?;
    let found = same_tables(source, &mut target)?;
    let compared = compare_all((source, &mut target), &found, mover);
    source.roll_back();
    target.roll_back();
    let compared = compared?;
    complete(id, of.to, &mut target, mover)?;
    Ok(compared)
}

fn complete(
    id: &str,
    to: &Target,
    target: &mut End,
    mover: &mut dyn Mover,
) -> Result<(), MoveError> {
    target.write(|tx| {
        match Mark::read(tx)? {
            Some(Mark::Incomplete { stage: Stage::Verified, id: copys, .. }) if copys == id => {}
            Some(Mark::Incomplete { .. } | Mark::Moved { .. }) | None => {
                return Err(MoveError::Overtaken(shown(to)));
            }
        }
        mover.complete(tx)?;
        Ok(Mark::take_away(tx)?)
    })?;
    target.settle()?;
    mover.reached(Reached::Done)
}

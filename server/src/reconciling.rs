//! The bank's daily file against the books: what both have is well, each difference is a case until
//! it is closed (docs/operations/reconciliation.md).

mod cases;
mod compare;
pub mod file;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use domain::AspId;
use store::Store;
use store::tables::PLATFORM;
use store::tables::log::Moment;

use crate::context::Core;
use crate::delivery::work::WorkError;
use crate::keys::change::Change;
use crate::operator::{Mode, PartnersError, machine_user, partners_of};

pub use cases::{BY_FILE, Refusal, Whose, close, open_ones};
pub use compare::Counts;
use file::{BankFile, Wrong};

/// Differences of a file at the most: more are no differences, but another file.
pub const DIFFERENCES_MAX: u64 = 10_000;

/// What has come of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The bank's day.
    pub day: String,
    /// How many transactions came out how.
    pub counts: Counts,
    /// Cases that were opened.
    pub opened: u64,
    /// Cases that the file does not show any more.
    pub closed: u64,
    /// Cases of the day that are open now.
    pub open: u64,
}

/// Why nothing has come of a file, or of a case.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// It cannot be opened.
    #[error("the file {0} cannot be opened: {1}")]
    Open(PathBuf, io::Error),
    /// It is refused.
    #[error("the file is refused, nothing was written: {0}")]
    Refused(#[from] Wrong),
    /// It is somebody else's.
    #[error("the file is of the institution {found}, ours is {ours}: fetch our own file")]
    OtherInstitution {
        /// Whose it is.
        found: String,
        /// Ours.
        ours: String,
    },
    /// The day is to come.
    #[error("the bank's day {day} is to come, today is {today}: is it the right file?")]
    Future {
        /// The day of the file.
        day: String,
        /// The day of business.
        today: String,
    },
    /// It is another file.
    #[error(
        "more than {DIFFERENCES_MAX} transactions differ, nothing was written: look whether it is \
         the file of that day and of this database"
    )]
    TooManyDifferences,
    /// The partners.
    #[error(transparent)]
    Partners(#[from] PartnersError),
    /// A case.
    #[error(transparent)]
    Case(#[from] Refusal),
    /// The database.
    #[error("{0}; run it again: it counts whole or not at all")]
    Work(#[from] WorkError),
}

/// Compares a file with the books of a partner, or of all, and writes down what differs.
pub async fn reconcile(
    store: &Store,
    core: &Core,
    path: &Path,
    only: Option<&AspId>,
    (now, mode): (Moment, Mode),
) -> Result<Report, ReconcileError> {
    let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    });
    let opened = opened.map_err(|error| ReconcileError::Open(path.to_owned(), error))?;
    let file = BankFile::read(BufReader::new(opened))?;
    let (found, ours) = (file.institution.clone(), core.institution_code.to_string());
    if found != ours {
        return Err(ReconcileError::OtherInstitution { found, ours });
    }
    let (day, today) = (file.day.clone(), now.business.business_day().to_string());
    if day > today {
        return Err(ReconcileError::Future { day, today });
    }
    let partners = partners_of(store, only).await?;
    let nobody = only.cloned().unwrap_or_else(|| AspId::new(PLATFORM));
    let compared = compare::compare(store, &file, &partners, &nobody).await?;
    let scope = cases::scope(store, only).await?;
    let found = cases::Found::of(&file, compared, (only, scope));
    let reason = format!("the bank's file of {}", file.day);
    let change = Change { by: machine_user(), reason, now: now.real };
    cases::write(store, core, &found, (&change, mode)).await
}

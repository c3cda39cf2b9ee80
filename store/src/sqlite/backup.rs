//! A copy of a SQLite database while servers write to it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::error::db_error;
use crate::error::DbError;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is not there.
    #[error("there is no database {}", .0.display())]
    Missing(PathBuf),
    /// The copy is there already.
    #[error("{} is there already: give another name", .0.display())]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("the copy {} cannot be written: {source}", path.display())]
    File {
        /// The copy.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The database.
    #[error("the database cannot be copied: {0}")]
    Db(#[from] DbError),
    /// The copy is not whole.
    #[error("the copy is not whole, so it was thrown away: {0}")]
    Broken(String),
}

/// Copies the database as it is at one moment, without a pause for whoever writes: meanwhile its
/// log grows. The copy is read through before it gets its name, which it has whole or not at all;
/// it is for the owner alone. How many bytes it has.
pub fn backup(from: &Path, to: &Path) -> Result<u64, BackupError> {
    if !from.exists() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let failed = |source| BackupError::File { path: to.to_owned(), source };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = folder.join(name);
    create(&part).map_err(failed)?;
    let copied = copy(from, &part).and_then(|()| {
        File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&part, to).map_err(failed)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    });
    if copied.is_err() {
        // What is left of it is of no use to anybody.
        let _ = fs::remove_file(&part);
    }
    copied?;
    Ok(fs::metadata(to).map_err(failed)?.len())
}

/// Empty, for the owner alone: SQLite writes into it.
fn create(part: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(part).map(drop)
}

fn copy(from: &Path, part: &Path) -> Result<(), BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(db_error)?;
    let name = part.to_string_lossy();
    source.execute("VACUUM INTO ?1", params![name]).map_err(db_error)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let made = Connection::open_with_flags(part, flags).map_err(db_error)?;
    let found: String =
        made.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(db_error)?;
    if found == "ok" { Ok(()) } else { Err(BackupError::Broken(found)) }
}

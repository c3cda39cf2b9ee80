//! Files that hold secrets: nobody else may read them.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crypto::secret::Secret;
use rustix::process::getuid;
use zeroize::Zeroizing;

/// Longest file that is read, bytes.
const BYTES_MAX: u64 = 64 * 1024;
/// The bits of a mode that let others than the owner in.
const OTHERS: u32 = 0o077;

/// Why such a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The system's reason.
    #[error("cannot read {path}: {why}", path = .0.display(), why = .1)]
    Read(PathBuf, io::Error),
    /// A folder, or something else.
    #[error("{} is no file", .0.display())]
    NoFile(PathBuf),
    /// Others can read it.
    #[error(
        "{path} has the mode {mode:04o}, which lets others in: run `chmod 600 {path}`",
        path = .0.display(), mode = .1
    )]
    Open(PathBuf, u32),
    /// It is another user's, who can change it.
    #[error(
        "{path} belongs to the user {owner}: it must belong to the user who runs platen, or to \
         root",
        path = .0.display(), owner = .1
    )]
    Owner(PathBuf, u32),
    /// It cannot be what it should be.
    #[error("{} holds more than {BYTES_MAX} bytes", .0.display())]
    Long(PathBuf),
    /// There is nothing in it, or no text.
    #[error("{} does not hold a text", .0.display())]
    NoText(PathBuf),
}

/// The bytes of a file that nobody else may read.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| SecretFileError::Read(path.to_owned(), error))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(SecretFileError::Long(path.to_owned()));
    }
    Ok(bytes)
}

/// Opens a file that nobody else may read.
pub fn open(path: &Path) -> Result<File, SecretFileError> {
    let wrong = |error| SecretFileError::Read(path.to_owned(), error);
    // Asked before it is opened: a pipe would make that wait.
    if !fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(SecretFileError::NoFile(path.to_owned()));
    }
    let file = File::open(path).map_err(wrong)?;
    is_own(path, &file.metadata().map_err(wrong)?)?;
    Ok(file)
}

/// The text of such a file, without the white space around it.
pub fn text(path: &Path) -> Result<Secret<String>, SecretFileError> {
    let bytes = read(path)?;
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text.to_owned())),
        Ok(_) | Err(_) => Err(SecretFileError::NoText(path.to_owned())),
    }
}

fn is_own(path: &Path, found: &Metadata) -> Result<(), SecretFileError> {
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    if mode & OTHERS != 0 {
        return Err(SecretFileError::Open(path.to_owned(), mode));
    }
    if owner != getuid().as_raw() && owner != 0 {
        return Err(SecretFileError::Owner(path.to_owned(), owner));
    }
    Ok(())
}

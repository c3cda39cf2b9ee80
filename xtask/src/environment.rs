//! What xtask takes from its environment: the only place that reads variables.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The workspace's folder: the one above this crate.
pub(crate) fn root() -> PathBuf {
    let manifest = variable("CARGO_MANIFEST_DIR");
    let own = manifest.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The cargo that runs xtask.
pub(crate) fn cargo() -> PathBuf {
    variable("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    let target =
        variable("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target)
}

/// Where cargo puts the release build of the server.
pub(crate) fn release_binary() -> PathBuf {
    target_folder().join("release").join(format!("platen{}", env::consts::EXE_SUFFIX))
}

/// The first program of this name in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A folder for temporary files.
pub(crate) fn temporary_folder() -> PathBuf {
    env::temp_dir()
}

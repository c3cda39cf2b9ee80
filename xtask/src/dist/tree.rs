//! The files of a package, laid out in a folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// A folder that is laid out anew.
pub(super) struct Layout {
    pub(super) folder: PathBuf,
    /// Paths of what is installed, without the first `/`, in the order in which they were put.
    pub(super) files: Vec<String>,
}

impl Layout {
    /// Empties the folder.
    pub(super) fn begin(folder: PathBuf) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        make(&folder)?;
        Ok(Layout { folder, files: Vec::new() })
    }

    /// Puts a file that is installed.
    pub(super) fn put(&mut self, path: &str, contents: &[u8], mode: u32) -> Outcome {
        self.write(path, contents, mode)?;
        self.files.push(path.to_owned());
        Ok(())
    }

    /// Puts a file that the package manager has for itself.
    pub(super) fn control(&self, name: &str, contents: &str, mode: u32) -> Outcome {
        self.write(&format!("DEBIAN/{name}"), contents.as_bytes(), mode)
    }

    fn write(&self, path: &str, contents: &[u8], mode: u32) -> Outcome {
        let file = self.folder.join(path);
        let mut above = self.folder.clone();
        for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
            above.push(part);
            make(&above)?;
        }
        let failed = |error| format!("{}: {error}", file.display());
        fs::write(&file, contents).map_err(failed)?;
        fs::set_permissions(&file, Permissions::from_mode(mode)).map_err(failed)
    }

    /// What the installed files take, KiB, as Debian counts: each rounded up, and one for each
    /// folder left out.
    pub(super) fn kilobytes(&self) -> Result<u64, String> {
        let mut all = 0;
        for path in &self.files {
            let file = self.folder.join(path);
            let bytes = fs::metadata(&file).map_err(|error| format!("{path}: {error}"))?.len();
            all += bytes.div_ceil(1_024);
        }
        Ok(all)
    }
}

/// A folder with the rights that it has in the package, whatever the user's own mask.
fn make(folder: &Path) -> Outcome {
    let made = fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)));
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

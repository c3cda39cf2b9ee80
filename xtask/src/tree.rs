//! The workspace's files, as the house rules see them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A larger file is not one that somebody writes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Folders that hold what is made or fetched.
const PASSED_OVER: &[&str] = &[".git", "corpus", "node_modules", "platen-data", "target"];
/// What cargo puts into a folder of its own, whatever its name.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// A file of text.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the workspace's folder, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    /// Whether its name ends so.
    pub(crate) fn is(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// Its lines with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Those that are text.
    pub(crate) sources: Vec<Source>,
    /// All paths: text, other files and folders.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the files below a folder.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Tree::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), String> {
        let failed = |error| format!("cannot read {}: {error}", folder.display());
        let mut entries = fs::read_dir(folder)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            let is_cache = || entry.path().join(CACHE_MARK).exists();
            if kind.is_dir() && !PASSED_OVER.contains(&name.as_str()) && !is_cache() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
                self.paths.insert(path);
            } else if kind.is_file() {
                let size = entry.metadata().map_err(failed)?.len();
                if size <= FILE_BYTES_MAX
                    && let Ok(text) = fs::read_to_string(entry.path())
                {
                    self.sources.push(Source { path: path.clone(), text });
                }
                self.paths.insert(path);
            }
        }
        Ok(())
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    /// The file of this path.
    pub(crate) fn find(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// Text files whose name ends so.
    pub(crate) fn ending(&self, ending: &str) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |source| source.is(ending))
    }

    /// A tree of these files.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Tree::default();
        for (path, text) in files {
            for (index, _) in path.match_indices('/') {
                tree.paths.insert(path[..index].to_owned());
            }
            tree.paths.insert((*path).to_owned());
            tree.sources.push(Source { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment;

    #[test]
    fn own_files_are_found_and_what_cargo_made_is_not() {
        let tree = Tree::read(&environment::root()).unwrap();
        assert!(tree.find("xtask/src/tree.rs").unwrap().text.contains("own_files_are_found"));
        assert!(tree.has("xtask/src") && tree.has(".ci/run"));
        assert!(!tree.sources.iter().any(|source| source.path.starts_with("target/")));
    }
}

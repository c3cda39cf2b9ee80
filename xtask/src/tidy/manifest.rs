//! The little of a `Cargo.toml` that the rules look at.

use crate::tree::{Source, Tree};

/// `name = value`, or `[section.name]`, in one of the sections of dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) name: &'a str,
    /// All that stands behind the name.
    pub(super) value: &'a str,
    pub(super) line: usize,
    /// Whether a comment stands right above.
    pub(super) is_explained: bool,
}

impl Dependency<'_> {
    /// Whether it is a crate of this workspace, as the workspace's manifest writes it.
    pub(super) fn is_own(&self) -> bool {
        self.value.contains("path =")
    }
}

const SECTIONS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// The dependencies of a manifest, of every kind and target.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut is_inside = false;
    let mut is_explained = false;
    for (index, line) in manifest.lines().enumerate() {
        let (text, line) = (line.trim(), index + 1);
        if let Some(section) = text.strip_prefix('[').and_then(|text| text.split(']').next()) {
            is_inside = SECTIONS.iter().any(|name| last_part(section) == *name);
            let one = section
                .rsplit_once('.')
                .filter(|(head, _)| SECTIONS.iter().any(|section| last_part(head) == *section));
            if let Some((_, name)) = one {
                found.push(Dependency { name, value: "", line, is_explained });
            }
        } else if is_inside && let Some((name, value)) = split(text) {
            found.push(Dependency { name, value, line, is_explained });
        }
        is_explained = text.starts_with('#');
    }
    found
}

fn last_part(section: &str) -> &str {
    section.rsplit('.').next().unwrap_or(section)
}

/// A name and what follows it; a line within a list of values begins with no name.
fn split(text: &str) -> Option<(&str, &str)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let end = text.find(|letter| !is_name(letter)).filter(|end| *end > 0)?;
    let (name, value) = text.split_at(end);
    value.trim_start().starts_with(['=', '.']).then(|| (name, value.trim()))
}

/// The workspace's own manifest.
pub(super) fn of_workspace(tree: &Tree) -> &str {
    tree.find("Cargo.toml").map_or("", |source| &source.text)
}

/// A workspace of its own: its crate is built for fuzzing alone.
const FUZZ: &str = "fuzz/Cargo.toml";

/// The manifests of the crates, each with the name of its folder.
pub(super) fn of_crates(tree: &Tree) -> impl Iterator<Item = (&str, &Source)> {
    let manifests = tree.ending("/Cargo.toml").filter(|source| source.path != FUZZ);
    manifests.map(|source| (source.path.trim_end_matches("/Cargo.toml"), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_kind_are_found() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\n# Why.\nserde = \"1\"\n\
            own = { path = \"own\" }\nb.workspace = true\nfeatures = [\n    \"x\",\n]\n\
            [target.'cfg(unix)'.dependencies]\nc = \"1\"\n[dev-dependencies.d]\nversion = \"1\"\n\
            [lints]\nworkspace = true\n";
        let found = dependencies(manifest);
        let names: Vec<&str> = found.iter().map(|dependency| dependency.name).collect();
        assert_eq!(names, ["serde", "own", "b", "features", "c", "d"]);
        assert_eq!((found[0].is_explained, found[0].line, found[0].value), (true, 5, "= \"1\""));
        assert_eq!((found[1].is_explained, found[1].is_own()), (false, true));
        assert_eq!(found[2].value, ".workspace = true");
    }
}

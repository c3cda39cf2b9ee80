//! What the workspace depends on.

use super::manifest::{self, Dependency};
use crate::tree::Tree;

/// Direct dependencies that are not ours: fewer than this.
const DIRECT_LIMIT: usize = 45;
/// Packages in `Cargo.lock`: fewer than this.
const LOCKED_LIMIT: usize = 350;

fn direct(tree: &Tree) -> Vec<Dependency<'_>> {
    let mut all = manifest::dependencies(manifest::of_workspace(tree));
    all.retain(|dependency| !dependency.is_own());
    all
}

fn locked(tree: &Tree) -> usize {
    let lock = tree.find("Cargo.lock").map_or("", |source| &source.text);
    lock.lines().filter(|line| *line == "[[package]]").count()
}

/// How many there are, as a sentence.
pub(super) fn counts(tree: &Tree) -> String {
    let (direct, locked) = (direct(tree).len(), locked(tree));
    format!(
        "{direct} direct dependencies (fewer than {DIRECT_LIMIT}), \
         {locked} locked packages (fewer than {LOCKED_LIMIT})"
    )
}

pub(super) fn few(tree: &Tree) -> Vec<String> {
    let is_within = direct(tree).len() < DIRECT_LIMIT && locked(tree) < LOCKED_LIMIT;
    if is_within { Vec::new() } else { vec![counts(tree)] }
}

/// A comment stands right above, or above the dependency whose family it is of, as `hyper-util`
/// is of `hyper`'s.
pub(super) fn reasons(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    let mut family: Option<&str> = None;
    for dependency in direct(tree) {
        let name = dependency.name;
        let is_relative = family.is_some_and(|head| {
            name.strip_prefix(head).is_some_and(|rest| rest.starts_with(['-', '_']))
        });
        if dependency.is_explained {
            family = Some(name);
        } else if !is_relative {
            problems.push(format!("Cargo.toml:{}: {name} has no reason above", dependency.line));
        }
    }
    problems
}

pub(super) fn one_version(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (_, source) in manifest::of_crates(tree) {
        for Dependency { name, value, line, .. } in manifest::dependencies(&source.text) {
            if !value.contains("workspace = true") {
                problems.push(format!("{}:{line}: {name} is not the workspace's", source.path));
            }
        }
    }
    problems
}

pub(super) fn lints(tree: &Tree) -> Vec<String> {
    let without = manifest::of_crates(tree)
        .filter(|(_, source)| !source.text.contains("[lints]\nworkspace = true"));
    without.map(|(_, source)| format!("{}: no workspace lints", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace.dependencies]\nown = { path = \"own\" }\n\n# Why.\n\
        hyper = \"1\"\nhyper-util = \"1\"\nserde = \"1\"\n# Why too.\ntokio = \"1\"\n";

    #[test]
    fn a_dependency_without_a_reason_is_told() {
        let found = reasons(&Tree::of(&[("Cargo.toml", WORKSPACE)]));
        assert_eq!(found, ["Cargo.toml:7: serde has no reason above"]);
    }

    #[test]
    fn dependencies_are_counted() {
        let lock = "[[package]]\nname = \"a\"\n\n[[package]]\n";
        let tree = Tree::of(&[("Cargo.toml", WORKSPACE), ("Cargo.lock", lock)]);
        assert!(counts(&tree).starts_with("4 direct dependencies (fewer than 45), 2 locked"));
        assert!(few(&tree).is_empty());
        let tree = Tree::of(&[("Cargo.lock", &"[[package]]\n".repeat(350))]);
        assert_eq!(few(&tree).len(), 1);
    }

    #[test]
    fn a_crate_with_versions_or_lints_of_its_own_is_told() {
        let fine = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n\
            tokio = { workspace = true, features = [] }\n";
        let tree =
            Tree::of(&[("a/Cargo.toml", fine), ("b/Cargo.toml", "[dependencies]\nc = \"1\"")]);
        assert_eq!(one_version(&tree), ["b/Cargo.toml:2: c is not the workspace's"]);
        assert_eq!(lints(&tree), ["b/Cargo.toml: no workspace lints"]);
    }
}

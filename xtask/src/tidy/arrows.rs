//! Who knows whom: arrows between crates point one way.

use super::manifest;
use crate::tree::Tree;

/// Each crate and the crates of this workspace that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("bank", &["store"]),
    ("bench", &["bank", "contract", "domain", "platen", "store"]),
    ("client", &["crypto"]),
    ("contract", &[]),
    ("crypto", &[]),
    ("domain", &[]),
    ("server", &["bank", "client", "contract", "crypto", "domain", "store"]),
    ("sim", &["bank", "crypto", "domain", "platen", "store"]),
    ("store", &["domain"]),
    ("xtask", &[]),
];

const HTTP: &[&str] = &["axum", "http-body-util", "hyper", "hyper-util", "reqwest", "tower"];
const SQL: &[&str] = &["postgres", "rusqlite", "store"];
const ASYNC: &[&str] = &["tokio"];
const WIRE: &[&str] = &["serde", "serde_json", "toml"];

/// Each crate and what it never knows.
const NEVER_KNOWS: &[(&str, &[&[&str]])] = &[
    ("client", &[SQL]),
    ("contract", &[HTTP, SQL, ASYNC]),
    ("crypto", &[HTTP, SQL, ASYNC]),
    ("domain", &[HTTP, SQL, ASYNC, WIRE]),
    ("store", &[HTTP]),
];

/// The part of the bank that may use the store.
const SIMULATOR: &str = "bank/src/sim/";

pub(super) fn crates(tree: &Tree) -> Vec<String> {
    let workspace = manifest::dependencies(manifest::of_workspace(tree));
    let own: Vec<&str> = workspace
        .iter()
        .filter(|dependency| dependency.is_own())
        .map(|dependency| dependency.name)
        .collect();
    let mut problems = Vec::new();
    for (folder, source) in manifest::of_crates(tree) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == folder) else {
            problems.push(format!("{}: xtask's list of crates does not have it", source.path));
            continue;
        };
        for used in manifest::dependencies(&source.text) {
            if own.contains(&used.name) && !allowed.contains(&used.name) {
                let (path, line, name) = (&source.path, used.line, used.name);
                problems.push(format!("{path}:{line}: {folder} may not use {name}"));
            }
        }
    }
    problems
}

pub(super) fn trades(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (folder, source) in manifest::of_crates(tree) {
        let banned = NEVER_KNOWS.iter().filter(|(name, _)| *name == folder);
        let banned: Vec<&str> = banned.flat_map(|(_, kinds)| kinds.concat()).collect();
        for used in manifest::dependencies(&source.text) {
            if banned.contains(&used.name) {
                let (path, line, name) = (&source.path, used.line, used.name);
                problems.push(format!("{path}:{line}: {folder} is not to know of {name}"));
            }
        }
    }
    problems
}

pub(super) fn bank(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    let others = tree.ending(".rs").filter(|source| {
        source.path.starts_with("bank/src/") && !source.path.starts_with(SIMULATOR)
    });
    for source in others {
        for (number, line) in source.lines() {
            if line.contains("store::") {
                problems.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace.dependencies]\nstore = { path = \"store\" }\n\
        domain = { path = \"domain\" }\nserde = \"1\"\n";

    #[test]
    fn an_arrow_that_points_up_is_told() {
        let tree = Tree::of(&[
            ("Cargo.toml", WORKSPACE),
            ("domain/Cargo.toml", "[dev-dependencies]\nstore.workspace = true\n"),
            ("store/Cargo.toml", "[dependencies]\ndomain.workspace = true\n"),
            ("new/Cargo.toml", ""),
        ]);
        let told = [
            "domain/Cargo.toml:2: domain may not use store",
            "new/Cargo.toml: xtask's list of crates does not have it",
        ];
        assert_eq!(crates(&tree), told);
    }

    #[test]
    fn a_foreign_trade_is_told() {
        let tree = Tree::of(&[
            ("Cargo.toml", WORKSPACE),
            ("domain/Cargo.toml", "[dependencies]\nserde.workspace = true\njiff = \"1\"\n"),
            ("contract/Cargo.toml", "[dependencies]\nserde.workspace = true\n"),
        ]);
        assert_eq!(trades(&tree), ["domain/Cargo.toml:2: domain is not to know of serde"]);
    }

    #[test]
    fn the_bank_outside_its_simulator_has_no_database() {
        let text = "use store::Store;\n";
        let tree = Tree::of(&[("bank/src/port.rs", text), ("bank/src/sim/file.rs", text)]);
        assert_eq!(bank(&tree), ["bank/src/port.rs:1: use store::Store;"]);
    }
}

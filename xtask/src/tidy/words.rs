//! Words that the sources do not have.

use crate::tree::Tree;

/// Marks of unfinished work.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const ALLOWED: &[&str] = &[concat!("#[all", "ow("), concat!("#![all", "ow(")];
/// Texts that are not ours.
const NOT_OURS: &[&str] = &["Cargo.lock", "LICENSE"];

pub(super) fn unfinished(tree: &Tree) -> Vec<String> {
    let own = tree.sources.iter().filter(|source| !NOT_OURS.contains(&source.path.as_str()));
    let mut problems = Vec::new();
    for source in own {
        for (number, line) in source.lines() {
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            for word in words.filter(|word| UNFINISHED.contains(word)) {
                problems.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    problems
}

pub(super) fn allowed(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for source in tree.ending(".rs") {
        for (number, line) in source.lines() {
            if ALLOWED.iter().any(|start| line.trim_start().starts_with(start)) {
                problems.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_told() {
        let [todo, fixme, marks] = UNFINISHED else { panic!("three words") };
        let text = format!("// {todo}: more\nlet a = b; // ({fixme})\n# {marks}\n");
        let tree = Tree::of(&[("a.rs", &text), ("Cargo.lock", todo)]);
        let problems: Vec<String> = ["1", "2", "3"]
            .iter()
            .zip(UNFINISHED)
            .map(|(number, word)| format!("a.rs:{number}: {word}"))
            .collect();
        assert_eq!(unfinished(&tree), problems);
        let fine = format!("mktemp {marks}{marks}; {todo}S; to do");
        assert!(unfinished(&Tree::of(&[("a.sh", &fine)])).is_empty());
    }

    #[test]
    fn allowed_lints_are_told() {
        let text = format!("  {}dead_code)]\n// says {}x)]\n", ALLOWED[0], ALLOWED[0]);
        let found = allowed(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(found, [format!("a.rs:1: {}dead_code)]", ALLOWED[0])]);
    }
}

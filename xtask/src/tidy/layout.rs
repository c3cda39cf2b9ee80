//! Lengths of lines and files.

use crate::tree::{Source, Tree};

const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 500;

fn is_code(source: &&Source) -> bool {
    [".rs", ".mjs", ".sql"].iter().any(|ending| source.is(ending))
}

/// Columns are characters. A table that rustfmt is told to skip may be wider, and so may a
/// comment with an address in it.
pub(super) fn lines(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for source in tree.sources.iter().filter(is_code) {
        let mut skipped = Skipped::default();
        for (number, line) in source.lines() {
            let columns = line.chars().count();
            let is_free = skipped.takes(line) || has_address(line);
            if columns > COLUMNS_MAX && !is_free {
                problems.push(format!("{}:{number}: {columns} columns", source.path));
            }
        }
    }
    problems
}

pub(super) fn files(tree: &Tree) -> Vec<String> {
    let lengths =
        tree.sources.iter().filter(is_code).map(|source| (source, source.lines().count()));
    let long = lengths.filter(|(_, count)| *count > LINES_MAX);
    long.map(|(source, count)| format!("{}: {count} lines", source.path)).collect()
}

fn has_address(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with("//") || line.starts_with("--")) && line.contains("://")
}

/// Follows the items behind `#[rustfmt::skip]`: up to the line, as deep as the attribute, that
/// closes them.
#[derive(Default)]
struct Skipped {
    depth: Option<usize>,
}

impl Skipped {
    fn takes(&mut self, line: &str) -> bool {
        let text = line.trim();
        let depth = line.len() - line.trim_start().len();
        if text.starts_with(concat!("#[rustfmt", "::skip]")) {
            self.depth = Some(depth);
        }
        let is_taken = self.depth.is_some();
        if self.depth == Some(depth) && (text.ends_with(';') || text.starts_with('}')) {
            self.depth = None;
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_told() {
        let wide = "x".repeat(101);
        let hangul = "카".repeat(100);
        let address = format!("    // https://example.org/{wide}");
        for (text, problems) in [
            (wide.as_str(), &["a.rs:1: 101 columns"][..]),
            (&hangul, &[]),
            (&address, &[]),
            (&format!("f(\"https://{wide}\");"), &["a.rs:1: 115 columns"]),
        ] {
            assert_eq!(lines(&Tree::of(&[("a.rs", text)])), problems, "{text}");
        }
        assert!(lines(&Tree::of(&[("a.md", &wide)])).is_empty());
    }

    #[test]
    fn a_skipped_item_may_be_wide_and_the_next_may_not() {
        let wide = "x".repeat(101);
        let skip = concat!("#[rustfmt", "::skip]");
        let text = format!(
            "{skip}\npub const T: &[u8] = &[\n    {wide};\n    b,\n];\n{wide}\n\
             {skip}\nfn f() {{\n    {wide}\n}}\n{wide}\n"
        );
        let found = lines(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(found, ["a.rs:6: 101 columns", "a.rs:11: 101 columns"]);
    }

    #[test]
    fn long_files_are_told() {
        let tree = Tree::of(&[("a.rs", &"\n".repeat(501)), ("b.sql", &"\n".repeat(500))]);
        assert_eq!(files(&tree), ["a.rs: 501 lines"]);
    }
}

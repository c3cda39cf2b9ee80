//! Links from one document to another file.

use crate::tree::Tree;

pub(super) fn resolve(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for source in tree.ending(".md") {
        let mut is_code = false;
        for (number, line) in source.lines() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            }
            if is_code {
                continue;
            }
            for target in targets(line) {
                if !leads_somewhere(tree, &source.path, target) {
                    problems.push(format!("{}:{number}: no file {target}", source.path));
                }
            }
        }
    }
    problems
}

/// The targets of links and pictures in a line, outside what is set as code.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let texts = line.split('`').step_by(2);
    // `[text]` set as code leaves `](target)` at the head of the next piece.
    for text in texts {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, end)) = after.split_once(')') else { break };
            found.extend(target.split_whitespace().next());
            rest = end;
        }
    }
    found
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let target = target.trim_matches(['<', '>']);
    let file = target.split('#').next().unwrap_or(target);
    if target.contains("://") || target.starts_with("mailto:") || file.is_empty() {
        return true;
    }
    let (folder, file) = match file.strip_prefix('/') {
        Some(from_root) => ("", from_root),
        None => (from.rsplit_once('/').map_or("", |(folder, _)| folder), file),
    };
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            part => parts.push(part),
        }
    }
    tree.has(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_is_told() {
        let text = "[a](b.md#part) ![p](../picture.png \"P\") [`c`](../src/lib.rs)\n\
            [w](https://example.org/x) [h](#here) [m](mailto:a@b.c) [s](../src/)\n\
            `[no](link.md)`\n```\n[no](code.md)\n```\n[gone](gone.md) and [up](../../up.md)\n";
        let tree = Tree::of(&[
            ("docs/a.md", text),
            ("docs/b.md", ""),
            ("picture.png", ""),
            ("src/lib.rs", ""),
        ]);
        let told = ["docs/a.md:7: no file gone.md", "docs/a.md:7: no file ../../up.md"];
        assert_eq!(resolve(&tree), told);
    }
}

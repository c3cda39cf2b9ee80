//! `gen`: pages of docs/reference, which the server prints from its own definitions.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, environment, run, say, usage};

/// A page: what `platen reference` calls it, and its file.
const PAGES: &[(&str, &str)] = &[("settings", "docs/reference/settings.md")];

/// Which server prints the pages.
pub(crate) enum Printer {
    /// One that cargo builds first.
    Cargo,
    /// One that is built.
    Binary(PathBuf),
}

pub(crate) fn command(arguments: &[&str]) -> Outcome {
    match arguments {
        [] => write(),
        ["--check"] => check(&Printer::Cargo),
        _ => Err(usage("gen")),
    }
}

fn write() -> Outcome {
    for (name, path) in PAGES {
        let text = print(&Printer::Cargo, name)?;
        let file = environment::root().join(path);
        let folder = file.parent().unwrap_or(Path::new("."));
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
        written.map_err(|error| format!("cannot write {path}: {error}"))?;
        say::line(&format!("wrote {path}"));
    }
    Ok(())
}

/// Fails where a page is not what the server prints.
pub(crate) fn check(printer: &Printer) -> Outcome {
    for (name, path) in PAGES {
        let expected = print(printer, name)?;
        let found = fs::read_to_string(environment::root().join(path)).unwrap_or_default();
        if let Some(difference) = difference(&found, &expected) {
            return Err(format!("{path} is out of date: run `cargo xtask gen`\n{difference}"));
        }
    }
    Ok(())
}

fn print(printer: &Printer, name: &str) -> Result<String, String> {
    let arguments = ["reference", name];
    let mut command = match printer {
        Printer::Cargo => run::cargo(&["run", "--quiet", "--locked", "--package", "platen", "--"]),
        Printer::Binary(file) => run::command(file),
    };
    run::output(command.args(arguments))
}

/// The first line in which two texts differ, as found and as expected.
fn difference(found: &str, expected: &str) -> Option<String> {
    if found == expected {
        return None;
    }
    let (mut left, mut right) = (found.split('\n'), expected.split('\n'));
    for number in 1.. {
        let (found, expected) = (left.next(), right.next());
        if found != expected {
            let line = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
            return Some(format!("line {number}\n  - {}\n  + {}", line(found), line(expected)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_told() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let told = difference("a\nb\n", "a\nc\n").unwrap();
        assert_eq!(told, "line 2\n  - b\n  + c");
        assert_eq!(difference("a", "a\n").unwrap(), "line 2\n  - (the end)\n  + ");
    }
}

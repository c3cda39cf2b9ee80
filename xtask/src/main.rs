//! The project's own commands; `cargo xtask help` lists them.

mod bench;
mod dist;
mod environment;
mod fuzz;
mod packages;
mod pages;
mod postgres;
mod run;
mod say;
mod simulation;
mod tally;
mod test;
mod tidy;
mod tools;
mod tree;

use std::process::ExitCode;

/// What a command says when it did not end well: one or more whole lines.
type Outcome = Result<(), String>;

struct Command {
    name: &'static str,
    usage: &'static str,
    doc: &'static str,
    /// What `--help` tells beside the two.
    details: fn() -> Result<String, String>,
    run: fn(&[&str]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        usage: "test [--only STEP]",
        doc: "installs what the tests need and is missing, then runs every test on both engines",
        details: test::details,
        run: test::command,
    },
    Command {
        name: "tidy",
        usage: "tidy",
        doc: "checks the house rules that neither the compiler nor clippy knows",
        details: tidy::details,
        run: tidy::command,
    },
    Command {
        name: "sim",
        usage: "sim [OPTION..]",
        doc: "runs the seeded simulation: 10,000 steps, unless told otherwise",
        details: simulation::details,
        run: simulation::command,
    },
    Command {
        name: "gen",
        usage: "gen [--check]",
        doc: "writes docs/reference from the code; --check: fails where a page differs instead",
        details: nothing,
        run: pages::command,
    },
    Command {
        name: "bench",
        usage: "bench [OPTION..]",
        doc: "measures platen beside what the machine allows, and prints docs/performance.md",
        details: bench::details,
        run: bench::command,
    },
    Command {
        name: "fuzz",
        usage: "fuzz [TARGET] [--seconds N]",
        doc: "makes up hostile inputs, 10 minutes a target, and keeps those that reach new code",
        details: fuzz::details,
        run: fuzz::command,
    },
    Command {
        name: "dist",
        usage: "dist [PART]",
        doc: "builds what an operator installs, in target/dist: binaries, a Debian package",
        details: dist::details,
        run: dist::command,
    },
    Command {
        name: "help",
        usage: "help [COMMAND]",
        doc: "lists these commands, or tells more of one, as COMMAND --help does",
        details: nothing,
        run: help,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, rest) = match arguments.split_first() {
        None | Some((&("-h" | "--help"), _)) => ("help", &[][..]),
        Some((name, rest)) => (*name, rest),
    };
    let command = match find(name) {
        Ok(command) => command,
        Err(message) => {
            say::error(&message);
            return ExitCode::from(2);
        }
    };
    let done = match asks_for_help(rest) {
        true => help(&[name]),
        false => (command.run)(rest),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say::error(&message);
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Result<&'static Command, String> {
    let command = COMMANDS.iter().find(|command| command.name == name);
    command.ok_or_else(|| format!("`{name}` is no command; `cargo xtask help` lists them"))
}

/// Before anything is built, installed or started.
fn asks_for_help(arguments: &[&str]) -> bool {
    arguments.iter().any(|argument| ["-h", "--help"].contains(argument))
}

/// How a command is called; what it says where it was called otherwise.
fn usage(name: &str) -> String {
    let usage = COMMANDS.iter().find(|command| command.name == name);
    format!("usage: cargo xtask {}", usage.map_or(name, |command| command.usage))
}

/// The first option that is none of those listed, one a line, in what a program tells of itself.
fn unknown_option<'a>(listed: &str, arguments: &[&'a str]) -> Option<&'a str> {
    let names = arguments.iter().filter(|argument| argument.starts_with("--"));
    let mut names = names.map(|name| name.split_once('=').map_or(*name, |(name, _)| name));
    names.find(|name| listed.split_whitespace().all(|word| word != *name))
}

fn nothing() -> Result<String, String> {
    Ok(String::new())
}

fn help(arguments: &[&str]) -> Outcome {
    match arguments {
        [] => {
            say::line("Usage: cargo xtask COMMAND\n");
            for command in COMMANDS {
                say::line(&format!("  {:<32} {}", command.usage, command.doc));
            }
            say::line("\n`cargo xtask COMMAND --help` tells more of one.");
        }
        [name] => {
            let command = find(name)?;
            say::line(&format!("cargo xtask {}\n\n{}", command.usage, command.doc));
            let details = (command.details)()?;
            if !details.is_empty() {
                say::line(&format!("\n{}", details.trim_end()));
            }
        }
        _ => return Err(usage("help")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_asked_for_anywhere_and_known_of_each_command() {
        assert!(asks_for_help(&["--seed", "1", "--help"]) && asks_for_help(&["-h"]));
        assert!(!asks_for_help(&["--seed", "1"]));
        for command in COMMANDS {
            assert!(command.usage.starts_with(command.name), "{}", command.usage);
            assert!((command.details)().is_ok(), "{}", command.name);
        }
        assert!(help(&["no-such-command"]).is_err());
    }

    #[test]
    fn an_unknown_option_is_found_among_values() {
        let listed = "--calls <N>  Calls\n--write  Write";
        assert_eq!(unknown_option(listed, &["--calls", "-5", "--write"]), None);
        assert_eq!(unknown_option(listed, &["--calls=5", "--call", "5"]), Some("--call"));
    }
}

//! The project's own commands; `cargo xtask help` lists them.

mod bench;
mod environment;
mod fuzz;
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
    run: fn(&[&str]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        usage: "test [--only STEP]",
        doc: "installs what the tests need and is missing, then runs every test on both engines",
        run: test::command,
    },
    Command {
        name: "tidy",
        usage: "tidy",
        doc: "checks the house rules that neither the compiler nor clippy knows",
        run: tidy::command,
    },
    Command {
        name: "sim",
        usage: "sim [--seed N] [--steps M]",
        doc: "runs the simulation: from seed 1 on, 10,000 steps, unless told otherwise",
        run: simulation::command,
    },
    Command {
        name: "gen",
        usage: "gen [--check]",
        doc: "writes docs/reference from the code; --check: fails where a page differs instead",
        run: pages::command,
    },
    Command {
        name: "bench",
        usage: "bench [--write] [OPTION..]",
        doc: "measures platen beside what the machine allows; --write: into docs/performance.md",
        run: bench::command,
    },
    Command {
        name: "fuzz",
        usage: "fuzz [TARGET] [--seconds N]",
        doc: "makes up hostile inputs, 10 minutes a target, and keeps those that reach new code",
        run: fuzz::command,
    },
    Command { name: "help", usage: "help", doc: "lists these commands", run: help },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, rest) = match arguments.split_first() {
        None | Some((&("-h" | "--help"), _)) => ("help", &[][..]),
        Some((name, rest)) => (*name, rest),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        say::error(&format!("`{name}` is no command; `cargo xtask help` lists them"));
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say::error(&message);
            ExitCode::FAILURE
        }
    }
}

fn help(_: &[&str]) -> Outcome {
    say::line("Usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        say::line(&format!("  {:<32} {}", command.usage, command.doc));
    }
    say::line("\nSteps of test, in their order:\n");
    for step in test::STEPS {
        say::line(&format!("  {:<32} {}", step.name, step.doc));
    }
    Ok(())
}

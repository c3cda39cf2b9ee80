//! `sim`: runs worlds, one after the other, until the steps are done or a rule is broken.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crypto::keyring::{Keyring, generate_all};
use sim::tally::Tally;
use sim::world::{Failure, STEPS_MAX, World};
use tempfile::TempDir;

/// Where files that need not last are fast, on Linux.
const MEMORY: &str = "/dev/shm";
/// What `cargo xtask sim --help` prints too.
const OPTIONS: &str = include_str!("options.txt");
const SEE: &str = "`cargo xtask sim --help` lists the options";
/// Unless told otherwise.
const SEED_DEFAULT: u64 = 1;
const STEPS_DEFAULT: u64 = 10_000;

/// What is asked for.
struct Options {
    seed: u64,
    steps: u64,
    database: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        let _ = write!(std::io::stdout().lock(), "{OPTIONS}");
        return ExitCode::SUCCESS;
    }
    match options(arguments).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Where nobody reads, nobody is told.
            let _ = writeln!(std::io::stderr().lock(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: Vec<String>) -> Result<Options, String> {
    let mut options = Options { seed: SEED_DEFAULT, steps: STEPS_DEFAULT, database: None };
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value; {SEE}"))?;
        let number = || {
            let number = value.parse::<u64>();
            number.map_err(|_| format!("{name} must be a whole number, not `{value}`"))
        };
        match name.as_str() {
            "--seed" => options.seed = number()?,
            "--steps" => options.steps = number()?,
            "--database" => options.database = Some(PathBuf::from(value)),
            _ => return Err(format!("`{name}` is no option; {SEE}")),
        }
    }
    match options.steps {
        0 => Err("--steps must be at least 1".to_owned()),
        _ => Ok(options),
    }
}

fn run(options: &Options) -> Result<(), String> {
    let keys = Keyring::from_keys(&generate_all(), 0).map_err(|error| error.to_string())?;
    let keys = Arc::new(keys);
    let folder = folder()?;
    let mut sum = Tally::default();
    let (mut seed, mut left) = (options.seed, options.steps);
    while left > 0 {
        let steps = left.min(STEPS_MAX);
        let own = folder.path().join(format!("{seed}.db"));
        let file = options.database.as_deref().unwrap_or(&own);
        if file.exists() {
            let file = file.display();
            return Err(format!("{file} is there already: a world begins with no database"));
        }
        let tally = World::run(seed, steps, file, &keys).map_err(|failure| told(&failure))?;
        sum.merge(&tally);
        remove(file)?;
        left -= steps;
        seed = seed.wrapping_add(1);
    }
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{sum}");
    Ok(())
}

fn folder() -> Result<TempDir, String> {
    let made = TempDir::new_in(MEMORY).or_else(|_| TempDir::new());
    made.map_err(|error| format!("cannot make a folder for the database: {error}"))
}

/// Removes a world's database with its journals.
fn remove(file: &Path) -> Result<(), String> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", name.to_string_lossy()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A failure, with what led to it and the command that repeats it.
fn told(failure: &Failure) -> String {
    match failure {
        Failure::Server(error) => error.to_string(),
        Failure::Broken { broken, seed, step, events } => format!(
            "the last events of seed {seed}:\n{}\nstep {step} broke {broken}\n\
             repeat it: cargo xtask sim --seed {seed} --steps {step}",
            events.join("\n")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_say_what_is_the_default() {
        for (option, default) in [("--seed", SEED_DEFAULT), ("--steps", STEPS_DEFAULT)] {
            let line = OPTIONS.lines().find(|line| line.trim_start().starts_with(option));
            assert!(line.unwrap().ends_with(&format!("[default: {default}]")), "{option}");
        }
    }
}

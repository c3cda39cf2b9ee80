//! `sim`: the seeded simulation, built with optimisation.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, environment, run, unknown_option};

/// The simulation's package and its program.
const SIM: &str = "sim";
/// What the program says of its options, which go to it as they are.
const OPTIONS: &str = include_str!("../../sim/src/options.txt");

/// The options.
pub(crate) fn details() -> Result<String, String> {
    Ok(OPTIONS.to_owned())
}

/// Builds the simulation and runs it.
pub(crate) fn command(arguments: &[&str]) -> Outcome {
    if let Some(unknown) = unknown_option(OPTIONS, arguments) {
        return Err(format!("`{unknown}` is no option of sim: `cargo xtask sim --help`"));
    }
    let build = ["build", "--quiet", "--release", "--locked", "--package", SIM];
    let built = run::cargo(&build).status();
    let built = built.map_err(|error| format!("cannot build the simulation: {error}"))?;
    if !built.success() {
        return Err("the simulation could not be built".to_owned());
    }
    ended(run::command(&program()).args(arguments))
}

/// Runs the program; what it says when it does not end well.
fn ended(command: &mut Command) -> Outcome {
    let shown = run::shown(command);
    let child = command.stderr(Stdio::piped()).spawn();
    let output = child.and_then(std::process::Child::wait_with_output);
    let output = output.map_err(|error| format!("cannot run {shown}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()),
    }
}

fn program() -> PathBuf {
    let name = format!("{SIM}{}", std::env::consts::EXE_SUFFIX);
    environment::release_binary().parent().unwrap_or(Path::new(".")).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_says_is_told() {
        let mut fails = run::command(Path::new("/bin/sh"));
        assert_eq!(ended(fails.args(["-c", "echo one line >&2; exit 3"])).unwrap_err(), "one line");
        let mut succeeds = run::command(Path::new("/bin/sh"));
        assert!(ended(succeeds.args(["-c", "echo said >&2"])).is_ok());
    }

    #[test]
    fn an_unknown_option_is_told_before_anything_is_built() {
        let told = command(&["--seeds", "1"]).unwrap_err();
        assert!(told.contains("--seeds") && told.lines().count() == 1, "{told}");
    }
}

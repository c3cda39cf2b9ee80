//! Child processes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::say;
use crate::tally::Tally;
use crate::{Outcome, environment};

/// How long output may come after a child has ended: a process that it left behind may hold on
/// to the pipe for ever.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// A command in the workspace's folder, without input.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(environment::root()).stdin(Stdio::null());
    command
}

/// Cargo in the workspace's folder, without input.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(&environment::cargo());
    command.args(arguments);
    command
}

/// Runs a command, passes its output on and counts the tests in it. Whether it succeeded.
pub(crate) fn counted(command: &mut Command) -> Result<(Tally, bool), String> {
    counted_through(command, say::bytes)
}

/// The same, with the output passed on to `tell`.
fn counted_through(command: &mut Command, tell: fn(&[u8])) -> Result<(Tally, bool), String> {
    let shown = shown(command);
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot run {shown}: {error}"))?;
    let (lines, received) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || pass_on(stdout, &lines, tell));
    }
    let mut tally = Tally::default();
    loop {
        match received.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => tally += line,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let ended = child.try_wait().map_err(|error| format!("{shown}: {error}"))?;
                if ended.is_some() {
                    tally += rest(&received);
                    break;
                }
            }
        }
    }
    let status = child.wait().map_err(|error| format!("{shown}: {error}"))?;
    Ok((tally, status.success()))
}

/// What still comes, within bounds, after the child has ended.
fn rest(received: &mpsc::Receiver<Tally>) -> Tally {
    let end = Instant::now() + OUTPUT_GRACE;
    let mut tally = Tally::default();
    while let Ok(line) = received.recv_timeout(end.saturating_duration_since(Instant::now())) {
        tally += line;
    }
    tally
}

fn pass_on(stdout: ChildStdout, lines: &mpsc::Sender<Tally>, tell: fn(&[u8])) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        tell(&line);
        if lines.send(Tally::of_line(&String::from_utf8_lossy(&line))).is_err() {
            break;
        }
        line.clear();
    }
}

/// Runs a command whose output is its result.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let shown = shown(command);
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        return Err(format!("{shown} failed ({}):\n{}", output.status, said.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{shown} printed what is not UTF-8"))
}

/// Runs a command that says itself what it has to say.
pub(crate) fn succeed(command: &mut Command) -> Outcome {
    let shown = shown(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("cannot run {shown}: {error}")),
    }
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = command(Path::new("/bin/sh"));
        command.args(["-c", script]);
        command
    }

    /// Without an echo, which the run that counts these tests would count too.
    fn counted(command: &mut Command) -> Result<(Tally, bool), String> {
        counted_through(command, |_| ())
    }

    #[test]
    fn tests_are_counted_while_output_passes() {
        let (tally, succeeded) =
            counted(&mut shell("echo '# pass 3'; echo '# fail 1'; exit 1")).unwrap();
        assert_eq!((tally, succeeded), (Tally { passed: 3, failed: 1 }, false));
    }

    #[test]
    fn a_process_left_behind_does_not_hold_up() {
        let begun = Instant::now();
        let (tally, succeeded) = counted(&mut shell("sleep 20 & echo '# pass 3'")).unwrap();
        assert_eq!((tally, succeeded), (Tally { passed: 3, failed: 0 }, true));
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn a_failure_tells_what_was_printed() {
        let error = output(&mut shell("echo why >&2; exit 3")).unwrap_err();
        assert!(error.contains("why") && error.contains("sh -c"), "{error}");
        assert_eq!(output(&mut shell("printf 카드")).unwrap(), "카드");
    }
}

//! What it is measured on: hardware, system, commit; and the programs of the machine that figures
//! are compared with.

use std::fs;
use std::process::Command;

use crate::Failure;

/// The core of the server.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of everything else.
pub(crate) const LOAD_CORE: &str = "1";

/// A line for the page.
pub(crate) fn description() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_owned()))
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {cores} cores, {} of memory, Linux {}",
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal"),
        kernel.trim(),
    )
}

/// The commit that is measured; with a mark where files were changed since.
pub(crate) fn commit() -> String {
    output(Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]))
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The day, as the page says it.
pub(crate) fn day() -> String {
    output(Command::new("date").args(["-u", "+%Y-%m-%d"]))
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Runs a program to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| Failure(format!("{shown}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("{shown} failed: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program on one core.
pub(crate) fn pinned(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

/// RSA-2048 private operations a second that OpenSSL does on the server's core.
pub(crate) fn rsa_per_second(seconds: u32) -> Result<f64, Failure> {
    let seconds = seconds.to_string();
    let mut openssl = pinned(SERVER_CORE, "openssl");
    let said = output(openssl.args(["speed", "-seconds", &seconds, "rsa2048"]))?;
    let line = said.lines().find(|line| line.starts_with("rsa 2048 bits"));
    // rsa 2048 bits 0.000256s 0.000017s   3902.1  58075.7
    let rate = line.and_then(|line| line.split_whitespace().nth(5)?.parse().ok());
    rate.ok_or_else(|| Failure(format!("`openssl speed rsa2048` was not understood:\n{said}")))
}

//! What it is measured on: hardware, system, commit; and the programs of the machine that figures
//! are compared with.

use std::ffi::OsStr;
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
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    let output = command.output().map_err(|error| Failure(format!("{shown}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("{shown} failed: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program on one core.
pub(crate) fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// RSA-2048 private operations a second that OpenSSL does on the server's core.
pub(crate) fn rsa_per_second(seconds: u32) -> Result<f64, Failure> {
    let seconds = seconds.to_string();
    let mut openssl = pinned(SERVER_CORE, "openssl");
    let said = output(openssl.args(["speed", "-seconds", &seconds, "rsa2048"]))?;
    private_operations(&said)
        .ok_or_else(|| Failure(format!("`openssl speed rsa2048` was not understood:\n{said}")))
}

fn private_operations(said: &str) -> Option<f64> {
    // rsa 2048 bits 0.000256s 0.000017s   3902.1  58075.7
    let line = said.lines().find(|line| line.starts_with("rsa 2048 bits"))?;
    line.split_whitespace().nth(5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_is_understood() {
        let said = "version: 3.0.17\n                  sign    verify    sign/s verify/s\n\
                    rsa 2048 bits 0.000256s 0.000017s   3902.1  58075.7\n";
        assert_eq!(private_operations(said), Some(3_902.1));
        assert_eq!(private_operations("rsa 2048 bits 0.000256s"), None);
        assert_eq!(private_operations(""), None);
    }

    #[test]
    fn a_program_that_fails_is_told_in_a_line() {
        let missing = output(&mut Command::new("/no/such/program")).unwrap_err().0;
        assert!(missing.starts_with("/no/such/program: "), "{missing}");
        let failed = output(Command::new("/bin/sh").args(["-c", "echo why >&2; exit 3"]));
        assert_eq!(failed.unwrap_err().0, "/bin/sh -c echo why >&2; exit 3 failed: why");
    }
}

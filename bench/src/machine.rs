//! What it is measured on: hardware, system, commit; and the programs of the machine that figures
//! are compared with.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// The core of the server.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of everything else.
pub(crate) const LOAD_CORE: &str = "1";
/// Both, for what runs beside nothing else.
pub(crate) const BOTH_CORES: &str = "0,1";

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

/// How often the memory of a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a program took that has run to its end.
pub(crate) struct Used {
    pub(crate) elapsed: Duration,
    /// The most memory that it was seen with, MiB.
    pub(crate) peak_mib: f64,
    /// What it printed.
    pub(crate) said: String,
}

/// Runs a program that prints little to its end, and watches its memory.
pub(crate) fn used(command: &mut Command) -> Result<Used, Failure> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut peak_mib: f64 = 0.0;
    while child.try_wait()?.is_none() {
        peak_mib = peak_memory_mib(child.id()).unwrap_or(0.0).max(peak_mib);
        std::thread::sleep(LOOK_EVERY);
    }
    let elapsed = begun.elapsed();
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("{:?} failed: {}", command.get_program(), said.trim())));
    }
    Ok(Used { elapsed, peak_mib, said: String::from_utf8_lossy(&output.stdout).into_owned() })
}

/// The most memory that a running process has had, MiB.
pub(crate) fn peak_memory_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// A program on one core.
pub(crate) fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// RSA-2048 private operations a second that OpenSSL does on the server's core.
pub(crate) fn rsa_per_second(seconds: u32) -> Result<f64, Failure> {
    Ok(rsa(seconds)?.0)
}

/// The same of public ones, which encrypt.
pub(crate) fn rsa_public_per_second(seconds: u32) -> Result<f64, Failure> {
    Ok(rsa(seconds)?.1)
}

fn rsa(seconds: u32) -> Result<(f64, f64), Failure> {
    let seconds = seconds.to_string();
    let mut openssl = pinned(SERVER_CORE, "openssl");
    let said = output(openssl.args(["speed", "-seconds", &seconds, "rsa2048"]))?;
    operations(&said)
        .ok_or_else(|| Failure(format!("`openssl speed rsa2048` was not understood:\n{said}")))
}

/// Private and public ones.
fn operations(said: &str) -> Option<(f64, f64)> {
    // rsa 2048 bits 0.000256s 0.000017s   3902.1  58075.7
    let line = said.lines().find(|line| line.starts_with("rsa 2048 bits"))?;
    let mut rates = line.split_whitespace().skip(5).map(str::parse);
    Some((rates.next()?.ok()?, rates.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_is_understood() {
        let said = "version: 3.0.17\n                  sign    verify    sign/s verify/s\n\
                    rsa 2048 bits 0.000256s 0.000017s   3902.1  58075.7\n";
        assert_eq!(operations(said), Some((3_902.1, 58_075.7)));
        assert_eq!(operations("rsa 2048 bits 0.000256s"), None);
        assert_eq!(operations(""), None);
    }

    #[test]
    fn a_program_that_fails_is_told_in_a_line() {
        let missing = output(&mut Command::new("/no/such/program")).unwrap_err().0;
        assert!(missing.starts_with("/no/such/program: "), "{missing}");
        let failed = output(Command::new("/bin/sh").args(["-c", "echo why >&2; exit 3"]));
        assert_eq!(failed.unwrap_err().0, "/bin/sh -c echo why >&2; exit 3 failed: why");
        let failed = used(Command::new("/bin/sh").args(["-c", "echo why >&2; exit 3"]));
        assert_eq!(failed.err().unwrap().0, "\"/bin/sh\" failed: why");
    }

    #[test]
    fn a_program_is_watched_to_its_end() {
        let used = used(Command::new("/bin/sh").args(["-c", "sleep 0.1; echo done"])).unwrap();
        assert_eq!(used.said, "done\n");
        assert!(used.peak_mib > 0.0 && used.elapsed >= Duration::from_millis(100));
    }
}

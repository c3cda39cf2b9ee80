//! What xtask prints. A reader that has gone away is no reason to stop.

use std::io::Write as _;

/// Prints a line on stdout at once, so that it stands in order with what children print.
pub(crate) fn line(text: &str) {
    bytes(format!("{text}\n").as_bytes());
}

/// Passes bytes of a child on to stdout.
pub(crate) fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Prints what went wrong on stderr.
pub(crate) fn error(message: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "xtask: {message}");
}

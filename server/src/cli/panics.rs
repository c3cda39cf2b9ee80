//! What is said of a panic: where it was. Its message may quote a value, as that of a text that is
//! cut in the middle of a character does.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{Location, PanicHookInfo};

/// From here on a panic is reported without its message.
pub fn report() {
    std::panic::set_hook(Box::new(say));
}

fn say(info: &PanicHookInfo<'_>) {
    let place = info.location().map(Location::to_string).unwrap_or_default();
    // Functions and lines, no values; where RUST_BACKTRACE asks for it.
    let trace = Backtrace::capture();
    let has_trace = trace.status() == BacktraceStatus::Captured;
    let trace = if has_trace { trace.to_string() } else { String::new() };
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, trace, "panic");
    } else {
        // There is nowhere else to say it.
        let _ = writeln!(std::io::stderr(), "platen: a fault at {place}\n{trace}");
    }
}

//! Who does something to the platform and why: for the operation log.

use clap::Args;
use rustix::process::getuid;

use crate::context::Clock;
use crate::keys::change::Change;

/// Characters of a reason at the most.
const REASON_MAX: usize = 200;
/// Characters of an actor at the most.
const ACTOR_MAX: usize = 100;
/// Digits in a row that make a text look like a card number.
const DIGITS_MAX: usize = 12;

/// Why something is changed.
#[derive(Args)]
pub(super) struct Why {
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

impl Why {
    pub(super) fn change(&self) -> Change {
        let by = format!("uid {}", uid());
        Change { by, reason: self.reason.clone(), now: Clock.now() }
    }
}

/// Who does something for a member, and why. Checked by the command itself, as clap repeats what
/// it refuses: a card number that was put here by mistake.
#[derive(Args)]
pub(super) struct Acting {
    /// Who does it, for the operation log: a name or staff number, up to 100 characters.
    #[arg(long, value_name = "ACTOR")]
    by: String,
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Acting {
    /// Who and why, or what is wrong with it.
    pub(super) fn change(&self) -> Result<Change, String> {
        let by = line(&self.by, "an actor", ACTOR_MAX)?;
        Ok(Change { by, reason: reason(&self.reason)?, now: Clock.now() })
    }
}

/// The user of the machine who gives the command.
pub(super) fn uid() -> u32 {
    getuid().as_raw()
}

fn reason(text: &str) -> Result<String, String> {
    line(text, "a reason", REASON_MAX)
}

/// A line of so many characters in which no card number can be read.
fn line(text: &str, what: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || text.contains(char::is_control) {
        return Err(format!("{what} has 1 to {chars_max} characters on one line"));
    }
    let mut digits = 0;
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > DIGITS_MAX {
            return Err(format!("{what} has no card number in it"));
        }
    }
    Ok(text.to_owned())
}

/// Characters of an operator's name at the most.
const OPERATOR_MAX: usize = 64;

/// Which operator does something, and why. Checked by the command itself, as clap repeats what it
/// refuses.
#[derive(Args)]
pub(super) struct Operating {
    /// Who does it, for the operation log: up to 64 letters, digits and . _ @ -
    #[arg(long, value_name = "ACTOR")]
    by: String,
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Operating {
    /// Who and why, or what is wrong with it.
    pub(super) fn change(&self) -> Result<Change, String> {
        let by = line(&self.by, "--by", OPERATOR_MAX)?;
        if !by.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c)) {
            return Err("--by has letters, digits and . _ @ - alone".to_owned());
        }
        Ok(Change { by, reason: reason(&self.reason)?, now: Clock.now() })
    }
}

//! Who does something to the platform and why: for the operation log.

use clap::Args;

use super::say;
use crate::context::Clock;
use crate::keys::change::Change;
use crate::operator::{Mode, actor, machine_user, reason};

/// Why something is changed, and by whom.
#[derive(Args)]
pub(super) struct Why {
    /// Who does it, for the operation log: a name of up to 64 letters, digits and . - _ @;
    /// without it, the number of the machine's user, which is written down in any case.
    #[arg(long, value_name = "ACTOR", value_parser = actor)]
    by: Option<String>,
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Whether something is only tried.
#[derive(Args)]
pub(super) struct Trying {
    /// Try all of it, say what would be done, and keep nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Trying {
    pub(super) const fn mode(&self) -> Mode {
        Mode::dry_if(self.dry_run)
    }
}

/// Says what was done, or would be.
pub(super) fn done(mode: Mode, sentence: &str) {
    match mode {
        Mode::Real => say(sentence),
        Mode::Dry => say(format_args!("dry run, nothing is kept: {sentence}")),
    }
}

impl Why {
    pub(super) fn change(&self) -> Change {
        let by = self.by.clone().unwrap_or_else(machine_user);
        Change { by, reason: self.reason.clone(), now: Clock.now() }
    }
}

/// Who does something for a member, and why. Checked by the command itself, as clap repeats what
/// it refuses: a card number that was put here by mistake.
#[derive(Args)]
pub(super) struct Acting {
    /// Who does it, for the operation log: a name of up to 64 letters, digits and . - _ @.
    #[arg(long, value_name = "ACTOR")]
    by: String,
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Acting {
    /// Who and why, or what is wrong with it.
    pub(super) fn change(&self) -> Result<Change, String> {
        Ok(Change { by: actor(&self.by)?, reason: reason(&self.reason)?, now: Clock.now() })
    }
}

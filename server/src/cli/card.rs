//! `platen card`.

mod find;
mod print;
mod suspend;

use clap::{Args, Subcommand};
use domain::AspId;
use store::Store;

use super::delivery::Common;
use super::{Failure, Outcome, runtime};
use crate::context::Core;
use crate::customer::Desk;
use crate::keys::change::Change;
use crate::sandbox::clock;

/// Find a member's card, and suspend it on the member's behalf.
///
/// Numbers are shown masked, and taken from standard input alone. Each deed is a row of the
/// operation log, with who and why.
///
/// Examples:
///   platen card find --user 20000123 --by kim --reason "asks for the delivery"
///   platen card suspend --par Q1... --by kim --reason "lost, by telephone"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Card {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Find(find::Find),
    Suspend(suspend::Suspend),
}

impl Card {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Find(command) => command.run(),
            Command::Suspend(command) => command.run(),
        }
    }
}

/// A database opened for somebody who works for a member.
struct Opened {
    store: Store,
    core: Core,
    desk: Desk,
    runtime: tokio::runtime::Runtime,
}

fn opened(common: &Common, change: Change) -> Result<Opened, Failure> {
    let (store, core) = common.platform.open()?;
    let runtime = runtime()?;
    let at = runtime.block_on(clock::moment(&store))?;
    let desk = Desk { asp: common.asp()?, change, at };
    Ok(Opened { store, core, desk, runtime })
}

fn no_partner(asp: &AspId) -> Failure {
    Failure(format!("there is no partner {asp}: give --partner one that there is"))
}

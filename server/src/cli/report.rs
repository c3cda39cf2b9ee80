//! `platen report`.

mod float;

use clap::{Args, Subcommand};

use super::Outcome;

/// Report from the books.
///
/// Examples:
///   platen report float --day 2026-11-30
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Report {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Float(float::Float),
}

impl Report {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Float(command) => command.run(),
        }
    }
}

//! `platen fee`.

mod list;
mod resolve;
mod show;

use clap::{Args, Subcommand};
use domain::ApplyNo;

use super::Outcome;

/// See fees that are stuck between us and the bank, and rule on them.
///
/// A server asks the bank about every open fee by itself until it knows. What it cannot learn, two
/// persons rule: one proposes, another one confirms.
///
/// Examples:
///   platen fee list
///   platen fee show 2026112900000000000042
///   platen fee resolve 2026112900000000000042 --taken --by kim \
///     --evidence "statement of 29.11., line 12" --reason "the bank has lost the order"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Fee {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    List(Box<list::List>),
    Show(show::Show),
    Resolve(Box<resolve::Resolve>),
}

impl Fee {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Resolve(command) => command.run(),
        }
    }
}

/// The application whose fee it is.
fn apply_no(text: &str) -> Result<ApplyNo, String> {
    let is_number = text.len() == ApplyNo::LENGTH && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || format!("the number of an application has {} digits", ApplyNo::LENGTH);
    if is_number { Ok(ApplyNo::new(text)) } else { Err(wrong()) }
}

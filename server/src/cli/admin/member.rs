//! `platen admin member`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use serde_json::json;

use super::{Doing, asp, checked, done, opened};
use crate::cli::{Outcome, say};
use crate::onboarding::member;
use crate::operator::Mode;

/// Bring over members that a partner has taken on elsewhere.
///
/// Examples:
///   platen admin member import members.jsonl --partner 000990000000001 --by kim \
///     --reason "contract 12"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Member {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Import(Import),
}

/// Write a partner's members with their registered bank accounts, from a file of JSON, a line each.
///
/// The file holds personal data: it must have the mode 0600. All of it is checked before anything
/// is written; then it is written 200 at a time. A member whose id is there already is left as it
/// is, so the same file may be given again. docs/operations/members.md has the fields.
///
/// Examples:
///   platen admin member import members.jsonl --partner 000990000000001 --by kim \
///     --reason "contract 12" --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Import {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    doing: Doing,
}

impl Member {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Import(command) => command.run(),
        }
    }
}

impl Import {
    fn run(self) -> Outcome {
        let change = match checked(&["admin", "member", "import"], &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let (store, core) = opened(&self.doing.common)?;
        let imported = member::import(&store, &core, &self.partner, (&self.file, mode), &change)?;
        store.close();
        let (written, there) = (imported.written, imported.there);
        if self.doing.common.json {
            let is_done = mode == Mode::Real;
            say(json!({ "imported": written, "alreadyThere": there, "isDone": is_done }));
        } else {
            let partner = self.partner;
            done(
                mode,
                &format!("members of partner {partner}: {written} written, {there} there already"),
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

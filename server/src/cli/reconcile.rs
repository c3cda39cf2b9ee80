//! `platen reconcile`.

mod cases;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use serde_json::json;

use super::{Failure, Outcome, Platform, runtime, say};
use crate::operator::Mode;
use crate::reconciling::{Report, reconcile};
use crate::sandbox::clock;

/// The exit code where there are differences: nothing has failed, somebody has to look.
const DIFFERENCES: u8 = 3;

/// Compare the bank's daily file with our books.
///
/// Every transaction of the day is matched, ours only, theirs only, or differs in its amount.
/// A difference is a case until a later file of that day no longer shows it or somebody closes it.
/// A file that is refused changes nothing; the same file again changes nothing. What the file looks
/// like stands in docs/operations/reconciliation.md.
///
/// Exit codes: 0 no case of that day is open; 1 it failed; 2 the command line is wrong; 3 cases of
/// that day are open.
///
/// Examples:
///   platen reconcile --bank 20261129.csv
///   platen reconcile --bank 20261129.csv --dry-run --json
///   platen reconcile cases
///   platen reconcile close 12 --by kim --reason "booked by the bank a day later"
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(super) struct Reconcile {
    #[command(subcommand)]
    command: Option<Command>,
    /// The bank's file.
    #[arg(long, value_name = "FILE", required = true)]
    bank: Option<PathBuf>,
    /// The file has this partner's transactions alone; without it, all partners'.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// Say what differs, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Cases(cases::Cases),
    Close(cases::Close),
}

impl Reconcile {
    pub(super) fn run(self) -> Outcome {
        match (self.command, self.bank) {
            (Some(Command::Cases(command)), _) => command.run(),
            (Some(Command::Close(command)), _) => command.run(),
            (None, Some(file)) => {
                let mode = Mode::dry_if(self.dry_run);
                let (store, core) = self.platform.open()?;
                let only = self.partner.as_deref().map(AspId::new);
                let report = runtime()?.block_on(async {
                    let at = (clock::moment(&store).await?, mode);
                    Ok::<_, Failure>(reconcile(&store, &core, &file, only.as_ref(), at).await?)
                })?;
                store.close();
                tell(&report, mode, self.json);
                Ok(code(report.open > 0))
            }
            (None, None) => Err(Failure("name the bank's file with --bank FILE".to_owned())),
        }
    }
}

fn code(is_open: bool) -> ExitCode {
    if is_open { ExitCode::from(DIFFERENCES) } else { ExitCode::SUCCESS }
}

fn tell(report: &Report, mode: Mode, as_json: bool) {
    let Report { day, counts, opened, closed, open } = report;
    let is_dry = mode == Mode::Dry;
    if as_json {
        say(json!({
            "bankDay": day,
            "matched": counts.matched,
            "oursOnly": counts.ours_only,
            "theirsOnly": counts.theirs_only,
            "amountDiffers": counts.amount_differs,
            "opened": opened,
            "closed": closed,
            "open": open,
            "dryRun": is_dry,
        }));
        return;
    }
    let (matched, ours, theirs) = (counts.matched, counts.ours_only, counts.theirs_only);
    say(format_args!(
        "{day}: {matched} matched, {ours} ours only, {theirs} theirs only, {} with another amount",
        counts.amount_differs
    ));
    let verb = if is_dry { "would be " } else { "" };
    say(format_args!("cases: {opened} {verb}opened, {closed} {verb}closed, {open} open"));
}

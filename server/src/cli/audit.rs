//! `platen audit`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use domain::AspId;
use serde_json::{Value, json};

use super::{Failure, Outcome, Platform, say};
use crate::audit::content::MAC_BYTES;
use crate::audit::verify::{self, Anchor, Break, Report};
use crate::context::Clock;

/// Check the operation log.
///
/// Examples:
///   platen audit verify
///   platen audit verify --json --database /tmp/s.db
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Verify(Verify),
}

/// Check that the operation log is as it was sealed.
///
/// Every row is held against its seal with its postings, every seal against the one before it, and
/// no postings may be without a row. Ends with 1 where anything was changed, added, taken away or
/// moved. The chain's head, noted down elsewhere and given again as --anchor, shows that nothing
/// was cut off the chain's end since.
///
/// Examples:
///   platen audit verify
///   platen audit verify --partner 000170000000000 --json
///   platen audit verify --partner 000170000000000 --anchor 12:9f86d0...
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Verify {
    /// This partner's log alone.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// A seal that must be there: its number and digest, as a check before has printed them.
    #[arg(long, value_name = "NO:HEX", requires = "partner", value_parser = anchor)]
    anchor: Option<Anchor>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

fn anchor(text: &str) -> Result<Anchor, String> {
    let wrong = || format!("an anchor is a seal's number, a colon and {} digits", MAC_BYTES * 2);
    let (no, hex) = text.split_once(':').ok_or_else(wrong)?;
    let mac = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| wrong())?;
    if mac.len() != MAC_BYTES {
        return Err(wrong());
    }
    Ok(Anchor { seal_no: no.parse().map_err(|_| wrong())?, mac })
}

impl Audit {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Verify(command) => command.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Outcome {
        let (store, core) = self.platform.open()?;
        let all = verify::partners(&store)?;
        let partners = match &self.partner {
            None => all,
            Some(asp) if all.iter().any(|one| one.as_str() == asp) => vec![AspId::new(asp)],
            Some(asp) => return Err(Failure(format!("partner {asp} has no operation log"))),
        };
        let mut reports = Vec::new();
        for asp in partners {
            reports.push(verify::verify(&store, &core.keys, &asp, self.anchor.as_ref())?);
        }
        store.close();
        if self.json {
            let all: Vec<Value> = reports.iter().map(as_json).collect();
            say(format_args!("{:#}", json!({ "partners": all })));
        } else {
            reports.iter().for_each(|report| say(as_text(report)));
        }
        let is_whole = reports.iter().all(|report| report.breaks_count == 0);
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Age of the oldest unsealed row, milliseconds.
fn age_ms(report: &Report) -> Option<i64> {
    report.oldest_unsealed.map(|at| ((Clock.now().0 - at.0) / 1_000).max(0))
}

/// A break: its kind, and the seal and the row that it is about.
fn told(found: &Break) -> (&'static str, Option<i64>, Option<i64>) {
    match *found {
        Break::RowChanged { seal_no, log_id } => ("row changed", Some(seal_no), Some(log_id)),
        Break::RowMissing { seal_no, log_id } => ("row missing", Some(seal_no), Some(log_id)),
        Break::RowAdded { seal_no, log_id } => ("row added", Some(seal_no), Some(log_id)),
        Break::PostingsOrphaned { log_id } => ("postings without their row", None, Some(log_id)),
        Break::SealMissing { seal_no } => ("seal missing", Some(seal_no), None),
        Break::SealChanged { seal_no } => ("seal changed", Some(seal_no), None),
        Break::KeyUnknown { seal_no, .. } => ("seal by an unknown key", Some(seal_no), None),
    }
}

fn as_text(report: &Report) -> String {
    let mut text = format!(
        "partner {}: {} rows in {} seals are as they were sealed",
        report.asp_id, report.rows, report.seals,
    );
    match age_ms(report) {
        Some(age) => {
            let _ = write!(text, "; {} not sealed yet, the oldest {age} ms old", report.unsealed);
        }
        None => text.push_str("; none is unsealed"),
    }
    if let Some((no, mac)) = &report.head {
        let _ = write!(text, "\n  head {no}:{}", HEXLOWER.encode(mac));
    }
    for found in &report.breaks {
        let (kind, seal_no, log_id) = told(found);
        let seal = seal_no.map(|no| format!("seal {no}"));
        let row = log_id.map(|id| format!("row {id}"));
        let place: Vec<String> = seal.into_iter().chain(row).collect();
        let _ = write!(text, "\n  BROKEN: {kind} ({})", place.join(", "));
    }
    let untold = report.breaks_count - report.breaks.len() as u64;
    if untold > 0 {
        let _ = write!(text, "\n  BROKEN: {untold} more");
    }
    text
}

fn as_json(report: &Report) -> Value {
    let breaks = report.breaks.iter().map(|found| {
        let (kind, seal_no, log_id) = told(found);
        json!({ "kind": kind, "sealNo": seal_no, "logId": log_id })
    });
    let head = report
        .head
        .as_ref()
        .map(|(no, mac)| json!({ "sealNo": no, "digest": HEXLOWER.encode(mac) }));
    json!({
        "aspId": report.asp_id,
        "rows": report.rows,
        "seals": report.seals,
        "unsealed": report.unsealed,
        "oldestUnsealedMs": age_ms(report),
        "head": head,
        "breaks": breaks.collect::<Vec<_>>(),
        "breaksCount": report.breaks_count,
    })
}

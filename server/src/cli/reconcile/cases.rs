//! `platen reconcile cases` and `close`.

use std::process::ExitCode;

use clap::Args;
use domain::{ApplyNo, AspId};
use serde_json::{Value, json};
use store::tables::PLATFORM;
use store::tables::reconciliation_cases::Case;

use super::code;
use crate::cli::{Outcome, Platform, runtime, say};
use crate::context::Clock;
use crate::keys::change::Change;
use crate::operator::{Mode, actor, moment, reason};
use crate::reconciling::{close, open_ones};

/// Cases that are listed at the most.
const LIMIT_MAX: i64 = 10_000;

/// List the cases that are open, the oldest first.
///
/// Exit codes: 0 none is open; 1 it failed; 2 the command line is wrong; 3 some are open.
///
/// Examples:
///   platen reconcile cases
///   platen reconcile cases --partner 000170000000000 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Cases {
    /// This partner's cases alone.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// Cases at the most.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(i64).range(1..=LIMIT_MAX))]
    limit: i64,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

impl Cases {
    pub(super) fn run(self) -> Outcome {
        let (store, _) = self.platform.open()?;
        let only = self.partner.as_deref().map(AspId::new);
        let limit = usize::try_from(self.limit).unwrap_or(1);
        let listed = open_ones(&store, only.as_ref(), limit);
        let (cases, has_more) = runtime()?.block_on(listed)?;
        store.close();
        if self.json {
            let all: Vec<Value> = cases.iter().map(|(asp, case)| as_json(asp, case)).collect();
            say(format_args!("{:#}", json!({ "cases": all, "hasMore": has_more })));
            return Ok(code(!cases.is_empty()));
        }
        for (asp, case) in &cases {
            say(line(asp, case));
        }
        match (cases.is_empty(), has_more) {
            (true, _) => say("no case is open"),
            (false, true) => say("there are more: ask for them with --limit"),
            (false, false) => {}
        }
        Ok(code(!cases.is_empty()))
    }
}

/// Close a case, once somebody knows what has become of the money.
///
/// It stays closed as long as the bank's file and our books say the same of it.
///
/// Examples:
///   platen reconcile close 12 --by kim --reason "booked by the bank a day later"
///   platen reconcile close 12 --by kim --reason "the bank has corrected it" --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Close {
    /// The case, as `platen reconcile cases` prints it.
    #[arg(value_name = "CASE", value_parser = clap::value_parser!(i64).range(1..))]
    case: i64,
    /// Who you are.
    #[arg(long, value_name = "ACTOR", value_parser = actor)]
    by: String,
    /// What has become of it: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Among this partner's cases alone.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// Say what would be closed, and close nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

impl Close {
    pub(super) fn run(self) -> Outcome {
        let (store, core) = self.platform.open()?;
        let mode = Mode::dry_if(self.dry_run);
        let only = self.partner.as_deref().map(AspId::new);
        let change = Change { by: self.by, reason: self.reason, now: Clock.now() };
        let closed = close(&store, &core, (only.as_ref(), self.case), &change, mode);
        let (asp, case) = runtime()?.block_on(closed)?;
        store.close();
        let is_dry = mode == Mode::Dry;
        if self.json {
            let mut told = as_json(&asp, &case);
            told["state"] = if is_dry { "OPEN".into() } else { "CLOSED".into() };
            told["dryRun"] = is_dry.into();
            say(format_args!("{told:#}"));
        } else {
            let verb = if is_dry { "would be" } else { "is" };
            say(format_args!(
                "{}\ncase {} {verb} closed by {}",
                line(&asp, &case),
                case.id,
                change.by
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(asp: &AspId, case: &Case) -> String {
    let found = &case.difference;
    let whose = if asp.as_str() == PLATFORM { "nobody's" } else { asp.as_str() };
    let amount = |won: Option<i64>| won.map_or_else(|| "-".to_owned(), |won| format!("{won} KRW"));
    let no = found.apply_no.as_ref().map_or_else(String::new, |no| format!("  application {no}"));
    let (id, day, kind) = (case.id, &case.bank_day, found.kind.name());
    let (direction, tran) = (found.direction.name(), &found.bank_tran_id);
    let (ours, theirs) = (amount(found.ours), amount(found.theirs));
    format!(
        "case {id}  {day}  {kind}  {direction} {tran}  ours {ours}, theirs {theirs}  {whose}{no}"
    )
}

fn as_json(asp: &AspId, case: &Case) -> Value {
    let found = &case.difference;
    json!({
        "case": case.id,
        "partner": (asp.as_str() != PLATFORM).then_some(asp.as_str()),
        "kind": found.kind.name(),
        "direction": found.direction.name(),
        "bankTranId": found.bank_tran_id,
        "bankDay": case.bank_day,
        "cardApplyNo": found.apply_no.as_ref().map(ApplyNo::as_str),
        "ours": found.ours,
        "theirs": found.theirs,
        "currency": "KRW",
        "openedAt": moment(case.opened_at),
    })
}

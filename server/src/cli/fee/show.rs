//! `platen fee show`.

use std::process::ExitCode;

use clap::Args;
use domain::{ApplyNo, Timestamp};
use serde_json::{Value, json};
use store::tables::fee_proposals::Proposal;

use super::apply_no;
use crate::cli::{Outcome, Platform, runtime, say};
use crate::context::Clock;
use crate::fee::resolving::LAPSES_MS;
use crate::fee::stuck::{self, Entry, Shown, is_in_force};
use crate::operator::moment;

/// Show a fee, with all that the operation log and the journals have about it.
///
/// Examples:
///   platen fee show 2026112900000000000042
///   platen fee show 2026112900000000000042 --partner 000170000000000 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Show {
    /// The application whose fee it is.
    #[arg(value_name = "APPLY_NO", value_parser = apply_no)]
    apply_no: ApplyNo,
    /// Its partner; of a sandbox its own one where it is left out.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

impl Show {
    pub(super) fn run(self) -> Outcome {
        let asp = self.platform.partner(self.partner.as_deref())?;
        let (store, _) = self.platform.open()?;
        let shown = runtime()?.block_on(stuck::show(&store, &asp, &self.apply_no))?;
        store.close();
        let now = Clock.now();
        if self.json {
            say(format_args!("{:#}", as_json(&shown, now)));
        } else {
            tell(&shown, now);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(shown: &Shown, now: Timestamp) {
    let Shown { apply_no, kind, state, user_id, amount, .. } = shown;
    let (kind, state) = (kind.name(), state.name());
    say(format_args!("{apply_no}  {kind}  {state}  {amount} KRW  member {user_id}"));
    let (id, day, at) = (&shown.bank_tran_id, &shown.bank_tran_day, moment(shown.ordered_at));
    say(format_args!("withdrawal {id} of {day}, ordered at {at}"));
    if let Some(again) = shown.asked_again_at {
        say(format_args!("the bank has not answered; it is asked again at {}", moment(again)));
    }
    if let Some(back) = &shown.back {
        let (state, reason, order) = (back.state.name(), back.reason.name(), &back.order);
        let (id, day) = (&order.bank_tran_id, &order.bank_tran_day);
        let (attempt, due) = (back.attempt, moment(back.due_at));
        say(format_args!(
            "return {state} ({reason}) since {due}: order {id} of {day}, attempt {attempt}"
        ));
    }
    if let Some(proposal) = &shown.proposal {
        let Proposal { verdict, by, evidence, reason, at } = proposal;
        let until = match is_in_force(proposal, now) {
            true => format!("lapses at {}", moment(at.plus_ms(LAPSES_MS))),
            false => "has lapsed".to_owned(),
        };
        let (verdict, at) = (verdict.name(), moment(*at));
        say(format_args!(
            "{by} has proposed {verdict} at {at}, {until}: evidence `{evidence}`, reason `{reason}`"
        ));
    }
    for entry in &shown.trail {
        let Entry { at, event, code, told, journal } = entry;
        let told: Vec<_> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
        say(format_args!("{}  {event}  {code}  {}", moment(*at), told.join(" ")));
        for line in journal {
            let (debit, credit, amount) = (&line.debit, &line.credit, line.amount);
            say(format_args!("    Dr {debit} / Cr {credit}  {amount} KRW"));
        }
    }
}

fn as_json(shown: &Shown, now: Timestamp) -> Value {
    let back = shown.back.as_ref().map(|back| {
        json!({
            "state": back.state.name(),
            "reason": back.reason.name(),
            "amount": back.amount.minor(),
            "bankTranId": back.order.bank_tran_id,
            "bankDay": back.order.bank_tran_day,
            "attempt": back.attempt,
            "isSent": back.is_sent,
            "dueAt": moment(back.due_at),
        })
    });
    let proposal = shown.proposal.as_ref().map(|proposal| {
        json!({
            "verdict": proposal.verdict.name(),
            "by": proposal.by,
            "evidence": proposal.evidence,
            "reason": proposal.reason,
            "at": moment(proposal.at),
            "lapsesAt": moment(proposal.at.plus_ms(LAPSES_MS)),
            "isInForce": is_in_force(proposal, now),
        })
    });
    json!({
        "cardApplyNo": shown.apply_no.as_str(),
        "kind": shown.kind.name(),
        "state": shown.state.name(),
        "userId": shown.user_id,
        "amount": shown.amount,
        "currency": "KRW",
        "bankTranId": shown.bank_tran_id,
        "bankDay": shown.bank_tran_day,
        "orderedAt": moment(shown.ordered_at),
        "askedAgainAt": shown.asked_again_at.map(moment),
        "return": back,
        "proposal": proposal,
        "trail": shown.trail.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn entry(entry: &Entry) -> Value {
    let told = entry.told.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let journal = entry
        .journal
        .iter()
        .map(|line| json!({ "debit": line.debit, "credit": line.credit, "amount": line.amount }));
    json!({
        "at": moment(entry.at),
        "event": entry.event,
        "code": entry.code,
        "told": Value::Object(told.collect()),
        "journal": journal.collect::<Vec<_>>(),
    })
}

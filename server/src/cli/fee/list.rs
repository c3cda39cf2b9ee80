//! `platen fee list`.

use std::process::ExitCode;

use clap::Args;
use domain::{AspId, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Logging, Outcome, Platform, runtime, say};
use crate::context::Clock;
use crate::fee::stuck::{self, OpenFee};
use crate::operator::moment;
use crate::settings::SettingFlags;

/// Fees that are listed at the most.
const LIMIT_MAX: i64 = 10_000;
/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;

/// List the fees that are open, the oldest first.
///
/// COST_PAYING: the bank has not said in time whether it has taken the fee. RETURN_DUE: the fee
/// goes back, and its order was not sent yet. RETURN_SENT: it was, and the bank has not said
/// whether it has given the money.
///
/// Examples:
///   platen fee list
///   platen fee list --partner 000170000000000 --limit 10 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct List {
    /// This partner's fees alone.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// Fees at the most.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(i64).range(1..=LIMIT_MAX))]
    limit: i64,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    logging: Logging,
    #[command(flatten)]
    flags: SettingFlags,
}

impl List {
    pub(super) fn run(self) -> Outcome {
        self.logging.start()?;
        let (store, core) = self.platform.open_with(&self.flags)?;
        let settings = &core.settings;
        let now = Clock.now();
        let patience_ms = settings.fee_deadline_ms.saturating_add(settings.fee_recovery_margin_ms);
        let only = self.partner.as_deref().map(AspId::new);
        let limit = usize::try_from(self.limit).unwrap_or(1);
        let since = now.minus_ms(patience_ms);
        let listed =
            runtime()?.block_on(stuck::list(&store, only.as_ref(), (since, now), limit))?;
        store.close();
        if self.json {
            let fees: Vec<Value> = listed.fees.iter().map(|fee| as_json(fee, now)).collect();
            say(format_args!("{:#}", json!({ "fees": fees, "hasMore": listed.has_more })));
            return Ok(ExitCode::SUCCESS);
        }
        for fee in &listed.fees {
            say(line(fee, now));
        }
        match (listed.fees.is_empty(), listed.has_more) {
            (true, _) => say("no fee is open"),
            (false, true) => say("there are more: ask for them with --limit"),
            (false, false) => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(fee: &OpenFee, now: Timestamp) -> String {
    let OpenFee { asp, apply_no, amount, .. } = fee;
    let order = match (&fee.bank_tran_id, &fee.bank_tran_day) {
        (Some(id), Some(day)) => format!("order {id} of {day}"),
        (Some(_), None) | (None, _) => "no order yet".to_owned(),
    };
    let (open, age) = (fee.open.name(), age(now.0.saturating_sub(fee.since.0) / SECOND_US));
    let mut line = format!("{asp}  {apply_no}  {open}  {amount} KRW  for {age}  {order}");
    if let Some(par) = &fee.par {
        line.push_str(&format!("  card {par}"));
    }
    if let Some(answer) = &fee.answer {
        line.push_str(&format!("  last answer {answer}"));
    }
    if let Some((by, verdict)) = &fee.proposed {
        line.push_str(&format!("  {by} proposes {}", verdict.name()));
    }
    line
}

/// An age in its largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

fn as_json(fee: &OpenFee, now: Timestamp) -> Value {
    let proposed = fee.proposed.as_ref();
    json!({
        "partner": fee.asp.as_str(),
        "cardApplyNo": fee.apply_no.as_str(),
        "state": fee.open.name(),
        "amount": fee.amount,
        "currency": "KRW",
        "par": fee.par,
        "bankTranId": fee.bank_tran_id,
        "bankDay": fee.bank_tran_day,
        "since": moment(fee.since),
        "ageSeconds": now.0.saturating_sub(fee.since.0) / SECOND_US,
        "lastAnswer": fee.answer,
        "proposal": proposed.map(|(by, verdict)| json!({ "by": by, "verdict": verdict.name() })),
    })
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let each = [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min")];
        let long = [(7_200, "2 h"), (172_799, "47 h"), (172_800, "2 days")];
        for (seconds, told) in each.into_iter().chain(long) {
            assert_eq!(age(seconds), told);
        }
    }
}

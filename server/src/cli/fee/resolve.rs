//! `platen fee resolve`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bank::Bank;
use clap::Args;
use domain::{ApplyNo, AspId};
use serde_json::{Value, json};
use store::tables::fee_proposals::Verdict;

use super::apply_no;
use crate::cli::{Failure, Logging, Outcome, Platform, misused, runtime, say};
use crate::context::{App, Clock};
use crate::fee::resolving::{self, Given, SettledBy};
use crate::keys::change::Change;
use crate::operator::{Mode, actor, evidence, moment, reason};
use crate::ops::Operations;
use crate::sandbox::bank::SandboxBank;
use crate::sandbox::clock;
use crate::sandbox::run::bank_file_beside;
use crate::settings::SettingFlags;

/// Rule on a fee that the bank says nothing of: taken, or refused.
///
/// It takes two persons. The first one proposes, with evidence; within 24 hours a second one runs
/// the same command under a name of his own. The bank is asked once more then, and where it has an
/// answer that is final, that counts and not the ruling. What follows is what would have followed
/// from the bank's answer: cards are issued, or the application ends, with journal and log; who has
/// ruled what on which evidence stands in the platform's operation log. Only a fee that is
/// COST_PAYING and whose deadline has passed can be ruled on; that it was refused, only when the
/// bank can no longer execute its order.
///
/// --by is not proved: the user of the machine is written down beside it.
///
/// Examples:
///   platen fee resolve 2026112900000000000042 --taken --by kim \
///     --evidence "statement of 29.11., line 12" --reason "the bank has lost the order"
///   platen fee resolve 2026112900000000000042 --taken --by lee --dry-run \
///     --evidence "call 81 with the bank" --reason "as kim says"
///   platen fee resolve 2026112900000000000042 --withdraw --by kim --reason "another line"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Resolve {
    /// The application whose fee it is.
    #[arg(value_name = "APPLY_NO", value_parser = apply_no)]
    apply_no: ApplyNo,
    /// The bank has taken the fee.
    #[arg(long, conflicts_with_all = ["refused", "withdraw"],
        required_unless_present_any = ["refused", "withdraw"])]
    taken: bool,
    /// The bank has not taken it, and never will.
    #[arg(long, conflicts_with = "withdraw")]
    refused: bool,
    /// Take back what was proposed.
    #[arg(long)]
    withdraw: bool,
    /// What shows it: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = evidence, conflicts_with = "withdraw",
        required_unless_present = "withdraw")]
    evidence: Option<String>,
    /// Why it is ruled by hand: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Who you are.
    #[arg(long, value_name = "ACTOR", value_parser = actor)]
    by: String,
    /// Its partner; of a sandbox its own one where it is left out.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// The bank of a sandbox to ask [default: the simulator that runs].
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    bank: Option<String>,
    /// File of the bank simulator [default: bank.db beside the database].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bank", "config"])]
    bank_file: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
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

impl Resolve {
    fn verdict(&self) -> Option<Verdict> {
        match (self.taken, self.refused) {
            (true, _) => Some(Verdict::Taken),
            (false, true) => Some(Verdict::Refused),
            (false, false) => None,
        }
    }

    pub(super) fn run(self) -> Outcome {
        self.logging.start()?;
        let mode = Mode::dry_if(self.dry_run);
        let asp = self.platform.partner(self.partner.as_deref())?;
        let at = (asp, self.apply_no.clone());
        let (by, reason) = (self.by.clone(), self.reason.clone());
        let told = match (self.verdict(), self.evidence.clone()) {
            (Some(verdict), Some(evidence)) => {
                self.ruled(&at, &Given { verdict, evidence, reason, by }, mode)?
            }
            (None, _) => self.withdrawn(&at, &Change { by, reason, now: Clock.now() }, mode)?,
            // clap has asked for it.
            (Some(_), None) => {
                return Ok(misused(&["fee", "resolve"], "a ruling needs --evidence"));
            }
        };
        if self.json {
            say(format_args!("{:#}", told.json));
        } else {
            say(told.sentence);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A server that serves nobody: the driver of fees runs in it.
    async fn app(&self) -> Result<App, Failure> {
        let (store, core) = self.platform.open_with(&self.flags)?;
        let bank: Arc<dyn Bank> = match self.platform.bank(&self.flags)? {
            Some(bank) => Arc::new(bank),
            None => {
                let target = self.platform.target()?;
                let file = self.bank_file.clone().unwrap_or_else(|| bank_file_beside(&target));
                let found = SandboxBank::running(self.bank.as_deref(), &file, &core.settings);
                found.await?.connector
            }
        };
        let app = App::new(store, core, Operations::load()?, Arc::new(Clock), bank)?;
        clock::refresh(&app).await?;
        Ok(app)
    }

    fn ruled(
        &self,
        (asp, no): &(AspId, ApplyNo),
        given: &Given,
        mode: Mode,
    ) -> Result<Told, Failure> {
        let (outcome, app) = runtime()?.block_on(async {
            let app = self.app().await?;
            let outcome = resolving::resolve(&app, (asp, no), given, mode).await?;
            Ok::<_, Failure>((outcome, app))
        })?;
        app.store.close();
        Ok(match outcome {
            resolving::Outcome::Proposed(until) => proposed(no, given, moment(until), mode),
            resolving::Outcome::Resolved(resolved) => settled(no, given, &resolved),
        })
    }

    fn withdrawn(
        &self,
        (asp, no): &(AspId, ApplyNo),
        change: &Change,
        mode: Mode,
    ) -> Result<Told, Failure> {
        let (store, core) = self.platform.open_with(&self.flags)?;
        let withdrawn = resolving::withdraw((&store, &core), (asp, no), change, mode);
        let proposal = runtime()?.block_on(withdrawn)?;
        store.close();
        let (verdict, by) = (proposal.verdict.name(), proposal.by);
        let verb = if mode == Mode::Dry { "would be" } else { "is" };
        Ok(Told {
            sentence: format!("what {by} has proposed, {verdict}, {verb} withdrawn"),
            json: json!({
                "outcome": if mode == Mode::Dry { "WOULD_WITHDRAW" } else { "WITHDRAWN" },
                "cardApplyNo": no.as_str(),
                "verdict": verdict,
                "proposedBy": by,
            }),
        })
    }
}

/// What is told, in both forms.
struct Told {
    sentence: String,
    json: Value,
}

fn proposed(no: &ApplyNo, given: &Given, until: String, mode: Mode) -> Told {
    let (by, verdict) = (&given.by, given.verdict.name());
    let (verb, outcome) = match mode {
        Mode::Dry => ("would be proposed", "WOULD_PROPOSE"),
        Mode::Real => ("is proposed", "PROPOSED"),
    };
    Told {
        sentence: format!(
            "{verdict} {verb} for the fee of {no} by {by}: somebody else has to confirm it until \
             {until}"
        ),
        json: json!({
            "outcome": outcome,
            "cardApplyNo": no.as_str(),
            "verdict": verdict,
            "proposedBy": by,
            "lapsesAt": until,
        }),
    }
}

fn settled(no: &ApplyNo, given: &Given, resolved: &resolving::Resolved) -> Told {
    let (bank, verdict, proposer) = (resolved.bank, resolved.verdict.name(), &resolved.proposed_by);
    let by = &given.by;
    let whose = match resolved.by {
        SettledBy::Bank => format!("the bank was asked and {bank}, which goes before any ruling"),
        SettledBy::Operators => format!("the bank was asked and {bank}; {proposer} and {by} rule"),
    };
    let end = match resolved.state {
        Some(state) => format!("the fee of {no} is {verdict}, its application {}", state.name()),
        None => format!("the fee of {no} would be {verdict}"),
    };
    Told {
        sentence: format!("{end}: {whose}"),
        json: json!({
            "outcome": if resolved.state.is_some() { "RESOLVED" } else { "WOULD_RESOLVE" },
            "cardApplyNo": no.as_str(),
            "verdict": verdict,
            "settledBy": resolved.by.name(),
            "bank": bank,
            "proposedBy": proposer,
            "confirmedBy": by,
            "state": resolved.state.map(domain::application::State::name),
        }),
    }
}

//! Rulings on fees that the bank says nothing of: one operator proposes what has happened, another
//! one confirms it. The bank is asked once more before, and its word goes first. What follows is
//! written by the driver, as it is after an answer of the bank's.

use std::sync::Arc;

use domain::application::State;
use domain::fee::{Event, Executable, ExternalCall, FeeRefusal};
use domain::{ApplyNo, AspId, Timestamp};
use serde_json::{Value, json};
use store::tables::fee_proposals::{self, Proposal, Verdict};
use store::tables::{PLATFORM, applications};
use store::{DbError, Store, Tx};

use super::driver::{self, Heard, Moved};
use crate::context::{App, Core};
use crate::delivery::work::{WorkError, done, seen};
use crate::keys::change::Change;
use crate::op::{Done, NoRefusal, refuse};
use crate::operator::{Mode, moment};
use crate::settings::Settings;

/// What the operation log calls the command.
const OPERATION: &str = "platen.fee";
/// A proposal that nobody has confirmed lapses after a day, milliseconds.
pub const LAPSES_MS: u64 = 24 * 60 * 60 * 1_000;

/// A ruling, as an operator gives it.
#[derive(Debug, Clone)]
pub struct Given {
    /// What is said to have happened at the bank.
    pub verdict: Verdict,
    /// What shows it.
    pub evidence: String,
    /// Why it is ruled by hand.
    pub reason: String,
    /// Who gives it.
    pub by: String,
}

/// Why a ruling was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// There is no such fee.
    #[error("partner {1} has no fee of an application {0}: `platen fee list` tells which are open")]
    Unknown(ApplyNo, AspId),
    /// It is settled.
    #[error(
        "the fee of {0} is not open, its application is {state}: `platen fee show {0}` tells how \
         that came", state = .1.name()
    )]
    NotOpen(ApplyNo, State),
    /// Servers are still at it.
    #[error("the bank may still answer about the fee of {0}: try again in {1} s")]
    TooEarly(ApplyNo, i64),
    /// The bank could take it yet.
    #[error("the bank may still take the fee of {0}: that it did not can be ruled in {1} s")]
    Executable(ApplyNo, i64),
    /// One person is not two.
    #[error(
        "{by} has proposed that the fee is {verdict} at {at}: somebody else has to confirm it",
        by = .0.by, verdict = .0.verdict.name(), at = moment(.0.at)
    )]
    SameActor(Box<Proposal>),
    /// Two rulings contradict each other.
    #[error(
        "{by} has proposed at {at} that the fee is {verdict}, by evidence `{evidence}`: confirm \
         that, or take it back with --withdraw and propose anew",
        by = .0.by, verdict = .0.verdict.name(), at = moment(.0.at), evidence = .0.evidence
    )]
    OtherVerdict(Box<Proposal>),
    /// Nothing to take back.
    #[error("nothing is proposed about the fee of {0}: there is nothing to withdraw")]
    NoProposal(ApplyNo),
    /// Somebody else was faster.
    #[error(
        "the fee of {0} was changed meanwhile, nothing was done: look at `platen fee show {0}`"
    )]
    Meanwhile(ApplyNo),
}

/// Why nothing came of a ruling.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It was not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// What follows could not be written.
    #[error(
        "what follows could not be written (code {0}): look at `platen fee show`, and run it again"
    )]
    Unwritten(&'static str),
}

/// By whose word a fee is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// The bank's, once it was asked again.
    Bank,
    /// That of two operators.
    Operators,
}

impl SettledBy {
    /// As it is written down.
    pub const fn name(self) -> &'static str {
        match self {
            SettledBy::Bank => "bank",
            SettledBy::Operators => "operators",
        }
    }
}

/// What came of a ruling, or would.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It awaits another person's confirmation until then.
    Proposed(Timestamp),
    /// The fee is settled, or would be.
    Resolved(Resolved),
}

/// How a fee is settled.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// By whose word.
    pub by: SettledBy,
    /// What the bank has said.
    pub bank: &'static str,
    /// What is taken to have happened.
    pub verdict: Verdict,
    /// Who had proposed the ruling.
    pub proposed_by: String,
    /// The state of the application; `None` where it is only told what would be done.
    pub state: Option<State>,
}

/// What a ruling is, with what was ruled before.
enum Stage {
    /// The first, or the first after one that has lapsed.
    First(Option<Proposal>),
    /// The second, of another person.
    Second(Proposal),
}

/// Takes a ruling: the first is kept as a proposal, the second settles the fee.
pub async fn resolve(
    app: &App,
    (asp, apply_no): (&AspId, &ApplyNo),
    given: &Given,
    mode: Mode,
) -> Result<Outcome, ResolveError> {
    let now = app.clock.now();
    let at = || (app.core.settings.clone(), asp.clone(), apply_no.clone(), given.clone());
    let (settings, of, no, ruled) = at();
    let weighed =
        seen(&app.store, move |tx: &mut Tx<'_>| weigh(tx, &settings, (&of, &no), &ruled, now));
    match weighed.await?? {
        Stage::Second(proposal) => confirm(app, (asp, apply_no), given, proposal, mode).await,
        Stage::First(_) if mode == Mode::Dry => Ok(Outcome::Proposed(now.plus_ms(LAPSES_MS))),
        Stage::First(_) => {
            let proposed = done(&app.store, &app.core, now, || {
                let (settings, of, no, ruled) = at();
                move |tx: &mut Tx<'_>| match weigh(tx, &settings, (&of, &no), &ruled, now)? {
                    Stage::First(lapsed) => propose(tx, (&of, &no), &ruled, (lapsed, now)),
                    Stage::Second(_) => refuse(Refusal::Meanwhile(no.clone())),
                }
            });
            proposed.await??;
            Ok(Outcome::Proposed(now.plus_ms(LAPSES_MS)))
        }
    }
}

/// Whether a fee can be ruled on now, and which ruling this is.
fn weigh(
    tx: &mut Tx<'_>,
    settings: &Settings,
    (asp, apply_no): (&AspId, &ApplyNo),
    given: &Given,
    now: Timestamp,
) -> Done<Stage, Refusal> {
    let found = applications::load(tx, asp, apply_no)?;
    let Some((state, order)) = found.and_then(|found| Some((found.state, found.order?))) else {
        return refuse(Refusal::Unknown(apply_no.clone(), asp.clone()));
    };
    if state != State::CostPaying {
        return refuse(Refusal::NotOpen(apply_no.clone(), state));
    }
    let patience_ms = settings.fee_deadline_ms.saturating_add(settings.fee_recovery_margin_ms);
    if let Some(left_s) = left_s(order.ordered_at.plus_ms(patience_ms), now) {
        return refuse(Refusal::TooEarly(apply_no.clone(), left_s));
    }
    let over = order.ordered_at.plus_ms(settings.bank_order_lifetime_ms);
    if given.verdict == Verdict::Refused
        && let Some(left_s) = left_s(over, now)
    {
        return refuse(Refusal::Executable(apply_no.clone(), left_s));
    }
    let Some(proposal) = fee_proposals::load(tx, asp, apply_no)? else {
        return Ok(Stage::First(None));
    };
    if now >= proposal.at.plus_ms(LAPSES_MS) {
        return Ok(Stage::First(Some(proposal)));
    }
    if proposal.verdict != given.verdict {
        return refuse(Refusal::OtherVerdict(Box::new(proposal)));
    }
    if proposal.by == given.by {
        return refuse(Refusal::SameActor(Box::new(proposal)));
    }
    Ok(Stage::Second(proposal))
}

/// Whole seconds until `then`, where that is to come.
fn left_s(then: Timestamp, now: Timestamp) -> Option<i64> {
    (now <= then).then(|| (then.0 - now.0) / 1_000_000 + 1)
}

fn propose(
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    given: &Given,
    (lapsed, now): (Option<Proposal>, Timestamp),
) -> Done<(), Refusal> {
    let Given { verdict, evidence, reason, by } = given.clone();
    let new = Proposal { verdict, evidence, reason, by, at: now };
    let is_gone = match &lapsed {
        Some(lapsed) => fee_proposals::take(tx, asp, apply_no, lapsed)?,
        None => true,
    };
    if !(is_gone && fee_proposals::insert(tx, asp, apply_no, &new)?) {
        return refuse(Refusal::Meanwhile(apply_no.clone()));
    }
    let more = json!({
        "verdict": new.verdict.name(),
        "evidence": new.evidence,
        "instead": lapsed.map(|lapsed| lapsed.by),
    });
    let change = Change { by: new.by, reason: new.reason, now };
    Ok(note(tx, (asp, apply_no), &change, "fee.ruling_proposed", more)?)
}

/// Asks the bank once more, and has the driver write what follows from its word, or else from what
/// two persons have ruled.
async fn confirm(
    app: &App,
    (asp, apply_no): (&AspId, &ApplyNo),
    given: &Given,
    proposal: Proposal,
    mode: Mode,
) -> Result<Outcome, ResolveError> {
    let meanwhile = || Refusal::Meanwhile(apply_no.clone());
    let asked = driver::ask(app, asp, apply_no, ExternalCall::Inquire).await;
    let said = asked.ok_or_else(meanwhile)?;
    let bank = told(said.event);
    let (by, verdict, heard) = match heard_as(said.event) {
        Some(verdict) => (SettledBy::Bank, verdict, said),
        None => (SettledBy::Operators, given.verdict, ruled(given.verdict)),
    };
    let proposed_by = proposal.by.clone();
    let outcome = |state| Outcome::Resolved(Resolved { by, bank, verdict, proposed_by, state });
    if mode == Mode::Dry {
        return Ok(outcome(None));
    }
    let ruling = Arc::new(Ruling {
        asp: asp.clone(),
        apply_no: apply_no.clone(),
        proposal,
        given: given.clone(),
        settled_by: by,
        bank,
        now: app.clock.now(),
    });
    let at = (asp, apply_no);
    let moved = driver::carry(app, at, ExternalCall::Inquire, &heard, Some(&ruling)).await;
    match moved.map_err(|answer| ResolveError::Unwritten(answer.code()))? {
        Some(moved) if moved.from == State::CostPaying => Ok(outcome(Some(moved.to))),
        Some(_) => Err(meanwhile().into()),
        // Perhaps this one has done it, and the answer of its commit was lost.
        None => match seen(&app.store, move |tx: &mut Tx<'_>| ruling.written(tx)).await? {
            Ok(Some(state)) => Ok(outcome(Some(state))),
            Ok(None) => Err(meanwhile().into()),
            Err(never) => match never {},
        },
    }
}

/// What a definite answer of the bank's comes to; `None` where it has none.
const fn heard_as(event: Event) -> Option<Verdict> {
    match event {
        Event::Taken => Some(Verdict::Taken),
        Event::Refused(_) | Event::NotFound(Executable::NoMore) => Some(Verdict::Refused),
        Event::NotFound(Executable::Still) | Event::Unknown => None,
    }
}

/// A verdict in the place of the bank's word. The caller is told of a refusal for which no code of
/// the bank's stands.
const fn ruled(verdict: Verdict) -> Heard {
    let event = match verdict {
        Verdict::Taken => Event::Taken,
        Verdict::Refused => Event::Refused(FeeRefusal::Other),
    };
    Heard { event, reference: None }
}

const fn told(event: Event) -> &'static str {
    match event {
        Event::Taken => "it has taken the fee",
        Event::Refused(_) => "it has refused the order",
        Event::NotFound(Executable::NoMore) => {
            "it does not know the order, and will not execute it any more"
        }
        Event::NotFound(Executable::Still) => "it does not know the order yet",
        Event::Unknown => "it has no answer",
    }
}

/// A ruling of two persons that is being carried out.
pub(super) struct Ruling {
    asp: AspId,
    apply_no: ApplyNo,
    proposal: Proposal,
    given: Given,
    settled_by: SettledBy,
    bank: &'static str,
    now: Timestamp,
}

impl Ruling {
    /// Claims the proposal that is confirmed; `false` where it is not in force any more.
    pub(super) fn claim(&self, tx: &mut Tx<'_>) -> Result<bool, DbError> {
        fee_proposals::take(tx, &self.asp, &self.apply_no, &self.proposal)
    }

    /// Writes down who has ruled what, and what has come of it.
    pub(super) fn note(&self, tx: &mut Tx<'_>, moved: Moved) -> Done<(), NoRefusal> {
        let (given, proposal) = (&self.given, &self.proposal);
        // Where recovery has heard from the bank meanwhile, the proposal goes and nothing else.
        let is_mine = moved.from == State::CostPaying;
        let event = if is_mine { "fee.ruled" } else { "fee.ruling_overtaken" };
        let more = json!({
            "verdict": given.verdict.name(),
            "evidence": given.evidence,
            "proposedBy": proposal.by,
            "proposedAt": proposal.at.0,
            "proposedEvidence": proposal.evidence,
            "proposedReason": proposal.reason,
            "settledBy": self.settled_by.name(),
            "bank": self.bank,
            "state": moved.to.name(),
        });
        let (by, reason, now) = (given.by.clone(), given.reason.clone(), self.now);
        let change = Change { by, reason, now };
        Ok(note(tx, (&self.asp, &self.apply_no), &change, event, more)?)
    }
}

impl Ruling {
    /// The state that this ruling has led to, where it was written down.
    fn written(&self, tx: &mut Tx<'_>) -> Done<Option<State>, NoRefusal> {
        let rows = tx.query(
            "SELECT payload FROM operation_log
             WHERE asp_id = $1 AND event = 'fee.ruled' AND happened_at = $3 AND log_id IN (
                 SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)",
            &[
                PLATFORM.into(),
                subject(&self.asp, &self.apply_no).as_str().into(),
                self.now.0.into(),
            ],
        )?;
        for row in rows {
            let payload: Value = serde_json::from_str(row.text(0)?).unwrap_or_default();
            if payload["by"] == self.given.by.as_str() {
                return Ok(payload["state"].as_str().and_then(State::parse));
            }
        }
        Ok(None)
    }
}

/// Takes a proposal back; what it was.
pub async fn withdraw(
    (store, core): (&Store, &Core),
    (asp, apply_no): (&AspId, &ApplyNo),
    change: &Change,
    mode: Mode,
) -> Result<Proposal, ResolveError> {
    let found = |tx: &mut Tx<'_>, asp: &AspId, no: &ApplyNo| -> Done<Proposal, Refusal> {
        match fee_proposals::load(tx, asp, no)? {
            Some(proposal) => Ok(proposal),
            None => refuse(Refusal::NoProposal(no.clone())),
        }
    };
    let at = || (asp.clone(), apply_no.clone(), change.clone());
    if mode == Mode::Dry {
        let (asp, no, _) = at();
        return Ok(seen(store, move |tx: &mut Tx<'_>| found(tx, &asp, &no)).await??);
    }
    let withdrawn = done(store, core, change.now, || {
        let (asp, no, change) = at();
        move |tx: &mut Tx<'_>| {
            let proposal = found(tx, &asp, &no)?;
            if !fee_proposals::take(tx, &asp, &no, &proposal)? {
                return refuse(Refusal::Meanwhile(no.clone()));
            }
            let more = json!({
                "verdict": proposal.verdict.name(),
                "proposedBy": proposal.by,
                "proposedAt": proposal.at.0,
            });
            note(tx, (&asp, &no), &change, "fee.ruling_withdrawn", more)?;
            Ok(proposal)
        }
    });
    Ok(withdrawn.await??)
}

/// The row is the platform's own: partners are told of what comes of a ruling, not of who ruled.
fn note(
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    change: &Change,
    event: &str,
    mut more: Value,
) -> Result<(), DbError> {
    more["partner"] = asp.as_str().into();
    more["cardApplyNo"] = apply_no.as_str().into();
    let subject = subject(asp, apply_no);
    change.record(tx, &AspId::new(PLATFORM), (OPERATION, event, &subject), more)
}

/// What the platform's own log calls a fee.
pub(super) fn subject(asp: &AspId, apply_no: &ApplyNo) -> String {
    format!("fee:{asp}:{apply_no}")
}

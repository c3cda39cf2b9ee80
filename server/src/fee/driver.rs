//! The driver: ask the bank, write what follows, until nothing is left to ask. The live call and
//! recovery both come here; every step is conditional on the state that it leaves, so that two
//! servers may drive the same application.

use std::sync::Arc;
use std::time::Duration;

use bank::{
    BankTranId, InquiryAnswer, InquiryOrder, Personal, RefusalCause, WithdrawAnswer, WithdrawOrder,
};
use contract::pipeline;
use domain::application::{Kind, State};
use domain::card::{self, CardEvent};
use domain::fee::{Event, Executable, ExternalCall, FeeRefusal, Plan, advance};
use domain::ledger::Journal;
use domain::partner::Standing;
use domain::{ApplyNo, AspId, Timestamp};
use serde_json::json;
use store::tables::applications::{self, Application, Settlement};
use store::tables::card_accounts::{self, CardAccount};
use store::tables::fee_returns::Reason;
use store::tables::log::{Moment, Since};
use store::tables::members;
use store::tables::postings;
use store::tables::{PLATFORM, parsed};
use store::{Tx, TxError};

use crate::context::{App, Core, place};
use crate::fee::resolving::Ruling;
use crate::fee::{GATEWAY, charged_for, refused_with, returning};
use crate::issuing;
use crate::op::{
    Answer, Call, CallKind, Cx, Done, Effect, NoRefusal, OrStop, Stop, fault, transact,
};
use crate::spans;

/// How often the order is read, and what the bank said is written, while the database is away for a
/// moment; afterwards the fee is recovery's.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Carries an application that awaits the bank on: asks, and writes what follows.
pub(super) async fn drive(app: &App, asp: &AspId, apply_no: &ApplyNo, call: ExternalCall) {
    let Some(heard) = ask(app, asp, apply_no, call).await else { return };
    // What could not be written is logged, and recovery comes back to it.
    let _ = carry(app, (asp, apply_no), call, &heard, None).await;
}

/// Writes what follows from what was heard, with the ruling that it goes by where the bank has
/// said nothing; the state that is left and the one that is reached. `None` where the ruling is
/// not in force any more: then nothing is written.
pub(super) async fn carry(
    app: &App,
    (asp, apply_no): (&AspId, &ApplyNo),
    call: ExternalCall,
    heard: &Heard,
    ruling: Option<&Arc<Ruling>>,
) -> Result<Option<Moved>, Answer> {
    let event = heard.event;
    let attempt =
        |what| move || step(app, (asp, apply_no), heard.reference.as_deref(), what, ruling);
    let answer = match patiently(attempt(Step::Follow(event))).await {
        Ok(moved) => return Ok(moved),
        Err(answer) => answer,
    };
    let code = answer.code();
    tracing::error!(%apply_no, code, "a fee's outcome could not be written yet");
    // What cannot be settled the second time either, by recovery, is owed back: the member has
    // paid for nothing.
    let is_fault = code == pipeline::SERVER_FAULT.code;
    if !(is_fault && event == Event::Taken && call == ExternalCall::Inquire) {
        return Err(answer);
    }
    let owed = attempt(Step::GiveUp)().await;
    if let Err(answer) = &owed {
        tracing::error!(%apply_no, code = answer.code(), "nor could it be owed back");
    }
    owed
}

/// What is known of an order.
pub(super) struct Heard {
    /// What the bank has said, or an operator in its place.
    pub(super) event: Event,
    /// The bank's reference of a withdrawal.
    pub(super) reference: Option<String>,
}

/// How an application was moved on; the same state twice where it was left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// The state that it was in.
    pub(super) from: State,
    /// The state that it is in.
    pub(super) to: State,
}

/// Tries again while the database is unavailable, within bounds.
pub(super) async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, Answer>
where
    F: Future<Output = Result<T, Answer>>,
{
    for _ in 1..TRIES_MAX {
        match attempt().await {
            Err(answer) if answer.code() == pipeline::UNAVAILABLE.code => {}
            ended @ (Ok(_) | Err(_)) => return ended,
        }
        tokio::time::sleep(PAUSE).await;
    }
    attempt().await
}

/// What the second transaction is to do.
#[derive(Clone, Copy)]
enum Step {
    /// What follows from what the bank said.
    Follow(Event),
    /// The bank has the money and the reissue cannot be done: owe it back.
    GiveUp,
}

/// Asks the bank about an application that still awaits it.
pub(super) async fn ask(
    app: &App,
    asp: &AspId,
    apply_no: &ApplyNo,
    call: ExternalCall,
) -> Option<Heard> {
    // Nothing where it has been settled meanwhile. A live call that gave up here would leave an
    // application whose order nobody sends: its member would have to apply again.
    let read = || transact(app, || order(&app.core, asp, apply_no));
    let order = patiently(read).await.ok()??;
    let settings = &app.core.settings;
    // Business may be moved forward in a sandbox while an order is on its way; the bank is not.
    let now = app.moment();
    match call {
        ExternalCall::Withdraw if order.bank != Standing::Active => {
            // It ends as where the bank cannot be reached: none was sent, and none will be.
            tracing::info!(%apply_no, bank = order.bank.name(), "a fee's bank takes no orders");
            app.metrics.bank_answered("bank_suspended");
            Some(Heard { event: Event::Refused(FeeRefusal::NetworkIssue), reference: None })
        }
        ExternalCall::Withdraw => {
            // A process that was held up must not send an order that recovery may have given up.
            let deadline = order.ordered_at.plus_ms(settings.fee_deadline_ms);
            let left_us = u64::try_from(deadline.0 - now.real.0).ok().filter(|left| *left > 0)?;
            let asked = app.bank.withdraw(&order.withdraw, Duration::from_micros(left_us));
            let answer = spans::outer("bank.withdraw", asked).await;
            Some(withdrawn(app, apply_no, answer))
        }
        ExternalCall::Inquire => {
            let inquiry = InquiryOrder {
                kind: bank::OrderKind::Withdrawal,
                bank_tran_id: order.withdraw.bank_tran_id.clone(),
                tran_date: order.withdraw.tran_date.clone(),
                fintech_use_num: order.withdraw.fintech_use_num.clone(),
                amount: order.withdraw.amount,
                asked_at_us: now.business.0,
            };
            let timeout = Duration::from_millis(settings.fee_inquiry_timeout_ms);
            let asked = app.bank.inquire(&inquiry, timeout);
            let answer = spans::outer("bank.inquire", asked).await;
            let over = order.ordered_at.plus_ms(settings.bank_order_lifetime_ms);
            let executable = if now.real > over { Executable::NoMore } else { Executable::Still };
            Some(inquired(app, apply_no, answer, executable))
        }
    }
}

fn withdrawn(app: &App, apply_no: &ApplyNo, answer: WithdrawAnswer) -> Heard {
    let (outcome, event, reference) = match answer {
        WithdrawAnswer::Taken { api_tran_id } => ("taken", Event::Taken, Some(api_tran_id)),
        WithdrawAnswer::Refused { cause, bank_code } => {
            tracing::info!(%apply_no, bank_code, "the bank refused a fee");
            ("refused", Event::Refused(refusal(cause)), None)
        }
        WithdrawAnswer::NotSent => {
            tracing::warn!(%apply_no, "the bank could not be reached");
            ("not_sent", Event::Refused(FeeRefusal::NetworkIssue), None)
        }
        WithdrawAnswer::Unknown { why } => {
            tracing::warn!(%apply_no, why, "a fee is unanswered");
            ("unknown", Event::Unknown, None)
        }
    };
    app.metrics.bank_answered(outcome);
    Heard { event, reference }
}

fn inquired(app: &App, apply_no: &ApplyNo, answer: InquiryAnswer, executable: Executable) -> Heard {
    let (outcome, event, reference) = match answer {
        InquiryAnswer::Executed { api_tran_id } => ("found_taken", Event::Taken, Some(api_tran_id)),
        InquiryAnswer::Refused { cause, bank_code } => {
            tracing::info!(%apply_no, bank_code, "the bank had refused a fee");
            ("found_refused", Event::Refused(refusal(cause)), None)
        }
        InquiryAnswer::NotFound => ("not_found", Event::NotFound(executable), None),
        InquiryAnswer::Unknown { why } => {
            tracing::warn!(%apply_no, why, "a fee is still unanswered");
            ("still_unknown", Event::Unknown, None)
        }
    };
    app.metrics.bank_answered(outcome);
    Heard { event, reference }
}

/// Why the bank refused an order of either kind.
pub(super) fn refusal(cause: RefusalCause) -> FeeRefusal {
    match cause {
        RefusalCause::InvalidAccount => FeeRefusal::InvalidAccount,
        RefusalCause::OwnerMismatch => FeeRefusal::OwnerMismatch,
        RefusalCause::WithdrawFailed => FeeRefusal::WithdrawFailed,
        RefusalCause::InsufficientBalance => FeeRefusal::InsufficientBalance,
        RefusalCause::TermsNotAgreed => FeeRefusal::TermsNotAgreed,
        RefusalCause::MessageError => FeeRefusal::MessageError,
        RefusalCause::Other => FeeRefusal::Other,
    }
}

/// What the member's statement says.
const fn print_content(kind: Kind) -> &'static str {
    match kind {
        Kind::Issue => "카드발급",
        Kind::Reissue => "카드재발급",
        Kind::Renew => "카드갱신",
    }
}

/// The order as it was fixed at the beginning.
struct FixedOrder {
    /// By the real clock.
    ordered_at: Timestamp,
    /// Whether the account's bank takes orders.
    bank: Standing,
    withdraw: WithdrawOrder,
}

/// Reads the order of an application that still awaits the bank.
fn order(
    core: &Core,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> impl FnMut(&mut Tx<'_>) -> Done<Option<FixedOrder>, NoRefusal> + Send + 'static {
    let (core, asp, apply_no) = (core.clone(), asp.clone(), apply_no.clone());
    move |tx| {
        let row = tx.query_opt(
            "SELECT a.user_id, a.fee, a.bank_tran_id, a.bank_tran_day, a.applied_at,
                 b.fintech_use_num, m.name_sealed, a.kind, a.ordered_at,
                 COALESCE(k.state, 'ACTIVE')
             FROM application a
             JOIN bank_account b ON b.asp_id = a.asp_id AND b.user_id = a.user_id
                 AND b.bank_account_id = a.bank_account_id
             JOIN member m ON m.asp_id = a.asp_id AND m.user_id = a.user_id
             LEFT JOIN bank k ON k.asp_id = $3 AND k.bank_code = b.bank_code
             WHERE a.asp_id = $1 AND a.apply_no = $2 AND a.state = 'COST_PAYING'",
            &[asp.as_str().into(), apply_no.as_str().into(), PLATFORM.into()],
        )?;
        let Some(mut row) = row else { return Ok(None) };
        let member = row.int(0)?.to_string();
        let name = core.open_text(place(&asp, "member.name", &member), row.blob(6)?).or_stop()?;
        let (applied_at, ordered_at) = (Timestamp(row.int(4)?), Timestamp(row.int(8)?));
        let kind = parsed(&row, 7, Kind::parse)?;
        let bank_tran_id = BankTranId::parse(row.text(2)?)
            .map_err(|error| fault(format!("bank transaction id: {error}")))?;
        Ok(Some(FixedOrder {
            ordered_at,
            bank: parsed(&row, 9, Standing::parse)?,
            withdraw: WithdrawOrder {
                bank_tran_id,
                tran_date: row.take_text(3)?,
                ordered_at_us: applied_at.0,
                fintech_use_num: row.take_text(5)?,
                amount: u64::try_from(row.int(1)?).ok().or_stop()?,
                client_name: Personal::new(name.expose().to_owned()),
                client_num: member,
                print_content: print_content(kind).to_owned(),
            },
        }))
    }
}

/// Writes what follows. What cannot be written now, recovery will come back to.
async fn step(
    app: &App,
    (asp, apply_no): (&AspId, &ApplyNo),
    reference: Option<&str>,
    step: Step,
    ruling: Option<&Arc<Ruling>>,
) -> Result<Option<Moved>, Answer> {
    let now = app.moment();
    let moved = transact(app, || {
        let (core, asp, apply_no) = (app.core.clone(), asp.clone(), apply_no.clone());
        let (reference, ruling) = (reference.map(str::to_owned), ruling.cloned());
        move |tx: &mut Tx<'_>| {
            if let Some(ruling) = &ruling
                && !ruling.claim(tx)?
            {
                return Ok(None);
            }
            let moved = follow(&core, tx, (&asp, &apply_no), reference.as_deref(), step, now)?;
            if let Some(ruling) = &ruling {
                ruling.note(tx, moved)?;
            }
            Ok(Some(moved))
        }
    });
    let moved = moved.await?;
    if moved.is_some_and(|moved| moved.to == State::ReturnDue) {
        tracing::error!(%apply_no, "a fee was taken and must be given back");
    }
    Ok(moved)
}

fn follow(
    core: &Core,
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    reference: Option<&str>,
    step: Step,
    now: Moment,
) -> Done<Moved, NoRefusal> {
    // Claimed first, looked at afterwards: another server may be at it. A first card replaces no
    // account: its member is claimed, who may get the main card but once.
    let account = card_accounts::claim_of(tx, asp, apply_no)?;
    if account.is_none() {
        members::claim_of(tx, asp, apply_no)?;
    }
    let Some(application) = applications::load(tx, asp, apply_no)? else {
        return Err(fault(format!("application {apply_no} is gone")));
    };
    let cx = Cx { core: core.clone(), call: call(asp, &application, now) };
    let from = application.state;
    let plan = match step {
        Step::Follow(event) => advance(from, event),
        Step::GiveUp if from == State::CostPaying => Plan::OweReturn,
        Step::GiveUp => Plan::Nothing,
    };
    let to = match plan {
        Plan::Nothing => from,
        Plan::Fail(why) => fail(&cx, tx, &application, why)?,
        Plan::Settle if can_settle(&application, account.as_ref()) => {
            settle(&cx, tx, &application, account.as_ref(), reference)?
        }
        // `Settle` comes here only if the old card cannot be replaced, which the guards exclude.
        Plan::Settle | Plan::OweReturn => owe(&cx, tx, &application, reference)?,
    };
    Ok(Moved { from, to })
}

fn can_settle(application: &Application, account: Option<&CardAccount>) -> bool {
    match account {
        Some(account) => card::next(account.state, CardEvent::Replace).is_some(),
        None => application.kind == Kind::Issue,
    }
}

/// The call that applied, as it was: what it leads to is remembered as its outcome.
fn call(asp: &AspId, application: &Application, now: Moment) -> Call {
    Call {
        asp: asp.clone(),
        operation: charged_for(application.kind),
        correlation_id: application.correlation_id.clone(),
        keys: application.keys.clone(),
        other_keys: Vec::new(),
        now: now.business,
        real_now: now.real,
        since: Since { call: Timestamp(0), cipher: Timestamp(0) },
        kind: CallKind::Settling,
        given_apply_no: None,
    }
}

fn settle(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    account: Option<&CardAccount>,
    reference: Option<&str>,
) -> Done<State, NoRefusal> {
    let to = application.terms().settled_state();
    leave(cx, tx, application, to, None, reference)?;
    let fee = Journal::fee_taken(GATEWAY, application.fee, application.vat_basis_points);
    issuing::settle(cx, tx, application, account, fee)?;
    Ok(to)
}

fn fail(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    why: FeeRefusal,
) -> Done<State, NoRefusal> {
    leave(cx, tx, application, State::CostPayFailed, Some(why), None)?;
    cx.record(
        tx,
        &Effect {
            log_id: cx.core.supply.id(&cx.call.asp).or_stop()?,
            event: "fee.refused",
            code: refused_with(application.kind, why).code,
            subject: application.apply_no.as_str(),
            payload: &json!({
                "cardApplyNo": application.apply_no.as_str(),
                "userId": application.user_id,
                "fee": application.fee.minor(),
                "refusal": why.name(),
            }),
        },
    )?;
    Ok(State::CostPayFailed)
}

/// The bank has money that is the member's: it is owed back, and an operator is told.
fn owe(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    reference: Option<&str>,
) -> Done<State, NoRefusal> {
    leave(cx, tx, application, State::ReturnDue, None, reference)?;
    let log_id = cx.core.supply.id(&cx.call.asp).or_stop()?;
    let (fee, vat) = (application.fee, application.vat_basis_points);
    let owed = returning::owe(cx, tx, application, Reason::NotSettled)?;
    let journal = Journal::fee_taken(GATEWAY, fee, vat).and(owed);
    postings::insert(tx, &cx.call.asp, log_id, &journal)?;
    let payload = json!({
        "cardApplyNo": application.apply_no.as_str(),
        "userId": application.user_id,
        "fee": fee.minor(),
    });
    let effect = Effect {
        log_id,
        event: "fee.return_due",
        code: refused_with(application.kind, FeeRefusal::Other).code,
        subject: application.apply_no.as_str(),
        payload: &payload,
    };
    // Of an application that had been refused, the refusal stays the call's outcome.
    cx.record(tx, &effect)?;
    Ok(State::ReturnDue)
}

fn leave(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    to: State,
    refusal: Option<FeeRefusal>,
    reference: Option<&str>,
) -> Done<(), NoRefusal> {
    let settlement = Settlement {
        from: application.state,
        to,
        holds_old_card: to.is_open() && application.old_account.is_some(),
        refusal: refusal.map(FeeRefusal::name),
        api_tran_id: reference,
        at: cx.call.now,
    };
    match applications::settle(tx, &cx.call.asp, &application.apply_no, &settlement)? {
        true => Ok(()),
        // Somebody else was faster: run again and find the state that he left.
        false => Err(TxError::Refused(Stop::CameFirst)),
    }
}

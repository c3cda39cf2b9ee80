//! The driver of a return: mark the order as sent, call the bank, write what follows. Live calls,
//! recovery and start-up come here; every step is conditional on what it leaves, so that several
//! servers may drive the same return.

use std::time::Duration;

use bank::{
    BankTranId, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, OrderKind, Personal,
};
use domain::application::{self, Event as ApplicationEvent};
use domain::fee::{Executable, FeeRefusal};
use domain::fee_return::{
    self, Event, ExternalCall, Plan, Stage, Subject, advance, is_of_account, new_order_pause_ms,
    pause_ms,
};
use domain::ledger::Journal;
use domain::partner::Standing;
use domain::{ApplyNo, AspId, Timestamp, UserId};
use serde_json::json;
use store::tables::applications;
use store::tables::bank_accounts::{self, Chargeable};
use store::tables::fee_returns::{self, Anew, FeeReturn, Order, Step};
use store::tables::log::{self, Moment, NewEntry};
use store::tables::postings;
use store::tables::{PLATFORM, parsed};
use store::{Tx, TxError};

use crate::applying;
use crate::context::{App, Core, place};
use crate::fee::GATEWAY;
use crate::fee::driver::{patiently, refusal};
use crate::op::{Done, NoRefusal, OrStop, Stop, fault, transact};

/// What the log says that did it: no call.
const OPERATION: &str = "platform.fee-return";
/// What the member's statement says.
const PRINT_CONTENT: &str = "카드수수료환급";

/// Carries a return on that was taken: asks the bank, and writes what follows.
pub(in crate::fee) async fn drive(app: &App, asp: &AspId, apply_no: &ApplyNo) {
    let begin = || transact(app, || begin(app, asp, apply_no));
    let asked = match patiently(begin).await {
        Ok(Some(asked)) => asked,
        // It has been returned, or is gone.
        Ok(None) => return,
        Err(answer) => {
            let code = answer.code();
            tracing::error!(%apply_no, code, "a fee cannot be given back yet");
            return;
        }
    };
    let said = match asked.call {
        ExternalCall::Deposit => deposit(app, apply_no, &asked).await,
        ExternalCall::Inquire => inquire(app, apply_no, &asked).await,
    };
    let now = app.moment();
    let follow = || {
        transact(app, || {
            let (core, asp, apply_no) = (app.core.clone(), asp.clone(), apply_no.clone());
            let (order, said) = (asked.order.clone(), said.clone());
            move |tx: &mut Tx<'_>| follow(&core, tx, (&asp, &apply_no), (&order, &said), now)
        })
    };
    match patiently(follow).await {
        Ok(()) => {}
        // The order is marked as sent: it is asked about next.
        Err(answer) => {
            let code = answer.code();
            tracing::error!(%apply_no, code, "what became of a return could not be written yet");
        }
    }
}

/// The order in force, and what to ask about it.
struct Asked {
    call: ExternalCall,
    order: Order,
    bank_tran_id: BankTranId,
    amount: u64,
    fintech_use_num: String,
    member: String,
    name: Personal,
}

/// What the bank has said.
#[derive(Clone)]
struct Said {
    event: Event,
    /// The bank's reference of what it has given.
    reference: Option<String>,
}

impl Said {
    const fn of(event: Event) -> Self {
        Self { event, reference: None }
    }

    const fn given(api_tran_id: String) -> Self {
        Self { event: Event::Given, reference: Some(api_tran_id) }
    }
}

/// Reads a return that is due. An order that nobody has sent is marked as sent, which has to be
/// committed before it is: whoever comes next asks about it.
fn begin(
    app: &App,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> impl FnMut(&mut Tx<'_>) -> Done<Option<Asked>, NoRefusal> + Send + 'static {
    let (core, asp, apply_no) = (app.core.clone(), asp.clone(), apply_no.clone());
    let now = app.moment();
    let until = now.real.plus_ms(lease_ms(&core));
    move |tx| {
        let Some(due) = fee_returns::load(tx, &asp, &apply_no)? else { return Ok(None) };
        let Some(call) = stage(&due).call() else { return Ok(None) };
        let row = tx.query_opt(
            "SELECT f.bank_account_id, a.user_id, b.fintech_use_num, m.name_sealed,
                 COALESCE(k.state, 'ACTIVE')
             FROM fee_return f
             JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
             JOIN bank_account b ON b.asp_id = a.asp_id AND b.user_id = a.user_id
                 AND b.bank_account_id = f.bank_account_id
             JOIN member m ON m.asp_id = a.asp_id AND m.user_id = a.user_id
             LEFT JOIN bank k ON k.asp_id = $3 AND k.bank_code = b.bank_code
             WHERE f.asp_id = $1 AND f.apply_no = $2",
            &[asp.as_str().into(), apply_no.as_str().into(), PLATFORM.into()],
        )?;
        let missing = || fault(format!("nobody is there to get the fee of {apply_no}"));
        let mut row = row.ok_or_else(missing)?;
        let mut order = due.order.clone();
        if call == ExternalCall::Deposit {
            let bank = parsed(&row, 4, Standing::parse)?;
            if bank != Standing::Active {
                wait_for(tx, (&asp, &apply_no), &due, (bank, row.int(0)?), now)?;
                return Ok(None);
            }
            // A bank takes orders of the day only; from here on it counts how long it may take.
            order.bank_tran_day = now.business.business_day().to_string();
            order.at = now.real;
            if !fee_returns::mark_sent(tx, &asp, &apply_no, &order, until)? {
                return Err(TxError::Refused(Stop::CameFirst));
            }
        }
        let member = row.int(1)?.to_string();
        let name = core.open_text(place(&asp, "member.name", &member), row.blob(3)?).or_stop()?;
        let bank_tran_id = BankTranId::parse(&order.bank_tran_id)
            .map_err(|error| fault(format!("bank transaction id: {error}")))?;
        Ok(Some(Asked {
            call,
            order,
            bank_tran_id,
            amount: u64::try_from(due.amount.minor()).ok().or_stop()?,
            fintech_use_num: row.take_text(2)?,
            member,
            name: Personal::new(name.expose().to_owned()),
        }))
    }
}

/// Puts an order off that nobody has sent, as its account's bank takes none. Of a bank that never
/// will again, it goes to the account that the member would be charged from now.
fn wait_for(
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    due: &FeeReturn,
    (bank, account): (Standing, i64),
    now: Moment,
) -> Done<(), NoRefusal> {
    let other = match bank {
        Standing::Active | Standing::Suspended => None,
        Standing::Discarded => other_account(tx, asp, apply_no)?.filter(|other| *other != account),
    };
    let pause = pause_ms((now.real.0 - due.due_at.0) / 1_000);
    let until = now.real.plus_ms(u64::try_from(pause).unwrap_or(0));
    tracing::info!(%apply_no, bank = bank.name(), "the bank of a fee's return takes no orders");
    match fee_returns::put_off(tx, asp, apply_no, (&due.order, other, until))? {
        true => Ok(()),
        false => Err(TxError::Refused(Stop::CameFirst)),
    }
}

/// How long others leave a return alone that a driver has taken: it may call the bank as long.
pub(in crate::fee) fn lease_ms(core: &Core) -> u64 {
    let settings = &core.settings;
    settings.fee_deadline_ms.saturating_add(settings.fee_recovery_margin_ms)
}

fn stage(due: &FeeReturn) -> Stage {
    let order = match due.is_sent {
        true => fee_return::Order::MayBeSent,
        false => fee_return::Order::Unsent,
    };
    Stage::of(due.state, order)
}

async fn deposit(app: &App, apply_no: &ApplyNo, asked: &Asked) -> Said {
    // A process that was held up must not send an order that another may have given up.
    let deadline = asked.order.at.plus_ms(app.core.settings.fee_deadline_ms);
    let left_us = u64::try_from(deadline.0 - app.clock.now().0).ok().filter(|left| *left > 0);
    let answer = match left_us {
        None => DepositAnswer::NotSent,
        Some(left_us) => {
            let order = DepositOrder {
                bank_tran_id: asked.bank_tran_id.clone(),
                tran_date: asked.order.bank_tran_day.clone(),
                ordered_at_us: asked.order.at.0.saturating_add(app.shift.us()),
                fintech_use_num: asked.fintech_use_num.clone(),
                amount: asked.amount,
                client_name: asked.name.clone(),
                client_num: asked.member.clone(),
                print_content: PRINT_CONTENT.to_owned(),
            };
            app.bank.deposit(&order, Duration::from_micros(left_us)).await
        }
    };
    let (outcome, said) = match answer {
        DepositAnswer::Given { api_tran_id } => ("given", Said::given(api_tran_id)),
        DepositAnswer::Refused { cause, bank_code } => {
            ("give_refused", refused(apply_no, refusal(cause), &bank_code))
        }
        DepositAnswer::NotSent => {
            tracing::warn!(%apply_no, "the bank could not be reached to give a fee back");
            ("give_not_sent", Said::of(Event::NotSent))
        }
        DepositAnswer::Unknown { why } => {
            tracing::warn!(%apply_no, why, "the return of a fee is unanswered");
            ("give_unknown", Said::of(Event::Unknown))
        }
    };
    app.metrics.bank_answered(outcome);
    said
}

async fn inquire(app: &App, apply_no: &ApplyNo, asked: &Asked) -> Said {
    let (settings, now) = (&app.core.settings, app.moment());
    let inquiry = InquiryOrder {
        kind: OrderKind::Deposit,
        bank_tran_id: asked.bank_tran_id.clone(),
        tran_date: asked.order.bank_tran_day.clone(),
        fintech_use_num: asked.fintech_use_num.clone(),
        amount: asked.amount,
        asked_at_us: now.business.0,
    };
    let timeout = Duration::from_millis(settings.fee_inquiry_timeout_ms);
    let answer = app.bank.inquire(&inquiry, timeout).await;
    let over = asked.order.at.plus_ms(settings.bank_order_lifetime_ms);
    let (outcome, said) = match answer {
        InquiryAnswer::Executed { api_tran_id } => ("found_given", Said::given(api_tran_id)),
        InquiryAnswer::Refused { cause, bank_code } => {
            ("found_give_refused", refused(apply_no, refusal(cause), &bank_code))
        }
        InquiryAnswer::NotFound => {
            let executable = if now.real > over { Executable::NoMore } else { Executable::Still };
            ("give_not_found", Said::of(Event::NotFound(executable)))
        }
        InquiryAnswer::Unknown { why } => {
            tracing::warn!(%apply_no, why, "the return of a fee is still unanswered");
            ("give_still_unknown", Said::of(Event::Unknown))
        }
    };
    app.metrics.bank_answered(outcome);
    said
}

/// It is tried again with a new order; an operator is told, as the cause may have to be mended.
fn refused(apply_no: &ApplyNo, why: FeeRefusal, bank_code: &str) -> Said {
    let why_text = why.name();
    tracing::error!(%apply_no, bank_code, why = why_text, "the bank refused to give a fee back");
    Said::of(Event::Refused(why))
}

/// Writes what follows.
fn follow(
    core: &Core,
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    (order, said): (&Order, &Said),
    now: Moment,
) -> Done<(), NoRefusal> {
    let Some(due) = fee_returns::load(tx, asp, apply_no)? else { return Ok(()) };
    let (stage, at) = (stage(&due), now.real);
    let subject = if due.order == *order { Subject::InForce } else { Subject::Former };
    if subject == Subject::Former && said.event == Event::Given {
        tracing::error!(
            %apply_no,
            bank_tran_id = order.bank_tran_id,
            in_force = due.order.bank_tran_id,
            "the bank gave a fee back by an order that had been given up: look whether twice"
        );
    }
    let later = |ms: i64| at.plus_ms(u64::try_from(ms).unwrap_or(0));
    let again = later(pause_ms((at.0 - due.due_at.0) / 1_000));
    let plan = advance(stage, subject, said.event);
    let other = match plan {
        Plan::NewOrder(why) if is_of_account(why) => other_account(tx, asp, apply_no)?,
        Plan::Nothing | Plan::AskAgain | Plan::SendAgain | Plan::NewOrder(_) | Plan::Return => None,
    };
    let mut next = |step: Step<'_>, until: Timestamp| match fee_returns::go_on(
        tx,
        asp,
        apply_no,
        (order, &step, until),
    )? {
        true => Ok(()),
        false => Err(TxError::Refused(Stop::CameFirst)),
    };
    match plan {
        Plan::Nothing => Ok(()),
        Plan::AskAgain => next(Step::Later, again),
        Plan::SendAgain => next(Step::SendLater, again),
        Plan::NewOrder(why) => {
            let new = Order {
                bank_tran_id: applying::bank_tran_id(core)?,
                bank_tran_day: now.business.business_day().to_string(),
                at,
            };
            let anew = Anew { order: &new, why: why.name(), bank_account_id: other };
            next(Step::Anew(anew), later(new_order_pause_ms(due.attempt)))
        }
        Plan::Return => {
            let reference = said.reference.as_deref().or_stop()?;
            give_back(core, tx, (asp, apply_no), (&due, reference), now)
        }
    }
}

/// The account that the member would be charged from now: the one that the fee was taken from may
/// be closed for good. `None` where there is none.
fn other_account(tx: &mut Tx<'_>, asp: &AspId, apply_no: &ApplyNo) -> Done<Option<i64>, NoRefusal> {
    let application = applications::load(tx, asp, apply_no)?.or_stop()?;
    let user = UserId(u64::try_from(application.user_id).ok().or_stop()?);
    Ok(match bank_accounts::chargeable(tx, asp, user)? {
        Chargeable::Account(id) => Some(id),
        Chargeable::None | Chargeable::NoneRegistered => None,
    })
}

/// The member has the money: the return ends, and its application where it has waited for that.
fn give_back(
    core: &Core,
    tx: &mut Tx<'_>,
    (asp, apply_no): (&AspId, &ApplyNo),
    (due, reference): (&FeeReturn, &str),
    now: Moment,
) -> Done<(), NoRefusal> {
    if !fee_returns::give_back(tx, asp, apply_no, reference, now.real)? {
        return Err(TxError::Refused(Stop::CameFirst));
    }
    let application = applications::load(tx, asp, apply_no)?.or_stop()?;
    // One that was cancelled stays so.
    if let Some(to) = application::next(application.state, ApplicationEvent::GiveBack) {
        tx.execute(
            "UPDATE application SET state = $4 WHERE asp_id = $1 AND apply_no = $2 AND state = $3",
            &[
                asp.as_str().into(),
                apply_no.as_str().into(),
                application.state.name().into(),
                to.name().into(),
            ],
        )?;
    }
    let log_id = core.supply.id(asp).or_stop()?;
    let payload = json!({
        "cardApplyNo": apply_no.as_str(),
        "userId": application.user_id,
        "fee": due.amount.minor(),
        "reason": due.reason.name(),
    });
    let entry = NewEntry {
        id: log_id,
        operation: OPERATION,
        event: "fee.returned",
        code: "000_000",
        correlation_id: &application.correlation_id,
        subject: apply_no.as_str(),
        payload: &payload.to_string(),
        happened_at: now,
        keys: None,
    };
    if !log::insert(tx, asp, &entry)? {
        return Err(fault("the log has the row's id already"));
    }
    postings::insert(tx, asp, log_id, &Journal::fee_returned(GATEWAY, due.amount))?;
    Ok(())
}

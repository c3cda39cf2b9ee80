//! Fees that go back: what is owed is written by the transaction that comes to owe it.

pub(super) mod driver;

use domain::application::State;
use domain::ledger::Journal;
use domain::{ApplyNo, AspId};
use store::Tx;
use store::tables::applications::{self, Application};
use store::tables::fee_returns::{self, NewReturn, Reason};
use store::tables::log::Moment;

use crate::applying;
use crate::context::{App, Core};
use crate::op::{Cx, Done, NoRefusal, fault, transact};

/// Owes an application's fee back to its member: the journal that says so. Where nothing was
/// charged, nothing is owed.
pub fn owe<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    reason: Reason,
) -> Done<Journal, E> {
    match write(&cx.core, tx, &cx.call.asp, application, (reason, cx.call.moment()))? {
        Written::Now => Ok(Journal::fee_owed_back(application.fee, application.vat_basis_points)),
        Written::Before => {
            Err(fault(format!("the fee of {} goes back already", application.apply_no)))
        }
        Written::NothingCharged => Ok(Journal::default()),
    }
}

/// Writes the return of a fee that an earlier release has owed back, which had no returns.
pub(super) async fn adopt(app: &App, asp: &AspId, apply_no: &ApplyNo) {
    let now = app.moment();
    let adopted = transact(app, || {
        let (core, asp, apply_no) = (app.core.clone(), asp.clone(), apply_no.clone());
        move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
            let found = applications::load(tx, &asp, &apply_no)?;
            match found.filter(|application| application.state == State::ReturnDue) {
                Some(application) => {
                    let why = (Reason::NotSettled, now);
                    write(&core, tx, &asp, &application, why).map(drop)
                }
                None => Ok(()),
            }
        }
    });
    match adopted.await {
        Ok(()) => tracing::info!(%apply_no, "a fee owed back before has its return now"),
        Err(answer) => tracing::error!(%apply_no, code = answer.code(), "no return of a fee yet"),
    }
}

/// Whether a return was written.
enum Written {
    Now,
    Before,
    NothingCharged,
}

fn write<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    application: &Application,
    (reason, at): (Reason, Moment),
) -> Done<Written, E> {
    let Some(order) = &application.order else { return Ok(Written::NothingCharged) };
    let new = NewReturn {
        apply_no: &application.apply_no,
        reason,
        amount: application.fee,
        bank_account_id: order.bank_account_id,
        bank_tran_id: &applying::bank_tran_id(core)?,
        bank_tran_day: &at.business.business_day().to_string(),
        at: at.real,
    };
    let is_new = fee_returns::insert(tx, asp, &new)?;
    Ok(if is_new { Written::Now } else { Written::Before })
}

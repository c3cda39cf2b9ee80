//! Fees that go back: what is owed is written by the transaction that comes to owe it.

use domain::ledger::Journal;
use store::Tx;
use store::tables::applications::Application;
use store::tables::fee_returns::{self, NewReturn, Reason};

use crate::applying;
use crate::op::{Cx, Done, fault};

/// Owes an application's fee back to its member: the journal that says so. Where nothing was
/// charged, nothing is owed.
pub fn owe<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    reason: Reason,
) -> Done<Journal, E> {
    let Some(order) = &application.order else { return Ok(Journal::default()) };
    let call = &cx.call;
    let day = call.now.business_day().to_string();
    let new = NewReturn {
        apply_no: &application.apply_no,
        reason,
        amount: application.fee,
        bank_account_id: order.bank_account_id,
        bank_tran_id: &applying::bank_tran_id(cx)?,
        bank_tran_day: &day,
        at: call.now,
    };
    if !fee_returns::insert(tx, &call.asp, &new)? {
        return Err(fault(format!("the fee of {} goes back already", application.apply_no)));
    }
    Ok(Journal::fee_owed_back(application.fee, application.vat_basis_points))
}

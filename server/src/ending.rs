//! What ends with a card or an application: accounts, and plastic that is not to arrive any more.

use domain::card::{self, CardEvent, CardState};
use domain::delivery::DeliveryState;
use domain::{ApplyNo, AspId};
use store::tables::card_accounts::CardAccount;
use store::tables::parsed;
use store::{DbError, Tx};

use crate::op::{Cx, Done, fault};

/// Ends an account that this transaction has claimed and that holds nothing.
pub fn end_account<E>(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount) -> Done<CardState, E> {
    let ended = card::next(account.state, CardEvent::Discard)
        .ok_or_else(|| fault(format!("card account {} has ended already", account.id)))?;
    let row = tx.query_opt(
        "UPDATE card_account SET state = $3, is_main = FALSE
         WHERE asp_id = $1 AND account_id = $2 AND balance = 0
         RETURNING account_id",
        &[cx.call.asp.as_str().into(), account.id.0.into(), ended.name().into()],
    )?;
    match row {
        Some(_) => Ok(ended),
        None => Err(fault(format!("card account {} still holds money", account.id))),
    }
}

/// How far an application's plastic is; `None` where it has none.
pub fn delivery_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> Result<Option<DeliveryState>, DbError> {
    let row = tx.query_opt(
        "SELECT state FROM delivery WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    row.map(|row| parsed(&row, 0, DeliveryState::parse)).transpose()
}

//! What ends with a card or an application: its account.

use domain::card::{self, CardEvent, CardState};
use store::tables::card_accounts::CardAccount;
use store::{Tx, TxError};

use crate::op::{Cx, Done, Stop, fault};

/// Ends an account that this transaction has claimed and that holds nothing.
pub fn end_account<E>(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount) -> Done<CardState, E> {
    // One that ended before it could be claimed: whoever ended it came first.
    let ended = card::next(account.state, CardEvent::Discard);
    let ended = ended.ok_or(TxError::Refused(Stop::CameFirst))?;
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

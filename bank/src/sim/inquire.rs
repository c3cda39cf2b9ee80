//! Inquiries, which are also what ends a held order.

use store::{DbError, Tx};

use super::accounts;
use super::behaviour::Behaviour;
use super::messages::Asked;
use super::orders::{self, Decision, Order, Received};

/// The order as it stands; a held one is decided first if its account behaves otherwise by now.
/// An order of the other kind is none.
pub(super) fn inquire(
    tx: &mut Tx<'_>,
    asked: &Asked,
    now_us: i64,
) -> Result<Option<Order>, DbError> {
    let found = orders::find(tx, &asked.tran_id, &asked.tran_date)?;
    let Some(mut order) = found.filter(|order| order.kind == asked.kind) else {
        return Ok(None);
    };
    if order.decision == Decision::Held
        && let Some(decision) = decide_held(tx, &order, now_us)?
    {
        orders::end_held(tx, &order, &decision)?;
        order.decision = decision;
    }
    Ok(Some(order))
}

fn decide_held(tx: &mut Tx<'_>, order: &Order, now_us: i64) -> Result<Option<Decision>, DbError> {
    let Some(stored) = accounts::find(tx, &order.fintech_use_num)? else {
        return Ok(None);
    };
    // Held by the behaviour of one call: the account's own must be set anew to release it.
    if stored.behaviour_changes == order.behaviour_changes {
        return Ok(None);
    }
    match stored.account.behaviour {
        Behaviour::Hold => Ok(None),
        Behaviour::Refuse(code) => Ok(Some(Decision::Refused(code))),
        Behaviour::Answer
        | Behaviour::TakeSilently
        | Behaviour::Delay(_)
        | Behaviour::Disconnect
        | Behaviour::Error500 => {
            let received = Received {
                kind: order.kind,
                tran_id: order.tran_id.clone(),
                tran_date: order.tran_date.clone(),
                fintech_use_num: order.fintech_use_num.clone(),
                amount: order.amount,
                now_us,
            };
            orders::move_money(tx, &received).map(Some)
        }
    }
}

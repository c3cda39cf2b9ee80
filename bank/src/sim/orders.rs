//! Orders, and what is decided at their receipt.

use store::{DbError, Row, Tx, params};

use super::behaviour::Behaviour;
use super::model::{OrderRecord, OrderState};
use super::{accounts, ledger};
use crate::OrderKind;

const UNKNOWN_ACCOUNT: &str = "412";
const SHORT_OF_MONEY: &str = "S56";
/// A balance beyond all that can be counted.
const FULL: &str = "S59";

/// An order as it arrives.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) kind: OrderKind,
    pub(super) tran_id: String,
    pub(super) tran_date: String,
    pub(super) fintech_use_num: String,
    pub(super) amount: i64,
    pub(super) now_us: i64,
}

/// An order as it is kept.
pub(super) struct Order {
    pub(super) kind: OrderKind,
    pub(super) tran_id: String,
    pub(super) tran_date: String,
    pub(super) fintech_use_num: String,
    pub(super) amount: i64,
    pub(super) decision: Decision,
    pub(super) api_tran_id: String,
    received_at_us: i64,
    /// 0: at once, whatever the clock does.
    final_at_us: i64,
    pub(super) behaviour_changes: i64,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The money was taken or given, by the order's kind.
    Executed,
    Refused(String),
    Held,
}

/// What the caller of an order gets.
pub(super) enum Outcome {
    /// The order as it stands, after this time.
    Tell(Order, u64),
    /// The id is another order's.
    Clash,
    /// Nothing, though the order is decided.
    Silence,
    /// HTTP 500, though the order is decided.
    Error500,
    /// The connection is cut; there is no order.
    Cut,
}

impl Decision {
    const fn name(&self) -> &'static str {
        match self {
            Self::Executed => "TAKEN",
            Self::Refused(_) => "REFUSED",
            Self::Held => "HELD",
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Executed | Self::Held => None,
        }
    }
}

impl Order {
    /// What callers are told at this time; `None` while it is open.
    pub(super) fn told(&self, now_us: i64) -> Option<&Decision> {
        match self.decision {
            Decision::Held => None,
            Decision::Executed | Decision::Refused(_) => {
                (now_us >= self.final_at_us).then_some(&self.decision)
            }
        }
    }

    pub(super) fn record(self, now_us: i64) -> OrderRecord {
        let state = match (&self.decision, self.told(now_us), self.kind) {
            (Decision::Held, _, _) => OrderState::Held,
            (Decision::Executed | Decision::Refused(_), None, _) => OrderState::Pending,
            (Decision::Executed, Some(_), OrderKind::Withdrawal) => OrderState::Taken,
            (Decision::Executed, Some(_), OrderKind::Deposit) => OrderState::Given,
            (Decision::Refused(_), Some(_), _) => OrderState::Refused,
        };
        OrderRecord {
            code: self.decision.code().map(str::to_owned),
            bank_tran_id: self.tran_id,
            kind: self.kind,
            tran_date: self.tran_date,
            fintech_use_num: self.fintech_use_num,
            amount: self.amount,
            state,
            received_at_us: self.received_at_us,
        }
    }
}

/// Decides an order, once: the same order again gets what it got.
pub(super) fn receive(tx: &mut Tx<'_>, order: &Received) -> Result<Outcome, DbError> {
    if let Some(known) = find(tx, &order.tran_id, &order.tran_date)? {
        let same = known.kind == order.kind
            && known.amount == order.amount
            && known.fintech_use_num == order.fintech_use_num;
        return Ok(if same { Outcome::Tell(known, 0) } else { Outcome::Clash });
    }
    let Some(stored) = accounts::find(tx, &order.fintech_use_num)? else {
        let refused = Decision::Refused(UNKNOWN_ACCOUNT.to_owned());
        return Ok(Outcome::Tell(insert(tx, order, refused, Terms::default())?, 0));
    };
    let behaviour = accounts::use_behaviour(tx, &stored)?;
    let mut terms = Terms { behaviour_changes: stored.behaviour_changes, delay_ms: 0 };
    match behaviour {
        Behaviour::Disconnect => Ok(Outcome::Cut),
        Behaviour::Hold => Ok(Outcome::Tell(insert(tx, order, Decision::Held, terms)?, 0)),
        Behaviour::Refuse(code) => {
            Ok(Outcome::Tell(insert(tx, order, Decision::Refused(code), terms)?, 0))
        }
        Behaviour::Delay(ms) => {
            terms.delay_ms = ms;
            Ok(Outcome::Tell(execute(tx, order, terms)?, ms))
        }
        Behaviour::Answer => Ok(Outcome::Tell(execute(tx, order, terms)?, 0)),
        Behaviour::TakeSilently => execute(tx, order, terms).map(|_| Outcome::Silence),
        Behaviour::Error500 => execute(tx, order, terms).map(|_| Outcome::Error500),
    }
}

/// What an order's account had to say.
#[derive(Clone, Copy, Default)]
struct Terms {
    behaviour_changes: i64,
    delay_ms: u64,
}

/// Moves the money if that can be, and writes both order and ledger.
fn execute(tx: &mut Tx<'_>, order: &Received, terms: Terms) -> Result<Order, DbError> {
    let decision = move_money(tx, order)?;
    insert(tx, order, decision, terms)
}

/// Takes or gives the money if that can be, and writes the ledger.
pub(super) fn move_money(tx: &mut Tx<'_>, order: &Received) -> Result<Decision, DbError> {
    let (account, amount) = (&order.fintech_use_num, order.amount);
    let (is_moved, refusal) = match order.kind {
        OrderKind::Withdrawal => (accounts::take_money(tx, account, amount)?, SHORT_OF_MONEY),
        OrderKind::Deposit => (accounts::give_money(tx, account, amount)?, FULL),
    };
    if !is_moved {
        return Ok(Decision::Refused(refusal.to_owned()));
    }
    let seq = next_serial(tx)?;
    ledger::append(tx, seq, order)?;
    Ok(Decision::Executed)
}

fn insert(
    tx: &mut Tx<'_>,
    order: &Received,
    decision: Decision,
    terms: Terms,
) -> Result<Order, DbError> {
    let delay_us = i64::try_from(terms.delay_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let final_at_us = if delay_us == 0 { 0 } else { order.now_us.saturating_add(delay_us) };
    let kept = Order {
        kind: order.kind,
        tran_id: order.tran_id.clone(),
        tran_date: order.tran_date.clone(),
        fintech_use_num: order.fintech_use_num.clone(),
        amount: order.amount,
        decision,
        api_tran_id: format!("sim-{:016}", next_serial(tx)?),
        received_at_us: order.now_us,
        final_at_us,
        behaviour_changes: terms.behaviour_changes,
    };
    tx.execute(
        "INSERT INTO bank_order (tran_id, tran_date, fintech_use_num, amount, state, code,
             api_tran_id, received_at_us, final_at_us, behaviour_changes, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            &kept.tran_id,
            &kept.tran_date,
            &kept.fintech_use_num,
            kept.amount,
            kept.decision.name(),
            kept.decision.code(),
            &kept.api_tran_id,
            kept.received_at_us,
            kept.final_at_us,
            kept.behaviour_changes,
            kind_name(kept.kind),
        ],
    )?;
    Ok(kept)
}

/// Ends an order that was held.
pub(super) fn end_held(tx: &mut Tx<'_>, order: &Order, decision: &Decision) -> Result<(), DbError> {
    tx.execute(
        "UPDATE bank_order SET state = $3, code = $4 WHERE tran_id = $1 AND tran_date = $2",
        params![&order.tran_id, &order.tran_date, decision.name(), decision.code()],
    )?;
    Ok(())
}

fn next_serial(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    let sql = "UPDATE counter SET value = value + 1 WHERE name = 'serial' RETURNING value";
    tx.query_one(sql, &[])?.int(0)
}

pub(super) fn find(
    tx: &mut Tx<'_>,
    tran_id: &str,
    tran_date: &str,
) -> Result<Option<Order>, DbError> {
    Ok(of_id(tx, tran_id)?.into_iter().find(|order| order.tran_date == tran_date))
}

/// The orders of an id, by day.
pub(super) fn of_id(tx: &mut Tx<'_>, tran_id: &str) -> Result<Vec<Order>, DbError> {
    let rows = tx.query(
        "SELECT tran_id, tran_date, fintech_use_num, amount, state, code, api_tran_id,
             received_at_us, final_at_us, behaviour_changes, kind
         FROM bank_order WHERE tran_id = $1 ORDER BY tran_date",
        params![tran_id],
    )?;
    rows.into_iter().map(order).collect()
}

fn order(mut row: Row) -> Result<Order, DbError> {
    let decision = match (row.text(4)?, row.opt_text(5)?) {
        (_, Some(code)) => Decision::Refused(code.to_owned()),
        ("TAKEN", None) => Decision::Executed,
        _ => Decision::Held,
    };
    Ok(Order {
        kind: kind(row.text(10)?),
        tran_id: row.take_text(0)?,
        tran_date: row.take_text(1)?,
        fintech_use_num: row.take_text(2)?,
        amount: row.int(3)?,
        decision,
        api_tran_id: row.take_text(6)?,
        received_at_us: row.int(7)?,
        final_at_us: row.int(8)?,
        behaviour_changes: row.int(9)?,
    })
}

pub(super) const fn kind_name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Withdrawal => "WITHDRAWAL",
        OrderKind::Deposit => "DEPOSIT",
    }
}

/// The table has no other names.
pub(super) fn kind(name: &str) -> OrderKind {
    if name == kind_name(OrderKind::Deposit) { OrderKind::Deposit } else { OrderKind::Withdrawal }
}

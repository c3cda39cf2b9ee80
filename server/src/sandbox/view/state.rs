//! What the database holds of a scenario's member: its rows, read on one snapshot.

use domain::{AspId, Timestamp, UserId};
use serde_json::{Value, json};
use store::{DbError, Row, Tx, TxError};

use crate::context::Core;
use crate::sandbox::calls::rfc3339;
use crate::sandbox::given;
use crate::sandbox::world::World;

/// A bank account, with the number by which the bank knows it.
pub(super) struct BankAccount {
    pub(super) state: String,
    pub(super) is_primary: bool,
    pub(super) bank_code: String,
    pub(super) fintech_use_num: String,
}

type Read<T> = Result<T, TxError<()>>;

/// All but how the bank behaves.
pub(super) fn read(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
) -> Read<(Value, Vec<BankAccount>)> {
    let user = UserId(world.user_id());
    let id = user.stored().ok_or(TxError::Refused(()))?;
    let state = json!({
        "member": member(tx, asp, id)?,
        "accounts": accounts(tx, asp, id)?,
        "cards": cards(core, tx, asp, world, id)?,
        "applications": applications(tx, asp, id)?,
        "deliveries": deliveries(tx, asp, id)?,
        "journals": journals(tx, asp, user, id)?,
    });
    Ok((state, bank_accounts(tx, asp, id)?))
}

fn each(rows: &[Row], of: impl Fn(&Row) -> Result<Value, DbError>) -> Result<Value, DbError> {
    rows.iter().map(of).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn moment(micros: i64) -> String {
    rfc3339(Timestamp(micros))
}

fn member(tx: &mut Tx<'_>, asp: &AspId, user: i64) -> Result<Value, DbError> {
    let row = tx.query_opt(
        "SELECT state, id_verified_at IS NOT NULL FROM member WHERE asp_id = $1 AND user_id = $2",
        &[asp.as_str().into(), user.into()],
    )?;
    let Some(row) = row else { return Ok(Value::Null) };
    Ok(json!({ "userId": user, "state": row.text(0)?, "idVerified": row.boolean(1)? }))
}

fn accounts(tx: &mut Tx<'_>, asp: &AspId, user: i64) -> Result<Value, DbError> {
    let rows = tx.query(
        "SELECT account_id, state, balance, is_main, predecessor_id, successor_id
         FROM card_account WHERE asp_id = $1 AND account_id IN (
             SELECT c.account_id FROM card_account c WHERE c.asp_id = $1 AND c.user_id = $2)
         ORDER BY opened_at DESC, account_id DESC LIMIT 50",
        &[asp.as_str().into(), user.into()],
    )?;
    each(&rows, |row| {
        Ok(json!({
            "accountId": row.int(0)?,
            "state": row.text(1)?,
            "balance": row.int(2)?,
            "isMain": row.boolean(3)?,
            "predecessor": row.opt_int(4)?,
            "successor": row.opt_int(5)?,
        }))
    })
}

/// Cards of its accounts and plastic that was made for it; where a card is given that belongs to
/// no account, that one.
fn cards(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    user: i64,
) -> Result<Value, DbError> {
    let mut rows = tx.query(
        "SELECT c.card_id, c.form, c.pan_first6, c.pan_last4, c.par, c.expiry_yymm, c.account_id,
             c.apply_no
         FROM card c WHERE c.asp_id = $1 AND c.card_id IN (
             SELECT d.card_id FROM card d WHERE d.asp_id = $1 AND d.account_id IN (
                 SELECT a.account_id FROM card_account a WHERE a.asp_id = $1 AND a.user_id = $2)
             UNION ALL
             SELECT p.physical_card_id FROM application p WHERE p.asp_id = $1 AND p.user_id = $2)
         ORDER BY c.issued_at DESC, c.card_id DESC LIMIT 50",
        &[asp.as_str().into(), user.into()],
    )?;
    // A sandbox has its keys in memory, where none fails.
    for index in core.pan_indexes(asp, &world.card_no()).unwrap_or_default() {
        rows.extend(tx.query_opt(
            "SELECT card_id, form, pan_first6, pan_last4, par, expiry_yymm, account_id, apply_no
             FROM card WHERE asp_id = $1 AND pan_index = $2 AND account_id IS NULL",
            &[asp.as_str().into(), index.as_slice().into()],
        )?);
    }
    each(&rows, |row| {
        Ok(json!({
            "cardId": row.int(0)?,
            "form": row.text(1)?,
            "number": format!("{}******{}", row.text(2)?, row.text(3)?),
            "par": row.text(4)?,
            "expiry": row.text(5)?,
            "accountId": row.opt_int(6)?,
            "applyNo": row.opt_text(7)?,
        }))
    })
}

fn applications(tx: &mut Tx<'_>, asp: &AspId, user: i64) -> Result<Value, DbError> {
    let rows = tx.query(
        "SELECT apply_no, kind, state, fee, delivery, applied_at, settled_at, refusal
         FROM application WHERE asp_id = $1 AND apply_no IN (
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)
         ORDER BY applied_at DESC, apply_no DESC LIMIT 50",
        &[asp.as_str().into(), user.into()],
    )?;
    each(&rows, |row| {
        Ok(json!({
            "applyNo": row.text(0)?,
            "kind": row.text(1)?,
            "state": row.text(2)?,
            "fee": row.int(3)?,
            "delivery": row.text(4)?,
            "appliedAt": moment(row.int(5)?),
            "settledAt": row.opt_int(6)?.map(moment),
            "refusal": row.opt_text(7)?,
        }))
    })
}

fn deliveries(tx: &mut Tx<'_>, asp: &AspId, user: i64) -> Result<Value, DbError> {
    let rows = tx.query(
        "SELECT d.apply_no, d.state, d.changed_at FROM delivery d
         WHERE d.asp_id = $1 AND d.apply_no IN (
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)
         ORDER BY d.ordered_at DESC, d.apply_no DESC LIMIT 50",
        &[asp.as_str().into(), user.into()],
    )?;
    each(&rows, |row| {
        Ok(json!({
            "applyNo": row.text(0)?,
            "state": row.text(1)?,
            "changedAt": moment(row.int(2)?),
        }))
    })
}

/// What happened to the member, its accounts and applications since it was armed, and what was
/// booked for it.
fn journals(tx: &mut Tx<'_>, asp: &AspId, user: UserId, id: i64) -> Result<Value, DbError> {
    let member = given::subject(user);
    let keys = [asp.as_str().into(), id.into(), member.as_str().into()];
    let events = tx.query(
        "SELECT l.log_id, l.event, l.happened_at FROM operation_log l
         WHERE l.asp_id = $1 AND l.log_id IN (
             SELECT s.log_id FROM operation_log s WHERE s.asp_id = $1 AND s.subject IN (
             SELECT CAST($3 AS TEXT)
             UNION ALL
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2
             UNION ALL
             SELECT CAST(c.account_id AS TEXT) FROM card_account c
             WHERE c.asp_id = $1 AND c.user_id = $2))
         ORDER BY l.happened_at DESC, l.log_id DESC LIMIT 50",
        &keys,
    )?;
    let mut told = Vec::new();
    for row in &events {
        // Arming begins anew: what it booked back is history.
        let event = row.text(1)?;
        if event == "sandbox.cleared" {
            break;
        }
        let lines = postings(tx, asp, row.int(0)?)?;
        told.push(json!({ "at": moment(row.int(2)?), "event": event, "lines": lines }));
        if event == "sandbox.armed" {
            break;
        }
    }
    Ok(told.into())
}

fn postings(tx: &mut Tx<'_>, asp: &AspId, log_id: i64) -> Result<Value, DbError> {
    let rows = tx.query(
        "SELECT debit, credit, amount FROM posting WHERE asp_id = $1 AND log_id = $2
         ORDER BY line LIMIT 50",
        &[asp.as_str().into(), log_id.into()],
    )?;
    each(&rows, |row| {
        Ok(json!({ "debit": row.text(0)?, "credit": row.text(1)?, "amount": row.int(2)? }))
    })
}

fn bank_accounts(tx: &mut Tx<'_>, asp: &AspId, user: i64) -> Result<Vec<BankAccount>, DbError> {
    let rows = tx.query(
        "SELECT state, is_primary, bank_code, fintech_use_num FROM bank_account
         WHERE asp_id = $1 AND user_id = $2 ORDER BY bank_account_id DESC LIMIT 50",
        &[asp.as_str().into(), user.into()],
    )?;
    let read = |mut row: Row| {
        Ok(BankAccount {
            state: row.take_text(0)?,
            is_primary: row.boolean(1)?,
            bank_code: row.take_text(2)?,
            fintech_use_num: row.take_text(3)?,
        })
    };
    rows.into_iter().map(read).collect()
}

//! Card accounts: the balance and state that a mobile card and its plastic twin share, and so the
//! aggregate that a write transaction claims first.

use domain::card::CardState;
use domain::discard::Role;
use domain::product::{Condition, Past};
use domain::{ApplyNo, AspId, CardAccountId, Expiry, Money, ServiceId, Timestamp, UserId};

use super::{money, number, parsed};
use crate::{DbError, Row, Tx};

/// A card account as a transaction finds it once it has claimed it.
#[derive(Debug, Clone)]
pub struct CardAccount {
    /// Its id.
    pub id: CardAccountId,
    /// The member who holds it.
    pub user_id: i64,
    /// The product.
    pub service_id: ServiceId,
    /// Its state.
    pub state: CardState,
    /// What it holds.
    pub balance: Money,
    /// When its cards expire.
    pub expiry: Expiry,
    /// How it stands to others.
    pub role: Role,
    /// What the fee of a reissue depends on.
    pub past: Past,
    /// Whether it was ever paid with or charged.
    pub is_used: bool,
    /// Whether its balance has moved to a successor.
    pub has_successor: bool,
    /// Whether a virtual account leads to it.
    pub has_virtual_account: bool,
    /// Whether other cards end with it.
    pub has_sub_cards: bool,
    /// What carries over to a successor.
    pub standing: Standing,
}

/// Settings that carry over to a successor.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// The most it may hold.
    pub balance_limit: Money,
    /// Whether it is a named card.
    pub is_named: bool,
    /// Whether it is the member's main card.
    pub is_main: bool,
}

/// A card account to be opened.
#[derive(Debug)]
pub struct NewCardAccount<'a> {
    /// Its id.
    pub id: CardAccountId,
    /// The member who holds it.
    pub user_id: i64,
    /// The product.
    pub service_id: &'a ServiceId,
    /// Its state.
    pub state: CardState,
    /// What it holds; a journal must say where from.
    pub balance: Money,
    /// Limits and marks.
    pub standing: Standing,
    /// The account that it replaces.
    pub predecessor: Option<CardAccountId>,
    /// How often those before it were reissued, this time counted where it counts.
    pub reissues: u32,
    /// When its cards expire.
    pub expiry: Expiry,
    /// When.
    pub opened_at: Timestamp,
}

/// How a caller names a card.
#[derive(Debug, Clone, Copy)]
pub enum CardKey<'a> {
    /// By its number, mobile or physical, as its keyed hash.
    Number(&'a [u8]),
    /// By its PAR.
    Par(&'a str),
    /// The member's main card.
    Main,
}

/// Claims the account of a member's card: other transactions that want it wait until this one
/// ends. `None` where this member and partner have no such card.
pub fn claim(
    tx: &mut Tx<'_>,
    asp: &AspId,
    user: UserId,
    key: CardKey<'_>,
) -> Result<Option<CardAccount>, DbError> {
    let Some(user) = user.stored() else { return Ok(None) };
    let row = match key {
        CardKey::Number(index) => tx.query_opt(
            "UPDATE card_account SET version = version + 1
             WHERE asp_id = $1 AND user_id = $2 AND account_id = (
                 SELECT c.account_id FROM card c WHERE c.asp_id = $1 AND c.pan_index = $3)
             RETURNING account_id, service_id, state, balance, successor_id IS NOT NULL,
                 balance_limit, is_named, is_main, user_id, expiry_yymm, role, reissues,
                 defect_reported_at IS NOT NULL, used_at IS NOT NULL,
                 EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                     AND v.account_id = card_account.account_id),
                 EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                     AND s.main_account_id = card_account.account_id)",
            &[asp.as_str().into(), user.into(), index.into()],
        )?,
        CardKey::Par(par) => tx.query_opt(
            "UPDATE card_account SET version = version + 1
             WHERE asp_id = $1 AND user_id = $2 AND account_id = (
                 SELECT c.account_id FROM card c WHERE c.asp_id = $1 AND c.par = $3)
             RETURNING account_id, service_id, state, balance, successor_id IS NOT NULL,
                 balance_limit, is_named, is_main, user_id, expiry_yymm, role, reissues,
                 defect_reported_at IS NOT NULL, used_at IS NOT NULL,
                 EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                     AND v.account_id = card_account.account_id),
                 EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                     AND s.main_account_id = card_account.account_id)",
            &[asp.as_str().into(), user.into(), par.into()],
        )?,
        CardKey::Main => tx.query_opt(
            "UPDATE card_account SET version = version + 1
             WHERE asp_id = $1 AND user_id = $2 AND account_id = (
                 SELECT MAX(c.account_id) FROM card_account c
                 WHERE c.asp_id = $1 AND c.is_main AND c.state <> 'TERMINATED'
                     AND c.account_id IN (SELECT o.account_id FROM card_account o
                         WHERE o.asp_id = $1 AND o.user_id = $2))
             RETURNING account_id, service_id, state, balance, successor_id IS NOT NULL,
                 balance_limit, is_named, is_main, user_id, expiry_yymm, role, reissues,
                 defect_reported_at IS NOT NULL, used_at IS NOT NULL,
                 EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                     AND v.account_id = card_account.account_id),
                 EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                     AND s.main_account_id = card_account.account_id)",
            &[asp.as_str().into(), user.into()],
        )?,
    };
    row.as_ref().map(read).transpose()
}

/// Looks at the account of a member's card without claiming it: what is read may change at once.
/// `index` is the keyed hash of the card's number.
pub fn look(
    tx: &mut Tx<'_>,
    asp: &AspId,
    user: UserId,
    index: &[u8],
) -> Result<Option<CardAccount>, DbError> {
    let Some(user) = user.stored() else { return Ok(None) };
    let row = tx.query_opt(
        "SELECT account_id, service_id, state, balance, successor_id IS NOT NULL, balance_limit,
             is_named, is_main, user_id, expiry_yymm, role, reissues,
             defect_reported_at IS NOT NULL, used_at IS NOT NULL,
             EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                 AND v.account_id = card_account.account_id),
             EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                 AND s.main_account_id = card_account.account_id)
         FROM card_account
         WHERE asp_id = $1 AND user_id = $2 AND account_id = (
             SELECT c.account_id FROM card c WHERE c.asp_id = $1 AND c.pan_index = $3)",
        &[asp.as_str().into(), user.into(), index.into()],
    )?;
    row.as_ref().map(read).transpose()
}

/// Claims the account that an application is to replace; `None` where there is no such application.
pub fn claim_of(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> Result<Option<CardAccount>, DbError> {
    let row = tx.query_opt(
        "UPDATE card_account SET version = version + 1
         WHERE asp_id = $1 AND account_id = (
             SELECT a.old_account_id FROM application a WHERE a.asp_id = $1 AND a.apply_no = $2)
         RETURNING account_id, service_id, state, balance, successor_id IS NOT NULL,
             balance_limit, is_named, is_main, user_id, expiry_yymm, role, reissues,
             defect_reported_at IS NOT NULL, used_at IS NOT NULL,
             EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                 AND v.account_id = card_account.account_id),
             EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                 AND s.main_account_id = card_account.account_id)",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    row.as_ref().map(read).transpose()
}

/// Claims the account of this id.
pub fn claim_by_id(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: CardAccountId,
) -> Result<Option<CardAccount>, DbError> {
    let row = tx.query_opt(
        "UPDATE card_account SET version = version + 1 WHERE asp_id = $1 AND account_id = $2
         RETURNING account_id, service_id, state, balance, successor_id IS NOT NULL,
             balance_limit, is_named, is_main, user_id, expiry_yymm, role, reissues,
             defect_reported_at IS NOT NULL, used_at IS NOT NULL,
             EXISTS (SELECT 1 FROM virtual_account v WHERE v.asp_id = $1
                 AND v.account_id = card_account.account_id),
             EXISTS (SELECT 1 FROM card_account s WHERE s.asp_id = $1
                 AND s.main_account_id = card_account.account_id)",
        &[asp.as_str().into(), id.0.into()],
    )?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<CardAccount, DbError> {
    let condition = if row.boolean(12)? { Condition::Defective } else { Condition::Sound };
    Ok(CardAccount {
        id: CardAccountId(row.int(0)?),
        user_id: row.int(8)?,
        expiry: parsed(row, 9, Expiry::from_yymm)?,
        role: parsed(row, 10, Role::parse)?,
        past: Past { reissues: number(row, 11)?, condition },
        is_used: row.boolean(13)?,
        service_id: ServiceId::new(row.text(1)?),
        state: parsed(row, 2, CardState::parse)?,
        balance: money(row, 3)?,
        has_successor: row.boolean(4)?,
        has_virtual_account: row.boolean(14)?,
        has_sub_cards: row.boolean(15)?,
        standing: Standing {
            balance_limit: money(row, 5)?,
            is_named: row.boolean(6)?,
            is_main: row.boolean(7)?,
        },
    })
}

/// Opens an account. Limits of payments, the tax deduction and how it stands to others carry over
/// from the one that it replaces.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, account: &NewCardAccount<'_>) -> Result<(), DbError> {
    let standing = account.standing;
    tx.put(
        "INSERT INTO card_account (asp_id, account_id, user_id, service_id, state, balance,
             currency, balance_limit, is_named, is_main, predecessor_id, successor_id, opened_at,
             version, expiry_yymm, reissues, limit_once, limit_day, limit_month, deduction_day,
             deduction_at, role, main_account_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, $12, 0, $13, $14,
             (SELECT limit_once FROM card_account WHERE asp_id = $1 AND account_id = $11),
             (SELECT limit_day FROM card_account WHERE asp_id = $1 AND account_id = $11),
             (SELECT limit_month FROM card_account WHERE asp_id = $1 AND account_id = $11),
             (SELECT deduction_day FROM card_account WHERE asp_id = $1 AND account_id = $11),
             (SELECT deduction_at FROM card_account WHERE asp_id = $1 AND account_id = $11),
             COALESCE((SELECT role FROM card_account WHERE asp_id = $1 AND account_id = $11),
                 'ORDINARY'),
             (SELECT main_account_id FROM card_account WHERE asp_id = $1 AND account_id = $11))",
        &[
            asp.as_str().into(),
            account.id.0.into(),
            account.user_id.into(),
            account.service_id.as_str().into(),
            account.state.name().into(),
            account.balance.minor().into(),
            account.balance.currency().code().into(),
            standing.balance_limit.minor().into(),
            standing.is_named.into(),
            standing.is_main.into(),
            account.predecessor.map(|id| id.0).into(),
            account.opened_at.0.into(),
            account.expiry.yymm().as_str().into(),
            i64::from(account.reissues).into(),
        ],
    )?;
    Ok(())
}

/// The PARs of an account's cards, in the order in which they were made.
pub fn pars(tx: &mut Tx<'_>, asp: &AspId, id: CardAccountId) -> Result<Vec<String>, DbError> {
    let rows = tx.query(
        "SELECT par FROM card WHERE asp_id = $1 AND account_id = $2 ORDER BY card_id",
        &[asp.as_str().into(), id.0.into()],
    )?;
    rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Marks an account that this transaction has claimed as one whose card is defective.
pub fn report_defect(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: CardAccountId,
    at: Timestamp,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE card_account SET defect_reported_at = $3 WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), id.0.into(), at.0.into()],
    )?;
    Ok(())
}

/// Sets the state of an account that this transaction has claimed.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: CardAccountId,
    state: CardState,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE card_account SET state = $3 WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), id.0.into(), state.name().into()],
    )?;
    Ok(())
}

//! Applications for a card, with what is reserved for their settling.

use domain::application::{Kind, State};
use domain::product::{Issuance, ReturnedFee, Waiver};
use domain::terms::{Delivery, Terms};
use domain::{ApplyNo, AspId, CardAccountId, CardId, Money, ServiceId, Timestamp};

use super::log::CallKeys;
use super::{money, number, opt_parsed, parsed};
use crate::{DbError, Row, Tx};

/// An application.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its number.
    pub apply_no: ApplyNo,
    /// What is applied for.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// The member.
    pub user_id: i64,
    /// The card account to be replaced; `None` of a first card.
    pub old_account: Option<CardAccountId>,
    /// The product of the new card.
    pub service_id: ServiceId,
    /// When the mobile card is issued.
    pub issuance: Issuance,
    /// Whether plastic follows.
    pub delivery: Delivery,
    /// Name, phone and address for the delivery, sealed.
    pub recipient_sealed: Option<Vec<u8>>,
    /// The fee promised, tax included.
    pub fee: Money,
    /// Why it was waived.
    pub waiver: Option<Waiver>,
    /// What becomes of it where the plastic comes back.
    pub returned_fee: ReturnedFee,
    /// The most that a card that replaces none may hold.
    pub balance_limit: Money,
    /// Tax rate within the fee, hundredths of a percent.
    pub vat_basis_points: u32,
    /// Months for which the new card is valid.
    pub validity_months: u16,
    /// What is reserved for the mobile card and its account, where one is issued at the request.
    pub mobile: Option<ReservedMobile>,
    /// What is reserved for the plastic.
    pub physical: Option<ReservedCard>,
    /// The fee's order at the bank.
    pub order: Option<FeeOrder>,
    /// When it was applied for.
    pub applied_at: Timestamp,
    /// The call that applied.
    pub correlation_id: String,
    /// What recognises that call.
    pub keys: CallKeys,
}

/// A card reserved: its id, and its number as `prefix/serial` under a number key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedCard {
    /// Its id.
    pub card: CardId,
    /// Its number, not made yet.
    pub number: String,
    /// The key that makes it.
    pub number_key_id: i64,
}

/// A mobile card reserved, with the account that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedMobile {
    /// The account.
    pub account: CardAccountId,
    /// The card.
    pub card: ReservedCard,
}

/// The order by which a fee is withdrawn, fixed before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeOrder {
    /// The member's account.
    pub bank_account_id: i64,
    /// The bank's id of the withdrawal.
    pub bank_tran_id: String,
    /// The business day of that id.
    pub bank_tran_day: String,
    /// When it was fixed, by the real clock.
    pub ordered_at: Timestamp,
    /// When recovery may ask the bank, by the real clock.
    pub deadline_at: Timestamp,
}

impl Application {
    /// What was promised.
    pub fn terms(&self) -> Terms {
        Terms {
            kind: self.kind,
            issuance: self.issuance,
            delivery: self.delivery,
            fee: self.fee,
            waiver: self.waiver,
            returned_fee: self.returned_fee,
        }
    }
}

/// Writes an application; `false` where another one is open for the card.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, new: &Application) -> Result<bool, DbError> {
    let order = new.order.as_ref();
    let mobile = new.mobile.as_ref();
    let physical = new.physical.as_ref();
    let key = mobile.map(|mobile| &mobile.card).or(physical).map_or(0, |card| card.number_key_id);
    // What awaits no bank settles in this transaction: the delivery has the recipient then.
    let recipient = order.and(new.recipient_sealed.as_deref());
    let settled_at = order.is_none().then_some(new.applied_at.0);
    let written = tx.execute(
        "INSERT INTO application (asp_id, apply_no, kind, state, user_id, old_account_id,
             holds_old_card, service_id, issuance, delivery, recipient_sealed, fee,
             vat_basis_points, currency, validity_months, new_account_id, mobile_card_id,
             mobile_number, physical_card_id, physical_number, number_key_id, bank_account_id,
             bank_tran_id, bank_tran_day, deadline_at, applied_at, correlation_id, replay_key,
             cipher_digest, strict_key, settled_at, waiver, returned_fee, balance_limit,
             ordered_at)
         VALUES ($1, $2, $31, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
             $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $32, $33, $34,
             $35)
         ON CONFLICT DO NOTHING",
        &[
            asp.as_str().into(),
            new.apply_no.as_str().into(),
            new.state.name().into(),
            new.user_id.into(),
            new.old_account.map(|id| id.0).into(),
            (new.state.is_open() && new.old_account.is_some()).into(),
            new.service_id.as_str().into(),
            new.issuance.name().into(),
            new.delivery.name().into(),
            recipient.into(),
            new.fee.minor().into(),
            i64::from(new.vat_basis_points).into(),
            new.fee.currency().code().into(),
            i64::from(new.validity_months).into(),
            mobile.map(|mobile| mobile.account.0).into(),
            mobile.map(|mobile| mobile.card.card.0).into(),
            mobile.map(|mobile| mobile.card.number.as_str()).into(),
            physical.map(|card| card.card.0).into(),
            physical.map(|card| card.number.as_str()).into(),
            key.into(),
            order.map(|order| order.bank_account_id).into(),
            order.map(|order| order.bank_tran_id.as_str()).into(),
            order.map(|order| order.bank_tran_day.as_str()).into(),
            order.map(|order| order.deadline_at.0).into(),
            new.applied_at.0.into(),
            new.correlation_id.as_str().into(),
            new.keys.replay.as_slice().into(),
            new.keys.cipher.as_deref().into(),
            new.keys.strict.as_deref().into(),
            settled_at.into(),
            new.kind.name().into(),
            new.waiver.map(Waiver::name).into(),
            new.returned_fee.name().into(),
            new.balance_limit.minor().into(),
            order.map(|order| order.ordered_at.0).into(),
        ],
    )?;
    Ok(written == 1)
}

/// The application of this number.
pub fn load(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> Result<Option<Application>, DbError> {
    let row = tx.query_opt(
        "SELECT state, user_id, old_account_id, service_id, issuance, delivery, recipient_sealed,
             fee, vat_basis_points, validity_months, new_account_id, mobile_card_id,
             mobile_number, physical_card_id, physical_number, number_key_id, bank_account_id,
             bank_tran_id, bank_tran_day, deadline_at, applied_at, correlation_id, replay_key,
             cipher_digest, strict_key, kind, waiver, returned_fee, balance_limit,
             ordered_at
         FROM application WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    row.map(|row| read(row, apply_no)).transpose()
}

fn read(mut row: Row, apply_no: &ApplyNo) -> Result<Application, DbError> {
    let number_key_id = row.int(15)?;
    let mut card = |id: usize, number: usize| -> Result<Option<ReservedCard>, DbError> {
        let Some(card) = row.opt_int(id)?.map(CardId) else { return Ok(None) };
        Ok(Some(ReservedCard { card, number: row.take_text(number)?, number_key_id }))
    };
    let (mobile, physical) = (card(11, 12)?, card(13, 14)?);
    let account = row.opt_int(10)?.map(CardAccountId);
    let order = match row.take_opt_text(17)? {
        None => None,
        Some(bank_tran_id) => Some(FeeOrder {
            bank_account_id: row.int(16)?,
            bank_tran_id,
            bank_tran_day: row.take_text(18)?,
            ordered_at: Timestamp(row.int(29)?),
            deadline_at: Timestamp(row.int(19)?),
        }),
    };
    Ok(Application {
        apply_no: apply_no.clone(),
        kind: parsed(&row, 25, Kind::parse)?,
        state: parsed(&row, 0, State::parse)?,
        user_id: row.int(1)?,
        old_account: row.opt_int(2)?.map(CardAccountId),
        service_id: ServiceId::new(row.text(3)?),
        issuance: parsed(&row, 4, Issuance::parse)?,
        delivery: parsed(&row, 5, Delivery::parse)?,
        recipient_sealed: row.take_opt_blob(6)?,
        fee: money(&row, 7)?,
        waiver: opt_parsed(&row, 26, Waiver::parse)?,
        returned_fee: parsed(&row, 27, ReturnedFee::parse)?,
        balance_limit: money(&row, 28)?,
        vat_basis_points: number(&row, 8)?,
        validity_months: number(&row, 9)?,
        mobile: account.zip(mobile).map(|(account, card)| ReservedMobile { account, card }),
        physical,
        order,
        applied_at: Timestamp(row.int(20)?),
        correlation_id: row.take_text(21)?,
        keys: CallKeys {
            replay: row.take_opt_blob(22)?.unwrap_or_default(),
            cipher: row.take_opt_blob(23)?,
            strict: row.take_opt_blob(24)?,
        },
    })
}

/// The open application that holds a card account.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its number.
    pub apply_no: ApplyNo,
    /// What is applied for.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// Whether a fee was promised.
    pub has_fee: bool,
    /// The call that applied.
    pub replay_key: Vec<u8>,
}

/// The open application that holds a card account, which the transaction has claimed.
pub fn open_for(
    tx: &mut Tx<'_>,
    asp: &AspId,
    account: CardAccountId,
) -> Result<Option<Open>, DbError> {
    let row = tx.query_opt(
        "SELECT apply_no, state, fee > 0, replay_key, kind FROM application
         WHERE asp_id = $1 AND old_account_id = $2 AND holds_old_card",
        &[asp.as_str().into(), account.0.into()],
    )?;
    row.map(|mut row| read_open(&mut row, 0)).transpose()
}

/// The open application whose columns begin at `at` of a row: apply_no, state, fee > 0,
/// replay_key, kind.
pub(super) fn read_open(row: &mut Row, at: usize) -> Result<Open, DbError> {
    Ok(Open {
        kind: parsed(row, at + 4, Kind::parse)?,
        state: parsed(row, at + 1, State::parse)?,
        has_fee: row.boolean(at + 2)?,
        replay_key: row.take_opt_blob(at + 3)?.unwrap_or_default(),
        apply_no: ApplyNo::new(row.text(at)?),
    })
}

/// Whether the fee of another call with this correlation id is being charged, in a strict
/// project: the log does not know that call yet.
pub fn holds_correlation_id(
    tx: &mut Tx<'_>,
    asp: &AspId,
    keys: &CallKeys,
) -> Result<bool, DbError> {
    let Some(strict) = keys.strict.as_deref() else { return Ok(false) };
    let found = tx.query_opt(
        "SELECT 1 FROM application
         WHERE asp_id = $1 AND state = 'COST_PAYING' AND strict_key IS NOT NULL
             AND strict_key = $2 AND replay_key <> $3",
        &[asp.as_str().into(), strict.into(), keys.replay.as_slice().into()],
    )?;
    Ok(found.is_some())
}

/// Completes an application whose plastic is registered; `false` where it has left the state.
pub fn complete(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    (from, to): (State, State),
    plastic: CardId,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE application SET state = $4, holds_old_card = FALSE, physical_card_id = $5,
             physical_number = COALESCE(physical_number, '')
         WHERE asp_id = $1 AND apply_no = $2 AND state = $3",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            from.name().into(),
            to.name().into(),
            plastic.0.into(),
        ],
    )?;
    Ok(changed == 1)
}

/// Notes the mobile card that was issued when the plastic was registered.
pub fn set_mobile(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    mobile: &ReservedMobile,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE application SET new_account_id = $3, mobile_card_id = $4, mobile_number = $5
         WHERE asp_id = $1 AND apply_no = $2",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            mobile.account.0.into(),
            mobile.card.card.0.into(),
            mobile.card.number.as_str().into(),
        ],
    )?;
    Ok(())
}

/// The application of a member by which this call has begun to charge a fee.
pub fn charging(
    tx: &mut Tx<'_>,
    asp: &AspId,
    user_id: i64,
    replay_key: &[u8],
) -> Result<Option<ApplyNo>, DbError> {
    let row = tx.query_opt(
        "SELECT apply_no FROM application
         WHERE asp_id = $1 AND apply_no IN (
                 SELECT b.apply_no FROM application b WHERE b.asp_id = $1 AND b.user_id = $2)
             AND state = 'COST_PAYING' AND replay_key = $3",
        &[asp.as_str().into(), user_id.into(), replay_key.into()],
    )?;
    row.map(|row| Ok(ApplyNo::new(row.text(0)?))).transpose()
}

/// How an application is moved on.
#[derive(Debug)]
pub struct Settlement<'a> {
    /// The state to leave; another one means that somebody else came first.
    pub from: State,
    /// The state to reach.
    pub to: State,
    /// Whether it still holds the card that it is to replace.
    pub holds_old_card: bool,
    /// Why the fee was refused.
    pub refusal: Option<&'a str>,
    /// The bank's reference of the withdrawal.
    pub api_tran_id: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// Moves an application on; `false` where it has left the state.
pub fn settle(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    settlement: &Settlement<'_>,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE application SET state = $4, holds_old_card = $5,
             refusal = COALESCE($6, refusal), api_tran_id = COALESCE($7, api_tran_id),
             settled_at = $8,
             recipient_sealed = NULL
         WHERE asp_id = $1 AND apply_no = $2 AND state = $3",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            settlement.from.name().into(),
            settlement.to.name().into(),
            settlement.holds_old_card.into(),
            settlement.refusal.into(),
            settlement.api_tran_id.into(),
            settlement.at.0.into(),
        ],
    )?;
    Ok(changed == 1)
}

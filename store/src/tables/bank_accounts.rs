//! Members' registered bank accounts.

use domain::terms::BankAccounts;
use domain::{AspId, Timestamp, UserId, states};

use crate::{DbError, Tx};

states! {
    /// State of a registered bank account.
    pub enum BankAccountState {
        /// The registration has begun.
        Pending = "PENDING",
        /// Fully registered: it can be charged.
        Registered = "REGISTERED",
        /// The registration failed.
        Failed = "FAILED",
        /// The member's consent to withdrawals has ended.
        ConsentEnded = "CONSENT_ENDED",
        /// Deleted by the member.
        Deleted = "DELETED",
    }
}

/// A bank account to be written.
pub struct NewBankAccount<'a> {
    /// The member.
    pub user_id: i64,
    /// Number of the account within the member.
    pub bank_account_id: i64,
    /// Its state.
    pub state: BankAccountState,
    /// Whether it is charged before the others.
    pub is_primary: bool,
    /// The bank.
    pub bank_code: &'a str,
    /// Its pseudonym in open banking.
    pub fintech_use_num: &'a str,
    /// Account number, sealed.
    pub account_no_sealed: &'a [u8],
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// Writes a bank account.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, account: &NewBankAccount<'_>) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO bank_account (asp_id, user_id, bank_account_id, state, is_primary, bank_code,
             fintech_use_num, account_no_sealed, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            asp.as_str().into(),
            account.user_id.into(),
            account.bank_account_id.into(),
            account.state.name().into(),
            account.is_primary.into(),
            account.bank_code.into(),
            account.fintech_use_num.into(),
            account.account_no_sealed.into(),
            account.registered_at.0.into(),
        ],
    )?;
    Ok(())
}

/// What a fee is drawn from.
#[derive(Debug, Clone)]
pub enum Chargeable {
    /// The member has no account.
    None,
    /// There are some, none fully registered.
    NoneRegistered,
    /// The primary account, else the one registered last.
    Account(i64),
}

impl Chargeable {
    /// What a decision has to know of it.
    pub const fn known(&self) -> BankAccounts {
        match self {
            Chargeable::None => BankAccounts::None,
            Chargeable::NoneRegistered => BankAccounts::NoneRegistered,
            Chargeable::Account(_) => BankAccounts::Registered,
        }
    }
}

/// The account that a fee of this member is drawn from.
pub fn chargeable(tx: &mut Tx<'_>, asp: &AspId, user: UserId) -> Result<Chargeable, DbError> {
    let Some(user) = user.stored() else { return Ok(Chargeable::None) };
    let row = tx.query_opt(
        "SELECT bank_account_id, state = 'REGISTERED' FROM bank_account
         WHERE asp_id = $1 AND user_id = $2 AND state <> 'DELETED'
         ORDER BY CASE WHEN state = 'REGISTERED' THEN 0 ELSE 1 END,
             CASE WHEN is_primary THEN 0 ELSE 1 END, registered_at DESC, bank_account_id DESC
         LIMIT 1",
        &[asp.as_str().into(), user.into()],
    )?;
    let Some(row) = row else { return Ok(Chargeable::None) };
    let registered = row.boolean(1)?;
    Ok(if registered { Chargeable::Account(row.int(0)?) } else { Chargeable::NoneRegistered })
}

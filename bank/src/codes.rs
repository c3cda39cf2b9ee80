//! What a bank's codes mean: a setting, as banks and gateways differ.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use thiserror::Error;

use crate::open_banking::is_success_code;

/// Why a bank refused an order. Each has one code of the Open API, which words it of a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalCause {
    /// 003_052: no such account, closed, lost, suspended or unfit.
    InvalidAccount,
    /// 003_053: the account is somebody else's.
    OwnerMismatch,
    /// 003_054: the bank could not withdraw, or not deposit.
    WithdrawFailed,
    /// 003_056: the account is short of money. Of a deposit that is the contract account.
    InsufficientBalance,
    /// 003_057: the holder has not agreed to withdrawals.
    TermsNotAgreed,
    /// 003_058: the bank could not read the order.
    MessageError,
    /// 003_059: anything else that the bank lists as a refusal.
    Other,
}

impl RefusalCause {
    /// Every cause, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::InvalidAccount,
        Self::OwnerMismatch,
        Self::WithdrawFailed,
        Self::InsufficientBalance,
        Self::TermsNotAgreed,
        Self::MessageError,
        Self::Other,
    ];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidAccount => "invalid_account",
            Self::OwnerMismatch => "owner_mismatch",
            Self::WithdrawFailed => "withdraw_failed",
            Self::InsufficientBalance => "insufficient_balance",
            Self::TermsNotAgreed => "terms_not_agreed",
            Self::MessageError => "message_error",
            Self::Other => "other",
        }
    }
}

/// What is wrong with a table of codes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodesError {
    /// An entry without `=`, or with nothing before it.
    #[error("`{0}` is not CODE=CAUSE")]
    Shape(String),
    /// A cause that does not exist.
    #[error(
        "`{0}` is no cause; there are invalid_account, owner_mismatch, withdraw_failed, \
         insufficient_balance, terms_not_agreed, message_error and other"
    )]
    Cause(String),
    /// The same code with two causes or twice.
    #[error("code `{0}` is listed twice")]
    Twice(String),
    /// A code by which banks say that the money was taken.
    #[error("code `{0}` says that the order was executed; it cannot be a refusal")]
    Success(String),
}

impl FromStr for RefusalCause {
    type Err = CodesError;

    fn from_str(name: &str) -> Result<Self, CodesError> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == name)
            .ok_or_else(|| CodesError::Cause(name.to_owned()))
    }
}

/// The table of refusals that a connector has until it is given another, for orders of both kinds.
///
/// 412, 415, 416, 419, 420 and 815 are seen in public as answers of Korean banks, but are not
/// verified for withdrawals or deposits; the code of an account that is short of money is not known
/// at all. That one table serves both kinds is assumed: a code that is a refusal of one kind only
/// has to be left out, so that such an order is unknown and asked about.
/// Take the table of the contract with the bank in production. Those with `S` are the simulator's.
#[must_use]
pub fn default_codes() -> BTreeMap<String, RefusalCause> {
    [
        ("412", RefusalCause::InvalidAccount),
        ("415", RefusalCause::InvalidAccount),
        ("416", RefusalCause::InvalidAccount),
        ("419", RefusalCause::InvalidAccount),
        ("420", RefusalCause::InvalidAccount),
        ("815", RefusalCause::OwnerMismatch),
        ("S54", RefusalCause::WithdrawFailed),
        ("S56", RefusalCause::InsufficientBalance),
        ("S57", RefusalCause::TermsNotAgreed),
        ("S58", RefusalCause::MessageError),
        ("S59", RefusalCause::Other),
    ]
    .into_iter()
    .map(|(code, cause)| (code.to_owned(), cause))
    .collect()
}

/// Codes by which an inquiry says that there is no such order: the simulator's alone, as that of
/// the banks is not known.
#[must_use]
pub fn default_not_found_codes() -> BTreeSet<String> {
    BTreeSet::from(["S04".to_owned()])
}

/// Codes by which a bank says that it executed nothing because the bearer token is not valid.
#[must_use]
pub fn default_token_rejected_codes() -> BTreeSet<String> {
    BTreeSet::from(["O0002".to_owned(), "O0003".to_owned()])
}

/// Reads a table of refusals from a setting: `412=invalid_account,815=owner_mismatch`.
///
/// # Errors
/// The first entry that is malformed, doubled, or that would make a success a refusal.
pub fn codes_from_pairs(text: &str) -> Result<BTreeMap<String, RefusalCause>, CodesError> {
    let mut codes = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (code, cause) =
            pair.split_once('=').ok_or_else(|| CodesError::Shape(pair.to_owned()))?;
        let (code, cause) = (code.trim(), cause.trim().parse()?);
        if code.is_empty() {
            return Err(CodesError::Shape(pair.to_owned()));
        }
        if is_success_code(code) {
            return Err(CodesError::Success(code.to_owned()));
        }
        if codes.insert(code.to_owned(), cause).is_some() {
            return Err(CodesError::Twice(code.to_owned()));
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_read_by_its_name() {
        for cause in RefusalCause::ALL {
            assert_eq!(cause.name().parse(), Ok(cause));
        }
    }

    #[test]
    fn a_table_is_read() {
        let codes = codes_from_pairs("412=invalid_account, S56 = insufficient_balance,").unwrap();
        assert_eq!(
            codes,
            BTreeMap::from([
                ("412".to_owned(), RefusalCause::InvalidAccount),
                ("S56".to_owned(), RefusalCause::InsufficientBalance),
            ])
        );
        assert_eq!(codes_from_pairs(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_bad_table_is_refused() {
        let refused = |text: &str| codes_from_pairs(text).unwrap_err();
        assert_eq!(refused("412"), CodesError::Shape("412".to_owned()));
        assert_eq!(refused("=other"), CodesError::Shape("=other".to_owned()));
        assert_eq!(refused("412=closed"), CodesError::Cause("closed".to_owned()));
        assert_eq!(refused("412=other,412=other"), CodesError::Twice("412".to_owned()));
        assert_eq!(refused("000=other"), CodesError::Success("000".to_owned()));
        assert_eq!(refused("A0000=other"), CodesError::Success("A0000".to_owned()));
    }
}

//! What the platform needs of a bank.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BankTranId, RefusalCause};

/// A future of a [`Bank`], which may be called through a `dyn` reference.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A bank that members' fees are drawn from, and that gives them back.
pub trait Bank: Send + Sync {
    /// Draws an amount from a registered account. Answers within `deadline`.
    fn withdraw(&self, order: &WithdrawOrder, deadline: Duration) -> BoxFuture<'_, WithdrawAnswer>;

    /// Gives an amount to a registered account. Answers within `deadline`.
    fn deposit(&self, order: &DepositOrder, deadline: Duration) -> BoxFuture<'_, DepositAnswer>;

    /// Asks what became of an order of either kind. Answers within `deadline`.
    fn inquire(&self, order: &InquiryOrder, deadline: Duration) -> BoxFuture<'_, InquiryAnswer>;
}

/// A text about a person: it goes to the bank and is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

impl Personal {
    /// Wraps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(..)")
    }
}

/// What an order does with the money. A bank files each kind apart, but an id is one order's alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderKind {
    /// Takes it from the registered account.
    #[default]
    Withdrawal,
    /// Gives it to the registered account.
    Deposit,
}

/// One order to withdraw.
#[derive(Clone, Debug)]
pub struct WithdrawOrder {
    /// Fixed before the first call, and the same for ever after.
    pub bank_tran_id: BankTranId,
    /// The Korean day of the id, `yyyyMMdd`.
    pub tran_date: String,
    /// When it was ordered, µs since 1970 UTC. It has to lie on `tran_date`.
    pub ordered_at_us: i64,
    /// The bank's name for the registered account, 24 characters.
    pub fintech_use_num: String,
    /// What to withdraw, KRW.
    pub amount: u64,
    /// The name of the member whose account it is.
    pub client_name: Personal,
    /// Our number of the member, up to 20 characters of `0-9A-Z`.
    pub client_num: String,
    /// What the member's and the contract account's statements say, up to 10 Hangul.
    pub print_content: String,
}

/// One order to deposit.
#[derive(Clone, Debug)]
pub struct DepositOrder {
    /// Fixed before the first call, and the same for ever after. A withdrawal's id is not used
    /// again for the deposit that gives its money back.
    pub bank_tran_id: BankTranId,
    /// The Korean day of the id, `yyyyMMdd`.
    pub tran_date: String,
    /// When it was ordered, µs since 1970 UTC. It has to lie on `tran_date`.
    pub ordered_at_us: i64,
    /// The bank's name for the registered account, 24 characters.
    pub fintech_use_num: String,
    /// What to deposit, KRW.
    pub amount: u64,
    /// The name of the recipient: the member whose account it is.
    pub client_name: Personal,
    /// Our number of the member, up to 20 characters of `0-9A-Z`.
    pub client_num: String,
    /// What the member's and the contract account's statements say, up to 10 Hangul.
    pub print_content: String,
}

/// One question about an order.
#[derive(Clone, Debug)]
pub struct InquiryOrder {
    /// Of the order: asked about as the other kind, it is not found.
    pub kind: OrderKind,
    /// Of the order.
    pub bank_tran_id: BankTranId,
    /// Of the order.
    pub tran_date: String,
    /// Of the order: it tells through which gateway the order went.
    pub fintech_use_num: String,
    /// Of the order, KRW.
    pub amount: u64,
    /// When it is asked, µs since 1970 UTC.
    pub asked_at_us: i64,
}

/// What came of an order to withdraw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawAnswer {
    /// The money was taken.
    Taken {
        /// The bank's own id of the transaction.
        api_tran_id: String,
    },
    /// The money was not taken, and this order never will be.
    Refused {
        /// What the bank's code means.
        cause: RefusalCause,
        /// The bank's code.
        bank_code: String,
    },
    /// The order surely never left: no connection, or no bearer token was to be had.
    NotSent,
    /// The money may be gone: only an inquiry tells.
    Unknown {
        /// For the log: short and without personal data.
        why: String,
    },
}

/// What came of an order to deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepositAnswer {
    /// The money was given.
    Given {
        /// The bank's own id of the transaction.
        api_tran_id: String,
    },
    /// The money was not given, and by this order never will be.
    Refused {
        /// What the bank's code means.
        cause: RefusalCause,
        /// The bank's code.
        bank_code: String,
    },
    /// The order surely never left: no connection, or no bearer token was to be had.
    NotSent,
    /// The money may have been given: only an inquiry tells.
    Unknown {
        /// For the log: short and without personal data.
        why: String,
    },
}

/// What is known of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InquiryAnswer {
    /// The order was executed: the money was taken or given, by its kind.
    Executed {
        /// The bank's own id of the transaction.
        api_tran_id: String,
    },
    /// The order was not executed, and never will be.
    Refused {
        /// What the bank's code means.
        cause: RefusalCause,
        /// The bank's code.
        bank_code: String,
    },
    /// The bank has not seen this order. It may still be on its way there.
    NotFound,
    /// Still open: ask again.
    Unknown {
        /// For the log: short and without personal data.
        why: String,
    },
}

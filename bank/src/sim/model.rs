//! What the simulator's own endpoints say, the same for server and client.

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use crate::OrderKind;

/// An account at the bank. Its holder is made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its number for open banking, up to 24 of `0-9A-Za-z`. In a request the path has it.
    #[serde(default)]
    pub fintech_use_num: String,
    /// Its holder's name.
    #[serde(default)]
    pub holder: String,
    /// Its bank, 3 digits.
    #[serde(default)]
    pub bank_code: String,
    /// Its number at the bank.
    #[serde(default)]
    pub account_no: String,
    /// What it holds, KRW; not negative.
    pub balance: i64,
    /// How it behaves.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// How it behaves at the next order alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Behaviour>,
}

/// What a behaviour is set for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The account, until it is set again.
    #[default]
    Account,
    /// The account's next order alone.
    Next,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SetBehaviour {
    pub(super) behaviour: Behaviour,
    #[serde(default)]
    pub(super) scope: Scope,
}

/// An order that the bank knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecord {
    /// Its id.
    pub bank_tran_id: String,
    /// What it does with the money. A simulator of the first release knows withdrawals only.
    #[serde(default)]
    pub kind: OrderKind,
    /// The Korean day of the id, `yyyyMMdd`.
    pub tran_date: String,
    /// The account.
    pub fintech_use_num: String,
    /// KRW.
    pub amount: i64,
    /// What became of it.
    pub state: OrderState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it arrived, µs since 1970 UTC.
    pub received_at_us: i64,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// A withdrawal: the money is taken, and in the ledger.
    Taken,
    /// A deposit: the money is given, and in the ledger.
    Given,
    /// Refused for good.
    Refused,
    /// Decided, and in the ledger if executed; but not told before its time.
    Pending,
    /// Not decided.
    Held,
}

/// All orders of one id: one a day at most.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) orders: Vec<OrderRecord>,
}

/// One withdrawal or deposit in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Its place; ascending, with gaps.
    pub seq: i64,
    /// The order.
    pub bank_tran_id: String,
    /// Whether it was taken or given. A simulator of the first release knows withdrawals only.
    #[serde(default)]
    pub kind: OrderKind,
    /// The Korean day of the order, `yyyyMMdd`.
    pub tran_date: String,
    /// The account.
    pub fintech_use_num: String,
    /// What was taken or given, KRW; positive.
    pub amount: i64,
    /// When, µs since 1970 UTC.
    pub at_us: i64,
}

impl LedgerEntry {
    /// What the account has less by it, KRW: negative of a deposit.
    #[must_use]
    pub const fn taken(&self) -> i64 {
        match self.kind {
            OrderKind::Withdrawal => self.amount,
            OrderKind::Deposit => -self.amount,
        }
    }
}

/// Some of the ledger, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    /// The next page comes after the last one's `seq`; there is none after an empty page.
    pub entries: Vec<LedgerEntry>,
}

/// All that the bank took and gave, of accounts that it still has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// How many withdrawals.
    pub count: i64,
    /// Their sum, KRW.
    pub amount: i64,
    /// How many deposits.
    #[serde(default)]
    pub deposit_count: i64,
    /// Their sum, KRW.
    #[serde(default)]
    pub deposit_amount: i64,
}

impl Totals {
    /// What the accounts have less by all of it, KRW: the withdrawals without the deposits.
    #[must_use]
    pub const fn taken(&self) -> i64 {
        self.amount - self.deposit_amount
    }
}

/// Which simulator it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Of the data file: drawn once, when it was created.
    pub instance: String,
    /// Its process.
    pub pid: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
}

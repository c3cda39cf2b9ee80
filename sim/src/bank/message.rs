//! Orders and answers on the wire, alike for both kinds of order.

use bank::{DepositAnswer, DepositOrder, OrderKind, RefusalCause, WithdrawAnswer, WithdrawOrder};

use super::OrderId;

/// An order of either kind, as it is sent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) kind: OrderKind,
    pub(super) id: OrderId,
    pub(super) account: String,
    pub(super) amount: i64,
}

impl Sent {
    pub(super) fn withdrawal(order: &WithdrawOrder) -> Self {
        Self {
            kind: OrderKind::Withdrawal,
            id: (order.bank_tran_id.to_string(), order.tran_date.clone()),
            account: order.fintech_use_num.clone(),
            amount: i64::try_from(order.amount).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn deposit(order: &DepositOrder) -> Self {
        Self {
            kind: OrderKind::Deposit,
            id: (order.bank_tran_id.to_string(), order.tran_date.clone()),
            account: order.fintech_use_num.clone(),
            amount: i64::try_from(order.amount).unwrap_or(i64::MAX),
        }
    }
}

/// What comes back of an order of either kind.
pub(super) enum Said {
    Executed { api_tran_id: String },
    Refused { cause: RefusalCause, bank_code: String },
    NotSent,
    Unknown { why: String },
}

impl Said {
    pub(super) fn refused(cause: RefusalCause) -> Self {
        Self::Refused { cause, bank_code: cause.name().to_owned() }
    }

    pub(super) fn unknown(why: &str) -> Self {
        Self::Unknown { why: why.to_owned() }
    }
}

impl From<Said> for WithdrawAnswer {
    fn from(said: Said) -> Self {
        match said {
            Said::Executed { api_tran_id } => Self::Taken { api_tran_id },
            Said::Refused { cause, bank_code } => Self::Refused { cause, bank_code },
            Said::NotSent => Self::NotSent,
            Said::Unknown { why } => Self::Unknown { why },
        }
    }
}

impl From<Said> for DepositAnswer {
    fn from(said: Said) -> Self {
        match said {
            Said::Executed { api_tran_id } => Self::Given { api_tran_id },
            Said::Refused { cause, bank_code } => Self::Refused { cause, bank_code },
            Said::NotSent => Self::NotSent,
            Said::Unknown { why } => Self::Unknown { why },
        }
    }
}

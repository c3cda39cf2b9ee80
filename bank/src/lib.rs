//! The bank: its port, the open-banking connector and the simulator.
//!
//! [`Bank`] is what the platform needs of a bank: draw an amount from a registered account, give
//! one back, and ask afterwards what became of either. [`OpenBanking`] speaks it over HTTP. [`sim`]
//! is a bank to test against, in a process of its own. Nothing here knows cards.

mod codes;
mod kst;
mod open_banking;
mod port;
pub mod sim;
mod tran_id;

pub use codes::{
    CodesError, RefusalCause, codes_from_pairs, default_codes, default_not_found_codes,
    default_token_rejected_codes,
};
pub use kst::{kst_date, kst_date_time};
pub use open_banking::{ClientSecret, Config, ConfigError, Gateway, OpenBanking, Receiver};
pub use port::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, OrderKind, Personal,
    WithdrawAnswer, WithdrawOrder,
};
pub use tran_id::{BankTranId, TranIdError};

//! What an application is granted on, and what is promised by it: the same for a first card, a
//! reissue and a renewal. A later change of the product's policy changes no promise.

use crate::application::{Kind, State};
use crate::money::Money;
use crate::product::{Issuance, Product, ReturnedFee, Waiver};
use crate::states;

states! {
    /// Whether plastic is asked for.
    pub enum Delivery {
        /// A physical card is made and delivered.
        Physical = "PHYSICAL",
        /// A mobile card alone.
        MobileOnly = "MOBILE_ONLY",
    }
}

/// What is known of the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Not a member of this partner, or not any more.
    None,
    /// A member whose ID card was not verified.
    Unverified,
    /// A member whose ID card was verified.
    Verified,
}

/// What is known of the member's bank accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankAccounts {
    /// There is none.
    None,
    /// There are some, but none is fully registered.
    NoneRegistered,
    /// At least one is fully registered.
    Registered,
}

/// What happens when an application is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What is applied for.
    pub kind: Kind,
    /// When the mobile card is issued.
    pub issuance: Issuance,
    /// Whether plastic follows.
    pub delivery: Delivery,
    /// What it costs, tax included; nothing where no fee is due.
    pub fee: Money,
    /// Why it costs nothing though the product has a fee.
    pub waiver: Option<Waiver>,
    /// What becomes of the fee where the plastic comes back.
    pub returned_fee: ReturnedFee,
}

/// Why a fee cannot be drawn, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSource {
    /// There is no bank account.
    NoBankAccount,
    /// No bank account is fully registered.
    BankAccountInvalid,
}

impl Terms {
    /// The terms of `product` for this price, where there is something to draw the price from.
    pub fn of(
        kind: Kind,
        product: &Product,
        delivery: Delivery,
        price: Price,
        accounts: BankAccounts,
    ) -> Result<Self, NoSource> {
        match accounts {
            BankAccounts::None if !price.fee.is_zero() => Err(NoSource::NoBankAccount),
            BankAccounts::NoneRegistered if !price.fee.is_zero() => {
                Err(NoSource::BankAccountInvalid)
            }
            BankAccounts::None | BankAccounts::NoneRegistered | BankAccounts::Registered => {
                Ok(Terms {
                    kind,
                    issuance: product.issuance,
                    delivery,
                    fee: price.fee,
                    waiver: price.waiver,
                    returned_fee: product.returned_fee,
                })
            }
        }
    }

    /// The state of the application once nothing stands in the way of its settling.
    pub fn settled_state(&self) -> State {
        match (self.issuance, self.fee.is_zero()) {
            (Issuance::PreIssuance, _) => State::DigitalIssued,
            (Issuance::Ordinary, true) => State::Ready,
            (Issuance::Ordinary, false) => State::CostPaid,
        }
    }
}

/// What something costs, and why it costs nothing where it does though there is a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Tax included.
    pub fee: Money,
    /// Why it was waived.
    pub waiver: Option<Waiver>,
}

impl Price {
    /// The whole fee.
    pub const fn full(fee: Money) -> Self {
        Price { fee, waiver: None }
    }
}

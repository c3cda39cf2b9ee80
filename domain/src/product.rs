//! A card product: the policy of its cards.

use crate::ids::ServiceId;
use crate::money::Money;
use crate::states;
use crate::terms::{Delivery, Price};

states! {
    /// State of a product.
    pub enum ProductState {
        /// Being set up.
        Void = "VOID",
        /// On offer.
        Active = "ACTIVE",
        /// Not on offer for now.
        Suspended = "SUSPENDED",
        /// Not on offer any more.
        Deleted = "DELETED",
    }
}

states! {
    /// When the mobile card is issued.
    pub enum Issuance {
        /// At the request.
        PreIssuance = "PRE_ISSUANCE",
        /// When the delivered physical card is registered.
        Ordinary = "ORDINARY",
    }
}

states! {
    /// Whether a mobile card may come without plastic.
    pub enum MobileOnly {
        /// It may.
        Allowed = "ALLOWED",
        /// Delivery is mandatory.
        Refused = "REFUSED",
    }
}

states! {
    /// Where a product's cards can pay.
    pub enum PaysAbroad {
        /// In Korea alone.
        No = "NO",
        /// Abroad too: the member's ID card must be verified.
        Yes = "YES",
    }
}

states! {
    /// Whether a reissue for this cause is charged for.
    pub enum Charge {
        /// It is.
        Charged = "CHARGED",
        /// It is free.
        Free = "FREE",
    }
}

states! {
    /// Why a fee was waived.
    pub enum Waiver {
        /// The first reissue in a chain of cards is free.
        FirstReissue = "FIRST_REISSUE",
        /// The card was reported defective.
        DefectiveCard = "DEFECTIVE_CARD",
    }
}

states! {
    /// What becomes of the fee of an application whose plastic comes back undelivered.
    pub enum ReturnedFee {
        /// It is kept.
        Kept = "KEPT",
        /// It goes back to the member.
        Refunded = "REFUNDED",
    }
}

/// The policy that issuing, reissuing and renewing read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub service_id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ProductState,
    /// When the mobile card is issued.
    pub issuance: Issuance,
    /// Whether a mobile card may come alone.
    pub mobile_only: MobileOnly,
    /// Whether its cards pay abroad.
    pub pays_abroad: PaysAbroad,
    /// What its cards cost.
    pub fees: Fees,
    /// What becomes of a fee whose plastic comes back.
    pub returned_fee: ReturnedFee,
    /// Months for which a new card is valid.
    pub validity_months: u16,
    /// The most its cards may hold.
    pub limits: BalanceLimits,
}

/// What the cards of a product cost, tax included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// A first card with plastic.
    pub issue_with_plastic: Money,
    /// A first card without plastic.
    pub issue_mobile_only: Money,
    /// A reissue with plastic.
    pub reissue_with_plastic: Money,
    /// A reissue without plastic.
    pub reissue_mobile_only: Money,
    /// A renewal.
    pub renewal: Money,
    /// Whether the first reissue in a chain of cards is charged for.
    pub first_reissue: Charge,
    /// Whether replacing a defective card is charged for.
    pub defective_card: Charge,
}

impl Fees {
    /// Nothing costs anything.
    pub const NONE: Self = Fees {
        issue_with_plastic: Money::ZERO,
        issue_mobile_only: Money::ZERO,
        reissue_with_plastic: Money::ZERO,
        reissue_mobile_only: Money::ZERO,
        renewal: Money::ZERO,
        first_reissue: Charge::Charged,
        defective_card: Charge::Charged,
    };
}

/// The most that a product's cards may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceLimits {
    /// One that is in no verified name.
    pub unnamed: Money,
    /// One that is in a verified name.
    pub named: Money,
}

/// What a waiver depends on, of the card to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// How often the card and those before it were reissued, but for defects for which the fee was
    /// waived.
    pub reissues: u32,
    /// Whether it was reported defective.
    pub condition: Condition,
}

/// Whether a card works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// As far as is known.
    Sound,
    /// It was reported defective.
    Defective,
}

impl Product {
    /// What a first card of this product costs.
    pub const fn issue_price(&self, delivery: Delivery) -> Price {
        Price::full(match delivery {
            Delivery::Physical => self.fees.issue_with_plastic,
            Delivery::MobileOnly => self.fees.issue_mobile_only,
        })
    }

    /// What a reissue into this product costs where nothing is waived.
    pub const fn reissue_fee(&self, delivery: Delivery) -> Money {
        match delivery {
            Delivery::Physical => self.fees.reissue_with_plastic,
            Delivery::MobileOnly => self.fees.reissue_mobile_only,
        }
    }

    /// What a reissue into this product costs. A defect comes before the first reissue: so that one
    /// is not used up by it.
    pub fn reissue_price(&self, delivery: Delivery, past: Past) -> Price {
        let fee = self.reissue_fee(delivery);
        let waiver = match (past.condition, self.fees.defective_card) {
            (Condition::Defective, Charge::Free) => Some(Waiver::DefectiveCard),
            (Condition::Defective, Charge::Charged) | (Condition::Sound, _) => {
                let is_free = past.reissues == 0 && self.fees.first_reissue == Charge::Free;
                is_free.then_some(Waiver::FirstReissue)
            }
        };
        match waiver {
            Some(waiver) if !fee.is_zero() => Price { fee: Money::ZERO, waiver: Some(waiver) },
            Some(_) | None => Price::full(fee),
        }
    }

    /// What a renewal into this product costs.
    pub const fn renewal_price(&self) -> Price {
        Price::full(self.fees.renewal)
    }

    /// Whether its mobile card may come without plastic: an ordinary product's is issued when its
    /// plastic is registered, so it needs one.
    pub fn comes_without_plastic(&self) -> bool {
        self.issuance == Issuance::PreIssuance && self.mobile_only == MobileOnly::Allowed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A product that costs 3,000 won a reissue with plastic and 1,000 without.
    pub(crate) fn product() -> Product {
        let won = |amount| Money::won(amount).unwrap();
        Product {
            service_id: ServiceId::new("000170000002000"),
            name: "travel".to_owned(),
            state: ProductState::Active,
            issuance: Issuance::PreIssuance,
            mobile_only: MobileOnly::Allowed,
            pays_abroad: PaysAbroad::No,
            fees: Fees {
                issue_with_plastic: won(2_000),
                reissue_with_plastic: won(3_000),
                reissue_mobile_only: won(1_000),
                renewal: won(500),
                ..Fees::NONE
            },
            returned_fee: ReturnedFee::Refunded,
            validity_months: 60,
            limits: BalanceLimits { unnamed: won(500_000), named: won(2_000_000) },
        }
    }

    #[test]
    fn waivers() {
        let (free, charged) = (Charge::Free, Charge::Charged);
        let table = [
            // first_reissue, defective_card, reissues before, condition: waiver
            (charged, charged, 0, Condition::Defective, None),
            (free, charged, 0, Condition::Sound, Some(Waiver::FirstReissue)),
            (free, charged, 0, Condition::Defective, Some(Waiver::FirstReissue)),
            (free, charged, 1, Condition::Sound, None),
            (free, free, 0, Condition::Defective, Some(Waiver::DefectiveCard)),
            (charged, free, 5, Condition::Defective, Some(Waiver::DefectiveCard)),
            (charged, free, 0, Condition::Sound, None),
        ];
        for (first_reissue, defective_card, reissues, condition, waiver) in table {
            let mut product = product();
            product.fees = Fees { first_reissue, defective_card, ..product.fees };
            let price = product.reissue_price(Delivery::Physical, Past { reissues, condition });
            assert_eq!(price.waiver, waiver);
            assert_eq!(price.fee.is_zero(), waiver.is_some());
        }
    }

    #[test]
    fn what_is_free_anyway_is_not_waived() {
        let mut product = product();
        product.fees = Fees { first_reissue: Charge::Free, ..Fees::NONE };
        let past = Past { reissues: 0, condition: Condition::Sound };
        assert_eq!(product.reissue_price(Delivery::Physical, past), Price::full(Money::ZERO));
    }
}

//! A card product: the policy of its cards.

use crate::ids::ServiceId;
use crate::money::Money;
use crate::states;

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

/// The policy that a reissue reads.
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
    /// Fee of a reissue with plastic.
    pub reissue_fee_with_plastic: Money,
    /// Fee of a reissue without plastic.
    pub reissue_fee_mobile_only: Money,
    /// Months for which a new card is valid.
    pub validity_months: u16,
}

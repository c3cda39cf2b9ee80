//! A product's policy on the wire, as creating a product and changing one have it in common.

use contract::{UInt, at, choice, input};
use crypto::number;
use domain::product::{
    BalanceLimits, Charge, Fees, Issuance, MobileOnly, PaysAbroad, Product, ProductState,
    ReturnedFee,
};
use domain::{AspId, Money, ServiceId};
use store::tables::number_ranges::NewRange;
use store::tables::products;
use store::{DbError, Tx};

use crate::context::Core;
use crate::op::{Done, OrStop};

/// A range that the product's numbers are issued from; `None` where no numbers can begin so.
pub fn issuing<'a>(core: &Core, id: &'a ServiceId, prefix: &'a str) -> Option<NewRange<'a>> {
    Some(NewRange {
        service_id: id,
        prefix,
        kind: "ISSUE",
        number_key_id: core.keys.ring().active_permuter().0,
        capacity: i64::try_from(number::capacity(prefix).ok()?).ok()?,
    })
}

/// A fee, won, tax included.
pub type Fee = UInt<0, 1_000_000>;
/// The most that a card may hold, won.
pub type Limit = UInt<0, 9_999_999_999>;
/// Months for which a card is valid.
pub type Months = UInt<1, 240>;

/// A choice on the wire for a state of the rules, both ways.
macro_rules! wire_choice {
    ($(
        $(#[$meta:meta])*
        $name:ident for $state:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)?
        }
    )+) => { $(
        choice! {
            $(#[$meta])*
            pub enum $name { $( $(#[$vmeta])* $variant = $text ),+ }
        }

        impl From<$state> for $name {
            fn from(state: $state) -> Self {
                match state { $( $state::$variant => $name::$variant ),+ }
            }
        }

        impl From<$name> for $state {
            fn from(word: $name) -> Self {
                match word { $( $name::$variant => $state::$variant ),+ }
            }
        }
    )+ };
}

wire_choice! {
    /// State of a product.
    Status for ProductState {
        /// Being set up.
        Void = "VOID",
        /// On offer.
        Active = "ACTIVE",
        /// Not on offer for now.
        Suspended = "SUSPENDED",
        /// Not on offer any more.
        Deleted = "DELETED",
    }
    /// When the mobile card is issued.
    WhenIssued for Issuance {
        /// At the request.
        PreIssuance = "PRE_ISSUANCE",
        /// When the plastic is registered.
        Ordinary = "ORDINARY",
    }
    /// Whether a mobile card may come without plastic.
    WithoutPlastic for MobileOnly {
        /// It may.
        Allowed = "ALLOWED",
        /// It may not.
        Refused = "REFUSED",
    }
    /// Whether cards pay abroad.
    Abroad for PaysAbroad {
        /// In Korea alone.
        No = "NO",
        /// Abroad too.
        Yes = "YES",
    }
    /// Whether a reissue for a cause is charged for.
    Charging for Charge {
        /// It is.
        Charged = "CHARGED",
        /// It is free.
        Free = "FREE",
    }
    /// What becomes of the fee where the plastic comes back.
    WhenReturned for ReturnedFee {
        /// It is kept.
        Kept = "KEPT",
        /// It goes back to the member.
        Refunded = "REFUNDED",
    }
}

input! {
    /// What the cards of a product cost. What is left out stays as it is; of a new product, 0 and
    /// CHARGED.
    pub struct FeesInfo {
        /// Fee of a first card with plastic, won, tax included.
        issue: Option<Fee> = at("issue").optional(),
        /// Fee of a first card without plastic.
        issue_mobile_only: Option<Fee> = at("issueMobileOnly").optional(),
        /// Fee of a reissue with plastic.
        reissue: Option<Fee> = at("reissue").optional(),
        /// Fee of a reissue without plastic.
        reissue_mobile_only: Option<Fee> = at("reissueMobileOnly").optional(),
        /// Fee of a renewal.
        renewal: Option<Fee> = at("renewal").optional(),
        /// FREE waives the fee of the first reissue in a chain of cards.
        first_reissue: Option<Charging> = at("firstReissue").optional(),
        /// FREE waives the fee of replacing a defective card.
        defective_card: Option<Charging> = at("defectiveCard").optional(),
    }
}

input! {
    /// The most that a product's cards may hold. What is left out stays as it is; of a new product,
    /// 500,000 and 2,000,000 won.
    pub struct LimitsInfo {
        /// One that is in no verified name, won.
        unnamed: Option<Limit> = at("unnamed").optional(),
        /// One that is in a verified name, won; not less than the other.
        named: Option<Limit> = at("named").optional(),
    }
}

fn money<E, const MAX: u64>(given: Option<UInt<0, MAX>>, else_as: Money) -> Done<Money, E> {
    match given {
        None => Ok(else_as),
        Some(won) => i64::try_from(won.get()).ok().and_then(Money::won).or_stop(),
    }
}

impl FeesInfo {
    /// These fees; those that are left out as before.
    pub fn over<E>(&self, before: Fees) -> Done<Fees, E> {
        Ok(Fees {
            issue_with_plastic: money(self.issue, before.issue_with_plastic)?,
            issue_mobile_only: money(self.issue_mobile_only, before.issue_mobile_only)?,
            reissue_with_plastic: money(self.reissue, before.reissue_with_plastic)?,
            reissue_mobile_only: money(self.reissue_mobile_only, before.reissue_mobile_only)?,
            renewal: money(self.renewal, before.renewal)?,
            first_reissue: self.first_reissue.map_or(before.first_reissue, Charge::from),
            defective_card: self.defective_card.map_or(before.defective_card, Charge::from),
        })
    }
}

impl LimitsInfo {
    /// These limits; one that is left out as before. `None` where the named one would be less.
    pub fn over<E>(&self, before: BalanceLimits) -> Done<Option<BalanceLimits>, E> {
        let unnamed = money(self.unnamed, before.unnamed)?;
        let named = money(self.named, before.named)?;
        let fits = unnamed.minor() <= named.minor();
        Ok(fits.then_some(BalanceLimits { unnamed, named }))
    }
}

/// Months, as a product has them.
pub fn months<E>(months: Months) -> Done<u16, E> {
    u16::try_from(months.get()).ok().or_stop()
}

/// Whether it promises a mobile card alone, which an ordinary product cannot: its mobile card is
/// issued when its plastic is registered.
pub fn contradicts_itself(product: &Product) -> bool {
    product.issuance == Issuance::Ordinary && product.mobile_only == MobileOnly::Allowed
}

/// Whether cards can be reissued into this product: the partner has it and it was not deleted.
pub fn is_there(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Result<bool, DbError> {
    let found = products::find_prepaid(tx, asp, id)?;
    Ok(found.is_some_and(|product| product.state != ProductState::Deleted))
}

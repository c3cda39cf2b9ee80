//! Whether a member gets a first card of a product, and on which terms.

use crate::application::Kind;
use crate::product::{PaysAbroad, Product, ProductState};
use crate::terms::{BankAccounts, Delivery, Membership, NoSource, Terms};

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The member.
    pub membership: Membership,
    /// The product asked for; `None` where this partner has none of that id.
    pub product: Option<&'a Product>,
    /// What was asked for.
    pub delivery: Delivery,
    /// The member's bank accounts.
    pub bank_accounts: BankAccounts,
}

/// Why not, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member.
    NotAMember,
    /// No such product, or not on offer.
    InvalidProduct,
    /// Plastic is mandatory.
    DeliveryRequired,
    /// The ID card was not verified.
    NotVerified,
    /// A fee is due and there is no bank account.
    NoBankAccount,
    /// A fee is due and no bank account is fully registered.
    BankAccountInvalid,
}

/// Grants or refuses a first card.
pub fn decide(facts: &Facts<'_>) -> Result<Terms, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let on_offer = facts.product.filter(|product| product.state == ProductState::Active);
    let product = on_offer.ok_or(Refusal::InvalidProduct)?;
    if facts.delivery == Delivery::MobileOnly && !product.comes_without_plastic() {
        return Err(Refusal::DeliveryRequired);
    }
    if product.pays_abroad == PaysAbroad::Yes && facts.membership != Membership::Verified {
        return Err(Refusal::NotVerified);
    }
    let price = product.issue_price(facts.delivery);
    Ok(Terms::of(Kind::Issue, product, facts.delivery, price, facts.bank_accounts)?)
}

impl From<NoSource> for Refusal {
    fn from(none: NoSource) -> Self {
        match none {
            NoSource::NoBankAccount => Refusal::NoBankAccount,
            NoSource::BankAccountInvalid => Refusal::BankAccountInvalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::tests::product;
    use crate::product::{Issuance, MobileOnly};

    /// Everything is wrong at the beginning; each step mends the fault just named.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut product = Product {
            state: ProductState::Void,
            issuance: Issuance::Ordinary,
            mobile_only: MobileOnly::Refused,
            pays_abroad: PaysAbroad::Yes,
            ..product()
        };
        let mut facts = Facts {
            membership: Membership::None,
            product: None,
            delivery: Delivery::MobileOnly,
            bank_accounts: BankAccounts::None,
        };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::InvalidProduct));
        let void = product.clone();
        facts.product = Some(&void);
        assert_eq!(decide(&facts), Err(Refusal::InvalidProduct));
        product.state = ProductState::Active;
        facts.product = Some(&product);
        assert_eq!(decide(&facts), Err(Refusal::DeliveryRequired));
        facts.delivery = Delivery::Physical;
        assert_eq!(decide(&facts), Err(Refusal::NotVerified));
        facts.membership = Membership::Verified;
        assert_eq!(decide(&facts), Err(Refusal::NoBankAccount));
        facts.bank_accounts = BankAccounts::NoneRegistered;
        assert_eq!(decide(&facts), Err(Refusal::BankAccountInvalid));
        facts.bank_accounts = BankAccounts::Registered;
        let terms = decide(&facts).unwrap();
        assert_eq!((terms.kind, terms.fee), (Kind::Issue, product.fees.issue_with_plastic));
    }
}

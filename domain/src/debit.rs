//! Whether a member gets a debit card of a product: a card that pays from the member's own account
//! at the product's bank.

use crate::application::Kind;
use crate::money::Money;
use crate::product::{Product, ProductState};
use crate::states;
use crate::terms::{BankAccounts, Delivery, Membership, Price, Terms};

states! {
    /// Whether the plastic of a debit product can be a cash card of its bank, too.
    pub enum CashIc {
        /// It cannot.
        None = "NONE",
        /// It can.
        Supported = "SUPPORTED",
    }
}

/// Whether the plastic is asked to be a cash card, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is not.
    DebitAlone,
    /// It is.
    WithCashIc,
}

/// The product asked for.
#[derive(Debug, Clone, Copy)]
pub enum Service<'a> {
    /// This partner has none of that id.
    Unknown,
    /// A prepaid product.
    Prepaid(&'a Product),
    /// A debit product, whose bank is that of the member's account or another one.
    Debit(&'a Product, CashIc, Bank),
}

/// Whose bank a debit product is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bank {
    /// That of the account that the card would pay from.
    TheMembers,
    /// Another one.
    Another,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The member.
    pub membership: Membership,
    /// The product asked for.
    pub service: Service<'a>,
    /// The member's bank accounts.
    pub bank_accounts: BankAccounts,
    /// What was asked for.
    pub wish: Wish,
}

/// Why not, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member.
    NotAMember,
    /// No such product, or not on offer.
    InvalidProduct,
    /// The product is no debit product.
    NotDebit,
    /// There is no bank account to pay from.
    NoBankAccount,
    /// No bank account is fully registered.
    BankAccountInvalid,
    /// The product is of another bank than the account.
    OtherBank,
    /// The product's plastic cannot be a cash card.
    NoCashIc,
}

/// Grants or refuses a debit card. It costs nothing.
pub fn decide(facts: &Facts<'_>) -> Result<Terms, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let (product, cash_ic, bank) = match facts.service {
        Service::Unknown => return Err(Refusal::InvalidProduct),
        Service::Prepaid(product) | Service::Debit(product, ..)
            if product.state != ProductState::Active =>
        {
            return Err(Refusal::InvalidProduct);
        }
        Service::Prepaid(_) => return Err(Refusal::NotDebit),
        Service::Debit(product, cash_ic, bank) => (product, cash_ic, bank),
    };
    match facts.bank_accounts {
        BankAccounts::None => return Err(Refusal::NoBankAccount),
        BankAccounts::NoneRegistered => return Err(Refusal::BankAccountInvalid),
        BankAccounts::Registered => {}
    }
    if bank == Bank::Another {
        return Err(Refusal::OtherBank);
    }
    if facts.wish == Wish::WithCashIc && cash_ic == CashIc::None {
        return Err(Refusal::NoCashIc);
    }
    let free = Price::full(Money::ZERO);
    let terms = Terms::of(Kind::Issue, product, Delivery::Physical, free, facts.bank_accounts);
    terms.map_err(|_| Refusal::NoBankAccount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::tests::product;

    /// Everything is wrong at the beginning; each step mends the fault just named.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let void = Product { state: ProductState::Void, ..product() };
        let product = Product { state: ProductState::Active, ..product() };
        let mut facts = Facts {
            membership: Membership::None,
            service: Service::Unknown,
            bank_accounts: BankAccounts::None,
            wish: Wish::WithCashIc,
        };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        for service in [
            Service::Unknown,
            Service::Prepaid(&void),
            Service::Debit(&void, CashIc::Supported, Bank::TheMembers),
        ] {
            facts.service = service;
            assert_eq!(decide(&facts), Err(Refusal::InvalidProduct));
        }
        facts.service = Service::Prepaid(&product);
        assert_eq!(decide(&facts), Err(Refusal::NotDebit));
        facts.service = Service::Debit(&product, CashIc::None, Bank::Another);
        assert_eq!(decide(&facts), Err(Refusal::NoBankAccount));
        facts.bank_accounts = BankAccounts::NoneRegistered;
        assert_eq!(decide(&facts), Err(Refusal::BankAccountInvalid));
        facts.bank_accounts = BankAccounts::Registered;
        assert_eq!(decide(&facts), Err(Refusal::OtherBank));
        facts.service = Service::Debit(&product, CashIc::None, Bank::TheMembers);
        assert_eq!(decide(&facts), Err(Refusal::NoCashIc));
        facts.wish = Wish::DebitAlone;
        let terms = decide(&facts).unwrap();
        assert_eq!((terms.kind, terms.fee), (Kind::Issue, Money::ZERO));
        facts.wish = Wish::WithCashIc;
        facts.service = Service::Debit(&product, CashIc::Supported, Bank::TheMembers);
        assert_eq!(decide(&facts).unwrap().delivery, Delivery::Physical);
    }
}

//! Whether a card may be reissued, and on which terms.

use crate::application::{Kind, State as ApplicationState};
use crate::card::CardState;
use crate::product::{Past, PaysAbroad, Product, ProductState};
use crate::terms::{BankAccounts, Delivery, Membership, NoSource, Terms};

/// What is known of the card account that holds the old card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldCard {
    /// Its state.
    pub state: CardState,
    /// Whether its balance has moved to a successor.
    pub has_successor: bool,
    /// An open application that is to replace it.
    pub open_application: Option<ApplicationState>,
    /// What the fee depends on.
    pub past: Past,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The member.
    pub membership: Membership,
    /// The old card; `None` where this member and partner have no such card.
    pub old_card: Option<OldCard>,
    /// The product into which the card would be reissued; `None` where this partner has none.
    pub next_product: Option<&'a Product>,
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
    /// No such card.
    NoSuchCard,
    /// The balance has moved to a successor.
    AlreadyReissued,
    /// Discarded without a successor.
    Terminated,
    /// The fee of another reissue is being charged.
    FeeInProgress,
    /// Another reissue is open.
    ReissueInProgress,
    /// Not suspended.
    NotSuspended,
    /// Plastic is mandatory.
    DeliveryRequired,
    /// No valid next product.
    InvalidNextProduct,
    /// The ID card was not verified.
    NotVerified,
    /// A fee is due and there is no bank account.
    NoBankAccount,
    /// A fee is due and no bank account is fully registered.
    BankAccountInvalid,
}

/// Grants or refuses a reissue.
pub fn decide(facts: &Facts<'_>) -> Result<Terms, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let old_card = facts.old_card.ok_or(Refusal::NoSuchCard)?;
    check_old_card(old_card)?;
    let product = facts.next_product.ok_or(Refusal::InvalidNextProduct)?;
    if facts.delivery == Delivery::MobileOnly && !product.comes_without_plastic() {
        return Err(Refusal::DeliveryRequired);
    }
    if product.state != ProductState::Active {
        return Err(Refusal::InvalidNextProduct);
    }
    if product.pays_abroad == PaysAbroad::Yes && facts.membership != Membership::Verified {
        return Err(Refusal::NotVerified);
    }
    let price = product.reissue_price(facts.delivery, old_card.past);
    Ok(Terms::of(Kind::Reissue, product, facts.delivery, price, facts.bank_accounts)?)
}

impl From<NoSource> for Refusal {
    fn from(none: NoSource) -> Self {
        match none {
            NoSource::NoBankAccount => Refusal::NoBankAccount,
            NoSource::BankAccountInvalid => Refusal::BankAccountInvalid,
        }
    }
}

fn check_old_card(card: OldCard) -> Result<(), Refusal> {
    if card.has_successor {
        return Err(Refusal::AlreadyReissued);
    }
    match (card.state, card.open_application) {
        (CardState::Terminated, _) => Err(Refusal::Terminated),
        (_, Some(ApplicationState::CostPaying)) => Err(Refusal::FeeInProgress),
        (_, Some(_)) => Err(Refusal::ReissueInProgress),
        (CardState::Active, None) => Err(Refusal::NotSuspended),
        (CardState::Suspended, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use crate::product::tests::product;
    use crate::product::{Condition, Fees, Issuance, MobileOnly};

    const PAST: Past = Past { reissues: 0, condition: Condition::Sound };

    /// Everything is wrong at the beginning; each step mends the fault just named, and the next
    /// in precedence shows.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut product = Product {
            state: ProductState::Suspended,
            issuance: Issuance::Ordinary,
            mobile_only: MobileOnly::Refused,
            pays_abroad: PaysAbroad::Yes,
            ..product()
        };
        let mut facts = Facts {
            membership: Membership::None,
            old_card: None,
            next_product: None,
            delivery: Delivery::MobileOnly,
            bank_accounts: BankAccounts::None,
        };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::NoSuchCard));
        let mut card = OldCard {
            state: CardState::Terminated,
            has_successor: true,
            open_application: Some(ApplicationState::CostPaying),
            past: PAST,
        };
        let mut with_card = |facts: &mut Facts<'_>, change: fn(&mut OldCard)| {
            change(&mut card);
            facts.old_card = Some(card);
        };
        with_card(&mut facts, |_| ());
        assert_eq!(decide(&facts), Err(Refusal::AlreadyReissued));
        with_card(&mut facts, |card| card.has_successor = false);
        assert_eq!(decide(&facts), Err(Refusal::Terminated));
        with_card(&mut facts, |card| card.state = CardState::Active);
        assert_eq!(decide(&facts), Err(Refusal::FeeInProgress));
        with_card(&mut facts, |card| card.open_application = Some(ApplicationState::CostPaid));
        assert_eq!(decide(&facts), Err(Refusal::ReissueInProgress));
        with_card(&mut facts, |card| card.open_application = None);
        assert_eq!(decide(&facts), Err(Refusal::NotSuspended));
        with_card(&mut facts, |card| card.state = CardState::Suspended);
        assert_eq!(decide(&facts), Err(Refusal::InvalidNextProduct));
        let known = product.clone();
        facts.next_product = Some(&known);
        assert_eq!(decide(&facts), Err(Refusal::DeliveryRequired));
        facts.delivery = Delivery::Physical;
        assert_eq!(decide(&facts), Err(Refusal::InvalidNextProduct));
        product.state = ProductState::Active;
        facts.next_product = Some(&product);
        assert_eq!(decide(&facts), Err(Refusal::NotVerified));
        facts.membership = Membership::Verified;
        assert_eq!(decide(&facts), Err(Refusal::NoBankAccount));
        facts.bank_accounts = BankAccounts::NoneRegistered;
        assert_eq!(decide(&facts), Err(Refusal::BankAccountInvalid));
        facts.bank_accounts = BankAccounts::Registered;
        assert_eq!(decide(&facts).unwrap().fee, product.fees.reissue_with_plastic);
    }

    #[test]
    fn without_a_fee_no_bank_account_is_asked_for() {
        let product = Product { fees: Fees::NONE, ..product() };
        let card = OldCard {
            state: CardState::Suspended,
            has_successor: false,
            open_application: None,
            past: PAST,
        };
        let facts = Facts {
            membership: Membership::Verified,
            old_card: Some(card),
            next_product: Some(&product),
            delivery: Delivery::MobileOnly,
            bank_accounts: BankAccounts::None,
        };
        let terms = decide(&facts).unwrap();
        assert_eq!((terms.fee, terms.waiver), (Money::ZERO, None));
        assert_eq!(terms.settled_state(), ApplicationState::DigitalIssued);
    }
}

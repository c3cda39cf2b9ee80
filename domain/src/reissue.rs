//! Whether a card may be reissued, and on which terms.

use crate::application::State as ApplicationState;
use crate::card::CardState;
use crate::money::Money;
use crate::product::{Issuance, MobileOnly, PaysAbroad, Product, ProductState};
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

/// What is known of the card account that holds the old card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldCard {
    /// Its state.
    pub state: CardState,
    /// Whether its balance has moved to a successor.
    pub has_successor: bool,
    /// An open reissue of it.
    pub open_application: Option<ApplicationState>,
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

/// What happens when a reissue is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When the mobile card is issued.
    pub issuance: Issuance,
    /// Whether plastic follows.
    pub delivery: Delivery,
    /// What it costs, tax included; nothing where no fee is due.
    pub fee: Money,
}

/// Grants or refuses a reissue.
pub fn decide(facts: &Facts<'_>) -> Result<Terms, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    check_old_card(facts.old_card.ok_or(Refusal::NoSuchCard)?)?;
    let product = facts.next_product.ok_or(Refusal::InvalidNextProduct)?;
    if facts.delivery == Delivery::MobileOnly && !comes_without_plastic(product) {
        return Err(Refusal::DeliveryRequired);
    }
    if product.state != ProductState::Active {
        return Err(Refusal::InvalidNextProduct);
    }
    if product.pays_abroad == PaysAbroad::Yes && facts.membership != Membership::Verified {
        return Err(Refusal::NotVerified);
    }
    let fee = product.reissue_fee(facts.delivery);
    match facts.bank_accounts {
        BankAccounts::None if !fee.is_zero() => Err(Refusal::NoBankAccount),
        BankAccounts::NoneRegistered if !fee.is_zero() => Err(Refusal::BankAccountInvalid),
        BankAccounts::None | BankAccounts::NoneRegistered | BankAccounts::Registered => {
            Ok(Terms { issuance: product.issuance, delivery: facts.delivery, fee })
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

impl Product {
    /// What a reissue into this product costs, tax included.
    pub fn reissue_fee(&self, delivery: Delivery) -> Money {
        match delivery {
            Delivery::Physical => self.reissue_fee_with_plastic,
            Delivery::MobileOnly => self.reissue_fee_mobile_only,
        }
    }
}

/// An ordinary product's mobile card is issued when its plastic is registered: it needs plastic.
fn comes_without_plastic(product: &Product) -> bool {
    product.issuance == Issuance::PreIssuance && product.mobile_only == MobileOnly::Allowed
}

impl Terms {
    /// The state of the application once nothing stands in the way of its settling.
    pub fn settled_state(&self) -> ApplicationState {
        match (self.issuance, self.fee.is_zero()) {
            (Issuance::PreIssuance, _) => ApplicationState::DigitalIssued,
            (Issuance::Ordinary, true) => ApplicationState::Ready,
            (Issuance::Ordinary, false) => ApplicationState::CostPaid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ServiceId;

    fn product() -> Product {
        Product {
            service_id: ServiceId::new("000170000002000"),
            name: "travel".to_owned(),
            state: ProductState::Suspended,
            issuance: Issuance::Ordinary,
            mobile_only: MobileOnly::Refused,
            pays_abroad: PaysAbroad::Yes,
            reissue_fee_with_plastic: Money::won(3_000).unwrap(),
            reissue_fee_mobile_only: Money::won(1_000).unwrap(),
            validity_months: 60,
        }
    }

    /// Everything is wrong at the beginning; each step mends the fault just named, and the next
    /// in precedence shows.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut product = product();
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
        assert_eq!(decide(&facts).unwrap().fee, product.reissue_fee_with_plastic);
    }

    #[test]
    fn without_a_fee_no_bank_account_is_asked_for() {
        let mut product = product();
        product.state = ProductState::Active;
        product.issuance = Issuance::PreIssuance;
        product.mobile_only = MobileOnly::Allowed;
        product.reissue_fee_mobile_only = Money::ZERO;
        let card =
            OldCard { state: CardState::Suspended, has_successor: false, open_application: None };
        let facts = Facts {
            membership: Membership::Verified,
            old_card: Some(card),
            next_product: Some(&product),
            delivery: Delivery::MobileOnly,
            bank_accounts: BankAccounts::None,
        };
        let terms = decide(&facts).unwrap();
        assert!(terms.fee.is_zero());
        assert_eq!(terms.settled_state(), ApplicationState::DigitalIssued);
    }
}

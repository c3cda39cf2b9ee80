//! Whether a card that expires soon is renewed, and on which terms.

use crate::application::{Kind, State as ApplicationState};
use crate::card::CardState;
use crate::product::{PaysAbroad, Product, ProductState};
use crate::terms::{BankAccounts, Delivery, Membership, NoSource, Terms};

/// Days before its last day from which a card may be renewed.
pub const DAYS_AHEAD_MAX: i64 = 30;

/// What is known of the card account that holds the expiring card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldCard {
    /// Its state.
    pub state: CardState,
    /// Whether its balance has moved to a successor.
    pub has_successor: bool,
    /// An open application that is to replace it.
    pub open_application: Option<(Kind, ApplicationState)>,
    /// Days from today to its last day; less than none where it has expired.
    pub days_left: i64,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The member.
    pub membership: Membership,
    /// The card; `None` where this member and partner have no such card.
    pub old_card: Option<OldCard>,
    /// The product into which the card would be renewed; `None` where this partner has none.
    pub next_product: Option<&'a Product>,
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
    /// It was replaced before, or its renewal is open.
    AlreadyRenewed,
    /// The fee of an application to replace it is being charged.
    FeeInProgress,
    /// Its reissue is open.
    ReissueInProgress,
    /// Terminated or expired.
    NotInUse,
    /// Its last day is too far ahead.
    TooEarly,
    /// No valid next product.
    InvalidNextProduct,
    /// The ID card was not verified.
    NotVerified,
    /// A fee is due and there is no bank account.
    NoBankAccount,
    /// A fee is due and no bank account is fully registered.
    BankAccountInvalid,
}

/// Grants or refuses a renewal. It always comes with plastic.
pub fn decide(facts: &Facts<'_>) -> Result<Terms, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    check_old_card(facts.old_card.ok_or(Refusal::NoSuchCard)?)?;
    let on_offer = facts.next_product.filter(|product| product.state == ProductState::Active);
    let product = on_offer.ok_or(Refusal::InvalidNextProduct)?;
    if product.pays_abroad == PaysAbroad::Yes && facts.membership != Membership::Verified {
        return Err(Refusal::NotVerified);
    }
    let price = product.renewal_price();
    Ok(Terms::of(Kind::Renew, product, Delivery::Physical, price, facts.bank_accounts)?)
}

fn check_old_card(card: OldCard) -> Result<(), Refusal> {
    if card.has_successor {
        return Err(Refusal::AlreadyRenewed);
    }
    match card.open_application {
        Some((_, ApplicationState::CostPaying)) => return Err(Refusal::FeeInProgress),
        Some((Kind::Renew, _)) => return Err(Refusal::AlreadyRenewed),
        Some((Kind::Reissue | Kind::Issue, _)) => return Err(Refusal::ReissueInProgress),
        None => {}
    }
    match card.state {
        CardState::Terminated => Err(Refusal::NotInUse),
        CardState::Active | CardState::Suspended if card.days_left < 0 => Err(Refusal::NotInUse),
        CardState::Active | CardState::Suspended if card.days_left > DAYS_AHEAD_MAX => {
            Err(Refusal::TooEarly)
        }
        CardState::Active | CardState::Suspended => Ok(()),
    }
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

    const READY: ApplicationState = ApplicationState::Ready;

    /// Everything is wrong at the beginning; each step mends the fault just named.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let abroad = Product { pays_abroad: PaysAbroad::Yes, ..product() };
        let suspended = Product { state: ProductState::Suspended, ..product() };
        let mut facts = Facts {
            membership: Membership::None,
            old_card: None,
            next_product: None,
            bank_accounts: BankAccounts::None,
        };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::NoSuchCard));
        let mut card = OldCard {
            state: CardState::Terminated,
            has_successor: true,
            open_application: Some((Kind::Reissue, ApplicationState::CostPaying)),
            days_left: 31,
        };
        let mut with_card = |facts: &mut Facts<'_>, change: fn(&mut OldCard)| {
            change(&mut card);
            facts.old_card = Some(card);
        };
        with_card(&mut facts, |_| ());
        assert_eq!(decide(&facts), Err(Refusal::AlreadyRenewed));
        with_card(&mut facts, |card| card.has_successor = false);
        assert_eq!(decide(&facts), Err(Refusal::FeeInProgress));
        with_card(&mut facts, |card| card.open_application = Some((Kind::Renew, READY)));
        assert_eq!(decide(&facts), Err(Refusal::AlreadyRenewed));
        with_card(&mut facts, |card| card.open_application = Some((Kind::Reissue, READY)));
        assert_eq!(decide(&facts), Err(Refusal::ReissueInProgress));
        with_card(&mut facts, |card| card.open_application = None);
        assert_eq!(decide(&facts), Err(Refusal::NotInUse));
        with_card(&mut facts, |card| card.state = CardState::Suspended);
        assert_eq!(decide(&facts), Err(Refusal::TooEarly));
        with_card(&mut facts, |card| card.days_left = -1);
        assert_eq!(decide(&facts), Err(Refusal::NotInUse));
        with_card(&mut facts, |card| card.days_left = DAYS_AHEAD_MAX);
        assert_eq!(decide(&facts), Err(Refusal::InvalidNextProduct));
        facts.next_product = Some(&suspended);
        assert_eq!(decide(&facts), Err(Refusal::InvalidNextProduct));
        facts.next_product = Some(&abroad);
        assert_eq!(decide(&facts), Err(Refusal::NotVerified));
        facts.membership = Membership::Verified;
        assert_eq!(decide(&facts), Err(Refusal::NoBankAccount));
        facts.bank_accounts = BankAccounts::NoneRegistered;
        assert_eq!(decide(&facts), Err(Refusal::BankAccountInvalid));
        facts.bank_accounts = BankAccounts::Registered;
        let terms = decide(&facts).unwrap();
        assert_eq!((terms.kind, terms.fee), (Kind::Renew, abroad.fees.renewal));
        with_card(&mut facts, |card| card.days_left = 0);
        assert!(decide(&facts).is_ok(), "its last day is a day in use");
    }
}

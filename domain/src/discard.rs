//! Whether a member may discard a card for good, its twin with it.

use crate::application::State as ApplicationState;
use crate::card::{self, CardEvent, CardState};
use crate::states;
use crate::terms::Membership;

states! {
    /// How a card account stands to others.
    pub enum Role {
        /// By itself.
        Ordinary = "ORDINARY",
        /// The card that the membership needs.
        Basic = "BASIC",
        /// Of another one, with which it ends.
        Sub = "SUB",
        /// Linked to the plastic of another account.
        Married = "MARRIED",
    }
}

/// What is known of the card account, and of the sub cards that would end with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Its state.
    pub state: CardState,
    /// How it stands to others.
    pub role: Role,
    /// Whether it, or a sub card, holds money.
    pub money: Money,
    /// An open application that is to replace it, or a sub card.
    pub open_application: Option<ApplicationState>,
}

/// Whether there is money on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Money {
    /// None.
    None,
    /// Some.
    Some,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The member.
    pub membership: Membership,
    /// The card; `None` where this member and partner have no such card.
    pub card: Option<Card>,
}

/// Why not, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member.
    NotAMember,
    /// No such card.
    NoSuchCard,
    /// It has ended already.
    Terminated,
    /// The fee of an application to replace it is being charged.
    FeeInProgress,
    /// An application to replace it is open.
    ReplacementInProgress,
    /// It holds money.
    HasBalance,
    /// The membership needs it.
    Basic,
    /// It ends with its main card.
    Sub,
    /// It is linked to the plastic of another account.
    Married,
}

/// Permits or refuses.
pub fn decide(facts: &Facts) -> Result<CardState, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let card = facts.card.ok_or(Refusal::NoSuchCard)?;
    let after = card::next(card.state, CardEvent::Discard).ok_or(Refusal::Terminated)?;
    match card.open_application {
        Some(ApplicationState::CostPaying) => return Err(Refusal::FeeInProgress),
        Some(_) => return Err(Refusal::ReplacementInProgress),
        None => {}
    }
    if card.money == Money::Some {
        return Err(Refusal::HasBalance);
    }
    match card.role {
        Role::Ordinary => Ok(after),
        Role::Basic => Err(Refusal::Basic),
        Role::Sub => Err(Refusal::Sub),
        Role::Married => Err(Refusal::Married),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything is wrong at the beginning; each step mends the fault just named.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut facts = Facts { membership: Membership::None, card: None };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::NoSuchCard));
        let mut card = Card {
            state: CardState::Terminated,
            role: Role::Basic,
            money: Money::Some,
            open_application: Some(ApplicationState::CostPaying),
        };
        let mut decided = |change: fn(&mut Card)| {
            change(&mut card);
            decide(&Facts { membership: Membership::Verified, card: Some(card) })
        };
        assert_eq!(decided(|_| ()), Err(Refusal::Terminated));
        assert_eq!(decided(|card| card.state = CardState::Suspended), Err(Refusal::FeeInProgress));
        let open = decided(|card| card.open_application = Some(ApplicationState::Ready));
        assert_eq!(open, Err(Refusal::ReplacementInProgress));
        assert_eq!(decided(|card| card.open_application = None), Err(Refusal::HasBalance));
        assert_eq!(decided(|card| card.money = Money::None), Err(Refusal::Basic));
        assert_eq!(decided(|card| card.role = Role::Sub), Err(Refusal::Sub));
        assert_eq!(decided(|card| card.role = Role::Married), Err(Refusal::Married));
        assert_eq!(decided(|card| card.role = Role::Ordinary), Ok(CardState::Terminated));
    }
}

//! Whether the plastic of a card may be reported defective.

use crate::card::CardState;
use crate::product::Condition;
use crate::terms::Membership;

/// Whether a card account has plastic in its member's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plastic {
    /// It was registered.
    Registered,
    /// There is none, or it is on its way.
    None,
}

/// What is known of the card account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Its state.
    pub state: CardState,
    /// Its plastic.
    pub plastic: Plastic,
    /// Whether a defect was reported before.
    pub condition: Condition,
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
    /// It has ended.
    Terminated,
    /// There is no plastic that could be defective.
    NoPlastic,
}

/// What a report does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is the first.
    New,
    /// The defect is known: nothing changes, and it is no mistake.
    Known,
}

/// Takes a report or refuses it. Whether the card is in use or suspended does not matter: a
/// defective card need not be lost.
pub fn decide(facts: &Facts) -> Result<Report, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let card = facts.card.ok_or(Refusal::NoSuchCard)?;
    match card.state {
        CardState::Terminated => return Err(Refusal::Terminated),
        CardState::Active | CardState::Suspended => {}
    }
    match (card.plastic, card.condition) {
        (Plastic::None, _) => Err(Refusal::NoPlastic),
        (Plastic::Registered, Condition::Sound) => Ok(Report::New),
        (Plastic::Registered, Condition::Defective) => Ok(Report::Known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything is wrong at the beginning; each step mends the fault just named.
    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut card = Card {
            state: CardState::Terminated,
            plastic: Plastic::None,
            condition: Condition::Sound,
        };
        let mut facts = Facts { membership: Membership::None, card: None };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::NoSuchCard));
        facts.card = Some(card);
        assert_eq!(decide(&facts), Err(Refusal::Terminated));
        for state in [CardState::Active, CardState::Suspended] {
            card = Card { state, plastic: Plastic::None, ..card };
            facts.card = Some(card);
            assert_eq!(decide(&facts), Err(Refusal::NoPlastic));
            card.plastic = Plastic::Registered;
            facts.card = Some(card);
            assert_eq!(decide(&facts), Ok(Report::New));
            facts.card = Some(Card { condition: Condition::Defective, ..card });
            assert_eq!(decide(&facts), Ok(Report::Known));
        }
    }
}

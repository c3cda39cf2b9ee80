//! Registering a physical card: what it is linked to, or what is issued with it.

use crate::application::State;
use crate::product::Issuance;
use crate::terms::Membership;

/// What is known of the plastic, whose number, expiry and CVC were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plastic {
    /// Made for no application.
    Stock,
    /// Made for this application of the member.
    MadeFor(Application),
    /// Made for somebody else.
    OfAnother,
    /// Ended or expired.
    Ended,
}

/// What is known of an application of the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// Its state.
    pub state: State,
    /// When its mobile card is issued.
    pub issuance: Issuance,
    /// Its mobile card.
    pub mobile: Mobile,
    /// The plastic that it waits for.
    pub awaits: Awaits,
}

/// The mobile card of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mobile {
    /// None yet.
    None,
    /// It is in use, or suspended.
    Lives,
    /// It has ended.
    Ended,
}

/// Which plastic an application waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// None was ordered: any of its product that was made for nobody will do.
    AnyOfItsProduct,
    /// The one that is registered.
    ThisOne,
    /// Another one, or one of another product.
    AnotherOne,
}

/// The application that the caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// None.
    None,
    /// One that the member does not have.
    Unknown,
    /// This one.
    Known(Application),
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The member.
    pub membership: Membership,
    /// The plastic; `None` where number, expiry and CVC do not belong together, or it is
    /// registered already.
    pub plastic: Option<Plastic>,
    /// The application that the caller names.
    pub named: Named,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The plastic joins the mobile card that its application has issued.
    Link,
    /// The mobile card of its application is issued; a balance that waits for it moves.
    IssueMobile,
    /// An account is opened with a mobile card.
    Open,
}

/// Why not, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member.
    NotAMember,
    /// No such plastic to be registered by this member.
    InvalidCard,
    /// No such application.
    NoSuchApplication,
    /// The mobile card has ended.
    MobileEnded,
    /// The application is not in a state to be completed with this plastic.
    NotReady,
}

/// Decides what registering does.
pub fn decide(facts: &Facts) -> Result<Plan, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let made_for = match facts.plastic {
        None | Some(Plastic::OfAnother | Plastic::Ended) => return Err(Refusal::InvalidCard),
        Some(Plastic::Stock) => None,
        Some(Plastic::MadeFor(application)) => Some(application),
    };
    let application = match (facts.named, made_for) {
        (Named::Unknown, _) => return Err(Refusal::NoSuchApplication),
        (Named::Known(application), _) | (Named::None, Some(application)) => application,
        (Named::None, None) => return Ok(Plan::Open),
    };
    match application.mobile {
        Mobile::Ended => return Err(Refusal::MobileEnded),
        Mobile::None | Mobile::Lives => {}
    }
    match (application.state, application.issuance, application.awaits) {
        (
            State::DigitalIssued,
            Issuance::PreIssuance,
            Awaits::ThisOne | Awaits::AnyOfItsProduct,
        ) => Ok(Plan::Link),
        (State::Ready | State::CostPaid, Issuance::Ordinary, Awaits::ThisOne) => {
            Ok(Plan::IssueMobile)
        }
        (
            State::Ready
            | State::CostPaying
            | State::CostPaid
            | State::CostPayFailed
            | State::DigitalIssued
            | State::PhysicalIssued
            | State::Cancelled
            | State::ReturnDue
            | State::Returned,
            Issuance::PreIssuance | Issuance::Ordinary,
            Awaits::ThisOne | Awaits::AnyOfItsProduct | Awaits::AnotherOne,
        ) => Err(Refusal::NotReady),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: Application = Application {
        state: State::DigitalIssued,
        issuance: Issuance::PreIssuance,
        mobile: Mobile::Lives,
        awaits: Awaits::ThisOne,
    };

    fn decided(plastic: Plastic, named: Named) -> Result<Plan, Refusal> {
        let membership = Membership::Unverified;
        decide(&Facts { membership, plastic: Some(plastic), named })
    }

    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut facts =
            Facts { membership: Membership::None, plastic: None, named: Named::Unknown };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Unverified;
        assert_eq!(decide(&facts), Err(Refusal::InvalidCard));
        for plastic in [Plastic::OfAnother, Plastic::Ended] {
            assert_eq!(decided(plastic, Named::Unknown), Err(Refusal::InvalidCard));
        }
        facts.plastic = Some(Plastic::Stock);
        assert_eq!(decide(&facts), Err(Refusal::NoSuchApplication));
        let ended = Application { mobile: Mobile::Ended, awaits: Awaits::AnotherOne, ..WAITING };
        assert_eq!(decided(Plastic::Stock, Named::Known(ended)), Err(Refusal::MobileEnded));
        let other = Application { mobile: Mobile::Lives, ..ended };
        assert_eq!(decided(Plastic::Stock, Named::Known(other)), Err(Refusal::NotReady));
    }

    #[test]
    fn the_ways_to_register() {
        assert_eq!(decided(Plastic::Stock, Named::None), Ok(Plan::Open));
        assert_eq!(decided(Plastic::MadeFor(WAITING), Named::None), Ok(Plan::Link));
        assert_eq!(decided(Plastic::MadeFor(WAITING), Named::Known(WAITING)), Ok(Plan::Link));
        let mobile_only = Application { awaits: Awaits::AnyOfItsProduct, ..WAITING };
        assert_eq!(decided(Plastic::Stock, Named::Known(mobile_only)), Ok(Plan::Link));
    }

    #[test]
    fn every_state_of_an_application() {
        for state in State::ALL {
            for issuance in Issuance::ALL {
                let ordinary = *issuance == Issuance::Ordinary;
                let mobile = if ordinary { Mobile::None } else { Mobile::Lives };
                let application =
                    Application { state: *state, issuance: *issuance, mobile, ..WAITING };
                let expected = match state {
                    State::DigitalIssued if !ordinary => Ok(Plan::Link),
                    State::Ready | State::CostPaid if ordinary => Ok(Plan::IssueMobile),
                    State::DigitalIssued
                    | State::Ready
                    | State::CostPaid
                    | State::CostPaying
                    | State::CostPayFailed
                    | State::PhysicalIssued
                    | State::Cancelled
                    | State::ReturnDue
                    | State::Returned => Err(Refusal::NotReady),
                };
                let found = decided(Plastic::MadeFor(application), Named::None);
                assert_eq!(found, expected, "{state:?} {issuance:?}");
            }
        }
    }
}

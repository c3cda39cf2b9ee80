//! Whether an application may be cancelled: on its own day, before anything came of it.

use crate::application::{self, Event, Kind, State};
use crate::delivery::DeliveryState;
use crate::terms::Membership;

/// What is known of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// What was applied for.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// When it was applied for.
    pub day: Day,
    /// What became of the mobile card.
    pub mobile: Mobile,
    /// How far its plastic is.
    pub delivery: Option<DeliveryState>,
}

/// When an application was made, in days of Korea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Today.
    Today,
    /// On another day.
    Past,
}

/// What became of the mobile card that an application issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mobile {
    /// None was issued, or it was not used.
    Unused,
    /// It was paid with or charged, it has ended, or an application to replace it is open.
    Used,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The member.
    pub membership: Membership,
    /// The application; `None` where this member has none of that number.
    pub application: Option<Application>,
}

/// Why not, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member.
    NotAMember,
    /// No such application.
    NoSuchApplication,
    /// It was made on another day.
    OtherDay,
    /// Too much came of it, or it has ended.
    Status,
}

/// Permits or refuses; the state that the application takes.
pub fn decide(facts: &Facts) -> Result<State, Refusal> {
    if facts.membership == Membership::None {
        return Err(Refusal::NotAMember);
    }
    let application = facts.application.ok_or(Refusal::NoSuchApplication)?;
    if application.day == Day::Past {
        return Err(Refusal::OtherDay);
    }
    let after = application::next(application.state, Event::Cancel).ok_or(Refusal::Status)?;
    // A balance that has moved cannot go back to a card that has ended.
    let has_replaced = application.state == State::DigitalIssued
        && matches!(application.kind, Kind::Reissue | Kind::Renew);
    let has_left = application.delivery.is_some_and(|state| !may_be_called_off(state));
    if has_replaced || has_left || application.mobile == Mobile::Used {
        return Err(Refusal::Status);
    }
    Ok(after)
}

/// Whether plastic can still be called off: not once it is on its way.
const fn may_be_called_off(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Ready | DeliveryState::Receipt | DeliveryState::PreShipping => true,
        DeliveryState::Shipping
        | DeliveryState::Arrival
        | DeliveryState::Lost
        | DeliveryState::Return
        | DeliveryState::Cancel
        | DeliveryState::Etc => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Application = Application {
        kind: Kind::Issue,
        state: State::DigitalIssued,
        day: Day::Today,
        mobile: Mobile::Unused,
        delivery: Some(DeliveryState::Ready),
    };

    fn of(application: Application) -> Result<State, Refusal> {
        decide(&Facts { membership: Membership::Unverified, application: Some(application) })
    }

    #[test]
    fn refusals_come_in_order_of_precedence() {
        let mut facts = Facts { membership: Membership::None, application: None };
        assert_eq!(decide(&facts), Err(Refusal::NotAMember));
        facts.membership = Membership::Verified;
        assert_eq!(decide(&facts), Err(Refusal::NoSuchApplication));
        let late = Application { day: Day::Past, mobile: Mobile::Used, ..FRESH };
        assert_eq!(of(late), Err(Refusal::OtherDay));
        assert_eq!(of(Application { day: Day::Today, ..late }), Err(Refusal::Status));
        assert_eq!(of(FRESH), Ok(State::Cancelled));
    }

    #[test]
    fn every_kind_and_state() {
        for kind in Kind::ALL {
            for state in State::ALL {
                let may = match (kind, state) {
                    (_, State::Ready | State::CostPaid) => true,
                    (kind, State::DigitalIssued) => *kind == Kind::Issue,
                    (
                        _,
                        State::CostPaying
                        | State::CostPayFailed
                        | State::PhysicalIssued
                        | State::Cancelled
                        | State::ReturnDue
                        | State::Returned,
                    ) => false,
                };
                let application = Application { kind: *kind, state: *state, ..FRESH };
                assert_eq!(of(application).is_ok(), may, "{kind:?} {state:?}");
            }
        }
    }

    #[test]
    fn not_once_it_has_left() {
        use DeliveryState as D;
        for state in D::ALL {
            let may = matches!(state, D::Ready | D::Receipt | D::PreShipping);
            let application = Application { delivery: Some(*state), ..FRESH };
            assert_eq!(of(application).is_ok(), may, "{state:?}");
        }
        assert!(of(Application { delivery: None, ..FRESH }).is_ok());
    }
}

//! The life of an application for a card.

use crate::states;

states! {
    /// What is applied for.
    pub enum Kind {
        /// A member's card that replaces none.
        Issue = "ISSUE",
        /// A card for one that was lost.
        Reissue = "REISSUE",
        /// A card for one that expires.
        Renew = "RENEW",
    }
}

states! {
    /// State of an application.
    pub enum State {
        /// Taken; no fee is due, and the mobile card is issued when its plastic is registered.
        Ready = "READY",
        /// The bank was asked for the fee and has not answered for good.
        CostPaying = "COST_PAYING",
        /// The fee was taken; the mobile card is issued when its plastic is registered.
        CostPaid = "COST_PAID",
        /// The fee was refused: the application has ended.
        CostPayFailed = "COST_PAY_FAILED",
        /// The mobile card is issued and the balance has moved.
        DigitalIssued = "DIGITAL_ISSUED",
        /// The plastic is registered.
        PhysicalIssued = "PHYSICAL_ISSUED",
        /// Cancelled on the day of the application.
        Cancelled = "CANCELLED",
        /// A fee was taken for an application that had ended: it has to be given back.
        ReturnDue = "RETURN_DUE",
        /// That fee has been given back.
        Returned = "RETURNED",
    }
}

/// What can happen to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The bank is asked for the fee.
    ChargeFee,
    /// The bank took the fee.
    FeeTaken,
    /// The bank refused the fee.
    FeeRefused,
    /// The mobile card is issued.
    IssueMobile,
    /// The plastic is registered.
    RegisterPhysical,
    /// The member cancels.
    Cancel,
    /// The bank has given the fee of an application that had ended back.
    GiveBack,
}

impl Event {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ChargeFee,
        Self::FeeTaken,
        Self::FeeRefused,
        Self::IssueMobile,
        Self::RegisterPhysical,
        Self::Cancel,
        Self::GiveBack,
    ];
}

/// The state after an event; `None` where the event cannot happen.
pub fn next(state: State, event: Event) -> Option<State> {
    use {Event as E, State as S};
    match (state, event) {
        (S::Ready, E::ChargeFee) => Some(S::CostPaying),
        (S::CostPaying, E::FeeTaken) => Some(S::CostPaid),
        (S::CostPaying, E::FeeRefused) => Some(S::CostPayFailed),
        (S::CostPayFailed, E::FeeTaken) => Some(S::ReturnDue),
        (S::Ready | S::CostPaid, E::IssueMobile) => Some(S::DigitalIssued),
        (S::DigitalIssued, E::RegisterPhysical) => Some(S::PhysicalIssued),
        (S::Ready | S::CostPaid | S::DigitalIssued, E::Cancel) => Some(S::Cancelled),
        (S::ReturnDue, E::GiveBack) => Some(S::Returned),
        (S::Ready, E::FeeTaken | E::FeeRefused | E::RegisterPhysical | E::GiveBack)
        | (
            S::CostPaying,
            E::ChargeFee | E::IssueMobile | E::RegisterPhysical | E::Cancel | E::GiveBack,
        )
        | (
            S::CostPaid,
            E::ChargeFee | E::FeeTaken | E::FeeRefused | E::RegisterPhysical | E::GiveBack,
        )
        | (
            S::CostPayFailed,
            E::ChargeFee
            | E::FeeRefused
            | E::IssueMobile
            | E::RegisterPhysical
            | E::Cancel
            | E::GiveBack,
        )
        | (
            S::DigitalIssued,
            E::ChargeFee | E::FeeTaken | E::FeeRefused | E::IssueMobile | E::GiveBack,
        )
        | (
            S::PhysicalIssued | S::Cancelled | S::Returned,
            E::ChargeFee
            | E::FeeTaken
            | E::FeeRefused
            | E::IssueMobile
            | E::RegisterPhysical
            | E::Cancel
            | E::GiveBack,
        )
        | (
            S::ReturnDue,
            E::ChargeFee
            | E::FeeTaken
            | E::FeeRefused
            | E::IssueMobile
            | E::RegisterPhysical
            | E::Cancel,
        ) => None,
    }
}

impl State {
    /// Whether the application still holds its old card: the balance has not moved and it has not
    /// ended. At most one such application exists for a card.
    pub const fn is_open(self) -> bool {
        match self {
            State::Ready | State::CostPaying | State::CostPaid => true,
            State::CostPayFailed
            | State::DigitalIssued
            | State::PhysicalIssued
            | State::Cancelled
            | State::ReturnDue
            | State::Returned => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event() {
        use State as S;
        // Columns in the order of Event::ALL.
        let table = [
            (S::Ready, "COST_PAYING - - DIGITAL_ISSUED - CANCELLED -"),
            (S::CostPaying, "- COST_PAID COST_PAY_FAILED - - - -"),
            (S::CostPaid, "- - - DIGITAL_ISSUED - CANCELLED -"),
            (S::CostPayFailed, "- RETURN_DUE - - - - -"),
            (S::DigitalIssued, "- - - - PHYSICAL_ISSUED CANCELLED -"),
            (S::PhysicalIssued, "- - - - - - -"),
            (S::Cancelled, "- - - - - - -"),
            (S::ReturnDue, "- - - - - - RETURNED"),
            (S::Returned, "- - - - - - -"),
        ];
        assert_eq!(table.len(), S::ALL.len());
        for (state, row) in table {
            assert_eq!(row.split(' ').count(), Event::ALL.len(), "{state:?}");
            for (event, after) in Event::ALL.iter().zip(row.split(' ')) {
                assert_eq!(next(state, *event), State::parse(after), "{state:?} {event:?}");
            }
        }
    }
}

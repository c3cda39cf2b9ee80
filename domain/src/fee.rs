//! The fee saga: what follows from what the bank says. One function for the live call, recovery
//! and start-up, so that they cannot differ.

use crate::application::{Event as ApplicationEvent, State, next};
use crate::states;

states! {
    /// Why a fee was not charged.
    pub enum FeeRefusal {
        /// The order surely never reached the bank.
        NetworkIssue = "NETWORK_ISSUE",
        /// The account is not valid.
        InvalidAccount = "INVALID_ACCOUNT",
        /// The account belongs to somebody else.
        OwnerMismatch = "OWNER_MISMATCH",
        /// The withdrawal failed.
        WithdrawFailed = "WITHDRAW_FAILED",
        /// Not enough money.
        InsufficientBalance = "INSUFFICIENT_BALANCE",
        /// The member has not agreed to the terms.
        TermsNotAgreed = "TERMS_NOT_AGREED",
        /// The bank could not process the message.
        MessageError = "MESSAGE_ERROR",
        /// Any other cause.
        Other = "OTHER",
    }
}

/// What the bank has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The money was taken.
    Taken,
    /// The bank refused, for good.
    Refused(FeeRefusal),
    /// The bank does not know the order.
    NotFound(Executable),
    /// No answer, or none that is final.
    Unknown,
}

/// Whether the bank could still execute an order that it does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {
    /// It could: not knowing it means nothing yet.
    Still,
    /// It cannot any more.
    NoMore,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Nothing,
    /// The fee was taken: do what it was for.
    Settle,
    /// The fee was refused: end the application.
    Fail(FeeRefusal),
    /// The fee was taken for an application that has ended: owe it to the member.
    OweReturn,
}

/// What to ask of the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalCall {
    /// Withdraw the fee: the application was just written, by this call.
    Withdraw,
    /// Ask what became of the order: its deadline has passed without an outcome.
    Inquire,
}

/// What follows from `event` for an application in `state`.
pub fn advance(state: State, event: Event) -> Plan {
    let paying = state == State::CostPaying;
    match event {
        Event::Taken => match next(state, ApplicationEvent::FeeTaken) {
            Some(State::CostPaid) => Plan::Settle,
            Some(State::ReturnDue) => Plan::OweReturn,
            _ => Plan::Nothing,
        },
        Event::Refused(why) if paying => Plan::Fail(why),
        Event::NotFound(Executable::NoMore) if paying => Plan::Fail(FeeRefusal::NetworkIssue),
        Event::Refused(_)
        | Event::NotFound(Executable::Still | Executable::NoMore)
        | Event::Unknown => Plan::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_while_paying() {
        let why = FeeRefusal::InsufficientBalance;
        let table = [
            (Event::Taken, Plan::Settle),
            (Event::Refused(why), Plan::Fail(why)),
            (Event::NotFound(Executable::Still), Plan::Nothing),
            (Event::NotFound(Executable::NoMore), Plan::Fail(FeeRefusal::NetworkIssue)),
            (Event::Unknown, Plan::Nothing),
        ];
        for (event, plan) in table {
            assert_eq!(advance(State::CostPaying, event), plan, "{event:?}");
        }
    }

    #[test]
    fn a_settled_application_is_left_alone_but_late_money_is_owed() {
        let late = [
            Event::Refused(FeeRefusal::Other),
            Event::NotFound(Executable::NoMore),
            Event::Unknown,
        ];
        for state in State::ALL.iter().filter(|state| **state != State::CostPaying) {
            for event in late {
                assert_eq!(advance(*state, event), Plan::Nothing, "{state:?} {event:?}");
            }
            let owed = if *state == State::CostPayFailed { Plan::OweReturn } else { Plan::Nothing };
            assert_eq!(advance(*state, Event::Taken), owed, "{state:?}");
        }
    }
}

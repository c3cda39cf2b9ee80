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

/// What the driver has learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The application was just written; the bank has not been asked.
    Begun,
    /// Its deadline has passed without an outcome.
    Overdue,
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
    /// Withdraw the fee.
    Withdraw,
    /// Ask what became of the order.
    Inquire,
}

/// What follows from `event` for an application in `state`.
pub fn advance(state: State, event: Event) -> (Plan, Option<ExternalCall>) {
    let paying = state == State::CostPaying;
    match event {
        Event::Begun if paying => (Plan::Nothing, Some(ExternalCall::Withdraw)),
        Event::Overdue if paying => (Plan::Nothing, Some(ExternalCall::Inquire)),
        Event::Taken => match next(state, ApplicationEvent::FeeTaken) {
            Some(State::CostPaid) => (Plan::Settle, None),
            Some(State::ReturnDue) => (Plan::OweReturn, None),
            _ => (Plan::Nothing, None),
        },
        Event::Refused(why) if paying => (Plan::Fail(why), None),
        Event::NotFound(Executable::NoMore) if paying => {
            (Plan::Fail(FeeRefusal::NetworkIssue), None)
        }
        Event::Begun
        | Event::Overdue
        | Event::Refused(_)
        | Event::NotFound(Executable::Still | Executable::NoMore)
        | Event::Unknown => (Plan::Nothing, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_while_paying() {
        let why = FeeRefusal::InsufficientBalance;
        let table = [
            (Event::Begun, Plan::Nothing, Some(ExternalCall::Withdraw)),
            (Event::Overdue, Plan::Nothing, Some(ExternalCall::Inquire)),
            (Event::Taken, Plan::Settle, None),
            (Event::Refused(why), Plan::Fail(why), None),
            (Event::NotFound(Executable::Still), Plan::Nothing, None),
            (Event::NotFound(Executable::NoMore), Plan::Fail(FeeRefusal::NetworkIssue), None),
            (Event::Unknown, Plan::Nothing, None),
        ];
        for (event, plan, call) in table {
            assert_eq!(advance(State::CostPaying, event), (plan, call), "{event:?}");
        }
    }

    #[test]
    fn a_settled_application_is_left_alone_but_late_money_is_owed() {
        let late = [
            Event::Begun,
            Event::Overdue,
            Event::Refused(FeeRefusal::Other),
            Event::NotFound(Executable::NoMore),
            Event::Unknown,
        ];
        for state in State::ALL.iter().filter(|state| **state != State::CostPaying) {
            for event in late {
                assert_eq!(advance(*state, event), (Plan::Nothing, None), "{state:?} {event:?}");
            }
            let owed = if *state == State::CostPayFailed { Plan::OweReturn } else { Plan::Nothing };
            assert_eq!(advance(*state, Event::Taken), (owed, None), "{state:?}");
        }
    }
}

//! The return saga: what follows from what the bank says of a fee that goes back. One function for
//! the live call, recovery and start-up, so that they cannot differ.
//!
//! An order that may have been sent is asked about before anything else is done, and a new order
//! is made only after a final no to the last: so a fee is given back once.

use crate::fee::{Executable, FeeRefusal};
use crate::states;

/// Bounds of the pause before the bank is asked, or the same order is sent, again, milliseconds.
const AGAIN_MS: (i64, i64) = (2_000, 60_000);
/// Bounds of the pause before an order that takes the place of a refused one, milliseconds.
const NEW_ORDER_MS: (i64, i64) = (10_000, 3_600_000);

states! {
    /// State of a return.
    pub enum State {
        /// The member is to get the money.
        Due = "DUE",
        /// The member has it.
        Returned = "RETURNED",
    }
}

/// How far a return is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Due, and its order in force has not been sent.
    Unsent,
    /// Due, and its order in force may have been sent.
    Sent,
    /// The money has been given back.
    Returned,
}

impl Stage {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Unsent, Self::Sent, Self::Returned];

    /// The stage that is stored as this state, of an order that is unsent or not.
    pub const fn of(state: State, order: Order) -> Self {
        match (state, order) {
            (State::Returned, _) => Self::Returned,
            (State::Due, Order::Unsent) => Self::Unsent,
            (State::Due, Order::MayBeSent) => Self::Sent,
        }
    }

    /// What the bank is asked next; `None` where nothing is left to ask.
    pub const fn call(self) -> Option<ExternalCall> {
        match self {
            Self::Unsent => Some(ExternalCall::Deposit),
            Self::Sent => Some(ExternalCall::Inquire),
            Self::Returned => None,
        }
    }
}

/// Whether an order was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It was not.
    Unsent,
    /// It may have been.
    MayBeSent,
}

/// What to ask of the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalCall {
    /// Give the money.
    Deposit,
    /// Ask what became of the order.
    Inquire,
}

/// What the bank has said of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The money was given.
    Given,
    /// The bank refused, for good.
    Refused(FeeRefusal),
    /// The bank does not know the order.
    NotFound(Executable),
    /// The order surely never left.
    NotSent,
    /// No answer, or none that is final.
    Unknown,
}

/// Which order the bank has spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The one in force.
    InForce,
    /// One that another has taken the place of: its driver was held up.
    Former,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is returned, or somebody else has gone on from here.
    Nothing,
    /// The money has been given: end the return.
    Return,
    /// The order will never be executed: make a new one.
    NewOrder(FeeRefusal),
    /// The order was not sent: send it later.
    SendAgain,
    /// The order may be executed yet: ask about it later.
    AskAgain,
}

/// What follows from `event` for a return at this stage.
pub fn advance(stage: Stage, subject: Subject, event: Event) -> Plan {
    match (stage, subject, event) {
        (Stage::Returned, ..) => Plan::Nothing,
        // Of a former order too: the bank had promised not to, but the member has the money.
        (Stage::Unsent | Stage::Sent, _, Event::Given) => Plan::Return,
        (Stage::Sent, Subject::InForce, Event::Refused(why)) => Plan::NewOrder(why),
        (Stage::Sent, Subject::InForce, Event::NotFound(Executable::NoMore)) => {
            Plan::NewOrder(FeeRefusal::NetworkIssue)
        }
        (Stage::Sent, Subject::InForce, Event::NotSent) => Plan::SendAgain,
        (Stage::Sent, Subject::InForce, Event::NotFound(Executable::Still) | Event::Unknown) => {
            Plan::AskAgain
        }
        (
            Stage::Unsent | Stage::Sent,
            Subject::InForce | Subject::Former,
            Event::Refused(_) | Event::NotFound(_) | Event::NotSent | Event::Unknown,
        ) => Plan::Nothing,
    }
}

/// Whether an order that was refused so may come through to another account of the member.
pub const fn is_of_account(why: FeeRefusal) -> bool {
    match why {
        FeeRefusal::InvalidAccount | FeeRefusal::OwnerMismatch => true,
        FeeRefusal::NetworkIssue
        | FeeRefusal::WithdrawFailed
        | FeeRefusal::InsufficientBalance
        | FeeRefusal::TermsNotAgreed
        | FeeRefusal::MessageError
        | FeeRefusal::Other => false,
    }
}

/// The pause before a return of this age is looked at again: the older, the longer.
pub const fn pause_ms(age_ms: i64) -> i64 {
    bounded(age_ms / 4, AGAIN_MS)
}

/// The pause before the order that follows the refusal of the nth: twice as long each time.
pub const fn new_order_pause_ms(attempt: u32) -> i64 {
    let doublings = if attempt > 16 { 15 } else { attempt.saturating_sub(1) };
    bounded(NEW_ORDER_MS.0 << doublings, NEW_ORDER_MS)
}

const fn bounded(ms: i64, (least, most): (i64, i64)) -> i64 {
    if ms < least {
        least
    } else if ms > most {
        most
    } else {
        ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: FeeRefusal = FeeRefusal::InvalidAccount;
    const EVENTS: [Event; 6] = [
        Event::Given,
        Event::Refused(WHY),
        Event::NotFound(Executable::Still),
        Event::NotFound(Executable::NoMore),
        Event::NotSent,
        Event::Unknown,
    ];

    #[test]
    fn every_stage_and_event() {
        use Plan as P;
        let lost = P::NewOrder(FeeRefusal::NetworkIssue);
        // Columns in the order of EVENTS.
        let nothing = [P::Nothing; 6];
        let given = [P::Return, P::Nothing, P::Nothing, P::Nothing, P::Nothing, P::Nothing];
        let sent = [P::Return, P::NewOrder(WHY), P::AskAgain, lost, P::SendAgain, P::AskAgain];
        let table = [
            (Stage::Unsent, Subject::InForce, given),
            (Stage::Unsent, Subject::Former, given),
            (Stage::Sent, Subject::InForce, sent),
            (Stage::Sent, Subject::Former, given),
            (Stage::Returned, Subject::InForce, nothing),
            (Stage::Returned, Subject::Former, nothing),
        ];
        assert_eq!(table.len(), Stage::ALL.len() * 2);
        for (stage, subject, row) in table {
            for (event, plan) in EVENTS.iter().zip(row) {
                let place = format!("{stage:?} {subject:?} {event:?}");
                assert_eq!(advance(stage, subject, *event), plan, "{place}");
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_is_asked_about_first() {
        let stages = State::ALL.iter().map(|state| {
            [Order::Unsent, Order::MayBeSent].map(|order| Stage::of(*state, order).call())
        });
        let due = [Some(ExternalCall::Deposit), Some(ExternalCall::Inquire)];
        assert_eq!(stages.collect::<Vec<_>>(), [due, [None, None]]);
    }

    #[test]
    fn pauses_grow_within_their_bounds() {
        assert_eq!([0, 8_000, 40_000, i64::MAX].map(pause_ms), [2_000, 2_000, 10_000, 60_000]);
        let after = [0, 1, 2, 3, 9, 10, 17, u32::MAX].map(new_order_pause_ms);
        let wanted = [10_000, 10_000, 20_000, 40_000, 2_560_000, 3_600_000, 3_600_000, 3_600_000];
        assert_eq!(after, wanted);
    }
}

//! The state of a card account, which a mobile card and its plastic twin share: so the twins
//! cannot disagree.

use crate::states;

states! {
    /// State of a card account and of the cards linked to it.
    pub enum CardState {
        /// In use.
        Active = "ACTIVE",
        /// Reported lost.
        Suspended = "SUSPENDED",
        /// Ended for good: discarded, or replaced.
        Terminated = "TERMINATED",
    }
}

/// What can happen to a card account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardEvent {
    /// The member reports the loss.
    Suspend,
    /// The member withdraws the report.
    Resume,
    /// Its balance moves to the card that replaces it: a reissue or a renewal.
    Replace,
    /// The member discards it, or cancels the application that issued it.
    Discard,
}

impl CardEvent {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Suspend, Self::Resume, Self::Replace, Self::Discard];
}

/// The state after an event; `None` where the event cannot happen. Reporting a loss twice, or
/// withdrawing no report, changes nothing and is no mistake. That a reissue needs the report of a
/// loss is its own rule: one that is settled when its plastic is registered may find the card
/// resumed.
pub fn next(state: CardState, event: CardEvent) -> Option<CardState> {
    use {CardEvent as E, CardState as S};
    match (state, event) {
        (S::Active | S::Suspended, E::Suspend) => Some(S::Suspended),
        (S::Active | S::Suspended, E::Resume) => Some(S::Active),
        (S::Active | S::Suspended, E::Replace | E::Discard) => Some(S::Terminated),
        (S::Terminated, E::Suspend | E::Resume | E::Replace | E::Discard) => None,
    }
}

/// What a change of state has to respect.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The state now.
    pub state: CardState,
    /// An open application that is to replace the card.
    pub open_application: Option<crate::application::State>,
    /// Whether a fee was taken for that reissue, or may have been.
    pub fee_due: bool,
}

/// Why a state cannot change, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is terminated.
    Terminated,
    /// The fee of a reissue is being charged.
    FeeInProgress,
    /// The fee of a reissue has been paid.
    ReissueInProgress,
}

/// The state after `event`. Withdrawing the report of a loss is refused once the member pays for
/// a replacement; reporting one never is.
pub fn change(facts: Facts, event: CardEvent) -> Result<CardState, Refusal> {
    use crate::application::State as A;
    let after = next(facts.state, event).ok_or(Refusal::Terminated)?;
    match (event, facts.open_application) {
        (CardEvent::Resume, Some(A::CostPaying)) => Err(Refusal::FeeInProgress),
        (CardEvent::Resume, Some(_)) if facts.fee_due => Err(Refusal::ReissueInProgress),
        (CardEvent::Suspend | CardEvent::Resume | CardEvent::Replace | CardEvent::Discard, _) => {
            Ok(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::State as A;

    #[test]
    fn every_state_and_event() {
        use {CardEvent as E, CardState as S};
        let table = [
            (
                S::Active,
                [Some(S::Suspended), Some(S::Active), Some(S::Terminated), Some(S::Terminated)],
            ),
            (
                S::Suspended,
                [Some(S::Suspended), Some(S::Active), Some(S::Terminated), Some(S::Terminated)],
            ),
            (S::Terminated, [None; 4]),
        ];
        assert_eq!(table.len(), S::ALL.len());
        for (state, after) in table {
            assert_eq!(E::ALL.len(), after.len());
            for (event, expected) in E::ALL.iter().zip(after) {
                assert_eq!(next(state, *event), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn a_paid_reissue_keeps_the_card_suspended() {
        let facts = |open_application, fee_due| Facts {
            state: CardState::Suspended,
            open_application,
            fee_due,
        };
        let resume = |facts| change(facts, CardEvent::Resume);
        assert_eq!(resume(facts(None, false)), Ok(CardState::Active));
        assert_eq!(resume(facts(Some(A::Ready), false)), Ok(CardState::Active));
        assert_eq!(resume(facts(Some(A::CostPaid), true)), Err(Refusal::ReissueInProgress));
        assert_eq!(resume(facts(Some(A::CostPaying), true)), Err(Refusal::FeeInProgress));
        let suspend = change(facts(Some(A::CostPaying), true), CardEvent::Suspend);
        assert_eq!(suspend, Ok(CardState::Suspended));
    }
}

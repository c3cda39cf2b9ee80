//! The way of a physical card to its member.

use crate::states;
use crate::time::Timestamp;

states! {
    /// State of a delivery.
    pub enum DeliveryState {
        /// Ordered.
        Ready = "READY",
        /// The card maker has the order.
        Receipt = "RECEIPT",
        /// The card is being made ready.
        PreShipping = "PRE_SHIPPING",
        /// On its way.
        Shipping = "SHIPPING",
        /// Delivered.
        Arrival = "ARRIVAL",
        /// Lost in transit.
        Lost = "LOST",
        /// Came back.
        Return = "RETURN",
        /// Called off.
        Cancel = "CANCEL",
        /// Ended otherwise.
        Etc = "ETC",
    }
}

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An application orders it: where it begins.
    Order,
    /// The card maker says that it has the order.
    Receipt,
    /// The card maker says that the card is being made ready.
    PreShipping,
    /// The carrier has it.
    Shipping,
    /// It is delivered.
    Arrival,
    /// The carrier has lost it.
    Lost,
    /// It came back.
    Return,
    /// It is called off.
    Cancel,
    /// It ended otherwise.
    Etc,
    /// What came back is sent again.
    SendAgain,
    /// A new plastic goes out for a lost one.
    Replace,
    /// Its plastic is registered: it has arrived, whatever was reported.
    Register,
    /// The partner gives it up: it never reached its member, whatever was reported.
    GiveUp,
}

impl Event {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Order,
        Self::Receipt,
        Self::PreShipping,
        Self::Shipping,
        Self::Arrival,
        Self::Lost,
        Self::Return,
        Self::Cancel,
        Self::Etc,
        Self::SendAgain,
        Self::Replace,
        Self::Register,
        Self::GiveUp,
    ];

    /// What a report of this state says; nothing is reported to be ordered.
    pub const fn reported(state: DeliveryState) -> Option<Self> {
        match state {
            DeliveryState::Ready => None,
            DeliveryState::Receipt => Some(Event::Receipt),
            DeliveryState::PreShipping => Some(Event::PreShipping),
            DeliveryState::Shipping => Some(Event::Shipping),
            DeliveryState::Arrival => Some(Event::Arrival),
            DeliveryState::Lost => Some(Event::Lost),
            DeliveryState::Return => Some(Event::Return),
            DeliveryState::Cancel => Some(Event::Cancel),
            DeliveryState::Etc => Some(Event::Etc),
        }
    }
}

/// The state after an event; `None` where the event cannot happen. Forward on the ordinary way,
/// where steps may be skipped; to an exit until it has arrived, also where the exit is the first
/// thing that is heard of it. What came back is sent again or called off, for what was lost a new
/// plastic goes out. What has ended otherwise, was said to have arrived and did not, or is heard
/// of no more, the partner gives up; nothing else follows upon the ends. What is registered has
/// arrived, also where it was said to have come back.
pub fn next(state: DeliveryState, event: Event) -> Option<DeliveryState> {
    use {DeliveryState as D, Event as E};
    match (state, event) {
        (D::Ready, E::Receipt) => Some(D::Receipt),
        (D::Ready | D::Receipt, E::PreShipping) => Some(D::PreShipping),
        (D::Ready | D::Receipt | D::PreShipping, E::Shipping) => Some(D::Shipping),
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping, E::Arrival) => Some(D::Arrival),
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping, E::Lost) => Some(D::Lost),
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping, E::Return) => Some(D::Return),
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping | D::Return, E::Cancel) => {
            Some(D::Cancel)
        }
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping, E::Etc) => Some(D::Etc),
        (D::Return, E::SendAgain) | (D::Lost, E::Replace) => Some(D::Ready),
        (
            D::Ready | D::Receipt | D::PreShipping | D::Shipping | D::Return | D::Arrival | D::Etc,
            E::GiveUp,
        ) => Some(D::Cancel),
        (D::Ready | D::Receipt | D::PreShipping | D::Shipping | D::Return, E::Register) => {
            Some(D::Arrival)
        }
        (_, E::Order)
        | (D::Ready | D::Receipt | D::PreShipping | D::Shipping, E::SendAgain | E::Replace)
        | (D::Receipt, E::Receipt)
        | (D::PreShipping, E::Receipt | E::PreShipping)
        | (D::Shipping, E::Receipt | E::PreShipping | E::Shipping)
        | (
            D::Arrival | D::Lost | D::Return | D::Cancel | D::Etc,
            E::Receipt | E::PreShipping | E::Shipping | E::Arrival | E::Lost | E::Return | E::Etc,
        )
        | (D::Arrival | D::Lost | D::Cancel | D::Etc, E::Cancel | E::Register)
        | (D::Arrival | D::Cancel | D::Etc, E::SendAgain | E::Replace)
        | (D::Lost, E::SendAgain | E::GiveUp)
        | (D::Return, E::Replace)
        | (D::Cancel, E::GiveUp) => None,
    }
}

impl DeliveryState {
    /// The state that follows on the ordinary way; `None` at its end and after an exit.
    pub const fn following(self) -> Option<Self> {
        match self {
            DeliveryState::Ready => Some(DeliveryState::Receipt),
            DeliveryState::Receipt => Some(DeliveryState::PreShipping),
            DeliveryState::PreShipping => Some(DeliveryState::Shipping),
            DeliveryState::Shipping => Some(DeliveryState::Arrival),
            DeliveryState::Arrival
            | DeliveryState::Lost
            | DeliveryState::Return
            | DeliveryState::Cancel
            | DeliveryState::Etc => None,
        }
    }

    /// Whether it is ordered and has come to no end: more is to be heard of it.
    pub const fn is_under_way(self) -> bool {
        match self {
            DeliveryState::Ready
            | DeliveryState::Receipt
            | DeliveryState::PreShipping
            | DeliveryState::Shipping => true,
            DeliveryState::Arrival
            | DeliveryState::Lost
            | DeliveryState::Return
            | DeliveryState::Cancel
            | DeliveryState::Etc => false,
        }
    }

    /// Whether some event leads from this state to `other`.
    pub fn may_become(self, other: DeliveryState) -> bool {
        Event::ALL.iter().any(|event| next(self, *event) == Some(other))
    }

    /// Whether nothing is reported any more.
    pub const fn is_end(self) -> bool {
        match self {
            DeliveryState::Arrival | DeliveryState::Cancel | DeliveryState::Etc => true,
            DeliveryState::Ready
            | DeliveryState::Receipt
            | DeliveryState::PreShipping
            | DeliveryState::Shipping
            | DeliveryState::Lost
            | DeliveryState::Return => false,
        }
    }
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: DeliveryState,
    /// Since when, by the time of whoever reported it.
    pub since: Timestamp,
    /// 1, and one more for each time that plastic was sent anew.
    pub attempt: u32,
}

/// A report: a state at its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The state.
    pub state: DeliveryState,
    /// When it was reached, by the clock of whoever reports.
    pub occurred_at: Timestamp,
    /// Which attempt it is about.
    pub attempt: u32,
}

/// What a report does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The delivery takes this state.
    Takes(DeliveryState),
    /// It is written down and changes nothing: it tells of a time before the last one that
    /// counted, of an attempt before this one, or of a step that leads nowhere from here.
    WrittenDown,
    /// It is about an attempt that there is not.
    UnknownAttempt,
}

/// What a report does to a delivery: it never goes backwards, neither in time nor on its way.
pub fn report(standing: Standing, report: Report) -> Effect {
    if report.attempt > standing.attempt || report.attempt == 0 {
        return Effect::UnknownAttempt;
    }
    if report.attempt < standing.attempt || report.occurred_at < standing.since {
        return Effect::WrittenDown;
    }
    match Event::reported(report.state).and_then(|event| next(standing.state, event)) {
        Some(after) => Effect::Takes(after),
        None => Effect::WrittenDown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event() {
        use DeliveryState as D;
        // Columns in the order of Event::ALL.
        let forth = "ARRIVAL LOST RETURN CANCEL ETC - - ARRIVAL CANCEL";
        let table = [
            (
                D::Ready,
                "- RECEIPT PRE_SHIPPING SHIPPING ARRIVAL LOST RETURN CANCEL ETC - - ARRIVAL CANCEL"
                    .to_owned(),
            ),
            (D::Receipt, format!("- - PRE_SHIPPING SHIPPING {forth}")),
            (D::PreShipping, format!("- - - SHIPPING {forth}")),
            (D::Shipping, format!("- - - - {forth}")),
            (D::Arrival, "- - - - - - - - - - - - CANCEL".to_owned()),
            (D::Lost, "- - - - - - - - - - READY - -".to_owned()),
            (D::Return, "- - - - - - - CANCEL - READY - ARRIVAL CANCEL".to_owned()),
            (D::Cancel, "- - - - - - - - - - - - -".to_owned()),
            (D::Etc, "- - - - - - - - - - - - CANCEL".to_owned()),
        ];
        assert_eq!(table.len(), D::ALL.len());
        for (state, row) in &table {
            assert_eq!(row.split(' ').count(), Event::ALL.len(), "{state:?}");
            for (event, after) in Event::ALL.iter().zip(row.split(' ')) {
                assert_eq!(next(*state, *event), D::parse(after), "{state:?} {event:?}");
            }
            assert!(state.following().is_none_or(|next| state.may_become(next)));
            let mut told = Event::ALL.iter().filter(|event| **event != Event::GiveUp);
            assert_eq!(state.is_end(), told.all(|event| next(*state, *event).is_none()));
        }
    }

    #[test]
    fn a_report_leads_to_the_state_that_it_names_or_nowhere() {
        for state in DeliveryState::ALL {
            for told in DeliveryState::ALL {
                let after = Event::reported(*told).and_then(|event| next(*state, event));
                assert!(after.is_none_or(|after| after == *told), "{state:?} {told:?}");
            }
        }
    }

    #[test]
    fn reports_never_lead_backwards_in_time() {
        use DeliveryState as D;
        let at = |state, attempt, at| Standing { state, attempt, since: Timestamp(at) };
        let told = |state, attempt, at| Report { state, attempt, occurred_at: Timestamp(at) };
        let shipping = at(D::Shipping, 2, 100);
        let check = |told, effect| assert_eq!(report(shipping, told), effect, "{told:?}");
        check(told(D::Arrival, 2, 101), Effect::Takes(D::Arrival));
        check(told(D::Arrival, 2, 100), Effect::Takes(D::Arrival));
        check(told(D::Lost, 2, 99), Effect::WrittenDown);
        check(told(D::PreShipping, 2, 99), Effect::WrittenDown);
        check(told(D::PreShipping, 2, 101), Effect::WrittenDown);
        check(told(D::Ready, 2, 101), Effect::WrittenDown);
        check(told(D::Arrival, 1, 101), Effect::WrittenDown);
        check(told(D::Arrival, 3, 101), Effect::UnknownAttempt);
        check(told(D::Arrival, 0, 101), Effect::UnknownAttempt);
    }

    /// Whatever order the reports of a way come in, it ends where it ended.
    #[test]
    fn the_order_in_which_reports_come_does_not_matter() {
        use DeliveryState as D;
        for end in [D::Arrival, D::Lost, D::Return, D::Cancel, D::Etc] {
            let way = [(D::Receipt, 1), (D::Shipping, 2), (end, 3)];
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut standing = Standing { state: D::Ready, since: Timestamp(0), attempt: 1 };
                for index in order {
                    let (state, at) = way[index];
                    let told = Report { state, occurred_at: Timestamp(at), attempt: 1 };
                    if let Effect::Takes(state) = report(standing, told) {
                        standing = Standing { state, since: told.occurred_at, attempt: 1 };
                    }
                }
                assert_eq!(standing.state, end, "{order:?}");
            }
        }
    }
}

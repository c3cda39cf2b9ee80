//! Which steps of a card's life an operation can bring about.

use domain::application::Event;
use domain::card::CardEvent;
use domain::delivery;

/// What an operation can do to a card, its application and its delivery: the portal marks it in
/// the picture of their lives.
#[derive(Debug, Clone, Copy)]
pub struct Changes {
    /// To the card.
    pub card: &'static [CardEvent],
    /// To the application for it.
    pub application: &'static [Event],
    /// To the delivery.
    pub delivery: &'static [delivery::Event],
}

impl Changes {
    /// It changes none of them.
    pub const NONE: Self = Changes { card: &[], application: &[], delivery: &[] };
}

//! The end of a card's validity, and the notices before it.

use crate::time::{Expiry, Timestamp};

/// How far a card account is on the way to its expiry. A card is told once of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing was told.
    InUse,
    /// That it ends within 60 days.
    Told60,
    /// That it ends within 30 days: it may be renewed.
    Told30,
    /// That it ends tomorrow.
    Told1,
    /// It has expired.
    Expired,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: &'static [Self] =
        &[Self::InUse, Self::Told60, Self::Told30, Self::Told1, Self::Expired];

    /// The number that is stored.
    pub const fn number(self) -> i64 {
        match self {
            Stage::InUse => 0,
            Stage::Told60 => 1,
            Stage::Told30 => 2,
            Stage::Told1 => 3,
            Stage::Expired => 4,
        }
    }

    /// The stage of that number.
    pub fn of(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.number() == number)
    }

    /// Days ahead of the last day from which on it is due; the expiry itself on the day after.
    pub const fn days_ahead(self) -> Option<i64> {
        match self {
            Stage::InUse => None,
            Stage::Told60 => Some(60),
            Stage::Told30 => Some(30),
            Stage::Told1 => Some(1),
            Stage::Expired => Some(-1),
        }
    }

    /// The stage of a card that expires then.
    pub fn due(expiry: Expiry, now: Timestamp) -> Self {
        let left = expiry.days_left(now);
        let is_due = |stage: &&Stage| stage.days_ahead().is_some_and(|days| left <= days);
        Self::ALL.iter().rev().find(is_due).copied().unwrap_or(Stage::InUse)
    }

    /// The last month of those whose cards have come to this stage; `None` of no stage.
    pub fn latest(self, now: Timestamp) -> Option<Expiry> {
        self.days_ahead().map(|days| Expiry::latest_ending_within(now, days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25 12:00 in Seoul.
    const NOON: Timestamp = Timestamp(1_795_575_600_000_000);
    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn stages_by_the_day() {
        let expiry = Expiry::from_yymm("2701").unwrap();
        // 67 days are left until 2027-01-31.
        assert_eq!(expiry.days_left(NOON), 67);
        let table = [
            (6, Stage::InUse),
            (7, Stage::Told60),
            (36, Stage::Told60),
            (37, Stage::Told30),
            (65, Stage::Told30),
            (66, Stage::Told1),
            (67, Stage::Told1),
            (68, Stage::Expired),
            (400, Stage::Expired),
        ];
        for (days, stage) in table {
            assert_eq!(Stage::due(expiry, NOON.plus_ms(days * DAY_MS)), stage, "{days}");
        }
    }

    #[test]
    fn the_month_that_a_round_looks_for_is_the_one_whose_cards_are_due() {
        for days in 0..800 {
            let now = NOON.plus_ms(days * DAY_MS);
            for stage in Stage::ALL.iter().skip(1) {
                let latest = stage.latest(now).unwrap();
                assert!(Stage::due(latest, now) >= *stage, "{days} {stage:?}");
                assert!(Stage::due(latest.following(), now) < *stage, "{days} {stage:?}");
            }
        }
    }

    #[test]
    fn numbers_go_both_ways() {
        for stage in Stage::ALL {
            assert_eq!(Stage::of(stage.number()), Some(*stage));
        }
        assert_eq!(Stage::of(5), None);
    }
}

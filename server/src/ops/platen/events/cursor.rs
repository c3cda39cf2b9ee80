//! A place in a partner's feed, as text that means nothing to its holder.

use domain::{AspId, Timestamp};

use crate::bookmark;

/// Days for which a cursor is good, and at which a feed without one begins.
pub const KEPT_DAYS: i64 = 30;
/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
/// The list in which it is a place.
const LIST: &str = "platen.events.cursor.v1";

/// The last row that was told, and the day on which that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The seal of the row; 0: before the first.
    pub seal: i64,
    /// The row, within the seal.
    pub log: i64,
    /// The day since 1970, UTC, by the real clock.
    pub day: i64,
}

/// The day of a moment.
pub(super) fn day(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_US)
}

/// Where a feed without a cursor begins.
pub(super) fn kept_since(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(KEPT_DAYS * DAY_US))
}

impl Cursor {
    /// The text for a partner.
    pub fn text(self, asp: &AspId) -> String {
        bookmark::text(LIST, asp, [self.day, self.seal, self.log])
    }

    /// The reverse; `None` of what was not given to this partner.
    pub fn parse(asp: &AspId, text: &str) -> Option<Self> {
        bookmark::parse(LIST, asp, text).map(|[day, seal, log]| Cursor { seal, log, day })
    }

    /// Whether it is still good.
    pub(super) fn is_kept(self, now: Timestamp) -> bool {
        self.day >= day(now).saturating_sub(KEPT_DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_by_its_partner_alone() {
        let (asp, other) = (AspId::new("000170000000000"), AspId::new("000170000000001"));
        let cursor = Cursor { seal: 7, log: i64::MAX, day: 20_000 };
        let text = cursor.text(&asp);
        assert_eq!(Cursor::parse(&asp, &text), Some(cursor));
        assert_eq!(Cursor::parse(&other, &text), None);
    }

    #[test]
    fn it_is_good_for_thirty_days() {
        let now = Timestamp(100 * DAY_US + 5);
        let at = |day| Cursor { seal: 0, log: 0, day }.is_kept(now);
        assert!(at(100) && at(70));
        assert!(!at(69));
        assert_eq!(kept_since(now), Timestamp(70 * DAY_US + 5));
    }
}

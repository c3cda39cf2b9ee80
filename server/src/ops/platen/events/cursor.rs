//! A place in a partner's feed, as text that means nothing to its holder.

use crypto::digest::Sha256;
use data_encoding::BASE64URL_NOPAD;
use domain::{AspId, Timestamp};

/// Days for which a cursor is good, and at which a feed without one begins.
pub const KEPT_DAYS: i64 = 30;
/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
/// What the check is made of beside the cursor.
const DOMAIN: &[u8] = b"platen.events.cursor.v1";
/// Bytes of day, seal and row.
const PLACE_BYTES: usize = 24;
/// Bytes of the check.
const CHECK_BYTES: usize = 6;

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
    /// The text for a partner. Its check is no secret: it tells another partner's cursor, and one
    /// that was cut or mistyped; rows are read by partner in any case.
    pub fn text(self, asp: &AspId) -> String {
        let mut bytes = Vec::with_capacity(PLACE_BYTES + CHECK_BYTES);
        for number in [self.day, self.seal, self.log] {
            bytes.extend(number.to_be_bytes());
        }
        let check = check(asp, &bytes);
        bytes.extend(check);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The reverse; `None` of what was not given to this partner.
    pub fn parse(asp: &AspId, text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (place, given) = bytes.split_at_checked(PLACE_BYTES)?;
        if given != check(asp, place) {
            return None;
        }
        let number = |from: usize| {
            let part = place.get(from..from + 8)?;
            Some(i64::from_be_bytes(part.try_into().ok()?))
        };
        Some(Cursor { day: number(0)?, seal: number(8)?, log: number(16)? })
    }

    /// Whether it is still good.
    pub(super) fn is_kept(self, now: Timestamp) -> bool {
        self.day >= day(now).saturating_sub(KEPT_DAYS)
    }
}

fn check(asp: &AspId, place: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::default();
    for part in [DOMAIN, asp.as_str().as_bytes(), place] {
        digest.update(part);
    }
    let mut digest = digest.finish().to_vec();
    digest.truncate(CHECK_BYTES);
    digest
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
        for place in 0..text.len() {
            let mut wrong = text.clone();
            let letter = if wrong.as_bytes()[place] == b'A' { "B" } else { "A" };
            wrong.replace_range(place..=place, letter);
            assert_eq!(Cursor::parse(&asp, &wrong), None, "{wrong}");
            assert_eq!(Cursor::parse(&asp, &text[..place]), None);
        }
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

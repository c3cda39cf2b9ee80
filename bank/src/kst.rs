//! Dates as the banks write them: Korean time, which has no daylight saving.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, offset};

const KST: Offset = offset(9);

/// The Korean day of an instant (µs since 1970 UTC), as `yyyyMMdd`.
#[must_use]
pub fn kst_date(at_us: i64) -> String {
    korean(at_us).strftime("%Y%m%d").to_string()
}

/// The Korean date and time of an instant (µs since 1970 UTC), as `yyyyMMddHHmmss`.
#[must_use]
pub fn kst_date_time(at_us: i64) -> String {
    korean(at_us).strftime("%Y%m%d%H%M%S").to_string()
}

/// An instant outside of the calendar's years counts as its nearest end.
fn korean(at_us: i64) -> DateTime {
    let nearest = if at_us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    KST.to_datetime(Timestamp::from_microsecond(at_us).unwrap_or(nearest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_fifteen_utc() {
        assert_eq!(kst_date_time(1_767_193_199_999_999), "20251231235959");
        assert_eq!(kst_date_time(1_767_193_200_000_000), "20260101000000");
        assert_eq!(kst_date(1_767_193_200_000_000), "20260101");
    }

    #[test]
    fn no_instant_fails() {
        for at_us in [i64::MIN, i64::MAX, 0, -1] {
            assert!(!kst_date(at_us).is_empty());
        }
    }
}

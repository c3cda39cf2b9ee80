//! Moments, business days and card expiry. Business days are those of Asia/Seoul, which has been
//! nine hours ahead of UTC, without daylight saving, since 1988.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::{ToSpan, tz};

/// Microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A day in Asia/Seoul.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusinessDay(Date);

/// The month at whose end, in Asia/Seoul, a card expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    year: i16,
    month: i8,
}

const SEOUL: tz::Offset = tz::offset(9);

impl Timestamp {
    /// The moment that many milliseconds later.
    pub const fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(ms.saturating_mul(1_000)))
    }

    /// The moment that many milliseconds earlier.
    pub const fn minus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub_unsigned(ms.saturating_mul(1_000)))
    }

    /// Date and time in Asia/Seoul.
    pub fn in_seoul(self) -> DateTime {
        self.at_offset(SEOUL)
    }

    /// Date and time at an offset from UTC.
    pub fn at_offset(self, offset: tz::Offset) -> DateTime {
        let moment = jiff::Timestamp::from_microsecond(self.0);
        offset.to_datetime(moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Date and time in Asia/Seoul, `yyyyMMddHHmmss`.
    pub fn seoul_text(self) -> String {
        let at = self.in_seoul();
        let (date, time) = (BusinessDay(at.date()), at.time());
        format!("{date}{:02}{:02}{:02}", time.hour(), time.minute(), time.second())
    }

    /// The moment of a `yyyyMMddHHmmss` in Asia/Seoul.
    pub fn from_seoul_text(text: &str) -> Option<Self> {
        if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
        let year = text.get(..4)?.parse().ok()?;
        let date = Date::new(year, part(4, 6)?, part(6, 8)?).ok()?;
        let time = jiff::civil::Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
        let moment = SEOUL.to_timestamp(date.to_datetime(time)).ok()?;
        Some(Timestamp(moment.as_microsecond()))
    }

    /// The day in Asia/Seoul.
    pub fn business_day(self) -> BusinessDay {
        BusinessDay(self.in_seoul().date())
    }
}

impl fmt::Display for BusinessDay {
    /// `yyyyMMdd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl BusinessDay {
    /// The day of a `yyyy-MM-dd`, written exactly so.
    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(text.parse().ok()?);
        (day.hyphenated() == text).then_some(day)
    }

    /// `yyyy-MM-dd`.
    pub fn hyphenated(self) -> String {
        format!("{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }

    /// The first moment that no longer belongs to the day.
    pub fn end(self) -> Timestamp {
        let next = self.0.saturating_add(1.days()).to_datetime(jiff::civil::Time::midnight());
        let moment = SEOUL.to_timestamp(next);
        Timestamp(moment.map_or(i64::MAX, jiff::Timestamp::as_microsecond))
    }
}

impl Expiry {
    /// The end of the month that lies `months` after the month of `now`.
    pub fn after(now: Timestamp, months: u16) -> Self {
        let first = now.in_seoul().date().first_of_month();
        let last = first.saturating_add(i32::from(months).months());
        Expiry { year: last.year(), month: last.month() }
    }

    /// The month of a `YYMM`, taken as of 2000 to 2099.
    pub fn from_yymm(text: &str) -> Option<Self> {
        if text.len() != 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let year = text.get(..2)?.parse::<i16>().ok()? + 2_000;
        let month = text.get(2..)?.parse().ok()?;
        (1..=12).contains(&month).then_some(Expiry { year, month })
    }

    /// The last of the months that end within so many days from today, today being none; a number
    /// below zero means days ago.
    pub fn latest_ending_within(now: Timestamp, days: i64) -> Self {
        let day = now.in_seoul().date().saturating_add(days.days());
        let this = Expiry { year: day.year(), month: day.month() };
        if day == day.last_of_month() { this } else { this.plus_months(-1) }
    }

    /// The month after.
    #[must_use]
    pub fn following(self) -> Self {
        self.plus_months(1)
    }

    fn plus_months(self, months: i32) -> Self {
        let first = self.first().saturating_add(months.months());
        Expiry { year: first.year(), month: first.month() }
    }

    fn first(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::MAX)
    }

    /// The last day on which a card of this expiry can be used.
    pub fn last_day(self) -> BusinessDay {
        BusinessDay(self.first().last_of_month())
    }

    /// Days from today to the last day: none on it, less than none afterwards.
    pub fn days_left(self, now: Timestamp) -> i64 {
        let (today, last) = (now.in_seoul().date(), self.last_day().0);
        today.until(last).map_or(0, |span| i64::from(span.get_days()))
    }

    /// `YYMM`.
    pub fn yymm(self) -> String {
        format!("{:02}{:02}", self.year.rem_euclid(100), self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30 23:30 in Seoul; the same day, 14:30, in UTC.
    const LATE_NOVEMBER: Timestamp = Timestamp(1_796_049_000_000_000);

    #[test]
    fn the_business_day_is_seouls() {
        assert_eq!(LATE_NOVEMBER.business_day().to_string(), "20261130");
        assert_eq!(LATE_NOVEMBER.plus_ms(30 * 60_000).business_day().to_string(), "20261201");
    }

    #[test]
    fn a_day_is_read_strictly_and_ends_at_midnight_in_seoul() {
        let day = BusinessDay::parse("2026-11-30").unwrap();
        assert_eq!((day, day.hyphenated().as_str()), (LATE_NOVEMBER.business_day(), "2026-11-30"));
        assert_eq!(day.end(), LATE_NOVEMBER.plus_ms(30 * 60_000));
        assert_eq!(Timestamp(day.end().0 - 1).business_day(), day);
        for text in ["", "20261130", "2026-11-31", "2026-1-1", " 2026-11-30", "2026-11-30T00:00"] {
            assert_eq!(BusinessDay::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_in_seoul_is_written_and_read() {
        assert_eq!(LATE_NOVEMBER.seoul_text(), "20261130233000");
        assert_eq!(Timestamp::from_seoul_text("20261130233000"), Some(LATE_NOVEMBER));
        for text in ["", "2026113023300", "20261131233000", "20261130240000", "2026113023300a"] {
            assert_eq!(Timestamp::from_seoul_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_card_expires_at_the_end_of_a_month_in_seoul() {
        assert_eq!(Expiry::after(LATE_NOVEMBER, 60).yymm(), "3111");
        assert_eq!(Expiry::after(LATE_NOVEMBER.plus_ms(30 * 60_000), 60).yymm(), "3112");
        assert_eq!(Expiry::after(LATE_NOVEMBER, 2).yymm(), "2701");
    }

    #[test]
    fn yymm_is_read_strictly() {
        assert_eq!(Expiry::from_yymm("3108").unwrap().yymm(), "3108");
        for text in ["", "310", "3113", "3100", "31a1", "가1"] {
            assert_eq!(Expiry::from_yymm(text), None, "{text}");
        }
    }
}

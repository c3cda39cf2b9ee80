//! Cards and their accounts, and the months in which cards end.

/// Seoul is so much ahead of UTC, microseconds.
const SEOUL_AHEAD_US: i64 = 9 * 3_600 * 1_000_000;
/// A day, microseconds.
pub const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// Days ahead of a card's last day from which its holder is told, in the order of the telling; the
/// last is the day after it.
const TOLD_AHEAD: [i64; 4] = [60, 30, 1, -1];

/// State of a card account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// In use.
    Active,
    /// Reported lost.
    Suspended,
    /// Ended.
    Terminated,
}

impl CardState {
    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            CardState::Active => "ACTIVE",
            CardState::Suspended => "SUSPENDED",
            CardState::Terminated => "TERMINATED",
        }
    }
}

/// The day in Seoul at a moment, counted from 1970-01-01.
#[must_use]
pub const fn day_of(at_us: i64) -> i64 {
    (at_us + SEOUL_AHEAD_US).div_euclid(DAY_US)
}

/// A month, counted from the first of year 0: a card ends with its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(i64);

impl Month {
    /// The month in Seoul at a moment.
    #[must_use]
    pub const fn at(at_us: i64) -> Self {
        // The calendar repeats after 400 years of 146,097 days; years begin with March here, so
        // that the odd day comes last.
        let days = day_of(at_us) + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * years + years / 4 - years / 100);
        let from_march = (5 * of_year + 2) / 153;
        Month((era * 400 + years) * 12 + from_march + 2)
    }

    /// The month that many after this one.
    #[must_use]
    pub const fn plus(self, months: i64) -> Self {
        Month(self.0 + months)
    }

    /// Reads `YYMM`, of 2000 to 2099.
    #[must_use]
    pub fn from_yymm(yymm: &str) -> Option<Self> {
        let number = |from, to| yymm.get(from..to)?.parse::<i64>().ok();
        let (year, month) = (number(0, 2)?, number(2, yymm.len())?);
        (1..=12).contains(&month).then_some(Month((2_000 + year) * 12 + month - 1))
    }

    /// As a card says it, `YYMM`.
    #[must_use]
    pub fn yymm(self) -> String {
        format!("{:02}{:02}", self.0.div_euclid(12) % 100, self.0.rem_euclid(12) + 1)
    }

    /// The first day, counted from 1970-01-01.
    const fn first_day(self) -> i64 {
        let march_based = self.0 - 2;
        let (year, month) = (march_based.div_euclid(12), march_based.rem_euclid(12));
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 - 719_468
    }

    /// Days from a moment's day to the last day of the month; below zero once it is over.
    #[must_use]
    pub const fn days_left(self, at_us: i64) -> i64 {
        self.plus(1).first_day() - 1 - day_of(at_us)
    }

    /// How often the holder of a card that ends with it has been told at a moment, the end itself
    /// counted.
    #[must_use]
    pub fn told_by(self, at_us: i64) -> i64 {
        let left = self.days_left(at_us);
        let told = TOLD_AHEAD.iter().filter(|days| left <= **days).count();
        i64::try_from(told).unwrap_or(0)
    }
}

/// A card account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The member.
    pub user: u64,
    /// The product.
    pub service: String,
    /// Its state.
    pub state: CardState,
    /// What it holds, won.
    pub balance: i64,
    /// What it was replaced by.
    pub successor: Option<i64>,
    /// Whether it is marked as a main card.
    pub is_main: bool,
    /// How often it and those before it were reissued.
    pub reissues: i64,
    /// When its cards end.
    pub expiry: Month,
    /// How often its holder was told of that, the end counted.
    pub told: i64,
}

/// A card.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its id.
    pub id: i64,
    /// Its account; none for plastic that nobody has registered.
    pub account: Option<i64>,
    /// Its number.
    pub number: String,
    /// Its PAR.
    pub par: String,
    /// Its product.
    pub service: String,
    /// When it ends.
    pub expiry: Month,
    /// Of plastic, what it is registered with.
    pub plastic: Option<Plastic>,
}

/// What plastic has beside a card's number and expiry.
#[derive(Debug, Clone)]
pub struct Plastic {
    /// The verification code on it.
    pub cvc: String,
    /// The application that it was made for; none of what was made for nobody.
    pub made_for: Option<String>,
    /// Whether it has ended before it was registered.
    pub is_ended: bool,
    /// Wrong guesses in a row, and when the last of them was counted.
    pub guesses: (i64, i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01 23:40 in Seoul.
    const FIRST_OF_MARCH_US: i64 = 1_772_376_000_000_000;

    #[test]
    fn months_are_those_of_the_calendar_in_seoul() {
        let march = Month::at(FIRST_OF_MARCH_US);
        assert_eq!(march.yymm(), "2603");
        assert_eq!(Month::from_yymm("2603"), Some(march));
        assert_eq!(march.days_left(FIRST_OF_MARCH_US), 30);
        // Twenty minutes later it is the second there.
        assert_eq!(march.days_left(FIRST_OF_MARCH_US + 1_200_000_000), 29);
        assert_eq!(march.plus(-1).days_left(FIRST_OF_MARCH_US), -1);
        assert_eq!(march.plus(1).days_left(FIRST_OF_MARCH_US), 60);
        // 2028 has a 29th of February.
        assert_eq!(march.plus(23).yymm(), "2802");
        assert_eq!(march.plus(23).first_day() + 29, march.plus(24).first_day());
        assert_eq!(
            (march.plus(10).yymm().as_str(), march.plus(9).yymm().as_str()),
            ("2701", "2612")
        );
        assert_eq!(Month::from_yymm("2613"), None);
    }

    #[test]
    fn holders_are_told_sixty_thirty_and_one_days_ahead_and_at_the_end() {
        let march = Month::at(FIRST_OF_MARCH_US);
        let told =
            |months: i64, days: i64| march.plus(months).told_by(FIRST_OF_MARCH_US + days * DAY_US);
        assert_eq!([told(2, 0), told(1, 0), told(0, 0), told(-1, 0)], [0, 1, 2, 4]);
        assert_eq!([told(0, 28), told(0, 29), told(0, 30), told(0, 31)], [2, 3, 3, 4]);
    }
}

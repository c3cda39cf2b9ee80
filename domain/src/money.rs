//! Money: whole minor units of a currency, never a float. KRW has no decimals: one unit is a won.

use std::fmt;

/// A currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// Korean won.
    Krw,
}

impl Currency {
    /// ISO 4217 code.
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Krw => "KRW",
        }
    }
}

/// An amount that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money { minor: 0, currency: Currency::Krw };

    /// An amount of won; `None` where it is negative.
    pub const fn won(amount: i64) -> Option<Self> {
        if amount < 0 { None } else { Some(Money { minor: amount, currency: Currency::Krw }) }
    }

    /// Minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Its currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum; `None` on overflow or different currencies.
    pub fn plus(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    /// The difference; `None` where it would be negative or currencies differ.
    pub fn minus(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_sub(other.minor).filter(|minor| *minor >= 0)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    /// The tax within an amount that includes it, at a rate in hundredths of a percent: rounded
    /// down, so that the partner's income is never overstated by less than a unit.
    pub fn tax_within(self, rate_basis_points: u32) -> Money {
        let rate = i128::from(rate_basis_points);
        let tax = i128::from(self.minor) * rate / (10_000 + rate);
        // The tax is at most the amount, which fits.
        Money { minor: i64::try_from(tax).unwrap_or(self.minor), ..self }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.minor, self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(amount: i64) -> Money {
        Money::won(amount).unwrap()
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(won(1).plus(won(2)), Some(won(3)));
        assert_eq!(won(i64::MAX).plus(won(1)), None);
        assert_eq!(won(1).minus(won(2)), None);
        assert_eq!(Money::won(-1), None);
    }

    #[test]
    fn tax_is_within_the_amount() {
        assert_eq!(won(3_000).tax_within(1_000), won(272));
        assert_eq!(won(3_000).tax_within(0), Money::ZERO);
        assert_eq!(won(i64::MAX).tax_within(1_000).minor(), i64::MAX / 11);
    }
}

//! Identifiers, each a type of its own, so that one cannot stand for another.

use std::fmt;

use crate::time::BusinessDay;

macro_rules! number_ids {
    ($( $(#[$meta:meta])* $name:ident($inner:ty); )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )+ };
}

macro_rules! text_ids {
    ($( $(#[$meta:meta])* $name:ident; )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub const fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

number_ids! {
    /// A card: one number, mobile or physical.
    CardId(i64);
    /// A card account: the balance and state that a mobile card and its plastic twin share.
    CardAccountId(i64);
}

text_ids! {
    /// A partner (service provider), 15 digits.
    AspId;
    /// A card product, 15 digits.
    ServiceId;
    /// A card application, 22 digits.
    ApplyNo;
}

/// A member. Any number up to 9999999999999999999 may be asked for; those issued are below 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub u64);

impl UserId {
    /// The number as the database holds it; `None` where it is beyond what is ever issued.
    pub fn stored(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }
}

impl ApplyNo {
    /// Digits of an application number.
    pub const LENGTH: usize = 22;

    /// The business day (`yyyyMMdd`) and a 14-digit serial that is unique for the partner.
    pub fn of(day: BusinessDay, serial: i64) -> Self {
        Self(format!("{day}{serial:014}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_application_number_has_22_digits() {
        let day = Timestamp(1_700_000_000_000_000).business_day();
        let number = ApplyNo::of(day, 42);
        assert_eq!(number.as_str(), "2023111500000000000042");
        assert_eq!(number.as_str().len(), ApplyNo::LENGTH);
    }

    #[test]
    fn a_user_id_beyond_what_is_issued_is_not_stored() {
        assert_eq!(UserId(9_999_999_999_999_999_999).stored(), None);
        assert_eq!(UserId(50_000_104_652).stored(), Some(50_000_104_652));
    }
}

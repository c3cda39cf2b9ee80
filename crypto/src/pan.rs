//! Card numbers (PAN).

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Digits of a card number.
pub const PAN_DIGITS: usize = 16;
const PAYLOAD_DIGITS: usize = PAN_DIGITS - 1;

/// A card number: 16 digits, the last one their Luhn check digit.
///
/// `Debug` prints the first six and the last four digits, which is what may be shown. There is
/// no `Display` and no `Serialize`. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Pan([u8; PAN_DIGITS]);

/// Why a text is no card number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PanError {
    /// Another length, or something that is not an ASCII digit.
    #[error("A card number has 16 digits.")]
    Form,
    /// The last digit does not follow from the others.
    #[error("The check digit of the card number is wrong.")]
    CheckDigit,
}

impl Pan {
    /// Takes 16 digits without separators.
    pub fn parse(text: &str) -> Result<Self, PanError> {
        let digits: [u8; PAN_DIGITS] = text.as_bytes().try_into().map_err(|_| PanError::Form)?;
        // Held from here on, so that a refused number is wiped too.
        let pan = Self(digits);
        let check = luhn_check_digit(&pan.0[..PAYLOAD_DIGITS]).ok_or(PanError::Form)?;
        let last = pan.0[PAYLOAD_DIGITS];
        match last {
            _ if last == check => Ok(pan),
            b'0'..=b'9' => Err(PanError::CheckDigit),
            _ => Err(PanError::Form),
        }
    }

    /// The card number of 15 digits and the check digit that follows from them.
    pub fn from_payload(payload: &str) -> Result<Self, PanError> {
        let check = luhn_check_digit(payload.as_bytes()).ok_or(PanError::Form)?;
        let mut pan = Self([check; PAN_DIGITS]);
        if payload.len() != PAYLOAD_DIGITS {
            return Err(PanError::Form);
        }
        pan.0[..PAYLOAD_DIGITS].copy_from_slice(payload.as_bytes());
        Ok(pan)
    }

    /// The whole number, for the code that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        digits(&self.0)
    }

    /// The first six digits, the old length of a BIN; may be shown.
    #[must_use]
    pub fn first6(&self) -> &str {
        digits(&self.0[..6])
    }

    /// The last four digits; may be shown.
    #[must_use]
    pub fn last4(&self) -> &str {
        digits(&self.0[PAN_DIGITS - 4..])
    }

    /// The form that may be shown: `949133******0765`.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("{}******{}", self.first6(), self.last4())
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// What is held are ASCII digits, so the empty text cannot come.
fn digits(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).unwrap_or_default()
}

/// The Luhn check digit (ISO/IEC 7812-1) of ASCII digits that it is to follow, as an ASCII
/// digit; nothing where they are not all digits.
#[must_use]
pub fn luhn_check_digit(payload: &[u8]) -> Option<u8> {
    if !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum = payload.iter().rev().enumerate().fold(0, |sum, (place, c)| {
        let digit = c - b'0';
        let weighed = if place % 2 == 0 { digit * 2 } else { digit };
        (sum + weighed / 10 + weighed % 10) % 10
    });
    Some(b'0' + (10 - sum) % 10)
}

/// Digits that a card number may have, of whatever scheme; ours have 16.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// A text of somebody else's in which no card number can be read: of a run of digits that is one,
/// or has one of 16 digits in it, the first six and the last four stay.
#[must_use]
pub fn mask_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let run = piece.trim_end_matches(|c: char| !c.is_ascii_digit());
        if holds_number(run.as_bytes()) {
            let hidden = 6..run.len() - 4;
            let shown =
                run.char_indices().map(|(at, c)| if hidden.contains(&at) { '*' } else { c });
            masked.extend(shown);
        } else {
            masked.push_str(run);
        }
        masked.push_str(&piece[run.len()..]);
    }
    masked
}

fn holds_number(run: &[u8]) -> bool {
    let is_number = |digits: &[u8]| match digits.split_last() {
        Some((last, payload)) => luhn_check_digit(payload) == Some(*last),
        None => false,
    };
    (NUMBER_DIGITS.contains(&run.len()) && is_number(run)) || run.windows(PAN_DIGITS).any(is_number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_example_parses() {
        let pan = Pan::parse("9491339401250765").unwrap();
        assert_eq!(
            (pan.reveal(), pan.first6(), pan.last4()),
            ("9491339401250765", "949133", "0765")
        );
        assert_eq!(Pan::from_payload("949133940125076"), Ok(pan));
    }

    #[test]
    fn debug_is_masked() {
        let pan = Pan::parse("9491339401250765").unwrap();
        assert_eq!(format!("{pan:?}"), "949133******0765");
        assert_eq!(format!("{:?}", Some(&pan)), "Some(949133******0765)");
    }

    #[test]
    fn luhn_agrees_with_the_standards_example() {
        assert_eq!(luhn_check_digit(b"7992739871"), Some(b'3'));
        assert_eq!(luhn_check_digit(b""), Some(b'0'));
        assert_eq!(luhn_check_digit(b"12a"), None);
    }

    #[test]
    fn a_card_number_in_a_text_is_masked() {
        for (text, expect) in [
            ("", ""),
            ("9491339401250765", "949133******0765"),
            ("카드-9491339401250765.", "카드-949133******0765."),
            ("a9491339401250765b9491339401250765", "a949133******0765b949133******0765"),
            // Within a longer run.
            ("009491339401250765", "009491********0765"),
            // Other schemes' lengths: 15, 19 and 13 digits.
            ("378282246310005", "378282*****0005"),
            ("6304000000000000000", "630400*********0000"),
            ("4222222222222", "422222***2222"),
            // No card number: a wrong check digit, a time and a number as callers make them.
            ("9491339401250766", "9491339401250766"),
            ("261124120000-0f1a2b3", "261124120000-0f1a2b3"),
        ] {
            assert_eq!(mask_numbers(text), expect, "{text}");
        }
    }

    #[test]
    fn others_are_refused() {
        let check = |text: &str, expect| assert_eq!(Pan::parse(text), Err(expect), "{text}");
        check("", PanError::Form);
        check("949133940125076", PanError::Form);
        check("94913394012507650", PanError::Form);
        check("9491 3394 0125 07", PanError::Form);
        check("94913394012507x5", PanError::Form);
        check("949133940125076x", PanError::Form);
        check("٩٩٩٩٩٩٩٩", PanError::Form);
        check("9491339401250764", PanError::CheckDigit);
        assert_eq!(Pan::from_payload("94913394012507"), Err(PanError::Form));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_noticed(payload in "[0-9]{15}", at in 0_usize..16, by in 1_u8..10) {
            let pan = Pan::from_payload(&payload).unwrap();
            prop_assert_eq!(&Pan::parse(pan.reveal()).unwrap(), &pan);
            let mut wrong = pan.reveal().as_bytes().to_vec();
            wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(Pan::parse(&wrong), Err(PanError::CheckDigit));
        }
    }
}

//! PAR, the payment account reference: names a card where its number must not be used.

use std::fmt;

use crate::random;

const PREFIX: &str = "Q1";
const HEX_DIGITS: usize = 25;
/// Digits of the moment in milliseconds, which last until the year 2527.
const TIME_DIGITS: usize = 11;
/// Length of a PAR in characters.
pub const PAR_CHARS: usize = PREFIX.len() + HEX_DIGITS;

/// `Q1` and 25 upper-case hex digits. Not secret: nothing about the card follows from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Par(String);

/// A text that is no PAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A PAR is Q1 and 25 upper-case hex digits.")]
pub struct ParError;

impl Par {
    /// A new one: the moment of issue and 56 random bits. New ones stand side by side in an index,
    /// which a card's insert then touches in one place; the moment is no secret of the card's.
    #[must_use]
    pub fn issued_at(moment_ms: u64) -> Self {
        let moment_ms = moment_ms % (1 << (4 * TIME_DIGITS));
        let random = random::hex_lower(HEX_DIGITS - TIME_DIGITS).to_ascii_uppercase();
        Self(format!("{PREFIX}{moment_ms:0TIME_DIGITS$X}{random}"))
    }

    /// Takes exactly the written form.
    pub fn parse(text: &str) -> Result<Self, ParError> {
        let digits = text.strip_prefix(PREFIX).ok_or(ParError)?;
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'A'..=b'F');
        if digits.len() != HEX_DIGITS || !digits.bytes().all(is_hex) {
            return Err(ParError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Par {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Par {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Par({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_parses() {
        let text = "Q180BEA3B2F1BBD8410336D66A4";
        assert_eq!(Par::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn new_ones_parse_differ_and_ascend() {
        let (a, b, c) = (Par::issued_at(7), Par::issued_at(7), Par::issued_at(8));
        assert_eq!(Par::parse(a.as_str()), Ok(a.clone()));
        assert_ne!(a, b);
        assert!(a < c && b < c);
        for moment_ms in [0, 1_795_000_000_000, u64::MAX] {
            assert_eq!(Par::issued_at(moment_ms).as_str().len(), PAR_CHARS);
        }
    }

    #[test]
    fn others_are_refused() {
        let bad = [
            "",
            "Q1",
            "Q180BEA3B2F1BBD8410336D66A",
            "Q180BEA3B2F1BBD8410336D66A40",
            "Q180bea3b2f1bbd8410336d66a4",
            "Q280BEA3B2F1BBD8410336D66A4",
            "Q180BEA3B2F1BBD8410336D66G4",
        ];
        for text in bad {
            assert_eq!(Par::parse(text), Err(ParError), "{text}");
        }
    }
}

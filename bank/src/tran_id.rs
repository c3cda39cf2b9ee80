//! The id of one order at the bank.

use std::fmt;

use thiserror::Error;

const INSTITUTION_CHARS: usize = 10;
const SERIAL_CHARS: usize = 9;
/// Separates the institution from its serial: the order was made by the institution using it.
const MADE_BY_USER: char = 'U';
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// `bank_tran_id`: the institution's code (10 characters), `U` and a serial (9 of `0-9A-Z`).
///
/// A bank holds it unique within one Korean day only, so it goes with its date everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BankTranId(String);

/// Why a text or a pair of institution and serial is no [`BankTranId`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TranIdError {
    /// The institution's code.
    #[error("an institution code is 10 characters of 0-9 and A-Z")]
    Institution,
    /// The serial.
    #[error("a serial is below 36 to the 9th (101,559,956,668,416)")]
    Serial,
    /// The text's shape.
    #[error("a bank_tran_id is an institution code, `U` and 9 characters of 0-9 and A-Z")]
    Shape,
}

impl BankTranId {
    /// The id of an institution's order `serial`, which is written in base 36.
    ///
    /// # Errors
    /// The institution's code is malformed, or the serial needs more than 9 characters.
    pub fn new(institution: &str, serial: u64) -> Result<Self, TranIdError> {
        if institution.len() != INSTITUTION_CHARS || !institution.bytes().all(is_digit) {
            return Err(TranIdError::Institution);
        }
        let mut reversed = [b'0'; SERIAL_CHARS];
        let mut rest = serial;
        for place in &mut reversed {
            let digit = usize::try_from(rest % 36).ok().and_then(|d| DIGITS.get(d));
            *place = *digit.ok_or(TranIdError::Serial)?;
            rest /= 36;
        }
        if rest > 0 {
            return Err(TranIdError::Serial);
        }
        let serial = reversed.iter().rev().map(|&b| char::from(b));
        Ok(Self(institution.chars().chain([MADE_BY_USER]).chain(serial).collect()))
    }

    /// Reads an id that was written before.
    ///
    /// # Errors
    /// The text has another shape.
    pub fn parse(text: &str) -> Result<Self, TranIdError> {
        let well_formed = text.len() == INSTITUTION_CHARS + 1 + SERIAL_CHARS
            && text.bytes().all(is_digit)
            && text.chars().nth(INSTITUTION_CHARS) == Some(MADE_BY_USER);
        if well_formed { Ok(Self(text.to_owned())) } else { Err(TranIdError::Shape) }
    }

    /// The id as the bank reads it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BankTranId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_SERIAL: u64 = 36_u64.pow(9) - 1;

    #[test]
    fn a_serial_is_nine_digits_of_base_36() {
        let written = |serial| BankTranId::new("M202600001", serial).map(|id| id.to_string());
        assert_eq!(written(0).unwrap(), "M202600001U000000000");
        assert_eq!(written(35).unwrap(), "M202600001U00000000Z");
        assert_eq!(written(36).unwrap(), "M202600001U000000010");
        assert_eq!(written(LAST_SERIAL).unwrap(), "M202600001UZZZZZZZZZ");
        assert_eq!(written(LAST_SERIAL + 1), Err(TranIdError::Serial));
        assert_eq!(written(u64::MAX), Err(TranIdError::Serial));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let id = BankTranId::new("M202600001", 123_456_789).unwrap();
        assert_eq!(BankTranId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn other_shapes_are_refused() {
        for institution in ["", "M20260000", "M2026000012", "m202600001", "M20260000가"] {
            assert_eq!(BankTranId::new(institution, 1), Err(TranIdError::Institution));
        }
        for text in ["", "M202600001U00000000", "M202600001X000000000", "M202600001U00000000a"] {
            assert_eq!(BankTranId::parse(text), Err(TranIdError::Shape), "{text}");
        }
    }
}

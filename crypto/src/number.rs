//! Card numbers from serials.
//!
//! A range hands out serials in order; the number printed on the card must not show that order.
//! So the serial's digits are permuted within the range by FF1 (NIST SP 800-38G): every serial
//! gives another number, with nothing to look up and no draw to repeat.

use std::fmt;

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};
use zeroize::Zeroizing;

use crate::pan::{Pan, PanError};
use crate::secret::Secret;

const RADIX: u32 = 10;
/// Digits of a card number before its check digit.
const PAYLOAD_DIGITS: usize = 15;
const PREFIX_DIGITS_MIN: usize = 6;
/// Longer prefixes leave fewer than six digits for the serial, and SP 800-38G revision 1 asks
/// for a domain of a million.
const PREFIX_DIGITS_MAX: usize = 9;

/// Why no card number is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The prefix is not 6 to 9 digits.
    #[error("The prefix of a card number range has 6 to 9 digits.")]
    Prefix,
    /// The range has no such serial.
    #[error("The serial is beyond the range's capacity.")]
    Exhausted,
    /// The cipher refused; does not happen with what is checked before.
    #[error("The serial could not be permuted.")]
    Permutation,
    /// The cipher's answer made no card number; does not happen.
    #[error("The permuted serial makes no card number.")]
    Pan(#[from] PanError),
}

/// All card numbers that begin with one prefix (the BIN and what the range adds to it).
///
/// Two ranges must not overlap: where one's prefix begins with the other's, both can make the
/// same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange {
    prefix: String,
}

impl NumberRange {
    /// Takes a prefix of 6 to 9 digits.
    pub fn parse(prefix: &str) -> Result<Self, NumberError> {
        let fits = (PREFIX_DIGITS_MIN..=PREFIX_DIGITS_MAX).contains(&prefix.len());
        if !fits || !prefix.bytes().all(|c| c.is_ascii_digit()) {
            return Err(NumberError::Prefix);
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// The digits that every number of the range begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many numbers the range has: serials run from 0 to one less.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        (self.prefix.len()..PAYLOAD_DIGITS).fold(1, |capacity, _| capacity * u64::from(RADIX))
    }
}

/// How many numbers begin with `prefix`; see [`NumberRange::capacity`].
pub fn capacity(prefix: &str) -> Result<u64, NumberError> {
    NumberRange::parse(prefix).map(|range| range.capacity())
}

/// The secret permutation of serials. A range keeps the key it began with: under another one,
/// later serials would meet numbers that are already given.
pub struct PanPermuter(FF1<Aes256>);

impl PanPermuter {
    /// FF1 over AES-256 in radix 10.
    pub fn new(key: &Secret<[u8; 32]>) -> Result<Self, NumberError> {
        FF1::new(key.expose(), RADIX).map(Self).map_err(|_| NumberError::Permutation)
    }

    /// The card number of `serial` in the range of `prefix`, the same at every call.
    pub fn pan(&self, prefix: &str, serial: u64) -> Result<Pan, NumberError> {
        let range = NumberRange::parse(prefix)?;
        if serial >= range.capacity() {
            return Err(NumberError::Exhausted);
        }
        let width = PAYLOAD_DIGITS - range.prefix.len();
        let serial_digits = format!("{serial:0width$}");
        let numerals: Vec<u16> = serial_digits.bytes().map(|c| u16::from(c - b'0')).collect();
        let permuted = self
            .0
            .encrypt(range.prefix.as_bytes(), &FlexibleNumeralString::from(numerals))
            .map_err(|_| NumberError::Permutation)?;
        let permuted = Zeroizing::new(Vec::from(permuted));
        let mut payload = Zeroizing::new(String::with_capacity(PAYLOAD_DIGITS));
        payload.push_str(&range.prefix);
        payload.extend(permuted.iter().filter_map(|&n| char::from_digit(u32::from(n), RADIX)));
        Ok(Pan::from_payload(&payload)?)
    }
}

impl fmt::Debug for PanPermuter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanPermuter(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aes::{Aes128, Aes192};
    use data_encoding::HEXUPPER;
    use proptest::prelude::*;

    use super::*;

    const PREFIX: &str = "949133940";

    fn permuter(byte: u8) -> PanPermuter {
        PanPermuter::new(&Secret::new([byte; 32])).unwrap()
    }

    fn numerals(text: &str, radix: u32) -> FlexibleNumeralString {
        let digits = text.chars().map(|c| c.to_digit(radix).unwrap() as u16);
        FlexibleNumeralString::from(digits.collect::<Vec<_>>())
    }

    /// NIST's samples for FF1, 1 to 9: three lengths of key, each with radix 10 without a tweak,
    /// radix 10 with one, and radix 36.
    #[test]
    fn ff1_agrees_with_nists_samples() {
        let key = HEXUPPER
            .decode(b"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
            .unwrap();
        let decimal = "0123456789";
        let alphanumeric = "0123456789abcdefghi";
        let samples: [(usize, u32, &[u8], &str, &str); 9] = [
            (16, 10, b"", decimal, "2433477484"),
            (16, 10, b"9876543210", decimal, "6124200773"),
            (16, 36, b"7777pqrs777", alphanumeric, "a9tv40mll9kdu509eum"),
            (24, 10, b"", decimal, "2830668132"),
            (24, 10, b"9876543210", decimal, "2496655549"),
            (24, 36, b"7777pqrs777", alphanumeric, "xbj3kv35jrawxv32ysr"),
            (32, 10, b"", decimal, "6657667009"),
            (32, 10, b"9876543210", decimal, "1001623463"),
            (32, 36, b"7777pqrs777", alphanumeric, "xs8a0azh2avyalyzuwd"),
        ];
        for (bytes, radix, tweak, plain, expected) in samples {
            let key = &key[..bytes];
            let plain = numerals(plain, radix);
            let sealed = match bytes {
                16 => FF1::<Aes128>::new(key, radix).unwrap().encrypt(tweak, &plain),
                24 => FF1::<Aes192>::new(key, radix).unwrap().encrypt(tweak, &plain),
                _ => FF1::<Aes256>::new(key, radix).unwrap().encrypt(tweak, &plain),
            };
            let expected = Vec::from(numerals(expected, radix));
            assert_eq!(Vec::from(sealed.unwrap()), expected, "{bytes} bytes, radix {radix}");
        }
    }

    #[test]
    fn serials_give_distinct_numbers_of_the_range() {
        let permuter = permuter(1);
        let mut seen = HashSet::new();
        for serial in 0..2_000 {
            let pan = permuter.pan(PREFIX, serial).unwrap();
            assert!(pan.reveal().starts_with(PREFIX));
            assert!(seen.insert(pan.reveal().to_owned()));
        }
    }

    #[test]
    fn the_range_ends_at_its_capacity() {
        let permuter = permuter(1);
        assert_eq!(capacity(PREFIX), Ok(1_000_000));
        assert_eq!(capacity("949133"), Ok(1_000_000_000));
        assert!(permuter.pan(PREFIX, 999_999).is_ok());
        assert_eq!(permuter.pan(PREFIX, 1_000_000), Err(NumberError::Exhausted));
        assert_eq!(permuter.pan(PREFIX, u64::MAX), Err(NumberError::Exhausted));
    }

    #[test]
    fn other_prefixes_are_refused() {
        for prefix in ["", "94913", "9491339401", "94913a", "٩٩٩", "949133 "] {
            assert_eq!(capacity(prefix), Err(NumberError::Prefix), "{prefix}");
            assert_eq!(permuter(1).pan(prefix, 0), Err(NumberError::Prefix), "{prefix}");
        }
    }

    #[test]
    fn key_and_prefix_both_matter() {
        let one = permuter(1).pan("949133", 5).unwrap();
        assert_ne!(one, permuter(2).pan("949133", 5).unwrap());
        assert_ne!(one.reveal()[6..], permuter(1).pan("949134", 5).unwrap().reveal()[6..]);
        assert_eq!(format!("{:?}", permuter(1)), "PanPermuter(..)");
    }

    proptest! {
        #[test]
        fn the_permutation_can_be_undone(prefix in "[0-9]{6,9}", serial in 0_u64..1_000_000) {
            let permuter = permuter(3);
            let pan = permuter.pan(&prefix, serial).unwrap();
            let permuted = numerals(&pan.reveal()[prefix.len()..15], 10);
            let back = permuter.0.decrypt(prefix.as_bytes(), &permuted).unwrap();
            let back = Vec::from(back).iter().fold(0, |n, &digit| n * 10 + u64::from(digit));
            prop_assert_eq!(back, serial);
        }
    }
}

//! Components of a card verification key, as two people carry them from one system to another: the
//! key is one XOR the other, and whoever has one of them knows nothing of it.

use std::fmt;

use data_encoding::HEXUPPER_PERMISSIVE;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use des::{TdesEde2, weak_key_test};
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};

/// Bytes of a component, and of the key.
const KEY_BYTES: usize = 16;
/// Bytes of a check value.
const CHECK_BYTES: usize = 3;
/// The parity bit of a byte of a DES key.
const PARITY: u8 = 0x01;

/// Why there is no component, no check value or no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// A component's text.
    #[error("A component is 32 hexadecimal digits.")]
    Form,
    /// A check value's text.
    #[error("A check value is 6 hexadecimal digits.")]
    CheckValue,
    /// The key would be no key: the two are one, or its halves are alike or weak.
    #[error("The two components make no safe key: they are the same, or the key's halves are.")]
    Weak,
}

/// One of two components; or a key, while it has no other name.
#[derive(Clone)]
pub struct Component(Secret<[u8; KEY_BYTES]>);

/// What a key is recognised by: the first three bytes of a block of zeros that it has encrypted.
/// It is no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckValue([u8; CHECK_BYTES]);

impl Component {
    /// Takes 32 hexadecimal digits; spaces between them are passed over.
    pub fn parse(text: &str) -> Result<Self, ComponentError> {
        let digits = Zeroizing::new(text.split_whitespace().collect::<String>());
        let bytes = HEXUPPER_PERMISSIVE.decode(digits.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| ComponentError::Form)?);
        Self::from_bytes(&bytes)
    }

    /// Takes 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ComponentError> {
        let key = bytes.try_into().map_err(|_| ComponentError::Form)?;
        Ok(Self(Secret::new(key)))
    }

    /// The component itself.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose()
    }

    /// What it is recognised by.
    #[must_use]
    pub fn check_value(&self) -> CheckValue {
        let mut block = Array::from([0; 8]);
        TdesEde2::new(&Array::from(*self.expose())).encrypt_block(&mut block);
        let [a, b, c, ..] = block.0;
        CheckValue([a, b, c])
    }

    /// The key that two components make.
    pub fn combine(&self, other: &Self) -> Result<Self, ComponentError> {
        let mut key = [0; KEY_BYTES];
        for ((to, a), b) in key.iter_mut().zip(self.expose()).zip(other.expose()) {
            *to = a ^ b;
        }
        let key = Self(Secret::new(key));
        if key.is_weak() { Err(ComponentError::Weak) } else { Ok(key) }
    }

    fn is_weak(&self) -> bool {
        let mut odd = Zeroizing::new(*self.expose());
        odd.iter_mut().for_each(|byte| *byte = with_odd_parity(*byte));
        weak_key_test(odd.as_slice()).is_err()
    }

    /// The key's bytes.
    #[must_use]
    pub fn into_bytes(self) -> SecretBytes {
        Secret::new(self.expose().to_vec())
    }
}

/// The byte as lists of weak keys have it: its last bit makes the number of ones odd.
const fn with_odd_parity(byte: u8) -> u8 {
    (byte & !PARITY) | (((byte >> 1).count_ones() as u8 & PARITY) ^ PARITY)
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Component(..)")
    }
}

impl CheckValue {
    /// Takes 6 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, ComponentError> {
        let bytes = HEXUPPER_PERMISSIVE.decode(text.trim().as_bytes()).unwrap_or_default();
        bytes.try_into().map(Self).map_err(|_| ComponentError::CheckValue)
    }
}

impl fmt::Display for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckValue({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Component {
        Component::parse(text).unwrap()
    }

    #[test]
    fn a_check_value_is_the_schemes_one() {
        // 0123456789ABCDEF FEDCBA9876543210 is the key of the published CVV vectors.
        let key = component("0123456789ABCDEFFEDCBA9876543210");
        assert_eq!(key.check_value().to_string(), "08D7B4");
        assert_eq!(CheckValue::parse("08d7b4"), Ok(key.check_value()));
        for wrong in ["", "08D7B", "08D7B4F", "08D7BG"] {
            assert_eq!(CheckValue::parse(wrong), Err(ComponentError::CheckValue));
        }
    }

    #[test]
    fn two_make_a_key() {
        let one = component("1111 2222 3333 4444 5555 6666 7777 8888");
        let other = component("1032 6745 BA98 89AB AB89 DCFE 0123 BA98");
        let key = one.combine(&other).unwrap();
        assert_eq!(key.check_value().to_string(), "08D7B4");
        assert_eq!(other.combine(&one).unwrap().check_value(), key.check_value());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let one = component("00112233445566778899AABBCCDDEEFF");
        let none = component(&"00".repeat(16));
        let with = |text: &str| none.combine(&component(text)).unwrap_err();
        assert_eq!(one.combine(&one).unwrap_err(), ComponentError::Weak);
        // Halves that differ in their parity bits alone.
        assert_eq!(with("0123456789ABCDEF0022446688AACCEE"), ComponentError::Weak);
        // A half that is a weak key of DES.
        assert_eq!(with("0101010101010101FEDCBA9876543210"), ComponentError::Weak);
        assert_eq!(with("0123456789ABCDEFFEFEFEFEFEFEFEFE"), ComponentError::Weak);
        for wrong in ["", "00", &"0".repeat(31), &"0".repeat(33), &"g".repeat(32)] {
            assert_eq!(Component::parse(wrong).unwrap_err(), ComponentError::Form);
        }
    }

    #[test]
    fn it_hides() {
        let one = component("00112233445566778899AABBCCDDEEFF");
        assert_eq!(format!("{one:?}"), "Component(..)");
    }
}

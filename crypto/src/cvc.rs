//! Card verification codes, by the card schemes' CVV2 method over DES.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use des::cipher::consts::U8;
use des::cipher::{Array, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use des::{Des, TdesEde2};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::pan::Pan;
use crate::token::{CardKeys, Token, TokenError};

/// Digits of a card verification code.
pub const CVC_DIGITS: usize = 3;

/// Why there is no card verification code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CvcError {
    /// The code itself.
    #[error("A card verification code has 3 digits.")]
    Code,
    /// The card's expiry.
    #[error("The expiry of a card verification code has 4 digits, the month from 01 to 12.")]
    Expiry,
    /// The service code.
    #[error("A service code has 3 digits.")]
    ServiceCode,
    /// The key is in a token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The code on a card. Shows nothing, is compared in constant time, and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Cvc([u8; CVC_DIGITS]);

impl Cvc {
    /// Takes three digits.
    pub fn parse(text: &str) -> Result<Self, CvcError> {
        fixed_digits(text).map(Self).ok_or(CvcError::Code)
    }

    /// The digits, for the code that needs them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        // ASCII digits are held, so the empty text cannot come.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl PartialEq for Cvc {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Cvc {}

impl fmt::Debug for Cvc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cvc(..)")
    }
}

/// What a card may be used for, as its magnetic stripe says; three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceCode([u8; 3]);

impl ServiceCode {
    /// Stands in for the service code in the code printed on the card (CVC2).
    pub const PRINTED: Self = Self(*b"000");

    /// Takes three digits.
    pub fn parse(text: &str) -> Result<Self, CvcError> {
        fixed_digits(text).map(Self).ok_or(CvcError::ServiceCode)
    }
}

/// A pair of card verification keys (CVK A and CVK B).
pub struct CvcKey(Holder);

#[expect(clippy::large_enum_variant, reason = "keys are few, and those in memory are the rule")]
enum Holder {
    Memory { first: Des, both: TdesEde2 },
    Token(CardKeys),
}

impl CvcKey {
    /// Takes A and B one after the other; parity bits are ignored.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7, ..] = *key;
        Self(Holder::Memory {
            first: Des::new(&Array::from([a0, a1, a2, a3, a4, a5, a6, a7])),
            both: TdesEde2::new(&Array::from(*key)),
        })
    }

    /// The pair of this label in a token: `<label>-a` holds A twice, `<label>-ab` A and B.
    pub fn in_token(token: &Token, label: &str) -> Result<Self, TokenError> {
        CardKeys::find(token, label).map(|keys| Self(Holder::Token(keys)))
    }

    /// Sees whether the token of this key works; of a key in memory it is not asked.
    pub(crate) fn probe(&self) -> Result<(), TokenError> {
        match &self.0 {
            Holder::Memory { .. } => Ok(()),
            Holder::Token(keys) => keys.both.encrypt_block([0; 8]).map(drop),
        }
    }

    /// Whether it is in a token.
    pub(crate) const fn is_in_token(&self) -> bool {
        match self.0 {
            Holder::Memory { .. } => false,
            Holder::Token(_) => true,
        }
    }

    /// The code of a card; `expiry4` is four digits in the order that the scheme's use of the
    /// code asks for.
    pub fn cvc(&self, pan: &Pan, expiry4: &str, service: ServiceCode) -> Result<Cvc, CvcError> {
        let expiry = fixed_digits(expiry4).ok_or(CvcError::Expiry)?;
        Ok(self.cvv(pan.reveal().as_bytes(), expiry, service)?)
    }

    /// The code printed on the card: service code 000, expiry as `YYMM`.
    pub fn cvc2(&self, pan: &Pan, expiry_yymm: &str) -> Result<Cvc, CvcError> {
        match expiry_yymm.get(2..) {
            Some("01" | "02" | "03" | "04" | "05" | "06" | "07" | "08" | "09") => {}
            Some("10" | "11" | "12") => {}
            Some(_) | None => return Err(CvcError::Expiry),
        }
        self.cvc(pan, expiry_yymm, ServiceCode::PRINTED)
    }

    /// `pan` is 16 digits; their Luhn digit need not be right, as in the published vectors.
    fn cvv(&self, pan: &[u8], expiry: [u8; 4], service: ServiceCode) -> Result<Cvc, TokenError> {
        let mut hex = Zeroizing::new([b'0'; 32]);
        let digits = pan.iter().chain(&expiry).chain(&service.0);
        hex.iter_mut().zip(digits).for_each(|(place, digit)| *place = *digit);
        let mut packed = Zeroizing::new([0; 16]);
        for (byte, pair) in packed.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | (digit - b'0'));
        }
        let (left, right) = packed.split_at(8);
        let mut block = Zeroizing::new([0; 8]);
        block.copy_from_slice(left);
        *block = self.0.encrypt_by_first(*block)?;
        block.iter_mut().zip(right).for_each(|(byte, mask)| *byte ^= mask);
        Ok(decimalize(self.0.encrypt_by_both(*block)?))
    }
}

impl Holder {
    /// DES with A.
    fn encrypt_by_first(&self, block: [u8; 8]) -> Result<[u8; 8], TokenError> {
        match self {
            Holder::Memory { first, .. } => Ok(encrypted(first, block)),
            Holder::Token(keys) => keys.first.encrypt_block(block),
        }
    }

    /// Triple DES with A, B and A.
    fn encrypt_by_both(&self, block: [u8; 8]) -> Result<[u8; 8], TokenError> {
        match self {
            Holder::Memory { both, .. } => Ok(encrypted(both, block)),
            Holder::Token(keys) => keys.both.encrypt_block(block),
        }
    }
}

fn encrypted<C>(cipher: &C, block: [u8; 8]) -> [u8; 8]
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U8>,
{
    let mut block = Array::from(block);
    cipher.encrypt_block(&mut block);
    block.into()
}

/// Number, expiry, service code and code of the published vectors.
#[cfg(test)]
const PUBLISHED: [(&str, &str, &str, &str); 4] = [
    ("4123456789012345", "8701", "101", "561"),
    ("4999988887777000", "9105", "111", "245"),
    ("4666655554444111", "9206", "120", "664"),
    ("4333322221111222", "9307", "141", "382"),
];

#[cfg(test)]
impl CvcKey {
    /// Asserts that it is the published key: CVK A 0123456789ABCDEF, CVK B FEDCBA9876543210.
    pub(crate) fn assert_published(&self) {
        for (pan, expiry, service, expected) in PUBLISHED {
            let service = ServiceCode::parse(service).unwrap();
            let cvc = self.cvv(pan.as_bytes(), fixed_digits(expiry).unwrap(), service).unwrap();
            assert_eq!(cvc.reveal(), expected, "{pan}");
        }
    }
}

impl fmt::Debug for CvcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CvcKey(..)")
    }
}

/// The first three of: the hex digits 0 to 9 in order, then A to F in order as 0 to 5.
fn decimalize(block: [u8; 8]) -> Cvc {
    let nibbles = || block.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let decimal = nibbles().filter(|&n| n < 10);
    let letters = nibbles().filter(|&n| n >= 10).map(|n| n - 10);
    let mut cvc = Cvc([b'0'; CVC_DIGITS]);
    cvc.0.iter_mut().zip(decimal.chain(letters)).for_each(|(place, digit)| *place += digit);
    cvc
}

fn fixed_digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: [u8; N] = text.as_bytes().try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes();

    #[test]
    fn agrees_with_the_published_vectors() {
        CvcKey::new(&KEY).assert_published();
    }

    #[test]
    fn letters_fill_up_what_the_digits_leave() {
        assert_eq!(decimalize([0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef, 0xab, 0xc7]).reveal(), "701");
        assert_eq!(decimalize([0xff; 8]).reveal(), "555");
    }

    #[test]
    fn the_printed_code_has_service_code_000() {
        let pan = Pan::parse("9491339401250765").unwrap();
        let key = CvcKey::new(&KEY);
        let printed = key.cvc2(&pan, "3108").unwrap();
        assert_eq!(printed, key.cvc(&pan, "3108", ServiceCode::parse("000").unwrap()).unwrap());
        assert_eq!(printed.reveal().len(), CVC_DIGITS);
        for expiry in ["", "310", "31088", "3100", "3113", "31o8", "é08"] {
            assert_eq!(key.cvc2(&pan, expiry), Err(CvcError::Expiry), "{expiry}");
        }
        assert_eq!(key.cvc2(&pan, "x108"), Err(CvcError::Expiry));
    }

    #[test]
    fn codes_are_three_digits_and_hide() {
        let cvc = Cvc::parse("123").unwrap();
        assert_eq!(format!("{cvc:?} {:?}", CvcKey::new(&KEY)), "Cvc(..) CvcKey(..)");
        assert_eq!(cvc, Cvc::parse("123").unwrap());
        assert_ne!(cvc, Cvc::parse("124").unwrap());
        for text in ["", "12", "1234", "12a", "１"] {
            assert_eq!(Cvc::parse(text), Err(CvcError::Code), "{text}");
        }
        assert_eq!(ServiceCode::parse("1x1"), Err(CvcError::ServiceCode));
    }
}

//! A secret in three shares, of which any two give it back and one says nothing: Shamir's scheme
//! with threshold two, over GF(2^8) as AES has it.
//!
//! Two of three needs a line through the secret and no more of the scheme than stands here: for
//! each byte, `share(x) = secret + slope * x`, with a random slope, at x = 1, 2 and 3.

use std::fmt;

use crate::random;
use crate::secret::Secret;

/// Shares of a secret.
pub const SHARES: u8 = 3;
/// Bytes of a secret, and of each share.
pub const SECRET_BYTES: usize = 32;
/// The field's polynomial, without its highest bit.
const POLYNOMIAL: u8 = 0x1b;

/// A share.
#[derive(Clone)]
pub struct Share {
    number: u8,
    bytes: Secret<[u8; SECRET_BYTES]>,
}

impl Share {
    /// A share that was written down; `None` where its number is not 1 to 3.
    #[must_use]
    pub fn new(number: u8, bytes: Secret<[u8; SECRET_BYTES]>) -> Option<Self> {
        (1..=SHARES).contains(&number).then_some(Self { number, bytes })
    }

    /// Which of the three it is.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The share itself.
    #[must_use]
    pub const fn bytes(&self) -> &Secret<[u8; SECRET_BYTES]> {
        &self.bytes
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The three shares of a secret.
#[must_use]
pub fn split(secret: &Secret<[u8; SECRET_BYTES]>) -> [Share; SHARES as usize] {
    let slope = Secret::new(random::bytes::<SECRET_BYTES>());
    [1, 2, SHARES].map(|number| {
        let mut bytes = [0; SECRET_BYTES];
        for ((to, secret), slope) in bytes.iter_mut().zip(secret.expose()).zip(slope.expose()) {
            *to = secret ^ times(number, *slope);
        }
        Share { number, bytes: Secret::new(bytes) }
    })
}

/// The secret of two shares; `None` where they are one and the same. Shares of two secrets give a
/// third one: whoever joins them has something to know the right one by.
#[must_use]
pub fn join(one: &Share, other: &Share) -> Option<Secret<[u8; SECRET_BYTES]>> {
    let apart = inverse(one.number ^ other.number)?;
    // The line's value at 0, by Lagrange.
    let (left, right) = (times(other.number, apart), times(one.number, apart));
    let mut secret = [0; SECRET_BYTES];
    let pairs = one.bytes.expose().iter().zip(other.bytes.expose());
    for (to, (a, b)) in secret.iter_mut().zip(pairs) {
        *to = times(left, *a) ^ times(right, *b);
    }
    Some(Secret::new(secret))
}

/// The product in the field. Takes the same time for every `secret`: branches go by `public`.
fn times(public: u8, secret: u8) -> u8 {
    let (mut product, mut shifted) = (0, secret);
    for bit in 0..8 {
        if public >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = (shifted << 1) ^ ((shifted >> 7) * POLYNOMIAL);
    }
    product
}

/// What a number that is no secret makes 1 with.
fn inverse(number: u8) -> Option<u8> {
    (1..=u8::MAX).find(|other| times(number, *other) == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn multiplies_as_aes_does() {
        // FIPS 197, section 4.2.
        assert_eq!(times(0x57, 0x83), 0xc1);
        assert_eq!(times(0x57, 0x13), 0xfe);
        assert_eq!((inverse(0), inverse(1), inverse(0x53)), (None, Some(1), Some(0xca)));
    }

    #[test]
    fn one_share_fits_every_secret() {
        let [one, _, _] = split(&Secret::new([7; SECRET_BYTES]));
        // For any other secret there is a second share that leads to it.
        let other = Secret::new([0x5a; SECRET_BYTES]);
        let mut second = [0; SECRET_BYTES];
        for ((to, share), secret) in second.iter_mut().zip(one.bytes.expose()).zip(other.expose()) {
            *to = secret ^ times(2, share ^ secret);
        }
        let second = Share::new(2, Secret::new(second)).unwrap();
        assert_eq!(join(&one, &second).unwrap().expose(), other.expose());
    }

    #[test]
    fn a_share_has_a_number_and_hides() {
        assert!(Share::new(0, Secret::new([1; SECRET_BYTES])).is_none());
        assert!(Share::new(4, Secret::new([1; SECRET_BYTES])).is_none());
        let share = Share::new(3, Secret::new([1; SECRET_BYTES])).unwrap();
        assert_eq!(format!("{share:?}"), "Share { number: 3, .. }");
        assert!(join(&share, &share.clone()).is_none());
    }

    proptest! {
        #[test]
        fn any_two_give_it_back(secret in prop::array::uniform32(any::<u8>())) {
            let shares = split(&Secret::new(secret));
            for one in &shares {
                for other in shares.iter().filter(|other| other.number != one.number) {
                    let joined = join(one, other).unwrap();
                    prop_assert_eq!(joined.expose(), &secret);
                }
            }
        }
    }
}

//! The one seam for random bytes.

use data_encoding::HEXLOWER;

/// Fills `buffer` from the cryptographic generator of the platform.
pub fn fill(buffer: &mut [u8]) {
    #[expect(clippy::disallowed_methods, reason = "this is the seam that the ban points to")]
    let filled = aws_lc_rs::rand::fill(buffer);
    if filled.is_err() {
        // A process without randomness can make no key, nonce or card number, and an error could
        // be handled by going on with a buffer of zeros. The library itself aborts as well.
        std::process::abort();
    }
}

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    fill(&mut buffer);
    buffer
}

/// A random number of `digits` lower-case hex digits, four bits each.
#[must_use]
pub fn hex_lower(digits: usize) -> String {
    let mut buffer = vec![0; digits.div_ceil(2)];
    fill(&mut buffer);
    let mut text = HEXLOWER.encode(&buffer);
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_the_asked_length() {
        for digits in [0, 1, 7, 32, 39] {
            let text = hex_lower(digits);
            assert_eq!(text.len(), digits);
            assert!(text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<16>(), bytes::<16>());
        assert_ne!(hex_lower(32), hex_lower(32));
    }
}

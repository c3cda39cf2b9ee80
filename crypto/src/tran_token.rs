//! `X-KM-Tran-Token`: `KMV1:`, the time (`yyyyMMddHHmmssSSS`), `:`, and the Base64 of
//! HMAC-SHA-256 over the body as sent, under the text of the secret key.
//!
//! The token proves who sent the body and that it is whole. It covers neither its own time nor
//! any header, so it says nothing about freshness.

use std::fmt;
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use data_encoding::BASE64;

use crate::random;
use crate::secret::Secret;

const VERSION: &str = "KMV1:";
const TIME_DIGITS: usize = 17;
const MAC_BYTES: usize = 32;
/// Length of a token in characters.
pub const TOKEN_CHARS: usize = VERSION.len() + TIME_DIGITS + 1 + 44;

/// The secret key of a project, made ready once for many tokens.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

impl TokenKey {
    /// Takes the UTF-8 bytes of the secret's text, not what its hex stands for.
    #[must_use]
    pub fn new(secret: &Secret<String>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// A key that nobody knows, drawn once a process: an unknown partner's token is checked
    /// against it, so that refusing it takes as long as refusing a known one's.
    #[must_use]
    pub fn dummy() -> &'static Self {
        static DUMMY: LazyLock<TokenKey> = LazyLock::new(|| {
            TokenKey(hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<MAC_BYTES>()))
        });
        &DUMMY
    }

    /// The token of `body`. `time_digits` is `yyyyMMddHHmmssSSS`; with another form the token
    /// does not parse.
    #[must_use]
    pub fn issue(&self, time_digits: &str, body: &[u8]) -> String {
        let mac = BASE64.encode(hmac::sign(&self.0, body).as_ref());
        format!("{VERSION}{time_digits}:{mac}")
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// The token of one `body`; see [`TokenKey::issue`] for several.
#[must_use]
pub fn issue(secret: &Secret<String>, time_digits: &str, body: &[u8]) -> String {
    TokenKey::new(secret).issue(time_digits, body)
}

/// A token of the right form, not yet verified.
#[derive(Clone)]
pub struct TranToken {
    time_digits: String,
    mac: Vec<u8>,
}

/// A token that is not of the right form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The token is not KMV1, 17 digits of time and the Base64 of 32 bytes, with colons between."
)]
pub struct Malformed;

impl TranToken {
    /// Takes the header's value; Base64 must be padded and canonical.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (time_digits, mac) =
            text.strip_prefix(VERSION).and_then(|rest| rest.split_once(':')).ok_or(Malformed)?;
        let time_fits = time_digits.len() == TIME_DIGITS;
        if text.len() != TOKEN_CHARS || !time_fits || !time_digits.bytes().all(is_digit) {
            return Err(Malformed);
        }
        // The decoder takes padding in the middle, as if several texts had been joined.
        if mac.trim_end_matches('=').contains('=') {
            return Err(Malformed);
        }
        let mac = BASE64.decode(mac.as_bytes()).map_err(|_| Malformed)?;
        if mac.len() != MAC_BYTES {
            return Err(Malformed);
        }
        Ok(Self { time_digits: time_digits.to_owned(), mac })
    }

    /// Whether the token is that of `body` under `key`; takes the same time either way.
    #[must_use]
    pub fn verify(&self, key: &TokenKey, body: &[u8]) -> bool {
        hmac::verify(&key.0, body, &self.mac).is_ok()
    }

    /// The time that the token names, `yyyyMMddHHmmssSSS`. Nothing vouches for it.
    #[must_use]
    pub fn time_digits(&self) -> &str {
        &self.time_digits
    }
}

impl fmt::Debug for TranToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TranToken(..)")
    }
}

const fn is_digit(c: u8) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: &str = "20221108120814608";

    fn key(text: &str) -> TokenKey {
        TokenKey::new(&Secret::new(text.to_owned()))
    }

    /// HMAC-SHA-256 of RFC 4231, test case 2: the key is text, as here.
    #[test]
    fn agrees_with_the_published_mac() {
        let token = key("Jefe").issue(TIME, b"what do ya want for nothing?");
        let mac = BASE64.decode(&token.as_bytes()[23..]).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(data_encoding::HEXLOWER.encode(&mac), expected);
    }

    #[test]
    fn parses_the_published_sample() {
        let sample = "KMV1:20221108120814608:uLD+mU8mz9K95neGiSJTSsF3zzAQJglCggZAOSs5Fkg=";
        assert_eq!(TranToken::parse(sample).unwrap().time_digits(), TIME);
    }

    #[test]
    fn an_empty_body_is_signed_too() {
        let token = TranToken::parse(&key("secret").issue(TIME, b"")).unwrap();
        assert!(token.verify(&key("secret"), b""));
        assert!(!token.verify(&key("secret"), b" "));
    }

    #[test]
    fn another_key_does_not_verify() {
        let token = TranToken::parse(&key("secret").issue(TIME, b"{}")).unwrap();
        assert!(!token.verify(&key("secreT"), b"{}"));
        assert!(!token.verify(TokenKey::dummy(), b"{}"));
    }

    #[test]
    fn malformed_is_refused() {
        let good = key("secret").issue(TIME, b"{}");
        let bad = [
            String::new(),
            "KMV1".to_owned(),
            good.replace("KMV1", "KMV2"),
            good.replace("KMV1", "kmv1"),
            good.replacen('2', "x", 1),
            good.replacen('2', "٢", 1),
            good.replacen("2022", "222", 1),
            good.trim_end_matches('=').to_owned(),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}\n"),
            good.replace(':', ";"),
            format!("{}AAA=", &good[..good.len() - 4]),
        ];
        for text in bad.iter().take(12) {
            assert_eq!(TranToken::parse(text).err(), Some(Malformed), "{text}");
        }
        assert!(TranToken::parse(&bad[12]).is_ok(), "canonical, though of another body");
        // The last digit before the padding has two bits that must be zero.
        let loose = format!("{}B=", &bad[12][..bad[12].len() - 2]);
        assert_eq!(TranToken::parse(&loose).err(), Some(Malformed));
        // 32 bytes, in two pieces that are padded each.
        let pieces = "KMV1:20221108120814609:uLD+mU8=z599KneGiSJTSsF3zzAQJglCggZAO3zzAQJg";
        assert_eq!(TranToken::parse(pieces).err(), Some(Malformed));
    }

    #[test]
    fn debug_shows_nothing() {
        let token = TranToken::parse(&key("secret").issue(TIME, b"{}")).unwrap();
        assert_eq!(format!("{token:?} {:?}", key("secret")), "TranToken(..) TokenKey(..)");
    }

    proptest! {
        #[test]
        fn round_trip(secret in ".{1,64}", body in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = issue(&Secret::new(secret.clone()), TIME, &body);
            prop_assert_eq!(text.len(), TOKEN_CHARS);
            prop_assert!(TranToken::parse(&text).unwrap().verify(&key(&secret), &body));
        }

        #[test]
        fn every_changed_character_is_refused(at in 23_usize..66, flip in 1_u8..64) {
            let (key, body) = (key("secret"), b"[1]");
            let mut text = key.issue(TIME, body).into_bytes();
            text[at] ^= flip;
            let parsed = std::str::from_utf8(&text).ok().and_then(|t| TranToken::parse(t).ok());
            prop_assert!(!parsed.is_some_and(|token| token.verify(&key, body)));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,80}") {
            let _ = TranToken::parse(&text);
        }
    }
}

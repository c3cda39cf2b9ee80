//! Texts that may be shown to a developer. A [`Masked`] comes from masking alone, so that what
//! holds one cannot hold a card number, a CVC, a key or anything personal.

mod json;

use axum::http::HeaderValue;
use crypto::pan::mask_numbers;
use crypto::tran_token::TranToken;
use data_encoding::BASE64URL_NOPAD;
use jiff::civil::DateTime;
use serde::Serialize;

pub use self::json::{Rules, Shown};

/// Longest value of a caller that is shown, characters.
const VALUE_CHARS_MAX: usize = 512;
/// So many hexadecimal digits in a row may be a secret key; a crypto key id has fewer.
const KEY_DIGITS_MIN: usize = 40;
/// Digits of a card number, first and last that may be shown.
const NUMBER_DIGITS: usize = 16;
const FIRST_SHOWN: usize = 6;
const LAST_SHOWN: usize = 4;
/// Decoded parts of a JWE shorter than this hold no card number.
const HARMLESS_BYTES: usize = 16;

/// A text in which no card number and no key can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Masked(String);

impl Masked {
    /// A text of our own, with its numbers masked.
    pub fn text(text: &str) -> Self {
        Masked(hide_keys(&hide_numbers(text)))
    }

    /// A value that a caller sent: as [`Masked::text`] where it is visible ASCII and not long, as
    /// codes and ids are; else its length, as it may be a name or an address.
    pub fn value(text: &str) -> Self {
        let is_code = text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_code && text.len() <= VALUE_CHARS_MAX { Self::text(text) } else { Self::length(text) }
    }

    /// How long a text is, and nothing else of it.
    pub fn length(text: &str) -> Self {
        Masked(format!("({} characters)", text.chars().count()))
    }

    /// What may be seen of the value of a header.
    pub fn header(name: &str, value: &HeaderValue) -> Self {
        let Ok(text) = value.to_str() else { return Self::length(&"?".repeat(value.len())) };
        match name {
            "authorization" | "proxy-authorization" | "cookie" => Masked("***".to_owned()),
            "x-km-access-key" => Self::access_key(text),
            "x-km-correlation-id" => Self::correlation_id(text),
            "x-km-tran-token" => Self::token(text),
            "x-km-tran-time" if is_moment(text) => Masked(text.to_owned()),
            _ if text.len() <= VALUE_CHARS_MAX => Self::text(text),
            _ => Self::length(text),
        }
    }

    /// The part of an access key before its hyphen: enough to tell one from another.
    fn access_key(text: &str) -> Self {
        match text.split_once('-') {
            Some((head, rest)) if head.len() == 7 && !rest.is_empty() => {
                Masked(format!("{}-({} characters)", Self::value(head).0, rest.len()))
            }
            Some(_) | None => Self::length(text),
        }
    }

    /// A correlation id of its form, whose digits may look like a card's in groups; of another
    /// text what a value shows.
    pub fn correlation_id(text: &str) -> Self {
        let is_hex = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.split_once('-') {
            Some((time, rest)) if rest.len() == 7 && is_hex(rest) && is_of_century(time) => {
                Masked(text.to_owned())
            }
            Some(_) | None => Self::value(text),
        }
    }

    /// A token whose time is one; of another text what a value shows.
    pub fn token(text: &str) -> Self {
        match TranToken::parse(text) {
            Ok(token) if is_moment(token.time_digits()) => Masked(text.to_owned()),
            Ok(_) | Err(_) => Self::value(text),
        }
    }

    /// The compact form of a JWE, whose parts are random to those who have not the key.
    fn cipher_text(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, rest @ ..] = parts.as_slice() else { return None };
        let header = decoded(header).and_then(|bytes| String::from_utf8(bytes).ok())?;
        let is_random = |part: &&str| match decoded(part) {
            Some(bytes) => bytes.len() < HARMLESS_BYTES || std::str::from_utf8(&bytes).is_err(),
            None => false,
        };
        let is_jwe = rest.len() == 4 && rest.iter().all(is_random);
        (is_jwe && Self::text(&header).0 == header).then(|| Masked(text.to_owned()))
    }

    /// Its beginning, of at most so many bytes.
    fn cut(mut self, bytes_max: usize) -> Self {
        self.0.truncate(self.0.floor_char_boundary(bytes_max));
        self
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The bytes of a part of a compact JWE.
pub(super) fn decoded(part: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(part.as_bytes()).ok()
}

/// Whether digits are a date and time of this century, with milliseconds or without.
pub(super) fn is_moment(digits: &str) -> bool {
    let number = |from: usize, to: usize| {
        let text = digits.get(from..to).filter(|text| text.bytes().all(|c| c.is_ascii_digit()))?;
        text.parse::<i16>().ok()
    };
    let small = |from, to| number(from, to).and_then(|number| i8::try_from(number).ok());
    let read = || {
        let year = number(0, 4).filter(|year| (2000..2100).contains(year))?;
        let (month, day) = (small(4, 6)?, small(6, 8)?);
        DateTime::new(year, month, day, small(8, 10)?, small(10, 12)?, small(12, 14)?, 0).ok()
    };
    match digits.len() {
        14 => read().is_some(),
        17 => read().is_some() && number(14, 17).is_some(),
        _ => false,
    }
}

/// Whether digits are a date and time with the year's last two digits.
fn is_of_century(digits: &str) -> bool {
    is_moment(&format!("20{digits}"))
}

/// Beside what is a card number by its check digit, whatever has as many digits: mistyped ones
/// too, and in groups as they stand on a card.
fn hide_numbers(text: &str) -> String {
    let mut shown = mask_numbers(text).into_bytes();
    let mut at = 0;
    while at < shown.len() {
        let run = run_of(&shown, at, |byte| byte.is_ascii_digit());
        if run == 0 {
            at += 1;
            continue;
        }
        if run == NUMBER_DIGITS {
            hide(&mut shown, &(at..at + run).collect::<Vec<_>>());
        } else if let Some(digits) = grouped(&shown, at) {
            hide(&mut shown, &digits);
        }
        at += run;
    }
    // Digits alone were replaced, by ASCII.
    String::from_utf8(shown).unwrap_or_default()
}

fn run_of(text: &[u8], from: usize, of: impl Fn(u8) -> bool) -> usize {
    text.iter().skip(from).take_while(|byte| of(**byte)).count()
}

/// The places of sixteen digits that begin here and stand in groups.
fn grouped(text: &[u8], from: usize) -> Option<Vec<usize>> {
    let (mut digits, mut at) = (Vec::new(), from);
    loop {
        let run = run_of(text, at, |byte| byte.is_ascii_digit());
        if run == 0 {
            break;
        }
        digits.extend(at..at + run);
        let separator = text.get(at + run);
        let is_separator = separator.is_some_and(|byte| b" -._/".contains(byte));
        if !is_separator || digits.len() > NUMBER_DIGITS {
            break;
        }
        at += run + 1;
    }
    (digits.len() == NUMBER_DIGITS).then_some(digits)
}

fn hide(text: &mut [u8], digits: &[usize]) {
    let hidden = digits.iter().skip(FIRST_SHOWN).take(digits.len() - FIRST_SHOWN - LAST_SHOWN);
    for place in hidden {
        if let Some(byte) = text.get_mut(*place) {
            *byte = b'*';
        }
    }
}

/// Long runs of hexadecimal digits are keys.
fn hide_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = run_of(rest.as_bytes(), 0, |byte| byte.is_ascii_hexdigit());
        let length = run.max(first.len_utf8());
        let (piece, after) = rest.split_at(length);
        if run >= KEY_DIGITS_MIN {
            shown.push_str(&Masked::length(piece).0);
        } else {
            shown.push_str(piece);
        }
        rest = after;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(Masked::text(text).as_str(), expect, "{text}");
    }

    #[test]
    fn numbers_are_masked_wherever_they_stand() {
        check("9491339401250765", "949133******0765");
        check("x9491339401250766y", "x949133******0766y");
        check("9491 3394 0125 0765", "9491 33** **** 0765");
        check("9491-3394-0125-0766.", "9491-33**-****-0766.");
        check("949133.9401250765", "949133.******0765");
        check("2026-11-25 08:00:00", "2026-11-25 08:00:00");
        check("261124120000-0f1a2b3", "261124120000-0f1a2b3");
    }

    #[test]
    fn keys_are_not_shown() {
        check(&"0f".repeat(32), "(64 characters)");
        check(&format!("key={}!", "A1".repeat(20)), "key=(40 characters)!");
        check(&"0f".repeat(16), &"0f".repeat(16));
        let key = HeaderValue::from_static("0a1b2c3-00112233445566778899aabbccddeeff");
        assert_eq!(Masked::header("x-km-access-key", &key).as_str(), "0a1b2c3-(32 characters)");
        let number = HeaderValue::from_static("9491339401250765");
        assert_eq!(Masked::header("x-km-access-key", &number).as_str(), "(16 characters)");
    }

    #[test]
    fn a_token_is_shown_where_its_time_is_one() {
        let mac = "uLD+mU8mz9K95neGiSJTSsF3zzAQJglCggZAOSs5Fkg=";
        let good = format!("KMV1:20221108120814608:{mac}");
        assert_eq!(Masked::token(&good).as_str(), good);
        let number = format!("KMV1:94913394012507650:{mac}");
        assert!(!Masked::token(&number).as_str().contains("9491339401250765"));
    }

    #[test]
    fn what_may_be_a_name_is_told_by_its_length() {
        assert_eq!(Masked::value("김코나").as_str(), "(3 characters)");
        assert_eq!(Masked::value("Jane Doe").as_str(), "(8 characters)");
        assert_eq!(Masked::value("SUSPEND").as_str(), "SUSPEND");
    }
}

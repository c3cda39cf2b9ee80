//! The protected header of a JWE.

use data_encoding::BASE64URL_NOPAD;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::{Enc, JweError};

const ALG: &str = "RSA-OAEP-256";
/// Longest header that is looked at, encoded, in characters.
const HEADER_CHARS_MAX: usize = 1024;

/// What matters of the header; other members (`kid`, `typ`, `cty`) are passed over. A member
/// that is named here must not come twice.
#[derive(serde::Deserialize)]
struct Header {
    alg: String,
    enc: String,
    #[serde(default)]
    zip: Presence,
    #[serde(default)]
    crit: Presence,
}

/// Whether a member is there, whatever its value: `null` is there too.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Presence {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Present)
    }
}

/// The header that we send.
pub(super) fn text(enc: Enc) -> String {
    format!(r#"{{"alg":"{ALG}","enc":"{}"}}"#, enc.name())
}

/// Takes the encoded header, and says how the content is encrypted.
pub(super) fn parse(encoded: &str) -> Result<Enc, JweError> {
    if encoded.len() > HEADER_CHARS_MAX {
        return Err(JweError::Header);
    }
    let json = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| JweError::NotCompact)?;
    let header: Header = serde_json::from_slice(&json).map_err(|_| JweError::Header)?;
    if [header.zip, header.crit].contains(&Presence::Present) {
        return Err(JweError::Extension);
    }
    if header.alg != ALG {
        return Err(JweError::Alg);
    }
    Enc::from_name(&header.enc).ok_or(JweError::Enc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: Result<Enc, JweError>) {
        assert_eq!(parse(&BASE64URL_NOPAD.encode(json.as_bytes())), expect, "{json}");
    }

    #[test]
    fn what_we_send_is_understood() {
        for enc in Enc::ALL {
            check(&text(enc), Ok(enc));
        }
    }

    #[test]
    fn other_members_are_passed_over() {
        let json = r#" {"kid":"1","typ":"JWE","enc":"A256GCM","cty":null,"alg":"RSA-OAEP-256"} "#;
        check(json, Ok(Enc::A256Gcm));
    }

    #[test]
    fn another_algorithm_is_refused() {
        check(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, Err(JweError::Alg));
        check(r#"{"alg":"RSA1_5","enc":"A128GCM"}"#, Err(JweError::Alg));
        check(r#"{"alg":"dir","enc":"A128GCM"}"#, Err(JweError::Alg));
        check(r#"{"alg":"rsa-oaep-256","enc":"A128GCM"}"#, Err(JweError::Alg));
        check(r#"{"alg":"RSA-OAEP-256","enc":"A192GCM"}"#, Err(JweError::Enc));
        check(r#"{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256"}"#, Err(JweError::Enc));
    }

    #[test]
    fn compression_and_extensions_are_refused() {
        for member in [r#""zip":"DEF""#, r#""zip":null"#, r#""crit":["x"]"#, r#""crit":[]"#] {
            let json = format!(r#"{{"alg":"RSA-OAEP-256","enc":"A128GCM",{member}}}"#);
            check(&json, Err(JweError::Extension));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let twice = r#"{"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A128GCM"}"#;
        for json in ["", "{}", "[]", "null", r#"{"alg":1,"enc":"A128GCM"}"#, twice, "{\"alg\""] {
            check(json, Err(JweError::Header));
        }
        let kid = "x".repeat(HEADER_CHARS_MAX);
        let long = format!(r#"{{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"{kid}"}}"#);
        check(&long, Err(JweError::Header));
        assert_eq!(parse("e30="), Err(JweError::NotCompact));
    }
}

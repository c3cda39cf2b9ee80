//! Times and ids in the forms of the headers, all in UTC.

use jiff::Timestamp;

use crate::ClientError;

/// Hex digits after the hyphen of a correlation id.
const CORRELATION_HEX_DIGITS: usize = 7;

/// `X-KM-Tran-Time`: `yyyyMMddHHmmss`, 14 digits.
pub fn tran_time(unix_ms: i64) -> Result<String, ClientError> {
    format(unix_ms, "%Y%m%d%H%M%S")
}

/// The time within `X-KM-Tran-Token`: `yyyyMMddHHmmssSSS`, 17 digits.
pub fn token_time(unix_ms: i64) -> Result<String, ClientError> {
    Ok(format!("{}{:03}", tran_time(unix_ms)?, unix_ms % 1000))
}

/// A new `X-KM-Correlation-Id`: `yyMMddHHmmss-` and 7 random hex digits.
pub fn correlation_id(unix_ms: i64) -> Result<String, ClientError> {
    let time = format(unix_ms, "%y%m%d%H%M%S")?;
    Ok(format!("{time}-{}", crypto::random::hex_lower(CORRELATION_HEX_DIGITS)))
}

fn format(unix_ms: i64, pattern: &str) -> Result<String, ClientError> {
    if unix_ms < 0 {
        return Err(ClientError::Clock(unix_ms));
    }
    let time = Timestamp::from_millisecond(unix_ms).map_err(|_| ClientError::Clock(unix_ms))?;
    Ok(time.strftime(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_667_909_294_608;

    #[test]
    fn times_have_their_forms() {
        assert_eq!(tran_time(NOON_MS).unwrap(), "20221108120814");
        assert_eq!(token_time(NOON_MS).unwrap(), "20221108120814608");
        assert_eq!(token_time(7).unwrap(), "19700101000000007");
    }

    #[test]
    fn correlation_ids_have_their_form_and_differ() {
        let (a, b) = (correlation_id(NOON_MS).unwrap(), correlation_id(NOON_MS).unwrap());
        assert_eq!((&a[..13], a.len()), ("221108120814-", 20));
        assert!(a[13..].bytes().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(a, b);
    }

    #[test]
    fn other_times_are_refused() {
        for unix_ms in [i64::MIN, -1, i64::MAX] {
            assert!(matches!(tran_time(unix_ms), Err(ClientError::Clock(at)) if at == unix_ms));
        }
    }
}

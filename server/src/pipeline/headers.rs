//! The request headers, checked for presence and form. What they say is checked later.

use axum::http::{HeaderMap, HeaderValue};
use contract::headers as spec;
use contract::headers::Header;
use contract::pipeline;
use crypto::pan::mask_numbers;
use crypto::tran_token::TranToken;
use domain::{AspId, Timestamp};
use jiff::civil::DateTime;
use jiff::tz;

use super::Failure;

/// Name of the header that goes back with every answer.
pub(super) const CORRELATION_ID: &str = "x-km-correlation-id";
/// Name of the header that names the key of an encrypted answer.
pub(super) const CRYPTO_KEY_ID: &str = "x-km-crypto-key-id";

/// The headers of a call.
pub(super) struct Headers {
    /// The partner.
    pub asp: AspId,
    /// The caller's number for the call.
    pub correlation_id: String,
    /// The access key.
    pub access_key: String,
    /// The crypto key, where one is named.
    pub crypto_key_id: Option<String>,
    /// The token; `None` where it is malformed, which is answered like a wrong one.
    pub token: Option<TranToken>,
    /// The caller's time.
    pub tran_time: Timestamp,
}

impl Headers {
    /// Reads them.
    pub(super) fn read(map: &HeaderMap) -> Result<Self, Failure> {
        let correlation_id = required(map, &spec::CORRELATION_ID)?;
        let asp = required(map, &spec::ASP_ID)?;
        let access_key = required(map, &spec::ACCESS_KEY)?;
        let crypto_key_id = optional(map, &spec::CRYPTO_KEY_ID)?;
        let token = present(map, &spec::TRAN_TOKEN)?.and_then(|text| TranToken::parse(text).ok());
        let tran_time = required(map, &spec::TRAN_TIME)?;
        let zone = required(map, &spec::TIME_ZONE)?;
        let tran_time = moment(tran_time, zone).ok_or_else(|| at_fault(&spec::TRAN_TIME))?;
        Ok(Headers {
            asp: AspId::new(asp),
            correlation_id: correlation_id.to_owned(),
            access_key: access_key.to_owned(),
            crypto_key_id: crypto_key_id.map(str::to_owned),
            token,
            tran_time,
        })
    }
}

/// The correlation id as it is logged, where there is one: also of a call that goes no further.
pub(super) fn correlation_id(map: &HeaderMap) -> Option<String> {
    optional(map, &spec::CORRELATION_ID).ok().flatten().map(mask_numbers)
}

/// The correlation id as it goes back with every answer; none where it is malformed.
pub(super) fn answered(map: &HeaderMap) -> Option<HeaderValue> {
    let text = optional(map, &spec::CORRELATION_ID).ok().flatten()?;
    HeaderValue::from_str(text).ok()
}

fn at_fault(header: &Header) -> Failure {
    Failure { name: Some(header.name), ..Failure::from(&pipeline::INVALID_HEADER) }
}

fn optional<'a>(map: &'a HeaderMap, header: &Header) -> Result<Option<&'a str>, Failure> {
    let mut values = map.get_all(header.name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map(str::trim).map_err(|_| at_fault(header))?;
    if values.next().is_some() {
        return Err(at_fault(header));
    }
    match text {
        "" => Ok(None),
        text if header.accepts(text) => Ok(Some(text)),
        _ => Err(at_fault(header)),
    }
}

fn required<'a>(map: &'a HeaderMap, header: &Header) -> Result<&'a str, Failure> {
    optional(map, header)?.ok_or_else(|| at_fault(header))
}

/// A header that must be there but whose form is judged elsewhere.
fn present<'a>(map: &'a HeaderMap, header: &Header) -> Result<Option<&'a str>, Failure> {
    let mut values = map.get_all(header.name).iter();
    let value = values.next().ok_or_else(|| at_fault(header))?;
    if values.next().is_some() {
        return Err(at_fault(header));
    }
    Ok(value.to_str().ok())
}

/// The moment that 14 digits (and milliseconds, which some clients send) mean in a zone.
fn moment(digits: &str, zone: &str) -> Option<Timestamp> {
    let offset = match zone {
        "UTC" | "GMT" => tz::Offset::UTC,
        "KST" | "JST" => tz::offset(9),
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(number(range)?).ok();
    let civil = DateTime::new(
        number(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(8..10)?,
        small(10..12)?,
        small(12..14)?,
        0,
    );
    let at = offset.to_timestamp(civil.ok()?).ok()?;
    Some(Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_zone() {
        let utc = moment("20261122030405", "UTC");
        assert_eq!(utc, moment("20261122120405", "KST"));
        assert_eq!(utc, moment("20261122120405999", "JST"));
        assert!(utc.is_some());
        for (digits, zone) in
            [("20261322030405", "UTC"), ("20261122250405", "UTC"), ("20261122030405", "PST")]
        {
            assert_eq!(moment(digits, zone), None, "{digits} {zone}");
        }
    }

    #[test]
    fn a_correlation_id_goes_back_where_it_is_well_formed() {
        let mut map = HeaderMap::new();
        assert_eq!(answered(&map), None);
        map.insert(CORRELATION_ID, HeaderValue::from_static("221108120814-0a1b2c3"));
        assert_eq!(answered(&map), Some(HeaderValue::from_static("221108120814-0a1b2c3")));
        let long = HeaderValue::from_str(&"1".repeat(65)).unwrap();
        for malformed in [HeaderValue::from_static("a b"), HeaderValue::from_static(""), long] {
            map.insert(CORRELATION_ID, malformed);
            assert_eq!(answered(&map), None);
        }
    }
}

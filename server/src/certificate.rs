//! When a certificate is valid and which public key it is about: read from its DER (RFC 5280,
//! section 4.1). Its signature is not looked at.

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of a version, which the oldest certificates leave out.
const VERSION: u8 = 0xa0;

/// What is read of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// The moment after which it is no longer valid.
    pub not_after: Timestamp,
    /// The public key of its subject, `SubjectPublicKeyInfo` in DER.
    pub public_key: &'a [u8],
}

/// Reads a certificate; `None` where it is none.
pub fn read(certificate: &[u8]) -> Option<Certificate<'_>> {
    let (certificate, _) = content(certificate, SEQUENCE)?;
    let (mut fields, _) = content(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = content(fields, VERSION)?;
    }
    // Serial number, signature's algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = content(fields, tag)?;
    }
    let (validity, fields) = content(fields, SEQUENCE)?;
    let (from, not_before, rest) = element(validity)?;
    let (to, not_after, _) = element(rest)?;
    // The subject, and its key with the header.
    let (_, key) = content(fields, SEQUENCE)?;
    let (_, rest) = content(key, SEQUENCE)?;
    let public_key = key.get(..key.len().checked_sub(rest.len())?)?;
    let (not_before, not_after) = (moment(from, not_before)?, moment(to, not_after)?);
    Some(Certificate { not_before, not_after, public_key })
}

/// The first element's content, where it has this tag, and what follows it.
fn content(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// The first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn moment(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match tag {
        // Two digits of a year: from 1950 to 2049.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let year = text.get(..4)?.parse::<i16>().ok()?;
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let at = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (text.len() == 14).then(|| Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};

    use super::*;

    #[test]
    fn validity_and_key_are_what_the_certificate_says() {
        for year in [1951_i16, 2026, 2049, 2050, 2999] {
            let mut params = CertificateParams::new(vec!["platen.example".to_owned()]).unwrap();
            let day = |year: i16| {
                let at = date(year, 2, 28).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
                Timestamp(at.timestamp().as_second() * 1_000_000)
            };
            params.not_before = rcgen::date_time_ymd(i32::from(year) - 1, 2, 28);
            params.not_after = rcgen::date_time_ymd(i32::from(year), 2, 28);
            let key = KeyPair::generate().unwrap();
            let made = params.self_signed(&key).unwrap();
            let der = made.der();
            let wanted = Certificate {
                not_before: day(year - 1),
                not_after: day(year),
                public_key: &key.subject_public_key_info(),
            };
            assert_eq!(read(der), Some(wanted), "{year}");
            for cut in 0..der.len() {
                assert_eq!(read(&der[..cut]), None);
            }
        }
    }
}

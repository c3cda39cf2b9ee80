//! Until when a certificate may be used: read from its DER (RFC 5280, section 4.1).

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of a version, which the oldest certificates leave out.
const VERSION: u8 = 0xa0;

/// The moment after which a certificate is no longer valid; `None` where it is none.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = content(certificate, SEQUENCE)?;
    let (mut fields, _) = content(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = content(fields, VERSION)?;
    }
    // Serial number, signature's algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = content(fields, tag)?;
    }
    let (validity, _) = content(fields, SEQUENCE)?;
    let (_, not_before, rest) = element(validity)?;
    let (tag, not_after, _) = element(rest)?;
    (!not_before.is_empty()).then(|| moment(tag, not_after))?
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
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn the_end_is_what_the_certificate_says() {
        for year in [1951_i16, 2026, 2049, 2050, 2999] {
            let mut params = CertificateParams::new(vec!["platen.example".to_owned()]).unwrap();
            let end = date(year, 2, 28).at(23, 59, 58, 0).to_zoned(TimeZone::UTC).unwrap();
            params.not_after = rcgen::date_time_ymd(i32::from(year), 2, 28);
            let seconds = (end.timestamp().as_second() - 86_398) * 1_000_000;
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let der = made.der();
            assert_eq!(not_after(der), Some(Timestamp(seconds)), "{year}");
            for cut in 0..100.min(der.len()) {
                assert_eq!(not_after(&der[..cut]), None);
            }
        }
    }
}

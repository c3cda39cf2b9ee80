//! A place in a list of a partner's, as text that means nothing to its holder.

use crypto::digest::Sha256;
use data_encoding::BASE64URL_NOPAD;
use domain::AspId;

/// Bytes of the three numbers.
const PLACE_BYTES: usize = 24;
/// Bytes of the check.
const CHECK_BYTES: usize = 6;

/// The text of three numbers in the list of this `kind`. Its check is no secret: it tells another
/// partner's text, another list's, and one that was cut or mistyped; rows are read by partner in
/// any case.
pub fn text(kind: &str, asp: &AspId, place: [i64; 3]) -> String {
    let mut bytes = Vec::with_capacity(PLACE_BYTES + CHECK_BYTES);
    for number in place {
        bytes.extend(number.to_be_bytes());
    }
    let check = check(kind, asp, &bytes);
    bytes.extend(check);
    BASE64URL_NOPAD.encode(&bytes)
}

/// The reverse; `None` of what was not given to this partner for this list.
pub fn parse(kind: &str, asp: &AspId, text: &str) -> Option<[i64; 3]> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (place, given) = bytes.split_at_checked(PLACE_BYTES)?;
    if given != check(kind, asp, place) {
        return None;
    }
    let number = |from: usize| {
        let part = place.get(from..from + 8)?;
        Some(i64::from_be_bytes(part.try_into().ok()?))
    };
    Some([number(0)?, number(8)?, number(16)?])
}

fn check(kind: &str, asp: &AspId, place: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::default();
    for part in [kind.as_bytes(), asp.as_str().as_bytes(), place] {
        digest.update(part);
    }
    let mut digest = digest.finish().to_vec();
    digest.truncate(CHECK_BYTES);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_by_its_partner_in_its_list_alone() {
        let (asp, other) = (AspId::new("000170000000000"), AspId::new("000170000000001"));
        let place = [20_000, 7, i64::MAX];
        let whole = text("list", &asp, place);
        assert_eq!(parse("list", &asp, &whole), Some(place));
        assert_eq!(parse("list", &other, &whole), None);
        assert_eq!(parse("other", &asp, &whole), None);
        for place in 0..whole.len() {
            let mut wrong = whole.clone();
            let letter = if wrong.as_bytes()[place] == b'A' { "B" } else { "A" };
            wrong.replace_range(place..=place, letter);
            assert_eq!(parse("list", &asp, &wrong), None, "{wrong}");
            assert_eq!(parse("list", &asp, &whole[..place]), None);
        }
    }
}

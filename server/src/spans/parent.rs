//! Where a call came from, as its caller says: the header `traceparent`.

use axum::http::HeaderMap;
use crypto::pan::mask_numbers;
use data_encoding::HEXLOWER;

use super::{SpanId, TraceId};

/// A caller's span. Ours is linked to it and not below it: a caller names traces as it likes, and
/// could put its calls into those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Parent {
    /// Of a call's headers: nothing where there is none, more than one or a wrong one, and where
    /// its digits could be a card's number.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all("traceparent").iter();
        let (text, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
        let mut parts = text.split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = parts.next()?;
        let has_more = parts.next().is_some();
        let is_known = version == "00" && !has_more && flags.len() == 2;
        if !is_known || mask_numbers(trace) != trace || mask_numbers(span) != span {
            return None;
        }
        let read = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let trace: TraceId = read(trace)?.try_into().ok()?;
        let span: SpanId = read(span)?.try_into().ok()?;
        (trace != [0; 16] && span != [0; 8]).then_some(Parent { trace, span })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", HeaderValue::from_str(value).unwrap());
        }
        Parent::of(&headers)
    }

    #[test]
    fn a_well_formed_header_is_read_and_any_other_is_none() {
        let fine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = read(&[fine]).unwrap();
        assert_eq!((parent.trace[0], parent.span[7]), (0x0a, 0x31));
        assert_eq!(read(&[&fine.replace("-01", "-00")]), Some(parent), "its flag is not looked at");
        for wrong in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
        assert_eq!(read(&[fine, fine]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn what_could_be_a_cards_number_is_not_taken() {
        let text = "00-aaaaaaaa9491339500001010aaaaaaaa-b7ad6b7169203331-01";
        assert_eq!(read(&[text]), None);
        let text = "00-0af7651916cd43dd8448eb211c80319c-9491339500001010-01";
        assert_eq!(read(&[text]), None);
    }
}

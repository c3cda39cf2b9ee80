//! The little of URLs that the log's addresses need.

/// A text with `%XX` decoded; what is no such escape stays.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.split_at_checked(2)).flatten();
        let decoded = escaped.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = decoded.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a list of calls is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Calls after this one.
    pub(super) after: u64,
    /// Calls with this number of their caller's.
    pub(super) correlation_id: Option<String>,
    /// At most so many.
    pub(super) limit: usize,
}

/// Calls that are listed where no limit is named.
pub(super) const LIMIT_DEFAULT: usize = 100;

impl Wanted {
    /// Reads a query; what is wrong with it, as a sentence.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut wanted = Wanted { after: 0, correlation_id: None, limit: LIMIT_DEFAULT };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || value.parse().map_err(|_| format!("{name} is no whole number."));
            match name {
                "after" => wanted.after = number()?,
                "correlationId" => wanted.correlation_id = Some(percent_decoded(value)),
                "limit" => {
                    let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                    wanted.limit = limit.clamp(1, super::CALLS_MAX);
                }
                _ => return Err("The query has after, correlationId and limit.".to_owned()),
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_the_rest_stays() {
        for (text, expect) in [
            ("%39%34", "94"),
            ("a%2", "a%2"),
            ("%zz%", "%zz%"),
            ("%+1", "%+1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(percent_decoded(text), expect, "{text}");
        }
    }

    #[test]
    fn a_query_is_read_or_refused() {
        let parse = |query| Wanted::parse(query).ok();
        let all = Wanted { after: 0, correlation_id: None, limit: LIMIT_DEFAULT };
        assert_eq!(parse(""), Some(all.clone()));
        let id = Some("a b".to_owned());
        let some = Wanted { after: 7, correlation_id: id, limit: super::super::CALLS_MAX };
        assert_eq!(parse("after=7&correlationId=a%20b&limit=99999"), Some(some));
        for wrong in ["after=x", "limit=-1", "x=1", "after="] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

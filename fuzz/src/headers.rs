//! The request headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use contract::headers::{CRYPTO_KEY_ID, REQUEST, TRAN_TIME, TRAN_TOKEN};
use contract::pipeline::INVALID_HEADER;
use platen::pipeline::headers_at_fault;

/// The value that stands for one that is there and empty; an empty line leaves the header out.
const EMPTY: &[u8] = b"\x01";

/// The first lines are the values of the protocol's headers in their order, the further ones
/// `name:value`. What is taken is there once and within its limits; what is not is named.
pub fn check(data: &[u8]) {
    let mut map = HeaderMap::new();
    for (index, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let (name, value) = match REQUEST.get(index) {
            Some(_) if line.is_empty() => continue,
            Some(header) if line == EMPTY => (header.name.as_bytes(), &b""[..]),
            Some(header) => (header.name.as_bytes(), line),
            None => match line.iter().position(|byte| *byte == b':') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => continue,
            },
        };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            map.append(name, value);
        }
    }
    match headers_at_fault(&map) {
        Some((code, name)) => {
            assert_eq!(code.code, INVALID_HEADER.code);
            assert!(REQUEST.iter().any(|header| Some(header.name) == name), "{name:?}");
        }
        None => assert_taken(&map),
    }
}

fn assert_taken(map: &HeaderMap) {
    for header in REQUEST {
        let values: Vec<_> = map.get_all(header.name).iter().collect();
        let is_optional = header.name == CRYPTO_KEY_ID.name;
        assert!(values.len() == 1 || is_optional && values.is_empty(), "{}", header.name);
        // The form of a token is judged with its signature.
        if header.name != TRAN_TOKEN.name
            && let Some(value) = values.first()
        {
            let text = value.to_str().unwrap().trim();
            assert!(header.accepts(text) || is_optional && text.is_empty(), "{}", header.name);
        }
    }
    let time = map[TRAN_TIME.name].to_str().unwrap().trim();
    let part = |from: usize, to: usize| time[from..to].parse::<u32>().unwrap();
    assert!((1..=12).contains(&part(4, 6)) && (1..=31).contains(&part(6, 8)), "{time}");
    assert!(part(8, 10) < 24 && part(10, 12) < 60 && part(12, 14) < 60, "{time}");
}

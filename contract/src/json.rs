//! JSON as a caller sent it: bounded in depth, and with repeated members kept, so that a field
//! given twice can be refused by its name instead of silently taking the last.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value. Its `Debug` prints the kind alone: a body may hold card numbers.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from 0 to 2^64 - 1.
    Unsigned(u64),
    /// Any other number: negative, fractional, or too large.
    OtherNumber,
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, its members in the order sent, repeated ones included.
    Object(Vec<(String, Json)>),
}

/// Why a text is not the JSON object that a call must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnObject {
    /// No bytes at all.
    Empty,
    /// Not JSON: cut off, misspelt, not UTF-8, nested too deeply, or something behind the end.
    Malformed,
    /// JSON, but an array, string, number, boolean or null.
    OtherKind,
}

/// The member of an object occurs more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

impl Json {
    /// Parses one JSON object, nested at most `depth_max` levels (the object itself is one).
    pub fn parse_object(bytes: &[u8], depth_max: usize) -> Result<Json, NotAnObject> {
        if bytes.is_empty() {
            return Err(NotAnObject::Empty);
        }
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let seed = Seed { depth_left: depth_max };
        let value = seed.deserialize(&mut from).map_err(|_| NotAnObject::Malformed)?;
        from.end().map_err(|_| NotAnObject::Malformed)?;
        match value {
            Json::Object(_) => Ok(value),
            Json::Null
            | Json::Bool(_)
            | Json::Unsigned(_)
            | Json::OtherNumber
            | Json::String(_)
            | Json::Array(_) => Err(NotAnObject::OtherKind),
        }
    }

    /// The member `name` of an object; `None` where it is absent, `null`, or this is no object.
    pub fn member(&self, name: &str) -> Result<Option<&Json>, Repeated> {
        let Json::Object(members) = self else { return Ok(None) };
        let mut found = members.iter().filter(|(key, _)| key == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(Repeated);
        }
        Ok(first.map(|(_, value)| value).filter(|value| **value != Json::Null))
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Unsigned(_) | Json::OtherNumber => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        })
    }
}

/// A value within an object or array. It is taken as text first: a number of any size is a
/// number, where serde_json alone refuses the whole body for one beyond an f64.
#[derive(Clone, Copy)]
struct Seed {
    depth_left: usize,
}

impl Seed {
    fn read(self, raw: &str) -> Result<Json, serde_json::Error> {
        let text = raw.trim_ascii();
        match text.as_bytes().first() {
            Some(b'{' | b'[') => {
                let depth_left = self.depth_left.checked_sub(1);
                let depth_left =
                    depth_left.ok_or_else(|| serde_json::Error::custom("nested too deeply"))?;
                let mut from = serde_json::Deserializer::from_str(text);
                from.deserialize_any(Seed { depth_left })
            }
            Some(b'"') => serde_json::from_str(text).map(Json::String),
            Some(b't' | b'f') => serde_json::from_str(text).map(Json::Bool),
            Some(b'n') => Ok(Json::Null),
            Some(_) | None => Ok(text.parse().map_or(Json::OtherNumber, Json::Unsigned)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        let raw = <&RawValue>::deserialize(from)?;
        self.read(raw.get()).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            members.push((key, entries.next_value_seed(self)?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, NotAnObject> {
        Json::parse_object(text.as_bytes(), 3)
    }

    #[test]
    fn only_a_whole_object_is_taken() {
        assert_eq!(parse(""), Err(NotAnObject::Empty));
        for text in ["{", "{}{}", "{\"a\":}", "nope", "{\"a\":\"\\ud800\"}", " "] {
            assert_eq!(parse(text), Err(NotAnObject::Malformed), "{text}");
        }
        for text in ["null", "1", "[]", "\"x\"", "true"] {
            assert_eq!(parse(text), Err(NotAnObject::OtherKind), "{text}");
        }
        assert_eq!(Json::parse_object(b"{\"a\":\"\xff\"}", 3), Err(NotAnObject::Malformed));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(r#"{"a":{"b":[1]}}"#).is_ok());
        assert_eq!(parse(r#"{"a":{"b":[[1]]}}"#), Err(NotAnObject::Malformed));
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&format!("{{\"a\":{deep}")), Err(NotAnObject::Malformed));
    }

    #[test]
    fn a_repeated_member_is_seen() {
        let json = parse(r#"{"a":1,"b":null,"a":1}"#).unwrap();
        assert_eq!(json.member("a"), Err(Repeated));
        assert_eq!(json.member("b"), Ok(None));
        assert_eq!(json.member("c"), Ok(None));
    }

    #[test]
    fn numbers_are_whole_or_other() {
        let json = parse(r#"{"a":18446744073709551615,"b":-1,"c":1.0,"d":18446744073709551616}"#);
        let json = json.unwrap();
        assert_eq!(json.member("a"), Ok(Some(&Json::Unsigned(u64::MAX))));
        for name in ["b", "c", "d"] {
            assert_eq!(json.member(name), Ok(Some(&Json::OtherNumber)), "{name}");
        }
        let digits = "9".repeat(400);
        for text in ["1e400", "-1e400", "-0", "0.0", "1e3", digits.as_str()] {
            let json = parse(&format!("{{\"a\": {text} }}")).unwrap();
            assert_eq!(json.member("a"), Ok(Some(&Json::OtherNumber)), "{text}");
        }
        for text in ["01", "+1", "1.", ".5", "1e", "-", "0x1", "1_0", "NaN", "--1", "1 1"] {
            let json = parse(&format!("{{\"a\":{text}}}"));
            assert_eq!(json, Err(NotAnObject::Malformed), "{text}");
        }
    }
}

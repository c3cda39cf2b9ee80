//! JSON, against another reading of it.

use contract::Json;
use contract::json::NotAnObject;
use serde_json::Value;

/// As deep as the server takes by default.
pub const DEPTH_MAX: usize = 16;

/// serde_json's own values say the same, except that numbers beyond an f64 are too much for them,
/// and that they are nested more deeply.
pub fn check(data: &[u8]) {
    let ours = Json::parse_object(data, DEPTH_MAX);
    let theirs = serde_json::from_slice::<Value>(data);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert!(depth(&ours) <= DEPTH_MAX);
            assert!(is_same(&ours, &theirs));
        }
        (Ok(_), Err(error)) => assert!(error.to_string().contains("number out of range")),
        (Err(NotAnObject::OtherKind), Ok(theirs)) => assert!(!theirs.is_object()),
        (Err(NotAnObject::Malformed), Ok(_)) => assert!(depth_of(data) > DEPTH_MAX),
        (Err(NotAnObject::Empty), _) => assert!(data.is_empty()),
        (Err(_), Err(_)) => {}
    }
}

fn depth(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => 1 + members.iter().map(|(_, json)| depth(json)).max().unwrap_or(0),
        Json::Null | Json::Bool(_) | Json::Unsigned(_) | Json::OtherNumber | Json::String(_) => 0,
    }
}

/// How deeply a text that is JSON is nested: its values would not tell, as a member that comes
/// twice is there once in them.
fn depth_of(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut is_string, mut is_escaped) = (0, 0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => depth += 1,
            b']' | b'}' if !is_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Of a member that comes twice, the other reading keeps the last.
fn is_same(ours: &Json, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(one), Value::Bool(other)) => one == other,
        (Json::Unsigned(one), Value::Number(other)) => other.as_u64() == Some(*one),
        (Json::OtherNumber, Value::Number(other)) => other.as_u64().is_none(),
        (Json::String(one), Value::String(other)) => one == other,
        (Json::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Json::Object(one), Value::Object(other)) => {
            let last = |name: &str| one.iter().rev().find(|(own, _)| own == name);
            one.iter().all(|(name, _)| other.contains_key(name))
                && other
                    .iter()
                    .all(|(name, value)| last(name).is_some_and(|(_, json)| is_same(json, value)))
        }
        _ => false,
    }
}

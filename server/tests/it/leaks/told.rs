//! What the sandbox tells its developer, read for what must not be told.

use std::collections::BTreeSet;

use platen::sandbox::calls::CALLS_MAX;
use serde_json::Value;

use super::needles::{RUN, Secrets};
use crate::process::stdout_of;

/// What an address answers.
pub async fn text_of(url: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(url).send().await.unwrap().text().await.unwrap()
}

/// What the sandbox tells its developer: every call, whole, and what the database holds for every
/// scenario. `/sandbox/v1/credentials` alone is there to tell keys.
pub async fn told(url: &str, calls: usize) -> Vec<String> {
    let list = text_of(&format!("{url}/sandbox/v1/calls?limit=500")).await;
    let parsed: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(parsed["last"], calls, "each call is there");
    let mut told = Vec::new();
    for call in parsed["calls"].as_array().unwrap() {
        told.push(text_of(&format!("{url}/sandbox/v1/calls/{}", call["seq"])).await);
    }
    // The first ones are gone where there were more than it keeps.
    let kept = calls.min(CALLS_MAX);
    assert!(told.len() >= kept, "the log holds {} of {calls}", told.len());
    told.push(list);
    let all = stdout_of(&["scenarios", "--format", "json"]);
    for scenario in serde_json::from_str::<Vec<Value>>(&all).unwrap() {
        let (operation, name) = (&scenario["operation"], &scenario["name"]);
        let (operation, name) = (operation.as_str().unwrap(), name.as_str().unwrap());
        let url = format!("{url}/sandbox/v1/scenarios/{operation}/{name}/state");
        told.push(text_of(&url).await);
    }
    told
}

/// Tokens may be told to who has the key; nothing else that is secret.
pub fn check_told(told: &[String], secrets: &Secrets, times: &BTreeSet<String>) {
    let needles = secrets.needles(RUN);
    // Times have digits in common with numbers by chance.
    let seen = Secrets { known: &secrets.known | times, ..Secrets::default() };
    for text in told {
        needles.assert_none(&seen.without_known(text.as_bytes()), "what the sandbox tells");
        let all: Value = serde_json::from_str(text).unwrap();
        assert!(all.is_object() && all["error"].is_null(), "{text}");
        for (name, value) in texts_of("", &all) {
            // A bank's code, a length or a number of an event may be one by chance.
            let is_other = ["bankCode", "content-length", "eventId"].contains(&name.as_str());
            assert!(is_other || !secrets.cvcs.contains(&value), "{name} in {text}");
        }
    }
}

/// Every text in it, with the name that it has; a header's name stands before its value.
fn texts_of(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        Value::Array(values) => match values.as_slice() {
            [Value::String(header), value] if name == "headers" => texts_of(header, value),
            values => values.iter().flat_map(|value| texts_of(name, value)).collect(),
        },
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| texts_of(name, value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

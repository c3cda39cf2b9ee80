//! A Postman collection (format v2.1): an item an operation, an example a scenario, and a script
//! that signs.

use contract::openapi::example_answer;
use contract::{Entry, Registry, Scenario};
use serde_json::{Value, json};

use crate::ops::BASE;

/// The format, by the address of its schema.
const FORMAT: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
const ABOUT: &str = include_str!("postman/about.md");
/// Runs before each request.
const SIGN: &str = include_str!("postman/sign.js");
/// Where a sandbox listens, unless it is told otherwise.
const ORIGIN: &str = "http://127.0.0.1:8080";

/// The collection of all operations, a folder a group. The same registry gives the same text.
pub fn collection(registry: &Registry) -> Value {
    let mut folders: Vec<(&str, Vec<Value>)> = Vec::new();
    for entry in registry.entries() {
        let group = entry.spec.group;
        match folders.iter_mut().find(|(name, _)| *name == group) {
            Some((_, items)) => items.push(item(entry)),
            None => folders.push((group, vec![item(entry)])),
        }
    }
    let folders: Vec<Value> =
        folders.into_iter().map(|(name, items)| json!({ "name": name, "item": items })).collect();
    json!({
        "info": { "name": "platen", "description": ABOUT.trim_end(), "schema": FORMAT },
        "item": folders,
        "event": [{
            "listen": "prerequest",
            "script": { "type": "text/javascript", "exec": SIGN.lines().collect::<Vec<_>>() },
        }],
        "variable": [
            { "key": "origin", "value": ORIGIN },
            { "key": "aspId", "value": "" },
            { "key": "accessKey", "value": "" },
            { "key": "secretKey", "value": "" },
            { "key": "correlationId", "value": "" },
        ],
    })
}

fn item(entry: &Entry) -> Value {
    let examples: Vec<Value> =
        entry.scenarios.iter().map(|scenario| example(entry, scenario)).collect();
    let first = entry.scenarios.first().map(|scenario| &scenario.request);
    json!({
        "name": entry.spec.title,
        "request": request(entry, first.unwrap_or(&Value::Null)),
        "response": examples,
    })
}

fn request(entry: &Entry, body: &Value) -> Value {
    let path = format!("{BASE}{}", entry.spec.path);
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    json!({
        "method": "POST",
        "header": [{ "key": "Content-Type", "value": "application/json" }],
        "url": { "raw": format!("{{{{origin}}}}{path}"), "host": ["{{origin}}"], "path": steps },
        "body": {
            "mode": "raw",
            "raw": format!("{body:#}"),
            "options": { "raw": { "language": "json" } },
        },
        "description": entry.spec.about,
    })
}

fn example(entry: &Entry, scenario: &Scenario) -> Value {
    let status = axum::http::StatusCode::from_u16(scenario.status).unwrap_or_default();
    json!({
        "name": format!("{} ({})", scenario.title, scenario.name),
        "originalRequest": request(entry, &scenario.request),
        "status": status.canonical_reason().unwrap_or_default(),
        "code": scenario.status,
        "_postman_previewlanguage": "json",
        "header": [{ "key": "Content-Type", "value": "application/json" }],
        "cookie": [],
        "body": format!("{:#}", example_answer(entry, scenario)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operations;

    #[test]
    fn every_operation_is_an_item_and_every_scenario_an_example() {
        let operations = Operations::load().unwrap();
        let registry = operations.registry();
        let collection = collection(registry);
        let folders = collection["item"].as_array().unwrap();
        let items: Vec<&Value> =
            folders.iter().flat_map(|folder| folder["item"].as_array().unwrap()).collect();
        assert_eq!(items.len(), registry.entries().len());
        for (item, entry) in items.into_iter().zip(registry.entries()) {
            assert_eq!(item["name"], entry.spec.title);
            let url = &item["request"]["url"];
            assert_eq!(url["raw"], format!("{{{{origin}}}}{BASE}{}", entry.spec.path));
            let steps: Vec<_> = url["path"].as_array().unwrap().iter().map(Value::as_str).collect();
            assert!(steps.iter().all(|step| step.is_some_and(|step| !step.is_empty())));
            let examples = item["response"].as_array().unwrap();
            assert_eq!(examples.len(), entry.scenarios.len());
            for (example, scenario) in examples.iter().zip(&entry.scenarios) {
                let answer: Value =
                    serde_json::from_str(example["body"].as_str().unwrap()).unwrap();
                assert_eq!(answer["response"]["code"], scenario.code);
                let body = &example["originalRequest"]["body"]["raw"];
                let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
                assert_eq!(body, scenario.request);
            }
        }
    }

    #[test]
    fn nothing_secret_is_in_it() {
        let operations = Operations::load().unwrap();
        let collection = collection(operations.registry());
        let variables = collection["variable"].as_array().unwrap();
        let given = variables.iter().filter(|variable| variable["value"] != "");
        let given: Vec<&str> = given.map(|variable| variable["key"].as_str().unwrap()).collect();
        assert_eq!(given, ["origin"]);
    }
}

//! Every scenario of every operation, as documented, on both engines.

use std::collections::BTreeSet;

use client::{Encryption, Exchange};
use crypto::jwe::Enc;
use platen::ops::BASE;
use serde_json::{Map, Value};

use crate::support::{TestServer, code, on_each_engine};

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_answered_as_documented() {
    on_each_engine(async |server, _, _| {
        let handlers = server.app.operations.handlers();
        for handler in handlers {
            for scenario in handler.entry.scenarios_json() {
                server.arm(handler.entry.spec.id, scenario["name"].as_str().unwrap()).await;
                // Armed twice: what the first call has done is taken back.
                for enc in Enc::ALL {
                    server.arm(handler.entry.spec.id, scenario["name"].as_str().unwrap()).await;
                    let exchange = play(&server, &scenario, enc).await;
                    check(&scenario, &exchange);
                }
            }
        }
    })
    .await;
}

async fn play(server: &TestServer, scenario: &Value, enc: Enc) -> Exchange {
    let path = format!("{BASE}{}", scenario["path"].as_str().unwrap());
    let is = |name: &str| scenario[name].as_bool().unwrap();
    let encryption = match (is("requestEncrypted"), is("responseEncrypted")) {
        (true, _) => Encryption::Encrypted(enc),
        (false, true) => Encryption::AnswerOnly,
        (false, false) => Encryption::Plain,
    };
    let body = scenario["request"].to_string();
    server.client.call(&path, &body, encryption, None).await.unwrap()
}

fn check(scenario: &Value, exchange: &Exchange) {
    let (name, expect) = (&scenario["name"], &scenario["expect"]);
    assert_eq!(code(exchange), expect["code"].as_str().unwrap(), "{name}");
    assert_eq!(u64::from(exchange.status), expect["status"].as_u64().unwrap(), "{name}");
    let encrypted = scenario["responseEncrypted"].as_bool().unwrap();
    assert_eq!(exchange.was_encrypted(), encrypted, "{name}");
    assert_like(&exchange.json().unwrap(), &expect["response"], name);
}

/// The same members and as many items; what differs from call to call is one value.
fn assert_like(found: &Value, expected: &Value, name: &Value) {
    match (found, expected) {
        (_, Value::Object(members)) if members.len() == 1 && members.contains_key("pattern") => {
            assert!(!found.is_object() && !found.is_array() && !found.is_null(), "{name}");
        }
        (Value::Object(found), Value::Object(expected)) => {
            let names =
                |object: &Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(found), names(expected), "{name}");
            expected.iter().for_each(|(member, value)| assert_like(&found[member], value, name));
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{name}");
            found.iter().zip(expected).for_each(|(one, other)| assert_like(one, other, name));
        }
        (found, expected) => assert_eq!(found, expected, "{name}"),
    }
}

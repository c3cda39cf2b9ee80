//! Every scenario of every operation, as documented, on both engines.

use client::{Encryption, Exchange};
use crypto::jwe::Enc;
use platen::ops::BASE;
use serde_json::Value;

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
    let encryption = match scenario["requestEncrypted"].as_bool().unwrap() {
        true => Encryption::Encrypted(enc),
        false => Encryption::Plain,
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
    let (body, expected) = (exchange.json().unwrap(), expect["response"].as_object().unwrap());
    let body = body.as_object().unwrap();
    let names = |object: &serde_json::Map<String, Value>| {
        object.keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(body), names(expected), "{name}");
    assert_eq!(body["response"], expected["response"], "{name}");
}

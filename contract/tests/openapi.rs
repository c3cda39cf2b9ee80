//! The OpenAPI document says what the operation's definition says.

pub mod sample;

use contract::openapi::{
    HttpMethod, OpenApi, PlainPath, PlainResponse, add_plain_path, document, schema,
};
use contract::{Entry, Kind, Registry, headers, pipeline};
use serde_json::{Value, json};

use crate::sample::{PLAIN_SPEC, SPEC, entry};

fn of(entries: Vec<Entry>) -> OpenApi {
    let registry = Registry::new(entries);
    registry.map(|all| document(&all, &["/open-api", "/"])).unwrap_or_default()
}

fn text() -> String {
    of(vec![entry(&SPEC), entry(&PLAIN_SPEC)]).to_json().unwrap_or_default()
}

fn json() -> Value {
    serde_json::from_str(&text()).unwrap_or_default()
}

/// What stands at `node`, or where its `$ref` points.
fn follow<'a>(doc: &'a Value, node: &'a Value) -> &'a Value {
    let place = node["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    place.map_or(node, |place| doc.pointer(place).unwrap_or(&Value::Null))
}

fn operation<'a>(doc: &'a Value, spec: &contract::Spec) -> &'a Value {
    &doc["paths"][spec.path]["post"]
}

fn body<'a>(doc: &'a Value, holder: &'a Value) -> &'a Value {
    follow(doc, &follow(doc, holder)["content"]["application/json"]["schema"])
}

/// The schema in clear of a body that may come in its envelope too.
fn clear<'a>(doc: &'a Value, holder: &'a Value) -> &'a Value {
    let schema = body(doc, holder);
    assert_eq!(schema["anyOf"][1]["$ref"], "#/components/schemas/Encrypted");
    follow(doc, &schema["anyOf"][0])
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn the_head_is_complete() {
    let doc = json();
    assert_eq!(doc["openapi"], "3.1.0");
    assert_eq!(doc["info"]["title"], "platen");
    assert_eq!(doc["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(doc["info"]["license"]["identifier"], "Apache-2.0");
    let about = doc["info"]["description"].as_str().unwrap();
    assert!(headers::REQUEST.iter().all(|header| about.contains(header.name)));
    // A path begins with a slash and is appended to the server as it is.
    assert_eq!(doc["servers"], json!([{ "url": "/open-api" }, { "url": "" }]));
    assert_eq!(doc["tags"], json!([{ "name": "Cards" }]));
    let operation = operation(&doc, &SPEC);
    assert_eq!(operation["operationId"], SPEC.id);
    assert_eq!(operation["summary"], SPEC.title);
    assert_eq!(operation["description"], SPEC.about);
    assert_eq!(operation["tags"], json!([SPEC.group]));
}

#[test]
fn the_same_registry_gives_the_same_text() {
    let first = text();
    for _ in 0..8 {
        assert_eq!(text(), first);
    }
}

#[test]
fn request_headers_carry_the_limits_of_their_table() {
    let doc = json();
    let listed = |spec| operation(&doc, spec)["parameters"].as_array().unwrap();
    assert_eq!(listed(&SPEC).len(), headers::REQUEST.len());
    assert_eq!(listed(&PLAIN_SPEC).len(), headers::REQUEST.len() - 1);
    for (header, parameter) in headers::REQUEST.iter().zip(listed(&SPEC)) {
        let parameter = follow(&doc, parameter);
        assert_eq!(parameter["name"], header.name);
        assert_eq!(parameter["in"], "header");
        assert_eq!(parameter["required"], header.name != headers::CRYPTO_KEY_ID.name);
        assert_eq!(parameter["schema"]["minLength"], header.len_min);
        assert_eq!(parameter["schema"]["maxLength"], header.len_max);
        assert_eq!(parameter["schema"]["pattern"], header.pattern());
    }
}

#[test]
fn a_large_integer_is_exact() {
    assert!(text().contains(r#""maximum":9999999999999999999,"#));
    let doc = json();
    let id = &clear(&doc, &operation(&doc, &SPEC)["requestBody"])["properties"]["user"];
    let id = &id["properties"]["id"];
    assert_eq!(id["maximum"].as_u64(), Some(9_999_999_999_999_999_999));
    assert_eq!(id["minimum"].as_u64(), Some(1));
    assert_eq!(id["type"], "integer");
    assert_eq!(id["format"], Value::Null, "there is no registered one that it fits");
    assert_eq!(
        id["description"],
        "Its id,\nas given at registration. Up to 19 digits: use a big integer."
    );
}

#[test]
fn required_is_what_must_be_there_at_one_place() {
    let doc = json();
    let root = clear(&doc, &operation(&doc, &SPEC)["requestBody"]);
    assert_eq!(root["required"], json!(["user", "card"]));
    assert_eq!(root["properties"]["user"]["required"], json!(["id"]));
    assert_eq!(root["properties"]["card"]["required"], Value::Null);
    let address = &root["properties"]["user"]["properties"]["address"];
    assert_eq!(address["required"], json!(["street", "zip"]));
    assert_eq!(address["type"], json!(["object", "null"]));
    assert_eq!(
        address["description"],
        "Where to. Required where card.deliver is true; else ignored. \
         Taken from address too; two different values are refused."
    );
    assert_eq!(root["additionalProperties"], Value::Null);
}

#[test]
fn a_field_may_stand_at_its_second_place() {
    let doc = json();
    let root = &clear(&doc, &operation(&doc, &SPEC)["requestBody"])["properties"];
    let second = &root["address"];
    assert_eq!(second["properties"], root["user"]["properties"]["address"]["properties"]);
    assert_eq!(second["required"], json!(["street", "zip"]));
    assert_eq!(second["description"], "Where to. The same as user.address, taken here too.");
    assert_eq!(root["user"]["properties"]["product"]["pattern"], "^[0-9]{15}$");
    assert_eq!(root["card"]["properties"]["deliver"]["default"], true);
    assert_eq!(root["deliver"]["default"], Value::Null);
}

#[test]
fn limits_stand_in_the_schema() {
    let doc = json();
    let root = &clear(&doc, &operation(&doc, &SPEC)["requestBody"])["properties"];
    let street = &root["address"]["properties"]["street"];
    assert_eq!((&street["minLength"], &street["maxLength"]), (&json!(1), &json!(255)));
    assert_eq!(street["type"], "string");
    let zip = &root["address"]["properties"]["zip"];
    assert_eq!(zip["pattern"], "^[0-9]{5}$");
    assert_eq!((&zip["minLength"], &zip["maxLength"]), (&json!(5), &json!(5)));
    assert_eq!(root["carrier"]["enum"], json!(["POST", "COURIER", null]));
    assert_eq!(root["carrier"]["type"], json!(["string", "null"]));
}

#[test]
fn an_envelope_is_offered_where_a_body_may_be_encrypted() {
    let doc = json();
    let envelope = &doc["components"]["schemas"]["Encrypted"];
    assert_eq!(envelope["required"], json!(["encData"]));
    assert_eq!(envelope["additionalProperties"], false);
    let answers = &operation(&doc, &SPEC)["responses"];
    for status in ["200", "400"] {
        assert!(body(&doc, &answers[status])["anyOf"].is_array(), "{status}");
        assert!(answers[status]["headers"]["X-KM-Crypto-Key-Id"].is_object(), "{status}");
    }
    // The pipeline answers in clear, and so does its code that an operation lists.
    for status in ["401", "500", "503"] {
        assert!(body(&doc, &answers[status])["anyOf"].is_null(), "{status}");
        let sent = &follow(&doc, &answers[status])["headers"];
        assert!(sent["X-KM-Crypto-Key-Id"].is_null(), "{status}");
        assert!(sent["X-KM-Correlation-Id"].is_object(), "{status}");
    }
    let plain = operation(&doc, &PLAIN_SPEC);
    assert!(body(&doc, &plain["requestBody"])["properties"]["user"].is_object());
    for status in ["200", "400"] {
        let answer = &plain["responses"][status];
        assert!(body(&doc, answer)["properties"]["response"].is_object(), "{status}");
        assert!(answer["headers"]["X-KM-Crypto-Key-Id"].is_null(), "{status}");
    }
}

#[test]
fn a_success_has_the_head_and_the_fields_beside_it() {
    let doc = json();
    let success = clear(&doc, &operation(&doc, &SPEC)["responses"]["200"]);
    assert_eq!(success["required"], json!(["response", "cardApplyNo"]));
    let head = &success["properties"]["response"];
    assert_eq!(head["required"], json!(["code", "description"]));
    assert_eq!(head["properties"]["code"]["enum"], json!(["000_000"]));
    assert_eq!(success["properties"]["mobileCardPar"]["type"], "string");
}

#[test]
fn each_status_lists_exactly_its_codes() {
    let doc = json();
    let answers = &operation(&doc, &SPEC)["responses"];
    for status in answers.as_object().unwrap().keys().filter(|status| *status != "200") {
        let http: u16 = status.parse().unwrap();
        let of_pipeline = |own: &[&'static str]| -> Vec<&str> {
            let all = pipeline::ALL.iter().filter(|code| code.http == http);
            all.map(|code| code.code).filter(|code| !own.contains(code)).collect()
        };
        let own: &[&str] = match http {
            400 => &["000_002", "003_018"],
            503 => &["000_996"],
            _ => &[],
        };
        let expected = [own, &of_pipeline(own)].concat();
        let schema = body(&doc, &answers[status]);
        let schema = if schema["anyOf"].is_array() { &schema["anyOf"][0] } else { schema };
        let code = &schema["properties"]["response"]["properties"]["code"];
        assert_eq!(strings(&code["enum"]), expected, "{status}");
    }
    let statuses: Vec<u16> = pipeline::ALL.iter().map(|code| code.http).collect();
    assert!(statuses.iter().all(|status| answers[status.to_string()].is_object()));
    let description = answers["400"]["description"].as_str().unwrap();
    assert!(description.starts_with("`response.code` is one of these;"));
    assert!(description.contains(
        "- `003_018` → Reissued. → The card has been reissued before: its balance has moved to a \
         successor. → Something about the member or the card has to change first."
    ));
}

#[test]
fn examples_come_from_the_scenarios() {
    let doc = json();
    let operation = operation(&doc, &SPEC);
    let examples = |holder: &Value| holder["content"]["application/json"]["examples"].clone();
    let sent = examples(&operation["requestBody"]);
    assert_eq!(sent["success"]["value"], entry(&SPEC).scenarios[0].request);
    assert_eq!(sent["no-user"]["summary"], "A case");
    let success = examples(&operation["responses"]["200"]);
    let expected = json!({
        "response": { "code": "000_000", "description": "Success." },
        "cardApplyNo": "1234567890123456789012",
        "mobileCardPar": "ABCDEFGHIJKLMNOPQRSTUVWXYZA",
    });
    assert_eq!(success["success"]["value"], expected);
    let refused = examples(&operation["responses"]["400"]);
    let names: Vec<&String> = refused.as_object().unwrap().keys().collect();
    assert_eq!(names, ["no-user", "reissued"]);
    let expected = json!({ "response": { "code": "003_018", "description": "Reissued." } });
    assert_eq!(refused["reissued"]["value"], expected);
}

#[test]
fn codes_are_listed_in_order_of_precedence() {
    let doc = json();
    let codes = &operation(&doc, &SPEC)["x-platen-codes"];
    let column = |name: &str| -> Vec<Value> {
        codes.as_array().unwrap().iter().map(|code| code[name].clone()).collect()
    };
    assert_eq!(column("code"), ["000_002", "003_018", "000_996"]);
    assert_eq!(column("origin"), ["documented", "assignedUse", "assigned"]);
    assert_eq!(column("httpStatus"), [400, 400, 503]);
    assert_eq!(column("action"), ["mendRequest", "askMember", "callOperator"]);
    assert_eq!(column("message")[1], "Reissued.");
    let shared = doc["x-platen-pipeline-codes"].as_array().unwrap();
    assert_eq!(shared.len(), pipeline::ALL.len());
}

#[test]
fn a_plain_path_stands_beside_the_operations() {
    let mut doc = of(vec![entry(&SPEC)]);
    for method in [HttpMethod::Get, HttpMethod::Put] {
        let id = if method == HttpMethod::Get { "sandbox.fault" } else { "sandbox.set-fault" };
        let request = (method == HttpMethod::Put).then(|| schema::request(&entry(&SPEC).request));
        let done = PlainResponse { status: 204, description: "Done.", body: None };
        add_plain_path(
            &mut doc,
            PlainPath {
                method,
                path: "/sandbox/faults/{name}",
                id,
                summary: "A fault",
                description: "A fault on the bank's side.",
                tag: "Sandbox",
                path_params: &[("name", "Its name.")],
                query_params: &[("limit", "At most so many.")],
                request,
                responses: vec![done],
            },
        );
    }
    let doc: Value = serde_json::to_value(&doc).unwrap();
    assert_eq!(doc["tags"], json!([{ "name": "Cards" }, { "name": "Sandbox" }]));
    let item = &doc["paths"]["/sandbox/faults/{name}"];
    assert_eq!(item["get"]["operationId"], "sandbox.fault");
    assert_eq!(item["get"]["servers"], json!([{ "url": "" }]));
    assert_eq!(item["get"]["requestBody"], Value::Null);
    assert_eq!(item["put"]["requestBody"]["required"], true);
    assert_eq!(item["put"]["parameters"][0]["name"], "name");
    assert_eq!(item["put"]["parameters"][0]["required"], true);
    assert_eq!(item["put"]["parameters"][1]["in"], "query");
    assert_eq!(item["put"]["parameters"][1]["required"], false);
    assert_eq!(item["put"]["responses"], json!({ "204": { "description": "Done." } }));
}

#[test]
fn a_closed_object_takes_no_other_members() {
    let number = schema::of(Kind::Integer { min: 1, max: 9 });
    let closed = schema::closed().property("number", number).required("number");
    let closed: Value = serde_json::to_value(schema::list(closed)).unwrap();
    let expected = json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["number"],
            "properties": {
                "number": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 9 },
            },
            "additionalProperties": false,
        },
    });
    assert_eq!(closed, expected);
}

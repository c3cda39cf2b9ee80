//! What is derived from lists, objects in them, booleans and words: the OpenAPI document and what a
//! scenario expects.

pub mod sample;

use contract::openapi::{document, example_answer};
use contract::{Entry, Preset, Registry};
use serde_json::{Value, json};

use crate::sample::lists::entry;

fn schemas() -> Value {
    let registry = Registry::new(vec![entry()]);
    let doc = registry.map(|registry| document(&registry, &["/"])).unwrap_or_default();
    let doc = serde_json::to_value(doc).unwrap_or_default();
    doc["components"]["schemas"].clone()
}

/// What is wrong with the sample after `change`.
fn wrong_after(change: impl FnOnce(&mut Entry)) -> Vec<String> {
    let mut changed = entry();
    change(&mut changed);
    Registry::new(vec![changed]).err().map_or_else(Vec::new, |wrong| wrong.0)
}

#[test]
fn a_list_that_is_asked_for_has_its_limits_and_those_of_its_items() {
    let root = &schemas()["PrepaidCardApplicationsRequest"];
    assert_eq!(root["required"], json!(["serviceIdList", "user"]));
    let fifteen =
        json!({ "type": "string", "minLength": 15, "maxLength": 15, "pattern": "^[0-9]{15}$" });
    let expected = json!({
        "type": "array", "description": "Products.", "items": fifteen,
        "minItems": 1, "maxItems": 100,
    });
    assert_eq!(root["properties"]["serviceIdList"], expected);
    let terms = &root["properties"]["user"]["properties"]["tcList"];
    assert_eq!(terms["type"], json!(["array", "null"]));
    assert_eq!(terms["maxItems"], 3);
    assert_eq!(terms["items"]["type"], "object");
    assert_eq!(terms["items"]["required"], json!(["tcId"]));
    let parts = &terms["items"]["properties"]["parts"];
    assert_eq!(parts["minItems"], Value::Null);
    assert_eq!((&parts["maxItems"], &parts["items"]["maxLength"]), (&json!(4), &json!(8)));
    let second = &root["properties"]["tcList"];
    assert_eq!(second["items"], terms["items"]);
    assert_eq!(second["description"], "Terms. The same as user.tcList, taken here too.");
}

#[test]
fn defaults_are_told_as_what_they_are() {
    let root = &schemas()["PrepaidCardApplicationsRequest"]["properties"];
    assert_eq!(root["pageRequest"]["default"], json!({}));
    assert_eq!(root["pageRequest"]["properties"]["pageSize"]["default"], 20);
    assert_eq!(root["pageRequest"]["properties"]["page"]["default"], 0);
    assert_eq!(root["status"]["default"], "ISSUED");
    assert_eq!(root["status"]["enum"], json!(["ISSUED", "DELIVERED", null]));
}

#[test]
fn a_list_that_is_answered_has_the_fields_of_its_items() {
    let root = &schemas()["PrepaidCardApplicationsResponse"];
    assert_eq!(root["required"], json!(["response", "issuedCardList", "pageResponse"]));
    let list = &root["properties"]["issuedCardList"];
    assert_eq!((&list["type"], &list["maxItems"]), (&json!("array"), &Value::Null));
    assert_eq!(list["description"], "The applications, newest first.");
    let item = &list["items"];
    assert_eq!(item["required"], json!(["cardApplyNo", "status", "pars"]));
    assert_eq!(item["properties"]["digital"]["type"], "object");
    assert_eq!(item["properties"]["digital"]["required"], json!(["cardNo"]));
    assert_eq!(item["properties"]["status"]["enum"], json!(["ISSUED", "DELIVERED"]));
    assert_eq!(item["properties"]["pars"]["items"]["maxLength"], 27);
    let page = &root["properties"]["pageResponse"]["properties"];
    assert_eq!(page["hasNext"]["type"], "boolean");
    let sentence = "All items, in all parts. Up to 16 digits: use a big integer.";
    assert_eq!(page["totalCount"]["description"], sentence);
}

#[test]
fn a_scenario_tells_how_many_items_a_list_has_and_what_they_may_hold() {
    let entry = entry();
    let par = json!({ "pattern": "^.{27}$" });
    let status = json!({ "pattern": "^(ISSUED|DELIVERED)$" });
    let number = json!({ "pattern": "^[0-9]{22}$" });
    let whole = json!({ "pattern": "^[0-9]+$" });
    let expected = json!({
        "response": { "code": "000_000", "description": "Success." },
        "issuedCardList": [
            { "cardApplyNo": number, "status": status, "pars": [par] },
            {
                "cardApplyNo": number,
                "digital": { "cardNo": { "pattern": "^[0-9]{16}$" } },
                "status": status,
                "pars": [par],
            },
        ],
        "pageResponse": { "totalCount": whole, "hasNext": { "pattern": "^(true|false)$" } },
        "limits": [whole, whole, whole],
    });
    assert_eq!(entry.scenarios_json()[0]["expect"]["response"], expected);
    assert_eq!(entry.scenarios_json()[1]["expect"]["response"]["issuedCardList"], json!([]));
    let example = example_answer(&entry, &entry.scenarios[0]);
    assert_eq!(example["issuedCardList"][1]["digital"], json!({ "cardNo": "1234567890123456" }));
    assert_eq!(example["pageResponse"], json!({ "totalCount": 0, "hasNext": true }));
    assert_eq!(example["limits"], json!([0, 0, 0]));
}

#[test]
fn a_scenario_names_fields_that_are_there_and_counts_lists_alone() {
    for name in ["issuedCardList[].made", "pageResponse*2", "issuedCardList*x", "issuedCardList[]"]
    {
        let fields: &'static [&'static str] = vec![name].leak();
        assert_eq!(
            wrong_after(|entry| entry.scenarios[0].fields = fields),
            [format!("prepaidCard.applications: scenario two expects the unknown {name}")]
        );
    }
}

#[test]
fn fields_of_items_stand_in_a_list_of_objects() {
    let moved = |from: &'static str, to: &'static str| {
        wrong_after(|entry| {
            let field = entry.request.iter_mut().find(|field| field.path == from).unwrap();
            field.path = to.to_owned();
        })
    };
    for to in ["user.tcList.parts", "serviceIdList[].parts", "pageRequest[].parts", "user[].parts"]
    {
        assert_eq!(
            moved("user.tcList[].parts", to),
            [format!("prepaidCard.applications: request field {to} has no object")]
        );
    }
}

#[test]
fn a_default_is_within_its_field_s_limits() {
    let with = |path: &'static str, default: Preset| {
        wrong_after(|entry| {
            let field = entry.request.iter_mut().find(|field| field.path == path).unwrap();
            field.default = Some(default);
        })
    };
    assert!(with("pageRequest.pageSize", Preset::Number(100)).is_empty());
    for (path, default) in [
        ("pageRequest.pageSize", Preset::Number(101)),
        ("pageRequest.pageSize", Preset::Flag(true)),
        ("status", Preset::Word("NONE")),
        ("serviceIdList", Preset::Empty),
    ] {
        let sentence =
            format!("prepaidCard.applications: the default of {path} is out of its limits");
        assert_eq!(with(path, default), [sentence]);
    }
    assert_eq!(
        wrong_after(|entry| {
            let page = entry.request.iter_mut().find(|field| field.path == "pageRequest.page");
            page.unwrap().need = contract::Need::Required;
        }),
        ["prepaidCard.applications: the default of pageRequest lacks pageRequest.page"]
    );
}

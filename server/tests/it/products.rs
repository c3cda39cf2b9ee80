//! Products: what a change of their policy changes, and what it must not.

use bank::sim::Scope;
use platen::ops::admin::product_create;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::Bank;
use platen::sandbox::world::products::{FREE, ORDINARY_WITH_FEE, ProductKey};
use platen::supply;
use serde_json::{Value, json};

use crate::given::{given, given_of, new_id};
use crate::support::{REISSUE, TestServer, code, on_each_engine, on_sqlite, quick};

const CREATE: &str = "/api/v1/admin/product/generate";
const DETAIL: &str = "/api/v1/admin/products/info/detail";
const POLICY: &str = "/platen/v1/admin/product/policy";
const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";

/// Calls; the answer in clear, whose code must be this one.
async fn call(server: &TestServer, path: &str, body: &Value, expected: &str) -> Value {
    let exchange = server.call(path, body).await;
    assert_eq!(code(&exchange), expected, "{path} {body}");
    exchange.json().unwrap()
}

fn change(product: ProductKey, version: i64, changes: Value) -> Value {
    let mut body = json!({ "serviceId": product.service_id().as_str(), "version": version });
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_keeps_the_terms_that_it_was_promised() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.product = ORDINARY_WITH_FEE;
            world.bank = Bank::Behaving("hold");
        })
        .await;
        let id = new_id();
        let held = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&held), "003_055");
        let terms = "SELECT kind, issuance, fee, returned_fee, validity_months, service_id
             FROM application WHERE asp_id = $1 AND user_id = $2";
        let promised = server.row(terms, &[world.user_id().into()]).await;
        let service = ORDINARY_WITH_FEE.service_id();
        assert_eq!(promised, format!("REISSUE ORDINARY 3000 REFUNDED 60 {service}"));
        let other = json!({
            "status": "SUSPENDED",
            "fees": { "reissue": 9_000, "firstReissue": "FREE" },
            "returnedFee": "KEPT",
            "nextServiceId": FREE.service_id().as_str(),
            "effectiveDurationMonth": 12,
        });
        let answer = call(&server, POLICY, &change(ORDINARY_WITH_FEE, 0, other), "000_000").await;
        assert_eq!(answer["version"], 1);
        bank.behave(&world, "answer", Scope::Account).await;
        assert_eq!(server.settled(world.user_id()).await, "COST_PAID");
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
        assert_eq!(server.row(terms, &[world.user_id().into()]).await, promised);
        let plastic = "SELECT c.service_id FROM card c
             JOIN application a ON a.asp_id = c.asp_id AND a.physical_card_id = c.card_id
             WHERE a.asp_id = $1 AND a.user_id = $2";
        assert_eq!(server.row(plastic, &[world.user_id().into()]).await, service.as_str());
        // A new one is of the product that the policy now names, and free.
        let world = given_of(&server, &bank, ORDINARY_WITH_FEE).await;
        call(&server, REISSUE, &with_plastic(&world), "000_000").await;
        let now = server.row(terms, &[world.user_id().into()]).await;
        let next = FREE.service_id();
        assert_eq!(now, format!("REISSUE PRE_ISSUANCE 0 REFUNDED 60 {next}"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_logged_and_counts_once() {
    on_each_engine(async |server, _, _| {
        let fees = json!({ "fees": { "issue": 700 }, "effectiveDurationMonth": 60 });
        let body = change(FREE, 0, fees);
        let id = new_id();
        for _ in 0..2 {
            let exchange = server.call_as(POLICY, &body, Some(&id)).await;
            assert_eq!(code(&exchange), "000_000");
            assert_eq!(exchange.json().unwrap()["version"], 1);
        }
        let sql = "SELECT payload FROM operation_log
             WHERE asp_id = $1 AND event = 'product.changed' AND subject = $2";
        let logged: Value = serde_json::from_str(
            &server.row(sql, &[format!("{}/1", FREE.service_id()).as_str().into()]).await,
        )
        .unwrap();
        assert_eq!(
            logged["changes"],
            json!([{ "field": "fees.issue", "from": 0, "to": 700 }]),
            "what is as before is no change"
        );
        call(&server, POLICY, &body, "023_902").await;
        // Nothing to change is no new version.
        call(&server, POLICY, &change(FREE, 1, json!({})), "000_000").await;
        call(&server, POLICY, &change(FREE, 1, json!({ "status": "DELETED" })), "000_000").await;
        call(&server, POLICY, &change(FREE, 2, json!({ "status": "ACTIVE" })), "023_901").await;
        let detail = json!({ "serviceId": FREE.service_id().as_str() });
        let told = call(&server, DETAIL, &detail, "000_000").await;
        assert_eq!((&told["status"], &told["version"]), (&"DELETED".into(), &2.into()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_issued_of_a_product_that_was_made() {
    on_each_engine(async |server, bank, _| {
        let (id, mut body) = (new_id(), product_create::with_prefix("949150"));
        body["status"] = json!("ACTIVE");
        let first = server.call_as(CREATE, &body, Some(&id)).await;
        let again = server.call_as(CREATE, &body, Some(&id)).await;
        assert_eq!(code(&first), "000_000");
        assert_eq!(again.json().unwrap(), first.json().unwrap());
        let made = first.json().unwrap();
        let service = made["siblingProductId"].as_str().unwrap();
        assert!(service.starts_with("000170000"), "{service}");
        call(&server, CREATE, &product_create::with_prefix("94915012"), "023_008").await;
        let told = call(&server, DETAIL, &json!({ "serviceId": service }), "000_000").await;
        assert_eq!(told["serviceName"], "Travel");
        assert_eq!(told["serviceGroupName"], "Travel cards");
        assert_eq!((&told["cardType"], &told["status"]), (&"MOBILE".into(), &"ACTIVE".into()));
        assert_eq!(
            (&told["personalRechargeableYn"], &told["transferYn"]),
            (&"Y".into(), &"N".into())
        );
        assert_eq!(told["productDetailInfo"]["content"], "A card for the way.");
        let world = given_of(&server, &bank, FREE).await;
        let issue = json!({
            "userInfo": { "userId": world.user_id() },
            "serviceId": service,
            "isDeliveryRequired": false,
        });
        let card = call(&server, ISSUE, &issue, "000_000").await;
        assert!(card["mobileCardNo"].as_str().unwrap().starts_with("949150"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_numbers_in_use_is_measured() {
    on_sqlite(quick(), async |server| {
        let sql = "UPDATE number_range SET next_serial = serial_end - serial_end / 20
             WHERE asp_id = $1 AND service_id = $2 AND kind = 'ISSUE'";
        let service = FREE.service_id();
        assert_eq!(server.exec(sql, &[service.as_str().into()]).await, 1);
        supply::measure(&server.app).await.unwrap();
        let metrics = server.app.metrics.text();
        let line = |service: &str| {
            let wanted = format!("product=\"{service}\"");
            let mut lines = metrics.lines().filter(|line| line.contains(&wanted));
            lines.next().unwrap_or_else(|| panic!("{service}: {metrics}")).to_owned()
        };
        let line = line(service.as_str());
        assert!(line.starts_with("platen_card_numbers_used_percent{"), "{line}");
        assert!(line.ends_with(" 95"), "{line}");
    })
    .await;
}

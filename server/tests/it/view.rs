//! What the sandbox shows of a scenario's member, before and after its calls.

use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::get;
use crate::raw::Raw;
use crate::support::{REISSUE, STATE, TestServer, code, on_each_engine};

const REISSUES: &str = "prepaid-card.reissue";

async fn state(server: &TestServer, operation: &str, name: &str) -> Value {
    let path = format!("/sandbox/v1/scenarios/{operation}/{name}/state");
    let (status, state) = get(server, &path).await;
    assert_eq!(status, 200, "{state}");
    state
}

fn request(server: &TestServer, operation: &str, name: &str) -> Value {
    let handler = server.app.operations.by_id(operation).unwrap();
    handler.scenarios.iter().find(|it| it.told.name == name).unwrap().told.request.clone()
}

/// The values of a member in all objects of a list.
fn all<'a>(list: &'a Value, name: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|each| &each[name]).collect()
}

fn check_before(before: &Value) {
    assert_eq!(before["member"]["state"], "ACTIVE");
    assert_eq!(before["member"]["idVerified"], true);
    assert_eq!(all(&before["accounts"], "state"), ["SUSPENDED"]);
    assert_eq!(before["accounts"][0]["balance"], 25_000);
    assert_eq!(before["accounts"][0]["successor"], Value::Null);
    let card = &before["cards"][0];
    assert_eq!((&card["form"], &card["applyNo"]), (&json!("MOBILE"), &Value::Null));
    assert_eq!(card["accountId"], before["accounts"][0]["accountId"]);
    assert_eq!((&before["applications"], &before["deliveries"]), (&json!([]), &json!([])));
    assert_eq!(all(&before["journals"], "event"), ["sandbox.armed"]);
    let bank = json!([{ "state": "REGISTERED", "isPrimary": true, "bankCode": "003",
        "behaviour": "answer" }]);
    assert_eq!(before["bankAccounts"], bank);
}

fn check_after(before: &Value, after: &Value, answer: &Value) {
    let old = &before["accounts"][0]["accountId"];
    let [new, ended] = after["accounts"].as_array().unwrap().as_slice() else { panic!("{after}") };
    assert_eq!((&new["state"], &new["balance"]), (&json!("ACTIVE"), &json!(25_000)));
    assert_eq!((&new["predecessor"], &new["successor"]), (old, &Value::Null));
    assert_eq!((&ended["state"], &ended["balance"]), (&json!("TERMINATED"), &json!(0)));
    assert_eq!((&ended["accountId"], &ended["successor"]), (old, &new["accountId"]));
    let cards = after["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 3, "{after}");
    let mobile = cards.iter().find(|card| card["par"] == answer["mobileCardPar"]).unwrap();
    let number = answer["mobileCardNo"].as_str().unwrap();
    assert_eq!(mobile["number"], format!("{}******{}", &number[..6], &number[12..]));
    assert_eq!(mobile["accountId"], new["accountId"]);
    let application = &after["applications"][0];
    assert_eq!(application["applyNo"], answer["cardApplyNo"]);
    assert_eq!(application["state"], "DIGITAL_ISSUED");
    assert_eq!((&application["fee"], &application["kind"]), (&json!(3_000), &json!("REISSUE")));
    assert!(application["settledAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all(&after["deliveries"], "applyNo"), [&answer["cardApplyNo"]]);
    assert_eq!(after["deliveries"][0]["state"], "READY");
    assert_eq!(all(&after["journals"], "event"), ["card.reissued", "sandbox.armed"]);
    let lines = &after["journals"][0]["lines"];
    assert_eq!(all(lines, "amount"), [2_728, 272, 25_000]);
    assert_eq!(lines[2]["debit"], format!("card:{old}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reissue_is_seen_before_and_after_it() {
    on_each_engine(async |server, _, _| {
        let before = state(&server, REISSUES, "reissued").await;
        check_before(&before);
        let exchange = server.call(REISSUE, &request(&server, REISSUES, "reissued")).await;
        assert_eq!(code(&exchange), "000_000");
        let answer: Value = serde_json::from_str(&exchange.body_clear).unwrap();
        let after = state(&server, REISSUES, "reissued").await;
        check_after(&before, &after, &answer);
        // Armed again, what was is history.
        server.arm(REISSUES, "reissued").await;
        check_before(&state(&server, REISSUES, "reissued").await);
    })
    .await;
}

/// Every scenario has something to show, whatever is given before it.
#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_shown() {
    on_each_engine(async |server, _, _| {
        for handler in server.app.operations.handlers() {
            for scenario in &handler.scenarios {
                let name = scenario.told.name;
                let state = state(&server, handler.entry.spec.id, name).await;
                assert_eq!(state["member"]["userId"], json!(scenario.world.user_id()), "{name}");
            }
        }
        let shown = async |name| state(&server, REISSUES, name).await;
        assert_eq!(shown("membership-cancelled").await["member"]["state"], "CANCELLED");
        assert_eq!(shown("unknown-card").await["cards"], json!([]));
        assert_eq!(shown("bank-account-not-found").await["bankAccounts"], json!([]));
        let unreachable = shown("fee-network-issue").await;
        assert_eq!(unreachable["bankAccounts"][0]["behaviour"], Value::Null);
        let held = shown("fee-in-progress").await;
        assert_eq!(held["bankAccounts"][0]["behaviour"], "hold");
        // Plastic that is the holder's and nobody's yet.
        let id = "prepaid-card.unregistered-info";
        let handler = server.app.operations.by_id(id).unwrap();
        let told = handler.scenarios.iter().find(|it| it.told.status == 200).unwrap();
        let plastic = state(&server, id, told.told.name).await;
        assert_eq!(all(&plastic["cards"], "accountId"), [&Value::Null]);
        assert_eq!(plastic["cards"][0]["form"], "PHYSICAL");
    })
    .await;
}

/// A card reported lost is seen, though nothing is booked for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_loss_is_seen() {
    on_each_engine(async |server, _, _| {
        let id = "prepaid-card.state";
        assert_eq!(state(&server, id, "suspended").await["accounts"][0]["state"], "ACTIVE");
        let body = request(&server, id, "suspended").to_string();
        assert_eq!(Raw::plain(&server, STATE, body).send(&server).await.status, 200);
        let after = state(&server, id, "suspended").await;
        assert_eq!(after["accounts"][0]["state"], "SUSPENDED");
        assert_eq!(after["journals"][0]["event"], "card.suspended");
        assert_eq!(after["journals"][0]["lines"], json!([]));
    })
    .await;
}

/// How the bank will behave at the next order is seen.
#[tokio::test(flavor = "multi_thread")]
async fn the_banks_behaviour_is_seen() {
    on_each_engine(async |server, _, _| {
        let user = state(&server, REISSUES, "reissued").await["member"]["userId"].clone();
        let url = format!("{}/sandbox/v1/members/{user}/bank-behaviour", server.url);
        for (body, expect) in [
            (r#"{"behaviour":"refuse:412"}"#, "refuse:412"),
            (r#"{"behaviour":"delay:30","scope":"next"}"#, "delay:30"),
        ] {
            assert_eq!(server.post_plain(&url, body).await, 200);
            let state = state(&server, REISSUES, "reissued").await;
            assert_eq!(state["bankAccounts"][0]["behaviour"], expect);
        }
    })
    .await;
}

/// A delivery goes its ways: step by step, and to each exit that is open where it stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_moved_and_seen() {
    on_each_engine(async |server, _, _| {
        let ways: [&[&str]; 4] = [
            &["RECEIPT", "PRE_SHIPPING", "SHIPPING", "ARRIVAL"],
            &["SHIPPING", "LOST"],
            &["RECEIPT", "SHIPPING", "RETURN"],
            &["CANCEL"],
        ];
        for way in ways {
            server.arm(REISSUES, "reissued").await;
            let exchange = server.call(REISSUE, &request(&server, REISSUES, "reissued")).await;
            assert_eq!(code(&exchange), "000_000");
            let shown =
                async || state(&server, REISSUES, "reissued").await["deliveries"][0].clone();
            let mut last = shown().await;
            assert_eq!(last["state"], "READY");
            let number = last["applyNo"].as_str().unwrap();
            let url = format!("{}/sandbox/v1/deliveries/{number}/advance", server.url);
            let again = json!({ "state": "READY" }).to_string();
            assert_eq!(server.post_plain(&url, &again).await, 400);
            for to in way {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let body = json!({ "state": to }).to_string();
                assert_eq!(server.post_plain(&url, &body).await, 200, "{to}");
                let now = shown().await;
                // For what is lost a new plastic goes out at once.
                assert_eq!(now["state"], if *to == "LOST" { "READY" } else { *to });
                assert_ne!(now["changedAt"], last["changedAt"], "{to}");
                last = now;
            }
            // It has ended, or somebody has to say what follows.
            let goes_on = way.contains(&"LOST");
            assert_eq!(
                server.post_plain(&url, "").await,
                if goes_on { 200 } else { 400 },
                "{way:?}"
            );
        }
    })
    .await;
}

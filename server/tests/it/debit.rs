//! A debit card, from its issue to its end.

use domain::delivery::DeliveryState;
use platen::ops::debit_card::issue::request;
use platen::ops::prepaid_card::issue;
use platen::sandbox::world::products::{DEBIT, DEBIT_WITH_CASH_IC};
use platen::sandbox::world::{Card, World};
use serde_json::{Value, json};

use crate::given::{by_number, given, new_id};
use crate::raw::Raw;
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine};

const ISSUE: &str = "/api/v1/direct-card/issue/delivery";
const PREPAID: &str = "/api/v1/prepay-card/issue/delivery";
const REGISTER: &str = "/api/v1/prepay-card/physical/register";
const LIST: &str = "/api/v1/user/card/list";
const LIMIT: &str = "/api/v1/card/payment/limit/update";
const TERMINATE: &str = "/api/v1/card/terminate";

async fn member(server: &TestServer, bank: &TestBank) -> World {
    given(server, bank, |world| {
        world.card = Card::None;
        world.product = DEBIT;
    })
    .await
}

async fn done(server: &TestServer, path: &str, body: &Value) -> Value {
    let answer = server.call(path, body).await;
    assert_eq!(code(&answer), "000_000", "{path}: {}", answer.body_clear);
    answer.json().unwrap()
}

async fn advance(server: &TestServer, apply_no: &str, state: DeliveryState) {
    let path = format!("/sandbox/v1/deliveries/{apply_no}/advance");
    let body = json!({ "state": state.name() }).to_string();
    let moved = Raw::plain(server, &path, body).send(server).await;
    assert_eq!(moved.status, 200, "{}", moved.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lives_as_other_cards_do_and_is_not_reissued() {
    on_each_engine(async |server, bank, _| {
        let world = member(&server, &bank).await;
        let issued = done(&server, ISSUE, &request(&world)).await;
        let apply_no = issued["cardApplyNo"].as_str().unwrap();
        advance(&server, apply_no, DeliveryState::Arrival).await;
        let path = format!("/sandbox/v1/deliveries/{apply_no}/plastic");
        let plastic = Raw::plain(&server, &path, "").by("GET").send(&server).await.json();
        assert_eq!(plastic["cardNo"], issued["physicalCardNo"]);
        let register = json!({
            "userId": world.user_id(),
            "physicalCardNo": plastic["cardNo"],
            "physicalCardExpDate": plastic["expiry"],
            "physicalCardCVC": plastic["cvc"],
        });
        let registered = done(&server, REGISTER, &register).await;
        assert_eq!(registered["mobileCardNo"], issued["mobileCardNo"]);

        let listed = done(&server, LIST, &json!({ "userId": world.user_id() })).await;
        let card = &listed["cardDataInfo"][0];
        assert_eq!(card["expiryDate"], issued["expiryDate"]);
        assert_eq!((&card["balance"], &card["rechargeableAmount"]), (&json!(0), &json!(0)));
        let sql = "SELECT bank_account_id, balance_limit FROM card_account
             WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(sql, &[world.user_id().into()]).await, "1 0");
        let limits = json!({ "once": 10_000, "day": 20_000, "month": 30_000 });
        let limit = json!({ "userId": world.user_id(), "par": card["par"], "limits": limits });
        done(&server, LIMIT, &limit).await;

        let number = issued["physicalCardNo"].as_str().unwrap();
        let suspend = json!({ "userId": world.user_id(), "cardNo": number, "status": "SUSPEND" });
        done(&server, STATE, &suspend).await;
        assert_eq!(code(&server.call(REISSUE, &by_number(&world, number)).await), "003_048");
        done(&server, TERMINATE, &json!({ "userId": world.user_id(), "par": card["par"] })).await;
        assert!(bank.withdrawn(&world).await.is_empty());
    })
    .await;
}

/// Whatever became of the plastic meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_is_answered_again() {
    on_each_engine(async |server, bank, _| {
        let world = member(&server, &bank).await;
        let (id, body) = (new_id(), request(&world));
        let first = server.call_as(ISSUE, &body, Some(&id)).await;
        assert_eq!(code(&first), "000_000");
        let answer: Value = first.json().unwrap();
        let apply_no = answer["cardApplyNo"].as_str().unwrap();
        advance(&server, apply_no, DeliveryState::Receipt).await;
        advance(&server, apply_no, DeliveryState::Lost).await;
        let again = server.call_as(ISSUE, &body, Some(&id)).await;
        assert_eq!(again.body_clear, first.body_clear);
        let sql = "SELECT COUNT(*) FROM card_account WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(sql, &[world.user_id().into()]).await, "1");
        let kept = server.rows("SELECT payload FROM operation_log WHERE asp_id = $1", &[]).await;
        assert!(kept.iter().all(|row| !row.contains("9001011234567")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_product_has_no_prepaid_cards() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.card = Card::None;
            world.product = DEBIT_WITH_CASH_IC;
        })
        .await;
        let refused = server.call(PREPAID, &issue::with_plastic(&world)).await;
        assert_eq!(code(&refused), "000_002", "{}", refused.body_clear);
    })
    .await;
}

//! The connector against answers that no decent bank gives.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::common::*;
use crate::fake::*;
use bank::{Bank, OpenBanking, WithdrawOrder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A success of the order, for a test to spoil.
fn success(order: &WithdrawOrder) -> Value {
    json!({
        "api_tran_id": "api-1",
        "rsp_code": "A0000",
        "bank_tran_id": order.bank_tran_id.as_str(),
        "bank_rsp_code": "000",
        "tran_amt": order.amount.to_string(),
    })
}

fn spoilt(order: &WithdrawOrder, name: &str, value: Value) -> Value {
    let mut answer = success(order);
    answer[name] = value;
    answer
}

/// The connector's verdict on an answer, which it may ask for once only.
async fn verdict(order: &WithdrawOrder, answer: String) -> String {
    let fake = fake(vec![Reaction::Send(answer)]).await;
    let verdict = withdraw(&fake.bank, order).await;
    assert_eq!(fake.orders.load(Ordering::SeqCst), 1, "sent again after {verdict}");
    verdict
}

#[tokio::test]
async fn only_a_complete_success_is_taken() {
    let order = order(ACCOUNT, 3_000);
    assert_eq!(verdict(&order, ok(&success(&order))).await, "taken");
    assert_eq!(verdict(&order, ok(&spoilt(&order, "tran_amt", json!(3_000)))).await, "taken");
    for (name, value) in [
        ("bank_tran_id", json!("M202600001U0000ZZZZZ")),
        ("bank_tran_id", Value::Null),
        ("tran_amt", json!("3001")),
        ("tran_amt", json!("")),
        ("tran_amt", json!([3_000])),
        ("rsp_code", json!("A0001")),
        // The bank's success outweighs any code of the gateway.
        ("rsp_code", json!("S59")),
        ("bank_rsp_code", json!("")),
        ("bank_rsp_code", json!(0)),
        ("bank_rsp_code", json!("999")),
    ] {
        let answer = ok(&spoilt(&order, name, value.clone()));
        let verdict = verdict(&order, answer).await;
        assert!(verdict.starts_with("unknown: "), "{name} {value}: {verdict}");
    }
}

#[tokio::test]
async fn only_a_listed_code_of_our_order_is_a_refusal() {
    let order = order(ACCOUNT, 3_000);
    let refused = spoilt(&order, "bank_rsp_code", json!("412"));
    assert_eq!(verdict(&order, ok(&refused)).await, "refused 412 InvalidAccount");
    let by_gateway = json!({"rsp_code": "S58", "rsp_message": "tran_amt"});
    assert_eq!(verdict(&order, ok(&by_gateway)).await, "refused S58 MessageError");
    let mut others = refused.clone();
    others["bank_tran_id"] = json!("M202600001U0000ZZZZZ");
    assert_eq!(verdict(&order, ok(&others)).await, "unknown: answer does not match the order");
    let failed = http("500 Internal Server Error", &refused.to_string());
    assert_eq!(verdict(&order, failed).await, "unknown: HTTP status 500");
}

#[tokio::test]
async fn what_is_no_proper_answer_is_unknown() {
    let order = order(ACCOUNT, 3_000);
    let whole = ok(&success(&order));
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /v2.0/transfer/withdraw/fin_num\
                    \r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for (answer, why) in [
        (String::new(), "connection lost before the answer"),
        ("HTTP/1.1 200".to_owned(), "connection lost before the answer"),
        ("SSH-2.0-x\r\n\r\n".to_owned(), "connection lost before the answer"),
        (whole[..whole.len() - 1].to_owned(), "answer cut"),
        (http("200 OK", &long), "answer too long"),
        (http("200 OK", ""), "answer is no JSON object"),
        (http("200 OK", "<html>"), "answer is no JSON object"),
        (http("200 OK", &deep), "answer is no JSON object"),
        (http("200 OK", "[]"), "answer is no JSON object"),
        (http("200 OK", "{}"), "code / is not listed"),
        (http("200 OK", "{\"rsp_code\":\"<김코나>\"}"), "code / is not listed"),
        (http("503 Service Unavailable", ""), "HTTP status 503"),
        (http("404 Not Found", ""), "HTTP status 404"),
        (http("201 Created", &success(&order).to_string()), "HTTP status 201"),
        (redirect.to_owned(), "HTTP status 307"),
    ] {
        assert_eq!(
            verdict(&order, answer.clone()).await,
            format!("unknown: {why}"),
            "{answer:.60}"
        );
    }
}

#[tokio::test]
async fn a_slow_bank_is_unknown() {
    let fake = fake(vec![Reaction::Hang]).await;
    let order = order(ACCOUNT, 3_000);
    let answer = withdraw_within(&fake.bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once() {
    let order = order(ACCOUNT, 3_000);
    let invalid = || Reaction::Send(ok(&json!({"rsp_code": "O0003"})));
    let unauthorized = || Reaction::Send(http("401 Unauthorized", ""));
    let taken = || Reaction::Send(ok(&success(&order)));
    for rejection in [invalid(), unauthorized()] {
        let fake = fake(vec![rejection, taken()]).await;
        assert_eq!(withdraw(&fake.bank, &order).await, "taken");
        assert_eq!(fake.orders.load(Ordering::SeqCst), 2);
        assert_eq!(fake.tokens.load(Ordering::SeqCst), 2);
    }
    let fake = fake(vec![invalid(), unauthorized(), taken()]).await;
    assert_eq!(withdraw(&fake.bank, &order).await, "not sent");
    assert_eq!(fake.orders.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_lost_second_attempt_is_unknown() {
    let order = order(ACCOUNT, 3_000);
    let invalid = Reaction::Send(ok(&json!({"rsp_code": "O0002"})));
    let fake = fake(vec![invalid, Reaction::Hang]).await;
    let answer = withdraw_within(&fake.bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
}

#[tokio::test]
async fn one_token_is_asked_for_at_a_time() {
    let order = order(ACCOUNT, 3_000);
    let fake = fake(vec![Reaction::Send(ok(&success(&order)))]).await;
    let bank = Arc::new(fake.bank);
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let (bank, order) = (bank.clone(), order.clone());
            tokio::spawn(async move { withdraw(&bank, &order).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "taken");
    }
    assert_eq!(fake.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_a_connection_nothing_is_sent() {
    let bank = OpenBanking::new(config("http://127.0.0.1:1")).unwrap();
    let order = order(ACCOUNT, 3_000);
    assert_eq!(withdraw(&bank, &order).await, "not sent");
    assert_eq!(inquire(&bank, &order).await, "unknown: bank not reached");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    // It takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bank = OpenBanking::new(config(&format!("http://{address}"))).unwrap();
    let order = order(ACCOUNT, 3_000);
    assert_eq!(withdraw_within(&bank, &order, SHORT_DEADLINE).await, "not sent");
}

#[tokio::test]
async fn an_inquiry_says_what_the_order_came_to() {
    let order = order(ACCOUNT, 3_000);
    let listed = |code: &str, item: Value| {
        ok(&json!({"rsp_code": code, "api_tran_id": "outer", "res_list": [item]}))
    };
    let with = |code: &str| spoilt(&order, "bank_rsp_code", json!(code));
    let other = spoilt(&order, "bank_tran_id", json!("M202600001U0000ZZZZZ"));
    for (answer, verdict) in [
        (listed("A0000", success(&order)), "taken"),
        (listed("A0000", with("420")), "refused 420 InvalidAccount"),
        (listed("A0000", with("S04")), "not found"),
        (ok(&json!({"rsp_code": "S04"})), "not found"),
        (listed("A0000", with("999")), "unknown: code A0000/999 is not listed"),
        (listed("A0000", other), "unknown: answer does not match the order"),
        // What the gateway says of the inquiry is not about the order.
        (ok(&json!({"rsp_code": "S58"})), "unknown: code S58/ is not listed"),
        (listed("S58", with("420")), "unknown: code S58/420 is not listed"),
        (ok(&json!({"rsp_code": "A0000", "res_list": []})), "unknown: code A0000/ is not listed"),
        (http("500 Internal Server Error", ""), "unknown: HTTP status 500"),
        (String::new(), "unknown: connection lost before the answer"),
    ] {
        let fake = fake(vec![Reaction::Send(answer.clone())]).await;
        assert_eq!(inquire(&fake.bank, &order).await, verdict, "{answer}");
    }
}

#[tokio::test]
async fn nothing_secret_prints() {
    let order = order(ACCOUNT, 3_000);
    let fake = fake(vec![Reaction::Send(ok(&success(&order)))]).await;
    fake.bank.withdraw(&order, DEADLINE).await;
    let printed = format!("{order:?} {:?}", fake.bank);
    for secret in ["김코나", "s3cret", "\"t0\""] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn bad_settings_are_refused() {
    for url in ["", "127.0.0.1:80", "ftp://x", "http://u:p@x", "http://x/path", "http://x/?q"] {
        assert!(OpenBanking::new(config(url)).is_err(), "{url}");
    }
    let refused = |change: fn(&mut bank::Config)| {
        let mut config = config("http://127.0.0.1:1");
        change(&mut config);
        assert!(OpenBanking::new(config).is_err());
    };
    refused(|config| config.institution_code = "short".to_owned());
    refused(|config| config.not_found_codes = ["000".to_owned()].into());
    refused(|config| config.token_rejected_codes = [String::new()].into());
    refused(|config| config.codes = [("A0000".to_owned(), bank::RefusalCause::Other)].into());
}

//! Deposits: the connector's message, and answers that no decent bank gives.

use std::sync::atomic::Ordering;

use crate::common::*;
use crate::fake::*;
use bank::{Bank, DepositAnswer, DepositOrder, InquiryAnswer, OpenBanking};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The bank's result of a deposit that was executed, for a test to spoil.
fn result(order: &DepositOrder) -> Value {
    json!({
        "tran_no": "1",
        "bank_tran_id": order.bank_tran_id.as_str(),
        "bank_tran_date": order.tran_date,
        "bank_rsp_code": "000",
        "fintech_use_num": order.fintech_use_num,
        "tran_amt": order.amount.to_string(),
    })
}

fn answer(rsp_code: &str, results: Value) -> Value {
    json!({"api_tran_id": "api-1", "rsp_code": rsp_code, "res_cnt": "1", "res_list": results})
}

fn spoilt(order: &DepositOrder, name: &str, value: Value) -> Value {
    let mut result = result(order);
    result[name] = value;
    result
}

/// The connector's verdict on an answer, which it may ask for once only.
async fn verdict(order: &DepositOrder, answer: String) -> String {
    let fake = fake(vec![Reaction::Send(answer)]).await;
    let verdict = deposit(&fake.bank, order).await;
    assert_eq!(fake.orders.load(Ordering::SeqCst), 1, "sent again after {verdict}");
    verdict
}

/// The body that the connector sent.
fn sent(fake: &Fake, path: &str) -> Value {
    let request = fake.last.lock().unwrap();
    assert!(request.starts_with(&format!("POST {path} ")), "{request}");
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_deposit_is_a_list_of_one() {
    let order = refund(ACCOUNT, 3_000);
    let fake = fake(vec![Reaction::Send(ok(&answer("A0000", json!([result(&order)]))))]).await;
    let given = fake.bank.deposit(&order, DEADLINE).await;
    assert_eq!(given, DepositAnswer::Given { api_tran_id: "api-1".to_owned() });
    let message = sent(&fake, "/v2.0/transfer/deposit/fin_num");
    assert_eq!(
        message,
        json!({
            "cntr_account_type": "N",
            "cntr_account_num": "10012345678",
            "wd_pass_phrase": "pa55phrase",
            "wd_print_content": "수수료환불",
            "name_check_option": "on",
            "tran_dtime": bank::kst_date_time(order.ordered_at_us),
            "req_cnt": "1",
            "req_list": [{
                "tran_no": "1",
                "bank_tran_id": order.bank_tran_id.as_str(),
                "fintech_use_num": ACCOUNT,
                "print_content": "수수료환불",
                "tran_amt": "3000",
                "req_client_name": "김코나",
                "req_client_fintech_use_num": ACCOUNT,
                "req_client_num": "1000000001",
                "transfer_purpose": "TR",
            }],
        })
    );
}

#[tokio::test]
async fn an_inquiry_tells_the_kind_of_the_order() {
    let withdrawal = order(ACCOUNT, 3_000).inquiry();
    let deposit = refund(ACCOUNT, 3_000).inquiry();
    for (inquiry, check_type) in [(withdrawal, "1"), (deposit, "2")] {
        let fake = fake(vec![Reaction::Send(ok(&json!({"rsp_code": "S04"})))]).await;
        assert_eq!(fake.bank.inquire(&inquiry, DEADLINE).await, InquiryAnswer::NotFound);
        let message = sent(&fake, "/v2.0/transfer/result");
        assert_eq!(message["check_type"], check_type);
        let asked = &message["req_list"][0];
        assert_eq!(asked["org_bank_tran_id"], inquiry.bank_tran_id.as_str());
        assert_eq!(asked["org_bank_tran_date"], inquiry.tran_date);
    }
}

#[tokio::test]
async fn only_a_complete_success_is_given() {
    let order = refund(ACCOUNT, 3_000);
    let one = |result: Value| ok(&answer("A0000", json!([result])));
    assert_eq!(verdict(&order, one(result(&order))).await, "given");
    assert_eq!(verdict(&order, one(spoilt(&order, "tran_amt", json!(3_000)))).await, "given");
    for (name, value) in [
        ("bank_tran_id", json!("M202600001U0000ZZZZZ")),
        ("bank_tran_id", Value::Null),
        ("tran_amt", json!("3001")),
        ("tran_amt", json!("")),
        ("tran_amt", json!([3_000])),
        ("bank_rsp_code", json!("")),
        ("bank_rsp_code", json!(0)),
        ("bank_rsp_code", json!("999")),
    ] {
        let verdict = verdict(&order, one(spoilt(&order, name, value.clone()))).await;
        assert!(verdict.starts_with("unknown: "), "{name} {value}: {verdict}");
    }
    // The bank's success outweighs any code of the gateway, that of a bad token too.
    for code in ["A0001", "A0007", "S59", "O0003", ""] {
        let verdict = verdict(&order, ok(&answer(code, json!([result(&order)])))).await;
        assert_eq!(verdict, "unknown: answer does not match the order", "{code}");
    }
}

#[tokio::test]
async fn only_the_one_result_counts() {
    let order = refund(ACCOUNT, 3_000);
    let (given, refused) = (result(&order), spoilt(&order, "bank_rsp_code", json!("412")));
    for results in [
        json!([given, given]),
        json!([refused, given]),
        json!([refused, refused]),
        json!(["000"]),
        json!([[given]]),
        given.clone(),
        json!("000"),
        json!(true),
    ] {
        for code in ["A0000", "S59", "O0003"] {
            let verdict = verdict(&order, ok(&answer(code, results.clone()))).await;
            assert_eq!(verdict, "unknown: answer has not one result", "{code} {results}");
        }
    }
    // Success outside of the list is none, and takes a refusal back.
    let mut flat = given.clone();
    flat["rsp_code"] = json!("A0000");
    let mismatch = "unknown: answer does not match the order";
    assert_eq!(verdict(&order, ok(&flat)).await, mismatch);
    flat["res_list"] = json!([refused]);
    assert_eq!(verdict(&order, ok(&flat)).await, mismatch);
}

#[tokio::test]
async fn only_a_listed_code_of_our_order_is_a_refusal() {
    let order = refund(ACCOUNT, 3_000);
    let refused = spoilt(&order, "bank_rsp_code", json!("412"));
    for code in ["A0000", "A0002"] {
        let verdict = verdict(&order, ok(&answer(code, json!([refused])))).await;
        assert_eq!(verdict, "refused 412 InvalidAccount");
    }
    for results in [Value::Null, json!([]), json!([{}])] {
        let verdict = verdict(&order, ok(&answer("S58", results))).await;
        assert_eq!(verdict, "refused S58 MessageError");
    }
    let by_gateway = json!({"rsp_code": "S58", "rsp_message": "tran_amt"});
    assert_eq!(verdict(&order, ok(&by_gateway)).await, "refused S58 MessageError");
    let mismatch = "unknown: answer does not match the order";
    let mut others = refused.clone();
    others["bank_tran_id"] = json!("M202600001U0000ZZZZZ");
    assert_eq!(verdict(&order, ok(&answer("A0002", json!([others])))).await, mismatch);
    let mut outside = by_gateway;
    outside["bank_tran_id"] = others["bank_tran_id"].clone();
    assert_eq!(verdict(&order, ok(&outside)).await, mismatch);
    let failed = answer("A0002", json!([refused])).to_string();
    let failed = http("500 Internal Server Error", &failed);
    assert_eq!(verdict(&order, failed).await, "unknown: HTTP status 500");
}

#[tokio::test]
async fn what_is_no_proper_answer_is_unknown() {
    let order = refund(ACCOUNT, 3_000);
    let success = answer("A0000", json!([result(&order)]));
    let whole = ok(&success);
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /v2.0/transfer/deposit/fin_num\
                    \r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for (answer, why) in [
        (String::new(), "connection lost before the answer"),
        ("HTTP/1.1 200".to_owned(), "connection lost before the answer"),
        (whole[..whole.len() - 1].to_owned(), "answer cut"),
        (http("200 OK", &long), "answer too long"),
        (http("200 OK", ""), "answer is no JSON object"),
        (http("200 OK", "[]"), "answer is no JSON object"),
        (http("200 OK", "{}"), "code / is not listed"),
        (http("200 OK", "{\"rsp_code\":\"A0000\"}"), "code A0000/ is not listed"),
        (http("200 OK", "{\"rsp_code\":\"<김코나>\"}"), "code / is not listed"),
        (http("503 Service Unavailable", ""), "HTTP status 503"),
        (http("404 Not Found", ""), "HTTP status 404"),
        (http("201 Created", &success.to_string()), "HTTP status 201"),
        (redirect.to_owned(), "HTTP status 307"),
    ] {
        let verdict = verdict(&order, answer.clone()).await;
        assert_eq!(verdict, format!("unknown: {why}"), "{answer:.60}");
    }
}

#[tokio::test]
async fn a_slow_bank_is_unknown() {
    let order = refund(ACCOUNT, 3_000);
    let slow = fake(vec![Reaction::Hang]).await;
    let late = "unknown: no answer in time";
    assert_eq!(deposit_within(&slow.bank, &order, SHORT_DEADLINE).await, late);
    let invalid = Reaction::Send(ok(&json!({"rsp_code": "O0002"})));
    let slow = fake(vec![invalid, Reaction::Hang]).await;
    assert_eq!(deposit_within(&slow.bank, &order, SHORT_DEADLINE).await, late);
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once() {
    let order = refund(ACCOUNT, 3_000);
    let invalid = || Reaction::Send(ok(&json!({"rsp_code": "O0003", "res_list": []})));
    let unauthorized = || Reaction::Send(http("401 Unauthorized", ""));
    let given = || Reaction::Send(ok(&answer("A0000", json!([result(&order)]))));
    for rejection in [invalid(), unauthorized()] {
        let fake = fake(vec![rejection, given()]).await;
        assert_eq!(deposit(&fake.bank, &order).await, "given");
        assert_eq!(fake.orders.load(Ordering::SeqCst), 2);
        assert_eq!(fake.tokens.load(Ordering::SeqCst), 2);
    }
    let fake = fake(vec![invalid(), unauthorized(), given()]).await;
    assert_eq!(deposit(&fake.bank, &order).await, "not sent");
    assert_eq!(fake.orders.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn without_a_connection_or_a_token_nothing_is_sent() {
    let order = refund(ACCOUNT, 3_000);
    let bank = OpenBanking::new(config("http://127.0.0.1:1")).unwrap();
    assert_eq!(deposit(&bank, &order).await, "not sent");
    assert_eq!(inquire(&bank, &order).await, "unknown: bank not reached");
    // It takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bank = OpenBanking::new(config(&format!("http://{address}"))).unwrap();
    assert_eq!(deposit_within(&bank, &order, SHORT_DEADLINE).await, "not sent");
}

#[tokio::test]
async fn nothing_secret_prints() {
    let order = refund(ACCOUNT, 3_000);
    let fake = fake(vec![Reaction::Send(ok(&answer("A0000", json!([result(&order)]))))]).await;
    fake.bank.deposit(&order, DEADLINE).await;
    let printed = format!("{order:?} {:?}", fake.bank);
    for secret in ["김코나", "s3cret", "pa55phrase", "\"t0\""] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

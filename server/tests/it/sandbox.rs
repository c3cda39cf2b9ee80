//! The sandbox's own operations, asked badly.

use serde_json::Value;

use crate::outage::scenario_request;
use crate::raw::Raw;
use crate::support::{
    REISSUE, TestServer, change, code, on_each_database, on_each_engine, on_sqlite, quick,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_badly_is_refused() {
    on_each_engine(async |server, _, _| {
        for (path, body, status) in [
            ("scenarios/prepaid-card.reissue/none/arm", "", 404),
            ("scenarios/none/reissued/arm", "", 404),
            ("scenarios/%00/%00/arm", "", 404),
            ("scenarios/%ff/%ff/arm", "", 404),
            ("members/x/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/-1/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/99999999999999999999/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/18446744073709551615/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/9223372036854775807/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/0/bank-behaviour", r#"{"behaviour":"answer"}"#, 404),
            ("members/1/bank-behaviour", r#"{"behaviour":"\u0000"}"#, 400),
            ("members/1/bank-behaviour", r#"{"behaviour":"delay:-1"}"#, 400),
            ("members/1/bank-behaviour", r#"{"behaviour":"answer","x":1}"#, 400),
            ("members/1/bank-behaviour", "", 400),
            ("members/1/bank-behaviour", "[", 400),
            ("deliveries/0/advance", "", 404),
            ("deliveries/%00/advance", "", 404),
            ("deliveries/%F0%9F%98%80/advance", "", 404),
            ("deliveries/0/advance", r#"{"state":"\u0000"}"#, 400),
            ("deliveries/0/advance", r#"{"state":1}"#, 400),
            ("deliveries/0/advance", "null", 400),
        ] {
            let raw = Raw::plain(&server, &format!("/sandbox/v1/{path}"), body);
            let answer = raw.send(&server).await;
            assert_eq!(answer.status, status, "{path} {body} {}", answer.json());
        }
        let long = format!("{{\"state\":\"{}\"}}", "x".repeat(5_000));
        let raw = Raw::plain(&server, "/sandbox/v1/deliveries/0/advance", long);
        assert_eq!(raw.send(&server).await.status, 400);
    })
    .await;
}

/// A page whose name was made to lead to this machine is not the developer.
#[tokio::test(flavor = "multi_thread")]
async fn another_host_name_is_not_served() {
    on_sqlite(quick(), async |server| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/sandbox/v1/scenarios", server.url);
        for (host, status) in
            [("evil.example", 403), ("127.0.0.1.evil.example:80", 403), ("localhost:1", 200)]
        {
            let answer = http.get(&url).header("Host", host).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{host}");
        }
        let arm = format!("{url}/prepaid-card.reissue/reissued/arm");
        for (origin, status) in [
            (None, 200),
            (Some(server.url.as_str()), 200),
            (Some("http://evil.example"), 403),
            (Some("http://127.0.0.1.evil.example"), 403),
            (Some("null"), 403),
        ] {
            let mut request = http.post(&arm);
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{origin:?}");
        }
    })
    .await;
}

/// Rows of what every sandbox is given.
const GIVEN: &str = "SELECT (SELECT COUNT(*) FROM product WHERE asp_id = $1)
    + (SELECT COUNT(*) FROM number_range WHERE asp_id = $1)
    + (SELECT COUNT(*) FROM merchant WHERE asp_id = $1)
    + (SELECT COUNT(*) FROM terms WHERE asp_id = $1)
    + (SELECT COUNT(*) FROM member WHERE asp_id = $1)
    + (SELECT COUNT(*) FROM bank_account WHERE asp_id = $1)";

/// The sandbox becomes one of a version that had not got all of this.
async fn make_older(server: &TestServer, scenario: &Value) {
    let user = scenario["userInfo"]["userId"].as_u64().unwrap();
    let of_user = format!("DELETE FROM member WHERE asp_id = $1 AND user_id = {user}");
    for sql in [
        of_user.leak(),
        "DELETE FROM member WHERE asp_id = $1 AND user_id = 50000104652",
        "DELETE FROM bank_account WHERE asp_id = $1 AND user_id = 50000104652",
        "DELETE FROM product WHERE asp_id = $1 AND service_id = '000170000002007'",
        "DELETE FROM number_range WHERE asp_id = $1 AND service_id = '000170000002007'",
        "DELETE FROM merchant WHERE asp_id = $1 AND merchant_id = '410121137754301'",
        "DELETE FROM terms WHERE asp_id = $1 AND terms_id = '29184'",
        // Such a version noted all members together. The facts are the platform's, not $1's.
        "DELETE FROM platform_fact WHERE asp_id <> $1 AND name LIKE 'seeded-%'",
    ] {
        change(server, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_sandbox_gets_what_is_new_and_keeps_what_was_played() {
    on_each_database(async |target, bank| {
        let start = async || TestServer::start(&target, &bank, quick()).await;
        let request = |name| scenario_request("prepaid-card.reissue", name);
        let (played, new) = (request("reissued"), request("mobile-only"));
        let server = start().await;
        let given = server.number(GIVEN).await;
        assert_eq!(code(&server.call(REISSUE, &played).await), "000_000");
        make_older(&server, &new).await;
        assert_ne!(server.number(GIVEN).await, given);
        server.stop().await;

        let server = start().await;
        assert_eq!(server.number(GIVEN).await, given);
        assert_ne!(code(&server.call(REISSUE, &played).await), "000_000", "it was armed again");
        assert_eq!(code(&server.call(REISSUE, &new).await), "000_000");
        server.stop().await;

        // And a start at which nothing is new changes nothing.
        let server = start().await;
        for request in [&played, &new] {
            assert_ne!(code(&server.call(REISSUE, request).await), "000_000", "armed again");
        }
        server.stop().await;
    })
    .await;
}

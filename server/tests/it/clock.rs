//! The sandbox's clock of business moves; what is about calls does not.

use std::time::Duration;

use domain::{AspId, Timestamp};
use platen::audit::content;
use platen::audit::sealer::round;
use platen::audit::verify::{Break, Report, verify};
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::ops::prepaid_card::renew;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::Bank;
use platen::sandbox::world::products::FREE;
use platen::settings::Settings;
use serde_json::{Value, json};
use store::{Tx, TxError};

use crate::given::{given, given_of, mobile_only, new_id};
use crate::raw::Raw;
use crate::support::{REISSUE, TestServer, change, code, on_each_database, on_each_engine, quick};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

async fn ask(server: &TestServer, method: &str, body: &str) -> (u16, Value) {
    let raw = Raw::plain(server, "/sandbox/v1/clock", body).by(method);
    let answer = raw.send(server).await;
    (answer.status, answer.json())
}

async fn report(server: &TestServer) -> Report {
    round(&server.app).await.unwrap();
    let (store, core) = (server.app.store.clone(), server.app.core.clone());
    let report = move || verify(&store, &core.keys, &AspId::new(ASP_ID), None).unwrap();
    crate::support::aside(report).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_moves_for_every_server_and_stays() {
    on_each_database(async |target, bank| {
        let one = TestServer::start(&target, &bank, quick()).await;
        let two = TestServer::start(&target, &bank, quick()).await;
        let world = given_of(&one, &bank, FREE).await;
        let (id, body) = (new_id(), mobile_only(&world));
        let before = one.call_as(REISSUE, &body, Some(&id)).await;
        assert_eq!(code(&before), "000_000");

        let (status, told) = ask(&one, "POST", r#"{"forwardDays":400}"#).await;
        assert_eq!((status, &told["aheadSeconds"]), (200, &json!(400 * 86_400)), "{told}");
        assert_ne!(told["realTime"], told["businessTime"]);
        for _ in 0..50 {
            if two.app.shift.us() > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(two.app.shift.us(), 400 * DAY_US);

        // Calls go by the real clock: the client's time is accepted, the same call recognised.
        for server in [&one, &two] {
            let again = server.call_as(REISSUE, &body, Some(&id)).await;
            assert_eq!((again.status, &again.body_clear), (before.status, &before.body_clear));
        }
        let other = given_of(&two, &bank, FREE).await;
        assert_eq!(code(&two.call(REISSUE, &mobile_only(&other)).await), "000_000");
        let shifted = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND clock_shift_us = 34560000000000";
        assert!(one.number(shifted).await >= 3);
        let moved = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND event = 'sandbox.clock_moved'";
        assert_eq!(one.number(moved).await, 1);
        assert_eq!(report(&one).await.breaks, []);
        one.stop().await;
        two.stop().await;

        let next = TestServer::start(&target, &bank, quick()).await;
        assert_eq!(next.app.shift.us(), 400 * DAY_US);
        let (status, told) = ask(&next, "GET", "").await;
        assert_eq!((status, &told["aheadSeconds"]), (200, &json!(400 * 86_400)));
        next.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_forward_only() {
    on_each_engine(async |server, _, _| {
        for wrong in [
            "",
            "{}",
            r#"{"forwardDays":0}"#,
            r#"{"forwardDays":-1}"#,
            r#"{"forwardDays":3654}"#,
            r#"{"forwardDays":9223372036854775807}"#,
            r#"{"forwardDays":1.5}"#,
            r#"{"forwardDays":1,"forwardTo":"20300101000000"}"#,
            r#"{"forwardTo":"20200101000000"}"#,
            r#"{"forwardTo":"99990101000000"}"#,
            r#"{"forwardTo":"2030"}"#,
            r#"{"back":1}"#,
        ] {
            let (status, told) = ask(&server, "POST", wrong).await;
            assert_eq!(status, 400, "{wrong}: {told}");
        }
        assert_eq!(server.app.shift.us(), 0);
        let to = Timestamp(server.app.now().0 + 10 * DAY_US).seoul_text();
        let (status, told) = ask(&server, "POST", &json!({ "forwardTo": to }).to_string()).await;
        assert_eq!((status, &told["businessTime"]), (200, &json!(to)));
        let back = Timestamp(server.app.now().0 - DAY_US).seoul_text();
        let (status, _) = ask(&server, "POST", &json!({ "forwardTo": back }).to_string()).await;
        assert_eq!(status, 400);
    })
    .await;
}

/// An order that the bank has not answered is as old as the real clock says: it may be executed
/// yet, however far business has been moved meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_on_its_way_is_not_given_up_for_it() {
    on_each_database(async |target, bank| {
        let settings = Settings { bank_order_lifetime_ms: 600_000, ..quick() };
        let server = TestServer::start(&target, &bank, settings).await;
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("disconnect")).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_055");
        let (status, _) = ask(&server, "POST", r#"{"forwardDays":400}"#).await;
        assert_eq!(status, 200);
        while asked_in_vain(&server).await < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(server.state(world.user_id()).await, "COST_PAYING");
        server.stop().await;
    })
    .await;
}

/// How often the bank has said that it does not know an order.
async fn asked_in_vain(server: &TestServer) -> u64 {
    let metrics = Raw::plain(server, "/metrics", "").by("GET").send(server).await;
    let text = String::from_utf8(metrics.body).unwrap();
    let count = r#"platen_bank_answers_total{outcome="not_found"} "#;
    let line = text.lines().find_map(|line| line.strip_prefix(count));
    line.map_or(0, |count| count.parse().unwrap())
}

/// An armed card is valid by the clock of business.
#[tokio::test(flavor = "multi_thread")]
async fn scenarios_are_armed_by_it() {
    on_each_engine(async |server, bank, _| {
        ask(&server, "POST", r#"{"forwardDays":3650}"#).await;
        let world = given(&server, &bank, |world| {
            world.expires = platen::sandbox::world::Expires::Within30Days;
        })
        .await;
        let renewed =
            server.call("/api/v1/prepay-card/expired/reissue", &renew::renewal(&world)).await;
        assert_eq!(code(&renewed), "000_000");
    })
    .await;
}

/// The shift of a row is sealed with it; a row without one has the digest that it always had.
#[tokio::test(flavor = "multi_thread")]
async fn the_seal_covers_it() {
    on_each_engine(async |server, _, _| {
        ask(&server, "POST", r#"{"forwardDays":1}"#).await;
        assert_eq!(report(&server).await.breaks, []);
        change(
            &server,
            "UPDATE operation_log SET clock_shift_us = clock_shift_us + 1
             WHERE asp_id = $1 AND event = 'sandbox.clock_moved'",
        )
        .await;
        let breaks = report(&server).await.breaks;
        assert!(matches!(breaks[..], [Break::RowChanged { .. }]), "{breaks:?}");
        change(
            &server,
            "UPDATE operation_log SET clock_shift_us = 0
             WHERE asp_id = $1 AND event = 'sandbox.clock_moved'",
        )
        .await;
        assert_eq!(report(&server).await.breaks.len(), 1);

        let key = crypto::digest::DigestKey::new(1, &crypto::secret::Secret::new([7; 32]));
        let expected = key.digest(
            "platen.audit.row.v1",
            &[
                ASP_ID.as_bytes(),
                &999_999_i64.to_be_bytes(),
                b"test",
                b"x.y",
                b"000_000",
                b"-",
                b"me",
                b"{}",
                &5_i64.to_be_bytes(),
                &[],
            ],
        );
        let write = move |tx: &mut Tx<'_>| -> Result<Vec<(i64, Vec<u8>)>, TxError<()>> {
            tx.execute(
                "INSERT INTO operation_log (asp_id, log_id, operation, event, code,
                     correlation_id, subject, payload, happened_at, sealed_in)
                 VALUES ($1, 999999, 'test', 'x.y', '000_000', '-', 'me', '{}', 5, 777777)",
                &[ASP_ID.into()],
            )?;
            Ok(content::entries(tx, &AspId::new(ASP_ID), 777_777, &key, 9)?)
        };
        let entries = server.app.store.write(write).await.unwrap();
        assert_eq!(entries, [(999_999, expected[..16].to_vec())]);
    })
    .await;
}

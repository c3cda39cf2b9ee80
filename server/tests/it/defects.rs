//! Reports of defective plastic: told once, and what they make of the next reissue.

use platen::audit::sealer::round;
use platen::op::Operation;
use platen::ops::platen::defect_report::{DefectReport, request};
use platen::ops::platen::events::Events;
use platen::ops::platen::reissue_quote::ReissueQuote;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::products::ALL_FEES;
use platen::sandbox::world::{Also, Card, World};
use serde_json::{Value, json};

use crate::given::{by_number, change, given};
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine};

const REPORT: &str = DefectReport::SPEC.path;

/// A member's card in use, with plastic.
async fn with_a_card(server: &TestServer, bank: &TestBank) -> World {
    given(server, bank, |world| {
        world.card = Card::Active;
        world.product = ALL_FEES;
        world.also = vec![Also::Plastic];
    })
    .await
}

async fn reported_at(server: &TestServer, world: &World) -> String {
    let sql = "SELECT defect_reported_at FROM card_account WHERE asp_id = $1 AND user_id = $2";
    server.row(sql, &[world.user_id().into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_is_reported_once() {
    on_each_engine(async |server, bank, _| {
        let world = with_a_card(&server, &bank).await;
        assert_eq!(reported_at(&server, &world).await, "-");
        assert_eq!(code(&server.call(REPORT, &request(&world)).await), "000_000");
        let at = reported_at(&server, &world).await;
        assert_ne!(at, "-");
        let other = json!({
            "userId": world.user_id(), "cardNo": world.plastic_no(), "reason": "PRINT",
        });
        assert_eq!(code(&server.call(REPORT, &other).await), "000_000");
        assert_eq!(reported_at(&server, &world).await, at);
        // In use as before: a reissue still needs the report of a loss.
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_901");
        round(&server.app).await.unwrap();
        let feed: Value = server.call(Events::SPEC.path, &json!({})).await.json().unwrap();
        let of = |event: &&Value| event["userId"] == world.user_id();
        let events: Vec<&Value> = feed["events"].as_array().unwrap().iter().filter(of).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["type"], "card.defect_reported");
        assert_eq!(events[0]["reason"], "CHIP");
        assert_eq!(events[0]["pars"].as_array().unwrap().len(), 2);
        assert!(events[0]["pars"].as_array().unwrap().contains(&json!(world.par())));
    })
    .await;
}

/// The same card is reported by many calls at once: one of them is the report.
#[tokio::test(flavor = "multi_thread")]
async fn many_reports_at_once_are_one() {
    on_each_engine(async |server, bank, _| {
        let world = with_a_card(&server, &bank).await;
        let mut calls = Vec::new();
        for reason in ["CHIP", "PRINT", "DAMAGED", "OTHER"].repeat(3) {
            let server = std::sync::Arc::clone(&server);
            let body = json!({
                "userId": world.user_id(), "cardNo": world.card_no(), "reason": reason,
            });
            calls.push(tokio::spawn(
                async move { code(&server.call(REPORT, &body).await).to_owned() },
            ));
        }
        for call in calls {
            assert_eq!(call.await.unwrap(), "000_000");
        }
        let rows = "SELECT COUNT(*) FROM operation_log l JOIN card_account a
             ON a.asp_id = l.asp_id AND CAST(a.account_id AS TEXT) = l.subject
             WHERE l.asp_id = $1 AND a.user_id = $2 AND l.event = 'card.defect_reported'";
        assert_eq!(server.row(rows, &[world.user_id().into()]).await, "1");
    })
    .await;
}

/// A defect is made good for nothing, and the first reissue for a loss is free all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_defect_does_not_use_up_the_first_reissue() {
    on_each_engine(async |server, bank, _| {
        let world = with_a_card(&server, &bank).await;
        assert_eq!(code(&server.call(REPORT, &request(&world)).await), "000_000");
        let mut number = world.card_no();
        for (fee, waiver) in
            [(0, json!("DEFECTIVE_CARD")), (0, json!("FIRST_REISSUE")), (3_000, Value::Null)]
        {
            let mut suspend = change(&world, "SUSPEND");
            suspend["cardNo"] = json!(number);
            assert_eq!(code(&server.call(STATE, &suspend).await), "000_000");
            let asked = by_number(&world, &number);
            let quote = server.call(ReissueQuote::SPEC.path, &asked).await;
            let quote: Value = quote.json().unwrap();
            assert_eq!((&quote["fee"], &quote["waiver"]), (&json!(fee), &waiver), "{quote}");
            let done = server.call(REISSUE, &asked).await;
            assert_eq!(code(&done), "000_000");
            let done: Value = done.json().unwrap();
            number = done["mobileCardNo"].as_str().unwrap().to_owned();
        }
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
    })
    .await;
}

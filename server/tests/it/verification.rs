//! Guessing at a card's CVC and expiry, at one server and at two on one database.

use std::sync::Arc;

use client::{Encryption, Exchange};
use crypto::jwe::Enc;
use platen::ops::BASE;
use platen::sandbox::world::{GIVEN_EXPIRY_YYMM, World};
use platen::verification::FAILURES_MAX;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{TestServer, change, code, on_each_engine, quick};

const OPERATION: &str = "prepaid-card.unregistered-info";
const INFO: &str = "/api/v1/unregister/card/info";
/// Guesses at once.
const GUESSES: usize = 20;

/// The plastic of the scenario `found`.
fn plastic() -> World {
    World::new(301)
}

fn guess(cvc: &str, expiry: &str) -> Value {
    json!({ "cardNo": plastic().card_no(), "expiryDate": expiry, "cardCVC": cvc })
}

fn right() -> Value {
    guess(&plastic().given_cvc(), GIVEN_EXPIRY_YYMM)
}

/// The nth of many wrong ones.
fn wrong(n: usize) -> Value {
    guess(&format!("{:03}", 500 + n), GIVEN_EXPIRY_YYMM)
}

async fn is_right(server: &TestServer) -> bool {
    let exchange = server.call(INFO, &right()).await;
    match code(&exchange) {
        "000_000" => true,
        "003_001" => false,
        other => panic!("{other}"),
    }
}

async fn refused(server: &TestServer, body: &Value) -> Exchange {
    let exchange = server.call(INFO, body).await;
    assert_eq!((exchange.status, code(&exchange)), (400, "003_001"), "{body}");
    exchange
}

/// How often this was logged of the plastic since it was armed.
async fn logged(server: &TestServer, event: &'static str) -> i64 {
    let sql = "SELECT COUNT(*) FROM operation_log l JOIN card c
             ON c.asp_id = l.asp_id AND l.subject = 'card:' || CAST(c.card_id AS TEXT)
         WHERE l.asp_id = $1 AND l.event = $2 AND c.account_id IS NULL
             AND l.replay_key IS NULL AND l.code = '003_001'";
    server.row(sql, &[event.into()]).await.parse().unwrap()
}

async fn arm(server: &TestServer) {
    server.arm(OPERATION, "found").await;
    assert_eq!(logged(server, "card.check_failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fifth_wrong_guess_locks_the_check_of_that_card() {
    on_each_engine(async |server, _, _| {
        arm(&server).await;
        let unknown = json!({ "cardNo": World::new(305).card_no(), "expiryDate": "3108",
            "cardCVC": "305" });
        let unknown = refused(&server, &unknown).await;
        for n in 0..4 {
            let said = refused(&server, &wrong(n)).await;
            assert_eq!(said.body_clear, unknown.body_clear);
            // Sent again, by a client that has not heard the answer, it counts once.
            refused(&server, &wrong(n)).await;
        }
        assert_eq!(logged(&server, "card.check_failed").await, 4);
        assert_eq!(logged(&server, "card.check_locked").await, 0);
        // An expiry counts like a CVC.
        refused(&server, &guess(&plastic().given_cvc(), "3109")).await;
        assert_eq!(logged(&server, "card.check_locked").await, 1);
        let locked = refused(&server, &right()).await;
        assert_eq!(locked.body_clear, unknown.body_clear);
        refused(&server, &wrong(9)).await;
        assert_eq!(logged(&server, "card.check_failed").await, 4, "a locked check counts nothing");
        // Another card's check is not locked.
        server.arm(OPERATION, "wrong-cvc").await;
        let other = World::new(303);
        let other = json!({ "cardNo": other.card_no(), "expiryDate": GIVEN_EXPIRY_YYMM,
            "cardCVC": other.given_cvc() });
        assert_eq!(code(&server.call(INFO, &other).await), "000_000");
        // A day later.
        let day = "UPDATE card_check SET failed_at = failed_at - 86400000000 WHERE asp_id = $1";
        change(&server, day).await;
        assert!(is_right(&server).await);
        assert_eq!(
            server
                .row(
                    "SELECT COUNT(*) FROM card_check
             WHERE asp_id = $1 AND card_id <> 0",
                    &[]
                )
                .await,
            "0"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_answer_before_the_fifth_begins_anew() {
    on_each_engine(async |server, _, _| {
        arm(&server).await;
        for round in 0..3 {
            for n in 0..4 {
                refused(&server, &wrong(10 * round + n)).await;
            }
            assert!(is_right(&server).await);
        }
        assert_eq!(logged(&server, "card.check_failed").await, 12);
        assert_eq!(logged(&server, "card.check_locked").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_five_are_looked_at() {
    on_each_engine(async |server, bank, target| {
        let second = TestServer::start(&target, &bank, quick()).await;
        arm(&server).await;
        let both = [&*server, &second];
        at_once(both).await;
        assert_eq!(logged(&server, "card.check_failed").await, FAILURES_MAX - 1);
        assert_eq!(logged(&server, "card.check_locked").await, 1);
        let sql = "SELECT failures FROM card_check WHERE asp_id = $1 AND card_id <> 0";
        assert_eq!(server.number(sql).await, FAILURES_MAX);
        assert!(!is_right(both[0]).await && !is_right(both[1]).await, "locked at both");
        second.stop().await;
    })
    .await;
}

/// Wrong guesses at the same moment, each another one; the servers take turns.
async fn at_once(both: [&TestServer; 2]) {
    let barrier = Arc::new(Barrier::new(GUESSES));
    let mut running = JoinSet::new();
    for n in 0..GUESSES {
        let (barrier, client) = (Arc::clone(&barrier), both[n % 2].client.clone());
        running.spawn(async move {
            let (path, body) = (format!("{BASE}{INFO}"), wrong(n).to_string());
            let encrypted = Encryption::Encrypted(Enc::A256Gcm);
            let prepared = client.prepare(&path, &body, encrypted, None).unwrap();
            barrier.wait().await;
            client.send(&prepared).await.unwrap()
        });
    }
    for exchange in running.join_all().await {
        assert_eq!(code(&exchange), "003_001");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_that_may_not_be_checked_are_told_from_unknown_ones_by_nothing() {
    on_each_engine(async |server, _, _| {
        server.arm(OPERATION, "registered-card").await;
        let member = World::new(306);
        let (mut said, sql) = (
            Vec::new(),
            "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND event LIKE 'card.check%'",
        );
        for number in [member.card_no(), World::new(9).card_no(), "9491339503010000".to_owned()] {
            for n in 0..7 {
                let body = json!({ "cardNo": number, "expiryDate": GIVEN_EXPIRY_YYMM,
                    "cardCVC": format!("{n:03}") });
                said.push(refused(&server, &body).await.body_clear);
            }
        }
        said.dedup();
        assert_eq!(said.len(), 1);
        assert_eq!(server.number(sql).await, 0, "no card was checked");
        arm(&server).await;
        assert!(is_right(&server).await, "guesses at no card lock none");
    })
    .await;
}

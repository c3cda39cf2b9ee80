//! The connector against the simulator, in each of its behaviours.

use std::time::{Duration, Instant};

use crate::common::*;
use bank::sim::{OrderState, Scope};
use bank::{Gateway, OpenBanking};
use tempfile::TempDir;

const FEE: u64 = 3_000;
const PROCESSING: &str = "unknown: code A0007/ is not listed";

async fn sim(behaviour: &str) -> (TempDir, Running, OpenBanking) {
    let folder = TempDir::new().unwrap();
    let sim = start(&folder.path().join("bank.db")).await.unwrap();
    sim.put(ACCOUNT, 10_000, behaviour).await;
    let bank = sim.connector();
    (folder, sim, bank)
}

#[tokio::test]
async fn the_money_is_taken_once() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = order(ACCOUNT, FEE);
    for _ in 0..3 {
        assert_eq!(withdraw(&bank, &order).await, "taken");
        assert_eq!(inquire(&bank, &order).await, "taken");
    }
    assert_eq!(sim.balance().await, 7_000);
    let totals = sim.admin.totals().await.unwrap();
    assert_eq!((totals.count, totals.amount), (1, 3_000));
}

#[tokio::test]
async fn an_id_is_not_given_to_another_order() {
    let (_folder, sim, bank) = sim("answer").await;
    let first = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &first).await, "taken");
    let dearer = bank::WithdrawOrder { amount: FEE + 1, ..first.clone() };
    assert_eq!(withdraw(&bank, &dearer).await, "refused S58 MessageError");
    let other = bank::WithdrawOrder { fintech_use_num: "9".repeat(24), ..first.clone() };
    assert_eq!(withdraw(&bank, &other).await, "refused S58 MessageError");
    // An inquiry with another amount says nothing about the order.
    assert_eq!(inquire(&bank, &dearer).await, "unknown: code S58/ is not listed");
    assert_eq!(sim.balance().await, 7_000);
}

#[tokio::test]
async fn an_account_short_of_money_is_refused() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = order(ACCOUNT, 10_001);
    assert_eq!(withdraw(&bank, &order).await, "refused S56 InsufficientBalance");
    assert_eq!(inquire(&bank, &order).await, "refused S56 InsufficientBalance");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn an_unknown_account_is_refused() {
    let (_folder, _sim, bank) = sim("answer").await;
    let order = order("999", FEE);
    assert_eq!(withdraw(&bank, &order).await, "refused 412 InvalidAccount");
    assert_eq!(inquire(&bank, &order).await, "refused 412 InvalidAccount");
}

#[tokio::test]
async fn every_listed_code_is_its_refusal() {
    let (_folder, sim, bank) = sim("answer").await;
    for (code, cause) in bank::default_codes() {
        sim.set(&format!("refuse:{code}"), Scope::Next).await;
        let order = order(ACCOUNT, FEE);
        let refused = format!("refused {code} {cause:?}");
        assert_eq!(withdraw(&bank, &order).await, refused);
        assert_eq!(inquire(&bank, &order).await, refused);
    }
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn a_code_that_is_not_listed_is_unknown() {
    let (_folder, _sim, bank) = sim("refuse:999").await;
    let order = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &order).await, "unknown: code A0002/999 is not listed");
    assert_eq!(inquire(&bank, &order).await, "unknown: code A0000/999 is not listed");
}

#[tokio::test]
async fn money_taken_in_silence_is_found_by_inquiry() {
    let (_folder, sim, bank) = sim("take_silently").await;
    let order = order(ACCOUNT, FEE);
    let answer = withdraw_within(&bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
    assert_eq!(inquire(&bank, &order).await, "taken");
    assert_eq!(sim.balance().await, 7_000);
}

#[tokio::test]
async fn silence_does_not_delay_the_end() {
    let (_folder, sim, bank) = sim("take_silently").await;
    let silent = order(ACCOUNT, FEE);
    let waiting = tokio::spawn(async move { withdraw(&bank, &silent).await });
    while sim.balance().await == 10_000 {}
    let asked = Instant::now();
    sim.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(waiting.await.unwrap(), "unknown: connection lost before the answer");
}

#[tokio::test]
async fn a_held_order_is_executed_when_the_account_is_released() {
    let (_folder, sim, bank) = sim("hold").await;
    let order = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &order).await, PROCESSING);
    assert_eq!(withdraw(&bank, &order).await, PROCESSING);
    assert_eq!(inquire(&bank, &order).await, PROCESSING);
    assert_eq!(sim.balance().await, 10_000);
    sim.set("answer", Scope::Account).await;
    assert_eq!(inquire(&bank, &order).await, "taken");
    assert_eq!(inquire(&bank, &order).await, "taken");
    assert_eq!(withdraw(&bank, &order).await, "taken");
    assert_eq!(sim.balance().await, 7_000);
}

#[tokio::test]
async fn a_held_order_can_end_refused() {
    let (_folder, sim, bank) = sim("hold").await;
    let orders = [order(ACCOUNT, FEE), order(ACCOUNT, 10_001)];
    for order in &orders {
        assert_eq!(withdraw(&bank, order).await, PROCESSING);
    }
    sim.set("refuse:S54", Scope::Account).await;
    assert_eq!(inquire(&bank, &orders[0]).await, "refused S54 WithdrawFailed");
    sim.set("answer", Scope::Account).await;
    assert_eq!(inquire(&bank, &orders[0]).await, "refused S54 WithdrawFailed");
    assert_eq!(inquire(&bank, &orders[1]).await, "refused S56 InsufficientBalance");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn one_call_held_stays_held_until_the_account_is_set() {
    let (_folder, sim, bank) = sim("answer").await;
    sim.set("hold", Scope::Next).await;
    let held = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &held).await, PROCESSING);
    assert_eq!(withdraw(&bank, &order(ACCOUNT, FEE)).await, "taken");
    assert_eq!(inquire(&bank, &held).await, PROCESSING);
    assert_eq!(sim.admin.orders(&held.bank_tran_id).await.unwrap()[0].state, OrderState::Held);
    sim.set("answer", Scope::Account).await;
    assert_eq!(inquire(&bank, &held).await, "taken");
}

#[tokio::test]
async fn an_account_put_back_has_no_orders() {
    let (_folder, sim, bank) = sim("answer").await;
    let taken = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &taken).await, "taken");
    sim.set("hold", Scope::Account).await;
    let held = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &held).await, PROCESSING);
    sim.put(ACCOUNT, 10_000, "answer").await;
    assert_eq!(inquire(&bank, &held).await, "not found");
    assert_eq!(inquire(&bank, &taken).await, "not found");
    assert_eq!(sim.admin.totals().await.unwrap().count, 0);
}

#[tokio::test]
async fn a_delayed_answer_is_final_at_its_time() {
    let (_folder, sim, bank) = sim("delay:700").await;
    let order = order(ACCOUNT, FEE);
    let answer = withdraw_within(&bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
    assert_eq!(inquire(&bank, &order).await, PROCESSING);
    let state = sim.admin.orders(&order.bank_tran_id).await.unwrap()[0].state;
    assert_eq!(state, OrderState::Pending);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(inquire(&bank, &order).await, "taken");
    assert_eq!(withdraw(&bank, &crate::common::order(ACCOUNT, FEE)).await, "taken");
    assert_eq!(sim.balance().await, 4_000);
}

#[tokio::test]
async fn a_cut_connection_leaves_no_order() {
    let (_folder, sim, bank) = sim("answer").await;
    sim.set("disconnect", Scope::Next).await;
    let order = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &order).await, "unknown: connection lost before the answer");
    assert_eq!(inquire(&bank, &order).await, "not found");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn an_http_error_after_the_taking_is_unknown() {
    let (_folder, sim, bank) = sim("error500").await;
    let order = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &order).await, "unknown: HTTP status 500");
    assert_eq!(inquire(&bank, &order).await, "taken");
    assert_eq!(sim.balance().await, 7_000);
}

#[tokio::test]
async fn an_account_behind_another_gateway_is_reached_there_only() {
    let (_folder, sim, _) = sim("answer").await;
    let gateway = |prefix: &str, base_url: &str| Gateway {
        fintech_prefix: prefix.to_owned(),
        base_url: base_url.to_owned(),
    };
    // Port 1 is never listened on.
    let mut config = config("http://127.0.0.1:1");
    config.gateways = vec![
        gateway("12", "http://127.0.0.1:1/"),
        gateway("12022", &format!("http://{}/", sim.address)),
    ];
    let bank = OpenBanking::new(config).unwrap();
    assert_eq!(withdraw(&bank, &order(ACCOUNT, FEE)).await, "taken");
    for number in ["129", "9"] {
        let order = order(number, FEE);
        assert_eq!(withdraw(&bank, &order).await, "not sent");
        assert_eq!(inquire(&bank, &order).await, "unknown: bank not reached");
    }
}

#[tokio::test]
async fn an_order_of_another_day_is_not_sent() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = bank::WithdrawOrder { tran_date: "20251231".to_owned(), ..order(ACCOUNT, FEE) };
    assert_eq!(withdraw(&bank, &order).await, "not sent");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn exactly_as_many_are_taken_as_there_is_money() {
    let (_folder, sim, bank) = sim("answer").await;
    let bank = std::sync::Arc::new(bank);
    sim.put(ACCOUNT, 10 * 3_000 + 2_999, "answer").await;
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let bank = bank.clone();
            tokio::spawn(async move { withdraw(&bank, &order(ACCOUNT, FEE)).await })
        })
        .collect();
    let mut taken = 0;
    for call in calls {
        match call.await.unwrap().as_str() {
            "taken" => taken += 1,
            other => assert_eq!(other, "refused S56 InsufficientBalance"),
        }
    }
    assert_eq!(taken, 10);
    assert_eq!(sim.balance().await, 2_999);
    let ledger = sim.admin.ledger(Some(ACCOUNT), 0).await.unwrap().entries;
    assert_eq!((ledger.len(), sums(&ledger)[ACCOUNT]), (10, 30_000));
}

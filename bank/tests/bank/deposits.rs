//! Deposits: the connector against the simulator, in each of its behaviours.

use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use bank::sim::{LedgerEntry, OrderState, Scope};
use bank::{BankTranId, DepositOrder, OpenBanking, OrderKind};
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

async fn state(sim: &Running, id: &BankTranId) -> (OrderKind, OrderState) {
    let orders = sim.admin.orders(id).await.unwrap();
    assert_eq!(orders.len(), 1);
    (orders[0].kind, orders[0].state)
}

/// The withdrawal's order with its kind alone changed.
fn as_deposit(order: &bank::WithdrawOrder) -> DepositOrder {
    let bank_tran_id = order.bank_tran_id.clone();
    DepositOrder { bank_tran_id, ..refund(&order.fintech_use_num, order.amount) }
}

#[tokio::test]
async fn the_money_is_given_once() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = refund(ACCOUNT, FEE);
    assert_eq!(inquire(&bank, &order).await, "not found");
    for _ in 0..3 {
        assert_eq!(deposit(&bank, &order).await, "given");
        assert_eq!(inquire(&bank, &order).await, "given");
    }
    assert_eq!(sim.balance().await, 13_000);
    let given = (OrderKind::Deposit, OrderState::Given);
    assert_eq!(state(&sim, &order.bank_tran_id).await, given);
    let totals = sim.admin.totals().await.unwrap();
    assert_eq!((totals.count, totals.amount), (0, 0));
    assert_eq!((totals.deposit_count, totals.deposit_amount, totals.taken()), (1, 3_000, -3_000));
}

#[tokio::test]
async fn many_calls_of_one_order_give_once() {
    let (_folder, sim, bank) = sim("answer").await;
    let (bank, order) = (Arc::new(bank), refund(ACCOUNT, FEE));
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (bank, order) = (bank.clone(), order.clone());
            tokio::spawn(async move { deposit(&bank, &order).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "given");
    }
    assert_eq!(sim.balance().await, 13_000);
    assert_eq!(sim.admin.ledger(Some(ACCOUNT), 0).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn an_id_is_one_orders_of_either_kind() {
    let (_folder, sim, bank) = sim("answer").await;
    let clash = "refused S58 MessageError";
    let first = refund(ACCOUNT, FEE);
    assert_eq!(deposit(&bank, &first).await, "given");
    let dearer = DepositOrder { amount: FEE + 1, ..first.clone() };
    assert_eq!(deposit(&bank, &dearer).await, clash);
    let other = DepositOrder { fintech_use_num: "9".repeat(24), ..first.clone() };
    assert_eq!(deposit(&bank, &other).await, clash);
    // An inquiry with another amount says nothing about the order.
    assert_eq!(inquire(&bank, &dearer).await, "unknown: code S58/ is not listed");

    let withdrawal = order(ACCOUNT, FEE);
    assert_eq!(withdraw(&bank, &withdrawal).await, "taken");
    assert_eq!(deposit(&bank, &as_deposit(&withdrawal)).await, clash);
    let id = first.bank_tran_id.clone();
    let taken_again = bank::WithdrawOrder { bank_tran_id: id, ..order(ACCOUNT, FEE) };
    assert_eq!(withdraw(&bank, &taken_again).await, clash);
    assert_eq!(sim.balance().await, 10_000);
    assert_eq!(sim.admin.ledger(None, 0).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn an_order_asked_about_as_the_other_kind_is_not_found() {
    let (_folder, sim, bank) = sim("hold").await;
    let (withdrawal, given) = (order(ACCOUNT, FEE), refund(ACCOUNT, FEE));
    assert_eq!(withdraw(&bank, &withdrawal).await, PROCESSING);
    assert_eq!(deposit(&bank, &given).await, PROCESSING);
    sim.set("answer", Scope::Account).await;
    let mut wrong = [withdrawal.inquiry(), given.inquiry()];
    wrong[0].kind = OrderKind::Deposit;
    wrong[1].kind = OrderKind::Withdrawal;
    for inquiry in &wrong {
        assert_eq!(inquire(&bank, inquiry).await, "not found");
        // It does not decide a held order either.
        assert_eq!(state(&sim, &inquiry.bank_tran_id).await.1, OrderState::Held);
    }
    assert_eq!(inquire(&bank, &withdrawal).await, "taken");
    assert_eq!(sim.balance().await, 7_000);
    assert_eq!(inquire(&bank, &given).await, "given");
    assert_eq!(sim.balance().await, 10_000);
    for inquiry in &wrong {
        assert_eq!(inquire(&bank, inquiry).await, "not found");
    }
}

#[tokio::test]
async fn an_unknown_account_is_refused() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = refund("999", FEE);
    for _ in 0..2 {
        assert_eq!(deposit(&bank, &order).await, "refused 412 InvalidAccount");
        assert_eq!(inquire(&bank, &order).await, "refused 412 InvalidAccount");
    }
    let refused = (OrderKind::Deposit, OrderState::Refused);
    assert_eq!(state(&sim, &order.bank_tran_id).await, refused);
}

#[tokio::test]
async fn an_account_short_of_money_is_given_some() {
    let (_folder, sim, bank) = sim("answer").await;
    sim.put(ACCOUNT, 0, "answer").await;
    assert_eq!(deposit(&bank, &refund(ACCOUNT, FEE)).await, "given");
    assert_eq!(sim.balance().await, 3_000);
}

#[tokio::test]
async fn an_account_that_holds_all_there_is_gets_no_more() {
    let (_folder, sim, bank) = sim("answer").await;
    sim.put(ACCOUNT, i64::MAX - 3_000, "answer").await;
    assert_eq!(deposit(&bank, &refund(ACCOUNT, FEE + 1)).await, "refused S59 Other");
    assert_eq!(deposit(&bank, &refund(ACCOUNT, FEE)).await, "given");
    assert_eq!(sim.balance().await, i64::MAX);
}

#[tokio::test]
async fn every_listed_code_is_its_refusal() {
    let (_folder, sim, bank) = sim("answer").await;
    for (code, cause) in bank::default_codes() {
        sim.set(&format!("refuse:{code}"), Scope::Next).await;
        let order = refund(ACCOUNT, FEE);
        let refused = format!("refused {code} {cause:?}");
        assert_eq!(deposit(&bank, &order).await, refused);
        assert_eq!(deposit(&bank, &order).await, refused);
        assert_eq!(inquire(&bank, &order).await, refused);
    }
    assert_eq!(sim.balance().await, 10_000);
    assert_eq!(sim.admin.ledger(None, 0).await.unwrap().entries, []);
}

#[tokio::test]
async fn a_code_that_is_not_listed_is_unknown() {
    let (_folder, _sim, bank) = sim("refuse:999").await;
    let order = refund(ACCOUNT, FEE);
    assert_eq!(deposit(&bank, &order).await, "unknown: code A0002/999 is not listed");
    assert_eq!(inquire(&bank, &order).await, "unknown: code A0000/999 is not listed");
}

#[tokio::test]
async fn money_given_in_silence_is_found_by_inquiry() {
    let (_folder, sim, bank) = sim("take_silently").await;
    let order = refund(ACCOUNT, FEE);
    let answer = deposit_within(&bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
    assert_eq!(inquire(&bank, &order).await, "given");
    assert_eq!(deposit(&bank, &order).await, "given");
    assert_eq!(sim.balance().await, 13_000);
}

#[tokio::test]
async fn a_held_deposit_is_executed_when_the_account_is_released() {
    let (_folder, sim, bank) = sim("hold").await;
    let orders = [refund(ACCOUNT, FEE), refund(ACCOUNT, FEE)];
    for order in [&orders[0], &orders[1], &orders[0]] {
        assert_eq!(deposit(&bank, order).await, PROCESSING);
        assert_eq!(inquire(&bank, order).await, PROCESSING);
    }
    let held = (OrderKind::Deposit, OrderState::Held);
    assert_eq!(state(&sim, &orders[0].bank_tran_id).await, held);
    assert_eq!(sim.balance().await, 10_000);
    sim.set("refuse:S54", Scope::Account).await;
    assert_eq!(inquire(&bank, &orders[1]).await, "refused S54 WithdrawFailed");
    sim.set("answer", Scope::Account).await;
    assert_eq!(inquire(&bank, &orders[0]).await, "given");
    assert_eq!(inquire(&bank, &orders[0]).await, "given");
    assert_eq!(deposit(&bank, &orders[0]).await, "given");
    assert_eq!(inquire(&bank, &orders[1]).await, "refused S54 WithdrawFailed");
    assert_eq!(sim.balance().await, 13_000);
}

#[tokio::test]
async fn a_delayed_answer_is_final_at_its_time() {
    let (_folder, sim, bank) = sim("delay:700").await;
    let order = refund(ACCOUNT, FEE);
    let answer = deposit_within(&bank, &order, SHORT_DEADLINE).await;
    assert_eq!(answer, "unknown: no answer in time");
    assert_eq!(inquire(&bank, &order).await, PROCESSING);
    let pending = (OrderKind::Deposit, OrderState::Pending);
    assert_eq!(state(&sim, &order.bank_tran_id).await, pending);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(inquire(&bank, &order).await, "given");
    assert_eq!(deposit(&bank, &refund(ACCOUNT, FEE)).await, "given");
    assert_eq!(sim.balance().await, 16_000);
}

#[tokio::test]
async fn a_cut_connection_leaves_no_order() {
    let (_folder, sim, bank) = sim("answer").await;
    sim.set("disconnect", Scope::Next).await;
    let order = refund(ACCOUNT, FEE);
    assert_eq!(deposit(&bank, &order).await, "unknown: connection lost before the answer");
    assert_eq!(inquire(&bank, &order).await, "not found");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn an_http_error_after_the_giving_is_unknown() {
    let (_folder, sim, bank) = sim("error500").await;
    let order = refund(ACCOUNT, FEE);
    assert_eq!(deposit(&bank, &order).await, "unknown: HTTP status 500");
    assert_eq!(inquire(&bank, &order).await, "given");
    assert_eq!(sim.balance().await, 13_000);
}

#[tokio::test]
async fn a_deposit_of_another_day_is_not_sent() {
    let (_folder, sim, bank) = sim("answer").await;
    let order = DepositOrder { tran_date: "20251231".to_owned(), ..refund(ACCOUNT, FEE) };
    assert_eq!(deposit(&bank, &order).await, "not sent");
    assert_eq!(sim.balance().await, 10_000);
}

#[tokio::test]
async fn balances_are_the_sums_of_the_ledger() {
    let (_folder, sim, bank) = sim("answer").await;
    let (bank, other) = (Arc::new(bank), "9".repeat(24));
    sim.put(&other, 10_000, "answer").await;
    let calls: Vec<_> = (0..48_u64)
        .map(|nth| {
            let bank = bank.clone();
            let number = if nth % 3 == 0 { other.clone() } else { ACCOUNT.to_owned() };
            tokio::spawn(async move {
                // Dearer ones are withdrawn: sooner or later there is not enough.
                match nth % 2 {
                    0 => withdraw(&bank, &order(&number, 2_000 + nth)).await,
                    _ => deposit(&bank, &refund(&number, 1_000 + nth)).await,
                }
            })
        })
        .collect();
    for call in calls {
        let answer = call.await.unwrap();
        let expected = ["taken", "given", "refused S56 InsufficientBalance"];
        assert!(expected.contains(&answer.as_str()), "{answer}");
    }
    let ledger = sim.admin.ledger(None, 0).await.unwrap().entries;
    let sums = sums(&ledger);
    for number in [ACCOUNT, &other] {
        let balance = sim.admin.account(number).await.unwrap().balance;
        assert_eq!(balance, 10_000 - sums[number], "{number}");
    }
    let (taken, given): (Vec<LedgerEntry>, Vec<LedgerEntry>) =
        ledger.into_iter().partition(|entry| entry.kind == OrderKind::Withdrawal);
    let sum = |entries: &[LedgerEntry]| entries.iter().map(|entry| entry.amount).sum::<i64>();
    let totals = sim.admin.totals().await.unwrap();
    assert_eq!((totals.amount, totals.deposit_amount), (sum(&taken), sum(&given)));
    assert_eq!(totals.count, i64::try_from(taken.len()).unwrap());
    assert_eq!((totals.deposit_count, given.len()), (24, 24));
    assert_eq!(totals.taken(), sums.values().sum::<i64>());
}

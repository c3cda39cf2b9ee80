//! Banks that take no orders for now, or for good: no fee is ordered from an account there, what
//! was sent before is settled, and what is to go back waits.

use std::sync::Arc;

use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::{Bank, World};
use tokio::task::JoinSet;

use super::{Desk, seeing, texts};
use crate::given::{given, new_id};
use crate::returns::{assert_returned, by_hand, owed};
use crate::support::{REISSUE, TestServer, aside, code, on_each_database};

/// The code of the bank that the accounts of a sandbox's members are with.
const CODE: &str = "003";

fn list(desk: &Desk) {
    desk.change(&["bank", "create", CODE, "--name", "기업은행"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fee_is_ordered_from_an_account_of_a_suspended_bank() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let suspend = ["bank", "suspend", CODE];
        assert!(desk.refused(&target, &suspend).contains("not listed"));
        list(&desk);
        assert!(
            desk.refused(&target, &["bank", "create", CODE, "--name", "x"]).contains("already")
        );
        let paid = given(&server, &bank, |_| {}).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&paid)).await), "000_000");
        desk.change(&[&suspend[..], &["--dry-run"]].concat());
        let tried = given(&server, &bank, |_| {}).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&tried)).await), "000_000");
        desk.change(&suspend);
        let world = given(&server, &bank, |_| {}).await;
        let id = new_id();
        let refused = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&refused), "003_051", "{}", refused.body_clear);
        assert!(bank.withdrawn(&world).await.is_empty());
        assert_eq!(server.state(world.user_id()).await, "COST_PAY_FAILED");
        let metrics = server.app.metrics.text();
        assert!(metrics.contains(r#"outcome="bank_suspended"} 1"#), "{metrics}");
        // Accounts of other banks are charged.
        let elsewhere = given(&server, &bank, |_| {}).await;
        let moved = "UPDATE bank_account SET bank_code = '088' WHERE asp_id = $1 AND user_id = $2";
        server.exec(moved, &[elsewhere.user_id().into()]).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&elsewhere)).await), "000_000");
        desk.change(&["bank", "resume", CODE]);
        // The call that was refused stays so; a new one is charged.
        let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&same), "003_051");
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
        desk.change(&["bank", "discard", CODE]);
        assert!(desk.refused(&target, &["bank", "resume", CODE]).contains("for good"));
        let world = given(&server, &bank, |_| {}).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_051");
        let events = "SELECT event FROM operation_log WHERE subject = 'bank:003' ORDER BY log_id";
        let events = texts(&target, events.to_owned());
        assert_eq!(events, "bank.created\nbank.suspended\nbank.resumed\nbank.discarded\n");
        assert_eq!(desk.json(&["bank", "show", CODE])["state"], "DISCARDED");
        assert!(desk.done(&["bank", "list"]).starts_with("003  DISCARDED  기업은행  listed 2"));
        server.assert_balances_derive().await;
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_were_sent_before_are_settled() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        list(&desk);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let open = async |words: &'static str| {
            let world = given(&server, &bank, |world| world.bank = Bank::Behaving(words)).await;
            let open = server.call(REISSUE, &with_plastic(&world)).await;
            assert_eq!(code(&open), "003_055", "the fee is open");
            world
        };
        let (taken, lost) = (open("take_silently").await, open("disconnect").await);
        desk.change(&["bank", "suspend", CODE]);
        assert_eq!(server.settled(taken.user_id()).await, "DIGITAL_ISSUED");
        assert_eq!(bank.withdrawn(&taken).await, [3_000]);
        assert_eq!(server.settled(lost.user_id()).await, "COST_PAY_FAILED");
        assert!(bank.withdrawn(&lost).await.is_empty());
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_back_to_a_suspended_bank_waits_for_it() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        list(&desk);
        let server = TestServer::start(&target, &bank, by_hand()).await;
        let due = owed(&server, &bank).await;
        desk.change(&["bank", "suspend", CODE]);
        let now = server.app.now();
        for _ in 0..2 {
            server.round().await;
            assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 0", "unsent");
        }
        let next = "SELECT MIN(next_at) FROM fee_return WHERE asp_id = $1";
        assert!(server.number(next).await >= now.plus_ms(2_000).0);
        assert!(bank.given_back(&due.0).await.is_empty());
        desk.change(&["bank", "resume", CODE]);
        server.round().await;
        assert_returned(&server, &bank, &due).await;
        // What goes back to a bank that never takes an order again goes to another account.
        let due = owed(&server, &bank).await;
        desk.change(&["bank", "discard", CODE]);
        server.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 0", "there is no other account");
        another_account(&server, &due.0).await;
        server.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 0", "it goes out with the next look");
        server.round().await;
        assert_returned(&server, &bank, &due).await;
        server.stop().await;
    })
    .await;
}

/// Gives a member an account with another bank, from which it is charged from now on. The
/// simulator's account is the same one, so that it can be looked at.
async fn another_account(server: &TestServer, world: &World) {
    let user = [world.user_id().into()];
    let former = "UPDATE bank_account SET is_primary = FALSE WHERE asp_id = $1 AND user_id = $2";
    server.exec(former, &user).await;
    let other = "INSERT INTO bank_account (asp_id, user_id, bank_account_id, state, is_primary,
             bank_code, fintech_use_num, account_no_sealed, registered_at)
         SELECT asp_id, user_id, bank_account_id + 1000000, state, TRUE, '088', fintech_use_num,
             account_no_sealed, registered_at
         FROM bank_account WHERE asp_id = $1 AND user_id = $2";
    assert_eq!(server.exec(other, &user).await, 1);
}

/// Calls that meet the suspension are charged or refused, and none of them is both.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_meet_the_suspension_are_charged_or_refused() {
    on_each_database(async |target, bank| {
        let desk = Arc::new(Desk::at(&target));
        list(&desk);
        let server = Arc::new(TestServer::start(&target, &bank, seeing()).await);
        let mut calls = JoinSet::new();
        for _ in 0..24 {
            let world = given(&server, &bank, |_| {}).await;
            let server = Arc::clone(&server);
            calls.spawn(async move {
                let answer = server.call(REISSUE, &with_plastic(&world)).await;
                (world, code(&answer).to_owned())
            });
            if calls.len() == 12 {
                let desk = Arc::clone(&desk);
                aside(move || desk.change(&["bank", "suspend", CODE])).await;
            }
        }
        let (mut charged, mut refused) = (0, 0);
        while let Some(ended) = calls.join_next().await {
            let (world, code) = ended.unwrap();
            match code.as_str() {
                "000_000" => charged += 1,
                "003_051" => refused += 1,
                other => panic!("{other}"),
            }
            let wanted: &[i64] = if code == "000_000" { &[3_000] } else { &[] };
            assert_eq!(bank.withdrawn(&world).await, wanted, "{code}");
        }
        assert!(charged > 0 && refused >= 12, "{charged} charged, {refused} refused");
        assert_eq!(bank.admin.totals().await.unwrap().taken(), server.fees_taken().await);
        server.assert_balances_derive().await;
        Arc::into_inner(server).unwrap().stop().await;
    })
    .await;
}

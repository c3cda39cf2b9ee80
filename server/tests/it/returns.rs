//! Fees that are given back: once, whatever the bank does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bank::sim::Scope;
use platen::fee::recovery;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use store::Target;

use crate::fees::events;
use crate::given::{given, new_id};
use crate::support::{REISSUE, TestBank, TestServer, code, on_each_database, quick};

/// How long a return may take where nothing is in its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Recovery comes when the test wants it.
pub fn by_hand() -> Settings {
    Settings { fee_recovery_interval_ms: 3_600_000, ..quick() }
}

impl TestServer {
    /// Waits until the member's only application has its fee returned; its state.
    pub async fn returned(&self, world: &World) -> String {
        let begun = Instant::now();
        loop {
            let state = self.state(world.user_id()).await;
            if state == "RETURNED" || begun.elapsed() > PATIENCE {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A round of recovery, in which every return is due.
    pub async fn round(&self) {
        self.exec("UPDATE fee_return SET next_at = 0 WHERE asp_id = $1", &[]).await;
        recovery::round(&self.app).await.unwrap();
    }

    /// State, attempt, refusal and mark of the member's return.
    pub async fn fee_return(&self, world: &World) -> String {
        let sql = "SELECT f.state, f.attempt, f.refusal, f.is_sent FROM fee_return f
             JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
             WHERE a.asp_id = $1 AND a.user_id = $2";
        self.row(sql, &[world.user_id().into()]).await
    }

    /// The id of the order in force.
    async fn order(&self, world: &World) -> String {
        let sql = "SELECT f.bank_tran_id FROM fee_return f
             JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
             WHERE a.asp_id = $1 AND a.user_id = $2";
        self.row(sql, &[world.user_id().into()]).await
    }
}

/// A member whose fee was taken for a reissue that cannot be done; the call's number.
pub async fn owed(server: &TestServer, bank: &TestBank) -> (World, String) {
    let world = given(server, bank, |world| world.bank = Bank::Behaving("take_silently")).await;
    let id = new_id();
    let open = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&open), "003_055");
    // As after a restored backup: the number that was reserved is in use.
    let spoilt = "UPDATE application SET mobile_number = 'nonsense', deadline_at = 0
         WHERE asp_id = $1 AND user_id = $2";
    assert_eq!(server.exec(spoilt, &[world.user_id().into()]).await, 1);
    recovery::round(&server.app).await.unwrap();
    assert_eq!(server.state(world.user_id()).await, "RETURN_DUE");
    assert_eq!(server.fee_return(&world).await, "DUE 1 - 0");
    assert_eq!(bank.withdrawn(&world).await, [3_000]);
    bank.behave(&world, "answer", Scope::Account).await;
    (world, id)
}

/// The member has the money, once; the books and the bank say the same.
pub async fn assert_returned(server: &TestServer, bank: &TestBank, (world, id): &(World, String)) {
    assert_eq!(bank.given_back(world).await, [3_000]);
    let user = [world.user_id().into()];
    let sql = "SELECT a.state, f.state, f.amount, f.reason, f.api_tran_id IS NOT NULL,
             f.returned_at >= f.due_at, a.api_tran_id <> f.api_tran_id
         FROM fee_return f
         JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert_eq!(server.row(sql, &user).await, "RETURNED RETURNED 3000 NOT_SETTLED 1 1 1");
    let returned = format!("fee.returned 000_000 {id} 0");
    assert_eq!(events(server, world).await[1..], [returned]);
    let sql = "SELECT p.debit, p.credit, p.amount FROM posting p
         JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
         JOIN application a ON a.asp_id = l.asp_id AND a.apply_no = l.subject
         WHERE a.asp_id = $1 AND a.user_id = $2 AND l.event = 'fee.returned'";
    let journal = server.rows(sql, &user).await;
    assert_eq!(journal, ["return-payable pg-clearing:open-banking 3000"]);
    let totals = bank.admin.totals().await.unwrap();
    assert_eq!(totals.taken(), server.fees_taken().await);
    server.assert_balances_derive().await;
    let owed = "SELECT COALESCE(CAST(SUM(CASE WHEN credit = 'return-payable' THEN amount
             ELSE -amount END) AS BIGINT), 0) FROM posting
         WHERE asp_id = $1 AND 'return-payable' IN (debit, credit)";
    let due = "SELECT COALESCE(CAST(SUM(amount) AS BIGINT), 0) FROM fee_return
         WHERE asp_id = $1 AND state = 'DUE'";
    assert_eq!(server.number(owed).await, server.number(due).await);
    let same = server.call_as(REISSUE, &with_plastic(world), Some(id)).await;
    assert_eq!(code(&same), "003_059");
}

/// Runs a check on each engine, with a server that recovers when it is told to.
async fn on_each(check: impl AsyncFn(&TestServer, &TestBank, &Target)) {
    on_each_database(async |target, bank: Arc<TestBank>| {
        let server = TestServer::start(&target, &bank, by_hand()).await;
        check(&server, &bank, &target).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_given_back_once() {
    on_each(async |server, bank, _| {
        let due = owed(server, bank).await;
        let before = bank.admin.account(&due.0.fintech_use_num()).await.unwrap().balance;
        recovery::round(&server.app).await.unwrap();
        let metrics = server.app.metrics.text();
        assert!(metrics.contains("platen_returns_due 1"), "{metrics}");
        assert!(metrics.contains("platen_returns_due_age_seconds "), "{metrics}");
        assert_returned(server, bank, &due).await;
        let after = bank.admin.account(&due.0.fintech_use_num()).await.unwrap().balance;
        assert_eq!(after - before, 3_000);
        for _ in 0..3 {
            server.round().await;
        }
        assert_returned(server, bank, &due).await;
        assert!(server.app.metrics.text().contains("platen_returns_due 0"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_return_gets_a_new_order_after_a_while() {
    on_each(async |server, bank, _| {
        let due = owed(server, bank).await;
        let mut orders = vec![server.order(&due.0).await];
        for (attempt, pause_ms) in [(2, 10_000), (3, 20_000)] {
            bank.behave(&due.0, "refuse:415", Scope::Next).await;
            let now = server.app.now();
            server.round().await;
            let expected = format!("DUE {attempt} INVALID_ACCOUNT 0");
            assert_eq!(server.fee_return(&due.0).await, expected);
            orders.push(server.order(&due.0).await);
            // Not before its time.
            let sql = "SELECT MIN(next_at) FROM fee_return WHERE asp_id = $1";
            assert!(server.number(sql).await >= now.plus_ms(pause_ms).0);
            recovery::round(&server.app).await.unwrap();
            assert_eq!(server.fee_return(&due.0).await, expected);
        }
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 3, "an id was used again");
        server.round().await;
        assert_returned(server, bank, &due).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_was_given_without_a_word_is_asked_about() {
    on_each(async |server, bank, _| {
        for words in ["take_silently", "error500"] {
            let due = owed(server, bank).await;
            let order = server.order(&due.0).await;
            bank.behave(&due.0, words, Scope::Next).await;
            server.round().await;
            assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 1", "{words}");
            assert_eq!(bank.given_back(&due.0).await, [3_000], "{words}");
            server.round().await;
            assert_returned(server, bank, &due).await;
            assert_eq!(server.order(&due.0).await, order, "{words}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_lost_is_given_up_when_it_cannot_be_executed_any_more() {
    on_each(async |server, bank, _| {
        let due = owed(server, bank).await;
        let order = server.order(&due.0).await;
        bank.behave(&due.0, "disconnect", Scope::Next).await;
        server.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 1");
        server.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 1", "it may be executed yet");
        assert_eq!(server.order(&due.0).await, order);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        server.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 2 NETWORK_ISSUE 0");
        assert_ne!(server.order(&due.0).await, order);
        assert!(bank.given_back(&due.0).await.is_empty());
        server.round().await;
        assert_returned(server, bank, &due).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_left_is_sent_again() {
    on_each(async |server, bank, target| {
        let due = owed(server, bank).await;
        let order = server.order(&due.0).await;
        // Nobody listens there.
        let away = TestServer::start_at(target, "http://127.0.0.1:9", by_hand()).await;
        away.round().await;
        away.round().await;
        assert_eq!(server.fee_return(&due.0).await, "DUE 1 - 0");
        away.stop().await;
        server.round().await;
        assert_returned(server, bank, &due).await;
        assert_eq!(server.order(&due.0).await, order);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_give_a_fee_back_once() {
    on_each(async |server, bank, target| {
        let mut due = Vec::new();
        for words in ["answer", "delay:300", "take_silently", "error500", "disconnect"] {
            let owed = owed(server, bank).await;
            bank.behave(&owed.0, words, Scope::Next).await;
            due.push(owed);
        }
        let others = [
            TestServer::start(target, bank, quick()).await,
            TestServer::start(target, bank, quick()).await,
        ];
        for _ in 0..60 {
            server.round().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for owed in &due {
            assert_eq!(server.returned(&owed.0).await, "RETURNED");
        }
        for owed in &due {
            assert_returned(server, bank, owed).await;
        }
        for other in others {
            other.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_owed_by_an_earlier_release_is_given_back() {
    on_each(async |server, bank, _| {
        let due = owed(server, bank).await;
        server.exec("DELETE FROM fee_return WHERE asp_id = $1", &[]).await;
        for _ in 0..2 {
            // Another server may have had the same in mind.
            recovery::round(&server.app).await.unwrap();
        }
        assert_returned(server, bank, &due).await;
        for _ in 0..2 {
            server.round().await;
        }
        assert_returned(server, bank, &due).await;
        assert_eq!(server.number("SELECT COUNT(*) FROM fee_return WHERE asp_id = $1").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_was_cancelled_stays_so() {
    on_each(async |server, bank, _| {
        let (world, _) = owed(server, bank).await;
        let cancelled = "UPDATE application SET state = 'CANCELLED'
             WHERE asp_id = $1 AND user_id = $2";
        server.exec(cancelled, &[world.user_id().into()]).await;
        server.round().await;
        assert_eq!(server.state(world.user_id()).await, "CANCELLED");
        assert_eq!(server.fee_return(&world).await, "RETURNED 1 - 1");
        assert_eq!(bank.given_back(&world).await, [3_000]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_given_back_to_the_account_that_the_member_has_now() {
    on_each(async |server, bank, _| {
        let (world, _) = owed(server, bank).await;
        // The member has closed the account that was charged, and registered another one.
        let closed = "UPDATE bank_account SET state = 'DELETED'
             WHERE asp_id = $1 AND user_id = $2";
        let user = [world.user_id().into()];
        server.exec(closed, &user).await;
        let other = given(server, bank, |world| world.bank = Bank::Behaving("answer")).await;
        let opened =
            "INSERT INTO bank_account (asp_id, user_id, bank_account_id, state, is_primary,
                 bank_code, fintech_use_num, account_no_sealed, registered_at)
             SELECT asp_id, $2, 77, 'REGISTERED', is_primary, bank_code, fintech_use_num,
                 account_no_sealed, registered_at
             FROM bank_account WHERE asp_id = $1 AND user_id = $3";
        server.exec(opened, &[world.user_id().into(), other.user_id().into()]).await;
        let goes_to = "SELECT f.bank_account_id, f.attempt FROM fee_return f
             JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
             WHERE a.asp_id = $1 AND a.user_id = $2";
        bank.behave(&world, "refuse:415", Scope::Next).await;
        server.round().await;
        assert_eq!(server.row(goes_to, &user).await, "77 2");
        server.round().await;
        assert_eq!(server.state(world.user_id()).await, "RETURNED");
        assert_eq!(bank.given_back(&other).await, [3_000]);
        assert_eq!(bank.given_back(&world).await, [0_i64; 0]);
        server.assert_balances_derive().await;
    })
    .await;
}

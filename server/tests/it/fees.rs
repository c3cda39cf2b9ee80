//! What each behaviour of the bank comes to: answer, rows, journal, and the bank's own ledger.

use std::sync::Arc;

use bank::RefusalCause;
use bank::sim::Scope;
use client::Exchange;
use domain::fee::FeeRefusal;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::products::STANDARD;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use tokio::task::JoinSet;

use crate::given::{change, given, mobile_only, new_id};
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine, quick};

/// Nobody waits in vain for a bank that answers.
pub fn patient() -> Settings {
    Settings { fee_deadline_ms: 10_000, ..quick() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_behaviour_of_the_bank_comes_to_its_end() {
    on_each_engine(async |server, bank, target| {
        // The second one recovers the same rows.
        let patient = TestServer::start(&target, &bank, patient()).await;
        answered_at_once(&patient, &bank).await;
        let mut open = JoinSet::new();
        for case in LATE {
            open.spawn(answered_late(Arc::clone(&server), Arc::clone(&bank), case));
        }
        open.spawn(unlisted(Arc::clone(&server), Arc::clone(&bank)));
        open.spawn(while_it_is_open(Arc::clone(&server), Arc::clone(&bank)));
        open.join_all().await;
        server.assert_balances_derive().await;
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), server.fees_taken().await);
        assert_eq!(
            taken.count,
            server
                .number(
                    "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND fee > 0
                         AND state IN ('DIGITAL_ISSUED', 'COST_PAID', 'RETURN_DUE')"
                )
                .await
        );
        patient.stop().await;
    })
    .await;
}

fn fee_code(cause: RefusalCause) -> (&'static str, FeeRefusal) {
    match cause {
        RefusalCause::InvalidAccount => ("003_052", FeeRefusal::InvalidAccount),
        RefusalCause::OwnerMismatch => ("003_053", FeeRefusal::OwnerMismatch),
        RefusalCause::WithdrawFailed => ("003_054", FeeRefusal::WithdrawFailed),
        RefusalCause::InsufficientBalance => ("003_056", FeeRefusal::InsufficientBalance),
        RefusalCause::TermsNotAgreed => ("003_057", FeeRefusal::TermsNotAgreed),
        RefusalCause::MessageError => ("003_058", FeeRefusal::MessageError),
        RefusalCause::Other => ("003_059", FeeRefusal::Other),
    }
}

async fn answered_at_once(server: &TestServer, bank: &TestBank) {
    for words in ["answer", "delay:200"] {
        let world = given(server, bank, |world| world.bank = Bank::Behaving(words)).await;
        let (id, exchange) = charge(server, &world).await;
        assert_eq!(code(&exchange), "000_000");
        assert_taken(server, bank, &world, &id, &exchange).await;
    }
    for (listed, cause) in bank::default_codes() {
        let world = given(server, bank, |_| ()).await;
        bank.behave(&world, &format!("refuse:{listed}"), Scope::Account).await;
        let (id, exchange) = charge(server, &world).await;
        let (expected, refusal) = fee_code(cause);
        assert_eq!(code(&exchange), expected, "{listed}");
        assert_refused(server, bank, &world, &id, (expected, refusal)).await;
    }
    let unreachable = given(server, bank, |world| world.bank = Bank::Unreachable).await;
    let (id, exchange) = charge(server, &unreachable).await;
    assert_eq!(code(&exchange), "003_051");
    let refused = ("003_051", FeeRefusal::NetworkIssue);
    assert_refused(server, bank, &unreachable, &id, refused).await;
    short_of_money(server, bank).await;
}

/// Once there is money, a new call succeeds, and the old one keeps its answer.
async fn short_of_money(server: &TestServer, bank: &TestBank) {
    let world = given(server, bank, |world| world.bank = Bank::Short).await;
    let (id, exchange) = charge(server, &world).await;
    assert_eq!(code(&exchange), "003_056");
    let refused = ("003_056", FeeRefusal::InsufficientBalance);
    assert_refused(server, bank, &world, &id, refused).await;
    let mut account = bank.admin.account(&world.fintech_use_num()).await.unwrap();
    account.balance = 3_000;
    bank.admin.put_account(&account).await.unwrap();
    let (_, paid) = charge(server, &world).await;
    assert_eq!(code(&paid), "000_000");
    assert_eq!(bank.withdrawn(&world).await, [3_000]);
    assert_eq!(bank.admin.account(&world.fintech_use_num()).await.unwrap().balance, 0);
    let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&same), "003_056");
}

/// A bank that does not answer in time.
#[derive(Clone, Copy)]
struct Late {
    behaves: &'static str,
    /// What it does instead once the caller was told that the fee is open.
    then: Option<&'static str>,
    ends: Result<(), (&'static str, FeeRefusal)>,
}

const fn late(behaves: &'static str) -> Late {
    Late { behaves, then: None, ends: Ok(()) }
}

const SHORT: (&str, FeeRefusal) = ("003_056", FeeRefusal::InsufficientBalance);
const NOT_SENT: (&str, FeeRefusal) = ("003_051", FeeRefusal::NetworkIssue);

const LATE: [Late; 6] = [
    late("take_silently"),
    late("error500"),
    late("delay:2500"),
    Late { then: Some("answer"), ..late("hold") },
    Late { then: Some("refuse:S56"), ends: Err(SHORT), ..late("hold") },
    Late { ends: Err(NOT_SENT), ..late("disconnect") },
];

async fn answered_late(server: Arc<TestServer>, bank: Arc<TestBank>, case: Late) {
    let (server, bank) = (&*server, &*bank);
    let world = given(server, bank, |world| world.bank = Bank::Behaving(case.behaves)).await;
    let (id, exchange) = charge(server, &world).await;
    assert_eq!((code(&exchange), exchange.status), ("003_055", 400), "{}", case.behaves);
    if let Some(then) = case.then {
        bank.behave(&world, then, Scope::Account).await;
    }
    server.settled(world.user_id()).await;
    let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    match case.ends {
        Ok(()) => {
            assert_eq!(code(&same), "000_000", "{}", case.behaves);
            assert_taken(server, bank, &world, &id, &same).await;
        }
        Err(ends) => {
            assert_eq!(code(&same), ends.0, "{}", case.behaves);
            assert_refused(server, bank, &world, &id, ends).await;
        }
    }
    if case.behaves == "disconnect" {
        let sql = "SELECT settled_at - applied_at FROM application
             WHERE asp_id = $1 AND user_id = $2";
        let open_us: i64 = server.row(sql, &[world.user_id().into()]).await.parse().unwrap();
        assert!(open_us > 2_000_000, "ended while the bank could still execute it: {open_us}");
    }
}

/// What no table lists is no refusal, however often it is asked about.
async fn unlisted(server: Arc<TestServer>, bank: Arc<TestBank>) {
    let world = given(&server, &bank, |world| world.bank = Bank::Behaving("refuse:X99")).await;
    let (id, exchange) = charge(&server, &world).await;
    assert_eq!(code(&exchange), "003_055");
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    assert_eq!(server.state(world.user_id()).await, "COST_PAYING");
    let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&same), "003_055");
    let sql = "SELECT state, balance FROM card_account WHERE asp_id = $1 AND user_id = $2";
    assert_eq!(server.row(sql, &[world.user_id().into()]).await, "SUSPENDED 25000");
}

async fn while_it_is_open(server: Arc<TestServer>, bank: Arc<TestBank>) {
    let world = given(&server, &bank, |world| world.bank = Bank::Behaving("hold")).await;
    let (id, exchange) = charge(&server, &world).await;
    assert_eq!(code(&exchange), "003_055");
    let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&same), "003_055");
    assert!(same.elapsed.as_millis() >= 700, "the same call waits as long as the first");
    for body in [with_plastic(&world), mobile_only(&world)] {
        assert_eq!(code(&server.call(REISSUE, &body).await), "003_055");
    }
    assert_eq!(code(&server.call(STATE, &change(&world, "RESUME")).await), "003_055");
    assert_eq!(code(&server.call(STATE, &change(&world, "SUSPEND")).await), "000_000");
    let order = "SELECT COUNT(*), COUNT(bank_tran_id), COUNT(recipient_sealed), COUNT(settled_at)
         FROM application WHERE asp_id = $1 AND user_id = $2 AND holds_old_card";
    assert_eq!(server.row(order, &[world.user_id().into()]).await, "1 1 1 0");
    let log = "SELECT l.event FROM operation_log l JOIN application a
             ON a.asp_id = l.asp_id AND a.apply_no = l.subject
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert!(server.rows(log, &[world.user_id().into()]).await.is_empty());
    bank.behave(&world, "answer", Scope::Account).await;
    assert_eq!(server.settled(world.user_id()).await, "DIGITAL_ISSUED");
    assert_eq!(code(&server.call(STATE, &change(&world, "RESUME")).await), "003_022");
    assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_018");
    let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&same), "000_000");
    assert_taken(&server, &bank, &world, &id, &same).await;
}

/// Asks for a reissue with plastic, which costs 3,000 won.
async fn charge(server: &TestServer, world: &World) -> (String, Exchange) {
    assert_eq!(world.product, STANDARD);
    let id = new_id();
    let exchange = server.call_as(REISSUE, &with_plastic(world), Some(&id)).await;
    (id, exchange)
}

/// The fee was taken once and did what it was for, once; the same call gets the same answer.
pub async fn assert_taken(
    server: &TestServer,
    bank: &TestBank,
    world: &World,
    id: &str,
    answer: &Exchange,
) {
    let same = server.call_as(REISSUE, &with_plastic(world), Some(id)).await;
    assert_eq!(same.body_clear, answer.body_clear);
    assert!(answer.json().unwrap()["mobileCardCVC"].is_string());
    assert_eq!(bank.withdrawn(world).await, [3_000]);
    let user = [world.user_id().into()];
    let sql = "SELECT state, refusal, holds_old_card, api_tran_id IS NOT NULL,
             recipient_sealed IS NULL, settled_at >= applied_at
         FROM application WHERE asp_id = $1 AND user_id = $2";
    assert_eq!(server.row(sql, &user).await, "DIGITAL_ISSUED - 0 1 1 1");
    let sql = "SELECT state, balance FROM card_account WHERE asp_id = $1 AND user_id = $2
         ORDER BY account_id";
    assert_eq!(server.rows(sql, &user).await, ["TERMINATED 0", "ACTIVE 25000"]);
    let events = events(server, world).await;
    assert_eq!(events, [format!("card.reissued 000_000 {id} 1")]);
    let sql = "SELECT p.debit, p.credit, p.amount FROM posting p
         JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
         JOIN application a ON a.asp_id = l.asp_id AND a.apply_no = l.subject
         WHERE a.asp_id = $1 AND a.user_id = $2 ORDER BY p.line";
    let journal = server.rows(sql, &user).await;
    assert_eq!(
        journal[..2],
        ["pg-clearing:open-banking fee-income 2728", "pg-clearing:open-banking vat-payable 272"]
    );
    assert!(journal.len() == 3 && journal[2].ends_with(" 25000"), "{journal:?}");
    let sql = "SELECT d.state FROM delivery d JOIN application a
             ON a.asp_id = d.asp_id AND a.apply_no = d.apply_no
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert_eq!(server.rows(sql, &user).await, ["READY"]);
}

/// The application has ended without money or card; the same call gets the same refusal.
async fn assert_refused(
    server: &TestServer,
    bank: &TestBank,
    world: &World,
    id: &str,
    (expected, refusal): (&str, FeeRefusal),
) {
    let same = server.call_as(REISSUE, &with_plastic(world), Some(id)).await;
    assert_eq!(code(&same), expected);
    if world.bank != Bank::Unreachable {
        assert!(bank.withdrawn(world).await.is_empty());
    }
    let user = [world.user_id().into()];
    let sql = "SELECT state, refusal, holds_old_card, api_tran_id, recipient_sealed,
             settled_at >= applied_at
         FROM application WHERE asp_id = $1 AND user_id = $2";
    let expected_row = format!("COST_PAY_FAILED {} 0 - - 1", refusal.name());
    assert_eq!(server.row(sql, &user).await, expected_row);
    let sql = "SELECT state, balance, successor_id FROM card_account
         WHERE asp_id = $1 AND user_id = $2";
    assert_eq!(server.row(sql, &user).await, "SUSPENDED 25000 -");
    assert_eq!(events(server, world).await, [format!("fee.refused {expected} {id} 1")]);
    let sql = "SELECT c.card_id FROM card c JOIN application a
             ON a.asp_id = c.asp_id AND a.apply_no = c.apply_no
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert!(server.rows(sql, &user).await.is_empty());
}

/// What the log tells of the member's applications, but for numbers that were told again.
pub async fn events(server: &TestServer, world: &World) -> Vec<String> {
    server
        .rows(
            "SELECT l.event, l.code, l.correlation_id, l.replay_key IS NOT NULL
             FROM operation_log l JOIN application a
                 ON a.asp_id = l.asp_id AND a.apply_no = l.subject
             WHERE a.asp_id = $1 AND a.user_id = $2 AND l.event <> 'card.number_told'
             ORDER BY l.happened_at, l.log_id",
            &[world.user_id().into()],
        )
        .await
}

//! The same call again is answered and not done again; what is another call, and what is refused.

use std::time::Duration;

use bank::sim::Scope;
use client::{Encryption, Exchange};
use crypto::jwe::Enc;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::products::{FREE, ORDINARY, STANDARD};
use platen::sandbox::world::{Bank, Card, World};
use platen::settings::Settings;
use serde_json::Value;

use crate::given::{change, given, given_of, mobile_only, new_id, told_card};
use crate::rows::{Dump, hex};
use crate::support::{
    DoneElsewhere, REISSUE, STATE, TestBank, TestServer, code, on_each_engine, overtaken, quick,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_is_answered_again_and_not_done_again() {
    on_each_engine(async |server, bank, _| {
        server.quiet().await;
        successes(&server, &bank).await;
        another_body_is_another_call(&server, &bank).await;
        ciphertext_is_single_use(&server, &bank).await;
        refusals_are_decided_anew(&server, &bank).await;
        refused_by_the_bank(&server, &bank).await;
        reports_of_loss(&server, &bank).await;
    })
    .await;
}

/// What is stored, without what says that a number was told again, and without the ids for it.
async fn effects(server: &TestServer) -> Dump {
    let mut dump = server.dump().await;
    dump.remove("counter");
    let log = dump.get_mut("operation_log").unwrap();
    log.retain(|row| !row.contains("card.number_told"));
    dump
}

/// The call again by each way there is: the same in clear, and nothing is done.
async fn again(server: &TestServer, path: &str, body: &Value, id: &str, first: &Exchange) {
    let before = effects(server).await;
    let body = body.to_string();
    for base in [BASE, ""] {
        for enc in Enc::ALL {
            let encrypted = Encryption::Encrypted(enc);
            let path = format!("{base}{path}");
            let same = server.client.call(&path, &body, encrypted, Some(id)).await.unwrap();
            assert_eq!((&same.body_clear, same.status), (&first.body_clear, first.status));
            assert!(same.body_received != first.body_received || !first.was_encrypted());
        }
    }
    assert!(effects(server).await == before, "a repeated call has done something");
}

async fn successes(server: &TestServer, bank: &TestBank) {
    let mut numbers = Vec::new();
    for (product, without_plastic) in
        [(FREE, true), (FREE, false), (ORDINARY, false), (STANDARD, false)]
    {
        let world = given_of(server, bank, product).await;
        let body = if without_plastic { mobile_only(&world) } else { with_plastic(&world) };
        let id = new_id();
        let first = server.call_as(REISSUE, &body, Some(&id)).await;
        assert_eq!(code(&first), "000_000");
        again(server, REISSUE, &body, &id, &first).await;
        // The same wish as a new call is judged by what is there now.
        let new = server.call(REISSUE, &body).await;
        assert_eq!(code(&new), if product == ORDINARY { "003_020" } else { "003_018" });
        again(server, REISSUE, &body, &id, &first).await;
        if product == STANDARD {
            assert_eq!(bank.withdrawn(&world).await, [3_000]);
        }
        if product != ORDINARY {
            numbers.push(told_card(&first.json().unwrap()).0);
        }
        numbers.push(crypto::pan::Pan::parse(&world.card_no()).unwrap());
    }
    // Nothing stored shows a number, as text or as bytes of a blob.
    let dump = server.dump().await;
    for number in &numbers {
        let (text, bytes) = (number.reveal(), hex(number.reveal().as_bytes()));
        for (table, rows) in &dump {
            let shows = rows.iter().any(|row| row.contains(text) || row.contains(&bytes));
            assert!(!shows, "{table} shows a card number");
        }
    }
    let sql = "SELECT payload FROM operation_log WHERE asp_id = $1";
    for payload in server.rows(sql, &[]).await {
        assert!(!payload.to_lowercase().contains("cvc"), "{payload}");
    }
}

async fn another_body_is_another_call(server: &TestServer, bank: &TestBank) {
    let id = new_id();
    for _ in 0..2 {
        let world = given_of(server, bank, FREE).await;
        let done = server.call_as(REISSUE, &mobile_only(&world), Some(&id)).await;
        assert_eq!(code(&done), "000_000");
    }
    // The same body to another operation, and with other spaces, is another call too.
    let world = given_of(server, bank, FREE).await;
    let body = mobile_only(&world);
    let done = server.call_as(REISSUE, &body, Some(&id)).await;
    assert_eq!(code(&done), "000_000");
    let spaced = serde_json::to_string_pretty(&body).unwrap();
    let plain = Encryption::AnswerOnly;
    let path = format!("{BASE}{REISSUE}");
    let other = server.client.call(&path, &spaced, plain, Some(&id)).await.unwrap();
    assert_eq!(code(&other), "003_018");
    // Sent plain, it is the same call.
    let same = server.client.call(&path, &body.to_string(), plain, Some(&id)).await.unwrap();
    assert_eq!(same.body_clear, done.body_clear);
}

async fn ciphertext_is_single_use(server: &TestServer, bank: &TestBank) {
    for product in [FREE, STANDARD] {
        let world = given_of(server, bank, product).await;
        let (path, body) = (format!("{BASE}{REISSUE}"), with_plastic(&world).to_string());
        let encrypted = Encryption::Encrypted(Enc::A256Gcm);
        let mut prepared = server.client.prepare(&path, &body, encrypted, None).unwrap();
        let first = server.client.send(&prepared).await.unwrap();
        assert_eq!(code(&first), "000_000");
        let same = server.client.send(&prepared).await.unwrap();
        assert_eq!(same.body_clear, first.body_clear);
        prepared.set_header("X-KM-Correlation-Id", new_id());
        let before = server.dump().await;
        let reused = server.client.send(&prepared).await.unwrap();
        assert_eq!(code(&reused), "000_914");
        assert!(!reused.was_encrypted());
        assert!(server.dump().await == before);
    }
}

async fn refusals_are_decided_anew(server: &TestServer, bank: &TestBank) {
    let world = given(server, bank, |world| {
        world.product = FREE;
        world.card = Card::Active;
    })
    .await;
    let (body, id) = (mobile_only(&world), new_id());
    for _ in 0..2 {
        let refused = server.call_as(REISSUE, &body, Some(&id)).await;
        assert_eq!(code(&refused), "003_901");
    }
    assert_eq!(code(&server.call(STATE, &change(&world, "SUSPEND")).await), "000_000");
    let done = server.call_as(REISSUE, &body, Some(&id)).await;
    assert_eq!(code(&done), "000_000");
    again(server, REISSUE, &body, &id, &done).await;
}

async fn refused_by_the_bank(server: &TestServer, bank: &TestBank) {
    let world = given_of(server, bank, STANDARD).await;
    bank.behave(&world, "refuse:S57", Scope::Next).await;
    let (body, id) = (with_plastic(&world), new_id());
    let refused = server.call_as(REISSUE, &body, Some(&id)).await;
    assert_eq!(code(&refused), "003_057");
    // The bank would take it now, but this call has its answer.
    again(server, REISSUE, &body, &id, &refused).await;
    assert!(bank.withdrawn(&world).await.is_empty());
    assert_eq!(server.state(world.user_id()).await, "COST_PAY_FAILED");
    let anew = new_id();
    let done = server.call_as(REISSUE, &body, Some(&anew)).await;
    assert_eq!(code(&done), "000_000");
    again(server, REISSUE, &body, &id, &refused).await;
    again(server, REISSUE, &body, &anew, &done).await;
    assert_eq!(bank.withdrawn(&world).await, [3_000]);
}

async fn reports_of_loss(server: &TestServer, bank: &TestBank) {
    let world = given(server, bank, |world| world.card = Card::Active).await;
    let (suspend, resume) = (change(&world, "SUSPEND"), change(&world, "RESUME"));
    let id = new_id();
    let first = server.call_as(STATE, &suspend, Some(&id)).await;
    assert_eq!((code(&first), card_state(server, &world).await.as_str()), ("000_000", "SUSPENDED"));
    assert_eq!(code(&server.call(STATE, &resume).await), "000_000");
    again(server, STATE, &suspend, &id, &first).await;
    assert_eq!(card_state(server, &world).await, "ACTIVE");
}

async fn card_state(server: &TestServer, world: &World) -> String {
    let sql = "SELECT state FROM card_account WHERE asp_id = $1 AND user_id = $2";
    server.row(sql, &[world.user_id().into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_sets_its_window_and_how_strict_it_is() {
    on_each_engine(async |_, bank, target| {
        // The project's settings are read anew at each call.
        let settings = Settings { directory_ttl_ms: 0, ..quick() };
        let server = TestServer::start(&target, &bank, settings).await;
        strict(&server, &bank).await;
        strict_while_a_fee_is_open(&server, &bank).await;
        strict_at_the_same_time(&server, &bank).await;
        set_strictness(&server, "LENIENT").await;
        window(&server, &bank).await;
        server.stop().await;
    })
    .await;
}

async fn set_strictness(server: &TestServer, value: &str) {
    let sql = "UPDATE project SET correlation_ids = $2 WHERE asp_id = $1";
    assert_eq!(server.exec(sql, &[value.into()]).await, 1);
}

async fn strict(server: &TestServer, bank: &TestBank) {
    set_strictness(server, "STRICT").await;
    let (one, other) = (given_of(server, bank, FREE).await, given_of(server, bank, FREE).await);
    let id = new_id();
    let done = server.call_as(REISSUE, &mobile_only(&one), Some(&id)).await;
    assert_eq!(code(&done), "000_000");
    let before = server.row(ACCOUNT, &[other.user_id().into()]).await;
    let reused = server.call_as(REISSUE, &mobile_only(&other), Some(&id)).await;
    assert_eq!(code(&reused), "000_915");
    assert_eq!(server.row(ACCOUNT, &[other.user_id().into()]).await, before);
    let same = server.call_as(REISSUE, &mobile_only(&one), Some(&id)).await;
    assert_eq!(same.body_clear, done.body_clear);
    // Another operation has ids of its own.
    let resumed = server.call_as(STATE, &change(&other, "RESUME"), Some(&id)).await;
    assert_eq!(code(&resumed), "000_000");
}

const ACCOUNT: &str = "SELECT account_id, state, balance, version FROM card_account
     WHERE asp_id = $1 AND user_id = $2";

/// The id is used from the moment that the fee is being charged, and its settling is not in
/// danger by another call of that id.
async fn strict_while_a_fee_is_open(server: &TestServer, bank: &TestBank) {
    let paying = given(server, bank, |world| world.bank = Bank::Behaving("hold")).await;
    let other = given_of(server, bank, FREE).await;
    let id = new_id();
    let open = server.call_as(REISSUE, &with_plastic(&paying), Some(&id)).await;
    assert_eq!(code(&open), "003_055");
    let reused = server.call_as(REISSUE, &mobile_only(&other), Some(&id)).await;
    assert_eq!(code(&reused), "000_915");
    // Another server may have let one through at the very same moment.
    let sql = "INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
             subject, payload, happened_at, cipher_digest, strict_key)
         SELECT a.asp_id, 999999998, 'prepaid-card.reissue', 'card.reissued', '000_000', '-', '-',
             '{}', a.applied_at, a.cipher_digest, a.strict_key
         FROM application a WHERE a.asp_id = $1 AND a.user_id = $2";
    assert_eq!(server.exec(sql, &[paying.user_id().into()]).await, 1);
    bank.behave(&paying, "answer", Scope::Account).await;
    assert_eq!(server.settled(paying.user_id()).await, "DIGITAL_ISSUED");
    let same = server.call_as(REISSUE, &with_plastic(&paying), Some(&id)).await;
    assert_eq!(code(&same), "000_000");
}

/// Two fees under one id are begun at the same moment: whichever comes through is settled.
async fn strict_at_the_same_time(server: &TestServer, bank: &TestBank) {
    let id = new_id();
    let mut worlds = Vec::new();
    for _ in 0..6 {
        worlds.push(given_of(server, bank, STANDARD).await);
    }
    let mut calls = tokio::task::JoinSet::new();
    for world in &worlds {
        let (client, body, id) =
            (server.client.clone(), with_plastic(world).to_string(), id.clone());
        calls.spawn(async move {
            let path = format!("{BASE}{REISSUE}");
            let encrypted = Encryption::Encrypted(Enc::A128Gcm);
            client.call(&path, &body, encrypted, Some(&id)).await.unwrap()
        });
    }
    for exchange in calls.join_all().await {
        assert!(matches!(code(&exchange), "000_000" | "000_915" | "003_055"), "{exchange:?}");
    }
    for world in &worlds {
        let state = server.settled(world.user_id()).await;
        let taken = bank.withdrawn(world).await;
        match state.as_str() {
            "none" => assert!(taken.is_empty()),
            state => assert_eq!((state, taken.as_slice()), ("DIGITAL_ISSUED", [3_000].as_slice())),
        }
    }
}

async fn window(server: &TestServer, bank: &TestBank) {
    const WINDOW: Duration = Duration::from_secs(3);
    server
        .exec(
            "UPDATE project SET replay_window_ms = 3000, tran_time_window_ms = 5000
             WHERE asp_id = $1",
            &[],
        )
        .await;
    let lost = given(server, bank, |world| world.card = Card::Active).await;
    let gone = given_of(server, bank, FREE).await;
    let (id, suspend) = (new_id(), change(&lost, "SUSPEND"));
    assert_eq!(code(&server.call_as(STATE, &suspend, Some(&id)).await), "000_000");
    assert_eq!(code(&server.call(STATE, &change(&lost, "RESUME")).await), "000_000");
    let (path, body) = (format!("{BASE}{REISSUE}"), mobile_only(&gone).to_string());
    let encrypted = Encryption::Encrypted(Enc::A128Gcm);
    let prepared = server.client.prepare(&path, &body, encrypted, Some(&id)).unwrap();
    assert_eq!(code(&server.client.send(&prepared).await.unwrap()), "000_000");
    tokio::time::sleep(WINDOW + Duration::from_millis(200)).await;
    // Each is a new call by now; a text stays used for as long as its time is accepted.
    let used = server.client.send(&prepared).await.unwrap();
    assert_eq!(code(&used), "000_914");
    assert_eq!(code(&server.call_as(STATE, &suspend, Some(&id)).await), "000_000");
    assert_eq!(card_state(server, &lost).await, "SUSPENDED");
    let again = server.call_as(REISSUE, &mobile_only(&gone), Some(&id)).await;
    assert_eq!(code(&again), "003_018");
    // And remembered anew.
    assert_eq!(code(&server.call(STATE, &change(&lost, "RESUME")).await), "000_000");
    assert_eq!(code(&server.call_as(STATE, &suspend, Some(&id)).await), "000_000");
    assert_eq!(card_state(server, &lost).await, "ACTIVE");
}

/// The bank refuses a fee while the same call waits for the card: that call gets the refusal and
/// does not charge again.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_refused_while_it_waited_is_not_made_anew() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, STANDARD).await;
        let (id, body) = (new_id(), with_plastic(&world));
        let operation = "prepaid-card.reissue";
        let asp = platen::sandbox::ASP_ID;
        let text = body.to_string();
        let parts = [asp.as_bytes(), operation.as_bytes(), id.as_bytes(), text.as_bytes()];
        let replay = server.app.core.keys.ring().digest_key().digest("replay", &parts);
        let account = server.account(&world).await;
        let refused = DoneElsewhere {
            operation,
            event: "fee.refused",
            code: "003_056",
            replay: replay.to_vec(),
        };
        let call = server.call_as(REISSUE, &body, Some(&id));
        let exchange = overtaken(&server, account, refused, call).await;
        assert_eq!(code(&exchange), "003_056");
        assert_eq!(server.state(world.user_id()).await, "none");
        assert!(bank.withdrawn(&world).await.is_empty());
    })
    .await;
}

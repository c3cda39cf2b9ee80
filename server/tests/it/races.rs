//! Many callers at once, at one server and at two on one database: one winner, one effect.

mod ends;

use std::collections::BTreeSet;
use std::sync::Arc;

use client::{Client, Encryption, Exchange};
use crypto::jwe::Enc;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::populate::{Populated, batch};
use platen::sandbox::world::World;
use platen::sandbox::world::products::{FREE, ORDINARY, ProductKey, STANDARD};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::fees::patient;
use crate::given::{by_number, change, given_of, mobile_only, new_id, told_card};
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine, quick};

/// Callers at once.
const CALLERS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn one_card_has_one_winner() {
    on_each_engine(async |server, bank, target| {
        let first = TestServer::start(&target, &bank, patient()).await;
        let second = TestServer::start(&target, &bank, patient()).await;
        let both = [&first, &second];
        for product in [FREE, ORDINARY, STANDARD] {
            distinct_calls(both, &bank, product).await;
            identical_calls(both, &bank, product).await;
        }
        refused_identical_calls(both, &bank).await;
        twins(both, &bank).await;
        against_a_withdrawn_report(both, &bank).await;
        server.assert_balances_derive().await;
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), server.fees_taken().await);
        first.stop().await;
        second.stop().await;
    })
    .await;
}

/// A call to be made: at which server, where, what, under which id.
type Made = (Client, &'static str, Value, String);

/// Makes all calls at the same moment; their answers in the same order.
async fn at_once(calls: Vec<Made>) -> Vec<Exchange> {
    let barrier = Arc::new(Barrier::new(calls.len()));
    let mut running = JoinSet::new();
    for (index, (client, path, body, id)) in calls.into_iter().enumerate() {
        let barrier = Arc::clone(&barrier);
        running.spawn(async move {
            let encrypted = Encryption::Encrypted(Enc::A128Gcm);
            let path = format!("{BASE}{path}");
            let prepared = client.prepare(&path, &body.to_string(), encrypted, Some(&id));
            barrier.wait().await;
            (index, client.send(&prepared.unwrap()).await.unwrap())
        });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, exchange)| exchange).collect()
}

/// One call of each caller; the servers take turns.
fn calls(
    both: [&TestServer; 2],
    path: &'static str,
    body: impl Fn(usize) -> Value,
    id: impl Fn() -> String,
) -> Vec<Made> {
    let made = |index: usize| (both[index % 2].client.clone(), path, body(index), id());
    (0..CALLERS).map(made).collect()
}

/// All but one are refused, with what a card that is being reissued is refused with.
fn assert_one_winner(answers: &[Exchange]) -> &Exchange {
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.iter().partition(|exchange| code(exchange) == "000_000");
    assert_eq!(won.len(), 1, "{answers:?}");
    for exchange in lost {
        assert!(matches!(code(exchange), "003_018" | "003_020" | "003_055"), "{exchange:?}");
    }
    won[0]
}

async fn distinct_calls(both: [&TestServer; 2], bank: &TestBank, product: ProductKey) {
    let world = given_of(both[0], bank, product).await;
    let calls = calls(both, REISSUE, |_| with_plastic(&world), new_id);
    assert_one_winner(&at_once(calls).await);
    assert_one_effect(both[0], bank, &world).await;
}

async fn identical_calls(both: [&TestServer; 2], bank: &TestBank, product: ProductKey) {
    let world = given_of(both[0], bank, product).await;
    let id = new_id();
    let calls = calls(both, REISSUE, |_| with_plastic(&world), || id.clone());
    let answers = at_once(calls).await;
    for exchange in &answers {
        assert_eq!(code(exchange), "000_000");
        assert_eq!(exchange.body_clear, answers[0].body_clear);
    }
    assert_one_effect(both[0], bank, &world).await;
}

/// The bank refuses once and would take the money the next time: nobody asks a second time.
async fn refused_identical_calls(both: [&TestServer; 2], bank: &TestBank) {
    for _ in 0..4 {
        let world = given_of(both[0], bank, STANDARD).await;
        bank.behave(&world, "refuse:S56", bank::sim::Scope::Next).await;
        let id = new_id();
        let calls = calls(both, REISSUE, |_| with_plastic(&world), || id.clone());
        for exchange in at_once(calls).await {
            assert_eq!(code(&exchange), "003_056");
        }
        assert_eq!(both[0].state(world.user_id()).await, "COST_PAY_FAILED");
        assert!(bank.withdrawn(&world).await.is_empty());
    }
}

async fn assert_one_effect(server: &TestServer, bank: &TestBank, world: &World) {
    let user = [world.user_id().into()];
    let fee = if world.product == STANDARD { vec![3_000] } else { vec![] };
    assert_eq!(bank.withdrawn(world).await, fee);
    let sql = "SELECT COUNT(*), COUNT(DISTINCT l.log_id)
         FROM application a LEFT JOIN operation_log l
             ON l.asp_id = a.asp_id AND l.subject = a.apply_no
                 AND l.event <> 'card.number_told'
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert_eq!(server.row(sql, &user).await, "1 1");
    let sql = "SELECT COUNT(*), CAST(SUM(balance) AS BIGINT), COUNT(successor_id)
         FROM card_account WHERE asp_id = $1 AND user_id = $2";
    let expected = if world.product == ORDINARY { "1 25000 0" } else { "2 25000 1" };
    assert_eq!(server.row(sql, &user).await, expected);
    let sql = "SELECT COUNT(*) FROM delivery d
         JOIN application a ON a.asp_id = d.asp_id AND a.apply_no = d.apply_no
         WHERE a.asp_id = $1 AND a.user_id = $2";
    assert_eq!(server.row(sql, &user).await, "1");
}

async fn twins(both: [&TestServer; 2], bank: &TestBank) {
    let world = given_of(both[0], bank, FREE).await;
    let numbers = [world.card_no(), both[0].link_plastic(&world).await];
    let body = |index: usize| by_number(&world, &numbers[index / 2 % 2]);
    assert_one_winner(&at_once(calls(both, REISSUE, body, new_id)).await);
    assert_one_effect(both[0], bank, &world).await;
}

/// Either the loss is withdrawn, or the card is reissued; never both.
async fn against_a_withdrawn_report(both: [&TestServer; 2], bank: &TestBank) {
    let mut made = Vec::new();
    let mut worlds = Vec::new();
    for index in 0..CALLERS {
        let product = if index % 2 == 0 { FREE } else { STANDARD };
        let world = given_of(both[0], bank, product).await;
        made.push((both[0].client.clone(), REISSUE, with_plastic(&world), new_id()));
        made.push((both[1].client.clone(), STATE, change(&world, "RESUME"), new_id()));
        worlds.push(world);
    }
    let answers = at_once(made).await;
    for (pair, world) in answers.chunks(2).zip(&worlds) {
        let ended = (code(&pair[0]), code(&pair[1]));
        let won = match ended {
            ("000_000", "003_022" | "003_055") => "TERMINATED",
            ("003_901", "000_000") => "ACTIVE",
            _ => panic!("{ended:?}"),
        };
        let sql = "SELECT state FROM card_account WHERE asp_id = $1 AND user_id = $2
             AND predecessor_id IS NULL";
        assert_eq!(both[0].row(sql, &[world.user_id().into()]).await, won);
        let taken = if won == "TERMINATED" && world.product == STANDARD { 1 } else { 0 };
        assert_eq!(bank.withdrawn(world).await.len(), taken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_never_give_the_same_number() {
    on_each_engine(async |server, bank, target| {
        let second = TestServer::start(&target, &bank, quick()).await;
        let both = [&*server, &second];
        let cards = [populate(both[0]), populate(both[1])].concat();
        assert_eq!(cards.len(), 200);
        let mut made = Vec::new();
        for (index, (user_id, card_no)) in cards.iter().enumerate() {
            let world = World::new(0);
            let mut body = if index % 4 == 0 { with_plastic(&world) } else { mobile_only(&world) };
            body["userInfo"]["userId"] = json!(user_id);
            body["cardInfo"]["oldCardNo"] = json!(card_no);
            made.push((both[index % 2].client.clone(), REISSUE, body, new_id()));
        }
        let mut numbers: BTreeSet<String> = cards.into_iter().map(|(_, number)| number).collect();
        let (mut pars, mut applications) = (BTreeSet::new(), BTreeSet::new());
        for exchange in at_once(made).await {
            assert_eq!(code(&exchange), "000_000");
            let answer = exchange.json().unwrap();
            let (pan, par) = told_card(&answer);
            assert!(numbers.insert(pan.reveal().to_owned()), "a number was given twice");
            assert!(pars.insert(par));
            assert!(applications.insert(answer["cardApplyNo"].to_string()));
        }
        let sql = "SELECT COUNT(*) FROM card WHERE asp_id = $1 AND apply_no IS NOT NULL
             AND service_id = '000170000002001'";
        // The scenarios' own are of other products, except one.
        let made: i64 = both[0].row(sql, &[]).await.parse().unwrap();
        assert!(made >= 250, "{made}");
        // Two blocks for the cards given, and as many as 250 new ones need at two servers.
        let sql = "SELECT next_serial FROM number_range
             WHERE asp_id = $1 AND service_id = '000170000002001'";
        let taken: i64 = both[0].row(sql, &[]).await.parse().unwrap();
        assert!(taken <= 800, "{taken} serials were taken for 450 cards");
        server.assert_balances_derive().await;
        second.stop().await;
    })
    .await;
}

/// A hundred members with a card each.
fn populate(server: &TestServer) -> Vec<(i64, String)> {
    let app = Arc::clone(&server.app);
    let made = std::thread::spawn(move || {
        batch(&app.store, &app.core, FREE, 100, app.clock.now()).unwrap()
    });
    let told = |each: Populated| (each.user_id, each.card_no);
    made.join().unwrap().into_iter().map(told).collect()
}

//! What is told of cards: twins, bounds, pages, and what another partner's members have.

use crypto::pan::Pan;
use domain::card::CardState;
use domain::{AspId, CardAccountId, CardId, Expiry, Money, ServiceId, Timestamp};
use platen::cards;
use platen::op::{Done, NoRefusal};
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::ops::prepaid_card::{delivery_status, list, user_mapping};
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{FREE, STANDARD};
use platen::sandbox::world::{Also, Card, GIVEN_PREFIX, Step, World};
use serde_json::{Value, json};
use store::Tx;
use store::tables::card_accounts::{self, NewCardAccount, Standing};
use store::tables::cards::Form;

use crate::given::{given, given_of, new_id};
use crate::support::{REISSUE, TestServer, code, on_each_engine};

const LIST: &str = "/api/v1/user/card/list";
const ISSUED: &str = "/api/v1/admin/issued-card/list";
const MAPPING: &str = "/api/v1/user/card/info";
const DELIVERY: &str = "/api/v1/card/delivery/inquiry";
const NAMED: &str = "/api/v1/user/namedcard";
const LIMIT: &str = "/api/v1/card/payment/limit/update";
const VIRTUAL: &str = "/api/v1/card/virtual-account/inquiry";

/// The answer of a call that succeeds.
async fn ask(server: &TestServer, path: &str, body: &Value) -> Value {
    let exchange = server.call(path, body).await;
    assert_eq!(code(&exchange), "000_000", "{path} {body}");
    exchange.json().unwrap()
}

async fn cards_of(server: &TestServer, body: &Value) -> Vec<Value> {
    ask(server, LIST, body).await["cardDataInfo"].as_array().unwrap().clone()
}

/// How many rows say that numbers were told to this call's subject.
async fn told(server: &TestServer, subject: &str) -> String {
    let sql = "SELECT COUNT(*) FROM operation_log
         WHERE asp_id = $1 AND subject = $2 AND event = 'card.number_told'";
    server.row(sql, &[subject.into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_are_one_entry_and_each_answer_is_logged() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, STANDARD).await;
        let plastic = server.link_plastic(&world).await;
        let cards = cards_of(&server, &list::all(&world)).await;
        assert_eq!(cards.len(), 1);
        let card = &cards[0];
        assert_eq!(card["par"], world.par());
        assert_eq!(card["mobileCardNo"], world.card_no());
        assert_eq!(card["physicalCardNo"], plastic);
        assert_eq!(card["mobileCardStatus"], "SUSPENDED");
        assert_eq!(card["physicalCardStatus"], "SUSPENDED");
        assert_eq!(card["balance"], 25_000);
        assert_eq!(card["rechargeableAmount"], 475_000);
        assert_eq!(card.get("limits"), None);
        let subject = format!("member:{}", world.user_id());
        assert_eq!(told(&server, &subject).await, "1");
        // Either twin's name finds it, and a contradiction finds nothing.
        let of = |body: Value| {
            let mut whole = list::all(&world);
            whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            whole
        };
        let other = given_of(&server, &bank, STANDARD).await;
        for (body, count) in [
            (of(json!({ "par": world.par() })), 1),
            (of(json!({ "physicalCardNo": plastic })), 1),
            (of(json!({ "par": world.par(), "physicalCardNo": plastic })), 1),
            (of(json!({ "physicalCardNo": world.card_no() })), 0),
            (of(json!({ "par": other.par() })), 0),
            (of(json!({ "par": other.par(), "physicalCardNo": plastic })), 0),
            (of(json!({ "physicalCardNo": "9491339500000000" })), 0),
        ] {
            assert_eq!(cards_of(&server, &body).await.len(), count, "{body}");
        }
        assert_eq!(told(&server, &subject).await, "4");
        // By the plastic's number the same member and balance are found.
        let mapped = ask(&server, MAPPING, &json!({ "cardNo": plastic })).await;
        assert_eq!(mapped["userId"], world.user_id());
        assert_eq!(
            (&mapped["balance"], &mapped["cardStatus"]),
            (&25_000.into(), &"SUSPENDED".into())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_partner_has_is_not_seen() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.product = FREE;
            world.also = vec![Also::VirtualAccount];
            world.before = vec![Step::Call("prepaid-card.reissue", with_plastic)];
        })
        .await;
        assert_eq!(cards_of(&server, &list::all(&world)).await.len(), 1);
        ask(&server, DELIVERY, &delivery_status::request(&world)).await;
        let user = world.user_id();
        for sql in [
            "UPDATE card SET asp_id = '000190000000000' WHERE asp_id = $1 AND account_id IN (
                 SELECT account_id FROM card_account WHERE asp_id = $1 AND user_id = $2)",
            "UPDATE card_account SET asp_id = '000190000000000'
             WHERE asp_id = $1 AND user_id = $2",
            "UPDATE application SET asp_id = '000190000000000'
             WHERE asp_id = $1 AND user_id = $2",
        ] {
            assert!(server.exec(sql, &[user.into()]).await > 0, "{sql}");
        }
        assert!(cards_of(&server, &list::all(&world)).await.is_empty());
        for (path, body, expected) in [
            (DELIVERY, delivery_status::request(&world), "003_001"),
            (MAPPING, user_mapping::request(&world), "003_001"),
            (VIRTUAL, user_mapping::request(&world), "003_001"),
        ] {
            assert_eq!(code(&server.call(path, &body).await), expected, "{path}");
        }
        let sql = "UPDATE member SET asp_id = '000190000000000'
             WHERE asp_id = $1 AND user_id = $2";
        server.exec(sql, &[user.into()]).await;
        assert_eq!(code(&server.call(LIST, &list::all(&world)).await), "001_006");
    })
    .await;
}

/// Gives the member so many mobile cards more, each a second younger than the one before.
async fn give_cards(server: &TestServer, world: &World, count: i64) {
    let (core, now, user) = (server.app.core.clone(), server.app.clock.now(), world.user_id());
    let service = world.product.service_id();
    let write = move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
        for nth in 0..count {
            let opened = Timestamp(now.0 + nth * 1_000_000);
            give_card(&core, tx, (user, &service), opened, 9_000_000 + nth)?;
        }
        Ok(())
    };
    server.app.store.write(write).await.unwrap();
}

fn give_card(
    core: &platen::context::Core,
    tx: &mut Tx<'_>,
    (user, service): (u64, &ServiceId),
    opened_at: Timestamp,
    nth: i64,
) -> Done<(), NoRefusal> {
    let asp = AspId::new(ASP_ID);
    let id = CardAccountId(1_000_000_000 + nth);
    let expiry = Expiry::after(opened_at, 60);
    let standing = Standing { balance_limit: Money::ZERO, is_named: false, is_main: false };
    let account = NewCardAccount {
        id,
        user_id: i64::try_from(user).unwrap(),
        service_id: service,
        state: CardState::Active,
        balance: Money::ZERO,
        standing,
        predecessor: None,
        reissues: 0,
        expiry,
        opened_at,
    };
    card_accounts::insert(tx, &asp, &account)?;
    let order = cards::Order {
        id: CardId(id.0),
        account: Some(id),
        service_id: service,
        form: Form::Mobile,
        pan: Pan::from_payload(&format!("{GIVEN_PREFIX}{:07}", nth)).unwrap(),
        expiry,
        apply_no: None,
        now: Timestamp(opened_at.0 + nth * 1_000),
    };
    cards::make(core, tx, &asp, order).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_bounded_and_begins_with_the_newest() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| world.card = Card::Active).await;
        give_cards(&server, &world, 104).await;
        let cards = cards_of(&server, &list::all(&world)).await;
        assert_eq!(i64::try_from(cards.len()).unwrap(), list::CARDS_MAX);
        assert!(cards.iter().all(|card| card["par"] != world.par()), "the oldest are left out");
        // The oldest is still found by its name.
        assert_eq!(cards_of(&server, &list::by_par(&world)).await[0]["par"], world.par());
        pages(&server, cards[0]["par"].as_str().unwrap()).await;
    })
    .await;
}

/// Page by page each account stands once, the last first.
async fn pages(server: &TestServer, newest_par: &str) {
    let page = |page: i64, size: i64| json!({ "pageRequest": { "page": page, "pageSize": size } });
    let first = ask(server, ISSUED, &page(0, 50)).await;
    let total = first["pageResponse"]["totalPages"].as_i64().unwrap();
    let sql = "SELECT COUNT(*) FROM card_account WHERE asp_id = $1";
    let all: i64 = server.row(sql, &[]).await.parse().unwrap();
    assert_eq!(total, (all + 49) / 50);
    let mut numbers = std::collections::BTreeSet::new();
    let mut count = 0;
    for nth in 0..total {
        let answer = ask(server, ISSUED, &page(nth, 50)).await;
        let cards = answer["issuedCardList"].as_array().unwrap();
        assert_eq!(answer["pageResponse"]["page"], nth);
        assert!(nth == total - 1 || cards.len() == 50, "page {nth}: {}", cards.len());
        count += cards.len();
        numbers.extend(cards.iter().map(|card| card["mobileCardNo"].to_string()));
    }
    assert_eq!(i64::try_from(count).unwrap(), all);
    assert_eq!(numbers.len(), count, "a card stands twice");
    let beyond = ask(server, ISSUED, &page(1_000, 100)).await;
    assert_eq!(beyond["issuedCardList"], json!([]));
    let one = ask(server, ISSUED, &page(0, 1)).await;
    let sql = "SELECT pan_last4 FROM card WHERE asp_id = $1 AND par = $2";
    let last4 = server.row(sql, &[newest_par.into()]).await;
    let number = one["issuedCardList"][0]["mobileCardNo"].as_str().unwrap();
    assert!(number.ends_with(&last4));
    let told: i64 = told(server, "admin.issued-cards").await.parse().unwrap();
    assert_eq!(told, total + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_is_named_and_limited_as_the_card_before() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.product = FREE;
            world.also = vec![Also::RealName];
        })
        .await;
        ask(&server, NAMED, &list::all(&world)).await;
        let mut limits = list::by_par(&world);
        limits["limits"] = json!({ "once": 1, "day": 0, "month": 9_999_999_999_u64 });
        ask(&server, LIMIT, &limits).await;
        let exchange = server.call_as(REISSUE, &with_plastic(&world), Some(&new_id())).await;
        assert_eq!(code(&exchange), "000_000");
        let cards = cards_of(&server, &list::all(&world)).await;
        assert_eq!(cards.len(), 1);
        assert_eq!(cards[0]["par"], exchange.json().unwrap()["mobileCardPar"]);
        assert_eq!(cards[0]["isNamed"], true);
        assert_eq!(cards[0]["rechargeableAmount"], 1_975_000);
        assert_eq!(cards[0]["limits"], limits["limits"]);
    })
    .await;
}

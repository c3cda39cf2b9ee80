//! What a reissue writes: application, accounts, cards, delivery, journal and log.

use std::collections::BTreeSet;

use crypto::pan::Pan;
use domain::{AspId, Expiry};
use platen::context::place;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::World;
use platen::sandbox::world::products::{
    FREE, ORDINARY, ORDINARY_WITH_FEE, ProductKey, STANDARD, WITH_FEES,
};
use serde_json::{Value, json};

use crate::given::{by_number, change, given, given_of, mobile_only, new_id, told_card};
use crate::rows::unhex;
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_as_promised() {
    on_each_engine(async |server, bank, _| {
        with_fee_and_plastic(&server, &bank).await;
        mobile_alone(&server, &bank, FREE, 0).await;
        mobile_alone(&server, &bank, WITH_FEES, 1_000).await;
        ordinary(&server, &bank, ORDINARY, "READY", 0).await;
        ordinary(&server, &bank, ORDINARY_WITH_FEE, "COST_PAID", 3_000).await;
        without_balance(&server, &bank).await;
        by_either_number_of_a_pair(&server, &bank).await;
        expired_while_suspended(&server, &bank).await;
        into_the_next_product(&server, &bank).await;
        server.assert_balances_derive().await;
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), server.fees_taken().await);
    })
    .await;
}

/// Reissues; the answer in clear.
async fn reissue(server: &TestServer, request: &Value, id: &str) -> Value {
    let exchange = server.call_as(REISSUE, request, Some(id)).await;
    assert_eq!((code(&exchange), exchange.status), ("000_000", 200));
    assert!(exchange.was_encrypted());
    exchange.json().unwrap()
}

async fn with_fee_and_plastic(server: &TestServer, bank: &TestBank) {
    let world = given_of(server, bank, STANDARD).await;
    let old = server.account(&world).await;
    server
        .exec(
            "UPDATE card_account SET is_named = TRUE, balance_limit = 2000000
             WHERE asp_id = $1 AND account_id = $2",
            &[old.into()],
        )
        .await;
    let id = new_id();
    let answer = reissue(server, &with_plastic(&world), &id).await;
    check_application(
        server,
        &answer,
        "REISSUE DIGITAL_ISSUED 0 000170000002000 PRE_ISSUANCE PHYSICAL 3000 1000 KRW 60 - \
         1 1 1 1 1",
    )
    .await;
    let new = check_accounts(server, &world, "2000000 1", 25_000).await;
    let mobile = check_mobile(server, &answer, new, "9491400").await;
    let plastic = check_plastic(server, &world, &answer, "9491400").await;
    assert_ne!(mobile, plastic);
    assert!(mobile != world.card_no() && plastic != world.card_no());
    let journal = [
        "pg-clearing:open-banking fee-income 2728 KRW".to_owned(),
        "pg-clearing:open-banking vat-payable 272 KRW".to_owned(),
        format!("card:{old} card:{new} 25000 KRW"),
    ];
    check_log(server, &world, &answer, (&id, "card.reissued", "PHYSICAL", 3_000), &journal).await;
    assert_eq!(bank.withdrawn(&world).await, [3_000]);
}

async fn mobile_alone(server: &TestServer, bank: &TestBank, product: ProductKey, fee: i64) {
    let world = given_of(server, bank, product).await;
    let old = server.account(&world).await;
    // The address is neither checked nor kept.
    let mut request = mobile_only(&world);
    request["userInfo"]["addressInfo"] = json!({ "zipCode": "no zip code", "address": 7 });
    let id = new_id();
    let answer = reissue(server, &request, &id).await;
    let told = format!(
        "REISSUE DIGITAL_ISSUED 0 {} PRE_ISSUANCE MOBILE_ONLY {fee} 1000 KRW 60 - 1 0 1 {} 1",
        product.service_id(),
        i64::from(fee > 0),
    );
    check_application(server, &answer, &told).await;
    let new = check_accounts(server, &world, "500000 0", 25_000).await;
    let range = if product == FREE { "9491401" } else { "9491407" };
    check_mobile(server, &answer, new, range).await;
    assert_eq!(cards_of(server, &answer).await, ["MOBILE"]);
    let deliveries = "SELECT state FROM delivery WHERE asp_id = $1 AND apply_no = $2";
    assert!(server.rows(deliveries, &[apply_no(&answer).into()]).await.is_empty());
    let mut journal = vec![format!("card:{old} card:{new} 25000 KRW")];
    if fee > 0 {
        journal.insert(0, "pg-clearing:open-banking fee-income 910 KRW".to_owned());
        journal.insert(1, "pg-clearing:open-banking vat-payable 90 KRW".to_owned());
    }
    let told = (id.as_str(), "card.reissued", "MOBILE_ONLY", fee);
    check_log(server, &world, &answer, told, &journal).await;
}

async fn ordinary(
    server: &TestServer,
    bank: &TestBank,
    product: ProductKey,
    state: &str,
    fee: i64,
) {
    let world = given_of(server, bank, product).await;
    let accounts = "SELECT account_id, state, balance, balance_limit, is_named, is_main,
             predecessor_id, successor_id
         FROM card_account WHERE asp_id = $1 AND user_id = $2";
    let before = server.row(accounts, &[world.user_id().into()]).await;
    let id = new_id();
    let answer = reissue(server, &with_plastic(&world), &id).await;
    let names: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["cardApplyNo", "response"]));
    let told = format!(
        "REISSUE {state} 1 {} ORDINARY PHYSICAL {fee} 1000 KRW 60 - 0 1 1 {} 1",
        product.service_id(),
        i64::from(fee > 0),
    );
    check_application(server, &answer, &told).await;
    assert_eq!(server.row(accounts, &[world.user_id().into()]).await, before);
    let range = if fee > 0 { "9491403" } else { "9491402" };
    check_plastic(server, &world, &answer, range).await;
    assert_eq!(cards_of(server, &answer).await, ["PHYSICAL"]);
    let journal = match fee {
        0 => vec![],
        _ => vec![
            "pg-clearing:open-banking fee-income 2728 KRW".to_owned(),
            "pg-clearing:open-banking vat-payable 272 KRW".to_owned(),
        ],
    };
    let told = (id.as_str(), "card.reissue_applied", "PHYSICAL", fee);
    check_log(server, &world, &answer, told, &journal).await;
    // The same member asks once more: one is open. A loss is withdrawn only while nothing is paid.
    let again = server.call(REISSUE, &with_plastic(&world)).await;
    assert_eq!(code(&again), "003_020");
    let resumed = server.call(STATE, &change(&world, "RESUME")).await;
    assert_eq!(code(&resumed), if fee > 0 { "003_020" } else { "000_000" });
}

async fn without_balance(server: &TestServer, bank: &TestBank) {
    let world = given(server, bank, |world| {
        world.product = FREE;
        world.balance_won = 0;
    })
    .await;
    let id = new_id();
    let answer = reissue(server, &mobile_only(&world), &id).await;
    check_accounts(server, &world, "500000 0", 0).await;
    let told = (id.as_str(), "card.reissued", "MOBILE_ONLY", 0);
    check_log(server, &world, &answer, told, &[]).await;
}

async fn by_either_number_of_a_pair(server: &TestServer, bank: &TestBank) {
    for by_plastic in [true, false] {
        let world = given_of(server, bank, FREE).await;
        let plastic = server.link_plastic(&world).await;
        let numbers = [world.card_no(), plastic];
        let number = &numbers[usize::from(by_plastic)];
        let answer = reissue(server, &by_number(&world, number), &new_id()).await;
        let new = check_accounts(server, &world, "500000 0", 25_000).await;
        check_mobile(server, &answer, new, "9491401").await;
        for ended in &numbers {
            let again = server.call(REISSUE, &by_number(&world, ended)).await;
            assert_eq!(code(&again), "003_018");
            let mut resume = change(&world, "RESUME");
            resume["cardNo"] = json!(ended);
            assert_eq!(code(&server.call(STATE, &resume).await), "003_022");
        }
        // The new card lives a life of its own: lost, and reissued again.
        let (pan, _) = told_card(&answer);
        let mut suspend = change(&world, "SUSPEND");
        suspend["cardNo"] = json!(pan.reveal());
        assert_eq!(code(&server.call(STATE, &suspend).await), "000_000");
        reissue(server, &by_number(&world, pan.reveal()), &new_id()).await;
    }
}

async fn expired_while_suspended(server: &TestServer, bank: &TestBank) {
    let world = given_of(server, bank, FREE).await;
    let sql = "UPDATE card SET expiry_yymm = '2001' WHERE asp_id = $1 AND account_id = $2";
    assert_eq!(server.exec(sql, &[server.account(&world).await.into()]).await, 1);
    let answer = reissue(server, &with_plastic(&world), &new_id()).await;
    let new = check_accounts(server, &world, "500000 0", 25_000).await;
    check_mobile(server, &answer, new, "9491401").await;
}

/// Product, fee and range are those of the next product.
async fn into_the_next_product(server: &TestServer, bank: &TestBank) {
    let set = "UPDATE product SET next_service_id = $3 WHERE asp_id = $1 AND service_id = $2";
    let (old, next) = (FREE.service_id(), WITH_FEES.service_id());
    server.exec(set, &[old.as_str().into(), next.as_str().into()]).await;
    let world = given_of(server, bank, FREE).await;
    let answer = reissue(server, &mobile_only(&world), &new_id()).await;
    let new = check_accounts(server, &world, "500000 0", 25_000).await;
    check_mobile(server, &answer, new, "9491407").await;
    assert_eq!(bank.withdrawn(&world).await, [1_000]);
    let sql = "SELECT service_id FROM card_account WHERE asp_id = $1 AND account_id = $2";
    assert_eq!(server.row(sql, &[new.into()]).await, next.as_str());
    let undo = "UPDATE product SET next_service_id = NULL WHERE asp_id = $1 AND service_id = $2";
    server.exec(undo, &[old.as_str().into()]).await;
}

fn apply_no(answer: &Value) -> &str {
    let number = answer["cardApplyNo"].as_str().unwrap();
    assert!(number.len() == 22 && number.bytes().all(|digit| digit.is_ascii_digit()));
    number
}

const APPLICATION: &str = "SELECT kind, state, holds_old_card, service_id, issuance, delivery,
         fee, vat_basis_points, currency, validity_months, refusal,
         new_account_id IS NOT NULL, physical_card_id IS NOT NULL, recipient_sealed IS NULL,
         bank_tran_id IS NOT NULL AND bank_tran_day IS NOT NULL AND api_tran_id IS NOT NULL,
         settled_at >= applied_at
     FROM application WHERE asp_id = $1 AND apply_no = $2";

async fn check_application(server: &TestServer, answer: &Value, expected: &str) {
    assert_eq!(server.row(APPLICATION, &[apply_no(answer).into()]).await, expected);
}

/// The old account is ended, the new one has its money and its standing; the new one's id.
async fn check_accounts(server: &TestServer, world: &World, standing: &str, balance: i64) -> i64 {
    let rows = server
        .rows(
            "SELECT account_id, predecessor_id, successor_id, state, balance, balance_limit,
                 is_named, is_main
             FROM card_account WHERE asp_id = $1 AND user_id = $2 ORDER BY account_id",
            &[world.user_id().into()],
        )
        .await;
    let id = |row: &String| row.split(' ').next().unwrap().to_owned();
    let (old, new) = (id(&rows[0]), id(&rows[1]));
    assert_eq!(
        rows,
        [
            format!("{old} - {new} TERMINATED 0 {standing} 0"),
            format!("{new} {old} - ACTIVE {balance} {standing} 1"),
        ]
    );
    new.parse().unwrap()
}

async fn cards_of(server: &TestServer, answer: &Value) -> Vec<String> {
    let sql = "SELECT form FROM card WHERE asp_id = $1 AND apply_no = $2 ORDER BY form";
    server.rows(sql, &[apply_no(answer).into()]).await
}

/// The mobile card that was told is the one that is written; its number.
async fn check_mobile(server: &TestServer, answer: &Value, account: i64, range: &str) -> String {
    let (pan, par) = told_card(answer);
    let sql = "SELECT form, account_id, apply_no, card_id, pan_sealed, pan_index, pan_first6,
             pan_last4, expiry_yymm, cvc_key_id, given_cvc_sealed
         FROM card WHERE asp_id = $1 AND par = $2";
    let row = server.row(sql, &[par.as_str().into()]).await;
    let cells: Vec<&str> = row.split(' ').collect();
    assert_eq!(cells[..3], ["MOBILE", &account.to_string(), apply_no(answer)]);
    check_card(server, &cells[3..], range);
    assert_eq!(open(server, "card.pan", cells[3], cells[4]), pan.reveal());
    let ring = server.app.core.keys.ring();
    let (_, key) = ring.active_cvc_key();
    assert_eq!(answer["mobileCardCVC"], key.cvc2(&pan, cells[8]).unwrap().reveal());
    pan.reveal().to_owned()
}

/// The plastic is made, linked to nothing yet, and on its way to the recipient; its number.
async fn check_plastic(server: &TestServer, world: &World, answer: &Value, range: &str) -> String {
    let sql = "SELECT c.account_id, d.state, d.recipient_sealed, c.card_id, c.pan_sealed,
             c.pan_index, c.pan_first6, c.pan_last4, c.expiry_yymm, c.cvc_key_id,
             c.given_cvc_sealed, c.form
         FROM delivery d JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
             AND c.apply_no = d.apply_no
         WHERE d.asp_id = $1 AND d.apply_no = $2";
    let row = server.row(sql, &[apply_no(answer).into()]).await;
    let cells: Vec<&str> = row.split(' ').collect();
    assert_eq!((cells[0], cells[1], cells[11]), ("-", "READY", "PHYSICAL"));
    check_card(server, &cells[3..], range);
    let recipient = open(server, "delivery.recipient", apply_no(answer), cells[2]);
    let recipient: Value = serde_json::from_str(&recipient).unwrap();
    assert_eq!(
        recipient,
        json!({
            "name": format!("시험회원{}", world.number),
            "phone": format!("0100000{:04}", world.number),
            "address": "서울특별시 강남구 테헤란로 152",
            "addressDetail": "3층 301호",
            "zipCode": "06236",
        })
    );
    open(server, "card.pan", cells[3], cells[4])
}

/// Cells from `card_id` on: the number opens, is of the range, and everything beside it fits it.
fn check_card(server: &TestServer, cells: &[&str], range: &str) {
    let pan = Pan::parse(&open(server, "card.pan", cells[0], cells[1])).unwrap();
    assert!(pan.reveal().starts_with(range), "{pan:?} is not of {range}");
    let index = server.app.core.keys.ring().lookup().1.pan_index(ASP_ID, &pan).unwrap();
    assert_eq!(unhex(cells[2]), index);
    assert_eq!((cells[3], cells[4]), (pan.first6(), pan.last4()));
    assert_eq!(cells[5], Expiry::after(server.app.clock.now(), 60).yymm());
    assert_eq!(cells[6], server.app.core.keys.ring().active_cvc_key().0.to_string());
    assert_eq!(cells[7], "-", "the CVC is never stored");
}

fn open(server: &TestServer, column: &str, row: &str, sealed: &str) -> String {
    let asp = AspId::new(ASP_ID);
    let opened = server.app.core.open_text(place(&asp, column, row), &unhex(sealed));
    opened.unwrap().expose().to_owned()
}

/// One row of the log, with its journal.
async fn check_log(
    server: &TestServer,
    world: &World,
    answer: &Value,
    (id, event, delivery, fee): (&str, &str, &str, i64),
    journal: &[String],
) {
    let sql = "SELECT operation, event, code, correlation_id, replay_key IS NOT NULL,
             cipher_digest IS NOT NULL, strict_key IS NULL, payload
         FROM operation_log WHERE asp_id = $1 AND subject = $2";
    let row = server.row(sql, &[apply_no(answer).into()]).await;
    let head = format!("prepaid-card.reissue {event} 000_000 {id} 1 1 1 ");
    let payload: Value = serde_json::from_str(row.strip_prefix(&head).unwrap()).unwrap();
    assert_eq!(
        payload,
        json!({
            "cardApplyNo": apply_no(answer),
            "userId": world.user_id(),
            "par": answer.get("mobileCardPar"),
            "fee": fee,
            "delivery": delivery,
        })
    );
    let sql = "SELECT p.debit, p.credit, p.amount, p.currency
         FROM posting p JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
         WHERE l.asp_id = $1 AND l.subject = $2 ORDER BY p.line";
    assert_eq!(server.rows(sql, &[apply_no(answer).into()]).await, journal);
}

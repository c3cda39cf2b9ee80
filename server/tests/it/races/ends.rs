//! An application may be cancelled, its plastic registered, lost or called off, and the card that
//! it would replace discarded: at the same moment, at two servers. One of them ends it, and what
//! is left agrees.

use std::sync::Arc;

use domain::AspId;
use platen::cards;
use platen::context::place;
use platen::op::{Done, NoRefusal, OrStop as _};
use platen::ops::prepaid_card::issue;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{ALL_FEES, ORDINARY_WITH_FEE, ProductKey};
use platen::sandbox::world::{Card, World};
use serde_json::{Value, json};
use store::Tx;

use super::{Made, at_once};
use crate::fees::patient;
use crate::given::{change, given, new_id};
use crate::raw::Raw;
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_database};

const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";
const CANCEL: &str = "/api/v1/card/delivery/cancel";
const REGISTER: &str = "/api/v1/prepay-card/physical/register";
const TERMINATE: &str = "/api/v1/card/terminate";
/// Contests of each kind: who comes first differs.
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_ends_in_one_way() {
    on_each_database(async |target, bank| {
        let first = Arc::new(TestServer::start(&target, &bank, patient()).await);
        let second = Arc::new(TestServer::start(&target, &bank, patient()).await);
        for product in [ORDINARY_WITH_FEE, ALL_FEES] {
            for round in 0..ROUNDS {
                contest([&first, &second], &bank, product, round).await;
            }
        }
        first.assert_balances_derive().await;
        while first
            .number(
                "SELECT COUNT(*) FROM fee_return WHERE asp_id = $1
             AND state = 'DUE'",
            )
            .await
            > 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let totals = bank.admin.totals().await.unwrap();
        assert_eq!(totals.taken(), first.fees_taken().await);
        for server in [first, second] {
            Arc::try_unwrap(server).ok().unwrap().stop().await;
        }
    })
    .await;
}

async fn contest(both: [&Arc<TestServer>; 2], bank: &TestBank, product: ProductKey, round: usize) {
    let world = given(both[0], bank, |world| {
        world.product = product;
        world.card = Card::Suspended;
    })
    .await;
    let apply = platen::ops::prepaid_card::reissue::with_plastic(&world);
    let answer = both[0].call(REISSUE, &apply).await;
    assert_eq!(code(&answer), "000_000");
    let answer: Value = answer.json().unwrap();
    let apply_no = answer["cardApplyNo"].as_str().unwrap();
    let register = both[0].plastic(apply_no, &world).await;
    let cancel = json!({ "userId": world.user_id(), "cardApplyNo": apply_no });
    let discard = json!({ "userId": world.user_id(), "par": world.par() });
    let path = format!("/sandbox/v1/deliveries/{apply_no}/advance");
    let receipt = Raw::plain(both[1], &path, r#"{"state":"RECEIPT"}"#);
    assert_eq!(receipt.send(both[1]).await.status, 200);
    let lost = Raw::plain(both[1], &path, r#"{"state":"LOST"}"#);

    let made = |at: usize, path: &'static str, body: Value| -> Made {
        (both[(at + round) % 2].client.clone(), path, body, new_id())
    };
    let calls = at_once(vec![
        made(0, REGISTER, register.clone()),
        made(1, CANCEL, cancel),
        made(0, STATE, change(&world, "RESUME")),
        made(1, TERMINATE, discard),
        made(1, REGISTER, register),
    ]);
    let (answers, lost) = tokio::join!(calls, lost.send(both[1]));
    assert!(matches!(lost.status, 200 | 400), "{}", lost.json());
    let done: Vec<bool> = answers.iter().map(|answer| code(answer) == "000_000").collect();
    for answer in &answers {
        assert!(!matches!(code(answer), "000_997" | "000_999"), "{answer:?}");
    }
    let ended = [done[0], done[1], done[4]].iter().filter(|done| **done).count();
    assert!(ended <= 1, "{answers:?}");
    agrees(both[0], &world, apply_no, (done[0] || done[4], done[1])).await;
}

/// Application, cards, delivery and money say the same.
async fn agrees(
    server: &TestServer,
    world: &World,
    apply_no: &str,
    (registered, cancelled): (bool, bool),
) {
    let sql = "SELECT state FROM application WHERE asp_id = $1 AND apply_no = $2";
    let state = server.row(sql, &[apply_no.into()]).await;
    assert_eq!(state == "PHYSICAL_ISSUED", registered, "{state}");
    assert_eq!(state == "CANCELLED", cancelled, "{state}");
    let sql = "SELECT state FROM delivery WHERE asp_id = $1 AND apply_no = $2";
    let delivery = server.row(sql, &[apply_no.into()]).await;
    assert_eq!(delivery == "ARRIVAL", registered, "{delivery}");
    assert_eq!(delivery == "CANCEL", cancelled, "{delivery}");
    // The plastic that lives: one of an account where it is registered, else of none.
    let sql = "SELECT account_id IS NOT NULL FROM card
         WHERE asp_id = $1 AND apply_no = $2 AND form = 'PHYSICAL' AND ended_at IS NULL";
    let plastic = server.rows(sql, &[apply_no.into()]).await;
    let expected: &[&str] = match (registered, cancelled) {
        (true, _) => &["1"],
        (false, true) => &[],
        (false, false) => &["0"],
    };
    assert_eq!(plastic, expected, "{state} {delivery}");
    // A card of an account ends with it, and the member's money is on one account.
    let sql = "SELECT COUNT(*) FROM card c
         JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
         WHERE c.asp_id = $1 AND a.user_id = $2 AND c.ended_at IS NOT NULL";
    assert_eq!(server.row(sql, &[world.user_id().into()]).await, "0");
    let sql = "SELECT COUNT(*), CAST(SUM(balance) AS BIGINT), COUNT(NULLIF(balance, 0))
         FROM card_account WHERE asp_id = $1 AND user_id = $2";
    let accounts = server.row(sql, &[world.user_id().into()]).await;
    assert!(accounts.ends_with(" 25000 1"), "{accounts}");
    let sql = "SELECT COUNT(*) FROM fee_return WHERE asp_id = $1 AND apply_no = $2";
    let returns = server.row(sql, &[apply_no.into()]).await;
    let is_charged = world.product == ORDINARY_WITH_FEE;
    assert_eq!(returns == "1", cancelled && is_charged, "{returns}");
}

impl TestServer {
    /// The request that registers the plastic of an application, from what was made.
    async fn plastic(&self, apply_no: &str, world: &World) -> Value {
        let (core, apply_no) = (self.app.core.clone(), apply_no.to_owned());
        let user = world.user_id();
        let read = move |tx: &mut Tx<'_>| -> Done<Value, NoRefusal> {
            let asp = AspId::new(ASP_ID);
            let row = tx.query_one(
                "SELECT c.card_id, c.pan_sealed, c.expiry_yymm, c.cvc_key_id FROM delivery d
                 JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
                 WHERE d.asp_id = $1 AND d.apply_no = $2",
                &[ASP_ID.into(), apply_no.as_str().into()],
            )?;
            let id = row.int(0)?.to_string();
            let number = core.open_text(place(&asp, "card.pan", &id), row.blob(1)?).or_stop()?;
            let pan = crypto::pan::Pan::parse(number.expose()).unwrap();
            let cvc = cards::cvc::<NoRefusal>(&core, &pan, row.text(2)?, row.int(3)?)?;
            Ok(json!({
                "userId": user,
                "physicalCardNo": pan.reveal(),
                "physicalCardExpDate": row.text(2)?,
                "physicalCardCVC": cvc.reveal(),
            }))
        };
        self.app.store.read(read).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_card_ends_with_its_application_whenever_that_is_cancelled() {
    on_each_database(async |target, bank| {
        let first = TestServer::start(&target, &bank, patient()).await;
        let second = TestServer::start(&target, &bank, patient()).await;
        for _ in 0..2 * ROUNDS {
            let world = given(&first, &bank, |world| {
                world.product = ALL_FEES;
                world.card = Card::None;
            })
            .await;
            let user = [world.user_id().into()];
            let apply = issue::with_plastic(&world);
            let cancelled = async {
                // From the moment on at which its fee is being charged.
                let sql = "SELECT apply_no FROM application WHERE asp_id = $1 AND user_id = $2";
                let apply_no = loop {
                    if let Some(found) = second.rows(sql, &user).await.pop() {
                        break found;
                    }
                };
                let cancel = json!({ "userId": world.user_id(), "cardApplyNo": apply_no });
                let until_done = async || loop {
                    match code(&second.call(CANCEL, &cancel).await) {
                        "000_000" => break 1,
                        // Another one of these calls was first.
                        "003_003" if second.state(world.user_id()).await == "CANCELLED" => break 0,
                        "003_003" => {}
                        other => panic!("{other}"),
                    }
                };
                let (one, other) = tokio::join!(until_done(), until_done());
                one + other
            };
            let (issued, cancelled) = tokio::join!(first.call(ISSUE, &apply), cancelled);
            assert_eq!((code(&issued), cancelled), ("000_000", 1));
            let sql = "SELECT a.state, c.state, f.reason FROM application a
                 JOIN card_account c ON c.asp_id = a.asp_id AND c.account_id = a.new_account_id
                 JOIN fee_return f ON f.asp_id = a.asp_id AND f.apply_no = a.apply_no
                 WHERE a.asp_id = $1 AND a.user_id = $2";
            assert_eq!(first.row(sql, &user).await, "CANCELLED TERMINATED CANCELLED");
        }
        first.assert_balances_derive().await;
        first.stop().await;
        second.stop().await;
    })
    .await;
}

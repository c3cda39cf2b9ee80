//! What ends with what: cards, applications, plastic and the fees that were paid for them.

use domain::delivery::DeliveryState;
use platen::ops::prepaid_card::issue;
use platen::ops::prepaid_card::reissue::{mobile_only, with_plastic};
use platen::sandbox::world::World;
use platen::sandbox::world::products::{ALL_FEES, FREE, ORDINARY_WITH_FEE, ProductKey};
use platen::sandbox::world::{Also, Bank, Card};
use serde_json::{Value, json};

use crate::delivery::report;
use crate::given::{given, given_of};
use crate::story::done;
use crate::support::{REISSUE, STATE, TestBank, TestServer, code, on_each_engine};

const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";
const CANCEL: &str = "/api/v1/card/delivery/cancel";
const TERMINATE: &str = "/api/v1/card/terminate";
const CALL_OFF: &str = "/platen/v1/prepaid-card/delivery/call-off";
const VIRTUAL: &str = "/api/v1/card/virtual-account/inquiry";
const LINKABLE: &str = "/api/v1/issued-cards/pre-issue/waiting/physical";

/// A member without a card.
async fn newcomer(server: &TestServer, bank: &TestBank, product: ProductKey) -> World {
    given(server, bank, |world| {
        world.card = Card::None;
        world.product = product;
        world.bank = Bank::Behaving("answer");
    })
    .await
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

async fn suspend(server: &TestServer, world: &World, number: &str) {
    let lost = json!({ "userId": world.user_id(), "cardNo": number, "status": "SUSPEND" });
    done(server, STATE, &lost).await;
}

/// The member's return: amount, reason, state.
async fn owed(server: &TestServer, apply_no: &str) -> Option<String> {
    let sql = "SELECT amount, reason FROM fee_return WHERE asp_id = $1 AND apply_no = $2";
    server.rows(sql, &[apply_no.into()]).await.pop()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_stays_while_its_card_is_being_replaced() {
    on_each_engine(async |server, bank, _| {
        let world = newcomer(&server, &bank, FREE).await;
        let first = done(&server, ISSUE, &issue::with_plastic(&world)).await;
        let next = "UPDATE product SET next_service_id = $3 WHERE asp_id = $1 AND service_id = $2";
        let (from, to) = (FREE.service_id(), ORDINARY_WITH_FEE.service_id());
        server.exec(next, &[from.as_str().into(), to.as_str().into()]).await;
        suspend(&server, &world, &text(&first, "mobileCardNo")).await;
        let mut reissue = with_plastic(&world);
        reissue["cardInfo"]["oldCardNo"] = first["mobileCardNo"].clone();
        let second = text(&done(&server, REISSUE, &reissue).await, "cardApplyNo");
        let cancel = |no: &str| json!({ "userId": world.user_id(), "cardApplyNo": no });
        let first = text(&first, "cardApplyNo");
        assert_eq!(code(&server.call(CANCEL, &cancel(&first)).await), "003_003");
        let state = "SELECT a.state, c.state FROM application a JOIN card_account c
                 ON c.asp_id = a.asp_id AND c.account_id = a.new_account_id
             WHERE a.asp_id = $1 AND a.apply_no = $2";
        let first_no = [first.as_str().into()];
        assert_eq!(server.row(state, &first_no).await, "DIGITAL_ISSUED SUSPENDED");
        // The other one may be taken back; then this one may, too.
        done(&server, CANCEL, &cancel(&second)).await;
        assert_eq!(owed(&server, &second).await.as_deref(), Some("3000 CANCELLED"));
        done(&server, CANCEL, &cancel(&first)).await;
        assert_eq!(server.row(state, &first_no).await, "CANCELLED TERMINATED");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_come_back_is_paid_back_when_its_card_is_discarded() {
    on_each_engine(async |server, bank, _| {
        for (policy, expected) in [("REFUNDED", Some("2000 UNDELIVERABLE")), ("KEPT", None)] {
            let world = newcomer(&server, &bank, ALL_FEES).await;
            let card = done(&server, ISSUE, &issue::with_plastic(&world)).await;
            let no = text(&card, "cardApplyNo");
            let promise = "UPDATE application SET returned_fee = $3
                 WHERE asp_id = $1 AND apply_no = $2";
            server.exec(promise, &[no.as_str().into(), policy.into()]).await;
            report(&server, &no, DeliveryState::Receipt, (1, 1)).await;
            report(&server, &no, DeliveryState::Return, (2, 1)).await;
            let par = &card["mobileCardPar"];
            done(&server, TERMINATE, &json!({ "userId": world.user_id(), "par": par })).await;
            assert_eq!(owed(&server, &no).await.as_deref(), expected, "{policy}");
            let call_off = json!({ "userId": world.user_id(), "cardApplyNo": no });
            assert_eq!(code(&server.call(CALL_OFF, &call_off).await), "003_931");
        }
        server.assert_balances_derive().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrived_is_given_up_and_its_card_let_go() {
    on_each_engine(async |server, bank, _| {
        for end in [DeliveryState::Arrival, DeliveryState::Etc] {
            let world = given_of(&server, &bank, ORDINARY_WITH_FEE).await;
            let answer = done(&server, REISSUE, &with_plastic(&world)).await;
            let no = text(&answer, "cardApplyNo");
            report(&server, &no, DeliveryState::Receipt, (1, 1)).await;
            report(&server, &no, end, (2, 1)).await;
            // Nothing of the member's is free until the partner gives the plastic up.
            assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_020");
            let call_off = json!({ "userId": world.user_id(), "cardApplyNo": no });
            done(&server, CALL_OFF, &call_off).await;
            assert_eq!(code(&server.call(CALL_OFF, &call_off).await), "003_931");
            let sql = "SELECT a.state, d.state, c.ended_at IS NOT NULL FROM application a
                 JOIN delivery d ON d.asp_id = a.asp_id AND d.apply_no = a.apply_no
                 JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
                 WHERE a.asp_id = $1 AND a.apply_no = $2";
            assert_eq!(server.row(sql, &[no.as_str().into()]).await, "CANCELLED CANCEL 1");
            done(&server, REISSUE, &with_plastic(&world)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_stands_to_others_as_its_card_did() {
    on_each_engine(async |server, bank, _| {
        for (role, refusal) in [("BASIC", "001_059"), ("SUB", "001_061"), ("MARRIED", "001_062")] {
            let world = given_of(&server, &bank, FREE).await;
            let user = [world.user_id().into()];
            let sql = "UPDATE card_account SET role = $3, main_account_id = 7, balance = 0
                 WHERE asp_id = $1 AND user_id = $2";
            server.exec(sql, &[world.user_id().into(), role.into()]).await;
            let answer = done(&server, REISSUE, &mobile_only(&world)).await;
            let request = json!({ "userId": world.user_id(), "par": answer["mobileCardPar"] });
            assert_eq!(code(&server.call(TERMINATE, &request).await), refusal);
            let kept = "SELECT DISTINCT role, main_account_id FROM card_account
                 WHERE asp_id = $1 AND user_id = $2";
            assert_eq!(server.rows(kept, &user).await, [format!("{role} 7")]);
        }
        // What ends with a card ends with its successor.
        let main = given_of(&server, &bank, FREE).await;
        let sub = given_of(&server, &bank, FREE).await;
        let join = "UPDATE card_account SET main_account_id = (
                 SELECT m.account_id FROM card_account m WHERE m.asp_id = $1 AND m.user_id = $3)
             WHERE asp_id = $1 AND user_id = $2";
        server.exec(join, &[sub.user_id().into(), main.user_id().into()]).await;
        done(&server, REISSUE, &mobile_only(&main)).await;
        let joined = "SELECT m.state FROM card_account s JOIN card_account m
                 ON m.asp_id = s.asp_id AND m.account_id = s.main_account_id
             WHERE s.asp_id = $1 AND s.user_id = $2";
        assert_eq!(server.row(joined, &[sub.user_id().into()]).await, "ACTIVE");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_one_main_card_however_many_first_ones_are_paid_at_once() {
    on_each_engine(async |server, bank, _| {
        for _ in 0..6 {
            let world = newcomer(&server, &bank, ALL_FEES).await;
            let (plastic, mobile) = (issue::with_plastic(&world), issue::mobile_only(&world));
            let (first, second, third) = tokio::join!(
                server.call(ISSUE, &plastic),
                server.call(ISSUE, &mobile),
                server.call(ISSUE, &plastic)
            );
            for exchange in [first, second, third] {
                assert_eq!(code(&exchange), "000_000");
            }
            let sql = "SELECT COUNT(*), SUM(CASE WHEN is_main THEN 1 ELSE 0 END)
                 FROM card_account WHERE asp_id = $1 AND user_id = $2";
            assert_eq!(server.row(sql, &[world.user_id().into()]).await, "3 1");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_off_awaits_no_plastic() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, FREE).await;
        let no = text(&done(&server, REISSUE, &with_plastic(&world)).await, "cardApplyNo");
        let request = json!({ "userId": world.user_id() });
        let listed = async |server: &TestServer| {
            let answer = done(server, LINKABLE, &request).await;
            answer["issuedCardList"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(listed(&server).await, 1);
        report(&server, &no, DeliveryState::Receipt, (1, 1)).await;
        report(&server, &no, DeliveryState::Return, (2, 1)).await;
        let call_off = json!({ "userId": world.user_id(), "cardApplyNo": no });
        done(&server, CALL_OFF, &call_off).await;
        assert_eq!(listed(&server).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plastic_that_nobody_hears_of_is_given_up_after_a_while() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, ORDINARY_WITH_FEE).await;
        let answer = done(&server, REISSUE, &with_plastic(&world)).await;
        let no = text(&answer, "cardApplyNo");
        report(&server, &no, DeliveryState::Shipping, (1, 1)).await;
        let call_off = json!({ "userId": world.user_id(), "cardApplyNo": no });
        assert_eq!(code(&server.call(CALL_OFF, &call_off).await), "003_931");
        let heard = "UPDATE delivery SET changed_at = $3 WHERE asp_id = $1 AND apply_no = $2";
        let month_ago = server.app.now().0 - 30 * 86_400_000_000;
        let a_minute = 60_000_000;
        server.exec(heard, &[no.as_str().into(), (month_ago + a_minute).into()]).await;
        assert_eq!(code(&server.call(CALL_OFF, &call_off).await), "003_931");
        server.exec(heard, &[no.as_str().into(), (month_ago - a_minute).into()]).await;
        done(&server, CALL_OFF, &call_off).await;
        assert_eq!(owed(&server, &no).await.as_deref(), Some("3000 UNDELIVERABLE"));
        done(&server, REISSUE, &with_plastic(&world)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_account_leads_to_the_successor() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.product = FREE;
            world.also = vec![Also::VirtualAccount];
        })
        .await;
        let before = done(&server, VIRTUAL, &json!({ "cardNo": world.card_no() })).await;
        let card = done(&server, REISSUE, &mobile_only(&world)).await;
        let asked = json!({ "cardNo": text(&card, "mobileCardNo") });
        assert_eq!(done(&server, VIRTUAL, &asked).await["accountNo"], before["accountNo"]);
        let old = json!({ "cardNo": world.card_no() });
        assert_eq!(code(&server.call(VIRTUAL, &old).await), "003_001");
    })
    .await;
}

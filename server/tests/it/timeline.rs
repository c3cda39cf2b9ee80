//! The timeline of a card: its whole history through reissues and renewals, by whichever number.

use std::time::{Duration, Instant};

use bank::sim::Scope;
use domain::delivery::{DeliveryState, Report};
use domain::{AspId, Expiry};
use platen::delivery::{Applied, Tracking, apply, reporting};
use platen::op::{Done, NoRefusal, Operation, transact};
use platen::ops::platen::card_timeline::CardTimeline;
use platen::ops::platen::defect_report::DefectReport;
use platen::ops::platen::delivery_call_off::DeliveryCallOff;
use platen::ops::platen::events::Events;
use platen::ops::prepaid_card::issue::{self, Issue};
use platen::ops::prepaid_card::list::List;
use platen::ops::prepaid_card::physical_register::{self, PhysicalRegister};
use platen::ops::prepaid_card::reissue::{Reissue, with_plastic};
use platen::ops::prepaid_card::renew::{self, Renew};
use platen::ops::prepaid_card::terminate::Terminate;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{ALL_FEES, FREE, ORDINARY_WITH_FEE};
use platen::sandbox::world::{Card, Step, World};
use serde_json::{Value, json};
use store::Tx;

use crate::given::{by_number, change, given, given_of};
use crate::support::{REISSUE, STATE, TestServer, code, on_each_engine};

const TIMELINE: &str = CardTimeline::SPEC.path;

fn asked(world: &World, number: &str) -> Value {
    json!({ "userId": world.user_id(), "cardNo": number })
}

/// A call that succeeds.
async fn done(server: &TestServer, path: &str, body: &Value) -> Value {
    let answer = server.call(path, body).await;
    assert_eq!(code(&answer), "000_000", "{path}: {:?}", answer.json());
    answer.json().unwrap()
}

/// The whole timeline, read in parts of this size.
async fn timeline(server: &TestServer, world: &World, number: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut request) = (Vec::new(), asked(world, number));
    request["limit"] = json!(limit);
    loop {
        let part = done(server, TIMELINE, &request).await;
        let entries = part["entries"].as_array().unwrap();
        assert!(entries.len() <= limit);
        all.extend(entries.iter().cloned());
        request["cursor"] = part["cursor"].clone();
        if part["hasMore"] == false {
            return all;
        }
        assert_eq!(entries.len(), limit);
    }
}

/// Kind and generation of each entry, with the state that a delivery took.
fn told(entries: &[Value]) -> Vec<String> {
    let one = |entry: &Value| {
        let state = entry["state"].as_str().unwrap_or_default();
        let line = format!("{} {} {state}", entry["generation"], entry["type"].as_str().unwrap());
        line.trim_end().to_owned()
    };
    entries.iter().map(one).collect()
}

fn masked(number: &str) -> String {
    format!("{}******{}", &number[..6], &number[12..])
}

/// A carrier's report.
async fn report(
    server: &TestServer,
    world: &World,
    state: DeliveryState,
    place: Option<&'static str>,
) {
    let report = Report { state, occurred_at: server.app.now(), attempt: 1 };
    let done = transact(&server.app, || {
        let cx = reporting(&server.app.core, &AspId::new(ASP_ID), "test", server.app.moment());
        let apply_no = world.apply_no();
        move |tx: &mut Tx<'_>| -> Done<Applied, NoRefusal> {
            let tracking = Tracking {
                carrier: Some("우체국"),
                tracking_no: Some("6890"),
                place,
                reason: Some("부재"),
                ..Tracking::of(report)
            };
            apply(&cx, tx, &apply_no, tracking)
        }
    });
    let applied = done.await.unwrap_or_else(|answer| panic!("{}", answer.code()));
    assert_eq!(applied, Applied::Took(state));
}

/// The number of the member's newest mobile card.
async fn newest(server: &TestServer, world: &World) -> (String, String) {
    let list = done(server, List::SPEC.path, &json!({ "userId": world.user_id() })).await;
    let text = |name: &str| list["cardDataInfo"][0][name].as_str().unwrap().to_owned();
    (text("mobileCardNo"), text("par"))
}

/// Issue, delivery, registration, loss, defect, reissue, renewal, end.
async fn whole_life(server: &TestServer, world: &World) -> [String; 4] {
    report(server, world, DeliveryState::Receipt, None).await;
    report(server, world, DeliveryState::Shipping, Some("서울")).await;
    let first = done(server, PhysicalRegister::SPEC.path, &physical_register::request(world)).await;
    let first = first["mobileCardNo"].as_str().unwrap().to_owned();
    let plastic = world.plastic_no();
    let state = |wish: &str| {
        let mut body = change(world, wish);
        body["cardNo"] = json!(plastic);
        body
    };
    done(server, STATE, &state("SUSPEND")).await;
    done(server, STATE, &state("RESUME")).await;
    let mut defect = asked(world, &plastic);
    defect["reason"] = json!("CONTACTLESS");
    done(server, DefectReport::SPEC.path, &defect).await;
    done(server, STATE, &state("SUSPEND")).await;
    let second = done(server, REISSUE, &by_number(world, &plastic)).await;
    let second = second["mobileCardNo"].as_str().unwrap().to_owned();
    let soon = Expiry::latest_ending_within(server.app.now(), 30).yymm();
    let expire = "UPDATE card_account SET expiry_yymm = $3
         WHERE asp_id = $1 AND user_id = $2 AND state <> 'TERMINATED'";
    server.exec(expire, &[world.user_id().into(), soon.as_str().into()]).await;
    let mut renewal = renew::renewal(world);
    renewal["cardInfo"]["oldCardNo"] = json!(second);
    let id = "260101000000-0ABCDEF";
    let renewed = server.call_as(Renew::SPEC.path, &renewal, Some(id)).await;
    assert_eq!(code(&renewed), "000_000");
    let (third, par) = newest(server, world).await;
    done(server, Terminate::SPEC.path, &json!({ "userId": world.user_id(), "par": par })).await;
    [plastic, first, second, third]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cards_whole_history_is_told_by_any_of_its_numbers() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.card = Card::None;
            world.product = ALL_FEES;
            world.before = vec![Step::Call(Issue::SPEC.id, issue::with_plastic), Step::GivePlastic];
        })
        .await;
        let before = timeline(&server, &world, &world.plastic_no(), 50).await;
        assert_eq!(told(&before), ["1 fee.taken", "1 card.issued"]);
        let numbers = whole_life(&server, &world).await;
        let all = timeline(&server, &world, &numbers[0], 100).await;
        let expected = [
            "1 fee.taken",
            "1 card.issued",
            "1 delivery.changed RECEIPT",
            "1 delivery.changed SHIPPING",
            "1 delivery.changed ARRIVAL",
            "1 card.registered",
            "1 card.suspended",
            "1 card.resumed",
            "1 card.defect_reported",
            "1 card.suspended",
            "1 card.ended",
            "2 card.reissued",
            "3 fee.taken",
            "2 card.ended",
            "3 card.renewed",
            "3 delivery.changed CANCEL",
            "3 card.discarded",
        ];
        assert_eq!(told(&all), expected);
        for number in &numbers {
            for limit in [1, 2, 3, 17, 100] {
                assert_eq!(timeline(&server, &world, number, limit).await, all);
            }
        }
        details(&all, &numbers, &world);
    })
    .await;
}

fn details(all: &[Value], [plastic, first, second, third]: &[String; 4], world: &World) {
    assert_eq!((&all[0]["fee"], &all[1]["fee"]), (&json!(2_000), &Value::Null));
    for (at, number) in [
        (1, first),
        (3, plastic),
        (5, plastic),
        (6, first),
        (10, first),
        (11, second),
        (13, second),
        (14, third),
        (16, third),
    ] {
        assert_eq!(all[at]["maskedCardNo"], masked(number), "{at}");
    }
    let step = &all[3];
    assert_eq!(step["cardApplyNo"], world.apply_no().as_str());
    assert_eq!((&step["carrier"], &step["trackingNo"]), (&json!("우체국"), &json!("6890")));
    assert_eq!((&step["place"], &step["reason"]), (&json!("서울"), &json!("부재")));
    assert_eq!((&step["attempt"], &step["correlationId"]), (&json!(1), &Value::Null));
    assert_eq!(step["stateSince"].as_str().unwrap().len(), 14);
    assert_eq!(all[8]["reason"], "CONTACTLESS");
    assert_eq!(all[8]["cardApplyNo"], Value::Null);
    assert_eq!((&all[11]["fee"], &all[11]["waiver"]), (&Value::Null, &json!("DEFECTIVE_CARD")));
    for at in 12..15 {
        assert_eq!(all[at]["correlationId"], "260101000000-0ABCDEF", "{at}");
        assert_eq!(all[at]["eventId"], all[12]["eventId"], "{at}");
        assert_eq!(all[at]["cardApplyNo"].as_str().unwrap().len(), 22);
    }
    assert_eq!(all[12]["fee"], 1_000);
    let times: Vec<&str> = all.iter().map(|entry| entry["occurredAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let text = serde_json::to_string(all).unwrap();
    for number in [plastic, first, second, third] {
        assert!(!text.contains(number.as_str()), "a number in clear");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_refused_taken_and_given_back() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.product = ORDINARY_WITH_FEE;
            world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic), Step::GivePlastic];
        })
        .await;
        report(&server, &world, DeliveryState::Receipt, None).await;
        report(&server, &world, DeliveryState::Return, None).await;
        let call_off =
            json!({ "userId": world.user_id(), "cardApplyNo": world.apply_no().as_str() });
        done(&server, DeliveryCallOff::SPEC.path, &call_off).await;
        let begun = Instant::now();
        let state = "SELECT state FROM fee_return WHERE asp_id = $1 AND apply_no = $2";
        while server.row(state, &[world.apply_no().as_str().into()]).await != "RETURNED" {
            assert!(begun.elapsed() < Duration::from_secs(25), "the fee was not given back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let by_plastic = timeline(&server, &world, &world.plastic_no(), 100).await;
        let expected = [
            "2 fee.taken",
            "2 card.reissue_applied",
            "2 delivery.changed RECEIPT",
            "2 delivery.changed RETURN",
            "2 delivery.changed CANCEL",
            "2 fee.returned",
        ];
        assert_eq!(told(&by_plastic), expected);
        assert_eq!(by_plastic, timeline(&server, &world, &world.card_no(), 100).await);
        assert_eq!(by_plastic[1]["maskedCardNo"], masked(&world.plastic_no()));
        assert_eq!(by_plastic[4]["feeReturned"], 3_000);
        assert_eq!(
            (&by_plastic[5]["fee"], &by_plastic[5]["reason"]),
            (&json!(3_000), &json!("UNDELIVERABLE"))
        );
        // The card stays, and the bank refuses its next reissue.
        bank.behave(&world, "refuse:412", Scope::Account).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_052");
        let all = timeline(&server, &world, &world.card_no(), 100).await;
        assert_eq!(told(&all)[6..], ["1 fee.refused"]);
        assert_eq!(all[6]["maskedCardNo"], masked(&world.card_no()));
        assert_eq!(all[6]["refusal"], "INVALID_ACCOUNT");
    })
    .await;
}

/// A sub card ends with its main card, by a row of the log that is the main card's.
#[tokio::test(flavor = "multi_thread")]
async fn a_sub_card_ends_with_its_main_card() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| {
            world.card = Card::Active;
            world.balance_won = 0;
            world.product = FREE;
        })
        .await;
        let main = server.account(&world).await;
        let sub = done(&server, Issue::SPEC.path, &issue::mobile_only(&world)).await;
        let sub = sub["mobileCardNo"].as_str().unwrap().to_owned();
        let belongs = "UPDATE card_account SET main_account_id = $3, role = 'SUB'
             WHERE asp_id = $1 AND user_id = $2 AND account_id <> $3";
        assert_eq!(server.exec(belongs, &[world.user_id().into(), main.into()]).await, 1);
        done(&server, STATE, &change(&world, "SUSPEND")).await;
        let end = json!({ "userId": world.user_id(), "par": world.par() });
        done(&server, Terminate::SPEC.path, &end).await;
        let of_sub = timeline(&server, &world, &sub, 1).await;
        assert_eq!(told(&of_sub), ["1 card.issued", "1 card.discarded"]);
        assert_eq!(of_sub[1]["maskedCardNo"], masked(&sub));
        let of_main = timeline(&server, &world, &world.card_no(), 1).await;
        assert_eq!(told(&of_main), ["1 card.suspended", "1 card.discarded"]);
        assert_eq!(of_main[1]["maskedCardNo"], masked(&world.card_no()));
        assert_eq!(of_main[1]["eventId"], of_sub[1]["eventId"]);
    })
    .await;
}

/// Neither another member's card nor plastic of nobody is told of; a cursor is one of this list.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_members_is_not_told() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, FREE).await;
        let other = given_of(&server, &bank, FREE).await;
        done(&server, REISSUE, &with_plastic(&other)).await;
        let plastic = given(&server, &bank, |world| world.card = Card::Unregistered).await;
        for number in [other.card_no(), plastic.card_no()] {
            assert_eq!(code(&server.call(TIMELINE, &asked(&world, &number)).await), "003_001");
        }
        let feed = done(&server, Events::SPEC.path, &json!({})).await;
        let mut request = asked(&other, &other.card_no());
        request["cursor"] = feed["cursor"].clone();
        assert_eq!(code(&server.call(TIMELINE, &request).await), "000_002");
        let end = done(&server, TIMELINE, &asked(&other, &other.card_no())).await;
        request["cursor"] = end["cursor"].clone();
        let after = done(&server, TIMELINE, &request).await;
        assert_eq!((&after["entries"], &after["hasMore"]), (&json!([]), &json!(false)));
        assert_eq!(after["cursor"], end["cursor"]);
    })
    .await;
}

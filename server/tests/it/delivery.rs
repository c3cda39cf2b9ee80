//! Deliveries: what reports, a loss, a return and its end do, on both engines.

pub mod files;
mod many;

use domain::delivery::{DeliveryState, Report};
use domain::{ApplyNo, AspId, Timestamp};
use platen::applying::example_address;
use platen::context::place;
use platen::delivery::{Applied, CalledOff, Tracking, apply, arrived, call_off, reporting};
use platen::op::{Done, NoRefusal, transact};
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::World;
use platen::sandbox::world::products::{FREE, ORDINARY_WITH_FEE, ProductKey};
use serde_json::{Value, json};
use store::Tx;

use crate::given::given_of;
use crate::support::{REISSUE, TestBank, TestServer, code, on_each_engine};

const RESEND: &str = "/platen/v1/prepaid-card/delivery/resend";
const CALL_OFF: &str = "/platen/v1/prepaid-card/delivery/call-off";
const MINUTE_US: i64 = 60_000_000;

/// A member whose plastic was ordered: the application's number.
async fn ordered(server: &TestServer, bank: &TestBank, product: ProductKey) -> (World, String) {
    let world = given_of(server, bank, product).await;
    let exchange = server.call(REISSUE, &with_plastic(&world)).await;
    assert_eq!(code(&exchange), "000_000");
    let answer: Value = exchange.json().unwrap();
    (world, answer["cardApplyNo"].as_str().unwrap().to_owned())
}

/// Reports a state so many minutes from now, of this attempt.
pub async fn report(
    server: &TestServer,
    apply_no: &str,
    state: DeliveryState,
    (minute, attempt): (i64, u32),
) -> Applied {
    let at = Timestamp(server.app.now().0 / MINUTE_US * MINUTE_US + (minute + 1) * MINUTE_US);
    let told = Report { state, occurred_at: at, attempt };
    let done = transact(&server.app, || {
        let cx = reporting(&server.app.core, &AspId::new(ASP_ID), "test", server.app.moment());
        let apply_no = ApplyNo::new(apply_no);
        move |tx: &mut Tx<'_>| -> Done<Applied, NoRefusal> {
            let tracking = Tracking {
                carrier: Some("우체국"),
                tracking_no: Some("6890"),
                ..Tracking::of(told)
            };
            apply(&cx, tx, &apply_no, tracking)
        }
    });
    done.await.unwrap_or_else(|answer| panic!("{}", answer.code()))
}

async fn delivery(server: &TestServer, apply_no: &str) -> String {
    let sql = "SELECT state, attempt, ended_at IS NULL, tracking_no FROM delivery
         WHERE asp_id = $1 AND apply_no = $2";
    server.row(sql, &[apply_no.into()]).await
}

async fn history(server: &TestServer, apply_no: &str) -> Vec<String> {
    let sql = "SELECT attempt, state, is_effective FROM delivery_event
         WHERE asp_id = $1 AND apply_no = $2 ORDER BY attempt, occurred_at, state";
    server.rows(sql, &[apply_no.into()]).await
}

async fn events(server: &TestServer, apply_no: &str) -> Vec<Value> {
    let sql = "SELECT payload FROM operation_log
         WHERE asp_id = $1 AND subject = $2 AND event = 'delivery.changed' ORDER BY log_id";
    let rows = server.rows(sql, &[apply_no.into()]).await;
    rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_count_once_and_never_backwards() {
    use DeliveryState as D;
    on_each_engine(async |server, bank, _| {
        let (world, no) = ordered(&server, &bank, FREE).await;
        for (state, at, expected, then) in [
            (D::Receipt, (1, 1), Applied::Took(D::Receipt), "RECEIPT 1 1 6890"),
            (D::Shipping, (5, 1), Applied::Took(D::Shipping), "SHIPPING 1 1 6890"),
            (D::Shipping, (5, 1), Applied::Known, "SHIPPING 1 1 6890"),
            (D::PreShipping, (3, 1), Applied::WrittenDown, "SHIPPING 1 1 6890"),
            (D::Return, (4, 1), Applied::WrittenDown, "SHIPPING 1 1 6890"),
            (D::PreShipping, (6, 1), Applied::WrittenDown, "SHIPPING 1 1 6890"),
            (D::Arrival, (7, 2), Applied::Unknown, "SHIPPING 1 1 6890"),
            (D::Arrival, (7, 1), Applied::Took(D::Arrival), "ARRIVAL 1 0 6890"),
            (D::Lost, (8, 1), Applied::WrittenDown, "ARRIVAL 1 0 6890"),
        ] {
            assert_eq!(report(&server, &no, state, at).await, expected, "{state:?} {at:?}");
            assert_eq!(delivery(&server, &no).await, then, "{state:?} {at:?}");
        }
        let written = [
            "1 RECEIPT 1",
            "1 PRE_SHIPPING 0",
            "1 RETURN 0",
            "1 SHIPPING 1",
            "1 PRE_SHIPPING 0",
            "1 ARRIVAL 1",
            "1 LOST 0",
        ];
        assert_eq!(history(&server, &no).await, written);
        let told = events(&server, &no).await;
        let states: Vec<_> = told.iter().map(|event| event["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["RECEIPT", "SHIPPING", "ARRIVAL"]);
        assert_eq!(told[0]["userId"], world.user_id());
        assert_eq!(told[0]["carrier"], "우체국");
        let other = report(&server, "1999010100000000000001", D::Arrival, (1, 1)).await;
        assert_eq!(other, Applied::Unknown);
    })
    .await;
}

/// The plastic of a delivery: its id, whether it lives, and its expiry.
async fn plastic(server: &TestServer, apply_no: &str) -> String {
    let sql = "SELECT c.card_id, c.ended_at IS NULL, c.expiry_yymm, c.card_id = a.physical_card_id
         FROM delivery d JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
         JOIN application a ON a.asp_id = d.asp_id AND a.apply_no = d.apply_no
         WHERE d.asp_id = $1 AND d.apply_no = $2";
    server.row(sql, &[apply_no.into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_counts_also_where_it_is_heard_of_first() {
    use DeliveryState as D;
    on_each_engine(async |server, bank, _| {
        for (exit, expected) in [(D::Lost, "READY 2 1 -"), (D::Return, "RETURN 1 1 6890")] {
            let (_, no) = ordered(&server, &bank, FREE).await;
            assert_eq!(report(&server, &no, exit, (5, 1)).await, Applied::Took(exit));
            // That the maker had it before that, comes later.
            assert_eq!(report(&server, &no, D::Receipt, (1, 1)).await, Applied::WrittenDown);
            assert_eq!(delivery(&server, &no).await, expected, "{exit:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_plastic_goes_out_for_a_lost_one() {
    use DeliveryState as D;
    on_each_engine(async |server, bank, _| {
        let (world, no) = ordered(&server, &bank, FREE).await;
        let first = plastic(&server, &no).await;
        report(&server, &no, D::Shipping, (1, 1)).await;
        let lost = report(&server, &no, D::Lost, (2, 1)).await;
        assert_eq!(lost, Applied::Took(D::Lost));
        assert_eq!(delivery(&server, &no).await, "READY 2 1 -");
        let second = plastic(&server, &no).await;
        let (first_id, first_rest) = first.split_once(' ').unwrap();
        let (second_id, second_rest) = second.split_once(' ').unwrap();
        assert_ne!(first_id, second_id);
        assert_eq!((first_rest, first_rest.ends_with(" 1")), (second_rest, true));
        let ended = "SELECT ended_at IS NOT NULL FROM card WHERE asp_id = $1 AND card_id = $2";
        let first_id: i64 = first_id.parse().unwrap();
        assert_eq!(server.row(ended, &[first_id.into()]).await, "1");
        let live = "SELECT COUNT(*) FROM card_account
             WHERE asp_id = $1 AND user_id = $2 AND state = 'ACTIVE'";
        assert_eq!(server.row(live, &[world.user_id().into()]).await, "1");
        // What the carrier says of the first one comes too late; the second one is on its way.
        assert_eq!(report(&server, &no, D::Arrival, (3, 1)).await, Applied::WrittenDown);
        assert_eq!(report(&server, &no, D::Shipping, (9, 2)).await, Applied::Took(D::Shipping));
        let registered = transact(&server.app, || {
            let asp = AspId::new(ASP_ID);
            let cx = reporting(&server.app.core, &asp, "test", server.app.moment());
            let no = ApplyNo::new(no.as_str());
            move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> { arrived(&cx, tx, &no, cx.call.now) }
        });
        assert!(registered.await.is_ok());
        assert_eq!(delivery(&server, &no).await, "ARRIVAL 2 0 6890");
        let numbers = "SELECT pan_first6 FROM card WHERE asp_id = $1 AND apply_no = $2";
        let first6 = server.rows(numbers, &[no.as_str().into()]).await.remove(0);
        for event in events(&server, &no).await {
            assert!(!event.to_string().contains(&first6), "{event}");
        }
    })
    .await;
}

async fn came_back(server: &TestServer, no: &str) {
    report(server, no, DeliveryState::Receipt, (1, 1)).await;
    let took = report(server, no, DeliveryState::Return, (2, 1)).await;
    assert_eq!(took, Applied::Took(DeliveryState::Return));
}

async fn recipient(server: &TestServer, no: &str) -> Value {
    let sql = "SELECT recipient_sealed FROM delivery WHERE asp_id = $1 AND apply_no = $2";
    let sealed = crate::rows::unhex(&server.row(sql, &[no.into()]).await);
    let asp = AspId::new(ASP_ID);
    let opened = server.app.core.open_text(place(&asp, "delivery.recipient", no), &sealed);
    serde_json::from_str(opened.unwrap().expose()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_sent_again() {
    on_each_engine(async |server, bank, _| {
        let (world, no) = ordered(&server, &bank, FREE).await;
        let mut request = json!({ "userId": world.user_id(), "cardApplyNo": no });
        assert_eq!(code(&server.call(RESEND, &request).await), "003_931");
        came_back(&server, &no).await;
        let (before, card) = (recipient(&server, &no).await, plastic(&server, &no).await);
        request["addressInfo"] = example_address();
        request["addressInfo"]["zipCode"] = json!("04524");
        let exchange = server.call_as(RESEND, &request, Some("260101000000-0abcdef")).await;
        assert_eq!(code(&exchange), "000_000");
        assert_eq!(delivery(&server, &no).await, "READY 2 1 -");
        assert_eq!(plastic(&server, &no).await, card);
        let after = recipient(&server, &no).await;
        assert_eq!((&after["name"], &after["phone"]), (&before["name"], &before["phone"]));
        assert_eq!(after["zipCode"], "04524");
        // The same call again is answered and not done again.
        let again = server.call_as(RESEND, &request, Some("260101000000-0abcdef")).await;
        assert_eq!(code(&again), "000_000");
        assert_eq!(delivery(&server, &no).await, "READY 2 1 -");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_called_off_and_its_fee_owed() {
    on_each_engine(async |server, bank, _| {
        for (policy, owed) in [("REFUNDED", "3000 UNDELIVERABLE DUE"), ("KEPT", "none")] {
            let (world, no) = ordered(&server, &bank, ORDINARY_WITH_FEE).await;
            let sql = "UPDATE application SET returned_fee = $3
                 WHERE asp_id = $1 AND apply_no = $2";
            server.exec(sql, &[no.as_str().into(), policy.into()]).await;
            came_back(&server, &no).await;
            let request = json!({ "userId": world.user_id(), "cardApplyNo": no });
            assert_eq!(code(&server.call(CALL_OFF, &request).await), "000_000", "{policy}");
            assert_eq!(delivery(&server, &no).await, "CANCEL 1 0 6890");
            assert!(plastic(&server, &no).await.contains(" 0 "), "the plastic has ended");
            let application = "SELECT state, holds_old_card FROM application
                 WHERE asp_id = $1 AND apply_no = $2";
            assert_eq!(server.row(application, &[no.as_str().into()]).await, "CANCELLED 0");
            let due = "SELECT amount, reason, state FROM fee_return
                 WHERE asp_id = $1 AND apply_no = $2";
            let found = server.rows(due, &[no.as_str().into()]).await.pop();
            assert_eq!(found.as_deref().unwrap_or("none"), owed, "{policy}");
            let booked = "SELECT CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) FROM posting p
                 JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
                 WHERE p.asp_id = $1 AND l.subject = $2 AND p.credit = 'return-payable'";
            let won = if policy == "KEPT" { "0" } else { "3000" };
            assert_eq!(server.row(booked, &[no.as_str().into()]).await, won);
            // The old card is let go: it can be reissued anew.
            let anew = server.call(REISSUE, &with_plastic(&world)).await;
            assert_eq!(code(&anew), "000_000");
            let twice = transact(&server.app, || {
                let asp = AspId::new(ASP_ID);
                let cx = reporting(&server.app.core, &asp, "test", server.app.moment());
                let no = ApplyNo::new(no.as_str());
                move |tx: &mut Tx<'_>| -> Done<CalledOff, NoRefusal> { call_off(&cx, tx, &no) }
            });
            let twice = twice.await.unwrap_or_else(|answer| panic!("{}", answer.code()));
            assert_eq!(twice, CalledOff::NotReturned(DeliveryState::Cancel));
        }
        server.assert_balances_derive().await;
    })
    .await;
}

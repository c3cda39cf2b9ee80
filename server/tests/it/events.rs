//! The feed of events: nothing is left out, whatever is written meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::Kind as FieldKind;
use contract::shape::Emit;
use domain::AspId;
use platen::audit::sealer::round;
use platen::ops::platen::events::{Cursor, Kind};
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::FREE;
use platen::sandbox::world::{Card, World};
use platen::settings::Settings;
use serde_json::{Value, json};
use store::{Tx, TxError};

use crate::given::{change, given, mobile_only};
use crate::support::{
    REISSUE, STATE, TestServer, change as change_rows, code, on_each_database, on_each_engine,
    quick,
};

const EVENTS: &str = "/platen/v1/events";

/// One part of the feed.
async fn part(server: &TestServer, cursor: Option<&str>, limit: u64) -> Value {
    let mut body = json!({ "limit": limit });
    if let Some(cursor) = cursor {
        body["cursor"] = cursor.into();
    }
    let answer = server.call(EVENTS, &body).await;
    assert_eq!(code(&answer), "000_000");
    answer.json().unwrap()
}

/// The feed from a cursor to its end, and the cursor there.
async fn rest(server: &TestServer, from: Option<String>, limit: u64) -> (Vec<Value>, String) {
    let (mut all, mut cursor) = (Vec::new(), from);
    loop {
        let answer = part(server, cursor.as_deref(), limit).await;
        let events = answer["events"].as_array().unwrap();
        assert!(events.len() <= usize::try_from(limit).unwrap());
        all.extend(events.iter().cloned());
        let next = answer["cursor"].as_str().unwrap().to_owned();
        if answer["hasMore"] == false {
            return (all, next);
        }
        assert_ne!(cursor.as_deref(), Some(next.as_str()), "the feed stands still");
        cursor = Some(next);
    }
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["eventId"].as_str().unwrap().to_owned()).collect()
}

/// Published rows of the log that are sealed.
async fn published(server: &TestServer) -> BTreeSet<String> {
    let read = move |tx: &mut Tx<'_>| -> Result<Vec<(String, String)>, TxError<()>> {
        let rows = tx.query(
            "SELECT log_id, event FROM operation_log
             WHERE asp_id = $1 AND sealed_in IS NOT NULL",
            &[ASP_ID.into()],
        )?;
        let row =
            |row: &store::Row| (row.int(0).unwrap().to_string(), row.text(1).unwrap().to_owned());
        Ok(rows.iter().map(row).collect())
    };
    let rows = server.app.store.read(read).await.unwrap();
    let FieldKind::Choice(kinds) = <Kind as Emit>::KIND else { panic!("a choice") };
    let is_published = |(_, event): &(String, String)| kinds.contains(&event.as_str());
    rows.into_iter().filter(is_published).map(|(id, _)| id).collect()
}

async fn active(server: &TestServer, bank: &crate::support::TestBank) -> World {
    given(server, bank, |world| {
        world.card = Card::Active;
        world.product = FREE;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_out_while_servers_write() {
    on_each_database(async |target, bank| {
        let sealing = || Settings { audit_seal_interval_ms: 5, ..quick() };
        let one = Arc::new(TestServer::start(&target, &bank, sealing()).await);
        let two = Arc::new(TestServer::start(&target, &bank, sealing()).await);
        let mut writers = Vec::new();
        for writer in 0..6 {
            let server = Arc::clone(if writer % 2 == 0 { &one } else { &two });
            let world = active(&server, &bank).await;
            writers.push(tokio::spawn(async move {
                for turn in 0..16 {
                    let wish = if turn % 2 == 0 { "SUSPEND" } else { "RESUME" };
                    let done = server.call(STATE, &change(&world, wish)).await;
                    assert_eq!(code(&done), "000_000");
                }
            }));
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let reader = {
            let (server, is_over) = (Arc::clone(&one), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (mut live, mut cursor) = (Vec::new(), None);
                loop {
                    let was_over = is_over.load(Ordering::SeqCst);
                    let (events, end) = rest(&server, cursor, 7).await;
                    live.extend(events);
                    cursor = Some(end);
                    if was_over {
                        return live;
                    }
                }
            })
        };
        for writer in writers {
            writer.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        is_over.store(true, Ordering::SeqCst);
        let live = reader.await.unwrap();
        // As a reader sees it who comes afterwards: the same, in the same order.
        let (after, _) = rest(&two, None, 500).await;
        assert_eq!(ids(&live), ids(&after));
        let told: BTreeSet<String> = ids(&live).into_iter().collect();
        assert_eq!(told.len(), live.len(), "an event was told twice");
        assert_eq!(told, published(&one).await);
        let changes = |event: &&Value| {
            ["card.suspended", "card.resumed"].contains(&event["type"].as_str().unwrap())
        };
        assert!(live.iter().filter(changes).count() >= 96);
        for server in [one, two] {
            Arc::try_unwrap(server).ok().unwrap().stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_gives_the_same_again() {
    on_each_engine(async |server, bank, _| {
        round(&server.app).await.unwrap();
        let (_, end) = rest(&server, None, 500).await;
        let world = active(&server, &bank).await;
        assert_eq!(code(&server.call(STATE, &change(&world, "SUSPEND")).await), "000_000");
        // Committed, not sealed yet: not told yet, and told then.
        assert_eq!(part(&server, Some(&end), 10).await["events"], json!([]));
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
        round(&server.app).await.unwrap();
        let first = part(&server, Some(&end), 1).await;
        assert_eq!(first, part(&server, Some(&end), 1).await);
        assert_eq!(first["hasMore"], true);
        let event = &first["events"][0];
        assert_eq!(event["type"], "card.suspended");
        assert_eq!(event["userId"], world.user_id());
        assert_eq!(event["pars"], json!([world.par()]));
        let second = part(&server, first["cursor"].as_str(), 1).await;
        assert_eq!(second["events"][0]["type"], "card.reissued");
        assert_eq!(second["events"][0]["endedPars"], json!([world.par()]));
        assert_ne!(second["events"][0]["pars"], json!([world.par()]));
        assert_eq!(second["events"][0]["cardApplyNo"].as_str().unwrap().len(), 22);
        let (both, _) = rest(&server, Some(end), 500).await;
        assert_eq!(both, [event.clone(), second["events"][0].clone()]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_partners_cursor_and_an_old_one_are_refused() {
    on_each_engine(async |server, _, _| {
        let today = server.app.clock.now().0 / 86_400_000_000;
        let cursor = |asp: &str, day| Cursor { seal: 0, log: 0, day }.text(&AspId::new(asp));
        for (text, expected) in [
            (cursor(ASP_ID, today), "000_000"),
            (cursor(ASP_ID, today - 29), "000_000"),
            (cursor(ASP_ID, today - 32), "003_941"),
            (cursor("000170000000001", today), "000_002"),
            ("x".to_owned(), "000_002"),
        ] {
            let answer = server.call(EVENTS, &json!({ "cursor": text })).await;
            assert_eq!(code(&answer), expected, "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cursor_it_begins_thirty_days_ago() {
    on_each_engine(async |server, bank, _| {
        round(&server.app).await.unwrap();
        change_rows(&server, "UPDATE audit_seal SET sealed_at = 1 WHERE asp_id = $1").await;
        let world = active(&server, &bank).await;
        for wish in ["SUSPEND", "RESUME", "SUSPEND"] {
            server.call(STATE, &change(&world, wish)).await;
            round(&server.app).await.unwrap();
        }
        let (kept, _) = rest(&server, None, 2).await;
        let kinds: Vec<&str> = kept.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["card.suspended", "card.resumed", "card.suspended"]);
    })
    .await;
}

/// Rows of the platform's own are passed over in bounded steps.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_of_the_platform_are_passed_over() {
    on_each_engine(async |server, bank, _| {
        let world = active(&server, &bank).await;
        round(&server.app).await.unwrap();
        let (_, end) = rest(&server, None, 500).await;
        for first in [1_i64, 2] {
            let write = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
                for row in 0..900 {
                    tx.execute(
                        "INSERT INTO operation_log (asp_id, log_id, operation, event, code,
                             correlation_id, subject, payload, happened_at)
                         VALUES ($1, $2, 'test', 'sandbox.tested', '000_000', '-', $3, '{}', 1)",
                        &[
                            ASP_ID.into(),
                            (first * 900_000_000 + row).into(),
                            format!("row:{first}-{row}").as_str().into(),
                        ],
                    )?;
                }
                Ok(())
            };
            server.app.store.write(write).await.unwrap();
        }
        round(&server.app).await.unwrap();
        server.call(STATE, &change(&world, "SUSPEND")).await;
        round(&server.app).await.unwrap();
        let first = part(&server, Some(&end), 1).await;
        assert_eq!((&first["events"], &first["hasMore"]), (&json!([]), &json!(true)));
        let (found, _) = rest(&server, Some(end), 1).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["type"], "card.suspended");
    })
    .await;
}

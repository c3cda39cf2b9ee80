//! Customer service at the command line, beside a running server: what it finds, what it writes
//! down, and what nobody is shown.

use std::io::Write;
use std::process::Stdio;

use crypto::pan::Pan;
use platen::audit::sealer::round;
use platen::op::Operation;
use platen::ops::platen::events::Events;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::{Also, Card, World};
use serde_json::{Value, json};
use store::Target;

use crate::given::{change, given};
use crate::process::{platen, run};
use crate::support::{REISSUE, STATE, TestServer, code, on_each_engine};

const WHY: [&str; 4] = ["--by", "kim", "--reason", "asks for the delivery"];

pub fn database(target: &Target) -> String {
    match target {
        Target::Sqlite(path) => path.display().to_string(),
        Target::Postgres(url) => url.clone(),
    }
}

/// A command's exit code, output and error.
type Said = (Option<i32>, String, String);

/// Runs a command with these bytes on standard input.
fn said(args: &[&str], input: &[u8]) -> Said {
    let mut command = platen(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs it beside a server within this process.
fn beside(target: &Target, args: &[&str], input: &[u8]) -> Said {
    let at = database(target);
    tokio::task::block_in_place(|| said(&[args, &["--database", &at]].concat(), input))
}

fn find(target: &Target, key: &[&str], input: &[u8]) -> Said {
    beside(target, &[&["card", "find"], key, &WHY].concat(), input)
}

/// One sentence, and nothing on standard output.
fn assert_refused((code, out, err): &Said, part: &str) {
    assert_eq!((*code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.starts_with("platen: ") && err.trim_end().lines().count() == 1, "{err}");
    assert!(err.contains(part), "{err}");
}

async fn searches(server: &TestServer) -> i64 {
    let sql = "SELECT COUNT(*) FROM operation_log
         WHERE asp_id = $1 AND event = 'customer.looked_up'";
    server.number(sql).await
}

/// What the last search wrote down: subject and payload.
async fn last_search(server: &TestServer) -> (String, Value) {
    let sql = "SELECT subject, payload FROM operation_log
         WHERE asp_id = $1 AND event = 'customer.looked_up' ORDER BY log_id DESC LIMIT 1";
    let row = server.row(sql, &[]).await;
    let (subject, payload) = row.split_once(' ').unwrap();
    (subject.to_owned(), serde_json::from_str(payload).unwrap())
}

async fn reissued(server: &TestServer, world: &World) -> Value {
    let answer = server.call(REISSUE, &with_plastic(world)).await;
    assert_eq!(code(&answer), "000_000");
    answer.json().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_found_by_every_key_and_each_search_is_written_down() {
    on_each_engine(async |server, bank, target| {
        let world = given(&server, &bank, |_| ()).await;
        let answer = reissued(&server, &world).await;
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let (number, par) = (text("mobileCardNo"), text("mobileCardPar"));
        let (apply_no, replaced) = (text("cardApplyNo"), world.par());
        let (user, old) = (world.user_id().to_string(), world.card_no());
        let sql = "SELECT par FROM card WHERE asp_id = $1 AND form = 'PHYSICAL' AND apply_no = $2";
        let plastic = server.row(sql, &[apply_no.as_str().into()]).await;
        let spaced = format!("{} {}-{}\r\n", &number[..4], &number[4..8], &number[8..]);
        let keys: [(&[&str], &[u8], &str, Value); 8] = [
            (&["--user", &user], b"", "user", json!(user)),
            (&["--user", &user, "--last4", &old[12..]], b"", "last4", json!(user)),
            (&["--par", &par], b"", "par", json!(par)),
            (&["--par", &replaced], b"", "par", json!(replaced)),
            (&["--par", &plastic], b"", "par", json!(plastic)),
            (&["--apply-no", &apply_no], b"", "apply-no", json!(apply_no)),
            (&["--number-stdin"], old.as_bytes(), "number", Value::Null),
            (&["--number-stdin"], spaced.as_bytes(), "number", Value::Null),
        ];
        let mut first = None;
        for (count, (key, input, by, wanted)) in (1..).zip(keys) {
            let (status, out, err) = find(&target, &[key, &["--json"]].concat(), input);
            assert_eq!((status, err.as_str()), (Some(0), ""), "{key:?}");
            assert!(!out.contains(&number) && !out.contains(&old), "{out}");
            let found: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(found["userId"], world.user_id());
            let cards = &found["cards"];
            assert_eq!(first.get_or_insert(cards.clone()), cards, "{key:?}");
            assert_eq!(searches(&server).await, count);
            let (subject, payload) = last_search(&server).await;
            assert_eq!(subject, format!("member:{user}"));
            assert_eq!((&payload["by"], &payload["reason"]), (&json!("kim"), &json!(WHY[3])));
            assert_eq!((&payload["lookedForBy"], &payload["lookedFor"]), (&json!(by), &wanted));
            assert_eq!((&payload["found"], &payload["userId"]), (&json!(1), &found["userId"]));
            assert!(!payload.to_string().contains(&number[6..]), "{payload}");
        }
        told(&first.unwrap(), &world, &apply_no, &number);
        let (status, out, _) = find(&target, &["--user", &user], b"");
        assert_eq!(status, Some(0));
        for part in [
            &format!("member {user}, membership ACTIVE"),
            "card 1 of 1",
            "TERMINATED, 0 won",
            "ACTIVE, 25,000 won",
            &format!("{}******{} {par}", &number[..6], &number[12..]),
            "fee.taken of generation 2",
            "debit pg-clearing:open-banking, credit fee-income: ",
            "customer.looked_up, by kim, reason asks",
        ] {
            assert!(out.contains(part), "{part} is missing in:\n{out}");
        }
        assert!(!out.contains(&number) && !out.contains(&old), "{out}");
    })
    .await;
}

/// What is told of a card that was reissued with plastic.
fn told(cards: &Value, world: &World, apply_no: &str, number: &str) {
    assert_eq!(cards.as_array().unwrap().len(), 1, "{cards}");
    let card = &cards[0];
    let accounts = card["accounts"].as_array().unwrap();
    let states: Vec<&str> = accounts.iter().map(|each| each["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["TERMINATED", "ACTIVE"]);
    assert_eq!(accounts[0]["cards"][0]["par"], json!(world.par()));
    assert_eq!(accounts[1]["balance"], world.balance_won);
    let masked = format!("{}******{}", &number[..6], &number[12..]);
    assert_eq!(accounts[1]["cards"][0]["maskedCardNo"], masked);
    let application = &card["applications"][0];
    assert_eq!(application["cardApplyNo"], apply_no);
    assert_eq!(application["delivery"], "READY");
    assert_eq!(application["plastic"]["form"], "PHYSICAL");
    let timeline = card["timeline"].as_array().unwrap();
    let types: Vec<&str> = timeline.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["fee.taken", "card.ended", "card.reissued"], "{card}");
    let sums: Vec<i64> = timeline
        .iter()
        .map(|line| {
            let journal = line["journal"].as_array().unwrap().iter();
            journal.map(|posting| posting["amount"].as_i64().unwrap()).sum()
        })
        .collect();
    let fee = application["fee"].as_i64().unwrap();
    assert!(fee > 0);
    assert_eq!(sums, [fee + world.balance_won, 0, 0], "{card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_finds_nothing_is_written_down_too() {
    on_each_engine(async |server, _, target| {
        let pan = Pan::from_payload("949133954999999").unwrap();
        let unknown: [(&[&str], &str, Value); 4] = [
            (&["--user", "77"], "user", json!("77")),
            // A card's number in the wrong place.
            (&["--user", pan.reveal()], "user", json!(pan.masked())),
            (
                &["--par", "Q10123456789ABCDEF012345678"],
                "par",
                json!("Q10123456789ABCDEF012345678"),
            ),
            (&["--number-stdin"], "number", Value::Null),
        ];
        for (count, (key, by, wanted)) in (1..).zip(unknown) {
            let said = find(&target, key, pan.reveal().as_bytes());
            assert_refused(&said, "has no such card; that it was looked for is written down");
            assert!(!said.2.contains(pan.reveal()));
            assert_eq!(searches(&server).await, count);
            let (subject, payload) = last_search(&server).await;
            assert_eq!((subject.as_str(), &payload["found"]), ("lookup", &json!(0)));
            assert_eq!((&payload["lookedForBy"], &payload["lookedFor"]), (&json!(by), &wanted));
        }
        let (status, out, _) = find(&target, &["--user", "77", "--json"], b"");
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((status, &found["cards"]), (Some(1), &json!([])));
        let elsewhere = find(&target, &["--user", "77", "--partner", "1"], b"");
        assert_refused(&elsewhere, "there is no partner 1");
        // Nothing was looked for where what was given is no number.
        server.quiet().await;
        let before = server.dump().await;
        let two = format!("{}\n{}\n", pan.reveal(), pan.reveal());
        let long = "1".repeat(65);
        for wrong in ["", "949133954999999x", "9491339549999990", &two, &long] {
            let said = find(&target, &["--number-stdin"], wrong.as_bytes());
            assert_refused(&said, "standard input");
            assert!(wrong.is_empty() || !said.2.contains(wrong.trim_end()));
        }
        assert_eq!(server.dump().await, before);
    })
    .await;
}

/// What is wrong is said before any database is looked at, and never repeated: it may be a number.
#[test]
fn what_is_asked_wrong_is_refused_unrepeated() {
    let number = "9491339401250765";
    let find = |key: &[&'static str]| [&["card", "find"], key, &WHY].concat();
    let by = |by: &'static str, reason: &'static str| {
        vec!["card", "find", "--user", "1", "--by", by, "--reason", reason]
    };
    for (args, part) in [
        (find(&[]), "give one of"),
        (find(&["--user", "1", "--number-stdin"]), "give one of"),
        (find(&["--par", "Q1", "--apply-no", "1"]), "give one of"),
        (find(&["--last4", "0765"]), "other members' cards would be shown"),
        (find(&["--par", number, "--last4", "0765"]), "--last4 needs --user"),
        (find(&["--user", "1", "--last4", number]), "four digits"),
        (find(&["--user", "0"]), "a number from 1 on"),
        (find(&["--user", "9491-3394-0125-0765"]), "a number from 1 on"),
        (find(&["--par", number]), "A PAR is"),
        (find(&["--apply-no", number]), "22 digits"),
        (by(number, "x"), "an actor has no card number in it"),
        (by("kim", "his card 9491 3394 0125 0765"), "a reason has no card number in it"),
        (by(" ", "x"), "an actor has 1 to 64 letters"),
        (by("kim", "two\nlines"), "a reason has 1 to 200 characters"),
        (vec!["card", "suspend", "--par", number, "--by", "kim", "--reason", "x"], "A PAR is"),
    ] {
        let output = run(&[&args[..], &["--database", "/no/such.db"]].concat());
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(part), "{args:?}: {err}");
        assert!(err.contains(&format!("Usage: platen card {}", args[1])), "{err}");
        assert!(!err.contains("0765") && !err.contains("0125"), "{args:?}: {err}");
    }
}

async fn state_of(server: &TestServer, world: &World) -> String {
    let sql = "SELECT state FROM card_account WHERE asp_id = $1 AND user_id = $2";
    server.row(sql, &[world.user_id().into()]).await
}

async fn count(server: &TestServer, event: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM operation_log WHERE asp_id = $1 AND event = $2";
    server.row(sql, &[event.into()]).await.parse().unwrap()
}

fn suspend(target: &Target, par: &str, more: &[&str]) -> Said {
    let own = ["card", "suspend", "--par", par, "--by", "kim", "--reason", "lost, by telephone"];
    beside(target, &[&own, more].concat(), b"")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_twins_are_suspended_as_by_the_partner() {
    on_each_engine(async |server, bank, target| {
        let world = given(&server, &bank, |world| {
            world.card = Card::Active;
            world.also = vec![Also::Plastic];
        })
        .await;
        let sql =
            "SELECT par FROM card WHERE asp_id = $1 AND form = 'PHYSICAL' AND account_id = $2";
        let plastic = server.row(sql, &[server.account(&world).await.into()]).await;
        server.quiet().await;
        let before = server.dump().await;
        let (status, out, err) = suspend(&target, &plastic, &["--dry-run"]);
        assert_eq!((status, err.as_str()), (Some(0), ""));
        assert!(out.starts_with("would be suspended: member "), "{out}");
        assert_eq!(server.dump().await, before);

        let (status, out, err) = suspend(&target, &plastic, &["--json"]);
        assert_eq!((status, err.as_str()), (Some(0), ""));
        let done: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&done["userId"], &done["isDone"]), (&json!(world.user_id()), &json!(true)));
        assert_eq!(done["pars"], json!([world.par(), plastic]));
        assert_eq!(state_of(&server, &world).await, "SUSPENDED");
        let (status, out, _) = suspend(&target, &world.par(), &[]);
        assert!(status == Some(0) && out.starts_with("suspended already: "), "{out}");
        assert_eq!(count(&server, "card.suspended").await, 1);
        assert_eq!(count(&server, "customer.suspended").await, 2);

        round(&server.app).await.unwrap();
        let feed: Value = server.call(Events::SPEC.path, &json!({})).await.json().unwrap();
        let of = |event: &&Value| event["userId"] == world.user_id();
        let events: Vec<&Value> = feed["events"].as_array().unwrap().iter().filter(of).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(
            (&events[0]["type"], &events[0]["pars"]),
            (&json!("card.suspended"), &done["pars"])
        );
        // Who and why is ours.
        assert!(!feed.to_string().contains("kim"), "{feed}");
        let user = world.user_id().to_string();
        let (_, out, _) = find(&target, &["--user", &user], b"");
        assert!(out.contains("customer.suspended, by kim, reason lost, by telephone"), "{out}");
        // The partner resumes it, and suspends it again.
        for status in ["RESUME", "SUSPEND"] {
            assert_eq!(code(&server.call(STATE, &change(&world, status)).await), "000_000");
        }
        assert_eq!(count(&server, "card.suspended").await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_partner_could_not_suspend_nobody_can() {
    on_each_engine(async |server, bank, target| {
        let ended = given(&server, &bank, |world| world.card = Card::Terminated).await;
        let left = given(&server, &bank, |world| {
            world.card = Card::Active;
            world.is_member = false;
        })
        .await;
        server.quiet().await;
        let before = server.dump().await;
        for mode in [&[][..], &["--dry-run"]] {
            let said = suspend(&target, &ended.par(), mode);
            assert_refused(&said, "has ended for good");
            assert_refused(&suspend(&target, &left.par(), mode), "membership is cancelled");
            let unknown = suspend(&target, "Q10123456789ABCDEF012345678", mode);
            assert_refused(&unknown, "look for it with `platen card find`");
            let elsewhere = [mode, &["--partner", "1"]].concat();
            assert_refused(&suspend(&target, &left.par(), &elsewhere), "there is no partner 1");
        }
        assert_eq!(server.dump().await, before);
    })
    .await;
}

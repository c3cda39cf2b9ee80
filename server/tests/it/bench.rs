//! `platen bench`: what it measures is done, and what cannot be measured is one sentence.

use serde_json::Value;
use store::Target;
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{Server, arg, run, stdout_of};

#[test]
fn every_card_is_reissued_once_and_counted() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| arg(&folder.path().join(name)).to_owned();
    let (database, cards, bank) = (file("s.db"), file("cards.jsonl"), file("bank.db"));
    let own = ["bank-sim", "--listen", "127.0.0.1:0", "--data", &bank];
    let bank = Server::start(folder.path(), &own);
    let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &database, "--bank", &bank.url];
    let server = Server::start(folder.path(), &own);
    stdout_of(&["populate", "--cards", "80", "--database", &database, "--out", &cards]);
    let at = ["bench", "--url", &server.url, "--database", &database, "--cards", &cards];
    let bench = |more: &[&str]| run(&[&at[..], &["--format", "json"], more].concat());

    let measured = |more: &[&str], calls: u64| -> Value {
        let output = bench(more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["codes"], serde_json::json!({ "000_000": calls }));
        let at = ["p50", "p90", "p99", "p99_9", "max"];
        let at = at.map(|name| told["latencyUs"][name].as_u64().unwrap());
        assert!(at[0] > 0 && at.is_sorted(), "{at:?}");
        told
    };
    measured(&["--calls", "20", "--callers", "4"], 20);
    measured(&["--skip", "20", "--calls", "20", "--encrypt", "no", "--plastic"], 20);
    let paced = measured(&["--skip", "40", "--calls", "20", "--rate", "100"], 20);
    let elapsed_us = paced["elapsedUs"].as_u64().unwrap();
    assert!(elapsed_us >= 190_000, "20 calls at 100 a second take 190 ms: {elapsed_us}");
    let reissued = Books::open(&Target::parse(&database).unwrap())
        .number("SELECT COUNT(*) FROM application WHERE user_id >= 60000000000");
    assert_eq!(reissued, 60);

    let again = bench(&["--calls", "5"]);
    assert_eq!(again.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(told["codes"], serde_json::json!({ "003_018": 5 }));

    let fresh = ["--skip", "60", "--calls", "20", "--operation"];
    for (operation, count, expected) in [
        ("list", "SELECT COUNT(*) FROM application WHERE user_id >= 60000000000", 60),
        ("state", "SELECT COUNT(*) FROM card_account WHERE state = 'ACTIVE'", 20),
        ("issue", "SELECT COUNT(*) FROM application WHERE user_id >= 60000000000", 80),
    ] {
        let books = Books::open(&Target::parse(&database).unwrap());
        let before = if operation == "state" { books.number(count) } else { 0 };
        let told = measured(&[&fresh[..], &[operation]].concat(), 20);
        assert_eq!(told["operation"], operation);
        let after = Books::open(&Target::parse(&database).unwrap()).number(count);
        assert_eq!(after - before, expected, "{operation}");
    }
}

#[test]
fn what_cannot_be_measured_is_one_sentence() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        arg(&path).to_owned()
    };
    let database = arg(&folder.path().join("s.db")).to_owned();
    let bank = arg(&folder.path().join("bank.db")).to_owned();
    let own = ["bank-sim", "--listen", "127.0.0.1:0", "--data", &bank];
    let bank = Server::start(folder.path(), &own);
    let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &database, "--bank", &bank.url];
    drop(Server::start(folder.path(), &own));
    let card = file("card", r#"{"userId":60000000000,"cardNo":"9491401000000009"}"#);
    let (wrong, empty) = (file("wrong", "{}"), file("empty", ""));
    let nothing = run(&["bench", "--cards", &card, "--calls", "0"]);
    assert_eq!(nothing.status.code(), Some(2));
    let nowhere = ["--url", "http://127.0.0.1:9"];
    for (cards, more, part) in [
        (card.as_str(), &nowhere[..], "no sandbox answers at http://127.0.0.1:9"),
        (&card, &["--calls", "2"], "has 1 cards after the first 0, and 2 are asked for"),
        (&card, &["--skip", "1"], "has 0 cards after the first 1"),
        (&wrong, &[], "line 1 of "),
        (&empty, &[], "has 0 cards"),
        ("/no/such/file", &[], "cannot read /no/such/file"),
        (&card, &["--plastic", "--operation", "list"], "--plastic is for reissue and issue: list"),
    ] {
        let at = ["bench", "--database", &database, "--cards", cards];
        let output = run(&[&at[..], more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty() && said.lines().count() == 1, "{said}");
        assert!(said.starts_with("platen: ") && said.contains(part), "{said}");
    }
}

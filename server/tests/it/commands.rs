//! The commands, as people and scripts use them: the real binary, its output and exit codes.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use bank::sim::find_running;
use client::{Credentials, Encryption};
use crypto::jwe::Enc;
use platen::ops::BASE;
use serde_json::Value;
use store::Target;
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{BankGuard, Server, arg, client, credentials, platen, run, stdout_of};
use crate::support::REISSUE;

/// A folder with a sandbox's database and its bank's file.
struct Home {
    bank: BankGuard,
    database: PathBuf,
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let database = folder.path().join("s.db");
        Home { bank: BankGuard(folder.path().join("bank.db")), database, folder }
    }

    fn database(&self) -> &str {
        arg(&self.database)
    }

    fn sandbox(&self, more: &[&str]) -> Server {
        let args = ["sandbox", "--listen", "127.0.0.1:0", "--database", self.database()];
        Server::start(self.folder.path(), &[&args[..], more].concat())
    }

    /// A database that was seeded; no server runs on it.
    fn seeded() -> Self {
        let home = Home::new();
        assert!(home.sandbox(&[]).terminate().success());
        home
    }

    fn file(&self, name: &str) -> String {
        arg(&self.folder.path().join(name)).to_owned()
    }

    fn call(&self, server: &Server, more: &[&str]) -> Output {
        let at = ["call", "--url", &server.url, "--database", self.database()];
        run(&[&at[..], more].concat())
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Ends with exit code 1 and one sentence on stderr after what was logged, nothing on stdout.
fn refused(args: &[&str]) -> String {
    let output = run(args);
    let said = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}: {}", text(&output.stdout));
    assert!(!said.contains("panicked"), "{said}");
    let is_logged = |line: &&str| line.starts_with("20") && line.contains(" INFO ");
    let mut left = said.lines().skip_while(is_logged);
    let sentence = left.next().unwrap_or_default().to_owned();
    assert!(sentence.starts_with("platen: ") && left.next().is_none(), "{said}");
    sentence
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_demonstration_shows_a_reissue() {
    let shown = stdout_of(&["demo"]);
    for part in ["X-KM-Tran-Token: ", "encData", "\"mobileCardNo\": ", "\"cardApplyNo\": "] {
        assert!(shown.contains(part), "{part} is missing in:\n{shown}");
    }
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let home = Home::new();
    let (missing, out) = (home.database(), home.file("out.jsonl"));
    for args in [
        &["credentials", "--database", missing][..],
        &["populate", "--cards", "1", "--database", missing, "--out", &out],
        &["call", "prepaid-card.reissue", "--scenario", "reissued", "--database", missing],
        &["keys", "list", "--database", missing],
        &["keys", "rotate", "data_key", "--reason", "x", "--database", missing],
        &["keys", "retire", "data_key", "1", "--reason", "x", "--database", missing],
        &["keys", "reseal", "lookup", "--reason", "x", "--database", missing],
        &["audit", "verify", "--database", missing],
        &["admin", "partner", "list", "--database", missing],
        &["card", "find", "--user", "1", "--by", "kim", "--reason", "x", "--database", missing],
        &["report", "float", "--day", "2026-11-30", "--database", missing],
    ] {
        assert!(refused(args).contains("platen sandbox"), "{args:?} names the way out");
    }
    assert!(!home.database.exists(), "nothing was made by the way");
    for args in [
        &["call", "no.such", "--data", "{}", "--database", missing][..],
        &["call", "prepaid-card.reissue", "--scenario", "no-such", "--database", missing],
        &["call", "prepaid-card.reissue", "--data", "@/no/such/file", "--database", missing],
        &["scenarios", "no.such"],
        &["sandbox", "--database", "mysql://x"],
        &["sandbox", "--database", missing, "--config", "/no/such/file"],
        &["sandbox", "--database", missing, "--log", "=="],
        &["sandbox", "--database", "postgres://x@127.0.0.1:1/x?connect_timeout=1"],
    ] {
        refused(args);
    }
}

#[test]
fn scenarios_as_json_have_their_members() {
    let all: Vec<Value> =
        serde_json::from_str(&stdout_of(&["scenarios", "--format", "json"])).unwrap();
    assert!(all.len() > 24);
    for scenario in &all {
        let has = |value: &Value, names: &[&str]| {
            let found: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            assert_eq!(found, names, "{scenario}");
        };
        has(
            scenario,
            &[
                "operation",
                "name",
                "title",
                "method",
                "path",
                "requestEncrypted",
                "responseEncrypted",
                "request",
                "expect",
            ],
        );
        has(&scenario["expect"], &["status", "code", "response"]);
        assert_eq!(scenario["method"], "POST");
        assert_eq!(scenario["expect"]["response"]["response"]["code"], scenario["expect"]["code"]);
    }
    let of_one = stdout_of(&["scenarios", "prepaid-card.state", "--format", "json"]);
    assert!(serde_json::from_str::<Vec<Value>>(&of_one).unwrap().len() < all.len());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for args in [&["scenarios", "--format", "json"][..], &["scenarios"], &["sandbox", "--help"]] {
        let mut child = platen(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        drop(out);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success() && said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn a_sandbox_from_its_first_start_to_its_second() {
    let home = Home::new();
    let server = home.sandbox(&[]);
    let said = server.printed();
    assert!(said.contains("platen credentials") && said.contains("platen call"), "{said}");
    let reissued = home.call(&server, &["prepaid-card.reissue", "--scenario", "reissued"]);
    assert_eq!(reissued.status.code(), Some(0), "{}", text(&reissued.stderr));
    let card = answer(&reissued)["mobileCardNo"].clone();
    let before = stdout_of(&["credentials", "--database", home.database()]);
    assert!(home.bank.pid().is_some());
    assert!(server.terminate().success(), "SIGTERM ends it with 0");
    assert!(home.bank.is_gone(), "the bank that it started is stopped");
    for log in ["s.db-wal", "bank.db-wal"] {
        let left = std::fs::metadata(home.folder.path().join(log)).map_or(0, |log| log.len());
        assert_eq!(left, 0, "all is in the database's own file, not in {log}");
    }

    let server = home.sandbox(&[]);
    assert_eq!(stdout_of(&["credentials", "--database", home.database()]), before);
    let known = credentials(home.database());
    let body = serde_json::json!({
        "userId": 50_000_000_101_u64, "cardNo": card, "status": "SUSPEND",
    });
    let suspend = ["prepaid-card.state", "--data", &body.to_string()];
    let suspended = home.call(&server, &suspend);
    assert_eq!(suspended.status.code(), Some(0), "the card is there: {}", text(&suspended.stdout));
    assert_eq!(known.asp_id.len(), 15);
}

#[test]
fn a_sandbox_that_was_killed_finds_its_bank_again() {
    let home = Home::new();
    home.sandbox(&[]).kill();
    let bank = home.bank.pid().expect("the bank goes on");
    for _ in 0..2 {
        let server = home.sandbox(&[]);
        assert_eq!(home.bank.pid(), Some(bank));
        let called = home.call(&server, &["prepaid-card.reissue", "--scenario", "reissued"]);
        assert_eq!(called.status.code(), Some(0), "{}", text(&called.stdout));
        assert!(server.terminate().success());
        assert_eq!(home.bank.pid(), Some(bank), "it was attached to and is not stopped");
    }
    // A bank that was killed leaves its address behind, where nobody is any more.
    let pid = rustix::process::Pid::from_raw(bank).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(home.bank.is_gone());
    let server = home.sandbox(&[]);
    assert!(home.bank.pid().is_some_and(|again| again != bank));
    let called = home.call(&server, &["prepaid-card.reissue", "--scenario", "reissued"]);
    assert_eq!(called.status.code(), Some(0), "{}", text(&called.stdout));
}

/// Cut short at any moment of the first start, the second one ends it.
#[test]
fn a_first_start_that_is_killed_is_done_again() {
    for wait_ms in [30, 120, 250, 400, 600] {
        let home = Home::new();
        let args = ["sandbox", "--listen", "127.0.0.1:0", "--database", home.database()];
        let mut child = platen(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        let server = home.sandbox(&[]);
        for name in ["reissued", "already-reissued", "reissue-in-progress"] {
            // As seeded: not armed by the call.
            let known = client(&server.url, &credentials(home.database()));
            let all = stdout_of(&["scenarios", "prepaid-card.reissue", "--format", "json"]);
            let all: Vec<Value> = serde_json::from_str(&all).unwrap();
            let told = all.iter().find(|scenario| scenario["name"] == name).unwrap();
            let (path, body) = (format!("{BASE}{REISSUE}"), told["request"].to_string());
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let encrypted = Encryption::Encrypted(Enc::A128Gcm);
            let answer = runtime.block_on(known.call(&path, &body, encrypted, None)).unwrap();
            assert_eq!(answer.code.as_deref(), told["expect"]["code"].as_str(), "{name}");
        }
    }
}

#[test]
fn an_attached_bank_is_left_running() {
    let home = Home::new();
    let own = Home::new();
    let bank = Server::start(
        own.folder.path(),
        &["bank-sim", "--listen", "127.0.0.1:0", "--data", arg(&own.bank.0)],
    );
    let server = home.sandbox(&["--bank", &bank.url]);
    let called = home.call(&server, &["prepaid-card.reissue", "--scenario", "reissued"]);
    assert_eq!(called.status.code(), Some(0), "{}", text(&called.stderr));
    assert!(home.bank.pid().is_none(), "no second bank");
    assert!(server.terminate().success());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert!(runtime.block_on(find_running(&own.bank.0)).is_some());
    let second = ["bank-sim", "--listen", "127.0.0.1:0", "--data", arg(&own.bank.0)];
    assert!(refused(&second).contains("in use"), "one simulator a file");
    assert!(bank.terminate().success());
}

#[test]
fn an_address_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let sandbox = ["sandbox", "--listen", &address, "--database", home.database()];
    assert!(refused(&sandbox).contains(&address));
    assert!(!home.database.exists() && home.bank.pid().is_none(), "nothing is left behind");
    let bank = ["bank-sim", "--listen", &address, "--data", arg(&home.bank.0)];
    assert!(refused(&bank).contains(&address));
}

#[test]
fn credentials_are_usable_in_both_forms() {
    let home = Home::new();
    let server = home.sandbox(&[]);
    let dotenv = stdout_of(&["credentials", "--database", home.database()]);
    let json = stdout_of(&["credentials", "--database", home.database(), "--format", "json"]);
    let forms = [
        (Credentials::from_dotenv(&dotenv).unwrap(), "c.env", dotenv),
        (Credentials::from_json(&json).unwrap(), "c.json", json),
    ];
    for (known, name, printed) in forms {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let called = client(&server.url, &known);
        let (path, body) = (format!("{BASE}{REISSUE}"), "{}");
        let encrypted = Encryption::Encrypted(Enc::A256Gcm);
        let answer = runtime.block_on(called.call(&path, body, encrypted, None)).unwrap();
        assert_eq!(answer.code.as_deref(), Some("000_002"), "authentic, decrypted, refused");
        std::fs::write(home.file(name), printed).unwrap();
        let (file, operation) = (home.file(name), "prepaid-card.reissue");
        let args = ["call", operation, "--url", &server.url, "--credentials", &file];
        let output = run(&[&args[..], &["--scenario", "mobile-only"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn calls_with_data_and_their_exit_codes() {
    let home = Home::new();
    let server = home.sandbox(&[]);
    let operation = "prepaid-card.reissue";
    let all = stdout_of(&["scenarios", operation, "--format", "json"]);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    let request = |name: &str| {
        let told = all.iter().find(|scenario| scenario["name"] == name).unwrap();
        told["request"].to_string()
    };
    std::fs::write(home.file("r.json"), request("reissued")).unwrap();
    let from_file = format!("@{}", home.file("r.json"));
    let id = ["--correlation-id", "261122120000-0a1b2c3"];
    let call = |more: &[&str]| home.call(&server, &[&[operation], more].concat());
    let first = call(&[&["--data", &from_file], &id[..]].concat());
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let again = call(&[&["--data", &request("reissued")], &id[..]].concat());
    assert_eq!(answer(&again), answer(&first), "the same call is answered the same");
    let other = call(&["--data", &request("reissued")]);
    assert_eq!(other.status.code(), Some(1), "another call finds the card reissued");
    assert_eq!(answer(&other)["response"]["code"], "003_018");
    // The documented answer is what a scenario is called for, also where it refuses.
    let refusing = call(&["--scenario", "not-suspended", "--encrypt", "no"]);
    assert_eq!(refusing.status.code(), Some(0), "{}", text(&refusing.stdout));
    let malformed = call(&["--data", "{"]);
    assert_eq!(malformed.status.code(), Some(1));
    assert_eq!(answer(&malformed)["response"]["code"], "000_909");
    let verbose = call(&["--scenario", "reissued", "--verbose"]);
    assert!(text(&verbose.stdout).contains("X-KM-Tran-Token: "));
    assert!(server.terminate().success());
    let nobody = ["call", operation, "--url", "http://127.0.0.1:1", "--database"];
    let nobody = [&nobody[..], &[home.database(), "--scenario", "reissued"]].concat();
    assert!(refused(&nobody).contains("platen sandbox"));
}

#[test]
fn populated_again_and_again_stopped_and_running() {
    let home = Home::seeded();
    let populate = |more: &[&str], cards: &str| {
        let out = home.file("out.jsonl");
        let args = ["populate", "--cards", cards, "--database", home.database(), "--out", &out];
        assert_eq!(stdout_of(&[&args[..], more].concat()), "");
        let text = std::fs::read_to_string(&out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let variants =
        [&[][..], &["--fee"], &["--ordinary"], &["--fee", "--ordinary"], &["--fee"], &[]];
    let mut all: Vec<(bool, bool, Vec<Value>)> = Vec::new();
    let mut server = None;
    for (round, more) in variants.iter().enumerate() {
        // The last ones while it runs.
        if round == 3 {
            server = Some(home.sandbox(&[]));
        }
        let cards = populate(more, "101");
        assert_eq!(cards.len(), 101);
        all.push((more.contains(&"--ordinary"), more.contains(&"--fee"), cards));
    }
    let server = server.unwrap();
    let mut seen = std::collections::HashSet::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let caller = client(&server.url, &credentials(home.database()));
    let mut fees = 0;
    for (is_ordinary, has_fee, cards) in &all {
        for card in cards {
            let number = card["cardNo"].as_str().unwrap();
            assert_eq!(number.len(), 16);
            assert!(seen.insert(card["userId"].as_u64().unwrap()) && number.starts_with("949140"));
        }
        let (first, last) = (&cards[0], &cards[100]);
        for card in [first, last] {
            let mut body = serde_json::json!({
                "userInfo": { "userId": card["userId"] },
                "cardInfo": { "oldCardNo": card["cardNo"] },
                "isDeliveryRequired": is_ordinary,
            });
            if *is_ordinary {
                body["userInfo"]["addressInfo"] = serde_json::json!({
                    "address": "a", "addressDetail": "b", "zipCode": "06236",
                });
            }
            let (path, plain) = (format!("{BASE}{REISSUE}"), Encryption::Plain);
            let body = body.to_string();
            let answer = runtime.block_on(caller.call(&path, &body, plain, None)).unwrap();
            assert_eq!(answer.code.as_deref(), Some("000_000"), "{body}: {}", answer.body_clear);
            fees += i64::from(*has_fee);
        }
    }
    let paid = Books::open(&Target::Sqlite(home.database.clone()))
        .number("SELECT COUNT(*) FROM application WHERE fee > 0 AND user_id >= 60000000000");
    assert_eq!(paid, fees);
    let out = ["populate", "--cards", "1", "--database", home.database(), "--out", "/no/dir/x"];
    refused(&out);
}

#[test]
fn a_production_database_is_left_alone() {
    let home = Home::seeded();
    let books = Books::open(&Target::Sqlite(home.database.clone()));
    let mark = "UPDATE platform_fact SET value = 'PRODUCTION' WHERE name = 'mode' AND asp_id <> $1";
    assert_eq!(books.execute(mark), 1);
    let before = books.number("SELECT COUNT(*) FROM member");
    let out = home.file("out.jsonl");
    let at = ["--database", home.database()];
    for args in [
        &["sandbox", "--listen", "127.0.0.1:0"][..],
        &["populate", "--cards", "1", "--out", &out],
        &["populate", "--cards", "1", "--fee", "--out", &out],
        &["credentials"],
        &["call", "prepaid-card.reissue", "--scenario", "reissued"],
        &["keys", "list"],
        &["keys", "rotate", "master", "--reason", "x"],
        &["audit", "verify"],
    ] {
        let said = refused(&[args, &at[..]].concat());
        assert!(said.contains("PRODUCTION"), "{said}");
    }
    assert_eq!(books.number("SELECT COUNT(*) FROM member"), before);
    assert!(home.bank.pid().is_none());
}

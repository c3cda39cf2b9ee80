//! `platen keys` and `platen audit`, beside a running server: what they do, what they refuse, and
//! that no key is ever shown.

mod imported;

use crypto::keyring::{KeyMaterial, KeyPurpose};
use crypto::seal::MasterKey;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use platen::sandbox::ASP_ID;
use serde_json::{Value, json};
use store::testing::{TestDatabase, engines};
use store::{Row, Target};
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{Server, arg, database_arg, run};

/// A running sandbox and all that commands have said about it.
struct Stage {
    folder: TempDir,
    database: String,
    bank: Server,
    said: String,
}

impl Stage {
    fn set(target: &Target) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("bank.db");
        let own = ["bank-sim", "--listen", "127.0.0.1:0", "--data", arg(&file)];
        let bank = Server::start(folder.path(), &own);
        let database = database_arg(target);
        Stage { folder, database, bank, said: String::new() }
    }

    fn server(&self) -> Server {
        let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &self.database];
        let more = ["--bank", &self.bank.url, "--log", "debug,tokio_postgres::query=trace"];
        let quick = ["--audit-seal-interval-ms=50"];
        Server::start(self.folder.path(), &[&own[..], &more, &quick].concat())
    }

    /// Runs a command on the database; its exit code, output and error.
    fn run(&mut self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = run(&[args, &["--database", &self.database]].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        // Credentials are what one of the commands is for.
        if args[0] != "credentials" {
            self.said.push_str(&out);
            self.said.push_str(&err);
        }
        (output.status.code(), out, err)
    }

    fn done(&mut self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
        out
    }

    fn refused(&mut self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}");
        assert!(err.starts_with("platen: ") && err.trim_end().lines().count() == 1, "{err}");
        err
    }

    /// The states of a purpose's keys, in order.
    fn states(&mut self, purpose: &str) -> Vec<String> {
        let listed: Value = serde_json::from_str(&self.done(&["keys", "list", "--json"])).unwrap();
        let keys = listed["keys"].as_array().unwrap().iter();
        let text = |key: &Value| key["state"].as_str().unwrap().to_owned();
        keys.filter(|key| key["key"] == purpose).map(text).collect()
    }
}

const WHY: [&str; 2] = ["--reason", "to see it work"];

#[test]
fn keys_are_listed_rotated_and_retired_by_command() {
    for database in engines() {
        let mut stage = Stage::set(database.target());
        let server = stage.server();
        assert_eq!(stage.states("data_key"), ["in use"]);
        let rotate = |what: &'static str| [&["keys", "rotate", what], &WHY[..]].concat();
        let soon = [&rotate("data_key")[..], &["--active-in", "3"]].concat();
        let told = stage.done(&soon);
        assert!(told.starts_with("key 2 for data_key begins in 3 s, at 20"), "{told}");
        let begins = told.trim_end().rsplit(' ').next().unwrap();
        assert!(stage.done(&["keys", "list"]).contains(begins), "{told}");
        assert_eq!(stage.states("data_key"), ["in use", "to come"]);
        assert!(stage.refused(&soon).contains("rotate again"));
        let early = stage.refused(&[&["keys", "reseal", "data_key"], &WHY[..]].concat());
        assert!(early.contains("key 1 for data_key is not the newest one"), "{early}");
        assert!(stage.done(&rotate("master")).contains("master key 2 wraps all keys from now on"));
        let told = stage.done(&rotate("crypto"));
        assert!(stage.refused(&rotate("crypto")).contains("two live crypto keys"));
        assert_eq!(stage.states("crypto"), ["in use", "in use"]);
        let shown = stage.done(&["credentials", "--format", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let new = shown["cryptoKeyId"].as_str().unwrap();
        assert!(told.contains(new), "{told}");
        let url = server.url.clone();
        let call = ["call", "prepaid-card.reissue", "--scenario", "mobile-only", "--url", &url];
        assert!(run(&[&call[..], &["--database", &stage.database]].concat()).status.success());
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert_eq!(stage.states("data_key"), ["reads", "in use"]);
        let retire = |what: &[&'static str]| [&["keys", "retire"], what, &WHY[..]].concat();
        assert!(stage.refused(&retire(&["data_key", "1"])).contains("try again in"));
        assert!(stage.refused(&retire(&["data_key", "2"])).contains("rotate first"));
        assert!(stage.refused(&retire(&["data_key", "7"])).contains("no key 7"));
        assert!(stage.refused(&retire(&["data_key", "x"])).contains("no id"));
        assert!(stage.refused(&retire(&["master", "1"])).contains("takes its place"));
        let moved = stage.done(&[&["keys", "reseal", "data_key"], &WHY[..]].concat());
        assert!(moved.contains("values moved over"), "{moved}");
        let again = stage.done(&[&["keys", "reseal", "data_key"], &WHY[..]].concat());
        assert!(again.starts_with("0 values"), "{again}");
        let listed: Value = serde_json::from_str(&stage.done(&["keys", "list", "--json"])).unwrap();
        let pairs = listed["keys"].as_array().unwrap().iter().filter(|key| key["key"] == "crypto");
        let old = pairs.map(|key| key["id"].as_str().unwrap()).find(|id| *id != new).unwrap();
        let crypto = [&["keys", "retire", "crypto", old], &WHY[..]].concat();
        stage.done(&crypto);
        assert!(stage.refused(&crypto).contains("no live crypto key"));
        assert_eq!(stage.states("crypto").len(), 2);
        assert!(stage.done(&["keys", "list"]).contains("retired"));
        audited(&mut stage, database.target());
        let logged = server.logged();
        assert!(server.terminate().success());
        nothing_shown(&stage, &logged, database.target());
    }
}

/// An option that would be passed over in silence is refused before any database is looked at.
#[test]
fn options_that_do_not_go_with_a_key_are_refused() {
    let (crypto_alone, at_once) = ("goes with a crypto key alone", "in use at once");
    let ours = ["data_key", "lookup", "card_verification", "number", "digest", "audit"];
    let with_master = || ours.into_iter().chain(["master"]);
    let partner = with_master().map(|key| (vec!["rotate", key, "--partner", "1"], crypto_alone));
    let project = with_master().map(|key| (vec!["rotate", key, "--project", "1"], crypto_alone));
    let retired =
        with_master().map(|key| (vec!["retire", key, "1", "--partner", "1"], crypto_alone));
    let soon = ["master", "crypto"].map(|key| (vec!["rotate", key, "--active-in", "30"], at_once));
    for (args, why) in partner.chain(project).chain(retired).chain(soon) {
        let option = args[args.len() - 2];
        let output = run(&[&["keys"], &args[..], &WHY].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {said}");
        let sentence = said.lines().next().unwrap();
        assert!(sentence.starts_with(&format!("error: {option}")), "{said}");
        assert!(sentence.ends_with(why), "{said}");
        assert!(said.contains(&format!("Usage: platen keys {}", args[0])), "{said}");
    }
}

/// The keys that each command names, all in one order.
#[test]
fn the_list_is_in_the_order_of_the_help() {
    let database = TestDatabase::sqlite();
    let mut stage = Stage::set(database.target());
    let server = stage.server();
    let listed = stage.done(&["keys", "list"]);
    let keys: Vec<&str> =
        listed.lines().skip(1).map(|line| &line[..line.find(' ').unwrap()]).collect();
    let help = String::from_utf8(run(&["keys", "rotate", "--help"]).stdout).unwrap();
    let places: Vec<_> = keys.iter().map(|key| help.find(&format!("- {key}:"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{listed}\n{help}");
    assert_eq!(keys.len(), 8);
    assert!(server.terminate().success());
}

/// The chain is whole; then a row is changed, and it is not.
fn audited(stage: &mut Stage, target: &Target) {
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    let whole = stage.done(&["audit", "verify"]);
    assert!(whole.contains("none is unsealed") && !whole.contains("BROKEN"), "{whole}");
    let json = |stage: &mut Stage, more: &[&str]| -> (Option<i32>, Value) {
        let (code, out, _) = stage.run(&[&["audit", "verify", "--json"], more].concat());
        (code, serde_json::from_str(&out).unwrap())
    };
    let (code, report) = json(stage, &["--partner", "000000000000000"]);
    let platform = &report["partners"][0];
    // Made; three rotated, one of them under the partner; two times resealed.
    assert_eq!((code, platform["rows"].as_u64()), (Some(0), Some(5)), "{report}");
    let head = format!("{}:{}", platform["head"]["sealNo"], platform["head"]["digest"]);
    let anchor = head.replace('"', "");
    let anchored = ["--partner", "000000000000000", "--anchor", &anchor];
    assert_eq!(json(stage, &anchored).0, Some(0));
    let other = anchor.replace(':', ":00").chars().take(anchor.len()).collect::<String>();
    let anchored = ["--partner", "000000000000000", "--anchor", &other];
    assert_eq!(json(stage, &anchored).0, Some(1));
    assert!(stage.refused(&["audit", "verify", "--partner", "1"]).contains("no operation log"));
    let changed = Books::open(target).execute(
        "UPDATE operation_log SET payload = '{}' WHERE asp_id <> $1 AND event = 'key.rotated'",
    );
    assert_eq!(changed, 2);
    let (code, out, _) = stage.run(&["audit", "verify"]);
    assert_eq!((code, out.matches("BROKEN: row changed").count()), (Some(1), 2), "{out}");
    let (code, report) = json(stage, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(report["partners"][0]["breaksCount"], 2, "{report}");
    assert_eq!(report["partners"][1]["breaksCount"], 0, "{report}");
    let added = Books::open(target).execute(
        "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
         VALUES ($1, -7, 1, 'opening', 'card:7', 1, 'KRW')",
    );
    assert_eq!(added, 1);
    let (code, out, _) = stage.run(&["audit", "verify", "--partner", ASP_ID]);
    let told = "BROKEN: postings without their row (row -7)";
    assert!(code == Some(1) && out.contains(told), "{out}");
    let (code, report) = json(stage, &["--partner", ASP_ID]);
    let broken = &report["partners"][0]["breaks"];
    let expected = json!([{ "kind": "postings without their row", "sealNo": null, "logId": -7 }]);
    assert_eq!((code, broken), (Some(1), &expected));
}

/// No key stands in what was printed or logged, nor unwrapped in any column but its own.
fn nothing_shown(stage: &Stage, logged: &str, target: &Target) {
    let books = Books::open(target);
    let blob = |row: &Row, at| row.blob(at).unwrap().to_vec();
    let text =
        String::from_utf8(blob(&books.rows("SELECT master_key FROM sandbox_master_key")[0], 0));
    let text = text.unwrap();
    let master = MasterKey::from_base64("sandbox".to_owned(), &text).unwrap();
    let mut secrets = vec![BASE64.decode(text.as_bytes()).unwrap()];
    let all = "SELECT purpose, key_id, wrapped FROM platform_key WHERE state = 'ACTIVE'";
    for row in books.rows(all) {
        let purpose = KeyPurpose::from_name(row.text(0).unwrap()).unwrap();
        let wrapped = blob(&row, 2);
        let key = KeyMaterial::unwrap(&master, purpose, row.int(1).unwrap(), 0, &wrapped);
        secrets.push(key.unwrap().bytes().unwrap().expose().clone());
    }
    assert_eq!(secrets.len(), 8);
    let shown = [stage.said.as_str(), logged, &stage.bank.logged()].concat();
    assert!(!shown.contains("PRIVATE KEY"));
    for secret in secrets {
        let forms = [HEXLOWER.encode(&secret), HEXUPPER.encode(&secret), BASE64.encode(&secret)];
        for form in forms {
            // A part of it would be too much already.
            assert!(!shown.contains(&form[..form.len() / 2]), "a key was shown");
        }
    }
}

/// What is only tried leaves every row as it was.
#[test]
fn changes_of_keys_are_tried_and_leave_nothing() {
    for database in engines() {
        let target = database.target();
        let mut stage = Stage::set(target);
        drop(stage.server());
        let tried = |stage: &mut Stage, args: &[&str]| {
            let before = all_keys(target);
            let told = stage.done(&[args, &WHY[..], &["--dry-run"]].concat());
            assert!(told.starts_with("dry run, nothing is kept: "), "{told}");
            assert_eq!(all_keys(target), before, "{args:?} left something");
            told
        };
        for (args, wanted) in [
            (&["keys", "rotate", "lookup"][..], " for lookup begins in 30 s"),
            (&["keys", "rotate", "master"], "master key 2 wraps all keys"),
            (&["keys", "rotate", "crypto"], "the project has a further crypto key"),
        ] {
            let told = tried(&mut stage, args);
            assert!(told.contains(wanted), "{told}");
        }
        stage.done(&[&["keys", "rotate", "data_key", "--active-in", "3"], &WHY[..]].concat());
        stage.done(&[&["keys", "rotate", "crypto"], &WHY[..]].concat());
        std::thread::sleep(std::time::Duration::from_secs(4));
        let told = tried(&mut stage, &["keys", "reseal", "data_key"]);
        let moved = stage.done(&[&["keys", "reseal", "data_key"], &WHY[..]].concat());
        assert_eq!(told.trim_end().rsplit(": ").next(), Some(moved.trim_end()), "as many");
        assert!(!moved.starts_with("0 values"), "{moved}");
        let listed: Value = serde_json::from_str(&stage.done(&["keys", "list", "--json"])).unwrap();
        let pairs = listed["keys"].as_array().unwrap().iter().filter(|key| key["key"] == "crypto");
        let pair = pairs.map(|key| key["id"].as_str().unwrap().to_owned()).next().unwrap();
        tried(&mut stage, &["keys", "retire", "crypto", &pair]);
        stage.done(&[&["keys", "retire", "crypto", &pair, "--by", "A.Kim"], &WHY[..]].concat());
        // Who said who it is, and whose account it was done from.
        let rows = Books::open(target)
            .rows("SELECT payload FROM operation_log WHERE event = 'crypto_key.retired'");
        let payload: Value = serde_json::from_str(rows[0].text(0).unwrap()).unwrap();
        assert_eq!(payload["by"], "a.kim");
        assert!(payload["machineUser"].as_str().unwrap().starts_with("uid "), "{payload}");
    }
}

/// The platform's keys, the partners' and what was written down of them, as they stand.
fn all_keys(target: &Target) -> Vec<String> {
    let books = Books::open(target);
    let text = |row: &Row| row.text(0).unwrap().to_owned();
    [
        "SELECT purpose || key_id || state FROM platform_key ORDER BY purpose, key_id",
        "SELECT crypto_key_id || state FROM crypto_key ORDER BY crypto_key_id",
        "SELECT asp_id || log_id FROM operation_log WHERE event LIKE '%key%' ORDER BY log_id",
        "SELECT CAST(generation AS TEXT) FROM sandbox_master_key",
    ]
    .into_iter()
    .flat_map(|sql| books.rows(sql).iter().map(text).collect::<Vec<_>>())
    .collect()
}

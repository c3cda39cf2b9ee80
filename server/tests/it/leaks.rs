//! Nothing that must stay secret stands in logs, metrics, errors, outputs or columns, in whatever
//! form.
//!
//! Random numbers of other kinds (times, ids, PARs) have seven digits in common with a card number
//! by chance, in one of a hundred runs. They are known by their whole value and taken out of what
//! is searched, and are searched for ten digits themselves: an accident in one of ten thousand
//! runs. What is left to be searched for seven is the same in each run.

mod commands;
mod needles;
mod told;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use client::{Client, Encryption, Exchange};
use crypto::jwe::Enc;
use crypto::pan::{Pan, mask_numbers};
use data_encoding::BASE64;
use domain::AspId;
use platen::cards;
use platen::context::{Clock, place};
use platen::ops::BASE;
use platen::sandbox::ASP_ID;
use platen::sandbox::run::open;
use platen::settings::Settings;
use serde_json::Value;
use store::schema::{COLUMNS, Class};
use store::testing::TestDatabase;
use store::{Row, Target};
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{Server, arg, client, credentials, database_arg, stdout_of};
use crate::support::{REISSUE, STATE};
use crate::traces::Collector;
use needles::{RUN, Secrets, without_durations};
use told::{check_told, text_of, told};

/// Of a card number's digits in a number or an id.
const RUN_IN_NUMBER: usize = 10;
/// A column's times lie around the present, and are no card numbers.
const AROUND_US: i64 = 24 * 60 * 60 * 1_000_000;
/// Names, addresses and telephone numbers of members and requests.
const PERSONAL: [&str; 8] =
    ["시험회원", "박채움", "김코나", "테헤란로", "서울특별시", "3층 301호", "0100000", "19900101"];
/// Account numbers begin so.
const BANK_ACCOUNTS: [&str; 2] = ["333000000", "333015555557"];

/// How the log looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Human,
}

/// A sandbox with its bank, whose whole log is read.
struct Stage {
    folder: TempDir,
    database: String,
    target: Target,
    bank: Server,
}

impl Stage {
    fn set(target: &Target) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("bank.db");
        let own = ["bank-sim", "--listen", "127.0.0.1:0", "--data", arg(&file)];
        let logged = ["--log", "trace", "--log-format", "json"];
        let bank = Server::start(folder.path(), &[&own[..], &logged].concat());
        let database = database_arg(target);
        Stage { folder, database, target: target.clone(), bank }
    }

    fn server(&self, form: Form, collector: &str) -> Server {
        let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &self.database];
        let form = match form {
            Form::Json => "json",
            Form::Human => "human",
        };
        let more = ["--bank", &self.bank.url, "--log", "trace", "--log-format", form];
        let quick = ["--fee-deadline-ms=700", "--fee-recovery-interval-ms=100"];
        let traced = ["--otlp-endpoint", collector, "--otlp-sample-ratio=1000000"];
        Server::start(self.folder.path(), &[&own[..], &more, &quick, &traced].concat())
    }
}

impl Secrets {
    /// Every card's number and CVC, from the database by its own keys.
    fn of(target: &Target) -> Self {
        let (store, core) = open(target, &Settings::default(), false).unwrap();
        let mut secrets = Secrets::default();
        let books = Books::open(target);
        let all = "SELECT card_id, pan_sealed, expiry_yymm, cvc_key_id, given_cvc_sealed FROM card";
        for row in books.rows(all) {
            let (asp, id) = (AspId::new(ASP_ID), row.int(0).unwrap().to_string());
            let sealed = row.blob(1).unwrap();
            let text = core.open_text(place(&asp, "card.pan", &id), sealed).unwrap();
            let pan = Pan::parse(text.expose()).unwrap();
            let cvc = match row.opt_int(3).unwrap() {
                Some(key) => {
                    let made = cards::cvc::<()>(&core, &pan, row.text(2).unwrap(), key);
                    made.map_err(|_| ()).unwrap().reveal().to_owned()
                }
                None => {
                    let sealed = row.blob(4).unwrap();
                    let at = place(&asp, "card.given_cvc", &id);
                    core.open_text(at, sealed).unwrap().expose().to_owned()
                }
            };
            secrets.pans.insert(pan.reveal().to_owned());
            secrets.cvcs.insert(cvc);
        }
        let all = "SELECT crypto_key_id, server_private_key_sealed FROM crypto_key";
        for row in books.rows(all) {
            let at = (AspId::new(ASP_ID), row.text(0).unwrap());
            let aad = place(&at.0, "crypto_key.server_private_key", at.1).aad();
            let der = core.keys.ring().open(&aad, row.blob(1).unwrap()).unwrap();
            secrets.add_private_key(der.expose());
        }
        for row in books.rows("SELECT CAST(user_id AS TEXT), account_no_sealed FROM bank_account") {
            let asp = AspId::new(ASP_ID);
            let at = place(&asp, "bank_account.account_no", row.text(0).unwrap());
            let number = core.open_text(at, row.blob(1).unwrap()).unwrap();
            secrets.bank_accounts.insert(number.expose().to_owned());
        }
        for row in books.rows("SELECT master_key FROM sandbox_master_key") {
            let key = row.blob(0).unwrap().to_vec();
            secrets.texts.extend(String::from_utf8(key.clone()));
            secrets.keys.push(key);
        }
        secrets.add_public(&books);
        let said = PERSONAL.iter().chain(&BANK_ACCOUNTS);
        secrets.texts.extend(said.map(|text| (*text).to_owned()));
        store.close();
        secrets
    }

    /// What may be seen and has digits in common with card numbers by chance.
    fn add_public(&mut self, books: &Books) {
        let prefixes = books.rows("SELECT prefix FROM number_range");
        self.prefixes = prefixes.iter().map(|row| row.text(0).unwrap().to_owned()).collect();
        for sql in [
            "SELECT CAST(user_id AS TEXT) FROM member",
            "SELECT fintech_use_num FROM bank_account",
            "SELECT apply_no FROM application",
            "SELECT subject FROM operation_log",
            "SELECT bank_tran_id FROM application WHERE bank_tran_id IS NOT NULL",
            "SELECT api_tran_id FROM application WHERE api_tran_id IS NOT NULL",
            "SELECT bank_tran_day FROM application WHERE bank_tran_day IS NOT NULL",
            // Of calls that arming makes.
            "SELECT correlation_id FROM application WHERE correlation_id LIKE 'armed-%'",
            "SELECT correlation_id FROM operation_log WHERE correlation_id LIKE 'armed-%'",
            "SELECT crypto_key_id FROM crypto_key",
            "SELECT par FROM card",
            "SELECT asp_id FROM partner",
            "SELECT service_id FROM product",
            "SELECT merchant_id FROM merchant",
        ] {
            let texts = books.rows(sql);
            let long = texts.iter().map(|row| row.text(0).unwrap()).filter(|text| text.len() > 6);
            self.known.extend(long.map(str::to_owned));
        }
        // Of applications that some scenarios ask about in vain.
        let scenarios = stdout_of(&["scenarios", "--format", "json"]);
        let told: Vec<Value> = serde_json::from_str(&scenarios).unwrap();
        for request in told.iter().map(|scenario| scenario["request"].to_string()) {
            let named = request.split("\"cardApplyNo\":\"").skip(1);
            let numbers = named.filter_map(|rest| rest.split('"').next());
            self.known.extend(numbers.filter(|number| number.len() > 6).map(str::to_owned));
        }
        // Of cards that are gone, as their scenario was armed again.
        for row in books.rows("SELECT payload FROM operation_log") {
            let payload: Value = serde_json::from_str(row.text(0).unwrap()).unwrap();
            self.known.extend(payload["par"].as_str().map(str::to_owned));
        }
    }

    /// The part of a private key that is not the public key's too: the modulus comes first.
    fn add_private_key(&mut self, pkcs8_der: &[u8]) {
        self.keys.push(pkcs8_der[pkcs8_der.len() / 4 + 16..].to_vec());
    }

    fn add_keys(&mut self, database: &str) {
        let text = stdout_of(&["credentials", "--database", database, "--format", "json"]);
        let printed: Value = serde_json::from_str(&text).unwrap();
        for name in ["accessKey", "secretKey"] {
            self.texts.insert(printed[name].as_str().unwrap().to_owned());
        }
        let pem = printed["clientPrivateKey"].as_str().unwrap();
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        self.add_private_key(&BASE64.decode(lines.as_bytes()).unwrap());
    }
}

/// A run of calls with what came of them.
struct Calls {
    client: Client,
    /// Numbers of the calls, and the tokens that signed them.
    made: Vec<(String, String)>,
    /// When they were made, as their headers say it.
    times: BTreeSet<String>,
    /// Answers in clear that are no success, as a caller or a proxy may log them.
    errors: String,
}

impl Calls {
    async fn call(&mut self, path: &str, body: &str, encryption: Encryption) -> Exchange {
        self.change(path, body, encryption, |_| ()).await
    }

    async fn change(
        &mut self,
        path: &str,
        body: &str,
        encryption: Encryption,
        change: impl FnOnce(&mut client::Prepared),
    ) -> Exchange {
        let path = format!("{BASE}{path}");
        let mut prepared = self.client.prepare(&path, body, encryption, None).unwrap();
        change(&mut prepared);
        let header = |name| prepared.header(name).unwrap_or("-").to_owned();
        let token_time = prepared.header("X-KM-Tran-Token").and_then(|token| token.get(5..22));
        self.times.extend(token_time.map(str::to_owned));
        self.times.extend(prepared.header("X-KM-Tran-Time").map(str::to_owned));
        self.made.push((header("X-KM-Correlation-Id"), header("X-KM-Tran-Token")));
        let exchange = self.client.send(&prepared).await.unwrap();
        if exchange.code.as_deref() != Some("000_000") {
            self.errors.push_str(&exchange.body_clear);
        }
        exchange
    }

    /// All scenarios, as they were seeded: the first time in earnest, then once more.
    async fn scenarios(&mut self) {
        let all = stdout_of(&["scenarios", "--format", "json"]);
        let all: Vec<Value> = serde_json::from_str(&all).unwrap();
        for encryption in [Encryption::Encrypted(Enc::A256Gcm), Encryption::Plain] {
            for told in &all {
                let path = told["path"].as_str().unwrap();
                self.call(path, &told["request"].to_string(), encryption).await;
            }
        }
    }

    /// What a caller can do wrong with a card's number at hand.
    async fn failures(&mut self) {
        let (plain, sealed) = (Encryption::Plain, Encryption::Encrypted(Enc::A128Gcm));
        let pan = "9491339500001010";
        for body in [
            format!("{{\"cardNo\":\"{pan}\""),
            format!("\"{pan}\""),
            format!("{{\"userId\":\"{pan}\",\"cardNo\":{pan},\"status\":\"테헤란로\"}}"),
            format!("{{\"userId\":1,\"cardNo\":\"{pan}\",\"cardNo\":\"{pan}\"}}"),
            format!("{{\"{pan}\":1,\"cardInfo\":{{\"oldCardNo\":\"{pan}0\"}}}}"),
            format!("{{\"encData\":\"{pan}\"}}"),
        ] {
            for path in [REISSUE, STATE, &format!("/api/v1/card/{pan}")] {
                self.call(path, &body, plain).await;
                self.call(path, &body, sealed).await;
            }
        }
        let body = format!("{{\"userId\":1,\"cardNo\":\"{pan}\",\"status\":\"SUSPEND\"}}");
        for name in ["X-KM-Tran-Token", "X-KM-Access-Key", "X-KM-Crypto-Key-Id", "X-KM-User-AspId"]
        {
            let wrong = |call: &mut client::Prepared| call.set_header(name, pan);
            self.change(STATE, &body, sealed, wrong).await;
            let without = |call: &mut client::Prepared| call.remove_header(name);
            self.change(STATE, &body, sealed, without).await;
        }
        // The caller's own number for the call may be a card's.
        for (id, expect) in
            [(pan, "949133******1010"), (&format!("x-{pan}0-y"), "x-949133*******0100-y")]
        {
            let named = |call: &mut client::Prepared| call.set_header("X-KM-Correlation-Id", id);
            let exchange = self.change(STATE, &body, plain, named).await;
            assert_eq!(exchange.header("X-KM-Correlation-Id"), Some(id));
            assert_eq!(mask_numbers(id), expect);
        }
        let tamper = |call: &mut client::Prepared| call.body_sent.push(' ');
        self.change(STATE, &body, plain, tamper).await;
    }
}

/// One line a request, with what finds it again and nothing else.
fn check_lines(log: &str, calls: &Calls, cvcs: &BTreeSet<String>) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = lines.iter().filter(|line| line["message"] == "call").collect();
    assert_eq!(told.len(), calls.made.len() + commands::CALLS.len(), "one line a request");
    for (line, (id, _)) in told.iter().zip(&calls.made) {
        assert_eq!(line["correlation_id"], mask_numbers(id), "{line}");
        for name in ["partner", "operation", "code"] {
            assert!(line[name].is_string(), "{name}: {line}");
        }
        assert!(line["duration_us"].is_u64(), "{line}");
    }
    for (name, value) in lines.iter().flat_map(|line| line.as_object().unwrap()) {
        assert!(!name.to_lowercase().contains("cvc"), "{name}");
        // A CVC is text; numbers of three digits, such as a line of code, are like some by chance.
        let is_cvc = value.as_str().is_some_and(|text| cvcs.contains(text)) && name != "bank_code";
        assert!(!is_cvc, "{name} is a CVC");
    }
}

/// Every value of every column, as bytes.
fn values(row: &Row) -> Vec<Vec<u8>> {
    let each = |index| {
        if let Ok(text) = row.opt_text(index) {
            text.unwrap_or_default().as_bytes().to_vec()
        } else if let Ok(blob) = row.opt_blob(index) {
            blob.unwrap_or_default().to_vec()
        } else {
            row.int(index).map_or_else(|_| Vec::new(), |int| int.to_string().into_bytes())
        }
    };
    (0..row.len()).map(each).collect()
}

fn check_columns(target: &Target, secrets: &Secrets) {
    let books = Books::open(target);
    let (strict, of_numbers) = (secrets.needles(RUN), secrets.needles(RUN_IN_NUMBER));
    for column in COLUMNS {
        let (table, name) = (column.table, column.name);
        let rows = books.rows(&format!("SELECT {name} FROM {table}"));
        let place = format!("{table}.{name}");
        let is_number = rows.iter().any(|row| matches!(row.opt_int(0), Ok(Some(_))));
        let is_text = rows.iter().any(|row| matches!(row.opt_text(0), Ok(Some(_))));
        // A sandbox's own master key has to stand somewhere.
        if place == "sandbox_master_key.master_key" {
            continue;
        }
        for value in rows.iter().flat_map(values) {
            if is_number {
                if !(name.ends_with("_at") && is_around_now(&value)) {
                    of_numbers.assert_none(&value, &place);
                }
            } else {
                strict.assert_none(&secrets.without_known(&value), &place);
            }
        }
        if column.class == Class::Personal {
            assert!(name.ends_with("_sealed"), "{place} is personal and not sealed");
            assert!(rows.iter().all(|row| row.opt_blob(0).is_ok()), "{place} is in clear");
        }
        // Banks' codes and ids of three digits may be a CVC by chance.
        if is_text && !["bank_code", "debit_bank", "subject"].contains(&name) {
            for value in rows.iter().flat_map(values) {
                let text = String::from_utf8_lossy(&value);
                assert!(!secrets.cvcs.contains(text.as_ref()), "{place}");
                for value in json_values(&text) {
                    assert!(!secrets.cvcs.contains(&value), "{place}");
                }
            }
        }
    }
}

fn is_around_now(value: &[u8]) -> bool {
    let time = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
    time.is_some_and(|time| (time - Clock.now().0).abs() < AROUND_US)
}

/// The texts of a JSON object, such as an event for partners, and of lists in it.
fn json_values(text: &str) -> Vec<String> {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return Vec::new() };
    let each = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let values = object.values().flat_map(each);
    values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The simulator's file, with what is not yet in its main part.
fn bank_file(stage: &Stage) -> Vec<u8> {
    let files = ["bank.db", "bank.db-wal"].map(|name| stage.folder.path().join(name));
    files.iter().filter_map(|file| std::fs::read(file).ok()).collect::<Vec<_>>().concat()
}

fn nothing_leaks(database: &TestDatabase, form: Form) {
    let stage = Stage::set(database.target());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let collector = runtime.block_on(Collector::start(StatusCode::OK));
    let server = stage.server(form, &collector.url);
    let known = credentials(&stage.database);
    let mut calls = Calls {
        client: client(&server.url, &known),
        made: Vec::new(),
        times: BTreeSet::new(),
        errors: String::new(),
    };
    let (metrics, told) = runtime.block_on(async {
        calls.scenarios().await;
        calls.failures().await;
        let url = format!("{}/metrics", server.url);
        (text_of(&url).await, told(&server.url, calls.made.len()).await)
    });
    assert!(metrics.contains("platen_calls_total"), "{metrics}");
    let said = commands::outputs(&stage, &server.url);
    let printed = server.printed();
    let (log, bank_log) = (server.log.clone(), stage.bank.log.clone());
    assert!(server.terminate().success());
    let mut secrets = Secrets::of(&stage.target);
    secrets.add_keys(&stage.database);
    // 34 cards were given and others issued.
    assert!(secrets.pans.len() > 34, "{}", secrets.pans.len());
    let made = calls.made.iter().map(|(id, _)| id.as_str()).chain(commands::CALLS);
    secrets.known.extend(made.filter(|id| id.len() == 20).map(str::to_owned));
    let of_numbers = secrets.needles(RUN_IN_NUMBER);
    for known in &secrets.known {
        of_numbers.assert_none(known.as_bytes(), "what may be seen");
    }
    check_columns(&stage.target, &secrets);
    check_told(&told, &secrets, &calls.times);
    let tokens = calls.made.iter().map(|(_, token)| token.clone());
    secrets.texts.extend(tokens.filter(|token| token.len() > 20));
    let needles = secrets.needles(RUN);
    let log = std::fs::read(log).unwrap();
    if form == Form::Json {
        check_lines(std::str::from_utf8(&log).unwrap(), &calls, &secrets.cvcs);
    }
    let log = without_durations(&log);
    let none_in = |hay: &[u8], place| needles.assert_none(&secrets.without_known(hay), place);
    none_in(&log, "the log");
    none_in(&std::fs::read(bank_log).unwrap(), "the bank's log");
    none_in(printed.as_bytes(), "the output");
    none_in(metrics.as_bytes(), "the metrics");
    none_in(calls.errors.as_bytes(), "the errors");
    let (traced, calls_traced) = collector.told();
    // What populating and arming call is not called from outside.
    assert_eq!(calls_traced, calls.made.len() + commands::CALLS.len());
    none_in(traced.as_bytes(), "the traces");
    // People and their accounts are the bank's own.
    for text in PERSONAL.iter().chain(&BANK_ACCOUNTS) {
        secrets.texts.remove(*text);
    }
    secrets.known.append(&mut secrets.bank_accounts.clone());
    let bank_file = secrets.without_known(&bank_file(&stage));
    // Nothing of a card is the bank's; its own numbers stand in the file in pieces as well.
    secrets.needles(RUN_IN_NUMBER).assert_none(&bank_file, "the bank's file");
    commands::check(&said, &mut secrets);
}

#[test]
fn nothing_leaks_on_sqlite() {
    nothing_leaks(&TestDatabase::sqlite(), Form::Json);
}

#[test]
fn nothing_leaks_on_postgres() {
    if let Some(database) = TestDatabase::postgres() {
        nothing_leaks(&database, Form::Human);
    }
}

/// Run by the next test in a process of its own: from here on its panics are reported as the
/// program's are.
#[test]
#[ignore = "panics"]
fn a_text_is_cut_within_a_character() {
    platen::cli::panics::report();
    let text = std::hint::black_box("9491339500001010 테헤란로");
    assert_eq!(&text[..18], "");
}

#[test]
fn a_panic_says_where_and_not_what() {
    let own = std::env::current_exe().unwrap();
    let child = std::process::Command::new(own)
        .args(["--exact", "leaks::a_text_is_cut_within_a_character", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(!child.status.success());
    let said = [child.stdout, child.stderr].concat();
    let text = String::from_utf8_lossy(&said);
    assert!(text.contains("platen: a fault at ") && text.contains("leaks.rs:"), "{text}");
    let secrets = Secrets {
        pans: BTreeSet::from(["9491339500001010".to_owned()]),
        texts: BTreeSet::from(["테헤란로".to_owned()]),
        ..Secrets::default()
    };
    secrets.needles(RUN).assert_none(&said, "a panic");
}

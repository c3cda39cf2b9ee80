//! Nothing that must stay secret stands in logs, metrics, errors or columns: in clear, in base64
//! or in hex.

use std::collections::{BTreeSet, HashMap};

use client::{Client, Encryption, Exchange};
use crypto::jwe::Enc;
use crypto::pan::Pan;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use domain::AspId;
use platen::cards;
use platen::context::place;
use platen::ops::BASE;
use platen::sandbox::ASP_ID;
use platen::sandbox::run::open;
use platen::settings::Settings;
use serde_json::Value;
use store::schema::COLUMNS;
use store::testing::TestDatabase;
use store::{Row, Target};
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{Server, arg, client, credentials, stdout_of};
use crate::support::{REISSUE, STATE};

/// A run of a PAN's digits as long as this, in a log, is a leak. The range's prefix, first on the
/// card, is public; user ids and times have fewer digits in common with a number.
const RUN_IN_LOG: usize = 8;
/// In columns there are far more digits that mean something else.
const RUN_IN_COLUMN: usize = 10;
/// Names, addresses and telephone numbers of members and requests.
const PERSONAL: [&str; 8] =
    ["시험회원", "박채움", "김코나", "테헤란로", "서울특별시", "3층 301호", "0100000", "19900101"];
/// Account numbers begin so.
const BANK_ACCOUNTS: [&str; 2] = ["333000000", "333015555557"];

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
        let logged = ["--log", "debug", "--log-format", "json"];
        let bank = Server::start(folder.path(), &[&own[..], &logged].concat());
        let database = match target {
            Target::Sqlite(path) => arg(path).to_owned(),
            Target::Postgres(url) => url.clone(),
        };
        Stage { folder, database, target: target.clone(), bank }
    }

    fn server(&self, filter: &str) -> Server {
        let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &self.database];
        let more = ["--bank", &self.bank.url, "--log", filter, "--log-format", "json"];
        let quick = ["--fee-deadline-ms=700", "--fee-recovery-interval-ms=100"];
        Server::start(self.folder.path(), &[&own[..], &more, &quick].concat())
    }
}

/// What must not be seen.
#[derive(Default)]
struct Secrets {
    /// Card numbers, used and issued.
    pans: BTreeSet<String>,
    cvcs: BTreeSet<String>,
    /// Keys and tokens.
    keys: BTreeSet<String>,
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
        store.close();
        secrets
    }

    fn add_keys(&mut self, database: &str) {
        let text = stdout_of(&["credentials", "--database", database, "--format", "json"]);
        let printed: Value = serde_json::from_str(&text).unwrap();
        for name in ["accessKey", "secretKey"] {
            self.keys.insert(printed[name].as_str().unwrap().to_owned());
        }
        // A line of a PEM text is enough to find it, also as bytes. The modulus, which comes
        // first, is the public key's too.
        let pem = printed["clientPrivateKey"].as_str().unwrap();
        let private = pem.lines().filter(|line| line.len() == 64).skip(8);
        self.keys.extend(private.map(str::to_owned));
    }

    /// All forms in which a secret could stand somewhere. A PAN counts where `run` of its digits
    /// do.
    fn needles(&self, run: usize) -> Vec<Vec<u8>> {
        let runs = |pan: &String| -> Vec<String> {
            // One of the six digits in the middle is always among them.
            (1..=pan.len() - run).map(|start| pan[start..start + run].to_owned()).collect()
        };
        let personal = PERSONAL.iter().chain(&BANK_ACCOUNTS).map(|text| (*text).to_owned());
        let plain = self.pans.iter().flat_map(runs).chain(personal).chain(self.keys.clone());
        let mut needles: Vec<Vec<u8>> = plain.flat_map(|text| encoded(text.as_bytes())).collect();
        // Keys that stand as hex or base64 text may have been stored as the bytes they mean.
        for key in &self.keys {
            needles.extend(HEXLOWER.decode(key.as_bytes()).ok());
            needles.extend(BASE64.decode(key.as_bytes()).ok());
        }
        needles
    }
}

/// In clear, hex and base64, wherever in the text the base64 begins.
fn encoded(plain: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        plain.to_vec(),
        HEXLOWER.encode(plain).into_bytes(),
        HEXUPPER.encode(plain).into_bytes(),
    ];
    for before in 0..3 {
        let padded = [&vec![b' '; before][..], plain].concat();
        let text = BASE64.encode(&padded);
        // The characters at both ends depend on the neighbours.
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        forms.push(text.as_bytes()[from..to].to_vec());
    }
    forms
}

/// Bytes by which a needle is looked for first.
const HEAD: usize = 4;

fn find(hay: &[u8], needles: &[Vec<u8>], place: &str) {
    let mut by_head: HashMap<&[u8], Vec<&Vec<u8>>> = HashMap::new();
    for needle in needles {
        by_head.entry(&needle[..HEAD]).or_default().push(needle);
    }
    for (at, head) in hay.windows(HEAD).enumerate() {
        for needle in by_head.get(head).into_iter().flatten() {
            let around = &hay[at.saturating_sub(120)..hay.len().min(at + 60)];
            let found = hay[at..].starts_with(needle);
            assert!(!found, "{place}: {}", String::from_utf8_lossy(around));
        }
    }
}

/// A run of calls with what came of them.
struct Calls {
    client: Client,
    /// Numbers of the calls, and the tokens that signed them.
    made: Vec<(String, String)>,
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
        for name in ["X-KM-Tran-Token", "X-KM-Access-Key", "X-KM-Crypto-Key-Id", "X-KM-Asp-Id"] {
            let wrong = |call: &mut client::Prepared| call.set_header(name, pan);
            self.change(STATE, &body, sealed, wrong).await;
            let without = |call: &mut client::Prepared| call.remove_header(name);
            self.change(STATE, &body, sealed, without).await;
        }
        let tamper = |call: &mut client::Prepared| call.body_sent.push(' ');
        self.change(STATE, &body, plain, tamper).await;
    }
}

/// One line a request, with what finds it again and nothing else.
fn check_lines(log: &str, calls: &Calls, cvcs: &BTreeSet<String>) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = lines.iter().filter(|line| line["message"] == "call").collect();
    assert_eq!(told.len(), calls.made.len(), "one line a request");
    for (line, (id, _)) in told.iter().zip(&calls.made) {
        assert_eq!(line["correlation_id"], id.as_str(), "{line}");
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
    let needles = secrets.needles(RUN_IN_COLUMN);
    for column in COLUMNS {
        let (table, name) = (column.table, column.name);
        let rows = books.rows(&format!("SELECT {name} FROM {table}"));
        let place = format!("{table}.{name}");
        for value in rows.iter().flat_map(values) {
            find(&value, &needles, &place);
        }
        // Banks' codes and ids of three digits may be a CVC by chance.
        let is_text = rows.iter().any(|row| matches!(row.opt_text(0), Ok(Some(_))));
        if is_text && !["bank_code", "subject"].contains(&name) {
            for value in rows.iter().flat_map(values) {
                let text = String::from_utf8_lossy(&value);
                assert!(!secrets.cvcs.contains(text.as_ref()), "{place}");
            }
        }
    }
}

fn nothing_leaks(database: &TestDatabase, filter: &str) {
    let stage = Stage::set(database.target());
    let server = stage.server(filter);
    let known = credentials(&stage.database);
    let mut calls =
        Calls { client: client(&server.url, &known), made: Vec::new(), errors: String::new() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let metrics = runtime.block_on(async {
        calls.scenarios().await;
        calls.failures().await;
        let url = format!("{}/metrics", server.url);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.get(url).send().await.unwrap().text().await.unwrap()
    });
    assert!(metrics.contains("platen_calls_total"), "{metrics}");
    let printed = server.printed();
    let (log, bank_log) = (server.log.clone(), stage.bank.log.clone());
    assert!(server.terminate().success());
    let mut secrets = Secrets::of(&stage.target);
    secrets.add_keys(&stage.database);
    // 34 cards were given and others issued.
    assert!(secrets.pans.len() > 34, "{}", secrets.pans.len());
    check_columns(&stage.target, &secrets);
    let tokens = calls.made.iter().map(|(_, token)| token.clone());
    secrets.keys.extend(tokens.filter(|token| token.len() > 20));
    let needles = secrets.needles(RUN_IN_LOG);
    let log = std::fs::read_to_string(log).unwrap();
    check_lines(&log, &calls, &secrets.cvcs);
    find(log.as_bytes(), &needles, "the log");
    find(std::fs::read(bank_log).unwrap().as_slice(), &needles, "the bank's log");
    find(printed.as_bytes(), &needles, "the output");
    find(metrics.as_bytes(), &needles, "the metrics");
    find(calls.errors.as_bytes(), &needles, "the errors");
}

#[test]
fn nothing_leaks_on_sqlite() {
    nothing_leaks(&TestDatabase::sqlite(), "trace");
}

#[test]
fn nothing_leaks_on_postgres() {
    if let Some(database) = TestDatabase::postgres() {
        nothing_leaks(&database, "debug,tokio_postgres::query=trace");
    }
}

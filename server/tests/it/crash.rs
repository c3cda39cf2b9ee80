//! Killed under load, at any moment, with and without fees: what was acknowledged stays, nothing
//! happens twice, every open fee ends, and the bank's ledger agrees with ours to the won.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use bank::OrderKind;
use bank::sim::LedgerEntry;
use client::{Client, Credentials, Encryption};
use crypto::jwe::Enc;
use platen::context::Clock;
use platen::ops::BASE;
use serde_json::{Value, json};
use store::Target;
use store::testing::TestDatabase;
use tempfile::TempDir;

use crate::books::Books;
use crate::process::{Server, arg, client, credentials, database_arg, stdout_of};
use crate::support::REISSUE;

/// Cards without a fee, and as many with one.
const CARDS: usize = 150;
const CALLERS: usize = 12;
/// How often servers and bank are killed.
const ROUNDS: usize = 9;
/// In this round two servers run on the database.
const ROUND_OF_TWO: usize = 4;
/// In these rounds the bank is killed as well.
const ROUNDS_OF_THE_BANK: [usize; 2] = [2, 6];
/// What a server may have in memory, bytes.
const MEMORY_MAX: u64 = 150 << 20;
const SEED: u64 = 0x5eed_0042;
/// All calls must have found their end by then.
const PATIENCE: Duration = Duration::from_secs(60);
const QUICK: [&str; 10] = [
    "--fee-deadline-ms=800",
    "--fee-recovery-margin-ms=100",
    "--fee-recovery-interval-ms=100",
    "--fee-inquiry-timeout-ms=500",
    "--bank-order-lifetime-ms=2500",
    "--database-wait-ms-max=3000",
    "--postgres-workers=4",
    "--drain-ms=1000",
    "--log-format=json",
    "--log=info",
];

/// Numbers by a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// A call with its number and body, which stay the same until it is answered for good.
#[derive(Clone)]
struct Job {
    user_id: i64,
    has_fee: bool,
    body: String,
    encryption: Encryption,
    correlation_id: String,
    /// Its caller gives up when no answer comes, and asks again only when all is over.
    gives_up: bool,
}

/// A final answer.
struct Answered {
    job: Job,
    status: u16,
    body: String,
    code: String,
}

/// What callers and the one who kills share.
struct Field {
    jobs: Mutex<Vec<Job>>,
    servers: RwLock<Vec<Client>>,
    answered: Mutex<Vec<Answered>>,
    given_up: Mutex<Vec<Job>>,
    acknowledged: AtomicUsize,
    deadline: Instant,
}

fn correlation_id() -> String {
    client::correlation_id(Clock.now().0 / 1_000).unwrap()
}

fn jobs(folder: &Path, kind: &str, dice: &mut Dice) -> Vec<Job> {
    let text = std::fs::read_to_string(folder.join(kind)).unwrap();
    let each = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let with_plastic = dice.roll(2) == 0;
        let address = json!({
            "address": "서울특별시 강남구 테헤란로 152",
            "addressDetail": "3층 301호",
            "zipCode": "06236",
        });
        let mut body = json!({
            "userInfo": { "userId": line["userId"] },
            "cardInfo": { "oldCardNo": line["cardNo"] },
            "isDeliveryRequired": with_plastic,
        });
        if with_plastic {
            body["userInfo"]["addressInfo"] = address;
        }
        Job {
            user_id: line["userId"].as_i64().unwrap(),
            has_fee: kind == "fee",
            body: body.to_string(),
            encryption: match dice.roll(3) {
                0 => Encryption::Plain,
                1 => Encryption::Encrypted(Enc::A128Gcm),
                _ => Encryption::Encrypted(Enc::A256Gcm),
            },
            correlation_id: correlation_id(),
            gives_up: dice.roll(4) == 0,
        }
    });
    each.collect()
}

/// Whether the same call has to be made again.
fn is_open(code: &str) -> bool {
    // Its fee is being charged; the database is away.
    code == "003_055" || code == "000_997"
}

/// A caller: takes jobs until none is left and repeats each until it is done.
async fn call(field: Arc<Field>, mut dice: Dice) {
    loop {
        let Some(mut job) = field.jobs.lock().unwrap().pop() else { return };
        loop {
            let Some(answered) = attempt(&field, &job, &mut dice).await else {
                field.given_up.lock().unwrap().push(job);
                break;
            };
            let code = answered.code.clone();
            assert!(
                code == "000_000" || (code == "003_051" && job.has_fee),
                "{code} of {}",
                job.correlation_id
            );
            field.answered.lock().unwrap().push(answered);
            if code == "000_000" {
                field.acknowledged.fetch_add(1, Ordering::Relaxed);
                break;
            }
            // The bank was not there: the member asks again.
            job.correlation_id = correlation_id();
        }
    }
}

async fn attempt(field: &Field, job: &Job, dice: &mut Dice) -> Option<Answered> {
    while Instant::now() < field.deadline {
        let server = {
            let servers = field.servers.read().unwrap();
            let count = u64::try_from(servers.len()).unwrap();
            let chosen = (count > 0).then(|| usize::try_from(dice.roll(count)).unwrap());
            chosen.map(|index| servers[index].clone())
        };
        if let Some(server) = server {
            match once(&server, job).await {
                Some(answered) if !is_open(&answered.code) => return Some(answered),
                Some(_) | None if job.gives_up => return None,
                Some(_) | None => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no end of {} within {PATIENCE:?}", job.correlation_id);
}

async fn once(server: &Client, job: &Job) -> Option<Answered> {
    let path = format!("{BASE}{REISSUE}");
    let id = Some(job.correlation_id.as_str());
    // A server that was killed does not answer.
    let exchange = server.call(&path, &job.body, job.encryption, id).await.ok()?;
    Some(Answered {
        job: job.clone(),
        status: exchange.status,
        code: exchange.code.unwrap_or_default(),
        body: exchange.body_clear,
    })
}

/// The servers and the bank of one run.
struct Stage {
    folder: TempDir,
    database: String,
    bank_file: PathBuf,
    bank: Option<Server>,
    bank_url: String,
    credentials: Option<Credentials>,
}

impl Stage {
    fn set(target: &Target) -> Self {
        let folder = TempDir::new().unwrap();
        let bank_file = folder.path().join("bank.db");
        let database = database_arg(target);
        let data = ["--data", arg(&bank_file)];
        let bank = Server::start(folder.path(), &[&["bank-sim"], &data[..]].concat());
        let bank_url = bank.url.clone();
        Stage { folder, database, bank_file, bank: Some(bank), bank_url, credentials: None }
    }

    fn server(&self) -> Server {
        let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &self.database, "--bank"];
        let args = [&own[..], &[&self.bank_url], &QUICK].concat();
        Server::start(self.folder.path(), &args)
    }

    fn client(&mut self, server: &Server) -> Client {
        let known = self.credentials.get_or_insert_with(|| credentials(&self.database));
        client(&server.url, known).with_timeout(Duration::from_secs(5))
    }

    fn populate(&self, kind: &str, more: &[&str]) {
        let (cards, out) = (CARDS.to_string(), self.folder.path().join(kind));
        let args = [
            &["populate", "--cards", &cards, "--database", &self.database, "--out", arg(&out)],
            more,
        ];
        stdout_of(&args.concat());
    }

    /// The bank again on the address that it had.
    fn bank_again(&mut self, pause: Duration) {
        self.bank.take().unwrap().kill();
        std::thread::sleep(pause);
        let address = self.bank_url.trim_start_matches("http://");
        let args = ["bank-sim", "--listen", address, "--data", arg(&self.bank_file)];
        self.bank = Some(Server::start(self.folder.path(), &args));
    }
}

/// Kills and starts again while the callers call.
fn rounds(stage: &mut Stage, field: &Field, mut servers: Vec<Server>, dice: &mut Dice) -> Server {
    for round in 1..=ROUNDS {
        let before = field.acknowledged.load(Ordering::Relaxed);
        let enough = before + 4 + usize::try_from(dice.roll(24)).unwrap();
        let latest = Instant::now() + Duration::from_secs(3);
        while field.acknowledged.load(Ordering::Relaxed) < enough && Instant::now() < latest {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(dice.roll(25)));
        if ROUNDS_OF_THE_BANK.contains(&round) {
            stage.bank_again(Duration::from_millis(dice.roll(400)));
            std::thread::sleep(Duration::from_millis(dice.roll(60)));
        }
        // Never none: of two servers one stays, and meets what the other one left.
        let victim = servers.remove(0);
        field.servers.write().unwrap().remove(0);
        victim.kill();
        if round == ROUND_OF_TWO || servers.is_empty() {
            servers.push(stage.server());
        }
        if round == ROUND_OF_TWO {
            servers.push(stage.server());
        }
        *field.servers.write().unwrap() =
            servers.iter().map(|server| stage.client(server)).collect();
    }
    servers.remove(0)
}

fn survives(database: &TestDatabase) {
    let target = database.target().clone();
    let mut stage = Stage::set(&target);
    let first = stage.server();
    stage.populate("free", &[]);
    stage.populate("fee", &["--fee", "--bank-file", arg(&stage.bank_file)]);
    let mut dice = Dice(SEED);
    let folder = stage.folder.path().to_owned();
    let mut all = jobs(&folder, "free", &mut dice);
    all.extend(jobs(&folder, "fee", &mut dice));
    // Mixed, in an order that the seed decides.
    for last in (1..all.len()).rev() {
        let other = dice.roll(u64::try_from(last).unwrap() + 1);
        all.swap(last, usize::try_from(other).unwrap());
    }
    let field = Arc::new(Field {
        jobs: Mutex::new(all.clone()),
        servers: RwLock::new(vec![stage.client(&first)]),
        answered: Mutex::default(),
        given_up: Mutex::default(),
        acknowledged: AtomicUsize::new(0),
        deadline: Instant::now() + PATIENCE,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|index| {
            let dice = Dice(SEED ^ u64::try_from(index + 1).unwrap());
            runtime.spawn(call(Arc::clone(&field), dice))
        })
        .collect();
    let server = rounds(&mut stage, &field, vec![first], &mut dice);
    let left = all.len() - field.acknowledged.load(Ordering::Relaxed);
    assert!(left > 0, "the load was over before the last kill");
    for caller in callers {
        runtime.block_on(caller).unwrap();
    }
    let books = Books::open(&target);
    fees_end(&books);
    ask_again(&runtime, &field);
    runtime.block_on(repeat(&field, &stage.client(&server)));
    cards_agree(&books, &all, &field.answered.lock().unwrap());
    assert!(server.peak_memory() < MEMORY_MAX, "{} bytes", server.peak_memory());
    let ledger = runtime.block_on(bank::sim::file::ledger(&stage.bank_file)).unwrap();
    ledgers_agree(&books, &ledger);
}

/// Calls that were given up are made again: they have ended meanwhile, or never happened.
fn ask_again(runtime: &tokio::runtime::Runtime, field: &Arc<Field>) {
    let given_up = std::mem::take(&mut *field.given_up.lock().unwrap());
    assert!(!given_up.is_empty(), "no call was cut off");
    let again = given_up.into_iter().map(|job| Job { gives_up: false, ..job });
    field.jobs.lock().unwrap().extend(again);
    runtime.block_on(call(Arc::clone(field), Dice(SEED)));
}

/// Whatever was answered for good is answered so again.
async fn repeat(field: &Field, server: &Client) {
    let answered = std::mem::take(&mut *field.answered.lock().unwrap());
    for before in &answered {
        let again = once(server, &before.job).await.unwrap();
        assert_eq!(again.body, before.body, "{}", before.job.correlation_id);
        assert_eq!(again.status, before.status, "{}", before.job.correlation_id);
    }
    *field.answered.lock().unwrap() = answered;
}

/// Fees of calls that nobody repeats end by themselves; the scenario whose bank never answers
/// does not.
fn fees_end(books: &Books) {
    let open = "SELECT COUNT(*) FROM application
                WHERE state = 'COST_PAYING' AND user_id >= 60000000000";
    let deadline = Instant::now() + Duration::from_secs(10);
    while books.number(open) > 0 {
        assert!(Instant::now() < deadline, "fees stay open");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Each card was reissued exactly once, to the number that its member was told.
fn cards_agree(books: &Books, jobs: &[Job], answered: &[Answered]) {
    let mut reissued: HashMap<i64, Vec<String>> = HashMap::new();
    for row in books.rows(
        "SELECT user_id, apply_no FROM application
         WHERE user_id >= 60000000000 AND state <> 'COST_PAY_FAILED'",
    ) {
        let apply_no = row.text(1).unwrap().to_owned();
        reissued.entry(row.int(0).unwrap()).or_default().push(apply_no);
    }
    let told: HashMap<i64, Value> = answered
        .iter()
        .filter(|answer| answer.code == "000_000")
        .map(|answer| (answer.job.user_id, serde_json::from_str(&answer.body).unwrap()))
        .collect();
    assert_eq!((told.len(), reissued.len()), (jobs.len(), jobs.len()));
    for job in jobs {
        let applied = told[&job.user_id]["cardApplyNo"].as_str().unwrap();
        assert_eq!(reissued[&job.user_id], [applied], "member {}", job.user_id);
    }
    let numbers: HashSet<&str> =
        told.values().map(|body| body["mobileCardNo"].as_str().unwrap()).collect();
    assert_eq!(numbers.len(), jobs.len(), "a number was given twice");
    let accounts = books.rows(
        "SELECT user_id, CAST(SUM(CASE WHEN state = 'ACTIVE' THEN 1 ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN state = 'TERMINATED' AND successor_id IS NOT NULL
                 THEN 1 ELSE 0 END) AS BIGINT),
             COUNT(*), CAST(SUM(balance) AS BIGINT),
             CAST(SUM(CASE WHEN state = 'ACTIVE' THEN balance ELSE 0 END) AS BIGINT)
         FROM card_account WHERE user_id >= 60000000000 GROUP BY user_id",
    );
    assert_eq!(accounts.len(), jobs.len());
    for row in accounts {
        let seen: Vec<i64> = (1..6).map(|index| row.int(index).unwrap()).collect();
        assert_eq!(seen, [1, 1, 2, 10_000, 10_000], "member {}", row.int(0).unwrap());
    }
}

/// Balances are the sums of their postings, and what the bank took is what we have booked.
fn ledgers_agree(books: &Books, ledger: &[LedgerEntry]) {
    let off = books.rows(
        "SELECT a.account_id FROM card_account a
         WHERE a.balance <> COALESCE((SELECT SUM(p.amount) FROM posting p
                 WHERE p.asp_id = a.asp_id
                     AND p.credit = 'card:' || CAST(a.account_id AS TEXT)), 0)
             - COALESCE((SELECT SUM(p.amount) FROM posting p
                 WHERE p.asp_id = a.asp_id
                     AND p.debit = 'card:' || CAST(a.account_id AS TEXT)), 0)",
    );
    assert!(off.is_empty(), "{} balances differ from their postings", off.len());
    let booked = books.number(
        "SELECT COALESCE(CAST(SUM(CASE WHEN debit = 'pg-clearing:open-banking' THEN amount
             ELSE -amount END) AS BIGINT), 0) FROM posting
         WHERE 'pg-clearing:open-banking' IN (debit, credit)",
    );
    assert_eq!(booked, ledger.iter().map(LedgerEntry::taken).sum::<i64>());
    // No card was discarded while its fee was charged: nothing is owed back.
    assert_eq!(books.number("SELECT COUNT(*) FROM fee_return"), 0);
    assert!(ledger.iter().all(|entry| entry.kind == OrderKind::Withdrawal));
    let mut paid: HashMap<(String, String), i64> = HashMap::new();
    for mut row in books.rows(
        "SELECT bank_tran_id, bank_tran_day, fee FROM application
         WHERE bank_tran_id IS NOT NULL AND state <> 'COST_PAY_FAILED'
             AND state <> 'COST_PAYING'",
    ) {
        let order = (row.take_text(0).unwrap(), row.take_text(1).unwrap());
        let twice = paid.insert(order, row.int(2).unwrap());
        assert_eq!(twice, None, "one order of two applications");
    }
    assert!(ledger.len() >= CARDS, "the bank took less than the fees");
    assert_eq!(paid.len(), ledger.len());
    for entry in ledger {
        let order = (entry.bank_tran_id.clone(), entry.tran_date.clone());
        assert_eq!(paid.remove(&order), Some(entry.amount), "{}", entry.bank_tran_id);
    }
}

#[test]
fn killed_under_load_on_sqlite() {
    survives(&TestDatabase::sqlite());
}

#[test]
fn killed_under_load_on_postgres() {
    if let Some(database) = TestDatabase::postgres() {
        survives(&database);
    }
}

//! One database with two servers: one that is to fail, and one that looks on and carries on.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use bank::OrderKind;
use bank::sim::{Admin, LedgerEntry};
use client::{Client, Encryption};
use domain::AspId;
use platen::context::{App, Clock, Core};
use platen::fee::recovery;
use platen::ops::{BASE, Operations};
use platen::pipeline;
use platen::sandbox::arm::arm;
use platen::sandbox::bank::SandboxBank;
use platen::sandbox::run::open_with;
use platen::sandbox::world::World;
use platen::sandbox::{ASP_ID, seed};
use platen::settings::Settings;
use platen::supply::Supply;
use store::{Options, Store, Target, Tx, TxError};
use tokio::sync::oneshot;

use super::injector::{FaultyBank, Injector};
use crate::support::{TestBank, aside, credentials};

const BODY_MAX: usize = 65_536;

/// Nothing waits for time to pass: recovery may ask at once, and knows at once that an order that
/// the bank has not seen will not come any more.
fn settings() -> Settings {
    Settings {
        fee_deadline_ms: 10_000,
        fee_inquiry_timeout_ms: 5_000,
        bank_order_lifetime_ms: 1,
        directory_ttl_ms: 3_600_000,
        cpu_threads: 1,
        ..Settings::default()
    }
}

/// A server within the process, without its listener and its loop of recovery.
#[derive(Clone)]
pub struct Process {
    pub app: Arc<App>,
    pub injector: Arc<Injector>,
}

/// An answer: its status, its code and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub code: String,
    pub body: String,
}

/// The database and its servers.
pub struct Stage {
    pub engine: &'static str,
    target: Target,
    bank: Arc<SandboxBank>,
    admin: Admin,
    client: Client,
    /// The pair of keys that the project begins with.
    pub first_pair: String,
    /// Looks on, and carries on.
    pub witness: Process,
    /// Is to fail.
    pub victim: Process,
}

/// A call that can be made again.
#[derive(Clone)]
pub struct Call {
    pub path: &'static str,
    pub body: String,
    pub id: &'static str,
}

impl Stage {
    /// A sandbox without scenarios.
    pub async fn set(target: &Target, bank: &TestBank) -> Self {
        let sandbox_bank = Arc::new(SandboxBank::attach(&bank.url, &settings()).unwrap());
        let (witness, _) = open(target, &sandbox_bank).await;
        assert!(seed::base(&witness.app).await.unwrap());
        let (victim, _) = open(target, &sandbox_bank).await;
        let known = credentials(target);
        Stage {
            engine: match target {
                Target::Sqlite(_) => "SQLite",
                Target::Postgres(_) => "PostgreSQL",
            },
            target: target.clone(),
            bank: sandbox_bank,
            admin: bank.admin.clone(),
            first_pair: known.crypto_key_id.clone(),
            client: Client::new("http://here", known, || Clock.now().0 / 1_000).unwrap(),
            witness,
            victim,
        }
    }

    /// A process of its own, to be killed; and what ends its threads.
    pub async fn process(&self) -> (Process, Store) {
        open(&self.target, &self.bank).await
    }

    /// The victim after a new start, but with its open connections: nothing in memory.
    pub fn cold(&self) -> Process {
        let old = &self.victim;
        let core = Core { supply: Arc::new(Supply::default()), ..old.app.core.clone() };
        let app = assemble(old.app.store.clone(), core, Arc::clone(&old.app.bank));
        Process { app, injector: Arc::clone(&old.injector) }
    }

    pub async fn arm(&self, world: &World) {
        arm(&self.witness.app, &self.admin, &AspId::new(ASP_ID), world).await.unwrap();
    }

    /// What the bank has taken from the member's account, less what it has given back.
    pub async fn taken(&self, world: &World) -> i64 {
        self.ledger(world).await.iter().map(LedgerEntry::taken).sum()
    }

    /// How often the bank has given something back.
    pub async fn given_back(&self, world: &World) -> usize {
        let ledger = self.ledger(world).await;
        ledger.iter().filter(|entry| entry.kind == OrderKind::Deposit).count()
    }

    async fn ledger(&self, world: &World) -> Vec<LedgerEntry> {
        self.admin.ledger(Some(&world.fintech_use_num()), 0).await.unwrap().entries
    }

    /// As after a restored backup: the number that was reserved is in use. A fee that is taken
    /// cannot be settled, and is owed back.
    pub async fn spoil(&self) {
        let write = |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            let sql = "UPDATE application SET mobile_number = 'nonsense'
                 WHERE asp_id = $1 AND state = 'COST_PAYING'";
            Ok(tx.execute(sql, &[ASP_ID.into()])?)
        };
        assert_eq!(self.witness.app.store.write(write).await.unwrap(), 1);
    }

    /// Makes a call, straight into the pipeline.
    pub async fn call(&self, process: &Process, call: &Call) -> Answer {
        let path = format!("{BASE}{}", call.path);
        let prepared =
            self.client.prepare(&path, &call.body, Encryption::Plain, Some(call.id)).unwrap();
        let mut request = Request::post(&path);
        for (name, value) in &prepared.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(prepared.body_sent)).unwrap();
        let response = pipeline::handle(Arc::clone(&process.app), request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), BODY_MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        let code = json["response"]["code"].as_str().or(json["code"].as_str());
        Answer { status, code: code.unwrap_or_else(|| panic!("{body}")).to_owned(), body }
    }

    /// One round of recovery, now.
    pub async fn recover(&self, process: &Process) {
        self.overdue().await;
        // Where it fails, a later round does what it left.
        let _ = recovery::round(&process.app).await;
    }

    /// The same, once another driver has heard from the bank.
    pub async fn recover_held(&self, process: &Process, after: oneshot::Receiver<()>) {
        soon("the order", after).await.unwrap();
        self.recover(process).await;
    }

    /// Whether the bank's word on a fee is not known yet.
    pub async fn has_open_fee(&self) -> bool {
        let read = |tx: &mut Tx<'_>| -> Result<bool, TxError<()>> {
            let sql = "SELECT 1 FROM application WHERE asp_id = $1 AND state = 'COST_PAYING'";
            Ok(tx.query_opt(sql, &[ASP_ID.into()])?.is_some())
        };
        self.witness.app.store.read(read).await.unwrap()
    }

    /// Whether a fee is to be given back.
    pub async fn has_open_return(&self) -> bool {
        let read = |tx: &mut Tx<'_>| -> Result<bool, TxError<()>> {
            let sql = "SELECT 1 FROM fee_return WHERE asp_id = $1 AND state = 'DUE'";
            Ok(tx.query_opt(sql, &[ASP_ID.into()])?.is_some())
        };
        self.witness.app.store.read(read).await.unwrap()
    }

    /// Makes open fees and returns overdue.
    pub async fn overdue(&self) {
        let write = |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            let sql = "UPDATE application SET deadline_at = 0
                 WHERE asp_id = $1 AND state = 'COST_PAYING'";
            tx.execute(sql, &[ASP_ID.into()])?;
            let sql = "UPDATE fee_return SET next_at = 0 WHERE asp_id = $1 AND state = 'DUE'";
            Ok(tx.execute(sql, &[ASP_ID.into()])?)
        };
        self.witness.app.store.write(write).await.unwrap();
    }

    /// Ends its threads.
    pub async fn strike(self) {
        close(self.witness.app.store.clone()).await;
        close(self.victim.app.store.clone()).await;
    }
}

/// Ends a store's threads and connections.
pub async fn close(store: Store) {
    aside(move || store.close()).await;
}

async fn open(target: &Target, bank: &SandboxBank) -> (Process, Store) {
    let injector = Arc::new(Injector::default());
    let options = Options {
        postgres_workers: 1,
        sqlite_readers: 1,
        fault: Some(injector.seam()),
        ..Options::default()
    };
    let (opened, target) = (oneshot::channel(), target.clone());
    let (sender, receiver) = opened;
    std::thread::spawn(move || sender.send(open_with(&target, &settings(), options, true)).is_ok());
    let (store, core) = receiver.await.unwrap().unwrap();
    let inner = Arc::clone(&bank.connector) as Arc<dyn bank::Bank>;
    let bank = Arc::new(FaultyBank { inner, injector: Arc::clone(&injector) });
    let app = assemble(store.clone(), core, bank);
    (Process { app, injector }, store)
}

fn assemble(store: Store, core: Core, bank: Arc<dyn bank::Bank>) -> Arc<App> {
    let operations = Operations::load().unwrap();
    Arc::new(App::new(store, core, operations, Arc::new(Clock), bank).unwrap())
}

/// Waits for what must come soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(30);
    let ended = tokio::time::timeout(patience, future).await;
    ended.unwrap_or_else(|_| panic!("{what} takes too long"))
}

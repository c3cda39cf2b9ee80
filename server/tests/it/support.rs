//! A sandbox within the test's process, on a database of its own, with a bank simulator beside it.

pub mod filled;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bank::sim::{Admin, SimOptions, TOKEN_SECONDS_DEFAULT};
use client::{Client, Credentials, Encryption, Exchange};
use crypto::jwe::{Enc, PrivateKey, PublicKey};
use crypto::secret::Secret;
use domain::AspId;
use platen::context::{App, Clock};
use platen::ops::BASE;
use platen::sandbox::run::{Start, open, start};
use platen::sandbox::{ASP_ID, keys};
use platen::settings::Settings;
use serde_json::Value;
use store::{Target, Tx, TxError};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The path of a reissue.
pub const REISSUE: &str = "/api/v1/prepay-card/reissue/delivery";
/// The path of a change of state.
pub const STATE: &str = "/api/v1/card/status";

/// The bank simulator's file in its folder.
const BANK_FILE: &str = "bank.db";

/// Settings with short waits.
pub fn quick() -> Settings {
    Settings {
        fee_deadline_ms: 700,
        fee_recovery_margin_ms: 200,
        fee_recovery_interval_ms: 100,
        fee_inquiry_timeout_ms: 700,
        bank_order_lifetime_ms: 2_000,
        // What is not about the log's chain looks at rows that stay as they are.
        audit_seal_interval_ms: 3_600_000,
        // Jobs are run by those who look at them.
        jobs_interval_ms: 3_600_000,
        ..Settings::default()
    }
}

/// A bank simulator within the test's process.
pub struct TestBank {
    /// Its address.
    pub url: String,
    /// Its own operations.
    pub admin: Admin,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    folder: TempDir,
}

impl TestBank {
    pub async fn start() -> Self {
        Self::start_in(TempDir::new().unwrap()).await
    }

    /// Starts one that has this file.
    pub async fn start_with(file: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(BANK_FILE), file).unwrap();
        Self::start_in(folder).await
    }

    async fn start_in(folder: TempDir) -> Self {
        let file = folder.path().join(BANK_FILE);
        let (ready, listening) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let options = SimOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: file,
            token_seconds: TOKEN_SECONDS_DEFAULT,
            clock: || Clock.now().0,
            on_ready: Box::new(move |address| ready.send(address).unwrap()),
        };
        let task = tokio::spawn(async move {
            bank::sim::serve(options, async move {
                let _ = stopped.await;
            })
            .await
            .unwrap();
        });
        let url = format!("http://{}", listening.await.unwrap());
        let admin = Admin::of_url(&url).unwrap();
        TestBank { url, admin, stop: Some(stop), task, folder }
    }

    /// Stops it.
    pub async fn stop(self) {
        self.stop_for_its_file().await;
    }

    async fn stop_for_its_file(mut self) -> Vec<u8> {
        drop(self.stop.take());
        self.task.await.unwrap();
        std::fs::read(self.folder.path().join(BANK_FILE)).unwrap()
    }
}

/// A server on a sandbox database.
pub struct TestServer {
    /// `http://address`.
    pub url: String,
    /// The server.
    pub app: Arc<App>,
    /// A partner's client.
    pub client: Client,
    /// Its credentials.
    pub credentials: Credentials,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl TestServer {
    /// Starts a server; further ones may be started on the same database.
    pub async fn start(target: &Target, bank: &TestBank, settings: Settings) -> Self {
        Self::start_at(target, &bank.url, settings).await
    }

    /// As [`TestServer::start`], with the bank behind this address.
    pub async fn start_at(target: &Target, bank_url: &str, settings: Settings) -> Self {
        let with = Start {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            target: target.clone(),
            bank_url: Some(bank_url.to_owned()),
            // Not looked at where there is an address.
            bank_file: "bank.db".into(),
            settings,
        };
        let running = start(with).await.unwrap();
        let url = format!("http://{}", running.address);
        let app = running.app();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(running.serve(async move {
            let _ = stopped.await;
        }));
        let credentials = credentials(target);
        let client = Client::new(&url, credentials.clone(), || Clock.now().0 / 1_000).unwrap();
        TestServer { url, app, client, credentials, stop: Some(stop), task }
    }

    /// An encrypted call.
    pub async fn call(&self, path: &str, body: &Value) -> Exchange {
        self.call_as(path, body, None).await
    }

    /// An encrypted call with a correlation id.
    pub async fn call_as(&self, path: &str, body: &Value, id: Option<&str>) -> Exchange {
        let path = format!("{BASE}{path}");
        let encrypted = Encryption::Encrypted(Enc::A128Gcm);
        self.client.call(&path, &body.to_string(), encrypted, id).await.unwrap()
    }

    /// Arms a scenario over HTTP.
    pub async fn arm(&self, operation: &str, name: &str) {
        let url = format!("{}/sandbox/v1/scenarios/{operation}/{name}/arm", self.url);
        let status = self.post_plain(&url, "{}").await;
        assert_eq!(status, 200, "arming {operation} {name}");
    }

    /// A plain JSON call beside the API; its status.
    pub async fn post_plain(&self, url: &str, body: &str) -> u16 {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(url).header("Content-Type", "application/json");
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// Runs a query whose first column is a number.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let read = move |tx: &mut Tx<'_>| -> Result<i64, TxError<()>> {
            Ok(tx.query_one(sql, &[ASP_ID.into()])?.int(0)?)
        };
        self.app.store.read(read).await.unwrap()
    }

    /// Stops it.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }
}

/// The code of an answer.
pub fn code(exchange: &Exchange) -> &str {
    exchange.code.as_deref().unwrap_or("none")
}

/// The credentials that the database holds now.
pub fn credentials(target: &Target) -> Credentials {
    let target = target.clone();
    let read = move || {
        let (store, core) = open(&target, &Settings::default(), false).unwrap();
        let ring = core.keys.ring();
        let asp = AspId::new(ASP_ID);
        let kept = store
            .read_blocking(move |tx: &mut Tx<'_>| keys::Credentials::read(tx, &asp, &ring))
            .unwrap();
        Credentials {
            asp_id: ASP_ID.to_owned(),
            access_key: kept.access_key,
            secret_key: Secret::new(kept.secret_key),
            crypto_key_id: kept.crypto_key_id,
            server_public_key: PublicKey::from_spki_pem(&kept.server_public_key).unwrap(),
            client_private_key: PrivateKey::from_pkcs8_pem(&kept.client_private_key).unwrap(),
        }
    };
    std::thread::spawn(read).join().unwrap()
}

/// Runs a check on each engine, with one server and a bank.
pub async fn on_each_engine<F: Future<Output = ()>>(
    check: impl Fn(Arc<TestServer>, Arc<TestBank>, Target) -> F,
) {
    on_each_database(async |target, bank| {
        let server = Arc::new(TestServer::start(&target, &bank, quick()).await);
        check(Arc::clone(&server), bank, target).await;
        if let Ok(server) = Arc::try_unwrap(server) {
            server.stop().await;
        }
    })
    .await;
}

/// Runs a check on a database of each engine, as a new sandbox fills it, with its bank.
pub async fn on_each_database<F: Future<Output = ()>>(check: impl Fn(Target, Arc<TestBank>) -> F) {
    let engines = [Some(filled::on_sqlite().await), filled::on_postgres().await];
    for (database, bank) in engines.into_iter().flatten() {
        let bank = Arc::new(bank);
        check(database.target().clone(), Arc::clone(&bank)).await;
        if let Ok(bank) = Arc::try_unwrap(bank) {
            bank.stop().await;
        }
        aside(move || drop(database)).await;
    }
}

/// Runs what blocks on a thread of its own.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = oneshot::channel();
    let _ = std::thread::spawn(move || done.send(work()).is_ok());
    result.await.unwrap()
}

/// Runs a check on SQLite alone, for what no database can change.
pub async fn on_sqlite(settings: Settings, check: impl AsyncFnOnce(&TestServer)) {
    let (database, bank) = filled::on_sqlite().await;
    let server = TestServer::start(database.target(), &bank, settings).await;
    check(&server).await;
    server.stop().await;
    bank.stop().await;
}

/// Changes the database behind the server's back.
pub async fn change(server: &TestServer, sql: &'static str) {
    let write = move |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
        Ok(tx.execute(sql, &[ASP_ID.into()])?)
    };
    assert!(server.app.store.write(write).await.unwrap() > 0, "{sql} changed nothing");
}

/// What another server writes down of the very call that waits here.
pub struct DoneElsewhere {
    pub operation: &'static str,
    pub event: &'static str,
    pub code: &'static str,
    pub replay: Vec<u8>,
}

/// The answer to a call that finds itself neither done nor the card free: another server, which
/// has claimed the card, writes down that it did the call and only then lets the card go.
pub async fn overtaken(
    server: &TestServer,
    account: i64,
    done: DoneElsewhere,
    call: impl Future<Output = Exchange>,
) -> Exchange {
    let (began, begun) = oneshot::channel();
    let mut began = Some(began);
    let other = server.app.store.write(move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        let claim = "UPDATE card_account SET version = version + 1
             WHERE asp_id = $1 AND account_id = $2";
        tx.execute(claim, &[ASP_ID.into(), account.into()])?;
        if let Some(began) = began.take() {
            began.send(()).unwrap();
        }
        // The call looks itself up, finds nothing, and waits for the card.
        std::thread::sleep(Duration::from_millis(600));
        let DoneElsewhere { operation, event, code, replay } = &done;
        tx.execute(
            "INSERT INTO operation_log (asp_id, log_id, operation, event, code,
                 correlation_id, subject, payload, happened_at, replay_key)
             VALUES ($1, 999999999, $2, $3, $4, '-', '-', '{}',
                 CAST(9000000000000000 AS BIGINT), $5)",
            &[
                ASP_ID.into(),
                (*operation).into(),
                (*event).into(),
                (*code).into(),
                replay.as_slice().into(),
            ],
        )?;
        Ok(())
    });
    let waiting = async {
        begun.await.unwrap();
        call.await
    };
    let (other, answer) = tokio::join!(other, waiting);
    other.unwrap();
    answer
}

//! What callers are told while something that the server needs is away, and that it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use platen::op::{Done, Stop, transact};
use platen::sandbox::given::NoRefusal;
use platen::settings::Settings;
use serde_json::json;
use store::{Tx, TxError};

use crate::process::stdout_of;
use crate::support::{
    REISSUE, STATE, TestServer, code, filled, on_each_database, on_each_engine, quick,
};

/// How long the server may need to see that its database is back.
const PATIENCE: Duration = Duration::from_secs(15);

/// Short waits: what cannot be done is said soon.
fn impatient() -> Settings {
    Settings { database_wait_ms_max: 1_000, directory_ttl_ms: 60_000, ..quick() }
}

pub async fn status(server: &TestServer, path: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(format!("{}{path}", server.url)).send().await.unwrap().status().as_u16()
}

pub fn scenario_request(operation: &str, name: &str) -> serde_json::Value {
    let text = stdout_of(&["scenarios", operation, "--format", "json"]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    all.into_iter().find(|scenario| scenario["name"] == name).unwrap()["request"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_and_comes_back() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let server = TestServer::start(database.target(), &bank, impatient()).await;
    let reissue = scenario_request("prepaid-card.reissue", "reissued");
    let state = json!({ "userId": 1, "cardNo": "9491339500000000", "status": "SUSPEND" });
    let refused = server.call(STATE, &state).await;
    assert_ne!(code(&refused), "000_997");

    assert!(database.cut());
    let id = "261122120000-0a1b2c3";
    for path in [REISSUE, STATE] {
        let body = if path == REISSUE { &reissue } else { &state };
        let begun = Instant::now();
        let exchange = server.call_as(path, body, Some(id)).await;
        assert_eq!((exchange.status, code(&exchange)), (503, "000_997"), "{path}");
        assert_eq!(exchange.header("X-KM-Correlation-Id"), Some(id));
        assert!(begun.elapsed() < Duration::from_secs(8), "{path}: {:?}", begun.elapsed());
    }
    assert_eq!(status(&server, "/readyz").await, 503);
    assert_eq!(status(&server, "/healthz").await, 200);
    assert_eq!(status(&server, "/metrics").await, 200);

    database.restore();
    let deadline = Instant::now() + PATIENCE;
    while status(&server, "/readyz").await != 200 {
        assert!(Instant::now() < deadline, "it does not become ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The call that was not done is done now, under the same number. Connections come back one by
    // one, so it may take more than one try, as the code's advice says.
    loop {
        let exchange = server.call_as(REISSUE, &reissue, Some(id)).await;
        let again = exchange.status == 503 || code(&exchange) == "003_055";
        if again && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        assert_eq!((exchange.status, code(&exchange)), (200, "000_000"));
        break;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_whose_database_goes_away_before_the_first_call() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let server = TestServer::start(database.target(), &bank, impatient()).await;
    assert!(database.cut());
    let body = json!({ "userId": 1, "cardNo": "9491339500000000", "status": "SUSPEND" });
    let exchange = server.call(STATE, &body).await;
    assert_eq!((exchange.status, code(&exchange)), (503, "000_997"));
    database.restore();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn card_numbers_that_are_used_up_are_our_fault() {
    on_each_engine(async |server, bank, target| {
        let use_up = |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            Ok(tx.execute(
                "UPDATE number_range SET next_serial = serial_end WHERE kind = 'ISSUE'",
                &[],
            )?)
        };
        assert!(server.app.store.write(use_up).await.unwrap() > 0);
        // A server that has no numbers in hand.
        let fresh = TestServer::start(&target, &bank, quick()).await;
        for name in ["reissued", "mobile-only", "ordinary"] {
            let body = scenario_request("prepaid-card.reissue", name);
            for _ in 0..2 {
                let exchange = fresh.call(REISSUE, &body).await;
                assert_eq!((exchange.status, code(&exchange)), (503, "000_996"), "{name}");
            }
        }
        let open = "SELECT COUNT(*) FROM application WHERE asp_id = $1
                    AND user_id = 50000000101";
        assert_eq!(fresh.number(open).await, 0, "something of a refused reissue was kept");

        let more = |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            Ok(tx.execute(
                "UPDATE number_range SET next_serial = serial_end - 100 WHERE kind = 'ISSUE'",
                &[],
            )?)
        };
        assert!(server.app.store.write(more).await.unwrap() > 0);
        let body = scenario_request("prepaid-card.reissue", "reissued");
        let exchange = fresh.call(REISSUE, &body).await;
        assert_eq!(code(&exchange), "000_000", "a range that was added is used");
        fresh.stop().await;
    })
    .await;
}

/// The bank goes away between two calls and comes back: no fee is lost, nobody waits for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_is_away() {
    let (database, bank) = filled::on_sqlite().await;
    let server = TestServer::start(database.target(), &bank, quick()).await;
    bank.stop().await;
    let body = scenario_request("prepaid-card.reissue", "reissued");
    let exchange = server.call(REISSUE, &body).await;
    assert_eq!((exchange.status, code(&exchange)), (400, "003_051"));
    let free = scenario_request("prepaid-card.reissue", "mobile-only");
    let exchange = server.call(REISSUE, &free).await;
    assert_eq!(code(&exchange), "000_000", "what needs no bank goes on");
    assert_eq!(status(&server, "/readyz").await, 200);
    server.stop().await;
}

/// A transaction that has to be run again and again does not wait as often as it is tried.
#[tokio::test(flavor = "multi_thread")]
async fn all_attempts_at_a_transaction_have_one_deadline() {
    on_each_database(async |target, bank| {
        let settings = Settings { database_wait_ms_max: 400, ..quick() };
        let server = TestServer::start(&target, &bank, settings).await;
        let attempts = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let ended = transact(&server.app, || {
            let attempts = Arc::clone(&attempts);
            move |_: &mut Tx<'_>| -> Done<(), NoRefusal> {
                attempts.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(150));
                Err(TxError::Refused(Stop::CameFirst))
            }
        })
        .await;
        assert_eq!(ended.map_err(|answer| answer.code()), Err("000_997"));
        // Those that began in time, after 0, 150 and 300 ms.
        let attempts = attempts.load(Ordering::Relaxed);
        assert!((1..=3).contains(&attempts), "{attempts}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        server.stop().await;
    })
    .await;
}

//! How many calls a partner may make.

use std::time::{Duration, Instant};

use platen::settings::Settings;
use tokio::task::JoinSet;

use crate::bodies::{idle_state, on_card};
use crate::raw::{Raw, RawAnswer, Wire};
use crate::support::{STATE, TestServer, on_sqlite, quick};

/// Calls at once of each partner that may make them.
const BURST: u64 = 5;
/// Calls that are tried.
const TRIED: usize = 40;

async fn send(url: String, bytes: Vec<u8>) -> RawAnswer {
    let mut wire = Wire::to(&url).await;
    wire.send(&bytes).await;
    wire.answer().await.unwrap()
}

/// Sends calls at the same moment; their answers.
async fn at_once(server: &TestServer, calls: Vec<Raw>) -> Vec<RawAnswer> {
    let mut running = JoinSet::new();
    for raw in calls {
        running.spawn(send(server.url.clone(), raw.bytes()));
    }
    running.join_all().await
}

fn plain(server: &TestServer) -> Raw {
    Raw::plain(server, STATE, idle_state().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_rate_a_partner_is_told_when_to_come_back() {
    let limited = Settings { rate_limit_per_second: 1, rate_limit_burst: BURST, ..quick() };
    on_sqlite(limited, async |server| {
        // Who cannot sign for the partner takes nothing from it.
        let mut forged = plain(server);
        forged.body.push(b' ');
        for answer in at_once(server, vec![forged; TRIED]).await {
            assert_eq!((answer.status, answer.code().as_str()), (401, "000_902"));
        }
        let begun = Instant::now();
        let answers = at_once(server, vec![plain(server); TRIED]).await;
        let (taken, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        let most = BURST + begun.elapsed().as_secs() + 1;
        let count = u64::try_from(taken.len()).unwrap();
        assert!((BURST..=most).contains(&count), "{count} calls were taken");
        assert_eq!(taken.len() + refused.len(), TRIED);
        for answer in refused {
            assert_eq!((answer.status, answer.code().as_str()), (429, "000_917"));
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(answer.header("x-km-correlation-id").is_some());
        }
        // An encrypted call is refused in clear, before it is decrypted.
        let sealed =
            Raw::answer_only(server, "/api/v1/unregister/card/info", on_card().to_string())
                .with_body(server, r#"{"encData":"nonsense"}"#);
        let answers = at_once(server, vec![sealed; TRIED]).await;
        let codes: Vec<String> = answers.iter().map(RawAnswer::code).collect();
        assert!(codes.iter().any(|code| code == "000_917"), "{codes:?}");
        assert!(codes.iter().all(|code| code == "000_917" || code == "000_912"), "{codes:?}");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(plain(server).send(server).await.code(), "000_000", "it came back");
        let metrics = Raw { method: "GET".into(), path: "/metrics".into(), ..plain(server) };
        let text = String::from_utf8(metrics.send(server).await.body).unwrap();
        assert!(text.contains(r#"code="000_917""#), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_nothing_is_limited() {
    on_sqlite(quick(), async |server| {
        for answer in at_once(server, vec![plain(server); 200]).await {
            assert_eq!(answer.code(), "000_000");
            assert_eq!(answer.header("retry-after"), None);
        }
    })
    .await;
}

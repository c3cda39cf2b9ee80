//! What operators see: metrics, the alerts that rest on them, and what is written of both.

mod measured;

use std::collections::BTreeSet;
use std::path::Path;

use platen::audit::sealer;
use platen::jobs::{Job, finish};
use platen::measure;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::products::STANDARD;
use serde_json::Value;

use crate::given::given_of;
use crate::raw::Raw;
use crate::support::{REISSUE, TestBank, TestServer, code, on_each_engine, on_sqlite, quick};

/// What Prometheus adds to a histogram's name.
const OF_HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

/// What a server with a certificate alone shows, and how the document says so.
const CERTIFICATE: &str = "platen_certificate_expiry_seconds";
const WITH_TLS: &str = "only where TLS is on";

/// A document of the folder for operators.
fn document(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations");
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of metrics in a text, each as its family is called.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("platen_")).map(family).collect()
}

fn family(name: &str) -> String {
    let end = OF_HISTOGRAM.iter().find_map(|end| name.strip_suffix(end));
    end.unwrap_or(name).to_owned()
}

/// What `/metrics` says.
async fn scraped(server: &TestServer) -> String {
    let answer = Raw::plain(server, "/metrics", "").by("GET").send(server).await;
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

/// The families of which there is a sample.
async fn shown(server: &TestServer) -> BTreeSet<String> {
    let text = scraped(server).await;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| family(line.split(['{', ' ']).next().unwrap())).collect()
}

/// Lets a server do what there are metrics for.
async fn busy(server: &TestServer, bank: &TestBank) {
    let world = given_of(server, bank, STANDARD).await;
    assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
    sealer::round(&server.app).await.unwrap();
    for job in Job::ALL {
        assert_eq!(finish(&server.app, job).await.unwrap().failures, 0);
    }
    measure::round(&server.app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_alerts_and_the_dashboard_ask_for_is_shown_and_all_that_is_shown_is_described() {
    on_each_engine(async |server, bank, _| {
        busy(&server, &bank).await;
        // The document says of each of these that it is not always there.
        let told = document("monitoring.md");
        let is_of_tls = |line: &&str| line.contains(CERTIFICATE) && line.contains(WITH_TLS);
        assert_eq!(told.lines().filter(is_of_tls).count(), 1);
        assert!(!shown(&server).await.contains(CERTIFICATE), "without a certificate");
        server.app.metrics.certificate_expires(server.app.now());
        let shown = shown(&server).await;
        assert!(shown.len() > 25, "{shown:?}");
        for file in ["alerts.yml", "alerts.test.yml", "dashboard.json"] {
            let asked = names(&document(file));
            assert!(asked.len() > 15, "{file}: {asked:?}");
            let missing: Vec<_> = asked.difference(&shown).collect();
            assert!(missing.is_empty(), "{file} asks for what no server shows: {missing:?}");
        }
        assert_eq!(names(&told), shown);
    })
    .await;
}

/// Labels name what there are few of: no scrape grows with members, cards or calls.
#[tokio::test(flavor = "multi_thread")]
async fn labels_are_few() {
    on_sqlite(quick(), async |server| {
        let text = scraped(server).await;
        let known = ["operation", "code", "outcome", "asp", "product", "name", "pool", "purpose"];
        let known: BTreeSet<&str> = known.into_iter().chain(["le", "version", "engine"]).collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((_, labels)) = line.split_once('{') else { continue };
            let (labels, _) = labels.rsplit_once('}').unwrap();
            for label in labels.split("\",") {
                let (name, _) = label.split_once('=').unwrap();
                assert!(known.contains(name), "{line}");
            }
        }
    })
    .await;
}

/// Alerts by name, and in their order, as the rules have them.
fn alerts(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix("- alert: ")).collect()
}

#[test]
fn each_alert_has_its_procedure_and_its_tests() {
    let (rules, tests, told) =
        (document("alerts.yml"), document("alerts.test.yml"), document("monitoring.md"));
    let alerts = alerts(&rules);
    assert!(alerts.len() > 15, "{alerts:?}");
    let told: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(told, alerts, "a section for each alert, in the order of the rules");
    let parts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    for (alert, rule) in alerts.iter().zip(parts) {
        for key in ["expr:", "severity:", "summary:", "description:"] {
            assert_eq!(rule.matches(key).count(), 1, "{alert}: {key}");
        }
        let procedure = format!("docs/operations/monitoring.md#{}", alert.to_lowercase());
        assert!(rule.contains(&procedure), "{alert} does not name its procedure");
        let asked = format!("alertname: {alert}\n");
        let cases: Vec<&str> = tests.split(&asked).skip(1).collect();
        let is_quiet = |case: &&&str| {
            let case = case.split("alertname:").next().unwrap();
            case.lines().any(|line| line.trim() == "exp_alerts: []")
        };
        let quiet = cases.iter().filter(is_quiet).count();
        assert!(quiet >= 1, "{alert} has no case in which it stays silent");
        assert!(cases.len() > quiet, "{alert} has no case in which it fires");
    }
}

/// A dashboard that any installation can import: it names no data source and carries no ids.
#[test]
fn the_dashboard_belongs_to_no_installation() {
    let dashboard: Value = serde_json::from_str(&document("dashboard.json")).unwrap();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 38);
    assert!(dashboard.get("id").is_none() && dashboard.get("version").is_none());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|each| each["type"] == "datasource"));
    let panels = dashboard["panels"].as_array().unwrap();
    let rows: Vec<&str> = panels
        .iter()
        .filter(|panel| panel["type"] == "row")
        .map(|panel| panel["title"].as_str().unwrap())
        .collect();
    assert_eq!(rows, ["Calls", "Money", "Bank", "Numbers", "Log and jobs", "Database"]);
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is given twice");
        let at = ["x", "y", "w"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(at[0] + at[2] <= 24 && places.insert((at[0], at[1])), "{title}: {at:?}");
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(!names(target["expr"].as_str().unwrap()).is_empty(), "{title}");
        }
    }
}

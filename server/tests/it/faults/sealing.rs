//! A round of sealing over many partners: what it finds, and what it costs.

use domain::AspId;
use platen::audit::sealer;
use platen::audit::verify::verify;
use store::Store;
use store::testing::engines;

use super::saved::run;
use super::stage::{Process, Stage};
use crate::support::{TestBank, aside};

/// More than are found at a time.
const PARTNERS: i64 = 300;
/// What is the same for every round.
const STATEMENTS_OF_A_QUIET_ROUND: usize = 2;

fn asp(number: i64) -> String {
    format!("{number:015}")
}

async fn add_partners(store: &Store) {
    let rows: Vec<_> = (1..=PARTNERS).map(|n| format!("('{}', 'x', 'ACTIVE')", asp(n))).collect();
    let sql = format!("INSERT INTO partner (asp_id, name, state) VALUES {}", rows.join(", "));
    run(store, sql).await;
}

/// A row of the log for each of these partners.
async fn add_rows(store: &Store, numbers: impl Iterator<Item = i64>, log_id: i64) {
    let row = |n| format!("('{}', {log_id}, 'o', 'e', '0', '-', '-', '{{}}', 1)", asp(n));
    let rows: Vec<_> = numbers.map(row).collect();
    let sql = format!(
        "INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
             subject, payload, happened_at) VALUES {}",
        rows.join(", ")
    );
    run(store, sql).await;
}

/// Seals one round; how many statements it took.
async fn round(process: &Process) -> usize {
    process.injector.begin(None);
    sealer::round(&process.app).await.unwrap();
    process.injector.end().0.statements
}

fn has(process: &Process, line: &str) {
    let metrics = process.app.metrics.text();
    assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
}

/// A quiet partner costs no statement, all that are busy have their turn in one round, and a chain
/// that cannot go on is told and hides none of the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_visits_the_partners_that_have_something_to_seal() {
    for database in aside(engines).await {
        let bank = TestBank::start().await;
        let stage = Stage::set(database.target(), &bank).await;
        let (server, store) = (&stage.victim, &stage.witness.app.store);
        round(server).await;
        assert_eq!(round(server).await, STATEMENTS_OF_A_QUIET_ROUND);
        add_partners(store).await;
        assert_eq!(round(server).await, STATEMENTS_OF_A_QUIET_ROUND);
        add_rows(store, 1..=PARTNERS, 1).await;
        round(server).await;
        has(server, "platen_log_unsealed 0");
        assert_eq!(round(server).await, STATEMENTS_OF_A_QUIET_ROUND);

        let cut = "DELETE FROM audit_seal WHERE asp_id IN ('000000000000000', '000000000000002')";
        run(store, cut.to_owned()).await;
        add_rows(store, [0, 2, 3, PARTNERS].into_iter(), 1_000_000).await;
        round(server).await;
        has(server, "platen_log_unsealed 2");
        has(server, "platen_log_seal_failures_total 2");
        assert!(!server.app.metrics.text().contains("platen_log_unsealed_age_seconds 0"));
        let app = server.app.clone();
        let checked = aside(move || {
            [3, PARTNERS].map(|number| {
                let asp = AspId::new(asp(number));
                let report = verify(&app.store, &app.core.keys, &asp, None).unwrap();
                (report.rows, report.seals, report.unsealed, report.breaks_count)
            })
        });
        assert_eq!(checked.await, [(2, 2, 0, 0); 2]);
        stage.strike().await;
        bank.stop().await;
        aside(move || drop(database)).await;
    }
}

//! What a call costs with keys in a token: a measurement, which prints what it finds.

use std::time::Instant;

use super::holding::{Partner, keys_to_the_token};
use super::{on_each_engine, with_token};

/// Calls with the keys in each place.
const CALLS: usize = 200;

/// The fastest, the middle and the slowest but two of a hundred, in microseconds.
fn spread(mut took: Vec<u128>) -> String {
    took.sort_unstable();
    let at = |hundredth: usize| took[(took.len() - 1) * hundredth / 100];
    format!("{:>7} {:>7} {:>7}", at(0), at(50), at(98))
}

fn issues(partner: &Partner) -> Vec<u128> {
    let issue = |_| {
        let begun = Instant::now();
        assert_eq!(partner.issue().0, "000_000");
        begun.elapsed().as_micros()
    };
    (0..CALLS).map(issue).collect()
}

#[test]
#[ignore = "a measurement: run it alone, with --nocapture"]
fn of_an_issue_with_keys_in_a_token() {
    on_each_engine(|stage, target| {
        stage.init();
        let mut partner = Partner::taken_on(stage);
        with_token(stage, "file = \"master.key\"");
        let (server, _) = stage.serve();
        partner.url.clone_from(&server.url);
        let memory = issues(&partner);
        keys_to_the_token(stage);
        let token = issues(&partner);
        assert!(server.terminate().success());
        let engine = if target.to_string().contains("://") { "PostgreSQL" } else { "SQLite" };
        println!("{engine:<10} issue, µs: in memory {}", spread(memory));
        println!("{engine:<10} issue, µs: in a token {}", spread(token));
    });
}

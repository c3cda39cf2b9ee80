//! The commands' help, and what is wrong with a command line.

use crate::process::{run, stdout_of};

const COMMANDS: [&str; 22] = [
    "demo",
    "sandbox",
    "bank-sim",
    "credentials",
    "scenarios",
    "call",
    "populate",
    "bench",
    "keys",
    "audit",
    "admin",
    "jobs",
    "delivery",
    "sample",
    "card",
    "report",
    "fee",
    "reconcile",
    "backup",
    "restore-fence",
    "ready",
    "migrate",
];

/// The number of an application.
const NO: &str = "2026112900000000000042";

#[test]
fn every_command_helps_with_an_example() {
    let all = stdout_of(&["--help"]);
    for command in COMMANDS {
        assert!(all.contains(command), "{command} is not listed");
        let help = stdout_of(&[command, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("platen {command}")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{command}: {help}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["nonsense"][..],
        &[],
        &["sandbox", "--listen", "here"],
        &["sandbox", "--no-such-flag"],
        &["sandbox", "--bank", "http://127.0.0.1:1", "--bank-file", "x.db"],
        &["populate", "--cards", "0", "--out", "x"],
        &["populate", "--cards", "1"],
        &["call"],
        &["call", "prepaid-card.reissue"],
        &["call", "prepaid-card.reissue", "--scenario", "reissued", "--data", "{}"],
        &["credentials", "--format", "xml"],
        &["keys"],
        &["keys", "rotate", "data_key"],
        &["keys", "rotate", "nonsense", "--reason", "x"],
        &["keys", "rotate", "data_key", "--reason", " "],
        &["keys", "rotate", "data_key", "--reason", "the card 9491-3395-0000-1010"],
        &["keys", "rotate", "data_key", "--reason", "x", "--active-in", "1"],
        &["keys", "rotate", "lookup", "--reason", "x", "--pkcs11", "l"],
        &["keys", "rotate", "data_key", "--reason", "x", "--pkcs11", "l", "--config", "x"],
        &["keys", "master"],
        &["keys", "master", "--pkcs11", "m"],
        &["keys", "master", "--pkcs11", "m", "--config", "x", "--out", "y"],
        &["keys", "retire", "data_key", "--reason", "x"],
        &["keys", "reseal", "digest", "--reason", "x"],
        &["audit"],
        &["audit", "verify", "--anchor", "1:00"],
        &["admin"],
        &[
            "admin", "partner", "create", "--asp-id", "1", "--name", "x", "--by", "x", "--reason",
            "x",
        ],
        &["admin", "partner", "suspend", "000000000000000", "--by", "x", "--reason", "x"],
        &["admin", "project", "access", "--partner", "000990000000001", "--project", "0"],
        &["admin", "key", "create", "--partner", "000990000000001", "--project", "1"],
        &["admin", "key", "discard", "0", "--partner", "000990000000001", "--project", "1"],
        &["admin", "certificate", "create", "--partner", "000990000000001", "--project", "1"],
        &["admin", "bank", "suspend", "88", "--by", "kim", "--reason", "x"],
        &["card"],
        &["card", "suspend", "--by", "kim", "--reason", "x"],
        &["report"],
        &["report", "float"],
        &["report", "float", "--day", "20261130"],
        &["report", "float", "--day", "2026-11-30", "--json", "--csv"],
        &["fee"],
        &["fee", "list", "--limit", "0"],
        &["fee", "show", "42"],
        &["fee", "resolve", NO, "--reason", "x", "--by", "kim"],
        &["fee", "resolve", NO, "--taken", "--reason", "x", "--by", "kim"],
        &["fee", "resolve", NO, "--taken", "--evidence", "x", "--by", "kim"],
        &["fee", "resolve", NO, "--taken", "--evidence", "x", "--reason", "x"],
        &["fee", "resolve", NO, "--taken", "--evidence", "x", "--reason", "x", "--by", "kim lee"],
        &["fee", "resolve", NO, "--taken", "--refused", "--evidence", "x", "--reason", "x"],
        &["fee", "resolve", NO, "--withdraw", "--taken", "--reason", "x", "--by", "kim"],
        &["ready"],
        &["ready", "--url", "http://127.0.0.1:1", "--config", "x.toml"],
        &["ready", "--url", "http://127.0.0.1:1", "--timeout-ms", "0"],
        &["reconcile"],
        &["reconcile", "--bank", "x.csv", "cases"],
        &["reconcile", "close", "0", "--by", "kim", "--reason", "x"],
        &["reconcile", "close", "1", "--by", "kim"],
        &["migrate"],
        &["migrate", "--from", "a.db", "--by", "kim", "--reason", "x"],
        &["migrate", "--config", "a.toml", "--to", "b.db", "--by", "kim", "--reason", "x"],
        &["migrate", "--from", "a.db", "--to", "b.db", "--by", "kim", "--reason", " "],
        &["migrate", "--from", "a.db", "--to", "mysql://x", "--by", "kim", "--reason", "x"],
    ] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
}

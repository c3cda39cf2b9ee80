//! What the commands print and log. Card numbers are what some of them are for: `call` prints the
//! answer in clear and with `--verbose` what is on the wire, `demo` its one call as sent and in
//! clear, `populate` and `scenarios` cards to call with. Keys are `credentials`' alone, but for the
//! access key among the headers that are printed as they were sent. What customer service and the
//! books are told has neither.

use std::process::Output;

use platen::context::Clock;
use platen::sandbox::world::World;

use super::needles::{RUN, Secrets};
use super::{Stage, arg};
use crate::process::run;

/// Correlation ids of the calls that `platen call` makes.
pub const CALLS: [&str; 3] =
    ["261122120000-0a1b2c3", "261122120000-0a1b2c4", "261122120000-0a1b2c5"];

/// The scenario whose card is found: one that was reissued.
const REISSUED: u32 = 101;

/// What the commands said, by what they may say.
pub struct Said {
    plain: Vec<Output>,
    masked: Vec<Output>,
    verbose: Output,
    demo: Output,
}

/// Runs them against a server.
pub fn outputs(stage: &Stage, url: &str) -> Said {
    let out = stage.folder.path().join("cards.jsonl");
    let at = ["--database", &stage.database];
    let call = |operation, name, id| {
        let call = ["call", operation, "--scenario", name, "--url", url, "--correlation-id", id];
        [&call, &at[..]].concat()
    };
    let done = |command: &[&str]| {
        let output = run(command);
        assert!(output.status.success(), "{command:?}");
        output
    };
    let verbose = call("prepaid-card.reissue", "mobile-only", CALLS[2]);
    let day = Clock.now().business_day().hyphenated();
    let user = World::new(REISSUED).user_id().to_string();
    let why = ["--by", "kim", "--reason", "a leak"];
    let masked = |command: &[&str]| done(&[command, &at[..]].concat());
    let find = |key: &[&str]| masked(&[&["card", "find"], key, &why[..]].concat());
    Said {
        plain: vec![
            done(&call("prepaid-card.reissue", "reissued", CALLS[0])),
            done(&call("prepaid-card.state", "unknown-par", CALLS[1])),
            done(&[&["populate", "--cards", "2", "--out", arg(&out)], &at[..]].concat()),
            done(&["scenarios"]),
        ],
        masked: vec![
            find(&["--user", &user]),
            find(&["--user", &user, "--json"]),
            masked(&["report", "float", "--day", &day]),
        ],
        verbose: done(&[&verbose[..], &["--verbose"]].concat()),
        demo: done(&["demo"]),
    }
}

/// Searches them.
pub fn check(said: &Said, secrets: &mut Secrets) {
    let all = said.plain.iter().chain(&said.masked).chain([&said.verbose, &said.demo]);
    let all_needles = secrets.needles(RUN);
    for output in all {
        all_needles.assert_none(&secrets.without_known(&output.stderr), "a command's log");
    }
    for output in &said.masked {
        assert!(output.stdout.len() > 500);
        all_needles.assert_none(&secrets.without_known(&output.stdout), "a masked command");
    }
    secrets.pans.clear();
    let keys = secrets.needles(RUN);
    for output in &said.plain {
        keys.assert_none(&output.stdout, "a command");
    }
    keys.assert_none(&without_access_key(&said.verbose), "a verbose call");
    // The demonstration's sandbox has keys of its own, and is gone.
    assert!(said.demo.stderr.is_empty());
    let demo = String::from_utf8(without_access_key(&said.demo)).unwrap();
    assert!(!has_secret_key(&demo), "{demo}");
    assert!(!demo.contains(PRIVATE_KEY) && !demo.contains("PRIVATE KEY"), "{demo}");
}

/// In every RSA key of PKCS#8, in base64.
const PRIVATE_KEY: &str = "IBADANBgkqhkiG9w0BAQEFAASC";
/// A secret key is so many characters of hex.
const SECRET_KEY_CHARS: usize = 64;

fn has_secret_key(text: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    text.as_bytes().windows(SECRET_KEY_CHARS).any(|run| run.iter().all(is_hex))
}

/// A command's output without the one header that has the access key.
fn without_access_key(output: &Output) -> Vec<u8> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let is_key = |line: &&str| line.starts_with("X-KM-Access-Key: ");
    assert_eq!(text.lines().filter(is_key).count(), 1, "{text}");
    let rest: Vec<&str> = text.lines().filter(|line| !is_key(line)).collect();
    rest.join("\n").into_bytes()
}

/// The demonstration's keys are told by their forms.
#[test]
fn credentials_have_the_forms_that_are_looked_for() {
    let project = platen::sandbox::keys::NewProject::make().unwrap().credentials;
    assert!(has_secret_key(&project.secret_key));
    assert!(!has_secret_key(&project.access_key));
    let lines: String = project.client_private_key.lines().collect();
    assert!(lines.contains(PRIVATE_KEY));
}

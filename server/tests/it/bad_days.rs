//! What an operator meets on a bad day, of a production platform: a disk that takes nothing more,
//! and a clock that is wrong. Others stand with what they are about: the database gone
//! (`outage.rs`), the bank silent (`faults.rs`), a certificate that has expired
//! (`serve/encrypted.rs`), a configuration that is wrong (`serve/configured.rs`).

use std::path::Path;
use std::process::Command;

use client::{Client, Credentials, Encryption};
use crypto::jwe::{Enc, PrivateKey};
use platen::context::Clock;
use platen::ops::BASE;
use serde_json::{Value, json};
use store::Target;
use store::testing::{TestDatabase, engines};

use crate::books::Books;
use crate::process::{Server, arg, client, run};
use crate::serve::Stage;

const PARTNER: [&str; 2] = ["--partner", "000990000000001"];
const WHY: [&str; 4] = ["--by", "a.kim", "--reason", "contract 12"];
const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";

/// A partner with a product whose mobile cards cost nothing, and so many members.
fn taken_on(stage: &Stage, members: u32) -> (Credentials, String) {
    let on = |args: &[&str]| stage.on(&[&["admin"], args, &WHY].concat());
    on(&["partner", "create", "--asp-id", PARTNER[1], "--name", "Seoul Pay"]);
    let private = PrivateKey::generate_2048().unwrap();
    let pem = stage.path("partner.pem");
    std::fs::write(&pem, private.public_key_pem().unwrap()).unwrap();
    let own = ["project", "create", "--project", "1", "--kind", "production", "--json"];
    let told = on(&[&own[..], &PARTNER, &["--client-public-key", arg(&pem)]].concat());
    let mut told: Value = serde_json::from_str(&told).unwrap();
    told["clientPrivateKey"] = private.to_pkcs8_pem().unwrap().expose().as_str().into();
    let own = ["product", "create", "--name", "Travel", "--bin", "94914150", "--json"];
    let rest = ["--issuance", "PRE_ISSUANCE", "--status", "ACTIVE", "--mobile-only", "ALLOWED"];
    let made: Value = serde_json::from_str(&on(&[&own[..], &rest, &PARTNER].concat())).unwrap();
    let line = |user: u32| {
        format!(
            "{{\"userId\":{user},\"name\":\"Kim {user}\",\"phone\":\"01012345678\",\
             \"birthDate\":\"19751112\"}}\n"
        )
    };
    stage.secret("members.jsonl", &(1..=members).map(line).collect::<String>());
    let file = stage.path("members.jsonl");
    on(&[&["member", "import", arg(&file)], &PARTNER[..]].concat());
    let service = made["serviceId"].as_str().unwrap().to_owned();
    (Credentials::from_json(&told.to_string()).unwrap(), service)
}

/// The code of a call for a mobile card.
async fn issue(caller: &Client, service: &str, user: u32) -> String {
    let user = json!({ "userId": user });
    let body = json!({ "userInfo": user, "serviceId": service, "isDeliveryRequired": false });
    let sealed = Encryption::Encrypted(Enc::A256Gcm);
    let answer = caller.call(&format!("{BASE}{ISSUE}"), &body.to_string(), sealed, None).await;
    answer.unwrap().code.unwrap()
}

/// A server that can make no file longer than so many blocks of 1,024 bytes.
fn bounded(stage: &Stage, blocks: u64) -> Server {
    let line = format!(
        "trap '' XFSZ; ulimit -S -f {blocks}; exec {} serve --config {}",
        env!("CARGO_BIN_EXE_platen"),
        stage.config.display()
    );
    let mut command = Command::new("bash");
    command.args(["-c", &line]);
    Server::start_as(command, stage.folder.path(), "serve")
}

fn kib(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len().div_ceil(1_024)
}

#[test]
fn a_disk_that_takes_nothing_more() {
    let database = TestDatabase::sqlite();
    let stage = Stage::set(database.target());
    stage.init();
    let (credentials, service) = taken_on(&stage, 400);
    let Target::Sqlite(path) = database.target() else { panic!("a file") };
    // Its log has as much room as the database has taken, and two cards.
    let server = bounded(&stage, kib(path) + 8);
    let caller = client(&server.url, &credentials);
    let (mut done, mut refused) = (0, 0);
    for user in 1..=40 {
        match crate::serve::block_on(issue(&caller, &service, user)).as_str() {
            "000_000" => done += 1,
            "000_997" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(done > 0 && refused > 10, "{done} {refused}");
    let log = server.logged();
    assert!(log.contains("SQLite is unavailable"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    // Room is made while it runs.
    let pid = server.pid().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
    assert!(lifted.unwrap().success());
    // Those that were refused are asked for again.
    for user in 41..=60 {
        assert_eq!(crate::serve::block_on(issue(&caller, &service, user)), "000_000");
    }
    assert!(server.terminate().success());
    let cards = Books::open(database.target())
        .number("SELECT COUNT(*) FROM card WHERE form = 'MOBILE' AND account_id IS NOT NULL");
    assert_eq!(cards, done + 20, "what was answered is there, and nothing else");
    assert!(stage.on(&["audit", "verify"]).contains("as they were sealed"));
}

/// Moves what a server has sealed into the future: its clock had been ahead.
const AHEAD: &str = "UPDATE audit_seal SET sealed_at = sealed_at + 3600000000
     WHERE asp_id <> $1 AND seal_no = (SELECT MAX(b.seal_no) FROM audit_seal b
         WHERE b.asp_id = audit_seal.asp_id)";

#[test]
fn a_clock_that_is_behind() {
    for database in engines() {
        let stage = Stage::set(database.target());
        stage.init();
        let (server, _) = stage.serve();
        let deadline = Clock.now().plus_ms(20_000);
        let books = || Books::open(database.target());
        while books().number("SELECT COUNT(*) FROM audit_seal") == 0 {
            assert!(Clock.now() < deadline, "nothing is sealed");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(server.terminate().success());
        assert_eq!(books().execute(AHEAD), 1);
        let told = stage.refused(&["serve"]);
        assert!(told.contains("this machine's clock says 20"), "{told}");
        assert!(told.contains("start once with --accept-clock"), "{told}");
        let args = ["serve", "--accept-clock", "--config", arg(&stage.config)];
        let server = Server::start(stage.folder.path(), &args);
        assert!(server.terminate().success());
        // Other commands do as they are told.
        assert!(run(&["keys", "list", "--config", arg(&stage.config)]).status.success());
    }
}

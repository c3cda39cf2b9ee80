//! `platen admin`: from nothing to a partner's first signed call, and what suspends and bounds it.

mod banks;
mod certificates;
mod keys;
mod sheets;
mod standing;

use std::net::IpAddr;
use std::time::Duration;

use client::{Client, Credentials, Encryption, Exchange};
use crypto::jwe::{Enc, PrivateKey, PublicKey};
use platen::context::Clock;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::Bank;
use platen::settings::Settings;
use serde_json::{Value, json};
use store::Target;
use tempfile::TempDir;

use crate::bodies::on_card;
use crate::books::Books;
use crate::given::given;
use crate::process::{arg, database_arg, run, stdout_of};
use crate::support::filled;
use crate::support::{REISSUE, TestServer, aside, code, on_each_database, quick};

const PARTNER: &str = "000990000000001";
const OTHER: &str = "000990000000002";
const WHY: [&str; 4] = ["--by", "kim.j", "--reason", "contract 12"];
const PRODUCTS: &str = "/api/v1/service/info/list";
/// A public key of 1,024 bits.
const SHORT: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDIOqMbj5LOjXDk/DhyAxg1LUqm\n\
    AglaoPTHrJEVk08M4ibqVc5xyzLnWV6cAQa14prMJmOuu9Njw5zxTvKJsAs58f+o\n\
    5Y7yICxFVRUWhyDQWoLrMAf5878qh3uhydKGqd+P+CEFmiXakvCHiXLKDhhsms4k\n\
    0/oQfUd1Ea8nHuMfFQIDAQAB\n\
    -----END PUBLIC KEY-----\n";

/// A database that commands work on.
struct Desk {
    database: String,
    folder: TempDir,
}

impl Desk {
    fn at(target: &Target) -> Self {
        Desk { database: database_arg(target), folder: TempDir::new().unwrap() }
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = run(&[&["admin"], args, &["--database", &self.database]].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn done(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
        out
    }

    /// Does something by somebody, for a reason.
    fn change(&self, args: &[&str]) -> String {
        self.done(&[args, &WHY[..]].concat())
    }

    /// A refusal is one sentence, and no row is written.
    fn refused(&self, target: &Target, args: &[&str]) -> String {
        let before = rows(target);
        let (code, out, err) = self.run(&[args, &WHY[..]].concat());
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {err}");
        assert!(err.starts_with("platen: ") && err.trim_end().lines().count() == 1, "{err}");
        assert_eq!(rows(target), before, "{args:?} left something");
        err
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["--json"]].concat())).unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        arg(&path).to_owned()
    }
}

/// The first column of a query, a line each.
fn texts(target: &Target, sql: String) -> String {
    let target = target.clone();
    let read = move || {
        let rows = Books::open(&target).rows(&sql);
        rows.iter().map(|row| format!("{}\n", row.text(0).unwrap())).collect()
    };
    // Within a runtime nothing may block.
    std::thread::spawn(read).join().unwrap()
}

/// How many rows commands may have written.
fn rows(target: &Target) -> Vec<String> {
    const TABLES: [&str; 8] = [
        "partner",
        "project",
        "access_key",
        "crypto_key",
        "product",
        "number_range",
        "bank",
        "operation_log",
    ];
    TABLES
        .map(|table| texts(target, format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")))
        .to_vec()
}

/// A column of the partner's rows of the operation log.
fn logged(target: &Target, column: &str) -> String {
    let sql =
        format!("SELECT {column} FROM operation_log WHERE asp_id = '{PARTNER}' ORDER BY log_id");
    texts(target, sql)
}

/// A partner's pair, whose public half lies in a file.
fn pair(desk: &Desk) -> (PrivateKey, String) {
    let private = PrivateKey::generate_2048().unwrap();
    let path = desk.file("partner.pem", &private.public_key_pem().unwrap());
    (private, path)
}

/// Makes partner and project; what the partner has then.
fn taken_on(desk: &Desk, asp: &str, more: &[&str]) -> Credentials {
    desk.change(&["partner", "create", "--asp-id", asp, "--name", "Seoul Pay"]);
    let (private, path) = pair(desk);
    let own = ["project", "create", "--partner", asp, "--project", "1", "--kind", "production"];
    let args = [&own[..], &["--client-public-key", &path, "--json"], more].concat();
    let mut told: Value = serde_json::from_str(&desk.change(&args)).unwrap();
    assert_eq!(told.as_object().unwrap().len(), 5, "nothing beside what it needs");
    told["clientPrivateKey"] = private.to_pkcs8_pem().unwrap().expose().as_str().into();
    Credentials::from_json(&told.to_string()).unwrap()
}

fn client(server: &TestServer, credentials: &Credentials) -> Client {
    Client::new(&server.url, credentials.clone(), || Clock.now().0 / 1_000).unwrap()
}

async fn names(client: &Client, encryption: Encryption, product: &str) -> Exchange {
    let body = json!({ "serviceIdList": [product] }).to_string();
    client.call(&format!("{BASE}{PRODUCTS}"), &body, encryption, None).await.unwrap()
}

/// Settings of a server that sees a command's change at once.
fn seeing() -> Settings {
    Settings { directory_ttl_ms: 1, ..quick() }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_the_first_call() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let credentials = taken_on(&desk, PARTNER, &[]);
        let create = [
            "product",
            "create",
            "--partner",
            PARTNER,
            "--name",
            "Travel",
            "--bin",
            "94914150",
            "--issuance",
            "PRE_ISSUANCE",
            "--status",
            "ACTIVE",
            "--reissue-fee",
            "3000",
            "--json",
        ];
        let made: Value = serde_json::from_str(&desk.change(&create)).unwrap();
        let product = made["serviceId"].as_str().unwrap();
        let server = TestServer::start(&target, &bank, seeing()).await;
        let own = client(&server, &credentials);
        let sealed = Encryption::Encrypted(Enc::A256Gcm);
        let first = names(&own, sealed, product).await;
        assert_eq!((code(&first), first.status), ("000_000", 200), "{}", first.body_clear);
        assert!(first.body_clear.contains("Travel"), "{}", first.body_clear);
        // The next call shows that answers are encrypted to the partner's own key.
        let path = format!("{BASE}/api/v1/unregister/card/info");
        let asked = own.call(&path, &on_card().to_string(), sealed, None).await.unwrap();
        assert!(asked.was_encrypted(), "{}", asked.body_clear);
        // No secret is shown again, nor kept in the log.
        let again = [
            desk.done(&["project", "show", "--partner", PARTNER, "--project", "1", "--json"]),
            desk.done(&["project", "list", "--partner", PARTNER]),
            desk.done(&["partner", "show", PARTNER]),
            logged(&target, "payload"),
        ]
        .concat();
        assert!(again.contains(&credentials.crypto_key_id), "{again}");
        for secret in [&credentials.access_key, credentials.secret_key.expose()] {
            assert!(!again.contains(secret.as_str()), "{again}");
        }
        // Who, why and what stand in the partner's log.
        let events = logged(&target, "event");
        assert_eq!(events, "partner.created\nproject.created\nproduct.created\n");
        let payloads = logged(&target, "payload");
        assert_eq!(payloads.matches(r#""by":"kim.j","reason":"contract 12""#).count(), 3);
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_who_is_suspended_are_refused_until_it_is_resumed() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let credentials = taken_on(&desk, PARTNER, &[]);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let own = client(&server, &credentials);
        let answered = async || code(&names(&own, Encryption::Plain, PARTNER).await).to_owned();
        assert_eq!(answered().await, "000_000");
        let project = ["--partner", PARTNER, "--project", "1"];
        let of_project = |verb: &'static str| [&["project", verb], &project[..]].concat();
        for (suspend, resume) in [
            (vec!["partner", "suspend", PARTNER], vec!["partner", "resume", PARTNER]),
            (of_project("suspend"), of_project("resume")),
        ] {
            let tried = desk.change(&[&suspend[..], &["--dry-run"]].concat());
            assert!(tried.starts_with("dry run, nothing is kept"), "{tried}");
            assert_eq!(answered().await, "000_000", "only tried");
            desk.change(&suspend);
            assert_eq!(answered().await, "000_904");
            assert!(desk.change(&suspend).contains("already"));
            desk.change(&resume);
            assert_eq!(answered().await, "000_000");
        }
        desk.change(&of_project("discard"));
        assert_eq!(answered().await, "000_904");
        assert!(desk.refused(&target, &of_project("resume")).contains("for good"));
        assert_eq!(answered().await, "000_904");
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_fees_of_a_suspended_partner_settle() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("delay:2500")).await;
        let open = server.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&open), "003_055", "the fee is open");
        desk.change(&["partner", "suspend", ASP_ID]);
        let refused = server.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&refused), "000_904");
        assert_eq!(server.settled(world.user_id()).await, "DIGITAL_ISSUED");
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
        desk.change(&["partner", "resume", ASP_ID]);
        server.stop().await;
    })
    .await;
}

/// The code of a signed call that leaves from an address of this machine.
async fn called_from(
    server: &TestServer,
    client: &Client,
    (from, forwarded): (&str, Option<&str>),
) -> (u16, String) {
    let from: IpAddr = from.parse().unwrap();
    let http = reqwest::Client::builder().no_proxy().local_address(from).build().unwrap();
    let body = json!({ "serviceIdList": [PARTNER] }).to_string();
    let path = format!("{BASE}{PRODUCTS}");
    let prepared = client.prepare(&path, &body, Encryption::Plain, None).unwrap();
    let mut request = http.post(format!("{}{path}", server.url)).body(prepared.body_sent);
    for (name, value) in prepared.headers {
        request = request.header(name, value);
    }
    if let Some(forwarded) = forwarded {
        request = request.header("X-Forwarded-For", forwarded);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    (status, answer["response"]["code"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_called_from_its_networks_alone() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let own = taken_on(&desk, PARTNER, &["--allow", "127.0.0.2"]);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let proxied = Settings { trusted_proxies: 1, ..seeing() };
        let proxied = TestServer::start(&target, &bank, proxied).await;
        let (own, ours) = (client(&server, &own), client(&server, &server.credentials));
        let denied = (401, "000_902".to_owned());
        let taken = (200, "000_000".to_owned());
        for (server, client, from, wanted) in [
            (&server, &own, ("127.0.0.2", None), &taken),
            (&server, &own, ("127.0.0.1", None), &denied),
            // Nobody can say of itself where it is.
            (&server, &own, ("127.0.0.1", Some("127.0.0.2")), &denied),
            (&server, &ours, ("127.0.0.1", None), &taken),
            (&proxied, &own, ("127.0.0.1", Some("127.0.0.2")), &taken),
            (&proxied, &own, ("127.0.0.1", Some("127.0.0.2, 127.0.0.3")), &denied),
            (&proxied, &own, ("127.0.0.2", None), &denied),
        ] {
            assert_eq!(called_from(server, client, from).await, *wanted, "from {from:?}");
        }
        let access = ["project", "access", "--partner", PARTNER, "--project", "1", "--allow"];
        desk.change(&[&access[..], &["10.0.0.0/8,127.0.0.0/8"]].concat());
        assert_eq!(called_from(&server, &own, ("127.0.0.1", None)).await, taken);
        let (status, _, err) = desk.run(&[&access[..], &["10.0.0.1/8"], &WHY].concat());
        assert!(status == Some(2) && err.contains("10.0.0.0/8"), "{err}");
        proxied.stop().await;
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_s_crypto_key_is_rotated_to_a_pair_of_its_own() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let old = taken_on(&desk, PARTNER, &[]);
        let (private, path) = pair(&desk);
        let rotate = ["keys", "rotate", "crypto", "--partner", PARTNER, "--project", "1"];
        let rotate = [&rotate[..], &["--reason", "yearly", "--database", &desk.database]].concat();
        let without = run(&rotate);
        assert_eq!(without.status.code(), Some(2), "its private half would be lost");
        let told = stdout_of(&[&rotate[..], &["--client-public-key", &path]].concat());
        let (sentence, public) = told.split_once('\n').unwrap();
        let new = Credentials {
            crypto_key_id: sentence.split(' ').nth(2).unwrap().to_owned(),
            server_public_key: PublicKey::from_spki_pem(public).unwrap(),
            client_private_key: private,
            ..old.clone()
        };
        let server = TestServer::start(&target, &bank, seeing()).await;
        for credentials in [old, new] {
            let own = client(&server, &credentials);
            let path = format!("{BASE}/api/v1/unregister/card/info");
            let sealed = Encryption::Encrypted(Enc::A128Gcm);
            let asked = own.call(&path, &on_card().to_string(), sealed, None).await.unwrap();
            assert!(asked.was_encrypted(), "{}", asked.body_clear);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_a_rate_of_its_own() {
    let (database, bank) = filled::on_sqlite().await;
    let desk = Desk::at(database.target());
    let own = taken_on(&desk, PARTNER, &["--rate", "1", "--burst", "3"]);
    let server = TestServer::start(database.target(), &bank, seeing()).await;
    let own = client(&server, &own);
    let mut refused = 0;
    for _ in 0..12 {
        let answer = names(&own, Encryption::Plain, PARTNER).await;
        refused += usize::from(code(&answer) == "000_917");
    }
    assert!((1..=9).contains(&refused), "{refused} of 12 were refused, after a burst of 3");
    for _ in 0..20 {
        let ours = names(&server.client, Encryption::Plain, PARTNER).await;
        assert_eq!(code(&ours), "000_000", "another partner is not bound by it");
    }
    desk.change(&["project", "access", "--partner", PARTNER, "--project", "1", "--rate", "0"]);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(code(&names(&own, Encryption::Plain, PARTNER).await), "000_000");
    server.stop().await;
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_leaves_nothing() {
    on_each_database(async |target, _| aside(move || leaves_nothing(&target)).await).await;
}

fn leaves_nothing(target: &Target) {
    let desk = Desk::at(target);
    let (_, path) = pair(&desk);
    desk.change(&["partner", "create", "--asp-id", PARTNER, "--name", "Seoul Pay"]);
    let said =
        desk.refused(target, &["partner", "create", "--asp-id", PARTNER, "--name", "Seoul Pay"]);
    assert!(said.contains(&format!("platen admin partner show {PARTNER}")), "{said}");
    for verb in ["suspend", "resume"] {
        assert!(desk.refused(target, &["partner", verb, OTHER]).contains("no partner"));
    }
    let create = |partner: &str, key: &str| {
        let own = ["project", "create", "--project", "1", "--kind", "uat", "--partner", partner];
        desk.refused(target, &[&own[..], &["--client-public-key", key]].concat())
    };
    assert!(create(OTHER, &path).contains("no partner"));
    let private = PrivateKey::generate_2048().unwrap();
    let secret = desk.file("private.pem", private.to_pkcs8_pem().unwrap().expose());
    let said = create(PARTNER, &secret);
    assert!(said.contains("keeps secret") && !said.contains("BEGIN"), "{said}");
    let short = desk.file("short.pem", SHORT);
    assert!(create(PARTNER, &short).contains("2,048"), "a short key");
    assert!(create(PARTNER, "/no/such/file").contains("cannot be used"));
    // A dry run prints no keys and leaves no project.
    let args = ["project", "create", "--partner", PARTNER, "--project", "1", "--kind", "uat"];
    let args = [&args[..], &["--client-public-key", &path]].concat();
    let before = rows(target);
    let tried = desk.change(&[&args[..], &["--dry-run"]].concat());
    assert!(tried.starts_with("dry run, nothing is kept: project 1  UAT"), "{tried}");
    assert_eq!(rows(target), before);
    let told = desk.change(&args);
    assert!(told.starts_with(&format!("PLATEN_ASP_ID=\"{PARTNER}\"\nPLATEN_ACCESS_KEY=\"")));
    assert_eq!(told.lines().count(), 5);
    assert!(create(PARTNER, &path).contains("another number"));
    for (by, reason) in [("kim j", "x"), ("kim", " "), ("", "x"), ("kim", "9491339500001010")] {
        let (code, _, err) =
            desk.run(&["partner", "suspend", PARTNER, "--by", by, "--reason", reason]);
        assert_eq!(code, Some(2), "{err}");
        assert!(!err.contains("9491339500001010"), "{err}");
    }
}

#[test]
fn every_command_of_admin_helps_with_an_example() {
    for (noun, verbs) in [
        ("partner", &["create", "list", "show", "suspend", "resume"][..]),
        ("project", &["create", "list", "show", "access", "suspend", "resume", "discard"]),
        (
            "product",
            &["create", "list", "show", "suspend", "resume", "discard", "export", "import"],
        ),
        ("bin", &["add", "list"]),
        ("key", &["create", "list", "show", "suspend", "resume", "discard"]),
        ("certificate", &["create", "list", "show", "suspend", "resume", "discard"]),
        ("bank", &["create", "list", "show", "suspend", "resume", "discard"]),
    ] {
        for verb in verbs {
            let help = String::from_utf8(run(&["admin", noun, verb, "--help"]).stdout).unwrap();
            assert!(help.contains(&format!("platen admin {noun} {verb}")), "{noun} {verb}: {help}");
            let changes = !["list", "show", "export"].contains(verb);
            assert_eq!(help.contains("--dry-run"), changes, "{noun} {verb}");
            assert_eq!(help.contains("--by") && help.contains("--reason"), changes);
        }
    }
}

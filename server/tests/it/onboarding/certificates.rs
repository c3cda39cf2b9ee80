//! Crypto keys by the certificates that partners hand in.

use client::{Client, Credentials, Encryption};
use crypto::digest::Sha256;
use crypto::jwe::{Enc, PrivateKey, PublicKey};
use data_encoding::HEXLOWER;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use platen::context::Clock;
use platen::measure;
use platen::ops::BASE;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use store::Target;

use super::{Desk, PARTNER, WHY, client, logged, rows, seeing, taken_on};
use crate::bodies::on_card;
use crate::process::arg;
use crate::support::{TestServer, code, on_each_database};

const OF: [&str; 4] = ["--partner", PARTNER, "--project", "1"];
/// What calls are answered that name a crypto key that does not serve.
const UNKNOWN: &str = "000_911";

/// A certificate of this key that is valid from one year to another; DER and PEM.
fn certificate(pem: &str, (from, to): (i16, i16)) -> (Vec<u8>, String) {
    certificate_between(pem, (date(from, 3, 1), date(to, 3, 1)))
}

fn certificate_between(pem: &str, (from, to): (Date, Date)) -> (Vec<u8>, String) {
    let at = |day: Date| {
        let [month, day_of_month] = [day.month(), day.day()].map(i8::unsigned_abs);
        rcgen::date_time_ymd(day.year().into(), month, day_of_month)
    };
    let mut params = CertificateParams::new(vec!["partner.example".to_owned()]).unwrap();
    params.not_before = at(from);
    params.not_after = at(to);
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).unwrap();
    let made = params.self_signed(&key).unwrap();
    (made.der().to_vec(), made.pem())
}

fn create<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["certificate", "create", "--client-public-key", file], &OF[..], more].concat()
}

/// The code of an encrypted call.
async fn answered(client: &Client) -> String {
    let path = format!("{BASE}/api/v1/unregister/card/info");
    let sealed = Encryption::Encrypted(Enc::A256Gcm);
    let asked = client.call(&path, &on_card().to_string(), sealed, None).await.unwrap();
    if asked.was_encrypted() { "sealed".to_owned() } else { code(&asked).to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_changes_over_to_a_certificate() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let old = taken_on(&desk, PARTNER, &[]);
        let private = PrivateKey::generate_2048().unwrap();
        let (der, pem) = certificate(private.to_pkcs8_pem().unwrap().expose(), (2020, 2990));
        let path = desk.folder.path().join("partner.der");
        std::fs::write(&path, der).unwrap();
        let before = rows(&target);
        let tried = desk.change(&create(arg(&path), &["--dry-run"]));
        assert_eq!(tried, "dry run, nothing is kept: project 1 has a further crypto key\n");
        assert_eq!(rows(&target), before);
        let told = desk.change(&create(arg(&path), &["--json"]));
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["clientNotAfter"], "2990-03-01T00:00:00Z");
        let id = told["cryptoKeyId"].as_str().unwrap();
        let public = told["serverPublicKey"].as_str().unwrap();
        let new = Credentials {
            crypto_key_id: id.to_owned(),
            server_public_key: PublicKey::from_spki_pem(public).unwrap(),
            client_private_key: private.clone(),
            ..old.clone()
        };
        let pem = desk.file("partner.crt", &pem);
        assert!(desk.refused(&target, &create(&pem, &[])).contains("two live crypto keys"));
        let shown = desk.json(&["certificate", "show", id, "--partner", PARTNER]);
        let mut digest = Sha256::default();
        digest.update(&private.public_key().to_spki_der().unwrap());
        assert_eq!(shown["clientPublicKeySha256"], HEXLOWER.encode(&digest.finish()));
        assert_eq!(shown["clientNotAfter"], "2990-03-01T00:00:00Z");
        let server = TestServer::start(&target, &bank, seeing()).await;
        let (first, second) = (client(&server, &old), client(&server, &new));
        let both = async || [answered(&first).await, answered(&second).await];
        assert_eq!(both().await, ["sealed", "sealed"]);
        let turn = |verb: &'static str, id: &str| {
            desk.change(&["certificate", verb, id, "--partner", PARTNER])
        };
        turn("suspend", id);
        assert_eq!(both().await, ["sealed", UNKNOWN]);
        assert!(turn("suspend", id).contains("already"));
        let only = ["certificate", "discard", &old.crypto_key_id, "--partner", PARTNER];
        let only = desk.refused(&target, &only);
        assert!(only.contains("the only one of its project that serves"), "{only}");
        turn("resume", id);
        assert_eq!(both().await, ["sealed", "sealed"]);
        turn("discard", &old.crypto_key_id);
        assert_eq!(both().await, [UNKNOWN, "sealed"]);
        states_are_told(&desk, &target, (&old.crypto_key_id, id));
        // The PEM form of it, once there is room.
        assert!(desk.change(&create(&pem, &[])).contains("-----BEGIN PUBLIC KEY-----"));
        server.stop().await;
    })
    .await;
}

fn states_are_told(desk: &Desk, target: &Target, (old, new): (&str, &str)) {
    let listed = desk.json(&["certificate", "list", "--partner", PARTNER, "--project", "1"]);
    let state = |id: &str| {
        let all = listed["cryptoKeys"].as_array().unwrap();
        all.iter().find(|key| key["cryptoKeyId"] == id).unwrap()["state"].clone()
    };
    assert_eq!((state(old), state(new)), (json!("RETIRED"), json!("ACTIVE")));
    let resume = ["certificate", "resume", old, "--partner", PARTNER];
    assert!(desk.refused(target, &resume).contains("no live crypto key"));
    let none = ["certificate", "suspend", "nonsense", "--partner", PARTNER];
    assert!(desk.refused(target, &none).contains("certificate list"));
    let events = logged(target, "event");
    for event in ["rotated", "suspended", "resumed", "retired"] {
        assert!(events.contains(&format!("crypto_key.{event}")), "{events}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_of_no_use_are_refused() {
    on_each_database(async |target, _| {
        let desk = Desk::at(&target);
        taken_on(&desk, PARTNER, &[]);
        let private = PrivateKey::generate_2048().unwrap().to_pkcs8_pem().unwrap();
        let (_, over) = certificate(private.expose(), (2020, 2021));
        let (_, early) = certificate(private.expose(), (2980, 2990));
        let params = CertificateParams::new(vec!["partner.example".to_owned()]).unwrap();
        let curve = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        let cut = over.lines().take(4).collect::<Vec<_>>().join("\n");
        for (text, wanted) in [
            (over.as_str(), "expired on 2021-03-01T00:00:00Z"),
            (&early, "valid from 2980-03-01T00:00:00Z on"),
            (&curve, "no RSA public key of 2,048 to 4,096 bits"),
            (&cut, "no certificate"),
            ("0\u{1}\u{2}", "no certificate"),
            (private.expose(), "keeps secret"),
        ] {
            let file = desk.file("wrong.crt", text);
            let said = desk.refused(&target, &create(&file, &[]));
            assert!(said.contains(wanted), "{said}");
        }
        let (_, right) = certificate(private.expose(), (2020, 2990));
        let right = desk.file("right.crt", &right);
        let other = ["--partner", "000990000000009", "--project", "1"];
        let args = ["certificate", "create", "--client-public-key", &right];
        let said = desk.refused(&target, &[&args[..], &other[..]].concat());
        assert!(said.contains("no partner"), "{said}");
        // A project is made by one as well.
        let args = ["project", "create", "--partner", PARTNER, "--project", "2", "--kind", "uat"];
        desk.done(&[&args[..], &["--client-public-key", &right], &WHY].concat());
        let listed = desk.done(&["certificate", "list", "--partner", PARTNER]);
        assert!(listed.contains("certificate until 2990-03-01T00:00:00Z"), "{listed}");
        assert!(listed.contains("a public key without a certificate"), "{listed}");
    })
    .await;
}

/// What is told of a partner's certificates that end soon.
async fn ending(server: &TestServer) -> String {
    measure::round(&server.app).await;
    let metrics = server.app.metrics.text();
    let sample = format!("platen_partner_certificates_ending{{asp=\"{PARTNER}\"}} ");
    let told = metrics.lines().find_map(|line| line.strip_prefix(&sample));
    told.unwrap_or_else(|| panic!("{metrics}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_end_within_30_days_are_counted() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        taken_on(&desk, PARTNER, &[]);
        let server = TestServer::start(&target, &bank, seeing()).await;
        assert_eq!(ending(&server).await, "0", "a key without a certificate has no end");
        let private = PrivateKey::generate_2048().unwrap().to_pkcs8_pem().unwrap();
        let today = jiff::Timestamp::from_microsecond(Clock.now().0).unwrap();
        let today = today.to_zoned(TimeZone::UTC).date();
        let file = |days: i64| {
            let to = today.checked_add(days.days()).unwrap();
            let (_, pem) = certificate_between(private.expose(), (date(2020, 3, 1), to));
            desk.file(&format!("{days}.crt"), &pem)
        };
        let (soon, late) = (file(29), file(32));
        let told = desk.change(&create(&soon, &["--json"]));
        let told: Value = serde_json::from_str(&told).unwrap();
        let id = told["cryptoKeyId"].as_str().unwrap();
        let project = ["project", "create", "--project", "2", "--kind", "uat"];
        let own = ["--partner", PARTNER, "--client-public-key", &late];
        desk.change(&[&project[..], &own].concat());
        assert_eq!(ending(&server).await, "1");
        desk.change(&["certificate", "suspend", id, "--partner", PARTNER]);
        assert_eq!(ending(&server).await, "0", "it does not serve");
        desk.change(&["certificate", "resume", id, "--partner", PARTNER]);
        assert_eq!(ending(&server).await, "1");
        desk.change(&["certificate", "discard", id, "--partner", PARTNER]);
        assert_eq!(ending(&server).await, "0");
        server.stop().await;
    })
    .await;
}

//! From a platform whose keys are in memory to one whose keys are in a token, while it serves; a
//! card's life with them.

use std::fs;
use std::time::{Duration, Instant};

use client::{Credentials, Encryption};
use crypto::jwe::{self, Enc, PrivateKey};
use domain::{AspId, UserId};
use platen::context::Clock;
use platen::delivery::file::{self, Header, key_name};
use platen::op::{Done, NoRefusal};
use platen::ops::BASE;
use platen::production::{self, config::Config};
use platen::sandbox::given::{Member, put_member};
use platen::settings::SettingFlags;
use serde_json::{Value, json};
use store::Tx;

use super::{make_master, on_each_engine, with_token};
use crate::process::{arg, client};
use crate::serve::{Stage, block_on, get};

pub(super) const PARTNER: &str = "000990000000001";
const USER: u64 = 7_000_001;
const WHY: [&str; 4] = ["--by", "a.kim", "--reason", "contract 12"];
const REASON: [&str; 2] = ["--reason", "to the token"];
const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";
const REGISTER: &str = "/api/v1/prepay-card/physical/register";

/// A partner with a product and a member, and the one who calls for it.
pub(super) struct Partner {
    credentials: Credentials,
    /// Where the server is.
    pub(super) url: String,
    service: String,
    maker: PrivateKey,
}

impl Partner {
    /// Takes it on, before a server runs; no key may be in a token yet, which this process, where a
    /// member is put in, does not know.
    pub(super) fn taken_on(stage: &Stage) -> Self {
        let on = |args: &[&str]| stage.on(&[args, &["--partner", PARTNER], &WHY].concat());
        let create = ["admin", "partner", "create", "--asp-id", PARTNER, "--name", "Seoul Pay"];
        stage.on(&[&create[..], &WHY].concat());
        let private = PrivateKey::generate_2048().unwrap();
        let pem = stage.path("partner.pem");
        fs::write(&pem, private.public_key_pem().unwrap()).unwrap();
        let project = ["admin", "project", "create", "--project", "1", "--kind", "production"];
        let told = on(&[&project[..], &["--json", "--client-public-key", arg(&pem)]].concat());
        let mut told: Value = serde_json::from_str(&told).unwrap();
        told["clientPrivateKey"] = private.to_pkcs8_pem().unwrap().expose().as_str().into();
        let credentials = Credentials::from_json(&told.to_string()).unwrap();
        let product = ["admin", "product", "create", "--name", "Travel", "--bin", "94914150"];
        let rest = ["--issuance", "PRE_ISSUANCE", "--status", "ACTIVE", "--json"];
        let made: Value = serde_json::from_str(&on(&[&product[..], &rest].concat())).unwrap();
        let maker = ["delivery", "maker", "add", "--id", "M1", "--name", "Seoul Card", "--key"];
        stage.on(&[&maker[..], &[arg(&pem), "--partner", PARTNER]].concat());
        member(stage);
        let service = made["serviceId"].as_str().unwrap().to_owned();
        Partner { credentials, url: String::new(), service, maker: private }
    }

    /// A signed and encrypted call.
    fn call(&self, path: &str, body: &Value) -> (String, Value) {
        let path = format!("{BASE}{path}");
        let sealed = Encryption::Encrypted(Enc::A256Gcm);
        let caller = client(&self.url, &self.credentials);
        let answer = block_on(caller.call(&path, &body.to_string(), sealed, None)).unwrap();
        let told = serde_json::from_str(&answer.body_clear).unwrap_or_default();
        (answer.code.unwrap_or_else(|| panic!("{}", answer.body_clear)), told)
    }

    /// Applies for a card.
    pub(super) fn issue(&self) -> (String, Value) {
        let address = json!({ "zipCode": "06236", "address": "서울", "addressDetail": "1" });
        let user = json!({ "userId": USER, "addressInfo": address });
        self.call(ISSUE, &json!({ "userInfo": user, "serviceId": self.service }))
    }

    /// Has the plastic made and delivered; what stands on it.
    fn delivered(&self, stage: &Stage, apply_no: &str, sequence: i64) -> Value {
        let out = stage.folder.path();
        let write = ["delivery", "write", "--maker", "M1", "--partner", PARTNER, "--out", arg(out)];
        stage.on(&write);
        let text = fs::read_to_string(out.join(format!("{PARTNER}-M1-{sequence:06}.csv"))).unwrap();
        let line = text.lines().find(|line| line.contains(apply_no)).unwrap();
        let (plain, _) = jwe::decrypt(line.split(',').nth(5).unwrap(), &self.maker).unwrap();
        let header = Header {
            asp: PARTNER.to_owned(),
            maker: "M1".to_owned(),
            sequence,
            made_at: Clock.now(),
            key: key_name(&self.maker.public_key().to_spki_der().unwrap()),
        };
        let at = file::told(Clock.now());
        let rows = ["RECEIPT", "SHIPPING", "ARRIVAL"]
            .map(|state| format!("R,{apply_no},1,{state},{at},\"우체국\",6890,서울,\n"));
        let back = format!("{}{}T,{}\n", header.line(), rows.concat(), rows.len());
        fs::write(stage.path("back.csv"), back).unwrap();
        stage.on(&["delivery", "read", arg(&stage.path("back.csv")), "--partner", PARTNER]);
        serde_json::from_slice(plain.expose()).unwrap()
    }

    /// Registers plastic: the code on it is asked for.
    pub(super) fn register(&self, plastic: &Value, cvc: &str) -> (String, Value) {
        let body = json!({
            "userId": USER,
            "physicalCardNo": plastic["number"],
            "physicalCardExpDate": plastic["expiry"],
            "physicalCardCVC": cvc,
        });
        self.call(REGISTER, &body)
    }

    /// A card from its application to its registration, with a wrong guess between.
    pub(super) fn lives(&self, stage: &Stage, sequence: i64) {
        let (code, issued) = self.issue();
        assert_eq!(code, "000_000", "{issued}");
        let plastic = self.delivered(stage, issued["cardApplyNo"].as_str().unwrap(), sequence);
        let right = plastic["cvc"].as_str().unwrap();
        let wrong = if right == "123" { "321" } else { "123" };
        assert_ne!(self.register(&plastic, wrong).0, "000_000");
        let (code, registered) = self.register(&plastic, right);
        assert_eq!(code, "000_000", "{registered}");
        assert_eq!(registered["mobileCardNo"], issued["mobileCardNo"]);
    }
}

/// Puts a member in: the platform has no call for it.
fn member(stage: &Stage) {
    let config = Config::read(&stage.config, &SettingFlags::default()).unwrap();
    let opened = production::open(&config).unwrap();
    let core = opened.core.clone();
    let put = move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
        let member = Member {
            user: UserId(USER),
            name: "홍길동",
            phone: "01000000000",
            birth_date: "19900101",
            is_cancelled: false,
            is_verified: true,
        };
        put_member(&core, tx, &AspId::new(PARTNER), &member, Clock.now())
    };
    opened.store.write_blocking(put).unwrap();
    opened.store.close();
}

/// The listed key of this kind and id.
fn listed(stage: &Stage, key: &str, id: &str) -> Value {
    let all: Value = serde_json::from_str(&stage.on(&["keys", "list", "--json"])).unwrap();
    let mut keys = all["keys"].as_array().unwrap().iter();
    keys.find(|one| one["key"] == key && one["id"] == id).unwrap().clone()
}

fn until(stage: &Stage, key: &str, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while listed(stage, key, id)["state"] != "in use" {
        assert!(Instant::now() < deadline, "key {id} for {key} does not begin");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Puts keys of the token in use, as an operator does.
pub(super) fn keys_to_the_token(stage: &Stage) {
    for (purpose, label, id) in [("lookup", "lookup-2", "3"), ("card_verification", "cvk-2", "4")] {
        let rotate = ["keys", "rotate", purpose, "--pkcs11", label, "--active-in", "3"];
        let told = stage.on(&[&rotate[..], &REASON].concat());
        assert!(told.contains(&format!("`{label}` was made in the token `platen`")), "{told}");
        until(stage, purpose, id);
        assert_eq!(listed(stage, purpose, id)["tokenLabel"], label);
    }
    // A server takes it up within a second.
    std::thread::sleep(Duration::from_millis(1_500));
}

#[test]
fn keys_move_into_a_token_while_it_serves() {
    on_each_engine(|stage, _| {
        stage.init();
        let mut partner = Partner::taken_on(stage);
        with_token(stage, "file = \"master.key\"");
        make_master(stage, "m-1");
        with_token(stage, "file = \"master.key\"\npkcs11 = \"m-1\"");
        assert!(stage.on(&["config", "check"]).contains("is right"));
        let (server, admin) = stage.serve();
        partner.url.clone_from(&server.url);
        partner.lives(stage, 1);
        // The master key: the server takes the other one up by itself.
        let rotate = ["keys", "rotate", "master", "--to", "m-1"];
        let told = stage.on(&[&rotate[..], &REASON].concat());
        assert!(told.starts_with("master key m-1 wraps all keys from now on"), "{told}");
        fs::remove_file(stage.path("master.key")).unwrap();
        with_token(stage, "pkcs11 = \"m-1\"");
        assert_eq!(listed(stage, "master", "m-1")["tokenLabel"], "m-1");
        keys_to_the_token(stage);
        let told = stage.on(&["keys", "list"]);
        assert!(told.contains("token: lookup-2") && told.contains("token: cvk-2"), "{told}");
        partner.lives(stage, 2);
        // What the old lookup key found, the new one finds.
        let reseal = ["keys", "reseal", "lookup"];
        assert_eq!(
            stage.on(&[&reseal[..], &REASON].concat()),
            "2 values moved over to the key in use\n"
        );
        partner.lives(stage, 3);
        assert_eq!(block_on(get(&format!("{admin}/readyz"))), (200, "ready\n".to_owned()));
        let logged = server.logged();
        assert!(!logged.contains("could not be read") && !logged.contains("ERROR"), "{logged}");
        assert!(server.terminate().success());
        // It starts again with nothing but the token, and goes back to a file.
        let (server, _) = stage.serve();
        assert!(server.terminate().success());
        back_to_a_file(stage);
    });
}

fn back_to_a_file(stage: &Stage) {
    let told = stage.done(&["keys", "master", "--out", arg(&stage.path("k2"))]);
    let id = told.split(' ').nth(2).unwrap();
    with_token(stage, "file = \"k2\"\npkcs11 = \"m-1\"");
    let (server, admin) = stage.serve();
    stage.on(&[&["keys", "rotate", "master", "--to", id][..], &REASON].concat());
    std::thread::sleep(Duration::from_millis(2_500));
    let logged = server.logged();
    assert!(!logged.contains("could not be read"), "{logged}");
    assert_eq!(block_on(get(&format!("{admin}/readyz"))).0, 200);
    assert!(server.terminate().success());
    with_token(stage, "file = \"k2\"");
    assert!(listed(stage, "master", id).get("tokenLabel").is_none());
    // The keys in the token need it all the same.
    stage.configure("", "file = \"k2\"");
    let told = stage.refused(&["serve"]);
    assert!(told.contains("is in a token, and none is named: give [pkcs11]"), "{told}");
}

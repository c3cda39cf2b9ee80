//! The first partner of a production platform, from nothing to its first signed and encrypted call.

use client::{Credentials, Encryption};
use crypto::jwe::{Enc, PrivateKey};
use platen::ops::BASE;
use serde_json::{Value, json};
use store::testing::engines;

use super::{Stage, block_on};
use crate::process::{arg, client};

const PARTNER: [&str; 2] = ["--partner", "000990000000001"];
const WHY: [&str; 4] = ["--by", "a.kim", "--reason", "contract 12"];
const PRODUCTS: &str = "/api/v1/service/info/list";

#[test]
fn from_nothing_to_the_first_call() {
    for database in engines() {
        let stage = Stage::set(database.target());
        stage.init();
        let (server, _) = stage.serve();
        let on = |args: &[&str]| stage.on(&[&["admin"], args, &WHY].concat());
        on(&["partner", "create", "--asp-id", PARTNER[1], "--name", "Seoul Pay"]);
        let private = PrivateKey::generate_2048().unwrap();
        let pem = stage.path("partner.pem");
        std::fs::write(&pem, private.public_key_pem().unwrap()).unwrap();
        let own = ["project", "create", "--project", "1", "--kind", "production", "--json"];
        let told = on(&[&own[..], &PARTNER, &["--client-public-key", arg(&pem)]].concat());
        let mut told: Value = serde_json::from_str(&told).unwrap();
        told["clientPrivateKey"] = private.to_pkcs8_pem().unwrap().expose().as_str().into();
        let credentials = Credentials::from_json(&told.to_string()).unwrap();
        let own = ["product", "create", "--name", "Travel", "--bin", "94914150", "--json"];
        let rest = ["--issuance", "PRE_ISSUANCE", "--status", "ACTIVE"];
        let made: Value = serde_json::from_str(&on(&[&own[..], &rest, &PARTNER].concat())).unwrap();
        let caller = client(&server.url, &credentials);
        let body = json!({ "serviceIdList": [made["serviceId"]] }).to_string();
        let sealed = Encryption::Encrypted(Enc::A256Gcm);
        let path = format!("{BASE}{PRODUCTS}");
        let answer = block_on(caller.call(&path, &body, sealed, None)).unwrap();
        assert_eq!(answer.code.as_deref(), Some("000_000"), "{}", answer.body_clear);
        assert!(answer.body_clear.contains("Travel"), "{}", answer.body_clear);
        // Another pair, half of which the partner has made, serves at once.
        let rotate = ["keys", "rotate", "crypto", "--project", "1", "--reason", "yearly"];
        stage.on(&[&rotate[..], &PARTNER, &["--client-public-key", arg(&pem)]].concat());
        assert!(server.terminate().success());
    }
}

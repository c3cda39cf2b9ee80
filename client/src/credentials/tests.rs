use std::sync::LazyLock;

use serde_json::json;

use super::*;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_2048().unwrap());

fn dotenv_text() -> String {
    let quote = |pem: &str| pem.replace('\n', "\\n");
    format!(
        "PLATEN_ASP_ID=000170000000000\nPLATEN_ACCESS_KEY=key\nPLATEN_SECRET_KEY=\"hunter2\"\n\
         PLATEN_CRYPTO_KEY_ID=abc\nPLATEN_SERVER_PUBLIC_KEY=\"{}\"\n\
         PLATEN_CLIENT_PRIVATE_KEY=\"{}\"\nOTHER=1\n",
        quote(&KEY.public_key_pem().unwrap()),
        quote(KEY.to_pkcs8_pem().unwrap().expose()),
    )
}

fn json_value() -> Value {
    json!({
        "aspId": "000170000000000",
        "accessKey": "key",
        "secretKey": "hunter2",
        "cryptoKeyId": "abc",
        "serverPublicKey": KEY.public_key_pem().unwrap(),
        "clientPrivateKey": KEY.to_pkcs8_pem().unwrap().expose(),
        "other": 1,
    })
}

fn check(credentials: &Credentials) {
    assert_eq!(credentials.asp_id, "000170000000000");
    assert_eq!(credentials.access_key, "key");
    assert_eq!(credentials.secret_key.expose(), "hunter2");
    assert_eq!(credentials.crypto_key_id, "abc");
    let public = KEY.public_key_pem().unwrap();
    assert_eq!(credentials.server_public_key.to_spki_pem().unwrap(), public);
    assert_eq!(credentials.client_private_key.public_key_pem().unwrap(), public);
}

#[test]
fn both_forms_are_read() {
    check(&Credentials::from_dotenv(&dotenv_text()).unwrap());
    check(&Credentials::from_json(&json_value().to_string()).unwrap());
}

#[test]
fn what_is_missing_is_named() {
    for name in ["aspId", "accessKey", "secretKey", "cryptoKeyId", "serverPublicKey"] {
        for value in [Value::Null, json!(1), json!("")] {
            let mut members = json_value();
            members[name] = value;
            let error = Credentials::from_json(&members.to_string()).unwrap_err();
            assert_eq!(error, CredentialsError::Missing(name));
        }
    }
    let text = dotenv_text().replace("PLATEN_SECRET_KEY", "SECRET_KEY");
    let error = Credentials::from_dotenv(&text).unwrap_err();
    assert_eq!(error, CredentialsError::Missing("PLATEN_SECRET_KEY"));
}

#[test]
fn what_is_wrong_is_named_and_not_shown() {
    assert_eq!(Credentials::from_dotenv("A=1\nhunter2").unwrap_err(), CredentialsError::Line(2));
    assert_eq!(Credentials::from_json("[]").unwrap_err(), CredentialsError::Json);
    assert_eq!(Credentials::from_json("hunter2").unwrap_err(), CredentialsError::Json);
    let mut members = json_value();
    members["clientPrivateKey"] = json!("hunter2");
    let error = Credentials::from_json(&members.to_string()).unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("clientPrivateKey is not accepted"), "{sentence}");
    assert!(!format!("{error:?} {sentence}").contains("hunter2"));
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", Credentials::from_dotenv(&dotenv_text()).unwrap());
    let expected = r#"Credentials { asp_id: "000170000000000", crypto_key_id: "abc", .. }"#;
    assert_eq!(shown, expected);
}

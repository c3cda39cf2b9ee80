//! Encrypted bodies, under a key made for this: what is sent as it is, a changed header, a changed
//! message, and what lies within a message that opens.

use std::sync::LazyLock;

use crypto::jwe::{self, Enc, PrivateKey, PublicKey};
use data_encoding::BASE64URL_NOPAD;

/// Nobody else's key.
static KEY: LazyLock<(PrivateKey, PublicKey)> = LazyLock::new(|| {
    let private = PrivateKey::from_pkcs8_pem(include_str!("test-key.pem")).unwrap();
    let public = private.public_key();
    (private, public)
});

/// A message that opens.
static SAMPLE: LazyLock<String> =
    LazyLock::new(|| jwe::encrypt(br#"{"userId":1}"#, &KEY.1, Enc::A256Gcm).unwrap());

/// The first byte chooses what the rest is.
pub fn check(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        0 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                let _ = jwe::decrypt(text, &KEY.0);
            }
        }
        1 => with_header(rest),
        2 => changed(rest),
        _ => within(rest),
    }
}

/// The header is covered by the tag: with another one nothing opens.
fn with_header(header: &[u8]) {
    let (own, others) = SAMPLE.split_once('.').unwrap();
    let encoded = BASE64URL_NOPAD.encode(header);
    let opened = jwe::decrypt(&format!("{encoded}.{others}"), &KEY.0);
    assert_eq!(opened.is_ok(), encoded == own);
}

/// Each three bytes change a character; the message opens unchanged alone.
fn changed(changes: &[u8]) {
    let mut bytes = SAMPLE.clone().into_bytes();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
    }
    let Ok(text) = String::from_utf8(bytes) else { return };
    assert_eq!(jwe::decrypt(&text, &KEY.0).is_ok(), text == *SAMPLE);
}

/// What was encrypted comes out, and is a body like any other.
fn within(plain: &[u8]) {
    let enc = Enc::ALL[plain.len() % 2];
    let sealed = jwe::encrypt(plain, &KEY.1, enc).unwrap();
    let (opened, told) = jwe::decrypt(&sealed, &KEY.0).unwrap();
    assert!(opened.expose() == plain && told == enc);
    super::requests::check(opened.expose());
}

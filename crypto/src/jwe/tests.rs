use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_2048().unwrap());

fn sealed(plaintext: &[u8], enc: Enc) -> String {
    encrypt(plaintext, &KEY.public_key(), enc).unwrap()
}

fn refused(compact: &str) -> JweError {
    decrypt(compact, &KEY).unwrap_err()
}

/// The compact serialization with one part replaced.
fn with_part(compact: &str, at: usize, part: &str) -> String {
    let mut parts: Vec<&str> = compact.split('.').collect();
    parts[at] = part;
    parts.join(".")
}

fn part(compact: &str, at: usize) -> Vec<u8> {
    BASE64URL_NOPAD.decode(compact.split('.').nth(at).unwrap().as_bytes()).unwrap()
}

#[test]
fn round_trip_with_both_ciphers() {
    for enc in Enc::ALL {
        for plaintext in [&b""[..], b"{}", &[0xff; 5000]] {
            let (opened, used) = decrypt(&sealed(plaintext, enc), &KEY).unwrap();
            assert_eq!((opened.expose().as_slice(), used), (plaintext, enc));
        }
    }
}

/// Made by Python's `cryptography` 48.0.0; the key was generated for this test alone.
#[test]
fn what_another_implementation_made_opens() {
    let key = PrivateKey::from_pkcs8_pem(include_str!("vectors/jwe_test_key.pem")).unwrap();
    for (compact, enc) in [
        (include_str!("vectors/jwe_a128gcm.txt"), Enc::A128Gcm),
        (include_str!("vectors/jwe_a256gcm.txt"), Enc::A256Gcm),
    ] {
        let (opened, used) = decrypt(compact.trim_end(), &key).unwrap();
        assert_eq!(opened.expose(), br#"{"userId":50000104652}"#);
        assert_eq!(used, enc);
    }
}

#[test]
fn has_the_form_of_the_wire() {
    let compact = sealed(b"{}", Enc::A128Gcm);
    assert_eq!(part(&compact, 0), br#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#);
    let lengths: Vec<usize> = (1..5).map(|at| part(&compact, at).len()).collect();
    assert_eq!(lengths, [256, 12, 2, 16]);
    assert_ne!(compact, sealed(b"{}", Enc::A128Gcm));
}

#[test]
fn every_changed_bit_of_key_iv_ciphertext_and_tag_is_refused() {
    let compact = sealed(b"{\"a\":1}", Enc::A256Gcm);
    for at in 1..5 {
        let bytes = part(&compact, at);
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = with_part(&compact, at, &BASE64URL_NOPAD.encode(&changed));
            assert_eq!(refused(&changed), JweError::DoesNotOpen, "part {at}, byte {place}");
        }
    }
}

#[test]
fn a_changed_header_is_refused() {
    let compact = sealed(b"{}", Enc::A128Gcm);
    for header in [
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"1"}"#,
        r#"{"enc":"A128GCM","alg":"RSA-OAEP-256"}"#,
    ] {
        let changed = with_part(&compact, 0, &BASE64URL_NOPAD.encode(header.as_bytes()));
        assert_eq!(refused(&changed), JweError::DoesNotOpen, "{header}");
    }
}

#[test]
fn another_key_and_a_content_key_of_another_length_are_refused_alike() {
    let other = PrivateKey::generate_2048().unwrap();
    let compact = sealed(b"{}", Enc::A128Gcm);
    assert_eq!(decrypt(&compact, &other).unwrap_err(), JweError::DoesNotOpen);
    for key in [&b""[..], &[0; 15], &[0; 32]] {
        let key = KEY.public_key().encrypt_key(key).unwrap();
        let changed = with_part(&compact, 1, &BASE64URL_NOPAD.encode(&key));
        assert_eq!(refused(&changed), JweError::DoesNotOpen);
    }
    for key in ["", "AAAA"] {
        assert_eq!(refused(&with_part(&compact, 1, key)), JweError::DoesNotOpen);
    }
}

#[test]
fn another_form_is_refused() {
    let compact = sealed(b"{}", Enc::A128Gcm);
    assert_eq!(refused(""), JweError::NotCompact);
    assert_eq!(refused("a.b.c.d"), JweError::NotCompact);
    assert_eq!(refused(&format!("{compact}.")), JweError::NotCompact);
    assert_eq!(refused(&format!("{compact}=")), JweError::NotCompact);
    assert_eq!(refused(&format!("{compact}\n")), JweError::NotCompact);
    assert_eq!(refused(&with_part(&compact, 2, "AAAA")), JweError::NotCompact);
    assert_eq!(refused(&with_part(&compact, 4, "AAAA")), JweError::NotCompact);
    assert_eq!(refused(&with_part(&compact, 3, "+/+/")), JweError::NotCompact);
    assert_eq!(refused(&with_part(&compact, 3, "AB")), JweError::NotCompact);
}

#[test]
fn lengths_are_bounded_and_what_is_made_is_taken() {
    let long = vec![b' '; PLAINTEXT_BYTES_MAX + 1];
    let key = KEY.public_key();
    assert_eq!(encrypt(&long, &key, Enc::A128Gcm).unwrap_err(), JweError::TooLong);
    let compact = encrypt(&long[1..], &key, Enc::A128Gcm).unwrap();
    assert_eq!(decrypt(&compact, &KEY).unwrap().0.expose().len(), PLAINTEXT_BYTES_MAX);
    assert_eq!(refused(&"A".repeat(COMPACT_CHARS_MAX + 1)), JweError::TooLong);
}

#[test]
fn names_are_read_back() {
    for enc in Enc::ALL {
        assert_eq!(Enc::from_name(enc.name()), Some(enc));
    }
    assert_eq!(Enc::from_name("A192GCM"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_plaintext_comes_back(plaintext in prop::collection::vec(any::<u8>(), 0..600)) {
        let (opened, _) = decrypt(&sealed(&plaintext, Enc::A256Gcm), &KEY).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
    }

    #[test]
    fn any_text_is_refused(text in "[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(decrypt(&text, &KEY).is_err());
    }
}

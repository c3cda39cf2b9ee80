//! Against a real module: SoftHSM's, which `PLATEN_TEST_PKCS11_MODULE` names.
//!
//! A module reads where its tokens are from the environment of its process, so that what is marked
//! as ignored runs in a process of its own, in which the variable is set.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use tempfile::TempDir;

use super::*;
use crate::cvc::CvcKey;
use crate::index::LookupKey;
use crate::keyring::{KeyHolder, KeyMaterial, KeyPurpose, Keyring, generate_all};
use crate::pan::Pan;
use crate::seal::{MasterKey, SealError};

const PIN: &str = "271828";

#[expect(clippy::disallowed_methods, reason = "only tests come here, and they have no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn module() -> PathBuf {
    PathBuf::from(variable("PLATEN_TEST_PKCS11_MODULE").unwrap())
}

#[test]
fn in_a_process_with_tokens_of_its_own() {
    if variable("PLATEN_TEST_PKCS11_MODULE").is_none() {
        let required = variable("PLATEN_TEST_PKCS11_MODULE_REQUIRED");
        assert_ne!(required.as_deref(), Some("1"), "PLATEN_TEST_PKCS11_MODULE names no module");
        eprintln!("skipped with a token: PLATEN_TEST_PKCS11_MODULE is not set");
        return;
    }
    let folder = TempDir::new().unwrap();
    let (conf, tokens) = (folder.path().join("softhsm2.conf"), folder.path().join("tokens"));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&conf, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    // One after another: each makes a token, and a module shows a new one to all.
    let own = ["token::tests::", "--ignored", "--test-threads", "1", "--show-output"];
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(own)
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&tests.stdout);
    let failed = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{told}{failed}");
    let passed = told.lines().find(|line| line.starts_with("test result")).unwrap();
    assert!(passed.contains("ok. 9 passed"), "{passed}");
    if variable("PLATEN_TEST_SHOW_COSTS").is_some() {
        println!("{told}");
    }
}

/// A new token of this label, and the module beside.
fn made(label: &str) -> Pkcs11 {
    let beside = Pkcs11::new(module()).unwrap();
    // Another test may have done so.
    drop(beside.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
    let slots = beside.get_all_slots().unwrap();
    let is_free = |slot| !beside.get_token_info(slot).unwrap().token_initialized();
    let slot = slots.into_iter().find(|slot| is_free(*slot)).unwrap();
    let pin = |text: &str| AuthPin::from(text.to_owned());
    beside.init_token(slot, &pin("so-314159"), label).unwrap();
    let session = beside.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&pin("so-314159"))).unwrap();
    session.init_pin(&pin(PIN)).unwrap();
    session.logout().unwrap();
    beside
}

fn access(label: &str, pin: &str) -> Access {
    Access { module: module(), token: label.to_owned(), pin: Secret::new(pin.to_owned()) }
}

fn open(label: &str) -> (Token, Pkcs11) {
    let beside = made(label);
    (Token::open(access(label, PIN)).unwrap(), beside)
}

/// A session of somebody else's in this process, which is logged in as the process is.
fn session(beside: &Pkcs11, label: &str) -> Session {
    let mut slots = beside.get_slots_with_token().unwrap().into_iter();
    let own = |slot| beside.get_token_info(slot).unwrap().label() == label;
    beside.open_rw_session(slots.find(|slot| own(*slot)).unwrap()).unwrap()
}

#[test]
#[ignore = "runs in a process of its own"]
fn a_master_key_wraps_as_one_in_memory_does() {
    let (token, _) = open("wraps");
    let bytes = [0x5a; 32];
    token.import("m-1", Kind::Aes, &bytes).unwrap();
    let (held, plain) = (
        MasterKey::in_token(&token, "m-1").unwrap(),
        MasterKey::new("m-1".to_owned(), Secret::new(bytes)),
    );
    assert_eq!(held.id(), "m-1");
    for (from, to) in [(&held, &plain), (&plain, &held), (&held, &held)] {
        let wrapped = from.wrap(b"lookup", &[9; 32]).unwrap();
        assert_eq!(to.unwrap(b"lookup", &wrapped).unwrap().expose(), &[9; 32]);
        assert_eq!(to.unwrap(b"digest", &wrapped).unwrap_err(), SealError::DoesNotOpen);
        for at in [0, 1, 12, 13, 44, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(to.unwrap(b"lookup", &changed).is_err(), "byte {at}");
        }
        assert_eq!(to.unwrap(b"lookup", b"").unwrap_err(), SealError::Form);
    }
    assert_ne!(held.wrap(b"", b"key").unwrap(), held.wrap(b"", b"key").unwrap());
    token.make_master("m-2").unwrap();
    let other = MasterKey::in_token(&token, "m-2").unwrap();
    let wrapped = held.wrap(b"", b"key").unwrap();
    assert_eq!(other.unwrap(b"", &wrapped).unwrap_err(), SealError::DoesNotOpen);
}

#[test]
#[ignore = "runs in a process of its own"]
fn an_index_is_that_of_the_same_key_in_memory() {
    let (token, _) = open("indexes");
    let bytes = Secret::new([0x3c; 32]);
    token.import_lookup("lookup-1", &bytes).unwrap();
    let pan = Pan::parse("9491339401250765").unwrap();
    let index = |key: &LookupKey| key.pan_index("000170000000000", &pan).unwrap();
    let held = LookupKey::in_token(7, &token, "lookup-1").unwrap();
    assert_eq!(index(&held), index(&LookupKey::new(7, &bytes)));
    assert!(token.make_lookup("lookup-2").unwrap());
    assert!(!token.make_lookup("lookup-2").unwrap(), "it is taken as it is");
    let other = LookupKey::in_token(8, &token, "lookup-2").unwrap();
    assert_ne!(index(&held), index(&other));
    // At once, by more threads than there are sessions.
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| (0..20).for_each(|_| assert_ne!(index(&held), index(&other))));
        }
    });
}

#[test]
#[ignore = "runs in a process of its own"]
fn codes_agree_with_the_published_vectors() {
    let (token, _) = open("codes");
    let key = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes();
    token.import_card_verification("cvk-1", &Secret::new(key)).unwrap();
    CvcKey::in_token(&token, "cvk-1").unwrap().assert_published();
    assert!(token.make_card_verification("cvk-2").unwrap());
    assert!(!token.make_card_verification("cvk-2").unwrap(), "it is taken as it is");
    let pan = Pan::parse("9491339401250765").unwrap();
    let code = |key: &CvcKey| key.cvc2(&pan, "3108").unwrap();
    let held = CvcKey::in_token(&token, "cvk-2").unwrap();
    assert_eq!(code(&held), code(&held));
    // Half a pair is no pair.
    token.destroy("cvk-2-a").unwrap();
    let none = TokenError::NoKey("codes".to_owned(), "cvk-2-a".to_owned());
    assert_eq!(token.make_card_verification("cvk-2").unwrap_err(), none);
    assert_eq!(CvcKey::in_token(&token, "cvk-2").map(drop).unwrap_err(), none);
}

#[test]
#[ignore = "runs in a process of its own"]
fn keys_do_not_leave_the_token() {
    let (token, beside) = open("stays");
    token.make_master("m-1").unwrap();
    token.make_lookup("lookup-1").unwrap();
    token.make_card_verification("cvk-1").unwrap();
    let session = session(&beside, "stays");
    let found = session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)]).unwrap();
    assert_eq!(found.len(), 4);
    for key in found {
        let wanted = [AttributeType::Value, AttributeType::Extractable, AttributeType::Sensitive];
        let told = session.get_attributes(key, &wanted).unwrap();
        let expected = [Attribute::Extractable(false), Attribute::Sensitive(true)];
        assert!(expected.iter().all(|attribute| told.contains(attribute)), "{told:?}");
        assert_eq!(told.len(), expected.len(), "the value is told: {told:?}");
        let loose = [Attribute::Extractable(true)];
        assert!(session.update_attributes(key, &loose).is_err(), "it was let go");
    }
    let exists = TokenError::Exists("stays".to_owned(), "m-1".to_owned());
    assert_eq!(token.make_master("m-1").unwrap_err(), exists);
}

#[test]
#[ignore = "runs in a process of its own"]
fn a_key_that_is_not_what_it_should_be_is_refused() {
    let (token, beside) = open("refused");
    let session = session(&beside, "refused");
    let put = |label: &str, bytes: usize, kind: KeyType, more: &[Attribute]| {
        let mut all = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::KeyType(kind),
            Attribute::Token(true),
            Attribute::Value(vec![7; bytes]),
        ];
        all.extend_from_slice(more);
        session.create_object(&all).unwrap();
    };
    let stays = [Attribute::Extractable(false), Attribute::Sensitive(true)];
    let uses = [Attribute::Encrypt(true), Attribute::Decrypt(true)];
    put("leaves", 32, KeyType::AES, &[Attribute::Extractable(true), Attribute::Sensitive(true)]);
    put("shown", 32, KeyType::AES, &[Attribute::Extractable(false), Attribute::Sensitive(false)]);
    put("short", 16, KeyType::AES, &[&stays[..], &uses].concat());
    put("idle", 32, KeyType::AES, &[&stays[..], &[Attribute::Encrypt(false)]].concat());
    put("twice", 32, KeyType::AES, &[&stays[..], &uses].concat());
    put("twice", 32, KeyType::AES, &[&stays[..], &uses].concat());
    put("right", 32, KeyType::AES, &[&stays[..], &uses].concat());
    let why = |label: &str| MasterKey::in_token(&token, label).unwrap_err().to_string();
    assert!(why("leaves").contains("it can leave the token"), "{}", why("leaves"));
    assert!(why("shown").contains("it can leave the token"), "{}", why("shown"));
    assert!(why("short").contains("no AES key of 256 bits"), "{}", why("short"));
    assert!(why("idle").contains("allowed to encrypt"), "{}", why("idle"));
    assert!(why("twice").contains("2 keys with the label"), "{}", why("twice"));
    assert!(why("absent").contains("no key with the label `absent`"), "{}", why("absent"));
    MasterKey::in_token(&token, "right").unwrap();
    let lookup = LookupKey::in_token(1, &token, "right").unwrap_err().to_string();
    assert!(lookup.contains("no generic secret of 32 bytes"), "{lookup}");
    for label in ["", "A", "a b", &"a".repeat(33)] {
        assert_eq!(token.make_master(label).unwrap_err(), TokenError::Label(label.to_owned()));
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn a_refused_pin_is_not_tried_again() {
    let (token, beside) = open("pins");
    let pin = |text: &str| AuthPin::from(text.to_owned());
    token.make_lookup("lookup-1").unwrap();
    let other = session(&beside, "pins");
    other.set_pin(&pin(PIN), &pin("161803")).unwrap();
    // What is logged in stays so. Then the process is logged out, and the PIN is another one.
    token.hmac("lookup-1", b"text").unwrap();
    other.logout().unwrap();
    let refused = TokenError::Pin("pins".to_owned(), "CKR_PIN_INCORRECT".to_owned());
    assert_eq!(token.hmac("lookup-1", b"text").unwrap_err(), refused);
    // Not even when it would be right again.
    other.login(UserType::User, Some(&pin("161803"))).unwrap();
    other.set_pin(&pin("161803"), &pin(PIN)).unwrap();
    assert_eq!(token.hmac("lookup-1", b"text").unwrap_err(), refused);
    other.logout().unwrap();
    let wrong = Token::open(access("pins", "000000")).unwrap_err();
    assert_eq!(wrong, refused);
    let absent = Token::open(access("nowhere", PIN)).unwrap_err();
    assert_eq!(absent, TokenError::NoToken("nowhere".to_owned()));
    let module = Access { module: Path::new("/no/such.so").to_owned(), ..access("pins", PIN) };
    assert!(matches!(Token::open(module), Err(TokenError::Module(..))));
}

#[test]
#[ignore = "runs in a process of its own"]
fn a_lost_session_is_opened_again() {
    let (token, beside) = open("lost");
    token.make_lookup("lookup-1").unwrap();
    let before = token.hmac("lookup-1", b"text").unwrap();
    for _ in 0..3 {
        // It logs the whole process out: keys that it had found are gone.
        session(&beside, "lost").logout().unwrap();
        assert_eq!(token.hmac("lookup-1", b"text").unwrap(), before);
    }
    token.destroy("lookup-1").unwrap();
    let gone = TokenError::NoKey("lost".to_owned(), "lookup-1".to_owned());
    assert_eq!(token.hmac("lookup-1", b"text").unwrap_err(), gone);
}

#[test]
#[ignore = "runs in a process of its own"]
fn a_keyring_holds_keys_of_both_kinds() {
    let (token, _) = open("ring");
    token.make_master("m-1").unwrap();
    token.make_lookup("lookup-9").unwrap();
    let master = MasterKey::in_token(&token, "m-1").unwrap();
    let holder = KeyHolder::Token(token.clone(), "lookup-9".to_owned());
    let key = KeyMaterial { id: 9, purpose: KeyPurpose::Lookup, active_from_us: 5, holder };
    let wrapped = key.wrap(&master).unwrap();
    let which = (KeyPurpose::Lookup, 9);
    let back = KeyMaterial::in_token(&master, which, 5, &wrapped, "lookup-9").unwrap();
    assert_eq!(back.label(), Some("lookup-9"));
    // Neither another label nor another place; nor is a label taken for a key.
    let refused = |which, label| KeyMaterial::in_token(&master, which, 5, &wrapped, label);
    assert_eq!(refused(which, "lookup-8").unwrap_err(), SealError::DoesNotOpen);
    let other = (KeyPurpose::Lookup, 8);
    assert_eq!(refused(other, "lookup-9").unwrap_err(), SealError::DoesNotOpen);
    let as_key = KeyMaterial::unwrap(&master, KeyPurpose::Lookup, 9, 5, &wrapped);
    assert_eq!(as_key.unwrap_err(), SealError::DoesNotOpen);
    let ring = Keyring::from_keys(&[generate_all(), vec![back]].concat(), 1_000).unwrap();
    assert!(ring.is_in_token());
    assert_eq!(ring.lookup().0, 9);
    ring.probe().unwrap();
    token.destroy("lookup-9").unwrap();
    let gone = TokenError::NoKey("ring".to_owned(), "lookup-9".to_owned());
    assert_eq!(ring.probe().unwrap_err(), gone);
    let memory = Keyring::from_keys(&generate_all(), 1_000).unwrap();
    assert!(!memory.is_in_token());
    memory.probe().unwrap();
}

#[test]
#[ignore = "runs in a process of its own"]
fn what_a_key_costs_is_printed() {
    let (token, _) = open("costs");
    let pan = Pan::parse("9491339401250765").unwrap();
    token.make_lookup("lookup-1").unwrap();
    token.make_card_verification("cvk-1").unwrap();
    token.make_master("m-1").unwrap();
    let lookups = [
        LookupKey::new(1, &Secret::new([3; 32])),
        LookupKey::in_token(1, &token, "lookup-1").unwrap(),
    ];
    let codes = [CvcKey::new(&[3; 16]), CvcKey::in_token(&token, "cvk-1").unwrap()];
    let masters =
        [MasterKey::generate("m-1".to_owned()).0, MasterKey::in_token(&token, "m-1").unwrap()];
    let wrapped = masters.each_ref().map(|master| master.wrap(b"lookup", &[9; 32]).unwrap());
    for (place, at) in [("memory", 0), ("token", 1)] {
        let took = |name: &str, work: &dyn Fn()| {
            let begun = std::time::Instant::now();
            (0..1_000).for_each(|_| work());
            println!("{place:<7} {name:<12} {:>6} ns", begun.elapsed().as_nanos() / 1_000);
        };
        took("pan_index", &|| {
            black_box(lookups[at].pan_index("000170000000000", &pan).unwrap());
        });
        took("cvc2", &|| drop(codes[at].cvc2(&pan, "3108").unwrap()));
        took("unwrap", &|| drop(masters[at].unwrap(b"lookup", &wrapped[at]).unwrap()));
    }
}

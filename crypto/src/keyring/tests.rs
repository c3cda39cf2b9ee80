use super::*;
use crate::pan::Pan;
use crate::seal::MasterKey;

fn set() -> Vec<KeyMaterial> {
    generate_all()
}

/// The moment of these tests.
const NOW_US: i64 = 1_000;

fn ring(keys: &[KeyMaterial]) -> Keyring {
    Keyring::from_keys(keys, NOW_US).unwrap()
}

fn refused(keys: &[KeyMaterial]) -> KeyringError {
    Keyring::from_keys(keys, NOW_US).unwrap_err()
}

#[test]
fn a_fresh_set_makes_a_keyring() {
    let keyring = ring(&set());
    let pan = keyring.active_permuter().1.pan("949133", 0).unwrap();
    let sealed = keyring.seal(b"aad", pan.reveal().as_bytes()).unwrap();
    let opened = keyring.open(b"aad", sealed.as_bytes()).unwrap();
    assert_eq!(opened.expose(), pan.reveal().as_bytes());
    let (id, key) = keyring.active_cvc_key();
    let again = keyring.cvc_key(id).unwrap();
    assert_eq!(key.cvc2(&pan, "3108").unwrap(), again.cvc2(&pan, "3108").unwrap());
    assert_eq!(keyring.lookups().count(), 1);
    assert_eq!(keyring.digest_keys().count(), 1);
}

#[test]
fn superseded_keys_still_read() {
    let mut keys = set();
    let old = ring(&keys);
    let sealed = old.seal(b"aad", b"value").unwrap();
    keys.extend((11..).zip(KeyPurpose::ALL).map(|(id, p)| KeyMaterial::generate(id, p, 5)));
    let new = ring(&keys);
    assert_eq!(new.active_data_key_id(), 11);
    assert_eq!(new.open(b"aad", sealed.as_bytes()).unwrap().expose(), b"value");
    let refused = old.open(b"aad", new.seal(b"aad", b"value").unwrap().as_bytes()).unwrap_err();
    assert_eq!(refused, SealError::UnknownKey(11));

    let ids: Vec<i64> = new.lookups().map(|(id, _)| id).collect();
    assert_eq!(ids, [12, 2]);
    assert_eq!(new.lookup().0, 12);
    let pan = Pan::parse("9491339401250765").unwrap();
    let index = |ring: &Keyring| ring.lookups().last().unwrap().1.pan_index("1", &pan);
    assert_eq!(index(&old), index(&new));

    let number = |ring: &Keyring| ring.permuter(4).unwrap().pan("949133", 7).unwrap();
    assert_eq!(number(&old), number(&new));
    assert!(new.cvc_key(3).is_some() && new.cvc_key(13).is_some() && new.cvc_key(4).is_none());
    assert_eq!(new.active_permuter().0, 14);
    assert_eq!(new.digest_key().id(), 15);
    let sealed = |ring: &Keyring| ring.audit_key(6).unwrap().digest("audit", &[b"row"]);
    assert_eq!(sealed(&old), sealed(&new));
    assert_eq!(new.active_audit_key().id(), 16);
    let active: Vec<i64> = KeyPurpose::ALL.map(|purpose| new.active_id(purpose)).into();
    assert_eq!(active, [11, 12, 13, 14, 15, 16]);
}

#[test]
fn a_key_that_has_not_begun_reads_what_others_make_with_it() {
    let mut keys = set();
    let next = KeyMaterial::generate(21, KeyPurpose::DataKey, NOW_US + 1);
    keys.push(next);
    let (early, late) = (ring(&keys), Keyring::from_keys(&keys, NOW_US + 1).unwrap());
    assert_eq!((early.active_data_key_id(), late.active_data_key_id()), (1, 21));
    let sealed = late.seal(b"aad", b"value").unwrap();
    assert_eq!(early.open(b"aad", sealed.as_bytes()).unwrap().expose(), b"value");
}

#[test]
fn the_key_that_began_last_is_active() {
    let with = |begun: [(i64, i64); 3]| {
        let lookup = |(id, from)| KeyMaterial::generate(id, KeyPurpose::Lookup, from);
        ring(&set().into_iter().chain(begun.map(lookup)).collect::<Vec<_>>()).lookup().0
    };
    assert_eq!(with([(11, 9), (12, 7), (13, NOW_US + 1)]), 11);
    assert_eq!(with([(11, 7), (12, 7), (13, 6)]), 12);
}

#[test]
fn each_purpose_needs_a_key_that_has_begun() {
    for purpose in KeyPurpose::ALL {
        let mut keys = set();
        keys.retain(|key| key.purpose != purpose);
        assert_eq!(refused(&keys), KeyringError::NoActive(purpose));
        keys.push(KeyMaterial::generate(9, purpose, NOW_US + 1));
        assert_eq!(refused(&keys), KeyringError::NoActive(purpose));
    }
}

#[test]
fn ids_are_positive_and_single() {
    let purpose = KeyPurpose::Lookup;
    let lookup = |id| KeyMaterial::generate(id, purpose, 0);
    let with = |more: Vec<KeyMaterial>| refused(&[set(), more].concat());
    assert_eq!(with(vec![lookup(2)]), KeyringError::DuplicateId(purpose, 2));
    assert_eq!(with(vec![lookup(8), lookup(8)]), KeyringError::DuplicateId(purpose, 8));
    assert_eq!(with(vec![lookup(0)]), KeyringError::Id(purpose, 0));
    assert_eq!(with(vec![lookup(-1)]), KeyringError::Id(purpose, -1));
    let mut keys = set();
    keys[0].id = 1 << 32;
    assert_eq!(refused(&keys), KeyringError::Id(KeyPurpose::DataKey, 1 << 32));
}

#[test]
fn keys_have_their_length() {
    for at in 0..KeyPurpose::ALL.len() {
        for length in [0, 15, 17, 31, 33] {
            let mut keys = set();
            keys[at].holder = KeyHolder::Bytes(Secret::new(vec![1; length]));
            let expected = KeyringError::Length(keys[at].purpose, keys[at].id);
            assert_eq!(refused(&keys), expected);
        }
    }
}

#[test]
fn a_wrapped_key_is_bound_to_purpose_and_id() {
    let (master, _) = MasterKey::generate("m".to_owned());
    let key = KeyMaterial::generate(7, KeyPurpose::Lookup, 3);
    let wrapped = key.wrap(&master).unwrap();
    let unwrap = |purpose, id| KeyMaterial::unwrap(&master, purpose, id, 3, &wrapped);
    let back = unwrap(KeyPurpose::Lookup, 7).unwrap();
    assert_eq!(back.bytes().unwrap().expose(), key.bytes().unwrap().expose());
    assert_eq!(back.active_from_us, 3);
    assert_eq!(unwrap(KeyPurpose::Digest, 7).unwrap_err(), SealError::DoesNotOpen);
    assert_eq!(unwrap(KeyPurpose::Lookup, 8).unwrap_err(), SealError::DoesNotOpen);
}

#[test]
fn names_are_read_back() {
    for purpose in KeyPurpose::ALL {
        assert_eq!(KeyPurpose::from_name(purpose.name()), Some(purpose));
    }
    assert_eq!(KeyPurpose::from_name("other"), None);
}

#[test]
fn is_shared_between_threads_and_shows_nothing() {
    fn shared<T: Send + Sync>(_: &T) {}
    let keyring = ring(&set());
    shared(&keyring);
    assert_eq!(format!("{keyring:?}"), "Keyring(..)");
    let material = KeyMaterial {
        holder: KeyHolder::Bytes(Secret::new(b"not to be seen".to_vec())),
        ..KeyMaterial::generate(1, KeyPurpose::Lookup, 0)
    };
    assert!(format!("{material:?}").ends_with("holder: Bytes(Secret(..)) }"));
}

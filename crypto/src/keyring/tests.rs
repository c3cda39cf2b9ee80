use super::*;
use crate::pan::Pan;
use crate::seal::MasterKey;

fn set() -> Vec<KeyMaterial> {
    generate_all()
}

fn refused(keys: Vec<KeyMaterial>) -> KeyringError {
    Keyring::from_keys(keys).unwrap_err()
}

#[test]
fn a_fresh_set_makes_a_keyring() {
    let keyring = Keyring::from_keys(set()).unwrap();
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
fn retired_keys_still_read() {
    let mut keys = set();
    let old = Keyring::from_keys(keys.clone()).unwrap();
    let sealed = old.seal(b"aad", b"value").unwrap();
    keys.iter_mut().for_each(|key| key.state = KeyState::Retired);
    keys.extend((11..).zip(KeyPurpose::ALL).map(|(id, p)| KeyMaterial::generate(id, p)));
    let new = Keyring::from_keys(keys).unwrap();
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
}

#[test]
fn each_purpose_needs_one_active_key() {
    for purpose in KeyPurpose::ALL {
        let mut keys = set();
        keys.retain(|key| key.purpose != purpose);
        assert_eq!(refused(keys.clone()), KeyringError::NoActive(purpose));
        let mut retired = KeyMaterial::generate(9, purpose);
        retired.state = KeyState::Retired;
        keys.push(retired);
        assert_eq!(refused(keys), KeyringError::NoActive(purpose));
        let mut keys = set();
        keys.push(KeyMaterial::generate(9, purpose));
        assert_eq!(refused(keys), KeyringError::SeveralActive(purpose));
    }
}

#[test]
fn ids_are_positive_and_single() {
    let purpose = KeyPurpose::Lookup;
    let retired =
        |id| KeyMaterial { state: KeyState::Retired, ..KeyMaterial::generate(id, purpose) };
    let with = |more: Vec<KeyMaterial>| refused(set().into_iter().chain(more).collect());
    assert_eq!(with(vec![retired(2)]), KeyringError::DuplicateId(purpose, 2));
    assert_eq!(with(vec![retired(8), retired(8)]), KeyringError::DuplicateId(purpose, 8));
    assert_eq!(with(vec![retired(0)]), KeyringError::Id(purpose, 0));
    assert_eq!(with(vec![retired(-1)]), KeyringError::Id(purpose, -1));
    let mut keys = set();
    keys[0].id = 1 << 32;
    assert_eq!(refused(keys), KeyringError::Id(KeyPurpose::DataKey, 1 << 32));
}

#[test]
fn keys_have_their_length() {
    for at in 0..KeyPurpose::ALL.len() {
        for length in [0, 15, 17, 31, 33] {
            let mut keys = set();
            keys[at].bytes = Secret::new(vec![1; length]);
            let expected = KeyringError::Length(keys[at].purpose, keys[at].id);
            assert_eq!(refused(keys), expected);
        }
    }
}

#[test]
fn a_wrapped_key_is_bound_to_purpose_and_id() {
    let master = MasterKey::generate("m".to_owned());
    let key = KeyMaterial::generate(7, KeyPurpose::Lookup);
    let wrapped = key.wrap(&master).unwrap();
    let unwrap =
        |purpose, id| KeyMaterial::unwrap(&master, purpose, id, KeyState::Retired, &wrapped);
    let back = unwrap(KeyPurpose::Lookup, 7).unwrap();
    assert_eq!(back.bytes.expose(), key.bytes.expose());
    assert_eq!(back.state, KeyState::Retired);
    assert_eq!(unwrap(KeyPurpose::Digest, 7).unwrap_err(), SealError::DoesNotOpen);
    assert_eq!(unwrap(KeyPurpose::Lookup, 8).unwrap_err(), SealError::DoesNotOpen);
}

#[test]
fn names_are_read_back() {
    for purpose in KeyPurpose::ALL {
        assert_eq!(KeyPurpose::from_name(purpose.name()), Some(purpose));
    }
    for state in KeyState::ALL {
        assert_eq!(KeyState::from_name(state.name()), Some(state));
    }
    assert_eq!(KeyPurpose::from_name("other"), None);
    assert_eq!(KeyState::from_name("other"), None);
}

#[test]
fn is_shared_between_threads_and_shows_nothing() {
    fn shared<T: Send + Sync>(_: &T) {}
    let keyring = Keyring::from_keys(set()).unwrap();
    shared(&keyring);
    assert_eq!(format!("{keyring:?}"), "Keyring(..)");
    let material = KeyMaterial {
        bytes: Secret::new(b"not to be seen".to_vec()),
        ..KeyMaterial::generate(1, KeyPurpose::Lookup)
    };
    assert!(format!("{material:?}").ends_with("bytes: Secret(..) }"));
}

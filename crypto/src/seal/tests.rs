use proptest::prelude::*;

use super::*;

const PLACE: Place<'_> = Place { asp_id: "000170000000000", column: "card.pan", row: "17" };

fn key(id: u32, byte: u8) -> DataKey {
    DataKey::new(id, &Secret::new([byte; 32])).unwrap()
}

#[test]
fn has_the_documented_layout() {
    let sealed = key(0x0102_0304, 1).seal(b"", b"abc").unwrap().into_bytes();
    assert_eq!(sealed[..5], [1, 1, 2, 3, 4]);
    assert_eq!(sealed.len(), 1 + 4 + 12 + 3 + 16);
    assert_eq!(sealed_key_id(&sealed), Ok(0x0102_0304));
    assert_eq!(sealed_key_id(&sealed[..4]), Err(SealError::Form));
    assert_eq!(sealed_key_id(&[2, 0, 0, 0, 1]), Err(SealError::Form));
}

#[test]
fn the_same_value_is_never_sealed_alike() {
    let key = key(1, 1);
    assert_ne!(key.seal(b"", b"abc").unwrap(), key.seal(b"", b"abc").unwrap());
}

#[test]
fn a_value_does_not_open_in_another_place() {
    let key = key(1, 1);
    let sealed = key.seal(&PLACE.aad(), b"abc").unwrap();
    assert_eq!(key.open(&PLACE.aad(), sealed.as_bytes()).unwrap().expose(), b"abc");
    for place in [
        Place { asp_id: "000170000000001", ..PLACE },
        Place { column: "card.cvc", ..PLACE },
        Place { row: "18", ..PLACE },
        Place { column: "card.pan1", row: "7", ..PLACE },
    ] {
        let refused = key.open(&place.aad(), sealed.as_bytes()).unwrap_err();
        assert_eq!(refused, SealError::DoesNotOpen, "{place:?}");
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let key = key(1, 1);
    let sealed = key.seal(b"aad", b"abc").unwrap().into_bytes();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key.open(b"aad", &changed).is_err(), "byte {at}");
        assert!(key.open(b"aad", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_key_does_not_open() {
    let sealed = key(1, 1).seal(b"", b"abc").unwrap();
    let refused = |key: DataKey| key.open(b"", sealed.as_bytes()).unwrap_err();
    assert_eq!(refused(key(1, 2)), SealError::DoesNotOpen);
    assert_eq!(refused(key(2, 1)), SealError::DoesNotOpen);
}

#[test]
fn lengths_are_bounded() {
    let long = vec![0; PLAIN_BYTES_MAX + 1];
    assert_eq!(key(1, 1).seal(b"", &long), Err(SealError::TooLong));
    assert!(key(1, 1).seal(b"", &long[1..]).is_ok());
}

#[test]
fn a_wrapped_key_opens_for_its_purpose_alone() {
    let (master, text) = MasterKey::generate("2024-1".to_owned());
    let wrapped = master.wrap(b"lookup", &[9; 32]).unwrap();
    assert_eq!(master.unwrap(b"lookup", &wrapped).unwrap().expose(), &[9; 32]);
    assert_eq!(master.unwrap(b"digest", &wrapped).unwrap_err(), SealError::DoesNotOpen);
    let renamed = MasterKey::from_base64("other".to_owned(), text.expose()).unwrap();
    assert_eq!(renamed.unwrap(b"lookup", &wrapped).unwrap_err(), SealError::DoesNotOpen);
    let (other, _) = MasterKey::generate("2024-1".to_owned());
    assert_eq!(other.unwrap(b"lookup", &wrapped).unwrap_err(), SealError::DoesNotOpen);
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert!(master.unwrap(b"lookup", &changed).is_err(), "byte {at}");
    }
    assert_eq!(master.unwrap(b"lookup", b"").unwrap_err(), SealError::Form);
}

#[test]
fn a_master_key_is_read_back_from_its_text() {
    let (master, text) = MasterKey::generate("m".to_owned());
    let text = format!(" {}\n", text.expose());
    let read = MasterKey::from_base64("m".to_owned(), &text).unwrap();
    let wrapped = master.wrap(b"", b"key").unwrap();
    assert_eq!(read.unwrap(b"", &wrapped).unwrap().expose(), b"key");
    for text in ["", "AAAA", "not base64"] {
        let refused = MasterKey::from_base64("m".to_owned(), text).unwrap_err();
        assert_eq!(refused, SealError::MasterKey);
    }
}

#[test]
fn a_master_key_comes_back_from_two_shares() {
    let master = MasterKey::generate("m".to_owned()).0;
    let wrapped = master.wrap(b"", b"key").unwrap();
    let [one, two, three] = master.split().unwrap();
    for (a, b) in [(&one, &two), (&three, &one), (&two, &three)] {
        let (joined, text) = MasterKey::join("m".to_owned(), a, b).unwrap();
        assert_eq!(joined.unwrap(b"", &wrapped).unwrap().expose(), b"key");
        assert_eq!(joined.check_value(), master.check_value());
        let read = MasterKey::from_base64("m".to_owned(), text.expose()).unwrap();
        assert_eq!(read.unwrap(b"", &wrapped).unwrap().expose(), b"key");
    }
    assert!(MasterKey::join("m".to_owned(), &one, &one).is_none());
    let [_, strange, _] = MasterKey::generate("m".to_owned()).0.split().unwrap();
    let other = MasterKey::join("m".to_owned(), &one, &strange).unwrap().0;
    assert_ne!(other.check_value(), master.check_value());
}

#[test]
fn debug_shows_no_key_and_no_value() {
    let master = MasterKey::new("m".to_owned(), Secret::new([7; 32]));
    let sealed = key(1, 1).seal(b"", b"abc").unwrap();
    let shown = format!("{master:?} {:?} {sealed:?}", key(1, 1));
    assert_eq!(shown, "MasterKey { id: \"m\", .. } DataKey { id: 1, .. } Sealed(36 bytes)");
}

proptest! {
    #[test]
    fn round_trip(
        id in any::<u32>(),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        plain in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let key = key(id, 3);
        let sealed = key.seal(&aad, &plain).unwrap();
        let opened = key.open(&aad, sealed.as_bytes()).unwrap();
        prop_assert_eq!(opened.expose(), &plain);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(key(1, 3).open(b"", &bytes).is_err());
    }
}

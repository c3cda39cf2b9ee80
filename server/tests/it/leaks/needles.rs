//! Secrets in every form in which they could stand somewhere, and the search for them.

use std::collections::{BTreeSet, HashMap};

use data_encoding::{BASE64, BASE64URL, Encoding, HEXLOWER, HEXUPPER};

/// Of a card number's digits so many in a row are a leak: one of those between the first six and
/// the last four is among them.
pub const RUN: usize = 7;
/// Bytes by which a needle is looked for first.
const HEAD: usize = 4;
/// Bytes of a key's binary form that are enough to know it, and how far apart they are taken: a
/// line of a PEM file holds one of them.
const PIECE: usize = 16;
const PIECE_EVERY: usize = 32;

/// Digits of a duration in microseconds: up to a quarter of an hour.
const DURATION_DIGITS: usize = 9;

/// What must not be seen.
#[derive(Default)]
pub struct Secrets {
    /// Card numbers, used and issued.
    pub pans: BTreeSet<String>,
    pub cvcs: BTreeSet<String>,
    /// Keys and tokens, and what is said of people.
    pub texts: BTreeSet<String>,
    /// Keys as bytes.
    pub keys: Vec<Vec<u8>>,
    /// Numbers of members' bank accounts.
    pub bank_accounts: BTreeSet<String>,
    /// First digits of ranges, which are public.
    pub prefixes: Vec<String>,
    /// Numbers that may be seen, and have digits in common with card numbers: members' ids.
    pub known: BTreeSet<String>,
}

impl Secrets {
    /// Of a card number, `run` digits in a row are one.
    pub fn needles(&self, run: usize) -> Needles {
        let mut plain: BTreeSet<Vec<u8>> =
            self.pans.iter().flat_map(|pan| self.runs(pan, run)).collect();
        plain.extend(self.texts.iter().map(|text| text.as_bytes().to_vec()));
        for text in &self.texts {
            // Keys that stand as hex or base64 text may have been stored as the bytes they mean.
            plain.extend(HEXLOWER.decode(text.as_bytes()).ok());
            plain.extend(BASE64.decode(text.as_bytes()).ok());
        }
        for key in &self.keys {
            plain.extend(key.chunks(PIECE_EVERY).filter_map(|piece| {
                let piece = piece.get(..PIECE)?;
                // A run of zeros is no secret.
                (piece.iter().collect::<BTreeSet<_>>().len() > 4).then(|| piece.to_vec())
            }));
        }
        Needles::new(plain.iter().flat_map(|plain| forms(plain)))
    }

    fn runs<'a>(&'a self, pan: &'a str, run: usize) -> impl Iterator<Item = Vec<u8>> + 'a {
        let runs = (0..=pan.len() - run).map(move |start| &pan[start..start + run]);
        let is_public = |run: &str| self.prefixes.iter().any(|prefix| prefix.contains(run));
        runs.filter(move |run| !is_public(run)).map(|run| run.as_bytes().to_vec())
    }

    /// A text without the numbers that may be seen in it.
    pub fn without_known(&self, text: &[u8]) -> Vec<u8> {
        let mut rest = text.to_vec();
        let known: Vec<&[u8]> = self.known.iter().map(String::as_bytes).collect();
        let heads: BTreeSet<&[u8]> = known.iter().map(|known| &known[..HEAD]).collect();
        for at in 0..text.len().saturating_sub(HEAD) {
            if heads.contains(&text[at..at + HEAD]) {
                let longest = known.iter().filter(|known| text[at..].starts_with(known));
                if let Some(found) = longest.max_by_key(|known| known.len()) {
                    rest[at..at + found.len()].fill(b' ');
                }
            }
        }
        rest
    }
}

/// A log without how long calls took, which is any number of microseconds.
pub fn without_durations(log: &[u8]) -> Vec<u8> {
    let name = b"duration_us";
    let mut rest = log.to_vec();
    for at in 0..log.len().saturating_sub(name.len()) {
        if log[at..].starts_with(name) {
            let value = rest[at + name.len()..].iter_mut();
            let digits = value.skip_while(|byte| b"\":=".contains(byte));
            digits.take_while(|byte| byte.is_ascii_digit()).take(DURATION_DIGITS).for_each(
                |digit| {
                    *digit = b' ';
                },
            );
        }
    }
    rest
}

/// In clear, hex, base64, base64 for URLs, percent-encoded, escaped as in JSON, and UTF-16.
pub fn forms(plain: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::from([
        plain.to_vec(),
        HEXLOWER.encode(plain).into_bytes(),
        HEXUPPER.encode(plain).into_bytes(),
    ]);
    for encoding in [BASE64, BASE64URL] {
        forms.extend((0..3).map(|before| based(&encoding, plain, before)));
    }
    let percent = |byte: &u8, all: bool| match *byte {
        byte if byte.is_ascii_alphanumeric() && !all => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    for all in [false, true] {
        let text: String = plain.iter().map(|byte| percent(byte, all)).collect();
        forms.insert(text.to_lowercase().into_bytes());
        forms.insert(text.into_bytes());
    }
    let Ok(text) = std::str::from_utf8(plain) else { return forms };
    let escaped = |unit: u16, all: bool| match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() && !all => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    };
    for all in [false, true] {
        let text: String = text.encode_utf16().map(|unit| escaped(unit, all)).collect();
        forms.insert(
            text.replace("\\u", "\u{0}").to_uppercase().replace('\u{0}', "\\u").into_bytes(),
        );
        forms.insert(text.into_bytes());
    }
    forms.insert(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.insert(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    forms
}

/// What the base64 of a longer text, in which `plain` begins at a place, has of it for certain.
fn based(encoding: &Encoding, plain: &[u8], before: usize) -> Vec<u8> {
    let padded = [&vec![b' '; before][..], plain].concat();
    let text = encoding.encode(&padded);
    // The characters at both ends depend on the neighbours.
    let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes()[from..to].to_vec()
}

/// Needles by their first bytes.
pub struct Needles(HashMap<[u8; HEAD], Vec<Vec<u8>>>);

impl Needles {
    fn new(all: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut by_head: HashMap<[u8; HEAD], Vec<Vec<u8>>> = HashMap::new();
        for needle in all.collect::<BTreeSet<_>>() {
            let head = needle[..HEAD].try_into().unwrap();
            by_head.entry(head).or_default().push(needle);
        }
        Needles(by_head)
    }

    /// What is around the first needle in the hay.
    pub fn found_in(&self, hay: &[u8]) -> Option<String> {
        hay.windows(HEAD).enumerate().find_map(|(at, head)| {
            let head: [u8; HEAD] = head.try_into().unwrap();
            let found = self.0.get(&head)?.iter().any(|needle| hay[at..].starts_with(needle));
            let around = &hay[at.saturating_sub(120)..hay.len().min(at + 60)];
            found.then(|| String::from_utf8_lossy(around).into_owned())
        })
    }

    pub fn assert_none(&self, hay: &[u8], place: &str) {
        if let Some(around) = self.found_in(hay) {
            panic!("{place}: {around}");
        }
    }
}

/// The search is worth nothing where it does not find.
#[test]
fn what_is_planted_is_found_in_every_form() {
    let secret = "f00dfeed0123456789abcdef0123456789abcdef";
    let secrets = Secrets {
        pans: BTreeSet::from(["9491400123456784".to_owned()]),
        texts: BTreeSet::from([secret.to_owned(), "테헤란로".to_owned()]),
        keys: vec![(0..=255).collect()],
        prefixes: vec!["9491400".to_owned()],
        known: BTreeSet::from(["50012345678".to_owned()]),
        ..Secrets::default()
    };
    let needles = secrets.needles(RUN);
    let key: Vec<u8> = (60..160).collect();
    let planted: [&[u8]; 5] =
        [b"4001234", b"3456784", secret.as_bytes(), "서울 테헤란로 152".as_bytes(), &key];
    for plain in planted {
        for before in ["", "x", "xy", "xyz"] {
            let whole = [before.as_bytes(), plain, b"!"].concat();
            let around = |text: Vec<u8>| [b"{\"a\":\"", text.as_slice(), b"\"}"].concat();
            for form in forms(&whole) {
                assert!(needles.found_in(&around(form)).is_some(), "{plain:?} {before}");
            }
            // All of it in one piece, padded and not.
            for encoding in [BASE64, BASE64URL] {
                let text = encoding.encode(&whole);
                assert!(needles.found_in(&around(text.clone().into_bytes())).is_some());
                let bare = text.trim_end_matches('=').to_owned();
                assert!(needles.found_in(bare.as_bytes()).is_some(), "{plain:?} {before}");
            }
        }
    }
    let key_as_text = HEXLOWER.decode(secret.as_bytes()).unwrap();
    assert!(needles.found_in(&key_as_text).is_some());
    // What may be seen: first six, last four, a range's public digits, a member's id.
    for seen in ["949140******6784", "9491400/12", "6784 9491400", "2026-11-24T20:15:00.123456Z"] {
        assert_eq!(needles.found_in(seen.as_bytes()), None, "{seen}");
    }
    let line = secrets.without_known(b"userId 50012345678, card 0012345");
    assert_eq!(line, b"userId            , card 0012345");
    assert!(needles.found_in(&line).is_some());
    let log = without_durations(br#"{"duration_us":4001234,"a":4001234} duration_us=4001234 b"#);
    assert_eq!(log, br#"{"duration_us":       ,"a":4001234} duration_us=        b"#);
}

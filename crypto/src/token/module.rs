//! A token through its PKCS#11 module.

mod pool;

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use self::pool::Pool;
use super::{Access, Kind, TokenError};
use crate::secret::{Secret, SecretBytes};

/// Bytes of an AES-256 or HMAC key.
const KEY_BYTES: usize = 32;
/// Bits of a tag.
const TAG_BITS: u64 = 128;

/// A token, logged in to. Clones share its sessions; the last one closes them.
#[derive(Clone)]
pub struct Token {
    pool: Arc<Pool>,
}

impl Token {
    /// Loads the module, finds the token and logs in: one try of the PIN. Blocks.
    pub fn open(access: Access) -> Result<Self, TokenError> {
        let path = access.module.display().to_string();
        let wrong = |error: &Error| TokenError::Module(path.clone(), told(error));
        let module = Pkcs11::new(&access.module).map_err(|error| wrong(&error))?;
        let pool = Pool::new(module, &access.module, access.token, access.pin);
        let pool = Arc::new(pool.map_err(|error| wrong(&error))?);
        pool.run(|_| Ok(()))?;
        Ok(Self { pool })
    }

    /// The token's label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.pool.label()
    }

    /// Sees that there is one key of this label, of its kind, which cannot leave the token.
    pub(super) fn check(&self, label: &str, kind: Kind) -> Result<(), TokenError> {
        let found = self.pool.run(|held| {
            let found = held.session.find_objects(&named(label))?;
            let [key] = found.as_slice() else { return Ok(Err(found.len())) };
            attributes(&held.session, *key).map(Ok)
        })?;
        let (token, label) = (self.label().to_owned(), label.to_owned());
        match found {
            Err(0) => Err(TokenError::NoKey(token, label)),
            Err(many) => Err(TokenError::ManyKeys(token, label, many)),
            Ok(found) => match unfit(&found, kind) {
                Some(why) => Err(TokenError::WrongKey(token, label, why)),
                None => Ok(()),
            },
        }
    }

    /// Makes a key in the token.
    pub(super) fn generate(&self, label: &str, kind: Kind) -> Result<(), TokenError> {
        let mut template = template(label, kind);
        let mechanism = match kind {
            Kind::Aes => Mechanism::AesKeyGen,
            Kind::Hmac => Mechanism::GenericSecretKeyGen,
            Kind::Des => Mechanism::Des2KeyGen,
        };
        match kind {
            Kind::Aes | Kind::Hmac => {
                template.push(Attribute::ValueLen((KEY_BYTES as u64).into()));
            }
            Kind::Des => {}
        }
        self.pool.run_once(|held| held.session.generate_key(&mechanism, &template).map(drop))
    }

    /// Puts a key into the token.
    pub(super) fn import(&self, label: &str, kind: Kind, key: &[u8]) -> Result<(), TokenError> {
        let mut template = template(label, kind);
        template.push(Attribute::Value(key.to_vec()));
        let made = self.pool.run_once(|held| held.session.create_object(&template).map(drop));
        for attribute in &mut template {
            if let Attribute::Value(bytes) = attribute {
                zeroize::Zeroize::zeroize(bytes);
            }
        }
        made
    }

    /// Destroys a key in the token.
    pub(super) fn destroy(&self, label: &str) -> Result<(), TokenError> {
        self.with_key(label, |session, key| session.destroy_object(key))
    }

    pub(super) fn hmac(&self, label: &str, text: &[u8]) -> Result<Vec<u8>, TokenError> {
        self.with_key(label, |session, key| session.sign(&Mechanism::Sha256Hmac, key, text))
    }

    pub(super) fn encrypt_block(&self, label: &str, block: [u8; 8]) -> Result<Vec<u8>, TokenError> {
        self.with_key(label, |session, key| session.encrypt(&Mechanism::Des3Ecb, key, &block))
    }

    pub(super) fn encrypt(
        &self,
        label: &str,
        nonce: &mut [u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        self.with_key(label, |session, key| {
            let params = GcmParams::new(nonce, aad, TAG_BITS.into())?;
            session.encrypt(&Mechanism::AesGcm(params), key, plain)
        })
    }

    pub(super) fn decrypt(
        &self,
        label: &str,
        nonce: &mut [u8],
        aad: &[u8],
        content: &[u8],
    ) -> Result<SecretBytes, TokenError> {
        self.with_key(label, |session, key| {
            let params = GcmParams::new(nonce, aad, TAG_BITS.into())?;
            session.decrypt(&Mechanism::AesGcm(params), key, content).map(Secret::new)
        })
    }

    /// Does something with the key of this label.
    fn with_key<T>(
        &self,
        label: &str,
        mut work: impl FnMut(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        let done = self.pool.run(|held| match held.key(label)? {
            Some(key) => work(&held.session, key).map(Some),
            None => Ok(None),
        })?;
        let none = || TokenError::NoKey(self.label().to_owned(), label.to_owned());
        done.ok_or_else(none)
    }
}

/// What finds a key.
fn named(label: &str) -> [Attribute; 2] {
    [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.as_bytes().to_vec())]
}

/// A key that stays in the token and does one thing.
fn template(label: &str, kind: Kind) -> Vec<Attribute> {
    let [class, label] = named(label);
    vec![
        class,
        label,
        Attribute::KeyType(key_type(kind)),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(matches!(kind, Kind::Aes | Kind::Des)),
        Attribute::Decrypt(matches!(kind, Kind::Aes)),
        Attribute::Sign(matches!(kind, Kind::Hmac)),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]
}

const fn key_type(kind: Kind) -> KeyType {
    match kind {
        Kind::Aes => KeyType::AES,
        Kind::Hmac => KeyType::GENERIC_SECRET,
        Kind::Des => KeyType::DES2,
    }
}

/// What a key must be judged by. A token that does not tell one of them is not believed.
fn attributes(session: &Session, key: ObjectHandle) -> Result<Vec<Attribute>, Error> {
    let of = [
        AttributeType::KeyType,
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::ValueLen,
        AttributeType::Encrypt,
        AttributeType::Decrypt,
        AttributeType::Sign,
    ];
    session.get_attributes(key, &of)
}

/// Why a key with these attributes cannot be of this kind.
fn unfit(found: &[Attribute], kind: Kind) -> Option<&'static str> {
    let has = |wanted: Attribute| found.contains(&wanted);
    let length = found.iter().find_map(|attribute| {
        if let Attribute::ValueLen(bytes) = attribute { Some(**bytes) } else { None }
    });
    let is_long = length == Some(KEY_BYTES as u64);
    let is_of_kind = has(Attribute::KeyType(key_type(kind)));
    if !has(Attribute::Extractable(false)) || !has(Attribute::Sensitive(true)) {
        return Some("it can leave the token (CKA_EXTRACTABLE or not CKA_SENSITIVE): make another");
    }
    match kind {
        Kind::Aes if !is_of_kind || !is_long => Some("it is no AES key of 256 bits"),
        Kind::Aes if !has(Attribute::Encrypt(true)) || !has(Attribute::Decrypt(true)) => {
            Some("it must be allowed to encrypt and to decrypt")
        }
        Kind::Hmac if !is_of_kind || !is_long => Some("it is no generic secret of 32 bytes"),
        Kind::Hmac if !has(Attribute::Sign(true)) => Some("it must be allowed to sign"),
        Kind::Des if !is_of_kind => Some("it is no double-length DES key (CKK_DES2)"),
        Kind::Des if !has(Attribute::Encrypt(true)) => Some("it must be allowed to encrypt"),
        Kind::Aes | Kind::Hmac | Kind::Des => None,
    }
}

/// An error of the library in a few words.
fn told(error: &Error) -> String {
    match failed(error) {
        Some((function, code)) => format!("{function} returned {code}"),
        None => error.to_string(),
    }
}

/// The function that failed and its return code, by their PKCS#11 names.
fn failed(error: &Error) -> Option<(String, String)> {
    let Error::Pkcs11(code, function) = error else { return None };
    let name = if let RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) = code {
        format!("{code:#010x}")
    } else {
        code_name(&format!("{code:?}"))
    };
    Some((format!("C_{function:?}"), name))
}

/// `CKR_PIN_INCORRECT` of `PinIncorrect`.
fn code_name(words: &str) -> String {
    let mut name = String::from("CKR");
    for letter in words.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

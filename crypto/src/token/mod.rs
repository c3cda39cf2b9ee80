//! Keys that stay in a token, behind PKCS#11: an HSM, a smart card, or a program that acts as one.
//!
//! A token is logged in to once and asked over a bounded number of sessions. A session that was
//! lost is opened again and the call made once more: no call here changes anything in the token
//! but the making of a key, which is not repeated. A PIN that was refused is not tried again by
//! this process, since tokens count tries and lock themselves.

#[cfg(not(feature = "pkcs11"))]
#[path = "absent.rs"]
mod module;
#[cfg(feature = "pkcs11")]
mod module;

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};

pub use self::module::Token;

/// Longest label of a key, characters.
pub const LABEL_CHARS_MAX: usize = 32;

/// Why a token, or a key in it, cannot be used. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The program cannot load a module.
    #[error("this program was built without PKCS#11, so that no token can be used")]
    NotBuilt,
    /// No token was named, and a key is in one.
    #[error("the key `{0}` is in a token, and none is named: give [pkcs11]")]
    NotNamed(String),
    /// The library.
    #[error("the PKCS#11 module {0} cannot be used: {1}")]
    Module(String, String),
    /// No token of this label.
    #[error("the PKCS#11 module has no token with the label `{0}`")]
    NoToken(String),
    /// More than one.
    #[error("the PKCS#11 module has {1} tokens with the label `{0}`: give each a label of its own")]
    ManyTokens(String, usize),
    /// The token refuses the PIN.
    #[error(
        "the token `{0}` refuses the PIN ({1}): it counts the tries, so that this program makes no \
         other one; put the PIN right and start again"
    )]
    Pin(String, String),
    /// No such key.
    #[error("the token `{0}` has no key with the label `{1}`")]
    NoKey(String, String),
    /// More than one.
    #[error("the token `{0}` has {2} keys with the label `{1}`: leave one of them")]
    ManyKeys(String, String, usize),
    /// It is there already.
    #[error("the token `{0}` has a key with the label `{1}` already")]
    Exists(String, String),
    /// It is not what it should be.
    #[error("the key `{1}` in the token `{0}` cannot be used: {2}")]
    WrongKey(String, String, &'static str),
    /// A label that cannot be one.
    #[error("a key's label has 1 to 32 of a-z, 0-9 and hyphens, and `{0}` has not")]
    Label(String),
    /// A call failed: the function and the return code, by their PKCS#11 names.
    #[error("the token `{0}` failed: {1} returned {2}")]
    Failed(String, String, String),
    /// A call failed as well, and the token is not to be found any more.
    #[error(
        "the token `{0}` is gone: {1} returned {2}, and the PKCS#11 module has no token with this \
         label"
    )]
    Gone(String, String, String),
    /// All sessions were busy for too long.
    #[error("no session with the token `{0}` became free in time")]
    Busy(String),
    /// An answer that the mechanism cannot give.
    #[error("the token `{0}` gave an answer of the wrong length")]
    Answer(String),
}

/// Where a token is, and what opens it.
#[derive(Debug, Clone)]
pub struct Access {
    /// Path of the PKCS#11 library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// The user's PIN.
    pub pin: Secret<String>,
}

/// What a key object in a token is for: what it must be and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// AES-256, to encrypt and decrypt.
    Aes,
    /// A generic secret of 32 bytes, to sign.
    Hmac,
    /// Double-length DES, to encrypt.
    Des,
}

/// A key object in a token. It was looked at when this was made; it may have gone since.
#[derive(Clone)]
pub(crate) struct TokenKey {
    token: Token,
    label: Box<str>,
    kind: Kind,
}

/// The objects of a pair of card verification keys: A as the double-length key A|A, with which
/// triple DES is DES with A, and A|B.
pub(crate) struct CardKeys {
    pub(crate) first: TokenKey,
    pub(crate) both: TokenKey,
}

impl TokenKey {
    /// Finds it, and sees that it is of its kind and cannot leave the token.
    pub(crate) fn find(token: &Token, label: &str, kind: Kind) -> Result<Self, TokenError> {
        token.check(label, kind)?;
        Ok(Self { token: token.clone(), label: label.into(), kind })
    }

    /// HMAC-SHA-256 of a text.
    pub(crate) fn hmac(&self, text: &[u8]) -> Result<[u8; 32], TokenError> {
        self.exact(self.token.hmac(&self.label, text)?)
    }

    /// One block, encrypted.
    pub(crate) fn encrypt_block(&self, block: [u8; 8]) -> Result<[u8; 8], TokenError> {
        self.exact(self.token.encrypt_block(&self.label, block)?)
    }

    /// AES-GCM with a tag of 16 bytes: ciphertext and tag. A token that makes nonces of its own
    /// puts its one in the place of `nonce`.
    pub(crate) fn encrypt(
        &self,
        nonce: &mut [u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        self.token.encrypt(&self.label, nonce, aad, plain)
    }

    /// The reverse; `None` where the tag does not fit.
    pub(crate) fn decrypt(
        &self,
        nonce: &mut [u8],
        aad: &[u8],
        content: &[u8],
    ) -> Result<Option<SecretBytes>, TokenError> {
        match self.token.decrypt(&self.label, nonce, aad, content) {
            Ok(plain) => Ok(Some(plain)),
            // Modules differ in what they return where the tag does not fit. Whether the key works
            // tells such a call from one that failed.
            Err(TokenError::Failed(..)) => {
                let mut own = crate::random::bytes::<12>();
                let sealed = self.token.encrypt(&self.label, &mut own, aad, b"probe")?;
                self.token.decrypt(&self.label, &mut own, aad, &sealed)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn exact<const N: usize>(&self, answer: Vec<u8>) -> Result<[u8; N], TokenError> {
        answer.try_into().map_err(|_| TokenError::Answer(self.token.label().to_owned()))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("label", &self.label).field("kind", &self.kind).finish()
    }
}

impl CardKeys {
    /// Finds both objects of this label.
    pub(crate) fn find(token: &Token, label: &str) -> Result<Self, TokenError> {
        let [first, both] = card_labels(label);
        Ok(Self {
            first: TokenKey::find(token, &first, Kind::Des)?,
            both: TokenKey::find(token, &both, Kind::Des)?,
        })
    }
}

impl Token {
    /// Makes a master key in the token: AES-256, never extractable. It must not be there yet.
    pub fn make_master(&self, label: &str) -> Result<(), TokenError> {
        named(label)?;
        match self.check(label, Kind::Aes) {
            Err(TokenError::NoKey(..)) => self.generate(label, Kind::Aes),
            Ok(()) => Err(TokenError::Exists(self.label().to_owned(), label.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Makes a lookup key in the token, unless it has one of this label, which is taken as it is:
    /// whether one was made.
    pub fn make_lookup(&self, label: &str) -> Result<bool, TokenError> {
        named(label)?;
        match self.check(label, Kind::Hmac) {
            Err(TokenError::NoKey(..)) => self.generate(label, Kind::Hmac).map(|()| true),
            found => found.map(|()| false),
        }
    }

    /// Makes a pair of card verification keys in the token, unless it has one of this label, which
    /// is taken as it is: whether one was made. Its 16 bytes are random bytes of this program,
    /// since a token makes no two keys of which one is a part of the other; they are wiped.
    pub fn make_card_verification(&self, label: &str) -> Result<bool, TokenError> {
        named(label)?;
        let [first, both] = card_labels(label);
        match (self.check(&first, Kind::Des), self.check(&both, Kind::Des)) {
            (Err(TokenError::NoKey(..)), Err(TokenError::NoKey(..))) => {
                let pair = Secret::new(crate::random::bytes());
                self.import_card_verification(label, &pair).map(|()| true)
            }
            (first, both) => first.and(both).map(|()| false),
        }
    }

    /// Puts a pair of card verification keys, A and B one after the other, into the token.
    pub fn import_card_verification(
        &self,
        label: &str,
        pair: &Secret<[u8; 16]>,
    ) -> Result<(), TokenError> {
        let [first, both] = card_labels(label);
        let mut twice = Zeroizing::new([0; 16]);
        for half in twice.chunks_exact_mut(8) {
            half.copy_from_slice(&pair.expose()[..8]);
        }
        self.import(&first, Kind::Des, &*twice)?;
        let made = self.import(&both, Kind::Des, pair.expose());
        if made.is_err() {
            // Half a pair would be in the way of the next try; the error is the first one's.
            drop(self.destroy(&first));
        }
        made
    }

    /// Puts a lookup key into the token.
    pub fn import_lookup(&self, label: &str, key: &Secret<[u8; 32]>) -> Result<(), TokenError> {
        self.import(label, Kind::Hmac, key.expose())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("label", &self.label()).finish_non_exhaustive()
    }
}

/// The labels of the objects that make up a pair of card verification keys: of A, of A and B.
fn card_labels(label: &str) -> [String; 2] {
    [format!("{label}-a"), format!("{label}-ab")]
}

fn named(label: &str) -> Result<(), TokenError> {
    if is_label(label) { Ok(()) } else { Err(TokenError::Label(label.to_owned())) }
}

/// Whether a text can name a key of the platform's: 1 to 32 of a-z, 0-9 and hyphens.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=LABEL_CHARS_MAX).contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
#[cfg(feature = "pkcs11")]
mod tests;

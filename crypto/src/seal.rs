//! Values at rest: AES-256-GCM, bound to the place where the value lives.
//!
//! A master key, held outside the database, wraps the data keys; a data key seals values. Nonces
//! are random, so that one key must not seal more than 2^32 values (NIST SP 800-38D, section
//! 8.3): retire it before.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use data_encoding::{BASE64, HEXLOWER};
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};
use crate::shares::{self, SHARES, Share};
use crate::token::{Kind, Token, TokenError, TokenKey};
use crate::{frame, random};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const WRAP_HEADER_BYTES: usize = 1;
const SEAL_HEADER_BYTES: usize = 5;
/// Longest value that is sealed, in bytes.
pub const PLAIN_BYTES_MAX: usize = 64 * 1024;

/// Why a value was not sealed or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A master key's text.
    #[error("A master key is the Base64 of 32 bytes.")]
    MasterKey,
    /// Beyond [`PLAIN_BYTES_MAX`].
    #[error("The value is too long to be sealed.")]
    TooLong,
    /// Too short, or of another version.
    #[error("The bytes are no sealed value.")]
    Form,
    /// The ring has no such data key.
    #[error("The value was sealed with data key {0}, which is not in the keyring.")]
    UnknownKey(u32),
    /// Another key, another place, or a changed value.
    #[error("The sealed value does not open with this key in this place.")]
    DoesNotOpen,
    /// The library refused; does not happen with a key of the right length.
    #[error("The value could not be sealed.")]
    NotSealed,
    /// The master key, or a key that a row names, is in a token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Where a sealed value lives; a value that is moved elsewhere does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The partner whose row it is.
    pub asp_id: &'a str,
    /// Table and column, as `card.pan`.
    pub column: &'a str,
    /// The row's key within the partner.
    pub row: &'a str,
}

impl Place<'_> {
    /// The additional data to seal and to open with.
    #[must_use]
    pub fn aad(&self) -> Vec<u8> {
        let parts = [self.asp_id.as_bytes(), self.column.as_bytes(), self.row.as_bytes()];
        frame::encode("platen.place.v1", &parts)
    }
}

/// The key that wraps keys. Comes from the operator, never from the database.
///
/// It is held in memory or in a token; nothing but its making differs.
pub struct MasterKey {
    id: String,
    holder: Holder,
    token: Option<Token>,
}

/// Where a master key is.
enum Holder {
    Memory(Secret<[u8; 32]>),
    Token(TokenKey),
}

impl MasterKey {
    /// `id` names the key where several are in use; it is not secret.
    #[must_use]
    pub const fn new(id: String, key: Secret<[u8; 32]>) -> Self {
        Self { id, holder: Holder::Memory(key), token: None }
    }

    /// The AES-256 key of this label in a token; the label is its name as well.
    pub fn in_token(token: &Token, label: &str) -> Result<Self, TokenError> {
        let key = TokenKey::find(token, label, Kind::Aes)?;
        Ok(Self { id: label.to_owned(), holder: Holder::Token(key), token: Some(token.clone()) })
    }

    /// The same, beside a token that may hold keys which are bound to it.
    #[must_use]
    pub fn beside(self, token: Option<Token>) -> Self {
        Self { token: token.or(self.token), ..self }
    }

    /// The token beside it, if there is one.
    #[must_use]
    pub const fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether it is in a token itself.
    #[must_use]
    pub const fn is_in_token(&self) -> bool {
        match self.holder {
            Holder::Memory(_) => false,
            Holder::Token(_) => true,
        }
    }

    /// A new one, in memory, with the form for a settings file or a secret store.
    #[must_use]
    pub fn generate(id: String) -> (Self, Secret<String>) {
        let key = Secret::new(random::bytes());
        let text = Secret::new(BASE64.encode(key.expose()));
        (Self::new(id, key), text)
    }

    /// Reads the form that [`Self::generate`] gives; white space around it is passed over.
    pub fn from_base64(id: String, text: &str) -> Result<Self, SealError> {
        let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| SealError::MasterKey)?;
        let bytes = Zeroizing::new(bytes);
        let key = bytes.as_slice().try_into().map_err(|_| SealError::MasterKey)?;
        Ok(Self::new(id, Secret::new(key)))
    }

    /// Three shares, any two of which give it back; `None` of a key in a token, which never leaves
    /// it.
    #[must_use]
    pub fn split(&self) -> Option<[Share; SHARES as usize]> {
        self.in_memory().map(shares::split)
    }

    /// The key of two shares, with the form for a settings file; `None` where they are one and the
    /// same.
    #[must_use]
    pub fn join(id: String, one: &Share, other: &Share) -> Option<(Self, Secret<String>)> {
        let key = shares::join(one, other)?;
        let text = Secret::new(BASE64.encode(key.expose()));
        Some((Self::new(id, key), text))
    }

    /// What a key that has shares is recognised by, 6 hexadecimal digits; it is no secret.
    #[must_use]
    pub fn check_value(&self) -> Option<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.in_memory()?.expose());
        let [a, b, c, ..] = frame::mac(&key, "platen.master-check.v1", &[self.id.as_bytes()]);
        Some(HEXLOWER.encode(&[a, b, c]))
    }

    const fn in_memory(&self) -> Option<&Secret<[u8; 32]>> {
        match &self.holder {
            Holder::Memory(key) => Some(key),
            Holder::Token(_) => None,
        }
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a key; `purpose` says what the key is for, and is asked for again by
    /// [`Self::unwrap`]. Layout: version (1 byte), nonce (12), ciphertext and tag.
    pub fn wrap(&self, purpose: &[u8], key: &[u8]) -> Result<Vec<u8>, SealError> {
        let (header, aad) = ([VERSION], self.aad(purpose));
        match &self.holder {
            Holder::Memory(master) => seal(&cipher(master)?, &header, &aad, key),
            Holder::Token(master) => seal_in_token(master, &header, &aad, key),
        }
    }

    /// Opens a wrapped key.
    pub fn unwrap(&self, purpose: &[u8], wrapped: &[u8]) -> Result<SecretBytes, SealError> {
        let aad = self.aad(purpose);
        match &self.holder {
            Holder::Memory(key) => open(&cipher(key)?, WRAP_HEADER_BYTES, &aad, wrapped),
            Holder::Token(key) => open_in_token(key, WRAP_HEADER_BYTES, &aad, wrapped),
        }
    }

    fn aad(&self, purpose: &[u8]) -> Vec<u8> {
        frame::encode("platen.wrap.v1", &[self.id.as_bytes(), purpose])
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A sealed value: version (1 byte), key id (4, big-endian), nonce (12), ciphertext and tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The id of the data key that `sealed` opens with.
pub fn sealed_key_id(sealed: &[u8]) -> Result<u32, SealError> {
    match sealed {
        [VERSION, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(SealError::Form),
    }
}

/// A key that seals values.
pub struct DataKey {
    id: u32,
    cipher: LessSafeKey,
}

impl DataKey {
    /// `id` is written into every value that the key seals.
    pub fn new(id: u32, key: &Secret<[u8; 32]>) -> Result<Self, SealError> {
        Ok(Self { id, cipher: cipher(key)? })
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Seals a value; `aad` is best a [`Place::aad`].
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
        let [a, b, c, d] = self.id.to_be_bytes();
        let header = [VERSION, a, b, c, d];
        seal(&self.cipher, &header, &frame_aad(&header, aad), plain).map(Sealed)
    }

    /// Opens a value that was sealed with this key and this `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let id = sealed_key_id(sealed)?;
        if id != self.id {
            return Err(SealError::DoesNotOpen);
        }
        let aad = frame_aad(&sealed[..SEAL_HEADER_BYTES], aad);
        open(&self.cipher, SEAL_HEADER_BYTES, &aad, sealed)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn frame_aad(header: &[u8], aad: &[u8]) -> Vec<u8> {
    frame::encode("platen.seal.v1", &[header, aad])
}

fn cipher(key: &Secret<[u8; 32]>) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| SealError::NotSealed)?;
    Ok(LessSafeKey::new(key))
}

fn seal(
    cipher: &LessSafeKey,
    header: &[u8],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let nonce = random::bytes::<NONCE_BYTES>();
    let start = header.len() + NONCE_BYTES;
    let mut sealed = Vec::with_capacity(start + plain.len() + TAG_BYTES);
    for part in [header, &nonce, plain] {
        sealed.extend_from_slice(part);
    }
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = cipher
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed[start..])
        .map_err(|_| SealError::NotSealed)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open(
    cipher: &LessSafeKey,
    header_bytes: usize,
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, SealError> {
    let (nonce, content) = parts(header_bytes, sealed)?;
    let mut content = Zeroizing::new(content.to_vec());
    let opened = cipher
        .open_in_place(Nonce::from(nonce), Aad::from(aad), &mut content)
        .map_err(|_| SealError::DoesNotOpen)?
        .len();
    content.truncate(opened);
    Ok(Secret::new(std::mem::take(&mut *content)))
}

/// Nonce, and ciphertext with tag, of what is sealed.
fn parts(header_bytes: usize, sealed: &[u8]) -> Result<(&[u8; NONCE_BYTES], &[u8]), SealError> {
    if sealed.first() != Some(&VERSION) {
        return Err(SealError::Form);
    }
    let rest = sealed.get(header_bytes..).ok_or(SealError::Form)?;
    let (nonce, content) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Form)?;
    if content.len() < TAG_BYTES { Err(SealError::Form) } else { Ok((nonce, content)) }
}

/// As [`seal`], by a key in a token.
fn seal_in_token(
    key: &TokenKey,
    header: &[u8],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let mut nonce = random::bytes::<NONCE_BYTES>();
    let content = key.encrypt(&mut nonce, aad, plain)?;
    if content.len() != plain.len() + TAG_BYTES {
        return Err(SealError::NotSealed);
    }
    Ok([header, &nonce, &content].concat())
}

/// As [`open`], by a key in a token.
fn open_in_token(
    key: &TokenKey,
    header_bytes: usize,
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, SealError> {
    let (nonce, content) = parts(header_bytes, sealed)?;
    key.decrypt(&mut nonce.clone(), aad, content)?.ok_or(SealError::DoesNotOpen)
}

#[cfg(test)]
mod tests;

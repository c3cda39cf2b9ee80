//! JWE (RFC 7516) in compact serialization: RSA-OAEP-256 for the key, AES-GCM for the content.
//!
//! Nothing else is spoken: no other algorithm, no compression, no critical extension.

mod header;
mod keys;
mod pem;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

pub use self::keys::{KeyError, PrivateKey, PublicKey, RSA_BITS_MAX, RSA_BITS_MIN};
pub use self::pem::PemError;
use crate::random;
use crate::secret::{Secret, SecretBytes};

/// Longest plaintext that is encrypted, in bytes.
pub const PLAINTEXT_BYTES_MAX: usize = 512 * 1024;
/// Longest compact serialization that is looked at, in characters.
pub const COMPACT_CHARS_MAX: usize = 1024 * 1024;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const CEK_BYTES_MAX: usize = 32;

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enc {
    /// AES-GCM with a key of 128 bits.
    A128Gcm,
    /// AES-GCM with a key of 256 bits.
    A256Gcm,
}

impl Enc {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A128Gcm, Self::A256Gcm];

    /// The value of the header's `enc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The reverse of [`Self::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|enc| enc.name() == name)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::A128Gcm => &AES_128_GCM,
            Self::A256Gcm => &AES_256_GCM,
        }
    }
}

/// Why a JWE was not made or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Beyond [`PLAINTEXT_BYTES_MAX`] or [`COMPACT_CHARS_MAX`].
    #[error("The message is too long for a JWE.")]
    TooLong,
    /// The parts, their alphabet, or the length of IV or tag.
    #[error("The text is not a JWE of five parts in Base64url without padding.")]
    NotCompact,
    /// No JSON object with the texts `alg` and `enc`, or longer than 1,024 characters.
    #[error("The header of the JWE is not understood.")]
    Header,
    /// `alg` is another.
    #[error("The JWE's alg is not RSA-OAEP-256.")]
    Alg,
    /// `enc` is another.
    #[error("The JWE's enc is neither A128GCM nor A256GCM.")]
    Enc,
    /// `zip` or `crit` is there.
    #[error("The JWE asks for compression or for a critical extension.")]
    Extension,
    /// Another key, or a changed header, key, IV, ciphertext or tag. Which one is not told.
    #[error("The JWE does not open with this key.")]
    DoesNotOpen,
    /// The library refused to encrypt; does not happen with a key that was accepted.
    #[error("The message could not be encrypted.")]
    NotSealed,
}

/// Encrypts `plaintext` for the holder of the private half of `key`, under a content key and an
/// IV of its own.
pub fn encrypt(plaintext: &[u8], key: &PublicKey, enc: Enc) -> Result<String, JweError> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(JweError::TooLong);
    }
    let header = BASE64URL_NOPAD.encode(header::text(enc).as_bytes());
    let cek = ContentKey::random(enc);
    let encrypted_key = key.encrypt_key(cek.bytes()).ok_or(JweError::NotSealed)?;
    let iv = random::bytes::<IV_BYTES>();
    // Room for the tag, so that the buffer does not move and leave the plaintext behind.
    let mut content = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_BYTES));
    content.extend_from_slice(plaintext);
    cek.cipher()
        .ok_or(JweError::NotSealed)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(header.as_bytes()),
            &mut *content,
        )
        .map_err(|_| JweError::NotSealed)?;
    let (ciphertext, tag) = content.split_at(plaintext.len());
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    Ok([header, encode(&encrypted_key), encode(&iv), encode(ciphertext), encode(tag)].join("."))
}

/// Opens a JWE, and says how its content was encrypted.
///
/// Once the text has the right form, every failure is [`JweError::DoesNotOpen`]. A content key
/// that does not decrypt is replaced by a random one, so that the tag is checked all the same
/// (RFC 7516, section 11.5) and the caller does not become an oracle for RSA's padding.
pub fn decrypt(compact: &str, key: &PrivateKey) -> Result<(SecretBytes, Enc), JweError> {
    let parts = Parts::parse(compact)?;
    let mut cek = ContentKey::random(parts.enc);
    if let Some(decrypted) = key.decrypt_key(&parts.encrypted_key) {
        cek.replace(&decrypted);
    }
    let mut content = Zeroizing::new(parts.content);
    let opened = cek
        .cipher()
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(parts.iv);
            cipher.open_in_place(nonce, Aad::from(parts.header.as_bytes()), &mut content).ok()
        })
        .ok_or(JweError::DoesNotOpen)?
        .len();
    content.truncate(opened);
    Ok((Secret::new(std::mem::take(&mut *content)), parts.enc))
}

/// The parts of a compact serialization, decoded.
struct Parts<'a> {
    /// As it came: what the tag covers.
    header: &'a str,
    enc: Enc,
    encrypted_key: Vec<u8>,
    iv: [u8; IV_BYTES],
    /// Ciphertext and tag.
    content: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn parse(compact: &'a str) -> Result<Self, JweError> {
        if compact.len() > COMPACT_CHARS_MAX {
            return Err(JweError::TooLong);
        }
        let mut parts = compact.split('.');
        let mut next = || parts.next().ok_or(JweError::NotCompact);
        let (header, encrypted_key, iv, ciphertext, tag) =
            (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(JweError::NotCompact);
        }
        let decode =
            |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| JweError::NotCompact);
        let tag = decode(tag)?;
        if tag.len() != TAG_BYTES {
            return Err(JweError::NotCompact);
        }
        let mut content = decode(ciphertext)?;
        content.extend_from_slice(&tag);
        Ok(Self {
            header,
            enc: header::parse(header)?,
            encrypted_key: decode(encrypted_key)?,
            iv: decode(iv)?.try_into().map_err(|_| JweError::NotCompact)?,
            content,
        })
    }
}

/// The key of one message's content (CEK).
struct ContentKey {
    enc: Enc,
    buffer: Zeroizing<[u8; CEK_BYTES_MAX]>,
}

impl ContentKey {
    fn random(enc: Enc) -> Self {
        Self { enc, buffer: Zeroizing::new(random::bytes()) }
    }

    /// Keeps what it is where the length is not the one that `enc` asks for.
    fn replace(&mut self, key: &[u8]) {
        let own = &mut self.buffer[..self.enc.algorithm().key_len()];
        if own.len() == key.len() {
            own.copy_from_slice(key);
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.enc.algorithm().key_len()]
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(self.enc.algorithm(), self.bytes()).ok().map(LessSafeKey::new)
    }
}

#[cfg(test)]
mod tests;

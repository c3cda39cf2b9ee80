//! RSA keys of JWE.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::pem::{self, PemError};
use crate::secret::{Secret, SecretBytes};

/// Shortest accepted modulus, in bits.
pub const RSA_BITS_MIN: usize = 2048;
/// Longest accepted modulus, in bits; longer ones would make each call dear.
pub const RSA_BITS_MAX: usize = 4096;

const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text around the key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Not an RSA key in PKCS#8, or one whose numbers do not fit together.
    #[error("The bytes are no RSA private key in PKCS#8.")]
    Private,
    /// Not an RSA key in SubjectPublicKeyInfo.
    #[error("The bytes are no RSA public key in SubjectPublicKeyInfo (X.509).")]
    Public,
    /// Shorter or longer than [`RSA_BITS_MIN`] to [`RSA_BITS_MAX`].
    #[error("An RSA key has 2,048 to 4,096 bits.")]
    Size,
    /// The library refused to generate or to write a key.
    #[error("The RSA key could not be generated or written.")]
    Library,
}

/// The half that opens. A clone is the same key in memory, not a copy of it.
#[derive(Clone)]
pub struct PrivateKey(PrivateDecryptingKey);

impl PrivateKey {
    /// A new key of 2,048 bits; takes tenths of a second.
    pub fn generate_2048() -> Result<Self, KeyError> {
        PrivateDecryptingKey::generate(KeySize::Rsa2048).map(Self).map_err(|_| KeyError::Library)
    }

    /// Reads a block `PRIVATE KEY`.
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(pem::decode(PRIVATE_LABEL, text)?.expose())
    }

    /// Reads PKCS#8.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::Private)?;
        check_size(key.key_size_bits())?;
        Ok(Self(key))
    }

    /// Writes a block `PRIVATE KEY`.
    pub fn to_pkcs8_pem(&self) -> Result<Secret<String>, KeyError> {
        Ok(pem::encode(PRIVATE_LABEL, self.to_pkcs8_der()?.expose()))
    }

    /// Writes PKCS#8.
    pub fn to_pkcs8_der(&self) -> Result<SecretBytes, KeyError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| KeyError::Library)?;
        Ok(Secret::new(der.as_ref().to_vec()))
    }

    /// The half to give away.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key())
    }

    /// The half to give away, as a block `PUBLIC KEY`.
    pub fn public_key_pem(&self) -> Result<String, KeyError> {
        self.public_key().to_spki_pem()
    }

    /// The content key of a JWE, where the padding is right.
    pub(super) fn decrypt_key(&self, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = OaepPrivateDecryptingKey::new(self.0.clone()).ok()?;
        let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted, &mut buffer, None).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// The half that closes. A clone is the same key in memory, not a copy of it.
#[derive(Clone)]
pub struct PublicKey(PublicEncryptingKey);

impl PublicKey {
    /// Reads a block `PUBLIC KEY`; a certificate is not accepted.
    pub fn from_spki_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_spki_der(pem::decode(PUBLIC_LABEL, text)?.expose())
    }

    /// Reads SubjectPublicKeyInfo.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = PublicEncryptingKey::from_der(der).map_err(|_| KeyError::Public)?;
        check_size(key.key_size_bits())?;
        Ok(Self(key))
    }

    /// Writes a block `PUBLIC KEY`.
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        Ok(pem::encode(PUBLIC_LABEL, &self.to_spki_der()?).expose().clone())
    }

    /// Writes SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        let der: PublicKeyX509Der<'_> = self.0.as_der().map_err(|_| KeyError::Library)?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) fn encrypt_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        let own = OaepPublicEncryptingKey::new(self.0.clone()).ok()?;
        let mut buffer = vec![0; own.ciphertext_size()];
        let length = own.encrypt(&OAEP_SHA256_MGF1SHA256, key, &mut buffer, None).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

fn check_size(bits: usize) -> Result<(), KeyError> {
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) { Ok(()) } else { Err(KeyError::Size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_read_back() {
        let key = PrivateKey::generate_2048().unwrap();
        let private = key.to_pkcs8_pem().unwrap();
        let public = key.public_key_pem().unwrap();
        assert!(private.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let read = PrivateKey::from_pkcs8_pem(private.expose()).unwrap();
        assert_eq!(read.public_key_pem().unwrap(), public);
        let read = PublicKey::from_spki_pem(&public.replace('\n', "\r\n")).unwrap();
        assert_eq!(read.to_spki_pem().unwrap(), public);
    }

    #[test]
    fn halves_are_not_mistaken() {
        let key = PrivateKey::generate_2048().unwrap();
        let private = key.to_pkcs8_der().unwrap();
        let public = key.public_key().to_spki_der().unwrap();
        assert_eq!(PrivateKey::from_pkcs8_der(&public).err(), Some(KeyError::Private));
        assert_eq!(PublicKey::from_spki_der(private.expose()).err(), Some(KeyError::Public));
        let pem = key.public_key_pem().unwrap();
        let expected = KeyError::Pem(PemError::Label("PRIVATE KEY"));
        assert_eq!(PrivateKey::from_pkcs8_pem(&pem).err(), Some(expected));
    }

    #[test]
    fn longer_keys_are_refused() {
        assert_eq!(check_size(2047), Err(KeyError::Size));
        assert_eq!(check_size(2048), Ok(()));
        assert_eq!(check_size(4096), Ok(()));
        assert_eq!(check_size(4097), Err(KeyError::Size));
    }

    #[test]
    fn debug_shows_nothing() {
        let key = PrivateKey::generate_2048().unwrap();
        let shown = format!("{key:?} {:?}", key.public_key());
        assert_eq!(shown, "PrivateKey(..) PublicKey(..)");
    }
}

//! Public keys of others, from files.

use std::fmt::Display;
use std::path::Path;

use crypto::jwe::{KeyError, PublicKey};

use super::Failure;

/// Longest file with a key that is read, bytes.
const KEY_BYTES_MAX: u64 = 16_384;

/// Why the key in a file is of no use.
pub(super) fn cannot(path: &Path, why: &dyn Display) -> Failure {
    Failure(format!("the key in {} cannot be used: {why}", path.display()))
}

/// The text of a file with a key.
pub(super) fn pem(path: &Path) -> Result<String, Failure> {
    let length = std::fs::metadata(path).map_err(|error| cannot(path, &error))?.len();
    if length > KEY_BYTES_MAX {
        return Err(cannot(path, &"the file is too long for a key"));
    }
    std::fs::read_to_string(path).map_err(|error| cannot(path, &error))
}

/// A partner's public key. A private one is not taken, so that nobody gets used to sending it.
pub(super) fn partners_key(path: &Path) -> Result<PublicKey, Failure> {
    let pem = pem(path)?;
    if pem.contains("PRIVATE KEY") {
        return Err(cannot(
            path,
            &"it is a private key, which its owner keeps secret and shows nobody: let the partner \
              make a new pair and hand in the public half (openssl pkey -in private.pem -pubout)",
        ));
    }
    PublicKey::from_spki_pem(&pem).map_err(|error| match error {
        KeyError::Public | KeyError::Size => cannot(
            path,
            &"it is no RSA public key of 2,048 to 4,096 bits in the form that `openssl pkey \
              -pubout` writes",
        ),
        KeyError::Pem(_) | KeyError::Private | KeyError::Library => cannot(path, &error),
    })
}

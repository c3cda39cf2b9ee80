//! A partner's public key, from a file.

use std::path::Path;

use crypto::jwe::{KeyError, PublicKey};

use super::Failure;

/// Longest file with a key that is read, bytes.
const KEY_BYTES_MAX: u64 = 16_384;

/// The partner's public key. A private one is not taken, so that nobody gets used to sending it.
pub(super) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure(format!("the key in {} cannot be used: {error}", path.display()))
    };
    let length = std::fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if length > KEY_BYTES_MAX {
        return Err(cannot(&"the file is too long for a key"));
    }
    let pem = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    if pem.contains("PRIVATE KEY") {
        return Err(cannot(
            &"it is a private key, which its owner keeps secret and shows nobody: let the partner \
              make a new pair and hand in the public half (openssl pkey -in private.pem -pubout)",
        ));
    }
    PublicKey::from_spki_pem(&pem).map_err(|error| match error {
        KeyError::Public | KeyError::Size => cannot(
            &"it is no RSA public key of 2,048 to 4,096 bits in the form that `openssl pkey \
              -pubout` writes",
        ),
        KeyError::Pem(_) | KeyError::Private | KeyError::Library => cannot(&error),
    })
}

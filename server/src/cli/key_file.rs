//! Public keys of others, from files.

use std::fmt::Display;
use std::path::Path;

use crypto::jwe::{KeyError, PublicKey};
use domain::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::Failure;
use crate::certificate;
use crate::context::Clock;
use crate::keys::partner::ClientKey;
use crate::operator::moment;

/// Longest file with a key that is read, bytes.
const KEY_BYTES_MAX: u64 = 16_384;
/// The first byte of a certificate that is not PEM.
const DER: u8 = 0x30;
/// The first line of one that is.
const CERTIFICATE: &str = "BEGIN CERTIFICATE";
/// What a file says that looks like a certificate.
const NO_CERTIFICATE: &str = "it is no certificate, PEM or DER";

/// Why the key in a file is of no use.
pub(super) fn cannot(path: &Path, why: &dyn Display) -> Failure {
    Failure(format!("the key in {} cannot be used: {why}", path.display()))
}

/// The text of a file with a key.
pub(super) fn pem(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| cannot(path, &"it is no text"))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let length = std::fs::metadata(path).map_err(|error| cannot(path, &error))?.len();
    if length > KEY_BYTES_MAX {
        return Err(cannot(path, &"the file is too long for a key"));
    }
    std::fs::read(path).map_err(|error| cannot(path, &error))
}

/// A partner's public key: a PEM file with it, or an X.509 certificate, PEM or DER, of which its
/// subject's key and its validity are taken; its issuer is not looked at. A private key is not
/// taken, so that nobody gets used to sending it.
pub(super) fn partners_key(path: &Path) -> Result<ClientKey, Failure> {
    let bytes = bytes(path)?;
    let pem = std::str::from_utf8(&bytes).unwrap_or_default();
    if pem.contains("PRIVATE KEY") {
        return Err(cannot(
            path,
            &"it is a private key, which its owner keeps secret and shows nobody: let the partner \
              make a new pair and hand in the public half (openssl pkey -in private.pem -pubout)",
        ));
    }
    let (public, not_after) = match bytes.first() {
        Some(&DER) => certified(path, &bytes)?,
        _ if pem.contains(CERTIFICATE) => {
            let der = CertificateDer::from_pem_slice(&bytes);
            certified(path, &der.map_err(|_| cannot(path, &NO_CERTIFICATE))?)?
        }
        _ => (PublicKey::from_spki_pem(pem), None),
    };
    let public = public.map_err(|error| match error {
        KeyError::Public | KeyError::Size => cannot(
            path,
            &"it is no RSA public key of 2,048 to 4,096 bits in the form that `openssl pkey \
              -pubout` writes, nor a certificate of one",
        ),
        KeyError::Pem(_) | KeyError::Private | KeyError::Library => cannot(path, &error),
    })?;
    Ok(ClientKey { public, not_after })
}

type Certified = (Result<PublicKey, KeyError>, Option<Timestamp>);

/// The key of a certificate that is valid now, and until when it is.
fn certified(path: &Path, der: &[u8]) -> Result<Certified, Failure> {
    let certificate = certificate::read(der).ok_or_else(|| cannot(path, &NO_CERTIFICATE))?;
    let now = Clock.now();
    if certificate.not_after < now {
        let end = moment(certificate.not_after);
        return Err(cannot(path, &format!("the certificate expired on {end}: ask for a new one")));
    }
    if certificate.not_before > now {
        let from = moment(certificate.not_before);
        let sentence = format!("the certificate is valid from {from} on: wait until then");
        return Err(cannot(path, &sentence));
    }
    Ok((PublicKey::from_spki_der(certificate.public_key), Some(certificate.not_after)))
}

//! A project's access key and secret key.

use crypto::random;
use domain::AspId;
use store::Tx;
use store::tables::projects::{self, NewKeys, Project};

use super::{Made, broken};
use crate::context::{Core, place};
use crate::directory::access_key_digest;

/// The names of what a partner's developer needs: in the environment and in JSON. The last one,
/// the partner's private key, is known to the platform in a sandbox alone.
pub const TOLD: [(&str, &str); 6] = [
    ("PLATEN_ASP_ID", "aspId"),
    ("PLATEN_ACCESS_KEY", "accessKey"),
    ("PLATEN_SECRET_KEY", "secretKey"),
    ("PLATEN_CRYPTO_KEY_ID", "cryptoKeyId"),
    ("PLATEN_SERVER_PUBLIC_KEY", "serverPublicKey"),
    ("PLATEN_CLIENT_PRIVATE_KEY", "clientPrivateKey"),
];

/// New keys of a project, in clear: they have no `Debug`.
pub struct AccessKeys {
    /// Names the secret key, 40 characters.
    pub access_key: String,
    /// Signs.
    pub secret_key: String,
}

impl AccessKeys {
    /// Makes some.
    pub fn make() -> Self {
        AccessKeys {
            access_key: format!("{}-{}", random::hex_lower(7), random::hex_lower(32)),
            secret_key: random::hex_lower(64),
        }
    }

    /// Writes a project that has them; `false` where the partner has one of this number.
    pub fn insert(
        &self,
        tx: &mut Tx<'_>,
        core: &Core,
        asp: &AspId,
        project: &Project,
    ) -> Made<bool> {
        let ring = core.keys.ring();
        let at = project.project_id.to_string();
        let secret = place(asp, "project.secret_key", &at);
        let secret = core.seal(secret, self.secret_key.as_bytes()).or_else(broken)?;
        let keys = NewKeys {
            access_key_digest: &access_key_digest(ring.digest_key(), asp, &self.access_key),
            digest_key_id: ring.digest_key().id(),
            secret_key_sealed: &secret,
        };
        Ok(projects::insert(tx, asp, project, &keys)?)
    }
}

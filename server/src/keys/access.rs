//! A project's access keys, each with its secret key. A project has one live key, or two while its
//! partner changes over.

use crypto::random;
use domain::{AspId, Timestamp};
use store::Tx;
use store::tables::access_keys::{self, FIRST, NewKey};
use store::tables::projects::{self, Project};

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

/// As secret keys are bound to their place.
pub const SECRET: &str = "project.secret_key";
/// Live access keys of a project at the most.
pub const LIVE_MAX: usize = 2;

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

    /// What the partner is told, in the order of [`TOLD`].
    pub fn told(&self, asp: &AspId) -> [String; 3] {
        [asp.to_string(), self.access_key.clone(), self.secret_key.clone()]
    }

    /// Writes a project that has them first; `false` where the partner has one of this number.
    pub fn insert(
        &self,
        tx: &mut Tx<'_>,
        core: &Core,
        asp: &AspId,
        (project, now): (&Project, Timestamp),
    ) -> Made<bool> {
        self.stored(core, asp, (project.project_id, FIRST), now, |key| {
            Ok(projects::insert(tx, asp, project, key)?)
        })
    }

    /// Writes them as a further key of a project.
    pub fn add(
        &self,
        tx: &mut Tx<'_>,
        core: &Core,
        asp: &AspId,
        (project_id, key_no): (i64, i64),
        now: Timestamp,
    ) -> Made<()> {
        self.stored(core, asp, (project_id, key_no), now, |key| {
            Ok(access_keys::insert(tx, asp, project_id, key)?)
        })
    }

    /// Writes them as they are stored.
    fn stored<T>(
        &self,
        core: &Core,
        asp: &AspId,
        (project_id, key_no): (i64, i64),
        made_at: Timestamp,
        write: impl FnOnce(NewKey<'_>) -> Made<T>,
    ) -> Made<T> {
        let ring = core.keys.ring();
        let at = row(project_id, key_no);
        let secret = place(asp, SECRET, &at);
        let secret = core.seal(secret, self.secret_key.as_bytes()).or_else(broken)?;
        write(NewKey {
            key_no,
            access_key_digest: &access_key_digest(ring.digest_key(), asp, &self.access_key),
            digest_key_id: ring.digest_key().id(),
            secret_key_sealed: &secret,
            made_at,
        })
    }
}

/// The row that a secret key is bound to: of the first one the project, whose own it was once.
pub fn row(project_id: i64, key_no: i64) -> String {
    match key_no {
        FIRST => project_id.to_string(),
        _ => format!("{project_id}/{key_no}"),
    }
}

/// Takes a discarded key's secret key away.
pub fn wipe(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (project_id, key_no): (i64, i64),
) -> Made<()> {
    access_keys::wipe(tx, asp, (project_id, key_no))?;
    if key_no == FIRST {
        // What the release before seals anew is no empty value.
        let at = row(project_id, FIRST);
        let nothing = core.seal(place(asp, SECRET, &at), b"discarded").or_else(broken)?;
        access_keys::wipe_in_project(tx, asp, project_id, &nothing)?;
    }
    Ok(())
}

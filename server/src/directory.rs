//! Partners' projects: keys and policy, read from the database and kept for a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crypto::digest::DigestKey;
use crypto::jwe::{PrivateKey, PublicKey};
use crypto::keyring::Keyring;
use crypto::secret::Secret;
use crypto::tran_token::TokenKey;
use domain::AspId;
use store::tables::access_keys;
use store::{Store, Tx, TxError, WriteError};
use tokio::time::Instant;

use crate::address::AllowList;
use crate::context::{Core, place};
use crate::keys::access;
use crate::limits::Rate;

/// Projects kept at once; beyond it the cache starts anew, so that guessed keys cannot fill it.
const CACHED_MAX: usize = 10_000;

/// A project as a call needs it.
pub struct Project {
    /// Its number within the partner.
    pub id: i64,
    /// From where it may be called.
    pub allowed: AllowList,
    /// How often it may be called.
    pub rate: Rate,
    /// Whether project and partner are active.
    pub is_active: bool,
    /// The key of its tokens.
    pub token_key: TokenKey,
    /// Live crypto keys by id, at most two.
    pub crypto_keys: HashMap<String, Arc<CryptoKey>>,
    /// Whether an operation that asks for encryption takes a plain request.
    pub accepts_plain: bool,
    /// Whether the same correlation id with another body is refused.
    pub is_strict: bool,
    /// How far the caller's clock may be off, milliseconds.
    pub tran_time_window_ms: u64,
    /// How long outcomes are remembered, milliseconds.
    pub replay_window_ms: u64,
}

/// A pair of keys.
pub struct CryptoKey {
    /// Opens requests.
    pub server_private: Arc<PrivateKey>,
    /// Closes responses.
    pub client_public: Arc<PublicKey>,
}

type Key = (AspId, [u8; 32]);
type Cached = (Instant, Option<Arc<Project>>);

/// The cache.
pub struct Directory {
    cached: RwLock<HashMap<Key, Cached>>,
    ttl: Duration,
}

impl Directory {
    /// A cache that keeps a project for `ttl_ms`.
    pub fn new(ttl_ms: u64) -> Self {
        Directory { cached: RwLock::default(), ttl: Duration::from_millis(ttl_ms) }
    }

    /// The project of this partner with this access key, which serves. That there is none is kept
    /// as long as one that there is.
    pub async fn project(
        &self,
        store: &Store,
        core: &Core,
        asp: &AspId,
        access_key: &str,
    ) -> Result<Option<Arc<Project>>, WriteError<String>> {
        let ring = core.keys.ring();
        let key = (asp.clone(), access_key_digest(ring.digest_key(), asp, access_key));
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((at, project)) = cached
            && at.elapsed() < self.ttl
        {
            return Ok(project);
        }
        let digests = digests(&ring, asp, access_key);
        let (partner, core) = (asp.clone(), core.clone());
        let read = move |tx: &mut Tx<'_>| {
            for (_, digest) in &digests {
                if let Some(project) = read_project(tx, &core, &partner, digest)? {
                    return Ok(Some((project, digests.first().copied(), *digest)));
                }
            }
            Ok(None)
        };
        let project = match store.read(read).await? {
            Some((project, Some(active), found)) => {
                if active.1 != found {
                    renew(store, asp, found, active).await;
                }
                Some(Arc::new(project))
            }
            Some((project, None, _)) => Some(Arc::new(project)),
            None => None,
        };
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= CACHED_MAX {
            cached.clear();
        }
        cached.insert(key, (Instant::now(), project.clone()));
        Ok(project)
    }

    /// Forgets a project, so that it is read anew.
    pub fn forget(&self, core: &Core, asp: &AspId, access_key: &str) {
        let digest = access_key_digest(core.keys.ring().digest_key(), asp, access_key);
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        cached.remove(&(asp.clone(), digest));
    }
}

/// The digest by which an access key is found.
pub fn access_key_digest(key: &DigestKey, asp: &AspId, access_key: &str) -> [u8; 32] {
    key.digest("access-key", &[asp.as_str().as_bytes(), access_key.as_bytes()])
}

/// A digest with the key that made it.
type Digest = (i64, [u8; 32]);

/// The digests by which an access key may be found, that of the digest key in use first.
fn digests(ring: &Keyring, asp: &AspId, access_key: &str) -> Vec<Digest> {
    ring.digest_keys().map(|key| (key.id(), access_key_digest(key, asp, access_key))).collect()
}

/// After a rotation of the digest key, an access key that is used gets its digest by the new key.
/// A server that has not changed over yet does not change it back.
async fn renew(store: &Store, asp: &AspId, from: [u8; 32], to: Digest) {
    let asp = asp.clone();
    let write = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        Ok(access_keys::renew(tx, &asp, &from, (&to.1, to.0))?)
    };
    if store.write(write).await.is_err() {
        // It is found by the old one, and renewed the next time.
        tracing::warn!("an access key's digest was not renewed");
    }
}

fn read_project(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    digest: &[u8],
) -> Result<Option<Project>, TxError<String>> {
    let row = tx.query_opt(
        "SELECT p.project_id, k.secret_key_sealed, p.plain_requests = 'ACCEPTED',
             p.correlation_ids = 'STRICT', p.tran_time_window_ms, p.replay_window_ms,
             p.state = 'ACTIVE' AND a.state = 'ACTIVE', p.allowed_addresses,
             p.rate_limit_per_second, p.rate_limit_burst, k.key_no
         FROM access_key k
         JOIN project p ON p.asp_id = k.asp_id AND p.project_id = k.project_id
         JOIN partner a ON a.asp_id = k.asp_id
         WHERE k.asp_id = $1 AND k.access_key_digest = $2 AND k.state = 'ACTIVE'",
        &[asp.as_str().into(), digest.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let project_id = row.int(0)?;
    let at = access::row(project_id, row.int(10)?);
    let secret = core
        .open_text(place(asp, access::SECRET, &at), row.blob(1)?)
        .map_err(|error| TxError::Refused(format!("secret of project {project_id}: {error}")))?;
    let allowed = row.text(7)?.parse();
    Ok(Some(Project {
        id: project_id,
        // A list that cannot be read would let anybody in.
        allowed: allowed
            .map_err(|error| TxError::Refused(format!("project {project_id}: {error}")))?,
        rate: Rate { per_second: row.int(8)?.unsigned_abs(), burst: row.int(9)?.unsigned_abs() },
        is_active: row.boolean(6)?,
        token_key: TokenKey::new(&Secret::new(secret.expose().to_owned())),
        crypto_keys: read_crypto_keys(tx, core, asp, project_id)?,
        accepts_plain: row.boolean(2)?,
        is_strict: row.boolean(3)?,
        tran_time_window_ms: row.int(4)?.unsigned_abs(),
        replay_window_ms: row.int(5)?.unsigned_abs(),
    }))
}

fn read_crypto_keys(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    project_id: i64,
) -> Result<HashMap<String, Arc<CryptoKey>>, TxError<String>> {
    let rows = tx.query(
        "SELECT crypto_key_id, server_private_key_sealed, client_public_key FROM crypto_key
         WHERE asp_id = $1 AND project_id = $2 AND state = 'ACTIVE' AND suspended_at IS NULL",
        &[asp.as_str().into(), project_id.into()],
    )?;
    let mut keys = HashMap::new();
    for mut row in rows {
        let id = row.take_text(0)?;
        let wrong = |what: &dyn std::fmt::Display| {
            TxError::Refused(format!("crypto key {id} of partner {asp}: {what}"))
        };
        let aad = place(asp, "crypto_key.server_private_key", &id).aad();
        let der = core.keys.ring().open(&aad, row.blob(1)?).map_err(|error| wrong(&error))?;
        let private = PrivateKey::from_pkcs8_der(der.expose()).map_err(|error| wrong(&error))?;
        let public = PublicKey::from_spki_der(row.blob(2)?).map_err(|error| wrong(&error))?;
        let key = CryptoKey { server_private: Arc::new(private), client_public: Arc::new(public) };
        keys.insert(id, Arc::new(key));
    }
    Ok(keys)
}

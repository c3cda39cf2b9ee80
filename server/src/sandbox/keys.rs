//! The keys of a sandbox, made with its database and kept in it. They protect nothing: whoever
//! has the database has them. A database is marked sandbox or production when it is made.

use std::sync::Arc;

use crypto::keyring::{KeyMaterial, KeyPurpose, Keyring, generate_all};
use crypto::seal::MasterKey;
use domain::{AspId, Timestamp};
use serde_json::{Value, json};
use store::tables::PLATFORM;
use store::{DbError, Store, Tx, TxError, WriteError};

use super::ASP_ID;
use crate::context::{Clock, place};
use crate::facts::{MODE, SANDBOX, fact, put_fact};
use crate::keys::access::{AccessKeys, TOLD};
use crate::keys::change::{self, Change, NewKey};
use crate::keys::partner::NewPair;
use crate::keys::rows::KeyRow;
use crate::keys::{self, Keys, KeysError, of_keys};

/// Why a database cannot be used as a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It holds real partners.
    #[error(
        "this database is marked {0}: the sandbox, populate and arming work on sandbox databases \
         alone"
    )]
    NotASandbox(String),
    /// It was never made a sandbox.
    #[error("this database is no sandbox yet: start `platen sandbox` on it first")]
    Empty,
    /// There is no such file.
    #[error("there is no database {}: start `platen sandbox` first", .0.display())]
    Missing(std::path::PathBuf),
    /// Its keys do not fit.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(String),
}

impl<E: std::fmt::Debug> From<WriteError<E>> for SandboxError {
    fn from(error: WriteError<E>) -> Self {
        SandboxError::Store(format!("{error:?}"))
    }
}

type Made<T> = Result<T, TxError<SandboxError>>;

fn broken<T>(error: impl std::fmt::Display) -> Made<T> {
    Err(TxError::Refused(KeysError::Broken(error.to_string()).into()))
}

/// Makes an empty database a sandbox, or opens one that is. Several may do so at once.
pub fn open(store: &Store, may_create: bool) -> Result<Keys, SandboxError> {
    let fresh = Fresh::make();
    let opened = store.write_blocking(move |tx| {
        match fact(tx, MODE)? {
            Some(mode) if mode == SANDBOX => {}
            Some(mode) => return Err(TxError::Refused(SandboxError::NotASandbox(mode))),
            None if may_create => create(tx, &fresh)?,
            None => return Err(TxError::Refused(SandboxError::Empty)),
        }
        of_keys(change::complete(tx, &fresh.keys, &master_of))
    });
    opened.map_err(unwrapped)?;
    Ok(Keys::open(store, Arc::new(master_of), Clock.now())?)
}

/// The closure's own refusal, or what the store says.
pub fn unwrapped(error: WriteError<SandboxError>) -> SandboxError {
    error.refusal_or(SandboxError::Store)
}

/// Keys for a new sandbox, made before the transaction, which may run twice.
struct Fresh {
    master: String,
    keys: Vec<KeyMaterial>,
}

impl Fresh {
    fn make() -> Self {
        let (_, text) = MasterKey::generate(MASTER_ID.to_owned());
        Fresh { master: text.expose().clone(), keys: generate_all() }
    }
}

fn create(tx: &mut Tx<'_>, fresh: &Fresh) -> Made<()> {
    if !put_fact(tx, MODE, SANDBOX)? {
        // Another server made the sandbox at the same time: its keys count.
        return Ok(());
    }
    tx.execute(
        "INSERT INTO sandbox_master_key (asp_id, master_key) VALUES ($1, $2)",
        &[PLATFORM.into(), fresh.master.as_bytes().into()],
    )?;
    let master = of_keys(master(&fresh.master))?;
    let made = Change {
        by: "sandbox".to_owned(),
        reason: "the sandbox was made".to_owned(),
        now: Clock.now(),
    };
    of_keys(change::make(tx, &fresh.keys, &master, &made))
}

/// What keys are wrapped under names its master key so.
const MASTER_ID: &str = "sandbox";

fn master(text: &str) -> keys::Made<MasterKey> {
    MasterKey::from_base64(MASTER_ID.to_owned(), text).or_else(keys::broken)
}

/// The master key, which lies in the database.
fn master_of(tx: &mut Tx<'_>, _: &[KeyRow]) -> keys::Made<Arc<MasterKey>> {
    let row = tx.query_one(
        "SELECT master_key FROM sandbox_master_key WHERE asp_id = $1",
        &[PLATFORM.into()],
    )?;
    master(std::str::from_utf8(row.blob(0)?).or_else(keys::broken)?).map(Arc::new)
}

/// Adds a key of the platform; see [`change::rotate`].
pub fn rotate(
    tx: &mut Tx<'_>,
    purpose: KeyPurpose,
    active_from: Timestamp,
    change: &Change,
) -> keys::Made<i64> {
    let new = NewKey { purpose, active_from, token_label: None };
    change::rotate(tx, &master_of, &new, change)
}

/// Which master key it is, from 1 on; `None` where the database holds none.
pub fn master_generation(tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
    let row = tx.query_opt(
        "SELECT generation FROM sandbox_master_key WHERE asp_id = $1",
        &[PLATFORM.into()],
    )?;
    row.map(|row| row.int(0)).transpose()
}

/// Puts a new master key in the old one's place and wraps every key under it; which one it is.
pub fn rotate_master(tx: &mut Tx<'_>, change: &Change) -> keys::Made<i64> {
    Change::lock(tx)?;
    let from = master_of(tx, &[])?;
    let (to, text) = MasterKey::generate(MASTER_ID.to_owned());
    change::rewrap(tx, &from, &to)?;
    let row = tx.query_one(
        "UPDATE sandbox_master_key SET master_key = $2, generation = generation + 1
         WHERE asp_id = $1 RETURNING generation",
        &[PLATFORM.into(), text.expose().as_bytes().into()],
    )?;
    let generation = row.int(0)?;
    let subject = format!("key:master:{generation}");
    change.note(tx, &AspId::new(PLATFORM), "key.rotated", &subject, json!({}))?;
    Ok(generation)
}

/// What a partner's developer needs to call the sandbox.
pub struct Credentials {
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The crypto key's id.
    pub crypto_key_id: String,
    /// The platform's public key, PEM.
    pub server_public_key: String,
    /// The partner's private key, PEM, PKCS#8.
    pub client_private_key: String,
}

/// Names under which they are kept.
const NAMES: [&str; 5] =
    ["access-key", "secret-key", "crypto-key-id", "server-public-key", "client-private-key"];

/// A new project's credentials, with the platform's half of the crypto key.
pub struct NewProject {
    /// What the partner gets.
    pub credentials: Credentials,
    /// The crypto key.
    pub pair: NewPair,
}

impl NewProject {
    /// Makes one.
    pub fn make() -> Result<Self, SandboxError> {
        let pair = NewPair::make()?;
        let AccessKeys { access_key, secret_key } = AccessKeys::make();
        let (crypto_key_id, server_public_key, client_private_key) = told(&pair)?;
        Ok(NewProject {
            credentials: Credentials {
                access_key,
                secret_key,
                crypto_key_id,
                server_public_key,
                client_private_key,
            },
            pair,
        })
    }
}

/// What the partner is given of a pair: its id, the platform's public key, its own private key.
fn told(pair: &NewPair) -> Result<(String, String, String), KeysError> {
    let wrong = |error: &dyn std::fmt::Display| KeysError::Broken(error.to_string());
    let public = pair.server.public_key_pem().map_err(|error| wrong(&error))?;
    let private = pair.client.to_pkcs8_pem().map_err(|error| wrong(&error))?;
    Ok((pair.id.clone(), public, private.expose().clone()))
}

impl Credentials {
    fn values(&self) -> [&str; 5] {
        [
            &self.access_key,
            &self.secret_key,
            &self.crypto_key_id,
            &self.server_public_key,
            &self.client_private_key,
        ]
    }

    /// Each as a variable of the environment, with the partner's id.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        TOLD.into_iter().map(|(variable, _)| variable).zip(self.told())
    }

    /// All of them, with the partner's id.
    pub fn to_json(&self) -> Value {
        let each = TOLD.into_iter().map(|(_, name)| name.to_owned());
        Value::Object(each.zip(self.told().map(Value::from)).collect())
    }

    fn told(&self) -> impl Iterator<Item = &str> {
        std::iter::once(ASP_ID).chain(self.values())
    }

    /// Keeps them, sealed; `false` where some are there already.
    pub fn keep(&self, tx: &mut Tx<'_>, asp: &AspId, keys: &Keyring) -> Made<bool> {
        for (name, value) in NAMES.into_iter().zip(self.values()) {
            let aad = place(asp, "sandbox_secret.value", name).aad();
            let sealed = keys.seal(&aad, value.as_bytes()).or_else(broken)?;
            let written = tx.execute(
                "INSERT INTO sandbox_secret (asp_id, name, value_sealed) VALUES ($1, $2, $3)
                 ON CONFLICT (asp_id, name) DO NOTHING",
                &[asp.as_str().into(), name.into(), sealed.as_bytes().into()],
            )?;
            if written == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps a new pair in the old one's place.
    pub fn replace_pair(
        tx: &mut Tx<'_>,
        asp: &AspId,
        ring: &Keyring,
        pair: &NewPair,
    ) -> keys::Made<()> {
        let (id, public, private) = told(pair).map_err(TxError::Refused)?;
        for (name, value) in NAMES.into_iter().skip(2).zip([id, public, private]) {
            let aad = place(asp, "sandbox_secret.value", name).aad();
            let sealed = ring.seal(&aad, value.as_bytes()).or_else(keys::broken)?;
            tx.execute(
                "UPDATE sandbox_secret SET value_sealed = $3 WHERE asp_id = $1 AND name = $2",
                &[asp.as_str().into(), name.into(), sealed.as_bytes().into()],
            )?;
        }
        Ok(())
    }

    /// Reads them.
    pub fn read(tx: &mut Tx<'_>, asp: &AspId, keys: &Keyring) -> Made<Self> {
        let mut values = Vec::new();
        for name in NAMES {
            let row = tx.query_one(
                "SELECT value_sealed FROM sandbox_secret WHERE asp_id = $1 AND name = $2",
                &[asp.as_str().into(), name.into()],
            )?;
            let aad = place(asp, "sandbox_secret.value", name).aad();
            let value = keys.open(&aad, row.blob(0)?).or_else(broken)?;
            values.push(String::from_utf8(value.expose().clone()).or_else(broken)?);
        }
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        Ok(Credentials {
            access_key: next(),
            secret_key: next(),
            crypto_key_id: next(),
            server_public_key: next(),
            client_private_key: next(),
        })
    }
}

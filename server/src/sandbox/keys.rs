//! The keys of a sandbox, made with its database and kept in it. They protect nothing: whoever
//! has the database has them. A database is marked sandbox or production when it is made.

use crypto::jwe::PrivateKey;
use crypto::keyring::{KeyMaterial, KeyPurpose, KeyState, Keyring, generate_all};
use crypto::random;
use crypto::seal::MasterKey;
use domain::AspId;
use store::tables::{PLATFORM, counters};
use store::{DbError, Store, Tx, TxError, WriteError};

use crate::context::{Clock, place};
use crate::supply::BANK_TRAN_IDS;

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
    #[error("the sandbox's keys cannot be read: {0}")]
    Keys(String),
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
    Err(TxError::Refused(SandboxError::Keys(error.to_string())))
}

/// Makes an empty database a sandbox, or opens one that is. Several may do so at once.
pub fn open(store: &Store, may_create: bool) -> Result<Keyring, SandboxError> {
    let fresh = Fresh::make()?;
    let opened = store.write_blocking(move |tx| {
        match fact(tx, MODE)? {
            Some(mode) if mode == SANDBOX => {}
            Some(mode) => return Err(TxError::Refused(SandboxError::NotASandbox(mode))),
            None if may_create => create(tx, &fresh)?,
            None => return Err(TxError::Refused(SandboxError::Empty)),
        }
        read_keys(tx)
    });
    opened.map_err(unwrapped)
}

/// The closure's own refusal, or what the store says.
pub fn unwrapped(error: WriteError<SandboxError>) -> SandboxError {
    match error {
        WriteError::Refused(error) => error,
        WriteError::Unavailable(cause) => SandboxError::Store(cause.to_string()),
        WriteError::Fault(fault) => SandboxError::Store(fault.message().to_owned()),
    }
}

/// The fact that says whether the database holds a sandbox or real partners.
const MODE: &str = "mode";
/// What a sandbox's database is marked with.
const SANDBOX: &str = "SANDBOX";

/// What is noted of the platform under this name.
pub fn fact(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, DbError> {
    let row = tx.query_opt(
        "SELECT value FROM platform_fact WHERE asp_id = $1 AND name = $2",
        &[PLATFORM.into(), name.into()],
    )?;
    row.map(|mut row| row.take_text(0)).transpose()
}

/// Notes it of the platform; `false` where something is noted already, which stays.
pub fn put_fact(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO platform_fact (asp_id, name, value) VALUES ($1, $2, $3)
         ON CONFLICT (asp_id, name) DO NOTHING",
        &[PLATFORM.into(), name.into(), value.into()],
    )?;
    Ok(written != 0)
}

/// Keys for a new sandbox, made before the transaction, which may run twice.
struct Fresh {
    master: String,
    keys: Vec<KeyMaterial>,
    first_bank_tran_id: i64,
}

impl Fresh {
    fn make() -> Result<Self, SandboxError> {
        let master = MasterKey::generate("sandbox".to_owned());
        // Ids that a simulator of an earlier sandbox may have seen today are not used again.
        let first_bank_tran_id = Clock.now().0 / 1_000_000 % 100_000_000 * 100_000;
        let master = master.to_base64().expose().clone();
        Ok(Fresh { master, keys: generate_all(), first_bank_tran_id })
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
    let master = master(&fresh.master)?;
    for key in &fresh.keys {
        let wrapped = key.wrap(&master).or_else(broken)?;
        tx.execute(
            "INSERT INTO platform_key (asp_id, purpose, key_id, state, wrapped)
             VALUES ($1, $2, $3, $4, $5)",
            &[
                PLATFORM.into(),
                key.purpose.name().into(),
                key.id.into(),
                key.state.name().into(),
                wrapped.as_slice().into(),
            ],
        )?;
    }
    let platform = AspId::new(PLATFORM);
    Ok(counters::begin_at(tx, &platform, BANK_TRAN_IDS, fresh.first_bank_tran_id)?)
}

fn master(text: &str) -> Made<MasterKey> {
    MasterKey::from_base64("sandbox".to_owned(), text).or_else(broken)
}

fn read_keys(tx: &mut Tx<'_>) -> Made<Keyring> {
    let row = tx.query_one(
        "SELECT master_key FROM sandbox_master_key WHERE asp_id = $1",
        &[PLATFORM.into()],
    )?;
    let master = master(std::str::from_utf8(row.blob(0)?).or_else(broken)?)?;
    let rows = tx.query(
        "SELECT purpose, key_id, state, wrapped FROM platform_key WHERE asp_id = $1",
        &[PLATFORM.into()],
    )?;
    let mut keys = Vec::new();
    for row in rows {
        let unknown = || TxError::Refused(SandboxError::Keys("a key of unknown kind".to_owned()));
        let purpose = KeyPurpose::from_name(row.text(0)?).ok_or_else(unknown)?;
        let state = KeyState::from_name(row.text(2)?).ok_or_else(unknown)?;
        let id = row.int(1)?;
        keys.push(KeyMaterial::unwrap(&master, purpose, id, state, row.blob(3)?).or_else(broken)?);
    }
    Keyring::from_keys(keys).or_else(broken)
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
    /// The platform's private key, PKCS#8 DER.
    pub server_private_der: Vec<u8>,
    /// The partner's public key, DER.
    pub client_public_der: Vec<u8>,
}

impl NewProject {
    /// Makes one.
    pub fn make() -> Result<Self, SandboxError> {
        let wrong = |error: &dyn std::fmt::Display| SandboxError::Keys(error.to_string());
        let generate = || PrivateKey::generate_2048().map_err(|error| wrong(&error));
        let (server, client) = (generate()?, generate()?);
        let server_private = server.to_pkcs8_der().map_err(|error| wrong(&error))?;
        let client_private = client.to_pkcs8_pem().map_err(|error| wrong(&error))?;
        Ok(NewProject {
            credentials: Credentials {
                access_key: format!("{}-{}", random::hex_lower(7), random::hex_lower(32)),
                secret_key: random::hex_lower(64),
                crypto_key_id: random::hex_lower(32),
                server_public_key: server.public_key_pem().map_err(|error| wrong(&error))?,
                client_private_key: client_private.expose().clone(),
            },
            server_private_der: server_private.expose().clone(),
            client_public_der: client.public_key().to_spki_der().map_err(|error| wrong(&error))?,
        })
    }
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

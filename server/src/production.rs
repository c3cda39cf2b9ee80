//! A production platform: its configuration, its keys, its server. Nothing is seeded, nothing of a
//! sandbox is served, and what is missing is said instead of made up.

pub mod clock;
pub mod config;
pub mod master;
pub mod notify;
pub mod run;
pub mod secret_file;
pub mod tls;

use std::path::PathBuf;
use std::sync::Arc;

use crypto::keyring::generate_all;
use domain::AspId;
use serde_json::json;
use store::schema::MIGRATIONS;
use store::tables::PLATFORM;
use store::{OnEmpty, OpenError, Options, Store, Target, Tx, TxError, WriteError};

use crate::context::{Clock, Core};
use crate::facts::{MODE, PRODUCTION, SANDBOX, fact, put_fact};
use crate::keys::change::{self, Change};
use crate::keys::{self, Keys, KeysError, of_keys, rows};
use crate::operator::Mode;
use crate::running;
use crate::supply::Supply;
use config::Config;
use master::{Master, MasterError};
use secret_file::SecretFileError;

/// Why a platform cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum ProductionError {
    /// There is no such file.
    #[error("there is no database {}: make it with `platen keys init`", .0.display())]
    Missing(PathBuf),
    /// Nobody has made a platform of it.
    #[error("the database {0} is not initialised: run `platen keys init` on it first")]
    Unmarked(String),
    /// It is a sandbox's.
    #[error(
        "the database {0} is marked SANDBOX, its keys protect nothing: a production platform needs \
         a database of its own"
    )]
    Sandbox(String),
    /// It is marked with what this release does not know.
    #[error("the database {0} is marked {1}, which this release does not know")]
    Strange(String, String),
    /// It has its keys.
    #[error("the database {0} is initialised already: its keys are kept as they are")]
    Initialised(String),
    /// It holds keys of something else.
    #[error("the database {0} is not marked, but has keys: take an empty one")]
    NotEmpty(String),
    /// The password.
    #[error("database_password_file: {0}")]
    Password(#[from] SecretFileError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no master key.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

type Made<T> = Result<T, TxError<ProductionError>>;

/// The transaction's own refusal, or what the store says.
fn unwrapped(error: WriteError<ProductionError>) -> ProductionError {
    error.refusal_or(|told| KeysError::Store(told).into())
}

/// A platform's database, opened.
pub struct Opened {
    /// The database.
    pub store: Store,
    /// What transactions use.
    pub core: Core,
    /// Its master keys.
    pub master: Arc<Master>,
}

/// Opens a platform's database; one that was never made a platform is left as it is.
pub fn open(config: &Config) -> Result<Opened, ProductionError> {
    let master = Master::read(&config.master_key)?;
    let target = config.target()?;
    let shown = config.database().to_string();
    if let Target::Sqlite(path) = &target
        && !path.exists()
    {
        return Err(ProductionError::Missing(path.clone()));
    }
    let options = running::options(&config.settings);
    let options = Options { on_empty: OnEmpty::Refuse, ..options };
    let store = Store::open(&target, MIGRATIONS, options).map_err(|error| {
        if matches!(error, OpenError::Empty) {
            ProductionError::Unmarked(shown.clone())
        } else {
            error.into()
        }
    })?;
    let (master_of, fresh) = (master.master_of(), generate_all());
    let work = move |tx: &mut Tx<'_>| match fact(tx, MODE)?.as_deref() {
        Some(PRODUCTION) => of_keys(change::complete(tx, &fresh, &*master_of)),
        Some(SANDBOX) => Err(TxError::Refused(ProductionError::Sandbox(shown.clone()))),
        Some(mode) => {
            let mode = mode.to_owned();
            Err(TxError::Refused(ProductionError::Strange(shown.clone(), mode)))
        }
        None => Err(TxError::Refused(ProductionError::Unmarked(shown.clone()))),
    };
    store.write_blocking(work).map_err(unwrapped)?;
    let core = Core {
        keys: Keys::open(&store, master.master_of(), Clock.now())?,
        supply: Arc::new(Supply::default()),
        settings: Arc::new(config.settings.clone()),
        institution_code: config.institution_code().into(),
    };
    Ok(Opened { store, core, master })
}

/// Makes an empty database a platform's: the schema, its mark for ever, its keys; how many.
pub fn init(config: &Config, change: Change) -> Result<usize, ProductionError> {
    // Before the database: without a master key nothing is made.
    let master_of = Master::read(&config.master_key)?.master_of();
    let shown = config.database().to_string();
    let store = Store::open(&config.target()?, MIGRATIONS, running::options(&config.settings))?;
    let fresh = generate_all();
    let work = move |tx: &mut Tx<'_>| -> Made<usize> {
        let refused = |error| Err(TxError::Refused(error));
        match fact(tx, MODE)?.as_deref() {
            None => {}
            Some(SANDBOX) => return refused(ProductionError::Sandbox(shown.clone())),
            Some(_) => return refused(ProductionError::Initialised(shown.clone())),
        }
        if !of_keys(rows::read(tx))?.is_empty() {
            return refused(ProductionError::NotEmpty(shown.clone()));
        }
        if !put_fact(tx, MODE, PRODUCTION)? {
            return refused(ProductionError::Initialised(shown.clone()));
        }
        let master = of_keys(master_of(tx, &[]))?;
        of_keys(change::make(tx, &fresh, &master, &change))?;
        Ok(fresh.len())
    };
    let made = store.write_blocking(work).map_err(unwrapped)?;
    store.close();
    Ok(made)
}

/// Wraps every key under the master key of this id, which must be among those that are given.
pub fn rotate_master(
    opened: &Opened,
    id: &str,
    (change, mode): (Change, Mode),
) -> Result<(), KeysError> {
    let (master, id) = (Arc::clone(&opened.master), id.to_owned());
    let master_of = master.master_of();
    let work = move |tx: &mut Tx<'_>| -> keys::Made<()> {
        Change::lock(tx)?;
        let found = rows::read(tx)?;
        let from = master_of(tx, &found)?;
        let to = master.named(&id)?;
        change::rewrap(tx, &from, &to)?;
        let subject = format!("key:master:{id}");
        Ok(change.note(tx, &AspId::new(PLATFORM), "key.rotated", &subject, json!({}))?)
    };
    keys::perform(&opened.store, mode, work)
}

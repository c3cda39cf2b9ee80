//! The platform's keys. The database keeps them wrapped under a master key; every server holds
//! them unwrapped and reads them anew every second, so that they are changed while calls run. See
//! docs/adr/0005-keys-begin-at-a-moment.md.

pub mod access;
pub mod change;
pub mod import;
pub mod partner;
pub mod reseal;
pub mod rows;
pub mod uses;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crypto::keyring::{KeyMaterial, KeyPurpose, Keyring};
use crypto::seal::MasterKey;
use crypto::token::TokenError;
use domain::Timestamp;
use store::{Store, Tx, TxError, WriteError};

use crate::context::App;
use crate::operator::{self, Mode};
use change::Change;
use import::{Entered, ImportRefused, Imported};
use rows::KeyRow;

/// How many may ask at once whether the token works.
const ASKING_MAX: usize = 2;
/// How often a server reads the keys.
const RELOAD: Duration = Duration::from_secs(1);
/// A server whose keys are older than this reads them before it does anything: it may have been
/// without its database while a key was added.
const STALE: Duration = Duration::from_secs(10);
/// How long after a rotation the new key begins, milliseconds: longer than [`STALE`], what a
/// transaction takes and what servers' clocks differ.
pub const BEGIN_MS: u64 = 30_000;
/// How long after its successor has begun a key may still be used by a transaction that had taken
/// it before, milliseconds.
pub const QUIET_MS: u64 = 60_000;

/// Why keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The master key is another platform's, or was replaced.
    #[error(
        "the master key ({0}) does not open this database's keys: it belongs to another database, \
         or another master key has taken its place"
    )]
    OtherMaster(String),
    /// It was not given.
    #[error("there is no master key `{0}` among those given: add its line first")]
    NoMaster(String),
    /// They do not fit together.
    #[error("the keys cannot be read: {0}")]
    Broken(String),
    /// There is no such key.
    #[error("there is no key {1} for {0}")]
    Unknown(KeyPurpose, i64),
    /// One is on its way already.
    #[error("key {1} for {0} begins in {2} s: rotate again after that")]
    Pending(KeyPurpose, i64, i64),
    /// It makes new values.
    #[error("key {1} for {0} is the one in use: rotate first")]
    InUse(KeyPurpose, i64),
    /// It will make new values.
    #[error("key {1} for {0} has not begun yet")]
    NotBegun(KeyPurpose, i64),
    /// It was retired before.
    #[error("key {1} for {0} is retired already")]
    Retired(KeyPurpose, i64),
    /// Servers may still be using it.
    #[error("key {1} for {0} was in use until a moment ago: try again in {2} s")]
    TooEarly(KeyPurpose, i64, i64),
    /// Values would be moved over to a key that is being replaced.
    #[error("key {1} for {0} is not the newest one: try again once that one has begun")]
    NotNewest(KeyPurpose, i64),
    /// Something depends on it.
    #[error("key {1} for {0} cannot be retired: {2} depend on it")]
    Needed(KeyPurpose, i64, String),
    /// There is no such project.
    #[error("partner {0} has no project {1}")]
    NoProject(String, i64),
    /// A project has two live pairs at the most.
    #[error("project {1} of partner {0} has two live crypto keys: retire one of them first")]
    TwoPairs(String, i64),
    /// There is no such pair.
    #[error("partner {0} has no live crypto key {1}")]
    NoPair(String, String),
    /// It is the last one.
    #[error(
        "crypto key {1} of partner {0} is the only one of its project that serves: rotate first, \
         or resume the other one"
    )]
    LastPair(String, String),
    /// A component is not taken.
    #[error(transparent)]
    Import(#[from] ImportRefused),
    /// The token that holds one.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A label names one key.
    #[error("key {1} for {0} has the label `{2}`: give the new one a label of its own")]
    SameLabel(KeyPurpose, i64, String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(String),
}

/// The end of a transaction about keys.
pub type Made<T> = Result<T, TxError<KeysError>>;

/// Refuses.
fn refused<T>(error: KeysError) -> Made<T> {
    Err(TxError::Refused(error))
}

/// The keys do not fit together.
pub fn broken<T>(error: impl std::fmt::Display) -> Made<T> {
    refused(KeysError::Broken(error.to_string()))
}

/// The end of a transaction about keys, within one about something else.
pub fn of_keys<T, E: From<KeysError>>(made: Made<T>) -> Result<T, TxError<E>> {
    made.map_err(|error| match error {
        TxError::Refused(error) => TxError::Refused(error.into()),
        TxError::Db(error) => TxError::Db(error),
    })
}

/// The transaction's own refusal, or what the store says.
pub fn unwrapped(error: WriteError<KeysError>) -> KeysError {
    error.refusal_or(KeysError::Store)
}

/// Runs a transaction about keys, which is kept where it is done and not only tried. Blocks.
pub fn perform<T, F>(store: &Store, mode: Mode, work: F) -> Result<T, KeysError>
where
    F: FnMut(&mut Tx<'_>) -> Made<T> + Send + 'static,
    T: Send + 'static,
{
    operator::perform(store, mode, work, KeysError::Store)
}

/// How a server comes to the master key that these rows are wrapped under.
pub type MasterOf = dyn Fn(&mut Tx<'_>, &[KeyRow]) -> Made<Arc<MasterKey>> + Send + Sync;

/// The keys that a server holds, as it read them last.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    held: RwLock<Held>,
    /// None where the database holds no keys to be read again.
    master_of: Option<Arc<MasterOf>>,
    /// How many are asking whether the token works.
    asking: AtomicUsize,
}

/// One that asks; it counts until it has its answer.
struct Asking(Arc<Inner>);

impl Asking {
    fn begin(inner: &Arc<Inner>) -> Option<Self> {
        let asking = Asking(Arc::clone(inner));
        (inner.asking.fetch_add(1, Ordering::Relaxed) < ASKING_MAX).then_some(asking)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Held {
    read: Arc<Read>,
    /// When the reading of it began.
    since: Instant,
}

/// What was read.
struct Read {
    ring: Arc<Keyring>,
    /// The rows that it was made of.
    rows: Vec<KeyRow>,
    /// Those that are not retired, unwrapped: neither master key nor token is asked for them again
    /// as long as the rows are the same.
    keys: Vec<KeyMaterial>,
}

impl Keys {
    /// Reads a database's keys and holds them. Blocks.
    pub fn open(
        store: &Store,
        master_of: Arc<MasterOf>,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let of = Arc::clone(&master_of);
        // On one snapshot: the master key may just be replaced.
        let found = store.read_blocking(move |tx: &mut Tx<'_>| read(tx, &*of, now, None));
        Ok(Keys::holding(found.map_err(unwrapped)?, Some(master_of)))
    }

    /// Holds these keys for good: of a simulation, whose database has none.
    pub fn fixed(ring: Arc<Keyring>) -> Self {
        Keys::holding(Arc::new(Read { ring, rows: Vec::new(), keys: Vec::new() }), None)
    }

    fn holding(read: Arc<Read>, master_of: Option<Arc<MasterOf>>) -> Self {
        let held = RwLock::new(Held { read, since: Instant::now() });
        Keys { inner: Arc::new(Inner { held, master_of, asking: AtomicUsize::new(0) }) }
    }

    /// The keys.
    pub fn ring(&self) -> Arc<Keyring> {
        Arc::clone(&self.held().ring)
    }

    fn held(&self) -> Arc<Read> {
        Arc::clone(&self.inner.held.read().unwrap_or_else(PoisonError::into_inner).read)
    }

    /// Whether they must be read before they are used.
    pub fn is_stale(&self) -> bool {
        let held = self.inner.held.read().unwrap_or_else(PoisonError::into_inner);
        self.inner.master_of.is_some() && held.since.elapsed() > STALE
    }

    /// Adds a key of the platform; see [`change::rotate`].
    pub fn rotate(&self, tx: &mut Tx<'_>, new: &change::NewKey, change: &Change) -> Made<i64> {
        change::rotate(tx, self.master_of()?, new, change)
    }

    /// Takes a component of a key; see [`import::enter`].
    pub fn import(&self, tx: &mut Tx<'_>, entered: &Entered, change: &Change) -> Made<Imported> {
        import::enter(tx, self.master_of()?, entered, change)
    }

    /// Takes a component that waits away; see [`import::withdraw`].
    pub fn withdraw_component(&self, tx: &mut Tx<'_>, change: &Change) -> Made<()> {
        import::withdraw(tx, self.master_of()?, change)
    }

    /// The master key that wraps them.
    pub fn master(&self, tx: &mut Tx<'_>) -> Made<Arc<MasterKey>> {
        let master_of = self.master_of()?;
        let rows = rows::read(tx)?;
        master_of(tx, &rows)
    }

    fn master_of(&self) -> Made<&MasterOf> {
        self.inner.master_of.as_deref().map_or_else(|| broken("these are fixed"), Ok)
    }

    /// Whether the token works that holds keys which calls use; true where none is in one. False
    /// as well where it takes longer than `within`, or where two are waiting for it already: a
    /// module that never returns is not asked again and again.
    pub async fn token_works(&self, store: &Store, within: Duration) -> bool {
        let ring = self.ring();
        if !ring.is_in_token() {
            return true;
        }
        let Some(asking) = Asking::begin(&self.inner) else { return false };
        let asking = Arc::new(asking);
        let probe = move |_: &mut Tx<'_>| -> Result<_, TxError<KeysError>> {
            let _asking = &asking;
            Ok(ring.probe())
        };
        match tokio::time::timeout(within, store.read(probe)).await {
            Ok(Ok(Ok(()))) => true,
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the token cannot be used");
                false
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Reads them.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<(), WriteError<KeysError>> {
        let since = Instant::now();
        let Some(master_of) = self.inner.master_of.clone() else { return Ok(()) };
        let held = self.held();
        let work = move |tx: &mut Tx<'_>| read(tx, &*master_of, now, Some(&held));
        self.hold(store.read(work).await?, since);
        Ok(())
    }

    /// As [`Keys::reload`], for a thread that may block.
    pub fn reload_blocking(&self, store: &Store, now: Timestamp) -> Result<(), KeysError> {
        let since = Instant::now();
        let Some(master_of) = self.inner.master_of.clone() else { return Ok(()) };
        let held = self.held();
        let read = move |tx: &mut Tx<'_>| read(tx, &*master_of, now, Some(&held));
        self.hold(store.read_blocking(read).map_err(unwrapped)?, since);
        Ok(())
    }

    /// Holds keys whose reading began at `since`.
    fn hold(&self, read: Arc<Read>, since: Instant) {
        let mut held = self.inner.held.write().unwrap_or_else(PoisonError::into_inner);
        // Of two readings at once, the one that began later has seen more.
        if held.since > since {
            return;
        }
        for purpose in KeyPurpose::ALL {
            let (was, is) = (held.read.ring.active_id(purpose), read.ring.active_id(purpose));
            if was != is {
                tracing::info!(purpose = purpose.name(), was, is, "another key is in use");
            }
        }
        *held = Held { read, since };
    }
}

/// The keys as a snapshot of the database has them. Those that are held are kept where they are
/// the same.
fn read(
    tx: &mut Tx<'_>,
    master_of: &MasterOf,
    now: Timestamp,
    held: Option<&Arc<Read>>,
) -> Made<Arc<Read>> {
    let rows = rows::read(tx)?;
    let keys = match held.filter(|held| held.rows == rows) {
        Some(held) if rows::are_in_use(&rows, &held.ring, now) => return Ok(Arc::clone(held)),
        Some(held) => held.keys.clone(),
        None => rows::unwrapped(&rows, &*master_of(tx, &rows)?)?,
    };
    let ring = Arc::new(Keyring::from_keys(&keys, now.0).or_else(broken)?);
    Ok(Arc::new(Read { ring, rows, keys }))
}

/// Reads the keys again and again until the server stops.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(RELOAD).await;
        if let Err(error) = app.core.keys.reload(&app.store, app.clock.now()).await {
            tracing::warn!(error = %unwrapped(error), "the keys could not be read");
        }
    }
}

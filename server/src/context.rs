//! What every part of the server is given: database, keys, clock, bank, settings. Nothing else
//! reads the clock or the environment.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bank::Bank;
use crypto::pan::Pan;
use crypto::seal::{Place, SealError};
use crypto::token::TokenError;
use domain::{AspId, Timestamp};
use store::Store;
use store::tables::log::Moment;

use crate::cpu::Cpu;
use crate::directory::Directory;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::ops::Operations;
use crate::pipeline::observe::Observer;
use crate::settings::Settings;
use crate::spans::Spans;
use crate::supply::Supply;

/// The clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

/// Where the server takes the time from: the system's [`Clock`], or the one of a simulation.
pub trait Time: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl Time for Clock {
    fn now(&self) -> Timestamp {
        Self::now(*self)
    }
}

impl Clock {
    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn now(self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |elapsed| elapsed.as_micros());
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// What a write transaction may use beside its database: keys, supplies, policy. It has no
/// effect outside the transaction.
#[derive(Clone)]
pub struct Core {
    /// Keys for card numbers and personal data.
    pub keys: Keys,
    /// Ids and serials, taken from the database in blocks.
    pub supply: Arc<Supply>,
    /// Settings in force.
    pub settings: Arc<Settings>,
    /// The institution code that bank transaction ids begin with.
    pub institution_code: Arc<str>,
}

/// The whole server.
pub struct App {
    /// The database.
    pub store: Store,
    /// What transactions use.
    pub core: Core,
    /// The real clock: for windows, keys and seals.
    pub clock: Arc<dyn Time>,
    /// How far business is ahead of it.
    pub shift: Shift,
    /// The bank.
    pub bank: Arc<dyn Bank>,
    /// Partners' keys and policy, as last read.
    pub directory: Directory,
    /// How many calls partners may make.
    pub limits: Limits,
    /// All operations.
    pub operations: Operations,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// Threads for RSA.
    pub cpu: Cpu,
    /// Is told of each call: the sandbox's log of calls. Production has none.
    pub observer: Option<Arc<dyn Observer>>,
    /// Gathers traces, where there is a collector.
    pub spans: Spans,
}

impl App {
    /// A server of these; its threads are started, its caches are empty.
    pub fn new(
        store: Store,
        core: Core,
        operations: Operations,
        clock: Arc<dyn Time>,
        bank: Arc<dyn Bank>,
    ) -> io::Result<Self> {
        let settings = &core.settings;
        Ok(App {
            directory: Directory::new(settings.directory_ttl_ms),
            limits: Limits::new(settings.rate_limit_per_second, settings.rate_limit_burst),
            cpu: Cpu::start(settings.cpu_threads)?,
            metrics: Metrics::of(store.engine()),
            observer: None,
            spans: Spans::of(settings),
            shift: Shift::default(),
            store,
            core,
            clock,
            bank,
            operations,
        })
    }
}

impl App {
    /// The present moment by the clock of business: for days, deadlines and expiry.
    pub fn now(&self) -> Timestamp {
        self.moment().business
    }

    /// The present moment by both clocks.
    pub fn moment(&self) -> Moment {
        let real = self.clock.now();
        Moment { real, business: Timestamp(real.0.saturating_add(self.shift.us())) }
    }
}

/// How far business time is ahead of the real one, µs: none in production. A sandbox moves it
/// forward, so that days can be made to pass.
#[derive(Debug, Default)]
pub struct Shift(AtomicI64);

impl Shift {
    /// It, µs.
    pub fn us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves it to what a database says; never back.
    pub fn forward_to(&self, us: i64) {
        self.0.fetch_max(us, Ordering::Relaxed);
    }
}

impl Core {
    /// Seals a value for its place.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.keys.ring().seal(&place.aad(), plain)?.into_bytes())
    }

    /// The hashes by which a card of this number may be found: one for each lookup key, the active
    /// one first. None where the check digit is wrong: that is no card of ours. Fails only where a
    /// lookup key is in a token.
    pub fn pan_indexes(&self, asp: &AspId, number: &str) -> Result<Vec<[u8; 32]>, TokenError> {
        let Ok(pan) = Pan::parse(number) else { return Ok(Vec::new()) };
        self.keys.ring().lookups().map(|(_, key)| key.pan_index(asp.as_str(), &pan)).collect()
    }

    /// Opens a sealed text.
    pub fn open_text(&self, place: Place<'_>, sealed: &[u8]) -> Result<PersonalText, SealError> {
        let plain = self.keys.ring().open(&place.aad(), sealed)?;
        let text = String::from_utf8(plain.expose().clone());
        text.map(PersonalText).map_err(|_| SealError::Form)
    }
}

/// A text about a person: it has no `Debug` or `Display`.
pub struct PersonalText(String);

impl PersonalText {
    /// The text, for the one who must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The place of a sealed value.
pub const fn place<'a>(asp: &'a AspId, column: &'a str, row: &'a str) -> Place<'a> {
    Place { asp_id: asp.as_str(), column, row }
}

//! Sessions with a token: a bounded number, logged in, opened when they are needed and again when
//! they were lost. Some modules find a token that was away only once they are begun anew, which is
//! done where nothing else uses them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::{failed, named, told};
use crate::secret::Secret;
use crate::token::TokenError;

/// Sessions at the most.
const SESSIONS_MAX: usize = 8;
/// How long a call waits for one.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long after a module was begun anew it is not begun anew again.
const ANEW_AFTER: Duration = Duration::from_secs(5);

/// How many pools of this process use a module, by its path: it is begun once for all of them.
static IN_USE: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// The sessions of a token.
pub(super) struct Pool {
    module: Pkcs11,
    path: PathBuf,
    label: String,
    pin: Secret<String>,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Held>,
    /// Idle ones and those that are in use.
    open: usize,
    /// Counts losses: sessions of before are not used again.
    generation: u64,
    /// Set for good where the token has refused the PIN.
    refused: Option<TokenError>,
    /// Whether somebody is opening one: the PIN is given by one at a time.
    is_opening: bool,
    /// Whether one was opened ever.
    was_open: bool,
    /// When the module was begun anew.
    anew_at: Option<Instant>,
}

/// A session, and the keys that it has found.
pub(super) struct Held {
    pub(super) session: Session,
    keys: HashMap<Box<str>, ObjectHandle>,
    generation: u64,
}

impl Held {
    /// The key of this label, looked for once.
    pub(super) fn key(&mut self, label: &str) -> Result<Option<ObjectHandle>, Error> {
        if let Some(key) = self.keys.get(label) {
            return Ok(Some(*key));
        }
        let found = self.session.find_objects(&named(label))?;
        let [key] = found.as_slice() else { return Ok(None) };
        self.keys.insert(label.into(), *key);
        Ok(Some(*key))
    }
}

impl Pool {
    /// Of a library that was loaded from `path`.
    pub(super) fn new(
        module: Pkcs11,
        path: &Path,
        label: String,
        pin: Secret<String>,
    ) -> Result<Self, Error> {
        let path = path.to_owned();
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        begin(&module)?;
        *in_use.entry(path.clone()).or_default() += 1;
        drop(in_use);
        Ok(Self { module, path, label, pin, state: Mutex::default(), returned: Condvar::new() })
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Does something that may be done twice: where it fails, all sessions are given up and it is
    /// tried once more over a new one.
    pub(super) fn run<T>(
        &self,
        mut work: impl FnMut(&mut Held) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        match self.run_once(&mut work) {
            Err(TokenError::Failed(label, function, code)) => match self.run_once(work) {
                // What failed first says more.
                Err(TokenError::NoToken(_)) => Err(TokenError::Gone(label, function, code)),
                done => done,
            },
            done => done,
        }
    }

    /// Does something once.
    pub(super) fn run_once<T>(
        &self,
        work: impl FnOnce(&mut Held) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        let mut held = self.take()?;
        match work(&mut held) {
            Ok(done) => {
                self.put_back(held);
                Ok(done)
            }
            Err(error) => {
                self.give_up(held);
                Err(self.error(&error))
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle session, or a new one.
    fn take(&self) -> Result<Held, TokenError> {
        let until = Instant::now() + WAIT_MAX;
        let mut state = self.locked();
        loop {
            if let Some(refused) = &state.refused {
                return Err(refused.clone());
            }
            if let Some(held) = state.idle.pop() {
                return Ok(held);
            }
            if state.open < SESSIONS_MAX && !state.is_opening {
                state.open += 1;
                state.is_opening = true;
                drop(state);
                return self.open();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TokenError::Busy(self.label.clone()));
            }
            let waited = self.returned.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn put_back(&self, held: Held) {
        let mut state = self.locked();
        if held.generation == state.generation {
            state.idle.push(held);
            drop(state);
            self.returned.notify_one();
        } else {
            drop(state);
            self.close(vec![held]);
        }
    }

    /// Closes this session and those that wait: what took this one may have taken them.
    fn give_up(&self, held: Held) {
        let mut state = self.locked();
        let mut lost = vec![held];
        lost.append(&mut state.idle);
        state.generation += 1;
        drop(state);
        self.close(lost);
    }

    /// Closes sessions. They count until that is done, as it asks the module, which must not be
    /// waited for under the lock.
    fn close(&self, sessions: Vec<Held>) {
        let count = sessions.len();
        drop(sessions);
        self.locked().open -= count;
        self.returned.notify_all();
    }

    /// A new session, for which a place is taken.
    fn open(&self) -> Result<Held, TokenError> {
        let opened = match self.log_in() {
            Err(TokenError::NoToken(_) | TokenError::Failed(..)) if self.began_anew() => {
                self.log_in()
            }
            opened => opened,
        };
        let mut state = self.locked();
        state.is_opening = false;
        state.was_open |= opened.is_ok();
        let generation = state.generation;
        if let Err(error) = &opened {
            state.open -= 1;
            if matches!(error, TokenError::Pin(..)) {
                state.refused = Some(error.clone());
            }
        }
        drop(state);
        self.returned.notify_all();
        opened.map(|session| Held { session, keys: HashMap::new(), generation })
    }

    /// Begins the module anew, where it was in use before and nobody else uses it: this is the only
    /// session, being opened, and this the only token.
    fn began_anew(&self) -> bool {
        let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let is_only = in_use.get(&self.path) == Some(&1);
        let mut state = self.locked();
        let is_early = state.anew_at.is_some_and(|at| at.elapsed() < ANEW_AFTER);
        if !is_only || !state.was_open || state.open != 1 || is_early {
            return false;
        }
        state.anew_at = Some(Instant::now());
        // Who comes now waits for the session that is being opened.
        drop(state);
        // Where it has ended already, beginning it is what there is to do.
        drop(self.module.clone().finalize());
        begin(&self.module).is_ok()
    }

    fn log_in(&self) -> Result<Session, TokenError> {
        let slot = self.slot()?;
        let session = self.module.open_rw_session(slot).map_err(|error| self.error(&error))?;
        let pin = AuthPin::from(self.pin.expose().clone());
        match session.login(UserType::User, Some(&pin)) {
            // Logged in is the program, not the session.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(self.not_logged_in(&error)),
        }
    }

    fn not_logged_in(&self, error: &Error) -> TokenError {
        match (error, failed(error)) {
            (Error::Pkcs11(code, _), Some((_, name))) if is_of_pin(*code) => {
                TokenError::Pin(self.label.clone(), name)
            }
            (_, _) => self.error(error),
        }
    }

    /// Where the token is now.
    fn slot(&self) -> Result<Slot, TokenError> {
        let slots = self.module.get_slots_with_token().map_err(|error| self.error(&error))?;
        let mut found = Vec::new();
        for slot in slots {
            // One that is going away is not the one that is looked for.
            let Ok(token) = self.module.get_token_info(slot) else { continue };
            if token.label() == self.label && token.token_initialized() {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => Err(TokenError::NoToken(self.label.clone())),
            many => Err(TokenError::ManyTokens(self.label.clone(), many.len())),
        }
    }

    fn error(&self, error: &Error) -> TokenError {
        let (function, code) =
            failed(error).unwrap_or_else(|| ("the module".to_owned(), told(error)));
        TokenError::Failed(self.label.clone(), function, code)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = in_use.get_mut(&self.path) {
            *count -= 1;
        }
    }
}

/// Begins a module, for several threads; one that another pool has begun is left as it is.
fn begin(module: &Pkcs11) -> Result<(), Error> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a refused login has to do with the PIN, so that another try would be counted.
const fn is_of_pin(code: RvError) -> bool {
    matches!(
        code,
        RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::PinLocked
            | RvError::UserPinNotInitialized
    )
}

//! Sessions with a token: a bounded number, logged in, opened when they are needed and again when
//! they were lost.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
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

/// The sessions of a token.
pub(super) struct Pool {
    module: Pkcs11,
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
    pub(super) fn new(module: Pkcs11, label: String, pin: Secret<String>) -> Self {
        Self { module, label, pin, state: Mutex::default(), returned: Condvar::new() }
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
        } else {
            state.open -= 1;
            drop(state);
            drop(held);
        }
        self.returned.notify_one();
    }

    /// Closes this session and those that wait: what took this one may have taken them.
    fn give_up(&self, held: Held) {
        let mut state = self.locked();
        let mut lost = vec![held];
        lost.append(&mut state.idle);
        state.open -= lost.len();
        state.generation += 1;
        drop(state);
        // Closing asks the module, which must not be waited for under the lock.
        drop(lost);
        self.returned.notify_all();
    }

    /// A new session, for which a place is taken.
    fn open(&self) -> Result<Held, TokenError> {
        let opened = self.log_in();
        let mut state = self.locked();
        state.is_opening = false;
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

    fn log_in(&self) -> Result<Session, TokenError> {
        let slot = self.slot()?;
        let session = self.module.open_rw_session(slot).map_err(|error| self.error(&error))?;
        let pin = AuthPin::from(self.pin.expose().clone());
        match session.login(UserType::User, Some(&pin)) {
            // Logged in is the program, not the session.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(match &error {
                Error::Pkcs11(code, _) if is_of_pin(*code) => {
                    let code = failed(&error).map_or_else(String::new, |(_, code)| code);
                    TokenError::Pin(self.label.clone(), code)
                }
                error => self.error(error),
            }),
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

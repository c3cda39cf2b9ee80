//! What an operation is to the server, and how each kind is performed.
//!
//! A [`Write`] is one transaction. A [`Saga`](crate::fee::Saga) needs the bank between two of
//! them. Both are remembered in the operation log by the same transaction that does them, so that
//! the same call again is answered from there and never done twice. An [`Inquiry`] is decided
//! anew each time.

mod changes;
mod stop;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use contract::errors::ErrorSet;
use contract::output::success_body;
use contract::{Code, Entry, Input, Invalid, Json, Output, Spec, pipeline};
use domain::{ApplyNo, AspId, Timestamp};
use store::tables::applications;
use store::tables::log::{self, CallKeys, Found, Moment, NewEntry, Remembered, Since};
use store::{Cause, Tx, TxError, WriteError};
use tokio::time::{Instant, timeout_at};

use crate::context::{App, Core};
use crate::sandbox::world::Scenario;
use crate::spans;
use crate::supply::{Need, SupplyError};

pub use changes::Changes;
pub use stop::{
    Done, NoRefusal, OrStop, Stop, by_code, fault, refuse, refuse_at, remembered_refusal,
    unknown_key,
};

/// How often a transaction is run again because a supply ran out or the same call came first. A
/// block serves a hundred of a crowd that waits for it, and a crowd is as large as connections
/// are many.
const ATTEMPTS_MAX: usize = 64;

/// An operation: all that its file says of it.
pub trait Operation: Send + Sync + 'static {
    /// Its head.
    const SPEC: Spec;
    /// The steps of a card's life that it can bring about.
    const CHANGES: Changes;
    /// What it is asked.
    type Request: Input + Send + Sync + 'static;
    /// What it answers.
    type Response: Output + Send + 'static;
    /// What it can refuse, in order of precedence.
    type Error: ErrorSet;

    /// Examples, which seed the sandbox and run as tests.
    fn scenarios() -> Vec<Scenario>;
}

/// An operation that is one transaction.
pub trait Write: Operation {
    /// Decides and does it, or refuses by [`refuse`] and keeps nothing. What it writes beside a
    /// [`Ruling::Refused`] is kept, and the call is not remembered.
    fn run(
        cx: &Cx,
        tx: &mut Tx<'_>,
        request: &Self::Request,
    ) -> Done<Ruling<Self::Response, Self::Error>, Self::Error>;

    /// The answer of a call that was done before, built again from what it did.
    fn recall(
        cx: &Cx,
        tx: &mut Tx<'_>,
        remembered: &Remembered,
    ) -> Done<Self::Response, Self::Error>;
}

/// An operation that answers a question. Nothing is remembered of the call: asked again, it is
/// decided anew.
pub trait Inquiry: Operation {
    /// Whether it writes. Where it does not, it is answered from a snapshot, beside the writes.
    const KEEPS: Keeps = Keeps::Nothing;

    /// Decides. What it writes is kept, whether it answers or refuses.
    fn ask(
        cx: &Cx,
        tx: &mut Tx<'_>,
        request: &Self::Request,
    ) -> Done<Ruling<Self::Response, Self::Error>, Self::Error>;
}

/// What an inquiry leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing: a statement of it that writes fails.
    Nothing,
    /// That card numbers were told, or that somebody guessed at a card.
    Traces,
}

/// How a transaction ends that is kept even where it refuses, as wrong guesses must be counted.
/// A refusal by [`refuse`] or [`refuse_at`] keeps nothing.
pub enum Ruling<T, E> {
    /// The answer.
    Answered(T),
    /// The refusal.
    Refused(E),
    /// The refusal because of a request field, by its wire name.
    RefusedAt(E, &'static str),
}

/// A call, as a transaction sees it.
#[derive(Clone)]
pub struct Cx {
    /// Keys, supplies, settings.
    pub core: Core,
    /// The call.
    pub call: Call,
}

/// Who calls what.
#[derive(Debug, Clone)]
pub struct Call {
    /// The partner.
    pub asp: AspId,
    /// The operation's id.
    pub operation: &'static str,
    /// The caller's number for the call.
    pub correlation_id: String,
    /// What recognises the call, by the digest key in use.
    pub keys: CallKeys,
    /// The same by every other digest key: servers change over one after another, and what was
    /// written before the change is remembered after it. Empty but after a rotation.
    pub other_keys: Vec<CallKeys>,
    /// When it came, by the clock of business.
    pub now: Timestamp,
    /// When it came, by the real clock.
    pub real_now: Timestamp,
    /// What happened before is forgotten.
    pub since: Since,
    /// Whether a caller waits for it.
    pub kind: CallKind,
    /// The number that an application of this call gets: a scenario's are the same for ever.
    pub given_apply_no: Option<ApplyNo>,
}

/// Whether a transaction is a call's own, or ends what an earlier one has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// A call: if it turns out to be known already, it is not done again.
    Live,
    /// The settling of a fee, which must not fail: it is written in any case.
    Settling,
    /// The answer of the call that has just had its fee charged.
    Settled,
}

impl Call {
    /// Whether the replay key of an earlier call is this one's.
    pub fn is_same(&self, replay_key: &[u8]) -> bool {
        self.all_keys().any(|keys| keys.replay == replay_key)
    }

    /// When it came, by both clocks.
    pub const fn moment(&self) -> Moment {
        Moment { real: self.real_now, business: self.now }
    }

    /// What recognises the call: by the digest key in use, then by every other one.
    pub fn all_keys(&self) -> impl Iterator<Item = &CallKeys> {
        std::iter::once(&self.keys).chain(&self.other_keys)
    }
}

/// What an effect writes to the operation log.
pub struct Effect<'a> {
    /// Id of the log row, which its journal has too.
    pub log_id: i64,
    /// What happened, such as `card.reissued`.
    pub event: &'a str,
    /// The code that the caller is answered.
    pub code: &'a str,
    /// What it happened to; the answer can be built again from it.
    pub subject: &'a str,
    /// The event for partners.
    pub payload: &'a serde_json::Value,
}

impl Cx {
    /// Writes the effect's row of the operation log, by which the call is remembered.
    pub fn record<E>(&self, tx: &mut Tx<'_>, effect: &Effect<'_>) -> Done<(), E> {
        let call = &self.call;
        let entry = NewEntry {
            id: effect.log_id,
            operation: call.operation,
            event: effect.event,
            code: effect.code,
            correlation_id: &call.correlation_id,
            subject: effect.subject,
            payload: &effect.payload.to_string(),
            happened_at: call.moment(),
            // What no call caused is recognised by nothing.
            keys: (!call.keys.replay.is_empty()).then_some(&call.keys),
        };
        if log::insert(tx, &call.asp, &entry)? {
            return self.is_first(tx);
        }
        match call.kind {
            CallKind::Live | CallKind::Settled => Err(TxError::Refused(Stop::CameFirst)),
            CallKind::Settling => {
                // Its correlation id or text was used by another call meanwhile; what was taken
                // must be settled all the same, and the call still be recognised.
                let keys = CallKeys { replay: call.keys.replay.clone(), ..CallKeys::default() };
                let entry = NewEntry { keys: Some(&keys), ..entry };
                let written = log::insert(tx, &call.asp, &entry)?
                    || log::insert(tx, &call.asp, &NewEntry { keys: None, ..entry })?;
                if written { Ok(()) } else { Err(fault("the log has the effect's id already")) }
            }
        }
    }

    /// The unique index sees the same call by the same digest key alone. A server that uses another
    /// one has written it before this transaction claimed its card, or waits for that: so after
    /// the claim a look by the other keys finds it.
    fn is_first<E>(&self, tx: &mut Tx<'_>) -> Done<(), E> {
        let call = &self.call;
        match log::find(tx, &call.asp, &call.other_keys, call.since)? {
            Found::Nothing => Ok(()),
            Found::Same(_) | Found::CipherReused | Found::CorrelationReused => {
                Err(TxError::Refused(Stop::CameFirst))
            }
        }
    }

    /// What is remembered of the call; a request used in another way is refused.
    pub fn look_up<E>(&self, tx: &mut Tx<'_>) -> Done<Option<Remembered>, E> {
        let call = &self.call;
        let reused = |code| Err(TxError::Refused(Stop::Reused(code)));
        match log::find(tx, &call.asp, call.all_keys(), call.since)? {
            Found::Nothing => {
                for keys in call.all_keys() {
                    if applications::holds_correlation_id(tx, &call.asp, keys)? {
                        return reused(&pipeline::CORRELATION_ID_REUSED);
                    }
                }
                Ok(None)
            }
            Found::Same(remembered) => Ok(Some(remembered)),
            Found::CipherReused => reused(&pipeline::CIPHERTEXT_REUSED),
            Found::CorrelationReused => reused(&pipeline::CORRELATION_ID_REUSED),
        }
    }
}

/// The end of a call, in clear. It has no `Debug`: the body may hold a card number.
pub enum Answer {
    /// Done: the body.
    Success(String),
    /// The operation refuses: its code, and the field at fault.
    Refused(&'static Code, Option<String>),
    /// The pipeline refuses or fails.
    Failed(&'static Code),
}

impl Answer {
    /// The code.
    pub fn code(&self) -> &'static str {
        match self {
            Answer::Success(_) => "000_000",
            Answer::Refused(code, _) | Answer::Failed(code) => code.code,
        }
    }

    /// A success with this response.
    pub fn of<O: Operation>(response: &O::Response) -> Self {
        Answer::Success(success_body(O::SPEC.success_message, &|out| response.write(out)))
    }
}

type Performing = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Perform = dyn Fn(Arc<App>, Call, &Json) -> Performing + Send + Sync;

/// An operation with its types erased: what the pipeline calls.
pub struct Handler {
    /// Its definition as data.
    pub entry: Entry,
    /// Its examples with what is given before each.
    pub scenarios: Vec<Scenario>,
    /// The steps of a card's life that it can bring about.
    pub changes: Changes,
    check: fn(&Json) -> Result<(), Invalid>,
    perform: Box<Perform>,
}

impl Handler {
    /// A handler that parses the request and hands it to `perform`.
    pub fn new<O: Operation, F: Future<Output = Answer> + Send + 'static>(
        perform: impl Fn(Arc<App>, Cx, O::Request) -> F + Send + Sync + 'static,
    ) -> Self {
        let spec: &'static Spec = const { &O::SPEC };
        let scenarios = O::scenarios();
        let told = scenarios.iter().map(|scenario| scenario.told.clone()).collect();
        Handler {
            entry: Entry::of::<O::Request, O::Response, O::Error>(spec, told),
            scenarios,
            changes: O::CHANGES,
            check: |body| O::Request::from_json(body).map(drop),
            perform: Box::new(move |app, call, body| match O::Request::from_json(body) {
                Ok(request) => {
                    let cx = Cx { core: app.core.clone(), call };
                    Box::pin(perform(app, cx, request))
                }
                Err(invalid) => {
                    let code = by_code::<O::Error>(contract::registry::INVALID_INPUT_CODE);
                    let answer = code.map_or(Answer::Failed(&pipeline::SERVER_FAULT), |error| {
                        Answer::Refused(error.code(), Some(invalid.field))
                    });
                    Box::pin(std::future::ready(answer))
                }
            }),
        }
    }

    /// Parses a body and does nothing with it.
    pub fn check(&self, body: &Json) -> Result<(), Invalid> {
        (self.check)(body)
    }

    /// Performs a call.
    pub fn perform(&self, app: &Arc<App>, call: Call, body: &Json) -> Performing {
        (self.perform)(Arc::clone(app), call, body)
    }
}

/// The handler of a write.
pub fn write<O: Write>() -> Handler {
    Handler::new::<O, _>(|app, cx, request| async move {
        let request = Arc::new(request);
        let done = transact(&app, move || {
            let (cx, request) = (cx.clone(), Arc::clone(&request));
            move |tx: &mut Tx<'_>| match cx.look_up(tx)? {
                Some(remembered) => O::recall(&cx, tx, &remembered).map(Ruling::Answered),
                None => match O::run(&cx, tx, &request)? {
                    // What it was refused for may be the effect of the same call.
                    Ruling::Refused(_) | Ruling::RefusedAt(..) if cx.look_up(tx)?.is_some() => {
                        Err(TxError::Refused(Stop::CameFirst))
                    }
                    ruling @ (Ruling::Answered(_) | Ruling::Refused(_) | Ruling::RefusedAt(..)) => {
                        Ok(ruling)
                    }
                },
            }
        });
        answer::<O>(done.await)
    })
}

/// The handler of an inquiry.
pub fn inquiry<O: Inquiry>() -> Handler {
    Handler::new::<O, _>(|app, cx, request| async move {
        let request = Arc::new(request);
        let access = match O::KEEPS {
            Keeps::Nothing => Access::Read,
            Keeps::Traces => Access::Write,
        };
        let ruling = attempts(&app, access, move || {
            let (cx, request) = (cx.clone(), Arc::clone(&request));
            move |tx: &mut Tx<'_>| O::ask(&cx, tx, &request)
        });
        answer::<O>(ruling.await)
    })
}

fn answer<O: Operation>(ruled: Result<Ruling<O::Response, O::Error>, Answer>) -> Answer {
    match ruled {
        Ok(Ruling::Answered(response)) => Answer::of::<O>(&response),
        Ok(Ruling::Refused(error)) => Answer::Refused(error.code(), None),
        Ok(Ruling::RefusedAt(error, field)) => {
            Answer::Refused(error.code(), Some(field.to_owned()))
        }
        Err(answer) => answer,
    }
}

/// Runs a transaction that begins with a look-up, again where it has to be: all attempts, and what
/// they need in between, begin within `database_wait_ms_max`. A refusal is looked at twice: on
/// PostgreSQL the same call may have been done between the look-up and the claim of the card, and
/// then the guards see its effect.
pub async fn transact<T, E, M, F>(app: &App, make: M) -> Result<T, Answer>
where
    T: Send + 'static,
    E: ErrorSet,
    M: FnMut() -> F,
    F: FnMut(&mut Tx<'_>) -> Done<T, E> + Send + 'static,
{
    attempts(app, Access::Write, make).await
}

/// What a transaction may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Read one snapshot.
    Read,
    /// Read and write.
    Write,
}

/// As [`transact`], or the same that only reads.
async fn attempts<T, E, M, F>(app: &App, access: Access, mut make: M) -> Result<T, Answer>
where
    T: Send + 'static,
    E: ErrorSet,
    M: FnMut() -> F,
    F: FnMut(&mut Tx<'_>) -> Done<T, E> + Send + 'static,
{
    let until = Instant::now() + Duration::from_millis(app.core.settings.database_wait_ms_max);
    let (mut was_refused, mut was_unknown) = (false, false);
    in_time(until, fresh_keys(app)).await?;
    for _ in 0..ATTEMPTS_MAX {
        let done = match access {
            Access::Read => spans::inner("read", app.store.read_until(until, make())).await,
            Access::Write => spans::inner("write", app.store.write_until(until, make())).await,
        };
        match done {
            Ok(done) => return Ok(done),
            Err(WriteError::Refused(Stop::Refused(error, field))) => {
                let is_final = access == Access::Read || app.store.writes_one_at_a_time();
                if was_refused || is_final {
                    return Err(Answer::Refused(error.code(), field.map(str::to_owned)));
                }
                was_refused = true;
            }
            Err(WriteError::Refused(Stop::CameFirst)) => {}
            Err(WriteError::Refused(Stop::UnknownKey)) if was_unknown => {
                return Err(server_fault("a key is unknown"));
            }
            Err(WriteError::Refused(Stop::UnknownKey)) => {
                was_unknown = true;
                in_time(until, reload(app)).await?;
            }
            Err(WriteError::Refused(Stop::Reused(code))) => {
                return Err(Answer::Failed(code));
            }
            Err(WriteError::Refused(Stop::Refill(need))) => {
                in_time(until, refill(app, need)).await?;
            }
            Err(WriteError::Refused(Stop::Fault(message))) => return Err(server_fault(&message)),
            Err(WriteError::Unavailable(cause)) => return Err(unavailable(cause)),
            Err(WriteError::Fault(fault)) => return Err(server_fault(fault.message())),
        }
    }
    tracing::error!(attempts = ATTEMPTS_MAX, "a transaction found no end");
    Err(Answer::Failed(&pipeline::UNAVAILABLE))
}

/// What an attempt needs, unless the call's time is over first. What was being read for it, or
/// taken as a supply, is then not used.
async fn in_time(
    until: Instant,
    needed: impl Future<Output = Result<(), Answer>>,
) -> Result<(), Answer> {
    let ended = timeout_at(until, needed).await;
    ended.unwrap_or_else(|_| Err(unavailable(Cause::WaitedTooLong)))
}

/// Reads the keys anew where they are too old to be used.
pub async fn fresh_keys(app: &App) -> Result<(), Answer> {
    if app.core.keys.is_stale() { reload(app).await } else { Ok(()) }
}

async fn reload(app: &App) -> Result<(), Answer> {
    app.core.keys.reload(&app.store, app.clock.now()).await.map_err(|error| match error {
        WriteError::Unavailable(cause) => unavailable(cause),
        WriteError::Refused(error) => server_fault(&error.to_string()),
        WriteError::Fault(fault) => server_fault(fault.message()),
    })
}

async fn refill(app: &App, need: Need) -> Result<(), Answer> {
    let said = format!("{need:?}");
    app.core.supply.refill(&app.store, need).await.map_err(|error| match error {
        SupplyError::UsedUp => {
            tracing::error!(need = said, "the product's number ranges are used up");
            Answer::Failed(&pipeline::NUMBERS_USED_UP)
        }
        SupplyError::Store(WriteError::Unavailable(cause)) => unavailable(cause),
        SupplyError::Store(WriteError::Fault(fault)) => server_fault(fault.message()),
        SupplyError::Store(WriteError::Refused(())) => server_fault("a supply was refused"),
    })
}

fn unavailable(cause: Cause) -> Answer {
    tracing::warn!(%cause, "the database could not be used");
    Answer::Failed(&pipeline::UNAVAILABLE)
}

fn server_fault(message: &str) -> Answer {
    tracing::error!(message, "fault");
    Answer::Failed(&pipeline::SERVER_FAULT)
}

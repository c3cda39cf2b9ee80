//! What a call was seen to do, for whoever develops against a sandbox. A production server has no
//! observer: nothing is gathered there.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request};
use contract::json::NotAnObject;
use crypto::jwe::JweError;
use crypto::secret::SecretBytes;
use domain::Timestamp;

use crate::context::App;
use crate::directory::Project;

/// Is told of each call below the API's paths when it has ended, before its caller is.
pub trait Observer: Send + Sync {
    /// A call has ended.
    fn ended(&self, app: &App, seen: &Seen, end: &End<'_>);
}

/// How far a call came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Step {
    /// Path, method and headers.
    #[default]
    Headers,
    /// The body, as it came or as it was decrypted.
    Body,
    /// Partner, access key, token, time and number of calls.
    Token,
    /// The crypto key.
    Key,
    /// Whether it is encrypted, and opens.
    Decryption,
    /// The fields by the operation's definition.
    Fields,
    /// The operation.
    Operation,
    /// It is done.
    Done,
}

impl Step {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Step::Headers => "headers",
            Step::Body => "body",
            Step::Token => "token",
            Step::Key => "key",
            Step::Decryption => "decryption",
            Step::Fields => "fields",
            Step::Operation => "operation",
            Step::Done => "done",
        }
    }
}

/// Why a step failed, where the code alone does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The encrypted text does not open.
    Jwe(JweError),
    /// The body is no JSON object.
    Json(NotAnObject),
    /// The envelope has something beside its text, or the text is no string.
    Envelope,
}

/// What was seen of a call, in clear: it has no `Debug`.
#[derive(Clone)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// Its method.
    pub method: Method,
    /// Its path, without a query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The caller's time, once the headers are read.
    pub tran_time: Option<Timestamp>,
    /// The body as it came.
    pub body: Option<Bytes>,
    /// The project, where there is one of this partner and access key.
    pub project: Option<Arc<Project>>,
    /// The request that was decrypted.
    pub decrypted: Option<SecretBytes>,
    /// The answer before it was encrypted.
    pub answer: Option<String>,
    /// The field or header at fault.
    pub fault: Option<String>,
    /// Why the step failed.
    pub reason: Option<Reason>,
}

/// How a call ended.
pub struct End<'a> {
    /// The operation's id, where the path leads to one.
    pub operation: Option<&'static str>,
    /// The step that failed, or that it is done.
    pub step: Step,
    /// HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// The body as it goes out.
    pub body: &'a str,
    /// How long it took.
    pub elapsed: Duration,
}

/// The notes of a call that an observer is told of; of another one there are none.
#[derive(Clone, Default)]
pub(super) struct Notes(Option<Box<Seen>>);

impl Notes {
    /// Notes of a call that begins.
    pub(super) fn begin(app: &App, request: &Request<Body>) -> Self {
        let seen = || Seen {
            at: app.clock.now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
            tran_time: None,
            body: None,
            project: None,
            decrypted: None,
            answer: None,
            fault: None,
            reason: None,
        };
        Notes(app.observer.is_some().then(|| Box::new(seen())))
    }

    /// Adds to them.
    pub(super) fn add(&mut self, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &mut self.0 {
            note(seen);
        }
    }

    /// Tells the observer that the call has ended.
    pub(super) fn tell(&self, app: &App, end: &End<'_>) {
        if let (Some(observer), Some(seen)) = (&app.observer, &self.0) {
            observer.ended(app, seen, end);
        }
    }
}

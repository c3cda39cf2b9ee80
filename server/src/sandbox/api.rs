//! `/sandbox/v1/`: what a test suite in any language needs beside the API itself. Plain JSON,
//! unsigned; served by the sandbox alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bank::sim::{Admin, AdminError, Behaviour, Scope};
use contract::Kind;
use contract::openapi::{
    HttpMethod, OpenApi, PlainPath, PlainResponse, Schema, add_plain_path, schema,
};
use domain::delivery::DeliveryState;
use domain::{ApplyNo, AspId, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::tables::bank_accounts::{self, Chargeable};
use store::{Tx, TxError, WriteError};

use super::ASP_ID;
use super::arm::{arm, armed};
use super::calls::Calls;
use super::delivering::{self, Advanced};
use super::{calls, clock, plastic, view};
use crate::context::App;
use crate::http::Served;

/// What the handlers are given.
#[derive(Clone)]
pub struct Sandbox {
    /// The server.
    pub app: Arc<App>,
    /// The bank simulator.
    pub bank: Admin,
    /// The log of calls.
    pub calls: Arc<Calls>,
}

/// A refusal: status and sentence.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.1 }).to_string();
        (self.0, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// What a handler ends with.
pub(super) type Outcome = Result<Response, Refusal>;

/// The group of these operations in the OpenAPI document.
pub(super) const TAG: &str = "Sandbox";

/// The names in a path. What is not of a name's form names nothing.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Named(names)),
            Err(_) => Err(Refusal(
                StatusCode::NOT_FOUND,
                "A name or a number in the path is not of its form.".to_owned(),
            )),
        }
    }
}

/// A JSON answer.
pub(super) fn answer(body: &Value) -> Outcome {
    Ok(([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response())
}

/// There is no such thing.
pub(super) fn not_found(what: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("The sandbox has no such {what}."))
}

/// What the sandbox needs is away.
pub(super) fn failed(error: impl std::fmt::Display) -> Refusal {
    tracing::error!(%error, "the sandbox's own operation failed");
    Refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// What is for the developer at this machine alone: keys, calls, what the database holds. Only for
/// a server that others cannot reach: a `Host` is easily made up.
pub fn told(sandbox: Sandbox) -> Router<Served> {
    let calls = calls::routes(Arc::clone(&sandbox.calls));
    let plastic = plastic::routes(sandbox.clone());
    calls.merge(plastic).merge(view::routes(sandbox)).layer(from_fn(not_kept))
}

/// The other routes.
pub fn routes(sandbox: Sandbox) -> Router<Served> {
    let clock = clock::routes(sandbox.clone());
    Router::new()
        .route("/sandbox/v1/scenarios", get(list))
        .route("/sandbox/v1/scenarios/{operation}/{name}/arm", post(arm_scenario))
        .route("/sandbox/v1/members/{user_id}/bank-behaviour", post(set_behaviour))
        .route("/sandbox/v1/deliveries/{card_apply_no}/advance", post(advance))
        .with_state(sandbox)
        .merge(clock)
}

/// What is told of keys and calls is not for caches, nor for a page of another site that would
/// take it for a script.
async fn not_kept(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Adds them to the OpenAPI document.
pub fn document(doc: &mut OpenApi) {
    for path in [list_path(), arm_path(), behaviour_path(), advance_path()] {
        add_plain_path(doc, path);
    }
    clock::document(doc);
    calls::document(doc);
    view::document(doc);
    plastic::document(doc);
}

/// A refusal, as a document tells it.
pub(super) fn refusal(status: u16, description: &'static str) -> PlainResponse<'static> {
    let sentence = schema::text().description(Some("What is wrong, as a sentence."));
    let body = schema::object().property("error", sentence).required("error");
    PlainResponse { status, description, body: Some(body.into()) }
}

/// What a path that changes something can answer.
pub(super) fn answers(done: impl Into<Schema>) -> Vec<PlainResponse<'static>> {
    vec![
        PlainResponse { status: 200, description: "Done.", body: Some(done.into()) },
        refusal(400, "The request is wrong; `error` says how."),
        refusal(404, "There is no such thing; `error` says what."),
        refusal(503, "The database or the bank is away."),
    ]
}

/// The id of a member that exists: below 2^53.
fn user_id() -> Schema {
    let kind = Kind::Integer { min: 1, max: (1 << 53) - 1 };
    schema::of(kind).description(Some("The member.")).into()
}

fn list_path() -> PlainPath<'static> {
    let expect = schema::object()
        .property("status", schema::of(Kind::Integer { min: 200, max: 599 }))
        .required("status")
        .property("code", schema::text())
        .required("code")
        .property(
            "response",
            schema::object().description(Some(
                "The answer in clear; a value that differs from call to call stands as \
                 `{\"pattern\": \"...\"}`, a regular expression for it.",
            )),
        )
        .required("response");
    let request = schema::object().description(Some("The request in clear."));
    let members = [
        ("operation", schema::text().description(Some("The operation's id."))),
        ("name", schema::text()),
        ("title", schema::text()),
        ("method", schema::of(Kind::Choice(&["POST"]))),
        ("path", schema::text()),
        ("requestEncrypted", schema::of(Kind::Boolean)),
        ("responseEncrypted", schema::of(Kind::Boolean)),
        ("request", request),
        ("expect", expect),
    ];
    let scenario = members
        .into_iter()
        .fold(schema::object(), |all, (name, member)| all.property(name, member).required(name));
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/scenarios",
        id: "sandbox.scenarios",
        summary: "All scenarios",
        description: "The same array as `platen scenarios --format json` prints.",
        tag: TAG,
        path_params: &[],
        query_params: &[],
        request: None,
        responses: vec![PlainResponse {
            status: 200,
            description: "All of them.",
            body: Some(schema::list(scenario)),
        }],
    }
}

fn arm_path() -> PlainPath<'static> {
    let done = schema::object()
        .property("userId", user_id())
        .required("userId")
        .property("cardNo", schema::of(Kind::Digits { len: 16 }))
        .required("cardNo");
    PlainPath {
        method: HttpMethod::Post,
        path: "/sandbox/v1/scenarios/{operation}/{name}/arm",
        id: "sandbox.arm",
        summary: "Arm a scenario",
        description: "Puts the scenario's member, card and bank account back to what is given. Do \
                      not arm a scenario while a call of it runs.",
        tag: TAG,
        path_params: &[("operation", "The operation's id."), ("name", "The scenario's name.")],
        query_params: &[],
        request: Some(schema::closed().into()),
        responses: answers(done),
    }
}

/// The forms of a behaviour.
const BEHAVIOUR_PATTERN: &str =
    "^(answer|refuse:[0-9A-Za-z]{1,8}|take_silently|hold|delay:[0-9]{1,6}|disconnect|error500)$";

fn behaviour_path() -> PlainPath<'static> {
    let behaviour = schema::text()
        .pattern(Some(BEHAVIOUR_PATTERN))
        .description(Some(
            "`answer`: takes the money and says so. `refuse:CODE`: refuses with the bank's code. \
             `take_silently`: takes it and never says so; an inquiry does. `hold`: decides \
             nothing. `delay:MS`: says so after this time only, up to 600000 ms. `disconnect`: \
             cuts the connection and takes nothing. `error500`: takes it and says HTTP 500.",
        ))
        .examples(["refuse:415"]);
    let scope = schema::of(Kind::Choice(&["account", "next"]))
        .description(Some("Until it is set again, or for the account's next order alone."))
        .default(Some("account".into()));
    let request = schema::closed()
        .property("behaviour", behaviour)
        .required("behaviour")
        .property("scope", scope);
    let done = schema::object()
        .property("userId", user_id())
        .required("userId")
        .property("fintechUseNum", schema::of(Kind::Digits { len: 24 }))
        .required("fintechUseNum");
    PlainPath {
        method: HttpMethod::Post,
        path: "/sandbox/v1/members/{user_id}/bank-behaviour",
        id: "sandbox.bank-behaviour",
        summary: "Choose how the bank behaves",
        description: "For the member's account that a fee would be drawn from.",
        tag: TAG,
        path_params: &[("user_id", "The member's id.")],
        query_params: &[],
        request: Some(request.into()),
        responses: answers(done),
    }
}

fn advance_path() -> PlainPath<'static> {
    let state =
        || schema::text().enum_values(Some(DeliveryState::ALL.iter().map(|state| state.name())));
    let wanted = state().description(Some("Where to; the following state where it is left out."));
    PlainPath {
        method: HttpMethod::Post,
        path: "/sandbox/v1/deliveries/{card_apply_no}/advance",
        id: "sandbox.delivery-advance",
        summary: "Move a delivery on",
        description: "To its following state, or to the one that `state` in the body names. For \
                      a LOST plastic a new one goes out at once: the delivery is READY again, \
                      its attempt one more. One in RETURN is sent again by READY and called off \
                      by CANCEL.",
        tag: TAG,
        path_params: &[("card_apply_no", "The application whose plastic is delivered.")],
        query_params: &[],
        request: Some(schema::closed().property("state", wanted).into()),
        responses: answers(schema::object().property("state", state()).required("state")),
    }
}

async fn list(State(sandbox): State<Sandbox>) -> Outcome {
    let entries = sandbox.app.operations.registry().entries();
    let all: Vec<Value> = entries.iter().flat_map(contract::Entry::scenarios_json).collect();
    answer(&Value::from(all))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn arm_scenario(
    State(sandbox): State<Sandbox>,
    Named((operation, name)): Named<(String, String)>,
    request: Request,
) -> Outcome {
    let Nothing {} = body(request).await?;
    let handler = sandbox.app.operations.by_id(&operation).ok_or_else(|| not_found("operation"))?;
    let scenario = handler.scenarios.iter().find(|scenario| scenario.told.name == name);
    let world = &scenario.ok_or_else(|| not_found("scenario"))?.world;
    arm(&sandbox.app, &sandbox.bank, &AspId::new(ASP_ID), world).await.map_err(failed)?;
    answer(&armed(world))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBehaviour {
    behaviour: String,
    #[serde(default)]
    scope: Scope,
}

async fn set_behaviour(
    State(sandbox): State<Sandbox>,
    Named(user_id): Named<u64>,
    request: Request,
) -> Outcome {
    let wish: SetBehaviour = body(request).await?;
    let behaviour: Behaviour = wish
        .behaviour
        .parse()
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("behaviour: {error}")))?;
    let user = UserId(user_id).stored().ok_or_else(|| not_found("member"))?;
    let asp = AspId::new(ASP_ID);
    let account = sandbox.app.store.read(move |tx: &mut Tx<'_>| {
        let Chargeable::Account(id) = bank_accounts::chargeable(tx, &asp, UserId(user_id))? else {
            return Err(TxError::Refused(()));
        };
        let row = tx.query_one(
            "SELECT fintech_use_num FROM bank_account
             WHERE asp_id = $1 AND user_id = $2 AND bank_account_id = $3",
            &[asp.as_str().into(), user.into(), id.into()],
        )?;
        Ok(row.text(0)?.to_owned())
    });
    let number = account.await.map_err(|error| match error {
        WriteError::Refused(()) => not_found("member with a registered bank account"),
        WriteError::Unavailable(_) | WriteError::Fault(_) => failed("the database failed"),
    })?;
    match sandbox.bank.set_behaviour(&number, behaviour, wish.scope).await {
        Ok(()) => answer(&json!({ "userId": user_id, "fintechUseNum": number })),
        Err(AdminError::NoAccount) => Err(not_found("account at the bank simulator")),
        Err(error) => Err(failed(error)),
    }
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Advance {
    state: Option<String>,
}

async fn advance(
    State(sandbox): State<Sandbox>,
    Named(apply_no): Named<String>,
    request: Request,
) -> Outcome {
    let wish: Advance = body(request).await?;
    let wanted = match wish.state.as_deref().map(|name| (name, DeliveryState::parse(name))) {
        None => None,
        Some((_, Some(state))) => Some(state),
        Some((name, None)) => {
            let sentence = format!("state: `{name}` is no state of a delivery");
            return Err(Refusal(StatusCode::BAD_REQUEST, sentence));
        }
    };
    // What is no number at all is not asked of the database: PostgreSQL refuses a NUL in a text.
    if !apply_no.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_found("delivery"));
    }
    let apply_no = ApplyNo::new(apply_no);
    match delivering::advance(&sandbox.app, &apply_no, wanted).await {
        Ok(Advanced::Took(state)) => answer(&json!({ "state": state.name() })),
        Ok(Advanced::Unknown) => Err(not_found("delivery")),
        Ok(Advanced::CannotFrom(state)) => {
            let sentence = format!("A delivery in state {} cannot go there.", state.name());
            Err(Refusal(StatusCode::BAD_REQUEST, sentence))
        }
        Err(reply) => Err(failed(format_args!("it ended with {}", reply.code()))),
    }
}

/// Longest body of these operations, bytes.
const BODY_BYTES_MAX: usize = 4_096;

/// The body; nothing is the same as `{}`.
pub(super) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let wrong = |sentence: String| Refusal(StatusCode::BAD_REQUEST, sentence);
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    let bytes = bytes.map_err(|_| wrong("The body is too long or was cut.".to_owned()))?;
    if !is_json && !bytes.is_empty() {
        return Err(wrong("Content-Type must be application/json.".to_owned()));
    }
    let bytes = if bytes.is_empty() { "{}".into() } else { bytes };
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("The body is wrong: {error}")))
}

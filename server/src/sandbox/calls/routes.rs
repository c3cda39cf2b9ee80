//! The log's addresses.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use contract::Kind;
use contract::openapi::{HttpMethod, OpenApi, PlainPath, PlainResponse, Schema, schema};

use super::query::Wanted;
use super::{Calls, READERS_MAX};
use crate::http::Served;
use crate::sandbox::api::{Named, Outcome, Refusal, TAG, not_found, refusal};

/// Those of this log.
pub(in crate::sandbox) fn routes(calls: Arc<Calls>) -> Router<Served> {
    Router::new()
        .route("/sandbox/v1/calls", get(list))
        .route("/sandbox/v1/calls/stream", get(stream))
        .route("/sandbox/v1/calls/{seq}", get(whole))
        .with_state(calls)
}

async fn list(State(calls): State<Arc<Calls>>, RawQuery(query): RawQuery) -> Outcome {
    let wanted = Wanted::parse(&query.unwrap_or_default());
    let wanted = wanted.map_err(|sentence| Refusal(StatusCode::BAD_REQUEST, sentence))?;
    Ok(json(calls.list(&wanted)))
}

async fn whole(State(calls): State<Arc<Calls>>, Named(seq): Named<u64>) -> Outcome {
    calls.whole(seq).map(|call| json(call.to_string())).ok_or_else(|| not_found("call any more"))
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn stream(
    State(calls): State<Arc<Calls>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Outcome {
    let had = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let after = match (had, query) {
        (Some(seq), _) => Some(seq),
        (None, None) => None,
        (None, Some(query)) => {
            let wanted = Wanted::parse(&query);
            Some(wanted.map_err(|sentence| Refusal(StatusCode::BAD_REQUEST, sentence))?.after)
        }
    };
    let events = calls.stream(after).ok_or_else(|| {
        let sentence = format!("There are {READERS_MAX} readers already, or the sandbox stops.");
        Refusal(StatusCode::SERVICE_UNAVAILABLE, sentence)
    })?;
    let mut response = Response::new(Body::new(events));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Their paths in the OpenAPI document.
pub(in crate::sandbox) fn document(doc: &mut OpenApi) {
    for path in [list_path(), stream_path(), whole_path()] {
        contract::openapi::add_plain_path(doc, path);
    }
}

fn list_path() -> PlainPath<'static> {
    let body = schema::object()
        .property("calls", schema::list(schema::object()))
        .required("calls")
        .property("last", schema::of(Kind::Integer { min: 0, max: (1 << 53) - 1 }))
        .required("last");
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/calls",
        id: "sandbox.calls",
        summary: "The calls that came",
        description: "Every call that reached the API, whoever made it and whatever became of it, \
                      the newest first; `last` is the number of the newest. The newest 500 are \
                      kept, in memory. Card numbers, CVCs and personal data are masked.",
        tag: TAG,
        path_params: &[],
        query_params: &[
            ("after", "Calls after the one of this number alone."),
            ("correlationId", "Calls with this X-KM-Correlation-Id alone."),
            ("limit", "At most so many; 100 where it is left out, 500 at the most."),
        ],
        request: None,
        responses: vec![done("The calls.", Some(body.into())), wrong_query()],
    }
}

fn stream_path() -> PlainPath<'static> {
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/calls/stream",
        id: "sandbox.calls-stream",
        summary: "The calls as they come",
        description: "Server-sent events: `call` with a call as the list has it, its number as \
                      the event's id. `reload` says that some were missed; the list has them.",
        tag: TAG,
        path_params: &[],
        query_params: &[("after", "Begin after the call of this number; else with the next.")],
        request: None,
        responses: vec![
            done("The stream, `text/event-stream`.", None),
            wrong_query(),
            refusal(503, "There are 32 readers already, or the sandbox stops."),
        ],
    }
}

fn whole_path() -> PlainPath<'static> {
    let said = |name: &str, meaning: &str| {
        (name.to_owned(), schema::text().description(Some(meaning.to_owned())))
    };
    let body = [
        said("step", "The step that failed, or `done`."),
        said("cause", "Why it ended so, as a sentence."),
    ];
    let body = body.into_iter().fold(schema::object(), |all, (name, text)| {
        all.property(name.clone(), text).required(name)
    });
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/calls/{seq}",
        id: "sandbox.call",
        summary: "One call, whole",
        description: "With the step that failed and why, the token as it should be, and request \
                      and answer in clear, masked.",
        tag: TAG,
        path_params: &[("seq", "The call's number.")],
        query_params: &[],
        request: None,
        responses: vec![
            done("The call.", Some(body.into())),
            refusal(404, "It is not kept any more, or never was."),
        ],
    }
}

fn done(description: &'static str, body: Option<Schema>) -> PlainResponse<'static> {
    PlainResponse { status: 200, description, body }
}

fn wrong_query() -> PlainResponse<'static> {
    refusal(400, "The query is wrong; `error` says how.")
}

//! The bank's own endpoints: token, withdrawal, deposit, result.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::json;

use super::answers::{self, MESSAGE_ERROR};
use super::messages;
use super::orders::{self, Outcome, Received};
use super::serve::Sim;
use super::wire::Wire;
use super::{file, inquire};

/// How long a silent call is held open.
const SILENCE: Duration = Duration::from_secs(60);

const TOKEN_REQUEST_BAD: &str = "O0001";
const TOKEN_INVALID: &str = "O0003";

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/oauth/2.0/token", post(token))
        .route("/v2.0/transfer/withdraw/fin_num", post(withdraw))
        .route("/v2.0/transfer/deposit/fin_num", post(deposit))
        .route("/v2.0/transfer/result", post(result))
}

async fn token(State(sim): State<Arc<Sim>>, body: String) -> Response {
    let has = |name: &str| {
        body.split('&').any(|field| {
            field.split_once('=').is_some_and(|(key, value)| key == name && !value.is_empty())
        })
    };
    let granted = body.split('&').any(|field| field == "grant_type=client_credentials");
    if !granted || !has("client_id") || !has("client_secret") || !has("scope") {
        return failure(TOKEN_REQUEST_BAD, "client_id, client_secret, scope, grant_type");
    }
    Json(json!({
        "access_token": sim.tokens.issue(sim.now_us()),
        "token_type": "Bearer",
        "expires_in": sim.tokens.life_seconds,
        "scope": "oob",
    }))
    .into_response()
}

async fn withdraw(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !authorized(&sim, &headers) {
        return failure(TOKEN_INVALID, "access_token is not valid");
    }
    match messages::withdrawal(&body, sim.now_us()) {
        Ok(order) => receive(&sim, &wire, order).await,
        Err(field) => failure(MESSAGE_ERROR, field),
    }
}

async fn deposit(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !authorized(&sim, &headers) {
        return failure(TOKEN_INVALID, "access_token is not valid");
    }
    match messages::deposit(&body, sim.now_us()) {
        Ok(order) => receive(&sim, &wire, order).await,
        Err(field) => failure(MESSAGE_ERROR, field),
    }
}

async fn receive(sim: &Sim, wire: &Wire, received: Received) -> Response {
    let order = received.clone();
    let outcome = file::write(&sim.store, move |tx| orders::receive(tx, &order)).await;
    match outcome {
        Ok(Outcome::Tell(order, after_ms)) => {
            if after_ms > 0 && !sim.passes(Duration::from_millis(after_ms)).await {
                return cut(wire);
            }
            Json(answers::of_order(&order, sim.now_us())).into_response()
        }
        Ok(Outcome::Clash) => Json(answers::of_clash(&received)).into_response(),
        Ok(Outcome::Silence) => {
            sim.passes(SILENCE).await;
            cut(wire)
        }
        Ok(Outcome::Cut) => cut(wire),
        Ok(Outcome::Error500) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(error) => {
            tracing::error!(%error, "an order could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn result(State(sim): State<Arc<Sim>>, headers: HeaderMap, body: Bytes) -> Response {
    if !authorized(&sim, &headers) {
        return failure(TOKEN_INVALID, "access_token is not valid");
    }
    let asked = match messages::inquiry(&body) {
        Ok(asked) => asked,
        Err(field) => return failure(MESSAGE_ERROR, field),
    };
    let (now_us, order) = (sim.now_us(), asked.clone());
    let found = file::write(&sim.store, move |tx| inquire::inquire(tx, &order, now_us)).await;
    match found {
        Ok(Some(order)) if order.amount != asked.amount => {
            failure(MESSAGE_ERROR, "org_tran_amt is not the order's")
        }
        Ok(found) => {
            Json(answers::of_inquiry(found.as_ref(), &asked, sim.now_us())).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an order could not be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn authorized(sim: &Sim, headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|token| sim.tokens.is_valid(token, sim.now_us()))
}

fn cut(wire: &Wire) -> Response {
    wire.cut();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The gateway's own answers are HTTP 200 too.
fn failure(rsp_code: &str, rsp_message: &str) -> Response {
    Json(json!({ "rsp_code": rsp_code, "rsp_message": rsp_message })).into_response()
}

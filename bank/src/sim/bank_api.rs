//! The bank's own endpoints: token, withdrawal, result.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::json;

use super::messages::{self, Fields};
use super::orders::{self, Decision, Order, Outcome};
use super::serve::Sim;
use super::wire::Wire;
use super::{file, inquire};
use crate::kst_date_time;

/// How long a silent call is held open.
const SILENCE: Duration = Duration::from_secs(60);

const SUCCESS: &str = "A0000";
/// A participating bank refused; its own code stands beside.
const BANK_REFUSED: &str = "A0002";
const PROCESSING: &str = "A0007";
const BANK_SUCCESS: &str = "000";
const TOKEN_REQUEST_BAD: &str = "O0001";
const TOKEN_INVALID: &str = "O0003";
const MESSAGE_ERROR: &str = "S58";
const NOT_FOUND: &str = "S04";

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/oauth/2.0/token", post(token))
        .route("/v2.0/transfer/withdraw/fin_num", post(withdraw))
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
    let order = match messages::withdrawal(&body, sim.now_us()) {
        Ok(order) => order,
        Err(field) => return failure(MESSAGE_ERROR, field),
    };
    let (id, amount) = (order.tran_id.clone(), order.amount);
    let outcome = file::write(&sim.store, move |tx| orders::receive(tx, &order)).await;
    match outcome {
        Ok(Outcome::Tell(order, after_ms)) => {
            if after_ms > 0 && !sim.passes(Duration::from_millis(after_ms)).await {
                return cut(&wire);
            }
            let mut answer = base(&sim);
            tell(&mut answer, &order, sim.now_us());
            Json(answer).into_response()
        }
        Ok(Outcome::Clash) => {
            let mut answer = base(&sim);
            answer.insert("rsp_code".to_owned(), json!(MESSAGE_ERROR));
            answer.insert("rsp_message".to_owned(), json!("bank_tran_id is another order's"));
            answer.insert("bank_tran_id".to_owned(), json!(id));
            answer.insert("tran_amt".to_owned(), json!(amount.to_string()));
            Json(answer).into_response()
        }
        Ok(Outcome::Silence) => {
            sim.passes(SILENCE).await;
            cut(&wire)
        }
        Ok(Outcome::Cut) => cut(&wire),
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
    let now_us = sim.now_us();
    let (id, date) = (asked.tran_id.clone(), asked.tran_date.clone());
    let found = file::write(&sim.store, move |tx| inquire::inquire(tx, &id, &date, now_us)).await;
    let mut answer = base(&sim);
    let mut item = Fields::new();
    item.insert("tran_no".to_owned(), json!("1"));
    match found {
        Ok(Some(order)) if order.amount != asked.amount => {
            return failure(MESSAGE_ERROR, "org_tran_amt is not the order's");
        }
        Ok(Some(order)) => {
            tell(&mut item, &order, sim.now_us());
            // Outside, the code is about the inquiry; inside, about the order.
            let open = item.remove("rsp_code") == Some(json!(PROCESSING));
            let code = if open { PROCESSING } else { SUCCESS };
            answer.insert("rsp_code".to_owned(), json!(code));
            item.insert("api_tran_id".to_owned(), json!(order.api_tran_id));
        }
        Ok(None) => {
            answer.insert("rsp_code".to_owned(), json!(SUCCESS));
            item.insert("bank_tran_id".to_owned(), json!(asked.tran_id));
            item.insert("bank_tran_date".to_owned(), json!(asked.tran_date));
            item.insert("bank_rsp_code".to_owned(), json!(NOT_FOUND));
            item.insert("bank_rsp_message".to_owned(), json!("no such order"));
            item.insert("tran_amt".to_owned(), json!(asked.amount.to_string()));
        }
        Err(error) => {
            tracing::error!(%error, "an order could not be read");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    }
    answer.insert("res_cnt".to_owned(), json!("1"));
    answer.insert("res_list".to_owned(), json!([item]));
    Json(answer).into_response()
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

fn base(sim: &Sim) -> Fields {
    let mut fields = Fields::new();
    let time = format!("{}000", kst_date_time(sim.now_us()));
    fields.insert("api_tran_dtm".to_owned(), json!(time));
    fields
}

/// What is known of an order, in the bank's fields.
fn tell(fields: &mut Fields, order: &Order, now_us: i64) {
    let (rsp_code, bank_rsp_code, message) = match order.told(now_us) {
        None | Some(Decision::Held) => (PROCESSING, "", "processing"),
        Some(Decision::Taken) => (SUCCESS, BANK_SUCCESS, ""),
        Some(Decision::Refused(code)) => (BANK_REFUSED, code.as_str(), "refused"),
    };
    for (name, value) in [
        ("api_tran_id", order.api_tran_id.as_str()),
        ("rsp_code", rsp_code),
        ("rsp_message", message),
        ("bank_tran_id", &order.tran_id),
        ("bank_tran_date", &order.tran_date),
        ("bank_rsp_code", bank_rsp_code),
        ("bank_rsp_message", message),
        ("fintech_use_num", &order.fintech_use_num),
        ("tran_amt", &order.amount.to_string()),
        ("wd_limit_remain_amt", "9999999"),
    ] {
        fields.insert(name.to_owned(), json!(value));
    }
}

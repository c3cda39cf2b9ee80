//! Endpoints for those who test: accounts, behaviour, orders, ledger.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::accounts;
use super::file::{self, FileError};
use super::ledger::{self, LedgerRange};
use super::model::{Account, Identity, LedgerPage, Orders, Refusal, SetBehaviour};
use super::orders::{self, Order};
use super::serve::Sim;

const LEDGER_LIMIT_DEFAULT: i64 = 100;
const LEDGER_LIMIT_MAX: i64 = 1_000;
/// Digits of a day.
const DAY_DIGITS: usize = 8;

type Answer = Result<Response, Response>;

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route(
            "/sim/v1/accounts/{fintech_use_num}",
            get(account).put(put_account).delete(delete_account),
        )
        .route("/sim/v1/accounts/{fintech_use_num}/behaviour", post(set_behaviour))
        .route("/sim/v1/orders/{bank_tran_id}", get(orders_of_id))
        .route("/sim/v1/ledger", get(ledger))
        .route("/sim/v1/day-files/{institution}/{day}", get(day_file))
        .route("/sim/v1/totals", get(totals))
        .route("/sim/v1/identity", get(identity))
}

async fn identity(State(sim): State<Arc<Sim>>) -> Json<Identity> {
    Json(Identity { instance: sim.instance.clone(), pid: std::process::id() })
}

async fn account(State(sim): State<Arc<Sim>>, Path(number): Path<String>) -> Answer {
    let found = file::read(&sim.store, move |tx| accounts::find(tx, &number)).await;
    let stored = found.map_err(unavailable)?.ok_or_else(no_account)?;
    Ok(json(&stored.account))
}

async fn put_account(
    State(sim): State<Arc<Sim>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Answer {
    let account: Account = serde_json::from_slice(&body).map_err(|e| bad(e.to_string()))?;
    let account = Account { fintech_use_num: number, ..account };
    accounts::check(&account).map_err(bad)?;
    let kept = account.clone();
    let put = file::write(&sim.store, move |tx| accounts::put(tx, &kept)).await;
    put.map_err(unavailable)?;
    Ok(json(&account))
}

async fn delete_account(State(sim): State<Arc<Sim>>, Path(number): Path<String>) -> Answer {
    let removed = file::write(&sim.store, move |tx| accounts::remove(tx, &number)).await;
    if !removed.map_err(unavailable)? {
        return Err(no_account());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn set_behaviour(
    State(sim): State<Arc<Sim>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Answer {
    let SetBehaviour { behaviour, scope } =
        serde_json::from_slice(&body).map_err(|e| bad(e.to_string()))?;
    let set =
        file::write(&sim.store, move |tx| accounts::set_behaviour(tx, &number, &behaviour, scope));
    if !set.await.map_err(unavailable)? {
        return Err(no_account());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn orders_of_id(State(sim): State<Arc<Sim>>, Path(id): Path<String>) -> Answer {
    let found = file::read(&sim.store, move |tx| orders::of_id(tx, &id)).await;
    let found: Vec<Order> = found.map_err(unavailable)?;
    let now_us = sim.now_us();
    Ok(json(&Orders { orders: found.into_iter().map(|order| order.record(now_us)).collect() }))
}

async fn ledger(State(sim): State<Arc<Sim>>, RawQuery(query): RawQuery) -> Answer {
    let range = ledger_range(&query.unwrap_or_default()).map_err(bad)?;
    let entries = file::read(&sim.store, move |tx| ledger::read(tx, &range)).await;
    Ok(json(&LedgerPage { entries: entries.map_err(unavailable)? }))
}

async fn day_file(
    State(sim): State<Arc<Sim>>,
    Path((institution, day)): Path<(String, String)>,
) -> Answer {
    if day.len() != DAY_DIGITS || !day.bytes().all(|c| c.is_ascii_digit()) {
        return Err(bad("a day is yyyyMMdd".to_owned()));
    }
    let written = file::read(&sim.store, move |tx| ledger::day_file(tx, &day, &institution)).await;
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], written.map_err(unavailable)?).into_response())
}

async fn totals(State(sim): State<Arc<Sim>>) -> Answer {
    Ok(json(&file::read(&sim.store, ledger::totals).await.map_err(unavailable)?))
}

fn ledger_range(query: &str) -> Result<LedgerRange, String> {
    let mut range = LedgerRange { fintech_use_num: None, after: 0, limit: LEDGER_LIMIT_DEFAULT };
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let number = || value.parse::<i64>().map_err(|_| format!("{name} is no number"));
        match name {
            "fintechUseNum" => range.fintech_use_num = Some(value.to_owned()),
            "after" => range.after = number()?,
            "limit" => range.limit = number()?.clamp(1, LEDGER_LIMIT_MAX),
            _ => return Err("the query has fintechUseNum, after and limit".to_owned()),
        }
    }
    Ok(range)
}

fn json(body: &impl Serialize) -> Response {
    Json(body).into_response()
}

fn bad(error: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(Refusal { error })).into_response()
}

fn no_account() -> Response {
    (StatusCode::NOT_FOUND, Json(Refusal { error: "no such account".to_owned() })).into_response()
}

fn unavailable(error: FileError) -> Response {
    tracing::error!(%error, "the simulator's file");
    let error = error.to_string();
    (StatusCode::SERVICE_UNAVAILABLE, Json(Refusal { error })).into_response()
}

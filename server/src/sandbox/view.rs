//! What a developer may look at beside the API: the project's keys, and what the database holds of
//! a scenario's member.

mod state;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use contract::openapi::{HttpMethod, OpenApi, PlainPath, PlainResponse, add_plain_path, schema};
use domain::AspId;
use serde_json::json;
use store::{Tx, WriteError};

use super::ASP_ID;
use super::api::{Named, Outcome, Sandbox, TAG, answer, failed, not_found, refusal};
use super::keys;
use crate::http::Served;
use state::BankAccount;

/// Bank accounts whose behaviour the bank is asked for; a scenario's member has one.
const ASKED_MAX: usize = 4;
/// How long the bank is waited for.
const BANK_PATIENCE: Duration = Duration::from_secs(2);

/// The routes.
pub(super) fn routes(sandbox: Sandbox) -> Router<Served> {
    Router::new()
        .route("/sandbox/v1/credentials", get(credentials))
        .route("/sandbox/v1/scenarios/{operation}/{name}/state", get(scenario_state))
        .with_state(sandbox)
}

/// Adds them to the OpenAPI document.
pub(super) fn document(doc: &mut OpenApi) {
    for path in [credentials_path(), state_path()] {
        add_plain_path(doc, path);
    }
}

async fn credentials(State(sandbox): State<Sandbox>) -> Outcome {
    let ring = sandbox.app.core.keys.ring();
    let read = move |tx: &mut Tx<'_>| keys::Credentials::read(tx, &AspId::new(ASP_ID), &ring);
    let read = sandbox.app.store.read(read).await;
    answer(&read.map_err(|error| failed(keys::unwrapped(error)))?.to_json())
}

async fn scenario_state(
    State(sandbox): State<Sandbox>,
    Named((operation, name)): Named<(String, String)>,
) -> Outcome {
    let handler = sandbox.app.operations.by_id(&operation).ok_or_else(|| not_found("operation"))?;
    let scenario = handler.scenarios.iter().find(|scenario| scenario.told.name == name);
    let world = scenario.ok_or_else(|| not_found("scenario"))?.world.clone();
    let core = sandbox.app.core.clone();
    let read = sandbox
        .app
        .store
        .read(move |tx: &mut Tx<'_>| state::read(&core, tx, &AspId::new(ASP_ID), &world));
    let (mut state, accounts) = read.await.map_err(|error| match error {
        WriteError::Refused(()) | WriteError::Unavailable(_) | WriteError::Fault(_) => {
            failed("the database failed")
        }
    })?;
    let mut told = Vec::new();
    for (place, account) in accounts.into_iter().enumerate() {
        let behaviour = if place < ASKED_MAX { behaviour(&sandbox, &account).await } else { None };
        told.push(json!({
            "state": account.state,
            "isPrimary": account.is_primary,
            "bankCode": account.bank_code,
            "behaviour": behaviour,
        }));
    }
    state["bankAccounts"] = told.into();
    answer(&state)
}

/// How the simulator behaves, as it will at the next order; `None` where it has no such account or
/// does not say.
async fn behaviour(sandbox: &Sandbox, account: &BankAccount) -> Option<String> {
    let asked = sandbox.bank.account(&account.fintech_use_num);
    let account = tokio::time::timeout(BANK_PATIENCE, asked).await.ok()?.ok()?;
    Some(account.next.unwrap_or(account.behaviour).to_string())
}

fn credentials_path() -> PlainPath<'static> {
    let names =
        ["aspId", "accessKey", "secretKey", "cryptoKeyId", "serverPublicKey", "clientPrivateKey"];
    let body = names
        .into_iter()
        .fold(schema::object(), |all, name| all.property(name, schema::text()).required(name));
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/credentials",
        id: "sandbox.credentials",
        summary: "The project's keys",
        description: "As `platen credentials --format json` prints them. They protect nothing.",
        tag: TAG,
        path_params: &[],
        query_params: &[],
        request: None,
        responses: vec![
            PlainResponse { status: 200, description: "The keys.", body: Some(body.into()) },
            refusal(403, "Asked from another host than this machine."),
            refusal(503, "The database is away."),
        ],
    }
}

fn state_path() -> PlainPath<'static> {
    let lists = ["accounts", "cards", "applications", "deliveries", "journals", "bankAccounts"];
    let body = schema::object().property("member", schema::object()).required("member");
    let body = lists
        .into_iter()
        .fold(body, |all, name| all.property(name, schema::list(schema::object())).required(name));
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/scenarios/{operation}/{name}/state",
        id: "sandbox.state",
        summary: "What the database holds",
        description: "Of the scenario's member, since it was armed: up to 50 of each, the newest \
                      first. Card numbers are masked; `member` is null where there is none.",
        tag: TAG,
        path_params: &[("operation", "The operation's id."), ("name", "The scenario's name.")],
        query_params: &[],
        request: None,
        responses: vec![
            PlainResponse { status: 200, description: "It.", body: Some(body.into()) },
            refusal(404, "There is no such scenario."),
            refusal(503, "The database is away."),
        ],
    }
}

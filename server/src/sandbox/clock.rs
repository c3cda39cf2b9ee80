//! The sandbox's clock of business: it is moved forward by hand, so that cards expire and days pass
//! within a test. What is about calls, keys and seals stays by the real one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use contract::Kind;
use contract::openapi::{
    HttpMethod, OpenApi, PlainPath, PlainResponse, Schema, add_plain_path, schema,
};
use domain::{AspId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::tables::log::{self, Moment, NewEntry};
use store::tables::{PLATFORM, counters};
use store::{DbError, Store, Tx, WriteError};

use super::ASP_ID;
use super::api::{Outcome, Refusal, Sandbox, TAG, answer, answers, body, failed, refusal};
use crate::context::{App, Clock};
use crate::facts::{fact, put_fact};
use crate::http::Served;
use crate::op::{Done, NoRefusal, OrStop, fault, transact};

/// The fact that says how far business is ahead, microseconds.
const SHIFT: &str = "clock-shift-us";
/// Counter of moves: who takes from it is alone.
const MOVES: &str = "clock-moves";
/// The most that it may be ahead in all, days: ten years.
pub const AHEAD_DAYS_MAX: i64 = 3_653;
/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
/// How often a server looks whether another one has moved it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The routes.
pub(super) fn routes(sandbox: Sandbox) -> Router<Served> {
    Router::new().route("/sandbox/v1/clock", get(tell).post(forward)).with_state(sandbox)
}

/// Adds them to the OpenAPI document.
pub(super) fn document(doc: &mut OpenApi) {
    for path in [tell_path(), forward_path()] {
        add_plain_path(doc, path);
    }
}

fn read(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    let text = fact(tx, SHIFT)?;
    let number = text.as_deref().map_or(Ok(0), str::parse);
    number.map_err(|_| DbError::Column { index: 0, wanted: "microseconds", found: "another text" })
}

/// The present moment by both clocks, as a database has them.
pub async fn moment(store: &Store) -> Result<Moment, WriteError<()>> {
    let shift = store.read(|tx: &mut Tx<'_>| Ok(read(tx)?)).await?;
    let real = Clock.now();
    Ok(Moment { real, business: Timestamp(real.0.saturating_add(shift)) })
}

/// Takes over what the database says.
pub async fn refresh(app: &App) -> Result<(), WriteError<()>> {
    let shift = app.store.read(|tx: &mut Tx<'_>| Ok(read(tx)?)).await?;
    app.shift.forward_to(shift);
    Ok(())
}

/// Runs until the server stops: another server on the same database may move the clock.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = refresh(&app).await {
            tracing::warn!(%error, "the sandbox's clock could not be read");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far to move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// By so many days.
    Days(i64),
    /// To this moment.
    To(Timestamp),
}

/// Moves the clock of business forward, for every server on the database, and writes that down.
/// How far it is ahead then, or why not.
pub async fn move_forward(app: &App, forward: Forward) -> Result<i64, MoveError> {
    let moved = transact(app, || {
        let (core, real) = (app.core.clone(), app.clock.now());
        move |tx: &mut Tx<'_>| -> Done<Result<i64, String>, NoRefusal> {
            // Alone from here on.
            counters::take(tx, &AspId::new(PLATFORM), MOVES, 1)?;
            let before = read(tx)?;
            let after = match shifted(before, forward, real) {
                Ok(after) => after,
                Err(sentence) => return Ok(Err(sentence)),
            };
            put_fact(tx, SHIFT, "0")?;
            tx.execute(
                "UPDATE platform_fact SET value = $3 WHERE asp_id = $1 AND name = $2",
                &[PLATFORM.into(), SHIFT.into(), after.to_string().as_str().into()],
            )?;
            let asp = AspId::new(ASP_ID);
            let entry = NewEntry {
                id: core.supply.id(&asp).or_stop()?,
                operation: "sandbox.clock",
                event: "sandbox.clock_moved",
                code: "000_000",
                correlation_id: "-",
                subject: "clock",
                payload: &json!({ "aheadBeforeUs": before, "aheadUs": after }).to_string(),
                happened_at: Moment { real, business: Timestamp(real.0.saturating_add(after)) },
                keys: None,
            };
            match log::insert(tx, &asp, &entry)? {
                true => Ok(Ok(after)),
                false => Err(fault("the log has the row's id already")),
            }
        }
    });
    let moved = moved.await.map_err(|answer| MoveError::Database(answer.code()))?;
    let ahead = moved.map_err(MoveError::Wrong)?;
    app.shift.forward_to(ahead);
    Ok(ahead)
}

/// Why the clock was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It cannot go there.
    #[error("{0}")]
    Wrong(String),
    /// The database failed.
    #[error("the clock could not be moved (code {0}); see the log")]
    Database(&'static str),
}

/// How far business is ahead after a move.
fn shifted(before: i64, forward: Forward, real: Timestamp) -> Result<i64, String> {
    let after = match forward {
        Forward::Days(days) if days < 1 => {
            return Err("forwardDays: the clock goes forward only, by 1 day or more.".to_owned());
        }
        Forward::Days(days) => before.saturating_add(days.saturating_mul(DAY_US)),
        Forward::To(at) => at.0.saturating_sub(real.0),
    };
    if after < before {
        let now = Timestamp(real.0.saturating_add(before)).seoul_text();
        return Err(format!("The clock goes forward only; it is {now} already."));
    }
    if after > AHEAD_DAYS_MAX * DAY_US {
        return Err(format!("The clock may be {AHEAD_DAYS_MAX} days ahead at the most."));
    }
    Ok(after)
}

/// Both clocks, as they are told.
fn told(app: &App) -> Value {
    let Moment { real, business } = app.moment();
    json!({
        "realTime": real.seoul_text(),
        "businessTime": business.seoul_text(),
        "aheadSeconds": app.shift.us() / 1_000_000,
    })
}

async fn tell(State(sandbox): State<Sandbox>) -> Outcome {
    refresh(&sandbox.app).await.map_err(failed)?;
    answer(&told(&sandbox.app))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wish {
    forward_days: Option<i64>,
    forward_to: Option<String>,
}

impl Wish {
    fn parsed(self) -> Result<Forward, String> {
        match (self.forward_days, self.forward_to) {
            (Some(days), None) => Ok(Forward::Days(days)),
            (None, Some(text)) => match Timestamp::from_seoul_text(&text) {
                Some(at) => Ok(Forward::To(at)),
                None => Err("forwardTo: it is a time in Korea, yyyyMMddHHmmss.".to_owned()),
            },
            (Some(_), Some(_)) | (None, None) => {
                Err("Give either forwardDays or forwardTo.".to_owned())
            }
        }
    }
}

async fn forward(State(sandbox): State<Sandbox>, request: Request) -> Outcome {
    let wrong = |sentence| Refusal(StatusCode::BAD_REQUEST, sentence);
    let wish: Wish = body(request).await?;
    let wish = wish.parsed().map_err(wrong)?;
    match move_forward(&sandbox.app, wish).await {
        Ok(_) => answer(&told(&sandbox.app)),
        Err(MoveError::Wrong(sentence)) => Err(wrong(sentence)),
        Err(error @ MoveError::Database(_)) => Err(failed(error)),
    }
}

/// What is answered.
fn clocks() -> Schema {
    let time = |doc| schema::of(Kind::Digits { len: 14 }).description(Some(doc));
    let most = u64::try_from(AHEAD_DAYS_MAX * DAY_US / 1_000_000).unwrap_or_default();
    let ahead = schema::of(Kind::Integer { min: 0, max: most })
        .description(Some("How far business time is ahead, seconds."));
    schema::object()
        .property("realTime", time("The real time in Korea, yyyyMMddHHmmss."))
        .required("realTime")
        .property("businessTime", time("The time of business in Korea, yyyyMMddHHmmss."))
        .required("businessTime")
        .property("aheadSeconds", ahead)
        .required("aheadSeconds")
        .into()
}

fn tell_path() -> PlainPath<'static> {
    PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/clock",
        id: "sandbox.clock",
        summary: "Both clocks",
        description: "The real time, and the time by which cards expire and days pass.",
        tag: TAG,
        path_params: &[],
        query_params: &[],
        request: None,
        responses: vec![
            PlainResponse { status: 200, description: "Them.", body: Some(clocks()) },
            refusal(503, "The database is away."),
        ],
    }
}

fn forward_path() -> PlainPath<'static> {
    let most = AHEAD_DAYS_MAX.unsigned_abs();
    let days = schema::of(Kind::Integer { min: 1, max: most })
        .description(Some("By how many days; either this or `forwardTo`."));
    let to = schema::of(Kind::Digits { len: 14 })
        .description(Some("To which time in Korea, yyyyMMddHHmmss; not back."));
    let request = schema::closed().property("forwardDays", days).property("forwardTo", to);
    PlainPath {
        method: HttpMethod::Post,
        path: "/sandbox/v1/clock",
        id: "sandbox.clock-forward",
        summary: "Move the clock of business forward",
        description: "For every server on the database, within a second, and for ever. What is \
                      about calls and keys (X-KM-Tran-Time, the same call again, seals) stays by \
                      the real clock.",
        tag: TAG,
        path_params: &[],
        query_params: &[],
        request: Some(request.into()),
        responses: answers(clocks()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_forward_only_and_within_its_bound() {
        let real = Timestamp(1_796_049_000_000_000);
        assert_eq!(shifted(0, Forward::Days(1), real), Ok(DAY_US));
        assert_eq!(shifted(DAY_US, Forward::Days(2), real), Ok(3 * DAY_US));
        assert_eq!(shifted(0, Forward::Days(AHEAD_DAYS_MAX), real), Ok(AHEAD_DAYS_MAX * DAY_US));
        for days in [0, -1, i64::MIN, AHEAD_DAYS_MAX + 1, i64::MAX] {
            assert!(shifted(0, Forward::Days(days), real).is_err(), "{days}");
        }
        assert!(shifted(1, Forward::Days(AHEAD_DAYS_MAX), real).is_err());
        let to = |us| Forward::To(Timestamp(real.0 + us));
        assert_eq!(shifted(5, to(5), real), Ok(5));
        assert_eq!(shifted(5, to(7), real), Ok(7));
        assert!(shifted(5, to(4), real).is_err());
        assert!(shifted(0, to(-1), real).is_err());
        assert!(shifted(0, to(AHEAD_DAYS_MAX * DAY_US + 1), real).is_err());
    }
}

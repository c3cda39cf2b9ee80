//! What stands on a plastic that has arrived: what its holder reads off it to register it. Whoever
//! plays the holder at this machine is told; others are not served.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use contract::Kind;
use contract::openapi::{HttpMethod, OpenApi, PlainPath, PlainResponse, add_plain_path, schema};
use crypto::pan::Pan;
use domain::delivery::DeliveryState;
use domain::{AspId, CardId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::parsed;

use super::ASP_ID;
use super::api::{Named, Outcome, Refusal, Sandbox, TAG, answer, failed, not_found, refusal};
use crate::cards;
use crate::context::{Core, place};
use crate::http::Served;
use crate::op::{Done, NoRefusal, OrStop, transact};

/// The route.
pub(super) fn routes(sandbox: Sandbox) -> Router<Served> {
    let path = "/sandbox/v1/deliveries/{card_apply_no}/plastic";
    Router::new().route(path, get(plastic)).with_state(sandbox)
}

/// Adds it to the OpenAPI document.
pub(super) fn document(doc: &mut OpenApi) {
    let members = [
        ("cardNo", Kind::Digits { len: 16 }, "Number of the physical card."),
        ("expiry", Kind::Digits { len: 4 }, "Its expiry, YYMM."),
        ("cvc", Kind::Digits { len: 3 }, "Its verification code."),
    ];
    let body = members.into_iter().fold(schema::object(), |all, (name, kind, doc)| {
        all.property(name, schema::of(kind).description(Some(doc))).required(name)
    });
    let path = PlainPath {
        method: HttpMethod::Get,
        path: "/sandbox/v1/deliveries/{card_apply_no}/plastic",
        id: "sandbox.plastic",
        summary: "Read a delivered card",
        description: "What stands on the physical card that has arrived, as its holder reads it: \
                      what a registration needs. Move its delivery to ARRIVAL first.",
        tag: TAG,
        path_params: &[("card_apply_no", "The application whose plastic was delivered.")],
        query_params: &[],
        request: None,
        responses: vec![
            PlainResponse { status: 200, description: "It.", body: Some(body.into()) },
            refusal(403, "Asked from another host than this machine."),
            refusal(404, "There is no such delivery."),
            refusal(409, "The card has not arrived; `error` says where it is."),
            refusal(503, "The database is away."),
        ],
    };
    add_plain_path(doc, path);
}

/// Where the plastic is, or what stands on it.
enum Plastic {
    Unknown,
    Away(DeliveryState),
    Arrived(Value),
}

async fn plastic(State(sandbox): State<Sandbox>, Named(apply_no): Named<String>) -> Outcome {
    // What is no number at all is not asked of the database: PostgreSQL refuses a NUL in a text.
    if !apply_no.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_found("delivery"));
    }
    let app = &sandbox.app;
    let found = transact(app, || {
        let (core, apply_no) = (app.core.clone(), apply_no.clone());
        move |tx: &mut Tx<'_>| read(&core, tx, &AspId::new(ASP_ID), &apply_no)
    });
    match found.await {
        Ok(Plastic::Arrived(on_card)) => answer(&on_card),
        Ok(Plastic::Unknown) => Err(not_found("delivery")),
        Ok(Plastic::Away(state)) => {
            let sentence = format!(
                "The card has not arrived: its delivery is in state {}. Move it on with POST \
                 /sandbox/v1/deliveries/{apply_no}/advance.",
                state.name()
            );
            Err(Refusal(StatusCode::CONFLICT, sentence))
        }
        Err(reply) => Err(failed(format_args!("it ended with {}", reply.code()))),
    }
}

fn read(core: &Core, tx: &mut Tx<'_>, asp: &AspId, apply_no: &str) -> Done<Plastic, NoRefusal> {
    let row = tx.query_opt(
        "SELECT d.state, c.card_id, c.pan_sealed, c.expiry_yymm, c.cvc_key_id, c.given_cvc_sealed
         FROM delivery d JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
         WHERE d.asp_id = $1 AND d.apply_no = $2",
        &[asp.as_str().into(), apply_no.into()],
    )?;
    let Some(row) = row else { return Ok(Plastic::Unknown) };
    let state = parsed(&row, 0, DeliveryState::parse)?;
    if state != DeliveryState::Arrival {
        return Ok(Plastic::Away(state));
    }
    let (card, expiry) = (CardId(row.int(1)?), row.text(3)?);
    let id = card.to_string();
    let number = core.open_text(place(asp, "card.pan", &id), row.blob(2)?).or_stop()?;
    let pan = Pan::parse(number.expose()).ok().or_stop()?;
    let stored = (row.opt_int(4)?, row.opt_blob(5)?);
    let cvc = cards::stored_cvc(core, asp, (card, &pan, expiry), stored)?;
    let on_card = json!({ "cardNo": pan.reveal(), "expiry": expiry, "cvc": cvc.reveal() });
    Ok(Plastic::Arrived(on_card))
}

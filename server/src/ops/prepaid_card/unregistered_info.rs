//! `prepaid-card.unregistered-info`: what a physical card is that belongs to no account yet, told
//! to whoever knows its number, expiry and CVC.
//!
//! The reference shows the request alone. Response fields and the codes' use are platen's choice:
//! the card's PAR and product, and one refusal whatever is wrong.

use contract::{Digits, Spec, Text, at, catalogue, errors, input, output};
use serde_json::json;
use store::Tx;

use crate::op::{Changes, Cx, Done, Inquiry, Keeps, Operation, OrStop, Ruling};
use crate::sandbox::world::{Card, GIVEN_EXPIRY_YYMM, Scenario, World};
use crate::verification::{self, OnCard};

/// The operation.
pub struct UnregisteredInfo;

input! {
    /// A card as its holder reads it.
    pub struct Request {
        /// Number of the physical card.
        card_no: Digits<16> = at("cardNo"),
        /// Expiry of the card, YYMM.
        expiry_date: Digits<4> = at("expiryDate"),
        /// Card verification code.
        card_cvc: Digits<3> = at("cardCVC").secret(),
    }
}

output! {
    /// The card. The reference does not show these fields: they are platen's choice.
    pub struct Response {
        /// Payment account reference of the card.
        par: Text<27, 27> = "par",
        /// The card's product.
        service_id: Digits<15> = "serviceId",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        InvalidCardInfo = catalogue::INVALID_CARD_INFO
            .meaning("Number, expiry and CVC do not belong together, the card is registered \
                      already, or the check of this card is locked after wrong guesses: which \
                      of them is not told.")
            .assigned_use(),
    }
}

impl Operation for UnregisteredInfo {
    const SPEC: Spec = Spec {
        id: "prepaid-card.unregistered-info",
        title: "Unregistered card inquiry",
        group: "Prepaid cards",
        path: "/api/v1/unregister/card/info",
        version: "v1",
        about: "Tells what a physical card is that no member has registered, by number, expiry \
                and CVC. Five wrong guesses at a card's CVC or expiry lock the check of that card \
                for a while; the answer stays the same.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-24",
        same_as: &[],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Inquiry for UnregisteredInfo {
    const KEEPS: Keeps = Keeps::Traces;

    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let on_card = OnCard {
            number: request.card_no.as_str(),
            expiry_yymm: request.expiry_date.as_str(),
            cvc: request.card_cvc.as_str(),
        };
        match verification::unregistered(cx, tx, &on_card)? {
            None => Ok(Ruling::Refused(Error::InvalidCardInfo)),
            Some(plastic) => Ok(Ruling::Answered(Response {
                par: Text::new(&plastic.par).or_stop()?,
                service_id: Digits::new(plastic.service_id.as_str()).or_stop()?,
            })),
        }
    }
}

fn request(world: &World) -> serde_json::Value {
    json!({
        "cardNo": world.card_no(),
        "expiryDate": GIVEN_EXPIRY_YYMM,
        "cardCVC": world.given_cvc(),
    })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| world.card = Card::Unregistered)
    };
    vec![
        example(301, "found", "200 - Unregistered card").succeeds(
            request,
            "Success.",
            &["par", "serviceId"],
        ),
        example(302, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| {
                json!({
                    "cardNo": world.card_no(),
                    "expiryDate": GIVEN_EXPIRY_YYMM,
                    "cardCVC": "12",
                })
            },
            Error::InvalidInput,
            "cardCVC",
        ),
        example(303, "wrong-cvc", "400 - Wrong CVC").refuses(
            |world| {
                json!({
                    "cardNo": world.card_no(),
                    "expiryDate": GIVEN_EXPIRY_YYMM,
                    "cardCVC": "999",
                })
            },
            Error::InvalidCardInfo,
        ),
        example(304, "wrong-expiry", "400 - Wrong expiry").refuses(
            |world| {
                json!({
                    "cardNo": world.card_no(),
                    "expiryDate": "2512",
                    "cardCVC": world.given_cvc(),
                })
            },
            Error::InvalidCardInfo,
        ),
        example(305, "unknown-card", "400 - Unknown card")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::InvalidCardInfo),
        example(306, "registered-card", "400 - A member's card")
            .given(|world| world.card = Card::Active)
            .refuses(request, Error::InvalidCardInfo),
    ]
}

//! `prepaid-card.delivery-status`: how far the plastic of an application is on its way.
//!
//! The reference does not show the request: member and application are platen's choice.

use contract::{Digits, Spec, UInt, at, catalogue, choice, errors, input, output};
use domain::UserId;
use domain::delivery::DeliveryState;
use serde_json::{Value, json};
use store::Tx;
use store::tables::{members, parsed};

use super::issue;
use crate::op::{Changes, Cx, Done, Inquiry, Operation, Ruling, refuse};
use crate::sandbox::world::{Card, Scenario, Step, World, products};

/// The operation.
pub struct DeliveryStatus;

choice! {
    /// State of a delivery.
    pub enum Status {
        /// Ordered.
        Ready = "READY",
        /// The card maker has the order.
        Receipt = "RECEIPT",
        /// Being made ready.
        PreShipping = "PRE_SHIPPING",
        /// On its way.
        Shipping = "SHIPPING",
        /// Delivered.
        Arrival = "ARRIVAL",
        /// Lost in transit.
        Lost = "LOST",
        /// Came back.
        Return = "RETURN",
        /// Called off.
        Cancel = "CANCEL",
        /// Ended otherwise.
        Etc = "ETC",
    }
}

input! {
    /// An application of a member. The reference does not show these fields: they are platen's
    /// choice.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// The application whose card is delivered.
        card_apply_no: Digits<22> = at("cardApplyNo"),
    }
}

output! {
    /// The delivery.
    pub struct Response {
        /// READY ordered; RECEIPT with the card maker; PRE_SHIPPING being made ready; SHIPPING on
        /// its way; ARRIVAL delivered; LOST, RETURN, CANCEL and ETC: it ended otherwise.
        status: Status = "status",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        InvalidCardInfo = catalogue::INVALID_CARD_INFO
            .meaning("The member has no application of this number, or no plastic is delivered \
                      for it."),
    }
}

impl Operation for DeliveryStatus {
    const SPEC: Spec = Spec {
        id: "prepaid-card.delivery-status",
        title: "Search for Card Delivery Status",
        group: "Prepaid cards",
        path: "/api/v1/card/delivery/inquiry",
        version: "v1",
        about: "Tells how far the plastic of an application is on its way.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &["debit-card.delivery-status"],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Inquiry for DeliveryStatus {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let Some(member) = members::find(tx, asp, UserId(request.user_id.get()))? else {
            return refuse(Error::WalletUserNotFound);
        };
        let found = tx.query_opt(
            "SELECT d.state FROM application a
             JOIN delivery d ON d.asp_id = a.asp_id AND d.apply_no = a.apply_no
             WHERE a.asp_id = $1 AND a.apply_no = $2 AND a.user_id = $3",
            &[asp.as_str().into(), request.card_apply_no.as_str().into(), member.user_id.into()],
        )?;
        let Some(row) = found else { return refuse(Error::InvalidCardInfo) };
        let status = of(parsed(&row, 0, DeliveryState::parse)?);
        Ok(Ruling::Answered(Response { status }))
    }
}

const fn of(state: DeliveryState) -> Status {
    match state {
        DeliveryState::Ready => Status::Ready,
        DeliveryState::Receipt => Status::Receipt,
        DeliveryState::PreShipping => Status::PreShipping,
        DeliveryState::Shipping => Status::Shipping,
        DeliveryState::Arrival => Status::Arrival,
        DeliveryState::Lost => Status::Lost,
        DeliveryState::Return => Status::Return,
        DeliveryState::Cancel => Status::Cancel,
        DeliveryState::Etc => Status::Etc,
    }
}

/// The request of the application that a step before has made.
pub fn request(world: &World) -> Value {
    json!({ "userId": world.user_id(), "cardApplyNo": world.apply_no().as_str() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::None;
            world.product = products::FREE;
        })
    };
    vec![
        example(531, "ordered", "200 - Ordered")
            .given(|world| {
                world.before = vec![Step::Call("prepaid-card.issue", issue::with_plastic)];
            })
            .succeeds(request, "Success.", &["status"]),
        example(532, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| json!({ "userId": world.user_id(), "cardApplyNo": "1" }),
            Error::InvalidInput,
            "cardApplyNo",
        ),
        example(533, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
        example(534, "mobile-only", "400 - Nothing is delivered")
            .given(|world| {
                world.before = vec![Step::Call("prepaid-card.issue", issue::mobile_only)];
            })
            .refuses(request, Error::InvalidCardInfo),
        example(535, "unknown-application", "400 - No such application")
            .refuses(request, Error::InvalidCardInfo),
    ]
}

//! `prepaid-card.user-mapping`: which member holds a card, and what it holds, by its number.
//!
//! The reference shows the response up to `userId` and no codes. Of what clients are seen to read,
//! cash receipts and automatic charge are left out, as platen has neither. Who asks knows the
//! number already, so nothing is told that the operation log would have to know of.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::card::CardState;
use serde_json::{Value, json};
use store::tables::parsed;
use store::{Row, Tx};

use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse};
use crate::sandbox::world::{Card, Scenario, World};
use crate::telling::{self, Amount, Status};

/// The operation.
pub struct UserMapping;

input! {
    /// A card.
    pub struct Request {
        /// Number of the card, mobile or physical.
        card_no: Digits<16> = at("cardNo"),
    }
}

output! {
    /// Who holds it. What a plastic has none of that nobody has registered is left out.
    pub struct Response {
        /// The member who holds it.
        user_id: Option<UInt<0, 9_999_999_999_999_999_999>> = "userId",
        /// What it holds, won.
        balance: Option<Amount> = "balance",
        /// Its product.
        service_id: Digits<15> = "serviceId",
        /// The product's name.
        service_name: Text<1, 80> = "serviceName",
        /// Its state.
        card_status: Option<Status> = "cardStatus",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        InvalidCardInfo = catalogue::INVALID_CARD_INFO
            .meaning("No card of this partner has this number.")
            .assigned_use(),
    }
}

impl Operation for UserMapping {
    const SPEC: Spec = Spec {
        id: "prepaid-card.user-mapping",
        title: "Card-User Mapped Inquiry",
        group: "Prepaid cards",
        path: "/api/v1/user/card/info",
        version: "v1",
        about: "Tells which member holds a card, mobile or physical, with its balance, product \
                and state, by its number.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
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

impl Inquiry for UserMapping {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let Some(row) = find(cx, tx, request)? else { return refuse(Error::InvalidCardInfo) };
        let user_id = match row.opt_int(0)? {
            Some(user_id) => UInt::new(telling::member_id(user_id)?.get()),
            None => None,
        };
        let state = match (row.boolean(5)?, row.opt_text(2)?) {
            (true, _) => Some(Status::Terminated),
            (false, Some(_)) => Some(parsed(&row, 2, CardState::parse)?.into()),
            (false, None) => None,
        };
        Ok(Ruling::Answered(Response {
            user_id,
            balance: row.opt_int(1)?.map(telling::amount).transpose()?,
            service_id: Digits::new(row.text(3)?).or_stop()?,
            service_name: Text::new(row.text(4)?).or_stop()?,
            card_status: state,
        }))
    }
}

fn find(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Option<Row>, Error> {
    for index in cx.core.pan_indexes(&cx.call.asp, request.card_no.as_str()).or_stop()? {
        let found = tx.query_opt(
            "SELECT a.user_id, a.balance, a.state, p.service_id, p.name, c.ended_at IS NOT NULL
             FROM card c
             JOIN product p ON p.asp_id = c.asp_id AND p.service_id = c.service_id
             LEFT JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
             WHERE c.asp_id = $1 AND c.pan_index = $2",
            &[cx.call.asp.as_str().into(), index.as_slice().into()],
        )?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The request of the given card.
pub fn request(world: &World) -> Value {
    json!({ "cardNo": world.card_no() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    const HELD: &[&str] = &["userId", "balance", "serviceId", "serviceName", "cardStatus"];
    vec![
        example(551, "mapped", "200 - A member's card").succeeds(request, "Success.", HELD),
        example(552, "unregistered", "200 - A card that nobody has registered")
            .given(|world| world.card = Card::Unregistered)
            .succeeds(request, "Success.", &["serviceId", "serviceName"]),
        example(553, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "cardNo": "1" }),
            Error::InvalidInput,
            "cardNo",
        ),
        example(554, "unknown-card", "400 - Unknown card")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::InvalidCardInfo),
    ]
}

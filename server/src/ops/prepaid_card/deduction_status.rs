//! `prepaid-card.deduction-status`: whether a card's payments count for the income-tax deduction.
//!
//! The reference lists success alone, and no call by which it is applied for has a known path; a
//! card that there is not is refused by platen's choice.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::Timestamp;
use serde_json::{Value, json};
use store::Tx;

use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse};
use crate::sandbox::world::{Also, Card, Scenario, World};
use crate::telling;

/// The operation.
pub struct DeductionStatus;

input! {
    /// A card.
    pub struct Request {
        /// Payment account reference of the card, mobile or physical.
        par: Text<27, 27> = at("par"),
    }
}

output! {
    /// The deduction. Its fields are left out where it was not applied for.
    pub struct Response {
        /// Payment account reference of the card.
        par: Text<27, 27> = "par",
        /// From which day (yyyyMMdd) payments count.
        deduction_date: Option<UInt<0, 99_999_999>> = "deductionDate",
        /// When that was applied for, yyyyMMddHHmmss in Korea.
        created: Option<Digits<14>> = "created",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        CannotFindPar = catalogue::CANNOT_FIND_PAR
            .meaning("No member's card of this partner has this PAR.")
            .assigned_use(),
    }
}

impl Operation for DeductionStatus {
    const SPEC: Spec = Spec {
        id: "prepaid-card.deduction-status",
        title: "Inquiry of Card Tax Deduction Status",
        group: "Prepaid cards",
        path: "/api/v1/cards/deduction",
        version: "v1",
        about: "Tells whether the income-tax deduction was applied for on a card, and from when \
                its payments count.",
        request_encrypted: true,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &["debit-card.deduction-status"],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Inquiry for DeductionStatus {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let found = tx.query_opt(
            "SELECT a.deduction_day, a.deduction_at FROM card c
             JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
             WHERE c.asp_id = $1 AND c.par = $2",
            &[cx.call.asp.as_str().into(), request.par.as_str().into()],
        )?;
        let Some(row) = found else { return refuse(Error::CannotFindPar) };
        let day = row.opt_text(0)?.map(|day| day.parse().ok().and_then(UInt::new).or_stop());
        let created = row.opt_int(1)?.map(|at| telling::moment(Timestamp(at)));
        Ok(Ruling::Answered(Response {
            par: request.par.clone(),
            deduction_date: day.transpose()?,
            created: created.transpose()?,
        }))
    }
}

/// The request of the given card.
pub fn request(world: &World) -> Value {
    json!({ "par": world.par() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(561, "applied", "200 - Applied for")
            .given(|world| world.also = vec![Also::Deduction])
            .succeeds(request, "Success", &["par", "deductionDate", "created"]),
        example(562, "not-applied", "200 - Not applied for").succeeds(request, "Success", &["par"]),
        example(563, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "par": "Q1" }),
            Error::InvalidInput,
            "par",
        ),
        example(564, "unknown-par", "400 - Cannot find par")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::CannotFindPar),
    ]
}

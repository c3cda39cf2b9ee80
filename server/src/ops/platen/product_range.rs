//! `platen.product-range`: a further range of card numbers for a product whose numbers run out. The
//! reference has no such operation: path, fields and codes are platen's choice.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use crypto::number;
use domain::ServiceId;
use domain::product::ProductState;
use serde_json::{Value, json};
use store::Tx;
use store::tables::log::Remembered;
use store::tables::number_ranges;
use store::tables::products;

use super::product_policy::deletion;
use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse, refuse_at};
use crate::policy;
use crate::sandbox::world::{Also, Scenario, Step, World, products as given};

/// The operation.
pub struct ProductRange;

input! {
    /// A product, and how its further numbers begin.
    pub struct Request {
        /// The product.
        service_id: Digits<15> = at("serviceId"),
        /// The digits that the further card numbers begin with: 6 to 9, of no other range.
        token_bin_no: Text<6, 9> = at("tokenBinNo"),
    }
}

output! {
    /// The range that was added.
    pub struct Response {
        /// The product.
        service_id: Digits<15> = "serviceId",
        /// The digits that its numbers begin with.
        token_bin_no: Text<6, 9> = "tokenBinNo",
        /// How many numbers it has.
        numbers: UInt<1, 9_999_999_999> = "numbers",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT
            .meaning("A request field is missing or out of its limits, or the product is not the \
                      partner's.")
            .assigned_use(),
        Deleted = catalogue::PRODUCT_DELETED,
        BinMismatch = catalogue::TOKEN_BIN_MISMATCH
            .meaning("Another range, of this product or another one, has card numbers that begin \
                      with these digits, or with some of them.")
            .assigned_use(),
    }
}

impl Operation for ProductRange {
    const SPEC: Spec = Spec {
        id: "platen.product-range",
        title: "Further Card Numbers for a Product",
        group: "platen extensions",
        path: "/platen/v1/admin/product/range",
        version: "v1",
        about: "Adds a range of card numbers to a product. Its ranges are used up one after \
                another, in the order of their digits; at 80 and at 95 % of all of them an alarm \
                is given, and cards that find no number are refused (000_996) until there is a \
                further range.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success.",
        since: "2026-11-29",
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

impl Write for ProductRange {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let id = ServiceId::new(request.service_id.as_str());
        let Some(described) = products::claim(tx, asp, &id)? else {
            return refuse_at(Error::InvalidInput, "serviceId");
        };
        let prefix = request.token_bin_no.as_str();
        let Some(range) = policy::issuing(&cx.core, &id, prefix) else {
            return refuse_at(Error::InvalidInput, "tokenBinNo");
        };
        if described.product.state == ProductState::Deleted {
            return refuse(Error::Deleted);
        }
        if !number_ranges::insert(tx, asp, &range)? {
            return refuse(Error::BinMismatch);
        }
        let subject = format!("{id}/{prefix}");
        cx.record(
            tx,
            &Effect {
                log_id: cx.core.supply.id(asp).or_stop()?,
                event: "product.range_added",
                code: "000_000",
                subject: &subject,
                payload: &json!({
                    "serviceId": id.as_str(), "tokenBinNo": prefix, "numbers": range.capacity,
                }),
            },
        )?;
        response(&subject).map(Ruling::Answered)
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        response(&remembered.subject)
    }
}

/// The answer, from product and digits as the operation log names them.
fn response(subject: &str) -> Done<Response, Error> {
    let (id, prefix) = subject.split_once('/').or_stop()?;
    Ok(Response {
        service_id: Digits::new(id).or_stop()?,
        token_bin_no: Text::new(prefix).or_stop()?,
        numbers: number::capacity(prefix).ok().and_then(UInt::new).or_stop()?,
    })
}

/// Digits that the scenario's range begins its numbers with.
const GIVEN_PREFIX: &str = "94914101";

/// The request of a further range.
pub fn further(world: &World) -> Value {
    json!({ "serviceId": world.product.service_id().as_str(), "tokenBinNo": GIVEN_PREFIX })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number: u16, name, title| {
        Scenario::of(World::new(number.into()), name, title).given(move |world| {
            world.product = given::ProductKey(number);
            world.also = vec![Also::OwnProduct];
        })
    };
    vec![
        example(631, "added", "200 - A further range")
            .given(|world| world.also.push(Also::FreeRange(GIVEN_PREFIX)))
            .succeeds(further, "Success.", &["serviceId", "tokenBinNo", "numbers"]),
        example(632, "invalid-input", "400 - No digits that numbers can begin with").refuses_field(
            |world| {
                json!({
                    "serviceId": world.product.service_id().as_str(), "tokenBinNo": "94914x",
                })
            },
            Error::InvalidInput,
            "tokenBinNo",
        ),
        example(633, "deleted", "400 - A deleted product")
            .given(|world| world.before = vec![Step::Call("platen.product-policy", deletion)])
            .refuses(further, Error::Deleted),
        example(634, "bin-mismatch", "400 - The digits of another range").refuses(
            |world| {
                json!({
                    "serviceId": world.product.service_id().as_str(), "tokenBinNo": "949140",
                })
            },
            Error::BinMismatch,
        ),
    ]
}

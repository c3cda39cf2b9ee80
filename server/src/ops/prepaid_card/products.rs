//! `prepaid-card.products`: the names of products by their ids.
//!
//! The reference shows no codes and nothing behind `serviceName`. An id that no product of the
//! partner has is left out of the answer: that is platen's choice, as is the most ids.

use contract::{Digits, List, Spec, Text, at, catalogue, errors, input, output};
use serde_json::{Value as Json, json};
use store::{Tx, Value};

use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling};
use crate::sandbox::world::{Scenario, World, products};

/// Ids in a statement; it has a parameter for each.
const IDS_AT_ONCE: usize = 20;
/// The most ids in a request.
const IDS_MAX: usize = 100;

/// The operation.
pub struct Products;

input! {
    /// Products.
    pub struct Request {
        /// Ids of products, at most 100.
        ids: List<Digits<15>, 1, IDS_MAX> = at("serviceIdList"),
    }
}

output! {
    /// A product.
    pub struct ServiceInfo {
        /// Its id.
        service_id: Digits<15> = "serviceId",
        /// Its name.
        service_name: Text<1, 80> = "serviceName",
    }
}

output! {
    /// The products.
    pub struct Response {
        /// Those that there are, by their ids, each once.
        list: Vec<ServiceInfo> = "serviceInfos",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
    }
}

impl Operation for Products {
    const SPEC: Spec = Spec {
        id: "prepaid-card.products",
        title: "Card Product ID Inquiry",
        group: "Prepaid cards",
        path: "/api/v1/service/info/list",
        version: "v1",
        about: "Tells the names of up to 100 card products. An id that no product has is left out.",
        request_encrypted: false,
        response_encrypted: false,
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

impl Inquiry for Products {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let mut ids: Vec<&str> = request.ids.as_slice().iter().map(Digits::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut list = Vec::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let mut parameters: Vec<Value<'_>> = vec![cx.call.asp.as_str().into()];
            // What is left of the parameters names nothing.
            let ids = ids.iter().copied().chain(std::iter::repeat(""));
            parameters.extend(ids.take(IDS_AT_ONCE).map(Value::from));
            let rows = tx.query(
                "SELECT service_id, name FROM product
                 WHERE asp_id = $1 AND service_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                     $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
                 ORDER BY service_id",
                &parameters,
            )?;
            for row in rows {
                list.push(ServiceInfo {
                    service_id: Digits::new(row.text(0)?).or_stop()?,
                    service_name: Text::new(row.text(1)?).or_stop()?,
                });
            }
        }
        Ok(Ruling::Answered(Response { list }))
    }
}

/// The request of two products, and of one that there is not.
pub fn request(_: &World) -> Json {
    let id = |product: products::ProductKey| product.service_id().as_str().to_owned();
    json!({
        "serviceIdList": [id(products::STANDARD), id(products::FREE), "999999999999999"],
    })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(556, "found", "200 - Two products").succeeds(
            request,
            "Success.",
            &["serviceInfos*2"],
        ),
        example(557, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "serviceIdList": [] }),
            Error::InvalidInput,
            "serviceIdList",
        ),
    ]
}

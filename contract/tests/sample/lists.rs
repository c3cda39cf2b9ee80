//! An operation that asks for lists and answers lists, objects in them, and words.

use contract::catalogue::INVALID_INPUT;
use contract::{
    Digits, Entry, List, Object, Preset, Scenario, Spec, Text, UInt, at, choice, errors, input,
    out, output,
};
use serde_json::json;

choice! {
    /// How far an application is.
    pub enum Status {
        /// Issued.
        Issued = "ISSUED",
        /// Delivered.
        Delivered = "DELIVERED",
    }
}

input! {
    /// A part of the list.
    pub struct PageRequest {
        /// Its number, from 0.
        page: UInt<0, 9_999> = at("page").or_default(0),
        /// Its most items.
        size: UInt<1, 100> = at("pageSize").or_default(20),
    }
}

input! {
    /// Terms agreed to.
    pub struct Terms {
        /// Their id.
        id: UInt<1, 999> = at("tcId"),
        /// Their parts.
        parts: Option<List<Text<1, 8>, 0, 4>> = at("parts").optional(),
    }
}

input! {
    /// The request.
    pub struct Request {
        /// Products.
        services: List<Digits<15>, 1, 100> = at("serviceIdList"),
        /// The member.
        user: Object = at("user"),
        /// Terms.
        terms: Option<List<Terms, 1, 3>> = at("user.tcList").or_at("tcList").optional(),
        /// The part wanted.
        page: PageRequest = at("pageRequest").or_default(Preset::Empty),
        /// How far.
        status: Status = at("status").or_default("ISSUED"),
    }
}

output! {
    /// The card in the phone.
    pub struct Digital {
        /// Its number.
        card_no: Digits<16> = "cardNo",
        /// Its CVC.
        cvc: Option<Digits<3>> = out("mobileCardCVC").secret(),
    }
}

output! {
    /// An application.
    pub struct Issued {
        /// Its number.
        number: Digits<22> = "cardApplyNo",
        /// The card in the phone.
        digital: Option<Digital> = "digital",
        /// Who holds it.
        holder: Option<Text<1, 100>> = out("holder").personal(),
        /// How far it is.
        status: Status = "status",
        /// PARs of its cards.
        pars: Vec<Text<27, 27>> = "pars",
    }
}

output! {
    /// The part answered.
    pub struct PageResponse {
        /// All items, in all parts.
        total: UInt<0, 9_999_999_999_999_999> = "totalCount",
        /// Whether more parts come.
        has_next: bool = "hasNext",
    }
}

output! {
    /// The response.
    pub struct Response {
        /// The applications, newest first.
        list: Vec<Issued> = "issuedCardList",
        /// The part.
        page: PageResponse = "pageResponse",
        /// The largest amounts, won.
        limits: Option<List<UInt<0, 10>, 3, 3>> = "limits",
    }
}

errors! {
    /// The refusals.
    pub enum Error {
        InvalidInput = INVALID_INPUT,
    }
}

/// The operation's head.
pub const SPEC: Spec = Spec {
    id: "prepaidCard.applications",
    title: "Applications",
    group: "Cards",
    path: "/api/v1/applications",
    version: "v1",
    about: "Lists applications.",
    request_encrypted: false,
    response_encrypted: false,
    success_message: "Success.",
    since: "2026-11-25",
    same_as: &[],
};

/// An entry that contradicts nothing.
pub fn entry() -> Entry {
    let request = json!({ "serviceIdList": ["000170000000000"], "user": {} });
    let scenario = |name, status, code, description: &str, fields| {
        let (request, description) = (request.clone(), description.to_owned());
        Scenario { name, title: "A case", request, status, code, description, fields }
    };
    let two = &["issuedCardList*2", "issuedCardList[1].digital", "pageResponse", "limits*3"];
    let none = &["issuedCardList*0", "pageResponse"];
    let mut wrong =
        scenario("wrong", 400, "000_002", "Invalid input parameter. serviceIdList", &[]);
    wrong.request = json!({ "serviceIdList": [] });
    let scenarios = vec![
        scenario("two", 200, "000_000", "Success.", two),
        scenario("none", 200, "000_000", "Success.", none),
        wrong,
    ];
    Entry::of::<Request, Response, Error>(&SPEC, scenarios)
}

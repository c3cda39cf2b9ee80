//! Small operations, defined as the server defines its own.

pub mod lists;

use contract::catalogue::{CARD_ALREADY_REISSUED, INVALID_INPUT};
use contract::pipeline::NUMBERS_USED_UP;
use contract::{
    Digits, Entry, Object, Scenario, Spec, Text, UInt, at, choice, errors, input, output,
};
use serde_json::json;

choice! {
    /// How it travels.
    pub enum Carrier {
        /// By post.
        Post = "POST",
        /// By courier.
        Courier = "COURIER",
    }
}

input! {
    /// Where to.
    pub struct Address {
        /// Street.
        street: Text<1, 255> = at("street"),
        /// Zip code.
        zip: Digits<5> = at("zip"),
    }
}

input! {
    /// The request.
    pub struct Request {
        /// The member.
        user: Object = at("user"),
        /// Its id,
        /// as given at registration.
        id: UInt<1, 9_999_999_999_999_999_999> = at("user.id").named("id"),
        /// The card.
        card: Object = at("card"),
        /// Whether plastic is wanted.
        deliver: bool = at("card.deliver").or_at("deliver").or_default(true),
        /// Where to.
        address: Option<Address> = at("user.address").or_at("address").when("card.deliver"),
        /// The card's PAR.
        par: Option<Text<27, 27>> = at("card.par").either("card.number"),
        /// The card's number.
        number: Option<Digits<16>> = at("card.number").unless("card.par"),
        /// How it travels.
        carrier: Option<Carrier> = at("carrier").optional(),
        /// The product.
        product: Digits<15> = at("product").or_at("user.product"),
    }
}

output! {
    /// The response.
    pub struct Response {
        /// The application's number.
        number: Digits<22> = "cardApplyNo",
        /// The new card's PAR.
        par: Option<Text<27, 27>> = "mobileCardPar",
    }
}

errors! {
    /// The refusals.
    pub enum Error {
        InvalidInput = INVALID_INPUT,
        AlreadyReissued = CARD_ALREADY_REISSUED.saying("Reissued.").assigned_use(),
        NumbersUsedUp = NUMBERS_USED_UP,
    }
}

/// The operation's head.
pub const SPEC: Spec = Spec {
    id: "prepaidCard.reissue",
    title: "Reissuance",
    group: "Cards",
    path: "/api/v1/reissue",
    version: "v1",
    about: "Replaces a lost card.",
    request_encrypted: true,
    response_encrypted: true,
    success_message: "Success.",
    since: "2026-11-22",
    same_as: &[],
};

/// The same in clear, under another id.
pub const PLAIN_SPEC: Spec = Spec {
    id: "prepaidCard.reissue-plain",
    path: "/api/v1/reissue/plain",
    request_encrypted: false,
    response_encrypted: false,
    ..SPEC
};

/// An entry that contradicts nothing.
pub fn entry(spec: &'static Spec) -> Entry {
    let card = json!({ "number": "1234567890123456", "deliver": false });
    let product = "000170000000000";
    let request = json!({ "user": { "id": 1 }, "card": card, "product": product });
    let scenario = |name, status, code, description: &str, fields| {
        let (request, description) = (request.clone(), description.to_owned());
        Scenario { name, title: "A case", request, status, code, description, fields }
    };
    let mut no_user = scenario("no-user", 400, "000_002", "Invalid input parameter. user", &[]);
    no_user.request = json!({});
    let scenarios = vec![
        scenario("success", 200, "000_000", "Success.", &["cardApplyNo", "mobileCardPar"]),
        no_user,
        scenario("reissued", 400, "003_018", "Reissued.", &[]),
    ];
    Entry::of::<Request, Response, Error>(spec, scenarios)
}

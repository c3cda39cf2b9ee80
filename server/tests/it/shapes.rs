//! Lists, objects in them, flags and words, by an operation of the tests' own: what is derived
//! from it, and how it refuses a field's value.

use std::collections::BTreeSet;

use axum::body::to_bytes;
use axum::http::{HeaderMap, Method};
use contract::{
    Digits, Json, List, Object, Preset, Spec, Text, UInt, at, catalogue, choice, errors, input,
    out, output,
};
use domain::AspId;
use platen::fee::{self, Begun, Saga};
use platen::op::{
    self, Answer, Call, CallKind, Changes, Cx, Done, Handler, Inquiry, Operation, Ruling, Write,
    refuse_at,
};
use platen::ops::{Operations, prepaid_card};
use platen::portal::{Mode, Pages, markdown, postman};
use platen::sandbox::ASP_ID;
use platen::sandbox::calls::{BODY_BYTES_MAX, Rules};
use platen::sandbox::world::{Scenario, World};
use serde_json::{Value, json};
use store::Tx;
use store::tables::log::{CallKeys, Remembered, Since};

use crate::html::Page;
use crate::support::{TestServer, on_sqlite, quick};

/// A product's id.
pub const SERVICE_ID: &str = "000170000002000";
/// An id that no product has.
const UNKNOWN_ID: &str = "999999999999999";

/// The operation.
struct Lists;

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
        /// Whether they are agreed to.
        is_agree: bool = at("isAgree").personal(),
        /// Their parts.
        parts: Option<List<Text<0, 8>, 0, 2>> = at("parts").when("isAgree"),
    }
}

input! {
    /// The request.
    pub struct Request {
        /// Products.
        services: List<Digits<15>, 1, 3> = at("serviceIdList"),
        /// The member.
        user: Object = at("user"),
        /// Terms.
        terms: Option<List<Terms, 1, 2>> = at("user.tcList").or_at("tcList").optional(),
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
        /// What proves that somebody holds it.
        proof: Option<Digits<3>> = out("proof").secret(),
        /// In whose hands it is.
        holder: Option<Text<1, 100>> = out("holder").personal(),
        /// Whether its holder is of age.
        is_adult: bool = out("isAdult").personal(),
        /// How far it is.
        status: Status = out("status").personal(),
    }
}

output! {
    /// An application.
    pub struct Issued {
        /// Its number.
        number: Digits<22> = "cardApplyNo",
        /// The card in the phone.
        digital: Option<Digital> = "digital",
        /// Further cards.
        more: Vec<Digital> = "more",
        /// What its holder calls it.
        words: Vec<Text<1, 9>> = out("words").personal(),
        /// Whether it carries a name.
        is_named: bool = "isNamed",
        /// How far it is.
        status: Status = "status",
    }
}

output! {
    /// The response.
    pub struct Response {
        /// The applications, newest first.
        list: Vec<Issued> = "issuedCardList",
    }
}

errors! {
    /// The refusals.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        FeeInProgress = catalogue::FEE_IN_PROGRESS,
    }
}

impl Operation for Lists {
    const SPEC: Spec = Spec {
        id: "test.lists",
        title: "Lists",
        group: "Tests",
        path: "/api/v1/test/lists",
        version: "v1",
        about: "Lists what there is.",
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
        let example = |name, title| Scenario::of(World::new(999), name, title);
        let fields = &["issuedCardList*2", "issuedCardList[1].digital", "issuedCardList[].more*0"];
        vec![
            example("two", "200 - Two").succeeds(|_| full_request(), "Success.", fields),
            example("unknown", "400 - Unknown").refuses_field(
                |_| json!({ "serviceIdList": [UNKNOWN_ID], "user": {} }),
                Error::InvalidInput,
                "serviceIdList",
            ),
            example("open", "400 - Open").refuses(|_| full_request(), Error::FeeInProgress),
        ]
    }
}

/// What each kind of operation does with it.
fn look(request: &Request) -> Done<Response, Error> {
    if request.services.as_slice().iter().any(|id| id.as_str() == UNKNOWN_ID) {
        return refuse_at(Error::InvalidInput, "serviceIdList");
    }
    Ok(Response { list: Vec::new() })
}

impl Write for Lists {
    fn run(_: &Cx, _: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        look(request).map(Ruling::Answered)
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response { list: Vec::new() })
    }
}

impl Inquiry for Lists {
    fn ask(_: &Cx, _: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        match request.status {
            Status::Issued => look(request).map(Ruling::Answered),
            Status::Delivered => Ok(Ruling::RefusedAt(Error::InvalidInput, "status")),
        }
    }
}

impl Saga for Lists {
    const FEE_IN_PROGRESS: Error = Error::FeeInProgress;

    fn begin(_: &Cx, _: &mut Tx<'_>, request: &Request) -> Done<Begun<Response>, Error> {
        look(request).map(Begun::Done)
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response { list: Vec::new() })
    }
}

/// The operation as a question.
pub fn handler() -> Handler {
    op::inquiry::<Lists>()
}

/// A request with every field at its first place.
pub fn full_request() -> Value {
    json!({
        "serviceIdList": [SERVICE_ID],
        "user": { "tcList": [{ "tcId": 1, "isAgree": true, "parts": ["a"] }] },
        "pageRequest": { "page": 1, "pageSize": 10 },
        "status": "ISSUED",
    })
}

/// This build's operations and this one.
fn operations() -> Operations {
    Operations::of(vec![
        fee::saga::<prepaid_card::reissue::Reissue>(),
        op::inquiry::<prepaid_card::unregistered_info::UnregisteredInfo>(),
        op::write::<prepaid_card::state::State>(),
        handler(),
    ])
    .unwrap()
}

async fn perform(server: &TestServer, handler: &Handler, body: &Value) -> Answer {
    let body = Json::parse_object(body.to_string().as_bytes(), 16).unwrap();
    let now = server.app.clock.now();
    let call = Call {
        asp: AspId::new(ASP_ID),
        operation: handler.entry.spec.id,
        correlation_id: "261125120000-0000001".to_owned(),
        keys: CallKeys { replay: vec![1; 32], ..CallKeys::default() },
        other_keys: Vec::new(),
        now,
        real_now: now,
        since: Since { call: now, cipher: now },
        kind: CallKind::Live,
        given_apply_no: None,
    };
    handler.perform(&server.app, call, &body).await
}

fn refused_at(answer: &Answer) -> Option<&str> {
    let Answer::Refused(code, field) = answer else { panic!("{}", answer.code()) };
    assert_eq!(code.code, "000_002");
    field.as_deref()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_operation_refuses_the_value_of_a_field() {
    on_sqlite(quick(), async |server| {
        let unknown = json!({ "serviceIdList": [SERVICE_ID, UNKNOWN_ID], "user": {} });
        let kinds = [op::write::<Lists>(), op::inquiry::<Lists>(), fee::saga::<Lists>()];
        for handler in &kinds {
            let answer = perform(server, handler, &unknown).await;
            assert_eq!(refused_at(&answer), Some("serviceIdList"));
            let Answer::Success(body) = perform(server, handler, &full_request()).await else {
                panic!("a known product is not refused");
            };
            assert!(body.ends_with(r#"},"issuedCardList":[]}"#), "{body}");
        }
        let kept = json!({ "serviceIdList": [SERVICE_ID], "user": {}, "status": "DELIVERED" });
        assert_eq!(refused_at(&perform(server, &kinds[1], &kept).await), Some("status"));
    })
    .await;
}

/// An answer in which everything stands that must not be seen.
fn telling() -> Response {
    let digital = || Digital {
        card_no: Digits::new("9491339401250765").unwrap(),
        proof: Digits::new("211"),
        holder: Text::new("Jane"),
        is_adult: true,
        status: Status::Delivered,
    };
    let issued = |digital, more| Issued {
        number: Digits::new("2611251200000000000001").unwrap(),
        digital,
        more,
        words: vec![Text::new("Hanako").unwrap(), Text::new("Taro").unwrap()],
        is_named: true,
        status: Status::Issued,
    };
    Response { list: vec![issued(None, Vec::new()), issued(Some(digital()), vec![digital()])] }
}

#[test]
fn what_items_hold_is_shown_as_their_fields_allow() {
    let handler = handler();
    let Answer::Success(body) = Answer::of::<Lists>(&telling()) else { panic!("no success") };
    let shown = Rules::response(&handler.entry.response).mask(body.as_bytes(), BODY_BYTES_MAX);
    let shown: Value = serde_json::from_str(shown.text.as_str()).unwrap();
    let digital = json!({
        "cardNo": "949133******0765",
        "proof": "***",
        "holder": "(4 characters)",
        "isAdult": "***",
        "status": "***",
    });
    let item = json!({
        "cardApplyNo": "2611251200000000000001",
        "digital": digital,
        "more": [digital],
        "words": ["(6 characters)", "(4 characters)"],
        "isNamed": true,
        "status": "ISSUED",
    });
    assert_eq!(shown["issuedCardList"][1], item);
    assert_eq!(shown["issuedCardList"][0]["more"], json!([]));
    // Where no field stands, the most private one of the name decides.
    let astray = r#"{"status":"ISSUED","x":[{"status":"ISSUED","holder":["Jane"],"proof":211}]}"#;
    let shown = Rules::response(&handler.entry.response).mask(astray.as_bytes(), BODY_BYTES_MAX);
    assert_eq!(
        shown.text.as_str(),
        r#"{"status":"***","x":[{"status":"***","holder":["(4 characters)"],"proof":"***"}]}"#
    );
}

#[test]
fn what_items_of_a_request_hold_is_shown_as_their_fields_allow() {
    let handler = handler();
    let rules = Rules::request(&handler.entry.request);
    for (body, expect) in [
        (
            r#"{"serviceIdList":["000170000002000","9491339401250765"]}"#,
            r#"{"serviceIdList":["000170000002000","949133******0765"]}"#,
        ),
        (
            r#"{"user":{"tcList":[{"tcId":1,"isAgree":true},{"isAgree":false,"parts":["a b"]}]}}"#,
            concat!(
                r#"{"user":{"tcList":[{"tcId":1,"isAgree":"***"},"#,
                r#"{"isAgree":"***","parts":["(3 characters)"]}]}}"#
            ),
        ),
        (r#"{"tcList":[[{"isAgree":true}]]}"#, r#"{"tcList":[[{"isAgree":"***"}]]}"#),
        (r#"{"isNamed":true,"gender":"Male"}"#, r#"{"isNamed":true,"gender":"***"}"#),
    ] {
        let shown = rules.mask(body.as_bytes(), BODY_BYTES_MAX);
        assert_eq!(shown.text.as_str(), expect);
    }
}

async fn text(pages: &Pages, address: &str) -> String {
    let answer = pages.answer(&Method::GET, &address.parse().unwrap(), &HeaderMap::new()).unwrap();
    assert_eq!(answer.status(), 200, "{address}");
    String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_portal_tells_of_lists_and_what_they_hold() {
    let operations = operations();
    let entry = &operations.by_id("test.lists").unwrap().entry;
    let pages = Pages::render(&operations, Mode::Sandbox);
    let html = text(&pages, "/api/test.lists").await;
    let page = Page::read(&html).unwrap();
    let ids = page.ids().unwrap();
    let found = text(&pages, "/search.en.json").await;
    for (direction, fields) in [("request", &entry.request), ("response", &entry.response)] {
        for field in fields {
            let id = format!("{direction}-{}", field.id());
            assert!(ids.contains(id.as_str()), "{id}");
            assert!(found.contains(&format!("/api/test.lists#{id}\"")), "{id}");
            assert!(found.contains(&format!("\"title\":\"{}\"", field.path)), "{}", field.path);
        }
    }
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    assert!(ids.contains("response-issuedCardList.digital.cardNo"));
    for words in ["array of objects", "array of strings", "Min items: 1", "Max items: 3"] {
        assert!(html.contains(words), "{words}");
    }
    let markdown = markdown::page(entry);
    for row in [
        "| `serviceIdList` | array of strings | Required | 1 to 3 items, each 15 digits |",
        "| `user.tcList[].isAgree` | boolean | Required | `true`, `false` |",
        "| `pageRequest.pageSize` | number | Optional | 1 to 100 | Its most items. Default: 20. |",
        "| `issuedCardList` | array of objects | Required |  |",
        "| `issuedCardList[].digital.cardNo` | string | Required | 16 digits | Its number. |",
        "| `issuedCardList[].words` | array of strings | Required | 1 to 9 characters |",
    ] {
        assert!(markdown.contains(row), "{row}");
    }
    let collection = postman::collection(operations.registry()).to_string();
    assert!(collection.contains(r#"\"issuedCardList\": [\n    {\n"#), "an example of a list");
}

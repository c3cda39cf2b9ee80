//! `admin.product-detail`: what a card product is.
//!
//! The reference does not show the request: the product's id is platen's choice, and an id that no
//! product has is refused as a field at fault. Further choices: `cardType` says whether a mobile
//! card may come alone (the reference describes the field as a picture's address); a product in no
//! group is told under its own name; validity goes up to 240 months and not 20. The money's ways
//! (`...Yn`) are what the product's list of uses names. `version` is platen's addition: a change of
//! the policy names it.

use contract::{Digits, Spec, Text, UInt, at, catalogue, choice, errors, input, output};
use domain::ServiceId;
use serde_json::{Value, json};
use store::Tx;
use store::tables::products::{self, Described, Looks};

use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse_at};
use crate::policy::{Months, Status};
use crate::sandbox::world::{Also, Scenario, World, products as given};

/// The operation.
pub struct ProductDetail;

choice! {
    /// Yes or no.
    pub enum YesNo {
        /// Yes.
        Yes = "Y",
        /// No.
        No = "N",
    }
}

choice! {
    /// What comes of a product.
    pub enum CardType {
        /// A mobile card may come alone.
        Mobile = "MOBILE",
        /// Plastic always comes.
        CardSe = "CARDSE",
    }
}

input! {
    /// A product. The reference does not show this field: it is platen's choice.
    pub struct Request {
        /// Its id.
        service_id: Digits<15> = at("serviceId"),
    }
}

output! {
    /// Its description.
    pub struct DetailInfo {
        /// Title.
        title: Option<Text<1, 255>> = "title",
        /// Text.
        content: Text<1, 255> = "content",
    }
}

output! {
    /// A product.
    pub struct Response {
        /// Its name.
        service_name: Text<1, 80> = "serviceName",
        /// Name of its group; its own where it is in none.
        service_group_name: Text<1, 255> = "serviceGroupName",
        /// MOBILE: a mobile card may come alone; CARDSE: plastic always comes.
        card_type: CardType = "cardType",
        /// Whether it is charged from a member's bank account.
        personal_rechargeable: YesNo = "personalRechargeableYn",
        /// Whether it is charged by credit card.
        credit_card_recharge: YesNo = "creditCardRechargeYn",
        /// Months for which its cards are valid.
        effective_duration_month: Months = "effectiveDurationMonth",
        /// Whether its money is given back.
        refund: YesNo = "refundYn",
        /// Whether its money is remitted.
        remittable: YesNo = "remittalbeYn",
        /// Whether its balance is transferred to another card.
        transfer: YesNo = "transferYn",
        /// VOID being set up; ACTIVE on offer; SUSPENDED not for now; DELETED not any more.
        status: Status = "status",
        /// Its description, where it has one.
        product_detail_info: Option<DetailInfo> = "productDetailInfo",
        /// Counts the changes of its policy. The reference does not show this field: it is
        /// platen's choice.
        version: UInt<0, 9_007_199_254_740_991> = "version",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT
            .meaning("A request field is missing or out of its limits, or no product has this id."),
    }
}

impl Operation for ProductDetail {
    const SPEC: Spec = Spec {
        id: "admin.product-detail",
        title: "카드 상품 상세 조회 (관리자용)",
        group: "Administration",
        path: "/api/v1/admin/products/info/detail",
        version: "v1",
        about: "Tells what a card product is: name, group, validity, what its money may be used \
                for, state and description.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success",
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

impl Inquiry for ProductDetail {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let id = ServiceId::new(request.service_id.as_str());
        let Some(described) = products::describe(tx, &cx.call.asp, &id)? else {
            return refuse_at(Error::InvalidInput, "serviceId");
        };
        response(&described).map(Ruling::Answered)
    }
}

fn response(described: &Described) -> Done<Response, Error> {
    let Described { product, looks, .. } = described;
    let group = Text::new(&looks.group).or_else(|| Text::new(&product.name));
    let detail = |content: &str| -> Done<DetailInfo, Error> {
        Ok(DetailInfo {
            title: looks.detail_title.as_deref().and_then(Text::new),
            content: Text::new(content).or_stop()?,
        })
    };
    Ok(Response {
        service_name: Text::new(&product.name).or_stop()?,
        service_group_name: group.or_stop()?,
        card_type: match product.comes_without_plastic() {
            true => CardType::Mobile,
            false => CardType::CardSe,
        },
        personal_rechargeable: uses(looks, PERSONAL_CHARGE),
        credit_card_recharge: uses(looks, CREDIT_CARD_CHARGE),
        effective_duration_month: UInt::new(product.validity_months.into()).or_stop()?,
        refund: uses(looks, REFUND),
        remittable: uses(looks, REMIT),
        transfer: uses(looks, TRANSFER),
        status: product.state.into(),
        product_detail_info: looks.detail_content.as_deref().map(detail).transpose()?,
        version: u64::try_from(described.version).ok().and_then(UInt::new).or_stop()?,
    })
}

/// It is charged from a member's bank account.
pub const PERSONAL_CHARGE: &str = "PERSONAL_CHARGE";
/// It is charged by credit card.
pub const CREDIT_CARD_CHARGE: &str = "CREDIT_CARD_CHARGE";
/// Its money is given back.
pub const REFUND: &str = "REFUND";
/// Its money is remitted.
pub const REMIT: &str = "REMIT";
/// Its balance is transferred to another card.
pub const TRANSFER: &str = "TRANSFER";

fn uses(looks: &Looks, name: &str) -> YesNo {
    if looks.uses.split(',').any(|each| each == name) { YesNo::Yes } else { YesNo::No }
}

/// The request of a scenario's product.
pub fn request(world: &World) -> Value {
    json!({ "serviceId": world.product.service_id().as_str() })
}

const TOLD: &[&str] = &[
    "serviceName",
    "serviceGroupName",
    "cardType",
    "personalRechargeableYn",
    "creditCardRechargeYn",
    "effectiveDurationMonth",
    "refundYn",
    "remittalbeYn",
    "transferYn",
    "status",
    "version",
];

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.product = given::ProductKey(601);
            world.also = vec![Also::OwnProduct];
        })
    };
    vec![
        example(601, "told", "200 - A product").succeeds(request, "Success", TOLD),
        example(602, "invalid-input", "400 - No such product").refuses_field(
            |_| json!({ "serviceId": "999999999999999" }),
            Error::InvalidInput,
            "serviceId",
        ),
    ]
}

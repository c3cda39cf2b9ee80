//! `admin.product-create`: a new card product with a range of card numbers of its own.
//!
//! The reference does not show the request: this one makes platen's whole policy of a product
//! settable. One product has both the mobile card and its plastic here, so `cardSeProductId` and
//! `siblingProductId` are the same, as are `imageUrl` and `thumbnailUrl`. Not listed, as they
//! cannot happen here: 023_002 (platen has no templates), 023_003 and 023_004 (neither rechargers
//! nor affiliates), 023_006 (who signs the call is the partner) and 023_007 (the digits are new
//! with the product).

use contract::{Digits, List, Spec, Text, at, catalogue, choice, errors, input, output};
use domain::product::{BalanceLimits, Fees, Product};
use domain::{AspId, Money, ServiceId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::counters;
use store::tables::log::Remembered;
use store::tables::number_ranges;
use store::tables::products::{self, Change, Looks};

use super::product_detail as uses;
use crate::op::{
    Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, fault, refuse, refuse_at,
};
use crate::policy::{
    self, Abroad, FeesInfo, LimitsInfo, Months, Status, WhenIssued, WhenReturned, WithoutPlastic,
};
use crate::sandbox::world::{Also, Scenario, World, products as given};

/// Counter of the products that were made by calls.
pub const PRODUCTS: &str = "product";
/// Where their numbers begin, within the last six digits of an id.
const FIRST: i64 = 100_000;
/// The last of them.
const LAST: i64 = 999_999;
/// Digits of the partner's id that a product's id begins with.
const ASP_DIGITS: usize = 9;
/// The most that a card without a verified name holds where nothing is said, won.
const UNNAMED_WON: i64 = 500_000;
/// The same of one in a verified name.
const NAMED_WON: i64 = 2_000_000;

/// The operation.
pub struct ProductCreate;

choice! {
    /// What a card's money may be used for.
    pub enum Use {
        /// It is charged from a member's bank account.
        PersonalCharge = "PERSONAL_CHARGE",
        /// It is charged by credit card.
        CreditCardCharge = "CREDIT_CARD_CHARGE",
        /// It is given back.
        Refund = "REFUND",
        /// It is remitted.
        Remit = "REMIT",
        /// It is transferred to another card.
        Transfer = "TRANSFER",
    }
}

input! {
    /// What a product is described by.
    pub struct DetailInfo {
        /// Title.
        title: Option<Text<1, 255>> = at("title").optional(),
        /// Text.
        content: Text<1, 255> = at("content"),
    }
}

input! {
    /// A product. The reference does not show these fields: they are platen's choice.
    pub struct Request {
        /// Its name.
        service_name: Text<1, 80> = at("serviceName"),
        /// Name of the group that it belongs to.
        service_group_name: Option<Text<1, 255>> = at("serviceGroupName").optional(),
        /// VOID while it is being set up; ACTIVE: on offer at once.
        status: Status = at("status").or_default("VOID"),
        /// PRE_ISSUANCE: the mobile card is issued at the request; ORDINARY: when its plastic is
        /// registered.
        issuance: WhenIssued = at("issuance"),
        /// ALLOWED: a mobile card may come without plastic; not of an ORDINARY product.
        mobile_only: WithoutPlastic = at("mobileOnly").or_default("REFUSED"),
        /// YES: its cards pay abroad, and a member's ID card must be verified.
        pays_abroad: Abroad = at("paysAbroad").or_default("NO"),
        /// What its cards cost.
        fees: Option<FeesInfo> = at("fees").optional(),
        /// REFUNDED: a fee goes back where the plastic comes back undelivered.
        returned_fee: WhenReturned = at("returnedFee").or_default("KEPT"),
        /// The most that its cards may hold.
        limits: Option<LimitsInfo> = at("limits").optional(),
        /// Months for which its cards are valid.
        effective_duration_month: Months = at("effectiveDurationMonth").or_default(60),
        /// The product into which its cards are reissued and renewed; itself where it is left out.
        next_service_id: Option<Digits<15>> = at("nextServiceId").optional(),
        /// Where the picture of the card is.
        image_url: Text<1, 255> = at("imageUrl"),
        /// The digits that its card numbers begin with: 6 to 9, of no other product.
        token_bin_no: Text<6, 9> = at("tokenBinNo"),
        /// What its money may be used for.
        uses: Option<List<Use, 0, 5>> = at("uses").optional(),
        /// Its description.
        detail: Option<DetailInfo> = at("productDetailInfo").optional(),
    }
}

output! {
    /// The product that was made.
    pub struct Response {
        /// Its id, as the product of the plastic.
        card_se_product_id: Digits<15> = "cardSeProductId",
        /// Where the picture of the card is.
        image_url: Text<1, 255> = "imageUrl",
        /// Its id, as the product of the mobile card: the same.
        sibling_product_id: Digits<15> = "siblingProductId",
        /// Where the small picture is: the same.
        thumbnail_url: Text<1, 255> = "thumbnailUrl",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT
            .meaning("A request field is missing or out of its limits, a next product is not the \
                      partner's, or a limit contradicts the other."),
        TypeMismatch = catalogue::PRODUCT_TYPE_MISMATCH
            .meaning("A mobile card alone is to be had of an ordinary product, whose mobile card \
                      is issued when its plastic is registered."),
        BinMismatch = catalogue::TOKEN_BIN_MISMATCH
            .meaning("Another product, of this partner or another one, has card numbers that begin \
                      with these digits, or with some of them."),
    }
}

impl Operation for ProductCreate {
    const SPEC: Spec = Spec {
        id: "admin.product-create",
        title: "카드 상품 생성 API (관리자용)",
        group: "Administration",
        path: "/api/v1/admin/product/generate",
        version: "v1",
        about: "Makes a card product with its whole policy and a range of card numbers of its own.",
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

impl Write for ProductCreate {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let serial = counters::take(tx, asp, PRODUCTS, 1)?;
        let id = id_of(asp, serial)?;
        let next = request.next_service_id.as_ref().map(|next| ServiceId::new(next.as_str()));
        if let Some(next) = &next
            && !policy::is_there(tx, asp, next)?
        {
            return refuse_at(Error::InvalidInput, "nextServiceId");
        }
        let product = product(request, &id)?;
        let Some(range) = policy::issuing(&cx.core, &id, request.token_bin_no.as_str()) else {
            return refuse_at(Error::InvalidInput, "tokenBinNo");
        };
        if policy::contradicts_itself(&product) {
            return refuse(Error::TypeMismatch);
        }
        if products::find(tx, asp, &id)?.is_some() {
            return Err(fault(format!("product {id} is there already")));
        }
        products::put(tx, asp, &product, next.as_ref())?;
        let change = Change { version: 0, at: cx.call.now };
        products::set_looks(tx, asp, &id, &looks(request), change)?;
        if !number_ranges::insert(tx, asp, &range)? {
            return refuse(Error::BinMismatch);
        }
        cx.record(
            tx,
            &Effect {
                log_id: cx.core.supply.id(asp).or_stop()?,
                event: "product.created",
                code: "000_000",
                subject: id.as_str(),
                payload: &json!({
                    "serviceId": id.as_str(),
                    "serviceName": product.name,
                    "status": product.state.name(),
                    "tokenBinNo": range.prefix,
                }),
            },
        )?;
        response(&id, request.image_url.as_str()).map(Ruling::Answered)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        let id = ServiceId::new(remembered.subject.as_str());
        let described = products::describe(tx, &cx.call.asp, &id)?.or_stop()?;
        response(&id, &described.looks.card_art)
    }
}

/// Partner and number make the id, as the ids of the reference's products look.
pub(crate) fn id_of(asp: &AspId, serial: i64) -> Done<ServiceId, Error> {
    let number = FIRST.saturating_add(serial);
    if number > LAST {
        return Err(fault("the partner has no product ids left"));
    }
    let of_partner = asp.as_str().get(..ASP_DIGITS).or_stop()?;
    Ok(ServiceId::new(format!("{of_partner}{number:06}")))
}

pub(crate) fn product(request: &Request, id: &ServiceId) -> Done<Product, Error> {
    let fees = match &request.fees {
        Some(fees) => fees.over(Fees::NONE)?,
        None => Fees::NONE,
    };
    let won = |won| Money::won(won).or_stop::<Error>();
    let usual = BalanceLimits { unnamed: won(UNNAMED_WON)?, named: won(NAMED_WON)? };
    let limits = match &request.limits {
        Some(limits) => limits.over(usual)?,
        None => Some(usual),
    };
    let Some(limits) = limits else { return refuse_at(Error::InvalidInput, "limits.named") };
    Ok(Product {
        service_id: id.clone(),
        name: request.service_name.as_str().to_owned(),
        state: request.status.into(),
        issuance: request.issuance.into(),
        mobile_only: request.mobile_only.into(),
        pays_abroad: request.pays_abroad.into(),
        fees,
        returned_fee: request.returned_fee.into(),
        validity_months: policy::months(request.effective_duration_month)?,
        limits,
    })
}

pub(crate) fn looks(request: &Request) -> Looks {
    let uses = request.uses.as_ref().map(List::as_slice).unwrap_or_default();
    let names: Vec<&str> = uses.iter().map(|each| each.word()).collect();
    let detail = request.detail.as_ref();
    let owned = |text: &Text<1, 255>| text.as_str().to_owned();
    Looks {
        group: request.service_group_name.as_ref().map(owned).unwrap_or_default(),
        uses: names.join(","),
        card_art: owned(&request.image_url),
        detail_title: detail.and_then(|detail| detail.title.as_ref()).map(owned),
        detail_content: detail.map(|detail| owned(&detail.content)),
    }
}

fn response(id: &ServiceId, image_url: &str) -> Done<Response, Error> {
    let (id, image_url) = (Digits::new(id.as_str()), Text::new(image_url));
    let (id, image_url): (Digits<15>, Text<1, 255>) = (id.or_stop()?, image_url.or_stop()?);
    Ok(Response {
        card_se_product_id: id.clone(),
        image_url: image_url.clone(),
        sibling_product_id: id,
        thumbnail_url: image_url,
    })
}

/// Digits that the scenario's product begins its numbers with.
const GIVEN_PREFIX: &str = "94914100";

/// The request of a product whose numbers begin with these digits.
pub fn with_prefix(prefix: &str) -> Value {
    json!({
        "serviceName": "Travel",
        "serviceGroupName": "Travel cards",
        "status": "VOID",
        "issuance": "PRE_ISSUANCE",
        "mobileOnly": "ALLOWED",
        "paysAbroad": "NO",
        "fees": {
            "issue": 2_000, "issueMobileOnly": 0, "reissue": 3_000, "reissueMobileOnly": 0,
            "renewal": 1_000, "firstReissue": "FREE", "defectiveCard": "FREE",
        },
        "returnedFee": "REFUNDED",
        "limits": { "unnamed": 500_000, "named": 2_000_000 },
        "effectiveDurationMonth": 60,
        "nextServiceId": given::STANDARD.service_id().as_str(),
        "imageUrl": "https://cards.example/travel.png",
        "tokenBinNo": prefix,
        "uses": [uses::PERSONAL_CHARGE, uses::REFUND],
        "productDetailInfo": { "title": "Travel", "content": "A card for the way." },
    })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    const MADE: &[&str] = &["cardSeProductId", "imageUrl", "siblingProductId", "thumbnailUrl"];
    vec![
        example(611, "created", "200 - A product made")
            .given(|world| world.also = vec![Also::FreePrefix(GIVEN_PREFIX)])
            .succeeds(|_| with_prefix(GIVEN_PREFIX), "Success", MADE),
        example(612, "invalid-input", "400 - No such next product").refuses_field(
            |_| {
                let mut request = with_prefix(GIVEN_PREFIX);
                request["nextServiceId"] = json!("999999999999999");
                request
            },
            Error::InvalidInput,
            "nextServiceId",
        ),
        example(613, "type-mismatch", "400 - A mobile card alone of an ordinary product").refuses(
            |_| {
                let mut request = with_prefix(GIVEN_PREFIX);
                request["issuance"] = json!("ORDINARY");
                request
            },
            Error::TypeMismatch,
        ),
        example(614, "bin-in-use", "400 - Digits of another product")
            .refuses(|_| with_prefix("949140"), Error::BinMismatch),
    ]
}

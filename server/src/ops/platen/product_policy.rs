//! `platen.product-policy`: what new applications are granted on changes, for one product.
//!
//! The reference has no such call: path, fields and codes are platen's. What was promised to an
//! application before stays as it was promised: its terms stand in its own row. Whose change comes
//! second learns of it: a change names the version that it was made for. Cards that are there keep
//! their limits.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::product::ProductState;
use domain::{AspId, ServiceId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::log::Remembered;
use store::tables::products::{self, Change, Described};

use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse, refuse_at};
use crate::policy::{self, FeesInfo, LimitsInfo, Months, Status, WhenReturned};
use crate::sandbox::world::{Also, Scenario, Step, World, products as given};

/// A product's version.
type Version = UInt<0, 9_007_199_254_740_991>;

/// The operation.
pub struct ProductPolicy;

input! {
    /// Changes of a product's policy. What is left out stays as it is.
    pub struct Request {
        /// The product.
        service_id: Digits<15> = at("serviceId"),
        /// The version that is changed, as `admin.product-detail` tells it.
        version: Version = at("version"),
        /// VOID being set up; ACTIVE on offer; SUSPENDED not for now; DELETED not any more, for
        /// good.
        status: Option<Status> = at("status").optional(),
        /// What its cards cost.
        fees: Option<FeesInfo> = at("fees").optional(),
        /// REFUNDED: a fee goes back where the plastic comes back undelivered.
        returned_fee: Option<WhenReturned> = at("returnedFee").optional(),
        /// The product into which its cards are reissued and renewed; its own id: itself.
        next_service_id: Option<Digits<15>> = at("nextServiceId").optional(),
        /// Months for which new cards are valid.
        effective_duration_month: Option<Months> = at("effectiveDurationMonth").optional(),
        /// The most that new cards may hold.
        limits: Option<LimitsInfo> = at("limits").optional(),
        /// Where the picture of the card is.
        image_url: Option<Text<1, 255>> = at("imageUrl").optional(),
    }
}

output! {
    /// The product as it is now.
    pub struct Response {
        /// The product.
        service_id: Digits<15> = "serviceId",
        /// Its version: one more where anything was changed.
        version: Version = "version",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT
            .meaning("A request field is missing or out of its limits, a product is not the \
                      partner's, or a limit contradicts the other.")
            .assigned_use(),
        Deleted = catalogue::PRODUCT_DELETED,
        ChangedMeanwhile = catalogue::PRODUCT_CHANGED,
    }
}

impl Operation for ProductPolicy {
    const SPEC: Spec = Spec {
        id: "platen.product-policy",
        title: "Change of a Product's Policy",
        group: "platen extensions",
        path: "/platen/v1/admin/product/policy",
        version: "v1",
        about: "Changes the policy of a card product: state, fees, next product, validity, limits \
                and picture. Of a deleted product the next one alone can be changed, as its cards \
                live on. It holds for applications from now on; what was promised before \
                stays promised.",
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

impl Write for ProductPolicy {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let id = ServiceId::new(request.service_id.as_str());
        let Some(before) = products::claim(tx, asp, &id)? else {
            return refuse_at(Error::InvalidInput, "serviceId");
        };
        // Its cards live on, and need a product that they can be reissued and renewed into.
        if before.product.state == ProductState::Deleted && !is_of_next_alone(request) {
            return refuse(Error::Deleted);
        }
        if u64::try_from(before.version) != Ok(request.version.get()) {
            return refuse(Error::ChangedMeanwhile);
        }
        let mut after = changed(tx, asp, request, &before)?;
        let changes = differences(&before, &after);
        if !changes.is_empty() {
            after.version += 1;
            put(cx, tx, &after)?;
        }
        let subject = format!("{id}/{}", after.version);
        if !changes.is_empty() {
            cx.record(
                tx,
                &Effect {
                    log_id: cx.core.supply.id(asp).or_stop()?,
                    event: "product.changed",
                    code: "000_000",
                    subject: &subject,
                    payload: &json!({ "serviceId": id.as_str(), "changes": changes }),
                },
            )?;
        }
        response(&subject).map(Ruling::Answered)
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        response(&remembered.subject)
    }
}

/// Whether nothing but the next product is to be changed.
const fn is_of_next_alone(request: &Request) -> bool {
    matches!(
        request,
        Request {
            service_id: _,
            version: _,
            status: None,
            fees: None,
            returned_fee: None,
            next_service_id: Some(_),
            effective_duration_month: None,
            limits: None,
            image_url: None,
        }
    )
}

/// The product with the changes that are asked for.
fn changed(
    tx: &mut Tx<'_>,
    asp: &AspId,
    request: &Request,
    before: &Described,
) -> Done<Described, Error> {
    let mut after = before.clone();
    let product = &mut after.product;
    if let Some(status) = request.status {
        product.state = status.into();
    }
    if let Some(fees) = &request.fees {
        product.fees = fees.over(product.fees)?;
    }
    if let Some(returned_fee) = request.returned_fee {
        product.returned_fee = returned_fee.into();
    }
    if let Some(months) = request.effective_duration_month {
        product.validity_months = policy::months(months)?;
    }
    if let Some(limits) = &request.limits {
        match limits.over(product.limits)? {
            Some(limits) => product.limits = limits,
            None => return refuse_at(Error::InvalidInput, "limits.named"),
        }
    }
    if let Some(next) = &request.next_service_id {
        let next = ServiceId::new(next.as_str());
        let is_itself = next == product.service_id;
        if !is_itself && !policy::is_there(tx, asp, &next)? {
            return refuse_at(Error::InvalidInput, "nextServiceId");
        }
        after.next = (!is_itself).then_some(next);
    }
    if let Some(image_url) = &request.image_url {
        image_url.as_str().clone_into(&mut after.looks.card_art);
    }
    Ok(after)
}

fn put(cx: &Cx, tx: &mut Tx<'_>, after: &Described) -> Done<(), Error> {
    let (asp, product) = (&cx.call.asp, &after.product);
    products::put(tx, asp, product, after.next.as_ref())?;
    let change = Change { version: after.version, at: cx.call.now };
    products::set_looks(tx, asp, &product.service_id, &after.looks, change)?;
    Ok(())
}

/// What is changed, from what to what.
fn differences(before: &Described, after: &Described) -> Vec<Value> {
    let (old, new) = (told(before), told(after));
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
    changed
        .map(|((name, from), (_, to))| json!({ "field": name, "from": from, "to": to }))
        .collect()
}

/// The policy by the names of the request's fields.
fn told(described: &Described) -> [(&'static str, Value); 14] {
    let Described { product, next, looks, .. } = described;
    let (fees, limits) = (&product.fees, &product.limits);
    [
        ("status", product.state.name().into()),
        ("fees.issue", fees.issue_with_plastic.minor().into()),
        ("fees.issueMobileOnly", fees.issue_mobile_only.minor().into()),
        ("fees.reissue", fees.reissue_with_plastic.minor().into()),
        ("fees.reissueMobileOnly", fees.reissue_mobile_only.minor().into()),
        ("fees.renewal", fees.renewal.minor().into()),
        ("fees.firstReissue", fees.first_reissue.name().into()),
        ("fees.defectiveCard", fees.defective_card.name().into()),
        ("returnedFee", product.returned_fee.name().into()),
        ("nextServiceId", next.as_ref().map(ServiceId::as_str).into()),
        ("effectiveDurationMonth", product.validity_months.into()),
        ("limits.unnamed", limits.unnamed.minor().into()),
        ("limits.named", limits.named.minor().into()),
        ("imageUrl", looks.card_art.as_str().into()),
    ]
}

/// The answer, from the product and its version as the operation log names them.
fn response(subject: &str) -> Done<Response, Error> {
    let (id, version) = subject.split_once('/').or_stop()?;
    Ok(Response {
        service_id: Digits::new(id).or_stop()?,
        version: version.parse().ok().and_then(UInt::new).or_stop()?,
    })
}

/// The request of other fees.
pub fn other_fees(world: &World) -> Value {
    json!({
        "serviceId": world.product.service_id().as_str(),
        "version": 0,
        "status": "ACTIVE",
        "fees": {
            "issue": 1_000, "issueMobileOnly": 0, "reissue": 5_000, "reissueMobileOnly": 0,
            "renewal": 2_000, "firstReissue": "FREE", "defectiveCard": "FREE",
        },
        "returnedFee": "KEPT",
        "nextServiceId": given::STANDARD.service_id().as_str(),
        "effectiveDurationMonth": 36,
        "limits": { "unnamed": 300_000, "named": 1_000_000 },
        "imageUrl": "https://cards.example/other.png",
    })
}

/// The request of its end.
pub fn deletion(world: &World) -> Value {
    json!({
        "serviceId": world.product.service_id().as_str(), "version": 0, "status": "DELETED",
    })
}

/// The request of another next product alone, after one change.
fn next_alone(world: &World) -> Value {
    json!({
        "serviceId": world.product.service_id().as_str(),
        "version": 1,
        "nextServiceId": given::STANDARD.service_id().as_str(),
    })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number: u16, name, title| {
        Scenario::of(World::new(number.into()), name, title).given(move |world| {
            world.product = given::ProductKey(number);
            world.also = vec![Also::OwnProduct];
        })
    };
    const CHANGED: &[&str] = &["serviceId", "version"];
    vec![
        example(621, "changed", "200 - Another policy").succeeds(other_fees, "Success.", CHANGED),
        example(622, "deleted", "200 - Not on offer any more")
            .succeeds(deletion, "Success.", CHANGED),
        example(623, "invalid-input", "400 - Limits that contradict each other").refuses_field(
            |world| {
                json!({
                    "serviceId": world.product.service_id().as_str(),
                    "version": 0,
                    "limits": { "unnamed": 2, "named": 1 },
                })
            },
            Error::InvalidInput,
            "limits.named",
        ),
        example(624, "already-deleted", "400 - Deleted before")
            .given(|world| world.before = vec![Step::Call("platen.product-policy", deletion)])
            .refuses(other_fees, Error::Deleted),
        example(626, "next-of-deleted", "200 - Another next product of a deleted one")
            .given(|world| world.before = vec![Step::Call("platen.product-policy", deletion)])
            .succeeds(next_alone, "Success.", CHANGED),
        example(625, "changed-meanwhile", "400 - Another version")
            .given(|world| world.before = vec![Step::Call("platen.product-policy", other_fees)])
            .refuses(other_fees, Error::ChangedMeanwhile),
    ]
}

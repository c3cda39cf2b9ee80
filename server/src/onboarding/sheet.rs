//! Products as a TOML sheet: the fields of `admin.product-create` and their limits, with the
//! product's id and the digits that its card numbers begin with.

use contract::{Input as _, Json};
use domain::debit::CashIc;
use domain::product::Product;
use domain::{AspId, ServiceId};
use serde_json::{Map, Value, json};
use store::tables::products::{Described, Looks};
use store::{Tx, TxError};

use super::{Refused, product};
use crate::op::Stop;
use crate::ops::admin::product_create::{self, Request};
use crate::policy;

/// Products of a sheet at the most.
const PRODUCTS_MAX: usize = 1_000;
/// Ranges of a product in a sheet at the most.
const BINS_MAX: usize = 100;
/// Digits of a product's id.
const ID_DIGITS: usize = 15;
/// Stands for the digits of a product that has no range yet.
const ANY_BIN: &str = "000000";
/// Nesting of a product, levels.
const DEPTH_MAX: usize = 4;

/// A product of a sheet, checked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its policy.
    pub product: Product,
    /// The product into which its cards are reissued; `None`: itself.
    pub next: Option<ServiceId>,
    /// How it is presented.
    pub looks: Looks,
    /// Of a debit product: its bank, and whether its plastic can be a cash card.
    pub debit: Option<(String, CashIc)>,
    /// Digits that its card numbers begin with, in order.
    pub bins: Vec<String>,
}

fn wrong<T>(sentence: String) -> Result<T, Refused> {
    Err(Refused::Sheet(sentence))
}

/// The products of a sheet, or what is wrong with the first one at fault.
pub fn read(text: &str) -> Result<Vec<Item>, Refused> {
    let sheet: Value = toml::from_str(text).or_else(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        wrong(format!("line {line} of the sheet is no TOML: {}", error.message()))
    })?;
    let Value::Object(mut sheet) = sheet else { return wrong("the sheet is empty".to_owned()) };
    let products = sheet.remove("products");
    if let Some(name) = sheet.keys().next() {
        return wrong(format!("the sheet has `{name}`, which means nothing: take it out"));
    }
    let Some(Value::Array(products)) = products else {
        return wrong("the sheet has no product: begin each with a line [[products]]".to_owned());
    };
    if products.is_empty() || products.len() > PRODUCTS_MAX {
        return wrong(format!("a sheet has 1 to {PRODUCTS_MAX} products"));
    }
    let mut items: Vec<Item> = Vec::new();
    for (nth, product) in (1..).zip(products) {
        let Some(id) = product.get("serviceId").and_then(Value::as_str).and_then(id) else {
            return wrong(format!("product {nth} of the sheet needs a serviceId of 15 digits"));
        };
        if items.iter().any(|item| item.product.service_id == id) {
            return wrong(format!("product {id} stands in the sheet twice: take one out"));
        }
        items.push(item(&id, product)?);
    }
    Ok(items)
}

fn id(text: &str) -> Option<ServiceId> {
    let fits = text.len() == ID_DIGITS && text.bytes().all(|c| c.is_ascii_digit());
    fits.then(|| ServiceId::new(text))
}

/// A product from its table.
pub fn item(id: &ServiceId, table: Value) -> Result<Item, Refused> {
    let at = |field: &str| {
        format!(
            "`{field}` of product {id} is missing or out of its limits: the portal's page of \
             admin.product-create says what it may be"
        )
    };
    let Value::Object(given) = table else { return wrong(format!("product {id} is no table")) };
    let mut rest = given.clone();
    rest.remove("serviceId");
    let debit = match (rest.remove("debitBank"), rest.remove("cashIc")) {
        (None, None) => None,
        (Some(Value::String(bank)), cash_ic) => {
            let word = cash_ic.as_ref().map_or(Some("NONE"), Value::as_str);
            let Some(cash_ic) = word.and_then(CashIc::parse) else { return wrong(at("cashIc")) };
            if bank.len() != 3 || !bank.bytes().all(|c| c.is_ascii_digit()) {
                return wrong(at("debitBank"));
            }
            Some((bank, cash_ic))
        }
        (Some(_) | None, _) => return wrong(at("debitBank")),
    };
    let Some(bins) = bins(rest.remove("bins")) else { return wrong(at("bins")) };
    // Ranges may come later: the field is checked with the others, and then not looked at.
    let first = bins.first().map_or(ANY_BIN, String::as_str);
    rest.insert("tokenBinNo".to_owned(), first.into());
    let has_picture = rest.contains_key("imageUrl");
    rest.entry("imageUrl").or_insert_with(|| "-".into());
    let body = Json::parse_object(Value::Object(rest).to_string().as_bytes(), DEPTH_MAX);
    let body = body.or_else(|_| wrong(at("a field")))?;
    let request = Request::from_json(&body).or_else(|invalid| wrong(at(&invalid.field)))?;
    let product = match product_create::product(&request, id) {
        Ok(product) => product,
        Err(TxError::Refused(Stop::Refused(_, field))) => {
            return wrong(at(field.unwrap_or("a field")));
        }
        Err(_) => return wrong(at("a field")),
    };
    if policy::contradicts_itself(&product) {
        return wrong(format!(
            "product {id} is ORDINARY, whose mobile card comes with its plastic: set mobileOnly \
             to REFUSED"
        ));
    }
    let mut looks = product_create::looks(&request);
    if !has_picture {
        looks.card_art.clear();
    }
    let next = request.next_service_id.as_ref().map(|next| ServiceId::new(next.as_str()));
    let next = next.filter(|next| next != id);
    let item = Item { product, next, looks, debit, bins };
    known(id, &given, &exported(&item)).map(|()| item)
}

/// Digits of ranges, none twice.
fn bins(value: Option<Value>) -> Option<Vec<String>> {
    let Some(Value::Array(values)) = value else { return None };
    let mut bins: Vec<String> =
        values.iter().map(|bin| bin.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    bins.sort_unstable();
    let count = bins.len();
    bins.dedup();
    let fits = bins.iter().all(|bin| crypto::number::capacity(bin).is_ok());
    (fits && bins.len() == count && count <= BINS_MAX).then_some(bins)
}

/// Refuses a field that means nothing: it would be passed over in silence.
fn known(id: &ServiceId, given: &Map<String, Value>, all: &Value) -> Result<(), Refused> {
    for (name, value) in given {
        let is_own = matches!(name.as_str(), "serviceId" | "nextServiceId");
        match (all.get(name), value) {
            (Some(inner), Value::Object(value)) => known(id, value, inner)?,
            (None, _) if !is_own => {
                return wrong(format!("`{name}` of product {id} means nothing: take it out"));
            }
            (Some(_) | None, _) => {}
        }
    }
    Ok(())
}

/// A product as its table.
pub fn exported(item: &Item) -> Value {
    let Item { product, next, looks, debit, bins } = item;
    let (fees, limits) = (&product.fees, &product.limits);
    let mut table = json!({
        "serviceId": product.service_id.as_str(),
        "serviceName": product.name,
        "status": product.state.name(),
        "issuance": product.issuance.name(),
        "mobileOnly": product.mobile_only.name(),
        "paysAbroad": product.pays_abroad.name(),
        "returnedFee": product.returned_fee.name(),
        "effectiveDurationMonth": product.validity_months,
    });
    let mut put = |name: &str, value: Value| table[name] = value;
    if !looks.group.is_empty() {
        put("serviceGroupName", looks.group.as_str().into());
    }
    if let Some(next) = next {
        put("nextServiceId", next.as_str().into());
    }
    if !looks.card_art.is_empty() {
        put("imageUrl", looks.card_art.as_str().into());
    }
    if let Some((bank, cash_ic)) = debit {
        put("debitBank", bank.as_str().into());
        put("cashIc", cash_ic.name().into());
    }
    put("uses", looks.uses.split(',').filter(|each| !each.is_empty()).collect());
    put("bins", bins.as_slice().into());
    put(
        "fees",
        json!({
            "issue": fees.issue_with_plastic.minor(),
            "issueMobileOnly": fees.issue_mobile_only.minor(),
            "reissue": fees.reissue_with_plastic.minor(),
            "reissueMobileOnly": fees.reissue_mobile_only.minor(),
            "renewal": fees.renewal.minor(),
            "firstReissue": fees.first_reissue.name(),
            "defectiveCard": fees.defective_card.name(),
        }),
    );
    put("limits", json!({ "unnamed": limits.unnamed.minor(), "named": limits.named.minor() }));
    if let Some(content) = &looks.detail_content {
        let mut detail = Map::new();
        if let Some(title) = &looks.detail_title {
            detail.insert("title".to_owned(), title.as_str().into());
        }
        detail.insert("content".to_owned(), content.as_str().into());
        put("productDetailInfo", Value::Object(detail));
    }
    table
}

/// A sheet of these products.
pub fn written(items: &[Item]) -> Result<String, Refused> {
    let products: Vec<Value> = items.iter().map(exported).collect();
    toml::to_string(&json!({ "products": products }))
        .or_else(|error| wrong(format!("the sheet cannot be written: {error}")))
}

/// A product that there is, as an item.
pub(super) fn of(tx: &mut Tx<'_>, asp: &AspId, found: Described) -> super::Made<Item> {
    let id = found.product.service_id.clone();
    let debit = store::tables::products::find_debit(tx, asp, &id)?;
    let bins = product::ranges(tx, asp, &id)?.into_iter();
    Ok(Item {
        debit: debit.map(|debit| (debit.bank_code, debit.cash_ic)),
        bins: bins.filter(|range| range.kind == "ISSUE").map(|range| range.prefix).collect(),
        product: found.product,
        next: found.next,
        looks: found.looks,
    })
}

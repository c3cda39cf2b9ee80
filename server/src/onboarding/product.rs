//! Products of partners, and the ranges of card numbers that they have.

use domain::partner::Standing;
use domain::product::ProductState;
use domain::{AspId, ServiceId};
use serde_json::json;
use store::Tx;
use store::tables::number_ranges;
use store::tables::products::{self, Described};
use store::tables::{counters, products as rows};

use super::sheet::{self, Item, exported};
use super::{Made, Refused, must_be, note, refused};
use crate::context::Core;
use crate::keys::change::Change;
use crate::ops::admin::product_create::{PRODUCTS, id_of};
use crate::policy;

/// What became of a product of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It was made.
    Created,
    /// Its policy was changed, or it got further ranges.
    Changed,
    /// It was so already.
    Unchanged,
}

impl Became {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Became::Created => "created",
            Became::Changed => "changed",
            Became::Unchanged => "unchanged",
        }
    }
}

/// A range of card numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The digits that its numbers begin with.
    pub prefix: String,
    /// `ISSUE` or `GIVEN`.
    pub kind: String,
    /// Serials that were taken.
    pub taken: i64,
    /// Serials that there are.
    pub all: i64,
    /// Whether it gives out no further ones.
    pub is_suspended: bool,
}

/// A product's ranges, in the order in which they are used up.
pub fn ranges(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Made<Vec<Range>> {
    let rows = tx.query(
        "SELECT prefix, kind, next_serial, serial_end, suspended_at IS NOT NULL FROM number_range
         WHERE asp_id = $1 AND service_id = $2 ORDER BY prefix",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    let mut ranges = Vec::new();
    for mut row in rows {
        let (prefix, kind) = (row.take_text(0)?, row.take_text(1)?);
        let (taken, all, is_suspended) = (row.int(2)?, row.int(3)?, row.boolean(4)?);
        ranges.push(Range { prefix, kind, taken, all, is_suspended });
    }
    Ok(ranges)
}

/// Has a range give out no further numbers, or again; `false` where it was so. What servers have
/// taken of it they still give out, a block each.
pub fn set_bin(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (prefix, to): (&str, Standing),
    change: &Change,
) -> Made<bool> {
    must_be(tx, asp)?;
    let (since, event) = match to {
        Standing::Active => (None, "product.bin_resumed"),
        Standing::Suspended | Standing::Discarded => (Some(change.now), "product.bin_suspended"),
    };
    match number_ranges::suspend(tx, asp, prefix, since)? {
        None => refused(Refused::NoBin(asp.clone(), prefix.to_owned())),
        Some(false) => Ok(false),
        Some(true) => {
            let subject = format!("bin:{prefix}");
            note(tx, asp, change, (event, &subject), json!({ "tokenBinNo": prefix }))?;
            Ok(true)
        }
    }
}

/// A partner's products in the order of their ids, as a sheet has them; of one alone where that is
/// named.
pub fn list(tx: &mut Tx<'_>, asp: &AspId, only: Option<&ServiceId>) -> Made<Vec<Item>> {
    must_be(tx, asp)?;
    let ids = match only {
        Some(id) => vec![id.clone()],
        None => ids(tx, asp)?,
    };
    let mut items = Vec::new();
    for id in ids {
        let Some(found) = products::describe(tx, asp, &id)? else {
            return refused(Refused::NoProduct(asp.clone(), id));
        };
        items.push(sheet::of(tx, asp, found)?);
    }
    Ok(items)
}

fn ids(tx: &mut Tx<'_>, asp: &AspId) -> Made<Vec<ServiceId>> {
    let rows = tx.query(
        "SELECT service_id FROM product WHERE asp_id = $1 ORDER BY service_id",
        &[asp.as_str().into()],
    )?;
    Ok(rows.iter().map(|row| row.text(0).map(ServiceId::new)).collect::<Result<_, _>>()?)
}

/// Makes a product under the next id of its partner; the id.
pub fn create(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    item: &Item,
    change: &Change,
) -> Made<ServiceId> {
    must_be(tx, asp)?;
    let serial = counters::take(tx, asp, PRODUCTS, 1)?;
    let Ok(id) = id_of(asp, serial) else {
        return refused(Refused::Sheet(format!("partner {asp} has no product ids left")));
    };
    let mut item = item.clone();
    item.product.service_id = id.clone();
    import(tx, core, asp, &[item], change)?;
    Ok(id)
}

/// Makes what a partner has not of these products, and sets the policy of the others to what the
/// sheet says. What the sheet does not name stays as it is; no range is taken away.
pub fn import(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    items: &[Item],
    change: &Change,
) -> Made<Vec<(ServiceId, Became)>> {
    must_be(tx, asp)?;
    let mut became = Vec::new();
    for item in items {
        let id = item.product.service_id.clone();
        became.push((id, put(tx, core, asp, item, change)?));
    }
    // A sheet may name a product before it stands there.
    for item in items {
        let Some(next) = &item.next else { continue };
        let is_next = |other: &Item| other.product.service_id == *next && other.debit.is_none();
        if !items.iter().any(is_next) && !policy::is_there(tx, asp, next)? {
            let id = item.product.service_id.clone();
            return refused(Refused::NoNext(id, next.clone()));
        }
    }
    Ok(became)
}

fn put(tx: &mut Tx<'_>, core: &Core, asp: &AspId, item: &Item, change: &Change) -> Made<Became> {
    let id = &item.product.service_id;
    let Some(found) = products::claim(tx, asp, id)? else {
        write(tx, asp, item, 0, change)?;
        for bin in &item.bins {
            add_range(tx, core, asp, (id, bin))?;
        }
        note(tx, asp, change, ("product.created", id.as_str()), exported(item))?;
        return Ok(Became::Created);
    };
    let version = found.version;
    let before = sheet::of(tx, asp, found)?;
    let new = item.bins.iter().filter(|bin| !before.bins.contains(bin));
    let new: Vec<&String> = new.collect();
    let same_bins = Item { bins: before.bins.clone(), ..item.clone() };
    if same_bins == before && new.is_empty() {
        return Ok(Became::Unchanged);
    }
    if before.product.state == ProductState::Deleted {
        return refused(Refused::Deleted(id.clone()));
    }
    if let Some(field) = fixed(&before, item) {
        return refused(Refused::Fixed(id.clone(), field));
    }
    if same_bins != before {
        write(tx, asp, item, version + 1, change)?;
        let more = json!({ "from": exported(&before), "to": exported(item) });
        note(tx, asp, change, ("product.changed", id.as_str()), more)?;
    }
    for bin in new {
        bin_added(tx, core, asp, (id, bin), change)?;
    }
    Ok(Became::Changed)
}

/// What of a product cannot be changed and would be.
fn fixed(before: &Item, after: &Item) -> Option<&'static str> {
    let (old, new) = (&before.product, &after.product);
    [
        ("issuance", old.issuance != new.issuance),
        ("mobileOnly", old.mobile_only != new.mobile_only),
        ("paysAbroad", old.pays_abroad != new.pays_abroad),
        ("debitBank", before.debit != after.debit),
    ]
    .into_iter()
    .find_map(|(field, is_other)| is_other.then_some(field))
}

fn write(tx: &mut Tx<'_>, asp: &AspId, item: &Item, version: i64, change: &Change) -> Made<()> {
    let id = &item.product.service_id;
    products::put(tx, asp, &item.product, item.next.as_ref())?;
    let at = rows::Change { version, at: change.now };
    products::set_looks(tx, asp, id, &item.looks, at)?;
    if let Some((bank, cash_ic)) = &item.debit {
        products::set_debit(tx, asp, id, (bank, *cash_ic))?;
    }
    Ok(())
}

fn add_range(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (id, prefix): (&ServiceId, &str),
) -> Made<i64> {
    let Some(range) = policy::issuing(core, id, prefix) else {
        return refused(Refused::Prefix(prefix.to_owned()));
    };
    match number_ranges::insert(tx, asp, &range)? {
        true => Ok(range.capacity),
        false => refused(Refused::Overlap(prefix.to_owned())),
    }
}

/// Adds a range to a product; how many numbers it has.
pub fn add_bin(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (id, prefix): (&ServiceId, &str),
    change: &Change,
) -> Made<i64> {
    if claim(tx, asp, id)?.product.state == ProductState::Deleted {
        return refused(Refused::Deleted(id.clone()));
    }
    bin_added(tx, core, asp, (id, prefix), change)
}

fn bin_added(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (id, prefix): (&ServiceId, &str),
    change: &Change,
) -> Made<i64> {
    let numbers = add_range(tx, core, asp, (id, prefix))?;
    let more = json!({ "serviceId": id.as_str(), "tokenBinNo": prefix, "numbers": numbers });
    let subject = format!("{id}/{prefix}");
    note(tx, asp, change, ("product.range_added", &subject), more)?;
    Ok(numbers)
}

/// Sets a product's state; `false` where it was in that state. A discarded one stays so, as its
/// cards live on by its policy.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (id, to): (&ServiceId, ProductState),
    change: &Change,
) -> Made<bool> {
    let mut found = claim(tx, asp, id)?;
    let from = found.product.state;
    if from == to {
        return Ok(false);
    }
    if from == ProductState::Deleted {
        return refused(Refused::Deleted(id.clone()));
    }
    found.product.state = to;
    products::put(tx, asp, &found.product, found.next.as_ref())?;
    let at = rows::Change { version: found.version + 1, at: change.now };
    products::set_looks(tx, asp, id, &found.looks, at)?;
    let changes = json!([{ "field": "status", "from": from.name(), "to": to.name() }]);
    let more = json!({ "serviceId": id.as_str(), "changes": changes });
    note(tx, asp, change, ("product.changed", id.as_str()), more)?;
    Ok(true)
}

fn claim(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Made<Described> {
    must_be(tx, asp)?;
    match products::claim(tx, asp, id)? {
        Some(found) => Ok(found),
        None => refused(Refused::NoProduct(asp.clone(), id.clone())),
    }
}

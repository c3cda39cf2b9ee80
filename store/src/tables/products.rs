//! Card products.

use domain::debit::CashIc;
use domain::product::{
    BalanceLimits, Charge, Fees, Issuance, MobileOnly, PaysAbroad, Product, ProductState,
    ReturnedFee,
};
use domain::{AspId, ServiceId, Timestamp};

use super::{money, number, parsed};
use crate::{DbError, Row, Tx};

/// Writes a product, or sets one that is there to this policy.
pub fn put(
    tx: &mut Tx<'_>,
    asp: &AspId,
    product: &Product,
    next: Option<&ServiceId>,
) -> Result<(), DbError> {
    let (fees, limits) = (&product.fees, &product.limits);
    tx.execute(
        "INSERT INTO product (asp_id, service_id, name, state, issuance, mobile_only, pays_abroad,
             reissue_fee, reissue_fee_mobile_only, currency, next_service_id, validity_months,
             issue_fee, issue_fee_mobile_only, renewal_fee, first_reissue, defective_card,
             returned_fee, balance_limit_unnamed, balance_limit_named)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20)
         ON CONFLICT (asp_id, service_id) DO UPDATE SET name = $3, state = $4, issuance = $5,
             mobile_only = $6, pays_abroad = $7, reissue_fee = $8, reissue_fee_mobile_only = $9,
             currency = $10, next_service_id = $11, validity_months = $12, issue_fee = $13,
             issue_fee_mobile_only = $14, renewal_fee = $15, first_reissue = $16,
             defective_card = $17, returned_fee = $18, balance_limit_unnamed = $19,
             balance_limit_named = $20",
        &[
            asp.as_str().into(),
            product.service_id.as_str().into(),
            product.name.as_str().into(),
            product.state.name().into(),
            product.issuance.name().into(),
            product.mobile_only.name().into(),
            product.pays_abroad.name().into(),
            fees.reissue_with_plastic.minor().into(),
            fees.reissue_mobile_only.minor().into(),
            fees.reissue_with_plastic.currency().code().into(),
            next.map(ServiceId::as_str).into(),
            i64::from(product.validity_months).into(),
            fees.issue_with_plastic.minor().into(),
            fees.issue_mobile_only.minor().into(),
            fees.renewal.minor().into(),
            fees.first_reissue.name().into(),
            fees.defective_card.name().into(),
            product.returned_fee.name().into(),
            limits.unnamed.minor().into(),
            limits.named.minor().into(),
        ],
    )?;
    Ok(())
}

/// The product of this id.
pub fn find(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Result<Option<Product>, DbError> {
    let row = tx.query_opt(
        "SELECT service_id, state, issuance, mobile_only, pays_abroad, reissue_fee,
             reissue_fee_mobile_only, validity_months, name, issue_fee, issue_fee_mobile_only,
             renewal_fee, first_reissue, defective_card, returned_fee, balance_limit_unnamed,
             balance_limit_named
         FROM product WHERE asp_id = $1 AND service_id = $2",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    row.map(|mut row| read(&mut row, 0)).transpose()
}

/// The prepaid product of this id; `None` where there is none, or it is a debit product.
pub fn find_prepaid(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: &ServiceId,
) -> Result<Option<Product>, DbError> {
    let row = tx.query_opt(
        "SELECT service_id, state, issuance, mobile_only, pays_abroad, reissue_fee,
             reissue_fee_mobile_only, validity_months, name, issue_fee, issue_fee_mobile_only,
             renewal_fee, first_reissue, defective_card, returned_fee, balance_limit_unnamed,
             balance_limit_named
         FROM product WHERE asp_id = $1 AND service_id = $2 AND debit_bank IS NULL",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    row.map(|mut row| read(&mut row, 0)).transpose()
}

/// A debit product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debit {
    /// Its policy.
    pub product: Product,
    /// Its bank.
    pub bank_code: String,
    /// Whether its plastic can be a cash card.
    pub cash_ic: CashIc,
}

/// The debit product of this id; `None` where there is none, or it is a prepaid one.
pub fn find_debit(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Result<Option<Debit>, DbError> {
    let row = tx.query_opt(
        "SELECT service_id, state, issuance, mobile_only, pays_abroad, reissue_fee,
             reissue_fee_mobile_only, validity_months, name, issue_fee, issue_fee_mobile_only,
             renewal_fee, first_reissue, defective_card, returned_fee, balance_limit_unnamed,
             balance_limit_named, debit_bank, cash_ic
         FROM product WHERE asp_id = $1 AND service_id = $2 AND debit_bank IS NOT NULL",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let product = read(&mut row, 0)?;
    let cash_ic = parsed(&row, 18, CashIc::parse)?;
    Ok(Some(Debit { product, bank_code: row.take_text(17)?, cash_ic }))
}

/// Makes a product a debit product of this bank, whose cards hold no balance.
pub fn set_debit(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: &ServiceId,
    (bank_code, cash_ic): (&str, CashIc),
) -> Result<(), DbError> {
    tx.put(
        "UPDATE product SET debit_bank = $3, cash_ic = $4, balance_limit_unnamed = 0,
             balance_limit_named = 0
         WHERE asp_id = $1 AND service_id = $2",
        &[asp.as_str().into(), id.as_str().into(), bank_code.into(), cash_ic.name().into()],
    )
}

/// The product whose columns begin at `at` of a row, in the order of [`find`].
pub(super) fn read(row: &mut Row, at: usize) -> Result<Product, DbError> {
    Ok(Product {
        name: row.take_text(at + 8)?,
        service_id: ServiceId::new(row.text(at)?),
        state: parsed(row, at + 1, ProductState::parse)?,
        issuance: parsed(row, at + 2, Issuance::parse)?,
        mobile_only: parsed(row, at + 3, MobileOnly::parse)?,
        pays_abroad: parsed(row, at + 4, PaysAbroad::parse)?,
        fees: Fees {
            issue_with_plastic: money(row, at + 9)?,
            issue_mobile_only: money(row, at + 10)?,
            reissue_with_plastic: money(row, at + 5)?,
            reissue_mobile_only: money(row, at + 6)?,
            renewal: money(row, at + 11)?,
            first_reissue: parsed(row, at + 12, Charge::parse)?,
            defective_card: parsed(row, at + 13, Charge::parse)?,
        },
        returned_fee: parsed(row, at + 14, ReturnedFee::parse)?,
        validity_months: number(row, at + 7)?,
        limits: BalanceLimits { unnamed: money(row, at + 15)?, named: money(row, at + 16)? },
    })
}

/// A product with what is told of it beside its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its policy.
    pub product: Product,
    /// The product into which its cards are reissued and renewed; `None`: itself.
    pub next: Option<ServiceId>,
    /// How it is presented.
    pub looks: Looks,
    /// Counts the changes of its policy.
    pub version: i64,
}

/// How a product is presented.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// Name of its group; may be empty.
    pub group: String,
    /// What its money may be used for: names with commas between them.
    pub uses: String,
    /// Where the picture of the card is; may be empty.
    pub card_art: String,
    /// Title of its description.
    pub detail_title: Option<String>,
    /// Its description.
    pub detail_content: Option<String>,
}

/// The product of this id, with what is told of it.
pub fn describe(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: &ServiceId,
) -> Result<Option<Described>, DbError> {
    let row = tx.query_opt(
        "SELECT service_id, state, issuance, mobile_only, pays_abroad, reissue_fee,
             reissue_fee_mobile_only, validity_months, name, issue_fee, issue_fee_mobile_only,
             renewal_fee, first_reissue, defective_card, returned_fee, balance_limit_unnamed,
             balance_limit_named, next_service_id, service_group, uses, card_art, detail_title,
             detail_content, version
         FROM product WHERE asp_id = $1 AND service_id = $2",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    row.map(|mut row| read_described(&mut row)).transpose()
}

/// Claims the product of this id: other changes of its policy wait until this transaction ends.
pub fn claim(tx: &mut Tx<'_>, asp: &AspId, id: &ServiceId) -> Result<Option<Described>, DbError> {
    let row = tx.query_opt(
        "UPDATE product SET version = version WHERE asp_id = $1 AND service_id = $2
         RETURNING service_id, state, issuance, mobile_only, pays_abroad, reissue_fee,
             reissue_fee_mobile_only, validity_months, name, issue_fee, issue_fee_mobile_only,
             renewal_fee, first_reissue, defective_card, returned_fee, balance_limit_unnamed,
             balance_limit_named, next_service_id, service_group, uses, card_art, detail_title,
             detail_content, version",
        &[asp.as_str().into(), id.as_str().into()],
    )?;
    row.map(|mut row| read_described(&mut row)).transpose()
}

fn read_described(row: &mut Row) -> Result<Described, DbError> {
    let product = read(row, 0)?;
    Ok(Described {
        product,
        next: row.opt_text(17)?.map(ServiceId::new),
        looks: Looks {
            group: row.take_text(18)?,
            uses: row.take_text(19)?,
            card_art: row.take_text(20)?,
            detail_title: row.take_opt_text(21)?,
            detail_content: row.take_opt_text(22)?,
        },
        version: row.int(23)?,
    })
}

/// Writes how a product is presented, and that it was changed to this version.
pub fn set_looks(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: &ServiceId,
    looks: &Looks,
    change: Change,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE product SET service_group = $3, uses = $4, card_art = $5, detail_title = $6,
             detail_content = $7, version = $8, changed_at = $9
         WHERE asp_id = $1 AND service_id = $2",
        &[
            asp.as_str().into(),
            id.as_str().into(),
            looks.group.as_str().into(),
            looks.uses.as_str().into(),
            looks.card_art.as_str().into(),
            looks.detail_title.as_deref().into(),
            looks.detail_content.as_deref().into(),
            change.version.into(),
            change.at.0.into(),
        ],
    )?;
    Ok(())
}

/// A change of a product.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The version that it makes.
    pub version: i64,
    /// When.
    pub at: Timestamp,
}

//! Card products.

use domain::product::{Issuance, MobileOnly, PaysAbroad, Product, ProductState};
use domain::{AspId, ServiceId};

use super::{money, parsed};
use crate::{DbError, Tx};

/// Writes a product, or sets one that is there to this policy.
pub fn put(
    tx: &mut Tx<'_>,
    asp: &AspId,
    product: &Product,
    next: Option<&ServiceId>,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO product (asp_id, service_id, name, state, issuance, mobile_only, pays_abroad,
             reissue_fee, reissue_fee_mobile_only, currency, next_service_id, validity_months)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (asp_id, service_id) DO UPDATE SET name = $3, state = $4, issuance = $5,
             mobile_only = $6, pays_abroad = $7, reissue_fee = $8, reissue_fee_mobile_only = $9,
             currency = $10, next_service_id = $11, validity_months = $12",
        &[
            asp.as_str().into(),
            product.service_id.as_str().into(),
            product.name.as_str().into(),
            product.state.name().into(),
            product.issuance.name().into(),
            product.mobile_only.name().into(),
            product.pays_abroad.name().into(),
            product.reissue_fee_with_plastic.minor().into(),
            product.reissue_fee_mobile_only.minor().into(),
            product.reissue_fee_with_plastic.currency().code().into(),
            next.map(ServiceId::as_str).into(),
            i64::from(product.validity_months).into(),
        ],
    )?;
    Ok(())
}

/// The product into which a card of `service` is reissued: the one that its policy names, else
/// itself. `None` where this partner has no such product.
pub fn next_of(
    tx: &mut Tx<'_>,
    asp: &AspId,
    service: &ServiceId,
) -> Result<Option<Product>, DbError> {
    let row = tx.query_opt(
        "SELECT n.service_id, n.state, n.issuance, n.mobile_only, n.pays_abroad, n.reissue_fee,
             n.reissue_fee_mobile_only, n.validity_months, n.name
         FROM product p
         JOIN product n ON n.asp_id = p.asp_id
             AND n.service_id = COALESCE(p.next_service_id, p.service_id)
         WHERE p.asp_id = $1 AND p.service_id = $2",
        &[asp.as_str().into(), service.as_str().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let months = u16::try_from(row.int(7)?);
    let found = "a number beyond the CHECK";
    Ok(Some(Product {
        name: row.take_text(8)?,
        service_id: ServiceId::new(row.take_text(0)?),
        state: parsed(&row, 1, ProductState::parse)?,
        issuance: parsed(&row, 2, Issuance::parse)?,
        mobile_only: parsed(&row, 3, MobileOnly::parse)?,
        pays_abroad: parsed(&row, 4, PaysAbroad::parse)?,
        reissue_fee_with_plastic: money(&row, 5)?,
        reissue_fee_mobile_only: money(&row, 6)?,
        validity_months: months.map_err(|_| DbError::Column {
            index: 7,
            wanted: "months",
            found,
        })?,
    }))
}

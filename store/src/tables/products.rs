//! Card products.

use domain::product::{Issuance, MobileOnly, PaysAbroad, Product, ProductState};
use domain::{AspId, ServiceId};

use super::{money, parsed};
use crate::{DbError, Row, Tx};

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

/// The product whose columns begin at `at` of a row: service_id, state, issuance, mobile_only,
/// pays_abroad, reissue_fee, reissue_fee_mobile_only, validity_months, name.
pub(super) fn read(row: &mut Row, at: usize) -> Result<Product, DbError> {
    let months = u16::try_from(row.int(at + 7)?);
    let misfit =
        |_| DbError::Column { index: at + 7, wanted: "months", found: "a number beyond the CHECK" };
    Ok(Product {
        name: row.take_text(at + 8)?,
        service_id: ServiceId::new(row.text(at)?),
        state: parsed(row, at + 1, ProductState::parse)?,
        issuance: parsed(row, at + 2, Issuance::parse)?,
        mobile_only: parsed(row, at + 3, MobileOnly::parse)?,
        pays_abroad: parsed(row, at + 4, PaysAbroad::parse)?,
        reissue_fee_with_plastic: money(row, at + 5)?,
        reissue_fee_mobile_only: money(row, at + 6)?,
        validity_months: months.map_err(misfit)?,
    })
}

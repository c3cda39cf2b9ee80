//! Cards: one number each.

use domain::{AspId, CardAccountId, CardId, Expiry, ServiceId, Timestamp};

use crate::{DbError, Tx};

/// Whether a card is a mobile card or plastic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the member's phone.
    Mobile,
    /// Plastic.
    Physical,
}

/// Where a card's CVC comes from.
#[derive(Debug, Clone, Copy)]
pub enum CvcSource<'a> {
    /// Derived with the card verification key of this id; never stored.
    Key(i64),
    /// Given with a seeded card, sealed.
    Given(&'a [u8]),
}

/// A card to be written.
pub struct NewCard<'a> {
    /// Its id.
    pub id: CardId,
    /// Its account; `None` for plastic that is not registered yet.
    pub account: Option<CardAccountId>,
    /// The product.
    pub service_id: &'a ServiceId,
    /// Mobile or physical.
    pub form: Form,
    /// The number, sealed.
    pub pan_sealed: &'a [u8],
    /// The number's keyed hash.
    pub pan_index: &'a [u8],
    /// The key of that hash.
    pub lookup_key_id: i64,
    /// First six digits.
    pub first6: &'a str,
    /// Last four digits.
    pub last4: &'a str,
    /// Payment account reference.
    pub par: &'a str,
    /// When it expires.
    pub expiry: Expiry,
    /// Where its CVC comes from.
    pub cvc: CvcSource<'a>,
    /// The application that it is made for.
    pub apply_no: Option<&'a str>,
    /// When it is issued.
    pub issued_at: Timestamp,
}

impl Form {
    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Mobile => "MOBILE",
            Form::Physical => "PHYSICAL",
        }
    }
}

/// Writes a card.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, card: &NewCard<'_>) -> Result<(), DbError> {
    let (cvc_key_id, given_cvc) = match card.cvc {
        CvcSource::Key(id) => (Some(id), None),
        CvcSource::Given(sealed) => (None, Some(sealed)),
    };
    tx.put(
        "INSERT INTO card (asp_id, card_id, account_id, service_id, form, pan_sealed, pan_index,
             lookup_key_id, pan_first6, pan_last4, par, expiry_yymm, cvc_key_id,
             given_cvc_sealed, apply_no, issued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        &[
            asp.as_str().into(),
            card.id.0.into(),
            card.account.map(|id| id.0).into(),
            card.service_id.as_str().into(),
            card.form.name().into(),
            card.pan_sealed.into(),
            card.pan_index.into(),
            card.lookup_key_id.into(),
            card.first6.into(),
            card.last4.into(),
            card.par.into(),
            card.expiry.yymm().as_str().into(),
            cvc_key_id.into(),
            given_cvc.into(),
            card.apply_no.into(),
            card.issued_at.0.into(),
        ],
    )?;
    Ok(())
}

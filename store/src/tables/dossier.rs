//! What a decision about a card account reads beside the account itself, in one statement.

use domain::product::Product;
use domain::{AspId, CardAccountId};

use super::applications::{self, Open};
use super::members::Member;
use super::products;
use crate::{DbError, Tx};

/// The circumstances of a card account that the transaction has claimed.
#[derive(Debug)]
pub struct Dossier {
    /// Its member, where the membership stands.
    pub member: Option<Member>,
    /// The open application that holds it.
    pub open: Option<Open>,
    /// The product into which it is reissued: the one that its product's policy names, else the
    /// same. `None` where this partner has no such product, or it is a debit product.
    pub next_product: Option<Product>,
}

impl Dossier {
    /// Where the member has no such card.
    #[must_use]
    pub const fn of_member(member: Option<Member>) -> Self {
        Self { member, open: None, next_product: None }
    }
}

/// Reads it.
pub fn read(tx: &mut Tx<'_>, asp: &AspId, account: CardAccountId) -> Result<Dossier, DbError> {
    let mut row = tx.query_one(
        "SELECT c.user_id, m.id_verified_at IS NOT NULL, m.name_sealed, m.phone_sealed,
             a.apply_no, a.state, a.fee > 0, a.replay_key, a.kind,
             n.service_id, n.state, n.issuance, n.mobile_only, n.pays_abroad, n.reissue_fee,
             n.reissue_fee_mobile_only, n.validity_months, n.name, n.issue_fee,
             n.issue_fee_mobile_only, n.renewal_fee, n.first_reissue, n.defective_card,
             n.returned_fee, n.balance_limit_unnamed, n.balance_limit_named
         FROM card_account c
         LEFT JOIN member m ON m.asp_id = c.asp_id AND m.user_id = c.user_id
             AND m.state = 'ACTIVE'
         LEFT JOIN application a ON a.asp_id = c.asp_id AND a.old_account_id = c.account_id
             AND a.holds_old_card
         LEFT JOIN product p ON p.asp_id = c.asp_id AND p.service_id = c.service_id
         LEFT JOIN product n ON n.asp_id = p.asp_id
             AND n.service_id = COALESCE(p.next_service_id, p.service_id)
             AND n.debit_bank IS NULL AND p.debit_bank IS NULL
         WHERE c.asp_id = $1 AND c.account_id = $2",
        &[asp.as_str().into(), account.0.into()],
    )?;
    let member = match row.take_opt_blob(2)? {
        None => None,
        Some(name_sealed) => Some(Member {
            user_id: row.int(0)?,
            is_verified: row.boolean(1)?,
            name_sealed,
            phone_sealed: row.take_blob(3)?,
        }),
    };
    let has_open = row.opt_text(4)?.is_some();
    let open = has_open.then(|| applications::read_open(&mut row, 4)).transpose()?;
    let has_product = row.opt_text(9)?.is_some();
    let next_product = has_product.then(|| products::read(&mut row, 9)).transpose()?;
    Ok(Dossier { member, open, next_product })
}

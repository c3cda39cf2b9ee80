//! What a scenario gives beside member, card and bank account.

use crypto::pan::Pan;
use domain::product::{
    BalanceLimits, Fees, Issuance, MobileOnly, PaysAbroad, Product, ProductState, ReturnedFee,
};
use domain::{AspId, Money, Timestamp, UserId};
use store::Tx;
use store::tables::products;

use super::given::{
    self, BALANCE_LIMIT_WON, BANK_CODE, NAMED_BALANCE_LIMIT_WON, NoRefusal, VALIDITY_MONTHS,
};
use super::world::{Also, GIVEN_EXPIRY_YYMM, World};
use crate::cards;
use crate::context::{Core, place};
use crate::op::{Done, OrStop};

/// Fee of a reissue of a scenario's own product, won.
const REISSUE_FEE_WON: i64 = 3_000;

/// Writes it; what was there before is put back or taken away.
pub(super) fn put(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let user = UserId(world.user_id()).stored().or_stop()?;
    for also in &world.also {
        match also {
            Also::Deduction => {
                tx.execute(
                    "UPDATE card_account SET deduction_day = $3, deduction_at = $4
                     WHERE asp_id = $1 AND account_id IN (
                         SELECT c.account_id FROM card_account c
                         WHERE c.asp_id = $1 AND c.user_id = $2)",
                    &[
                        asp.as_str().into(),
                        user.into(),
                        now.business_day().to_string().as_str().into(),
                        now.0.into(),
                    ],
                )?;
            }
            Also::Plastic => put_plastic(core, tx, asp, world, now)?,
            Also::VirtualAccount => put_virtual_account(core, tx, asp, world, now)?,
            Also::RealName => {
                tx.execute(
                    "UPDATE member SET real_name_at = $3 WHERE asp_id = $1 AND user_id = $2",
                    &[asp.as_str().into(), user.into(), now.0.into()],
                )?;
            }
            Also::OwnProduct => put_product(tx, asp, world)?,
            Also::FreePrefix(prefix) => {
                if let Some(service) = free(tx, asp, prefix)? {
                    forget(tx, asp, &service)?;
                    tx.execute(
                        "DELETE FROM product WHERE asp_id = $1 AND service_id = $2",
                        &[asp.as_str().into(), service.as_str().into()],
                    )?;
                }
            }
            Also::FreeRange(prefix) => {
                if let Some(service) = free(tx, asp, prefix)? {
                    forget(tx, asp, &format!("{service}/{prefix}"))?;
                }
            }
        }
    }
    Ok(())
}

/// The registered plastic of the member's card.
fn put_plastic(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let user = UserId(world.user_id()).stored().or_stop()?;
    let par = cards::par(now);
    let plastic = given::Plastic {
        service_id: &world.product.service_id(),
        pan: Pan::parse(&world.plastic_no()).ok().or_stop()?,
        expiry_yymm: GIVEN_EXPIRY_YYMM,
        cvc: &world.given_cvc(),
        par: &par,
    };
    given::put_plastic(core, tx, asp, plastic, now)?;
    tx.put(
        "UPDATE card SET registered_at = $4, account_id = (
             SELECT MAX(c.account_id) FROM card_account c WHERE c.asp_id = $1 AND c.user_id = $3)
         WHERE asp_id = $1 AND par = $2",
        &[asp.as_str().into(), par.as_str().into(), user.into(), now.0.into()],
    )?;
    Ok(())
}

fn put_virtual_account(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let user = UserId(world.user_id()).stored().or_stop()?;
    let rows = tx.query(
        "SELECT account_id FROM card_account WHERE asp_id = $1 AND user_id = $2",
        &[asp.as_str().into(), user.into()],
    )?;
    for row in rows {
        let (account, number) = (row.int(0)?, format!("70{:012}", world.number));
        let row = account.to_string();
        let at = place(asp, "virtual_account.account_no", &row);
        let sealed = core.seal(at, number.as_bytes()).or_stop()?;
        tx.execute(
            "INSERT INTO virtual_account (asp_id, account_id, bank_code, account_no_sealed,
                 connect_type, connected_at)
             VALUES ($1, $2, $3, $4, 'FIXED', $5)",
            &[
                asp.as_str().into(),
                account.into(),
                BANK_CODE.into(),
                sealed.as_slice().into(),
                now.0.into(),
            ],
        )?;
    }
    Ok(())
}

/// The scenario's own product: whatever was changed in it is put back.
fn put_product(tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Done<(), NoRefusal> {
    let product = Product {
        service_id: world.product.service_id(),
        name: "A scenario's own".to_owned(),
        state: ProductState::Active,
        issuance: Issuance::Ordinary,
        mobile_only: MobileOnly::Refused,
        pays_abroad: PaysAbroad::No,
        fees: Fees { reissue_with_plastic: Money::won(REISSUE_FEE_WON).or_stop()?, ..Fees::NONE },
        returned_fee: ReturnedFee::Refunded,
        validity_months: VALIDITY_MONTHS,
        limits: BalanceLimits {
            unnamed: Money::won(BALANCE_LIMIT_WON).or_stop()?,
            named: Money::won(NAMED_BALANCE_LIMIT_WON).or_stop()?,
        },
    };
    products::put(tx, asp, &product, None)?;
    tx.execute(
        "UPDATE product SET version = 0, changed_at = 0, card_art = '', service_group = '',
             uses = '', detail_title = NULL, detail_content = NULL
         WHERE asp_id = $1 AND service_id = $2",
        &[asp.as_str().into(), product.service_id.as_str().into()],
    )?;
    Ok(())
}

/// Takes a range away, unless numbers of it were issued: those would be issued again. The product
/// that it was of.
fn free(tx: &mut Tx<'_>, asp: &AspId, prefix: &str) -> Done<Option<String>, NoRefusal> {
    let freed = tx.query_opt(
        "DELETE FROM number_range WHERE asp_id = $1 AND prefix = $2 AND next_serial = 0
         RETURNING service_id",
        &[asp.as_str().into(), prefix.into()],
    )?;
    Ok(freed.map(|mut row| row.take_text(0)).transpose()?)
}

/// Lets the call that has made something be made again.
fn forget(tx: &mut Tx<'_>, asp: &AspId, subject: &str) -> Done<(), NoRefusal> {
    tx.execute(
        "UPDATE operation_log SET replay_key = NULL, cipher_digest = NULL, strict_key = NULL
         WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)",
        &[asp.as_str().into(), subject.into()],
    )?;
    Ok(())
}

//! What has to be moved on when a database was put back from an older copy: whatever was given out
//! since that copy was made is not known to it, and must not be given out again.

use domain::AspId;
use serde_json::json;
use store::tables::{PLATFORM, counters, number_ranges, partners};
use store::{DbError, Tx};

use crate::keys::change::Change;
use crate::operator::Mode;
use crate::ops::admin::product_create;
use crate::supply::{BANK_TRAN_IDS, IDS};

/// What the operation log calls the command.
const OPERATION: &str = "platen.restore-fence";
/// Products that may have been made since, of each partner.
const PRODUCTS_MARGIN: i64 = 100;

/// How far everything is moved on: more than can have been given out since the copy was made.
#[derive(Debug, Clone, Copy)]
pub struct Margins {
    /// Ids of a partner's rows, and of orders at the bank.
    pub ids: i64,
    /// Card numbers of a range.
    pub numbers: i64,
}

/// What was moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Whose it is.
    pub partner: AspId,
    /// What it counts.
    pub what: String,
    /// What comes next.
    pub next: i64,
    /// How many are left after that; `None` where there is no end.
    pub left: Option<i64>,
}

/// A card maker, and the numbers of files that are expected next: what was exchanged since is to
/// be asked of the maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The partner.
    pub partner: AspId,
    /// The maker.
    pub maker: String,
    /// The number of the next file to it.
    pub next_to: i64,
    /// The number of the next file from it.
    pub next_from: i64,
}

/// What a fence did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fence {
    /// What is moved on.
    pub moved: Vec<Moved>,
    /// What has to be asked.
    pub exchanges: Vec<Exchange>,
}

/// Moves every id and every range of card numbers on, in one transaction, and writes that down.
/// Nothing that counts for the database alone is moved: its chain of seals goes on where it ends.
pub fn put(
    tx: &mut Tx<'_>,
    margins: Margins,
    change: &Change,
    mode: Mode,
) -> Result<Fence, DbError> {
    let platform = AspId::new(PLATFORM);
    let mut fence = Fence::default();
    let mut all = partners::all(tx)?;
    all.push(platform.clone());
    for partner in &all {
        count_on(tx, &mut fence, (partner, IDS), margins.ids, mode)?;
        if *partner == platform {
            count_on(tx, &mut fence, (partner, BANK_TRAN_IDS), margins.ids, mode)?;
            continue;
        }
        count_on(tx, &mut fence, (partner, product_create::PRODUCTS), PRODUCTS_MARGIN, mode)?;
        for range in number_ranges::beyond(tx, partner, margins.numbers)? {
            if mode == Mode::Real {
                number_ranges::go_on(tx, partner, &range)?;
            }
            fence.moved.push(Moved {
                partner: partner.clone(),
                what: format!("card numbers {} of product {}", range.prefix, range.service_id),
                next: range.next,
                left: Some(range.end - range.next),
            });
        }
        exchanges(tx, partner, &mut fence)?;
    }
    if mode == Mode::Real {
        note(tx, &platform, &fence, (margins, change))?;
    }
    Ok(fence)
}

fn count_on(
    tx: &mut Tx<'_>,
    fence: &mut Fence,
    (partner, counter): (&AspId, &'static str),
    margin: i64,
    mode: Mode,
) -> Result<(), DbError> {
    let next = match mode {
        Mode::Real => counters::take(tx, partner, counter, margin)?,
        Mode::Dry => counters::peek(tx, partner, counter)?,
    };
    let what = format!("counter {counter}");
    let next = next.saturating_add(margin);
    fence.moved.push(Moved { partner: partner.clone(), what, next, left: None });
    Ok(())
}

fn exchanges(tx: &mut Tx<'_>, partner: &AspId, fence: &mut Fence) -> Result<(), DbError> {
    for maker in crate::delivery::makers::all(tx, partner)? {
        fence.exchanges.push(Exchange {
            partner: partner.clone(),
            maker: maker.id,
            next_to: maker.next_sequence,
            next_from: maker.next_return_sequence,
        });
    }
    Ok(())
}

fn note(
    tx: &mut Tx<'_>,
    platform: &AspId,
    fence: &Fence,
    (margins, change): (Margins, &Change),
) -> Result<(), DbError> {
    let more = json!({
        "ids": margins.ids,
        "numbers": margins.numbers,
        "moved": fence.moved.len(),
    });
    change.record(tx, platform, (OPERATION, "platform.fenced", "restore"), more)
}

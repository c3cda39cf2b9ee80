//! What customer service does for a member: it looks cards up, and suspends one on the member's
//! behalf. Each deed is a row of the operation log that says who did it and why.
//!
//! Nothing here opens a sealed card number: a masked one is made of the first six and last four
//! digits, which stand in clear.

pub mod lookup;
mod story;
pub mod suspend;

use domain::AspId;
use serde_json::Value;
use store::tables::log::Moment;
use store::tables::partners;
use store::{DbError, Tx};

use crate::keys::change::{Change, Deed};

pub use story::{Account, Application, Card, Chain, Line, Posting};

/// Who works for a member of which partner, why, and when.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The partner.
    pub asp: AspId,
    /// Who and why.
    pub change: Change,
    /// When, by both clocks.
    pub at: Moment,
}

impl Desk {
    /// Writes the deed's row of the operation log.
    fn write_down(
        &self,
        tx: &mut Tx<'_>,
        (operation, event): (&'static str, &'static str),
        subject: &str,
        more: Value,
    ) -> Result<(), DbError> {
        let deed = Deed { operation, event, subject, at: self.at };
        self.change.write_down(tx, &self.asp, deed, more)
    }
}

/// Whether there is such a partner.
fn has_partner(tx: &mut Tx<'_>, asp: &AspId) -> Result<bool, DbError> {
    Ok(partners::find(tx, asp)?.is_some())
}

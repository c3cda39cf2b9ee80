//! How partners, their projects and their products come to be: what `platen admin` does. Each
//! change is one transaction with its row of the operation log.

pub mod bank;
pub mod certificate;
pub mod key;
pub mod member;
pub mod partner;
pub mod product;
pub mod project;
pub mod sheet;

use domain::{AspId, ServiceId};
use serde_json::Value;
use store::tables::partners;
use store::{Store, Tx, TxError};

use crate::keys::KeysError;
use crate::keys::change::Change;
use crate::operator::{self, Mode};

/// Why something is not done, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is such a partner.
    #[error("there is a partner {0} already: look at it with `platen admin partner show {0}`")]
    PartnerThere(AspId),
    /// There is no such partner.
    #[error("there is no partner {0}: `platen admin partner list` tells which there are")]
    NoPartner(AspId),
    /// It was discarded.
    #[error("partner {0} was discarded, which is for good: make another one")]
    PartnerDiscarded(AspId),
    /// The partner has no such range.
    #[error(
        "partner {0} has no range of card numbers of the digits {1}: `platen admin bin list` tells \
         which it has"
    )]
    NoBin(AspId, String),
    /// The partner has such a project.
    #[error(
        "partner {0} has a project {1} already: take another number, as a number is never used \
         again"
    )]
    ProjectThere(AspId, i64),
    /// The partner has no such project.
    #[error("partner {0} has no project {1}: `platen admin project list` tells which it has")]
    NoProject(AspId, i64),
    /// It was discarded.
    #[error(
        "project {1} of partner {0} was discarded, which is for good: make another one with \
         `platen admin project create`"
    )]
    Discarded(AspId, i64),
    /// The project has no such access key.
    #[error(
        "project {1} of partner {0} has no access key {2}: `platen admin key list` tells which it \
         has"
    )]
    NoKey(AspId, i64, i64),
    /// A project has two live access keys at the most.
    #[error("project {1} of partner {0} has two live access keys: discard one of them first")]
    TwoKeys(AspId, i64),
    /// Nobody could call.
    #[error(
        "access key {2} of project {1} of partner {0} is the only one that serves: make another \
         one with `platen admin key create` first, or give --last to leave the project without one"
    )]
    LastKey(AspId, i64, i64),
    /// It was discarded.
    #[error(
        "access key {2} of project {1} of partner {0} was discarded, which is for good: make \
         another one with `platen admin key create`"
    )]
    KeyDiscarded(AspId, i64, i64),
    /// The partner has no such crypto key.
    #[error(
        "partner {0} has no crypto key {1}: `platen admin certificate list` tells which it has"
    )]
    NoCertificate(AspId, String),
    /// There is such a bank.
    #[error("there is a bank {0} already: look at it with `platen admin bank show {0}`")]
    BankThere(String),
    /// There is no such bank.
    #[error(
        "bank {0} is not listed, and is taken as active: list it with `platen admin bank create` \
         first"
    )]
    NoBank(String),
    /// It was discarded.
    #[error("bank {0} was discarded, which is for good")]
    BankDiscarded(String),
    /// The partner has no such product.
    #[error("partner {0} has no product {1}: `platen admin product list` tells which it has")]
    NoProduct(AspId, ServiceId),
    /// It was deleted.
    #[error("product {0} was discarded, which is for good: make another one")]
    Deleted(ServiceId),
    /// What is fixed when a product is made would be changed.
    #[error(
        "{1} of product {0} was fixed when it was made: leave it as it is, or make another product"
    )]
    Fixed(ServiceId, &'static str),
    /// There is no such next product.
    #[error(
        "product {0} names {1} as its next one, which is neither in the sheet nor a prepaid \
         product of the partner that is not discarded: name another one"
    )]
    NoNext(ServiceId, ServiceId),
    /// Numbers would be given twice.
    #[error(
        "card numbers that begin with {0}, or with some of these digits, belong to another range \
         of this partner or another one: take other digits"
    )]
    Overlap(String),
    /// A prefix that no numbers can have.
    #[error("card numbers cannot begin with `{0}`: give 6 to 9 digits")]
    Prefix(String),
    /// A sheet of products.
    #[error("{0}")]
    Sheet(String),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database failed.
    #[error("the database failed: {0}; nothing was changed")]
    Store(String),
}

/// The end of such a transaction.
pub type Made<T> = Result<T, TxError<Refused>>;

/// Refuses.
fn refused<T>(error: Refused) -> Made<T> {
    Err(TxError::Refused(error))
}

/// Runs `work` in one transaction, which is kept where it is done and not only tried.
pub fn perform<T, F>(store: &Store, mode: Mode, work: F) -> Result<T, Refused>
where
    F: FnMut(&mut Tx<'_>) -> Made<T> + Send + 'static,
    T: Send + 'static,
{
    operator::perform(store, mode, work, Refused::Store)
}

/// Reads one snapshot.
pub fn look<T, F>(store: &Store, work: F) -> Result<T, Refused>
where
    F: FnMut(&mut Tx<'_>) -> Made<T> + Send + 'static,
    T: Send + 'static,
{
    store.read_blocking(work).map_err(|error| error.refusal_or(Refused::Store))
}

/// Writes the row of the operation log: who, why, and what became of it.
fn note(
    tx: &mut Tx<'_>,
    asp: &AspId,
    change: &Change,
    (event, subject): (&str, &str),
    more: Value,
) -> Made<()> {
    Ok(change.record(tx, asp, ("platen.admin", event, subject), more)?)
}

/// Refuses where there is no such partner.
fn must_be(tx: &mut Tx<'_>, asp: &AspId) -> Made<()> {
    match partners::find(tx, asp)? {
        Some(_) => Ok(()),
        None => refused(Refused::NoPartner(asp.clone())),
    }
}

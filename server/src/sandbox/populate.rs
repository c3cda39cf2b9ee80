//! Populating: members by the thousand, each with a bank account and one suspended card that is
//! ready to be reissued.

use std::ops::Range;

use bank::sim::Account;
use crypto::number::NumberError;
use domain::card::CardState;
use domain::{AspId, CardAccountId, CardId, Expiry, Timestamp, UserId};
use store::tables::bank_accounts::BankAccountState;
use store::tables::counters;
use store::tables::log::Moment;
use store::tables::number_ranges::{self, BLOCK};
use store::{Store, Tx, WriteError};

use super::ASP_ID;
use super::given::{
    self, BANK_BALANCE_WON, BANK_CODE, BIRTH_DATE, BankAccount, CardIds, Opening, VALIDITY_MONTHS,
};
use super::world::products::ProductKey;
use crate::context::Core;
use crate::op::{Done, OrStop, Stop, fault, refuse};
use crate::supply::IDS;

/// Counter of populated members.
const USER_IDS: &str = "populated-user-id";
/// The first populated member.
const USER_ID_FIRST: i64 = 60_000_000_000;
/// Members in one transaction: a block of serials.
pub const BATCH: i64 = BLOCK;
/// What a populated card holds, won.
const BALANCE_WON: i64 = 10_000;
/// What every populated member is called.
const NAME: &str = "박채움";
/// Ids that one member needs: account, card, log.
const IDS_EACH: i64 = 3;

/// A populated member with its card.
pub struct Populated {
    /// The member.
    pub user_id: i64,
    /// The card's number, in clear: a sandbox's test data.
    pub card_no: String,
}

/// Why a batch could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PopulateError {
    /// No numbers are left.
    #[error("the product's number ranges are used up: no card number is left to populate with")]
    UsedUp,
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(String),
}

/// Every number range of the product is used up.
#[derive(Debug, Clone, Copy)]
struct UsedUp;

impl From<WriteError<Stop<UsedUp>>> for PopulateError {
    fn from(error: WriteError<Stop<UsedUp>>) -> Self {
        match error {
            WriteError::Refused(Stop::Refused(UsedUp, _)) => PopulateError::UsedUp,
            WriteError::Refused(stop) => PopulateError::Store(format!("{stop:?}")),
            WriteError::Unavailable(cause) => PopulateError::Store(cause.to_string()),
            WriteError::Fault(fault) => PopulateError::Store(fault.message().to_owned()),
        }
    }
}

/// Takes the ids of up to [`BATCH`] members, who are not written yet: the bank can be given their
/// accounts first. Ids of members that are never written stay unused.
pub fn take_users(store: &Store, members: i64) -> Result<Range<i64>, PopulateError> {
    let members = members.min(BATCH);
    let first = store.write_blocking(move |tx: &mut Tx<'_>| -> Done<i64, UsedUp> {
        let asp = AspId::new(ASP_ID);
        counters::begin_at(tx, &asp, USER_IDS, USER_ID_FIRST)?;
        Ok(counters::take(tx, &asp, USER_IDS, members)?)
    })?;
    Ok(first..first + members)
}

/// Writes up to [`BATCH`] members in one transaction.
pub fn batch(
    store: &Store,
    core: &Core,
    product: ProductKey,
    members: i64,
    now: Timestamp,
) -> Result<Vec<Populated>, PopulateError> {
    let users = take_users(store, members)?;
    write(store, core, product, users, Moment::plain(now))
}

/// Writes the members whose ids were taken, in one transaction.
pub fn write(
    store: &Store,
    core: &Core,
    product: ProductKey,
    users: Range<i64>,
    now: Moment,
) -> Result<Vec<Populated>, PopulateError> {
    let core = core.clone();
    let work = move |tx: &mut Tx<'_>| write_members(&core, tx, product, users.clone(), now);
    Ok(store.write_blocking(work)?)
}

fn write_members(
    core: &Core,
    tx: &mut Tx<'_>,
    product: ProductKey,
    users: Range<i64>,
    now: Moment,
) -> Done<Vec<Populated>, UsedUp> {
    let asp = AspId::new(ASP_ID);
    let service_id = product.service_id();
    let Some(block) = number_ranges::take(tx, &asp, &service_id)? else {
        return refuse(UsedUp);
    };
    let ring = core.keys.ring();
    let permuter = ring.permuter(block.number_key_id).or_stop()?;
    let mut id = counters::take(tx, &asp, IDS, (users.end - users.start) * IDS_EACH)?;
    let mut populated = Vec::new();
    for (user_id, serial) in users.zip(block.first..block.end) {
        let pan = permuter
            .pan(&block.prefix, serial.unsigned_abs())
            .map_err(|error: NumberError| fault(format!("card number: {error}")))?;
        populated.push(Populated { user_id, card_no: pan.reveal().to_owned() });
        put_member(core, tx, &asp, user_id, now.business)?;
        let card = given::Card {
            ids: CardIds { account: CardAccountId(id), card: CardId(id + 1), log: id + 2 },
            user: user(user_id),
            service_id: &service_id,
            pan,
            state: CardState::Suspended,
            balance_won: BALANCE_WON,
            expiry: Expiry::after(now.business, VALIDITY_MONTHS),
            par: None,
            opening: Opening { operation: "sandbox.populate", event: "sandbox.populated" },
        };
        given::put_card(core, tx, &asp, card, now)?;
        id += IDS_EACH;
    }
    Ok(populated)
}

fn put_member(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    user_id: i64,
    now: Timestamp,
) -> Done<(), UsedUp> {
    let member = given::Member {
        user: user(user_id),
        name: NAME,
        phone: &format!("010{:08}", user_id % 100_000_000),
        birth_date: BIRTH_DATE,
        is_cancelled: false,
        is_verified: true,
    };
    given::put_member(core, tx, asp, &member, now)?;
    let account_no = account_no(user_id);
    let account = bank_account(user_id, &account_no);
    given::put_bank_account(core, tx, asp, &account, BankAccountState::Registered, now)
}

/// The member's account at the bank.
pub fn at_bank(user_id: i64) -> Account {
    bank_account(user_id, &account_no(user_id)).at_bank(BANK_BALANCE_WON)
}

fn bank_account(user_id: i64, account_no: &str) -> BankAccount<'_> {
    let user = user(user_id);
    BankAccount {
        user,
        holder: NAME,
        fintech_use_num: given::fintech_use_num(user),
        bank_code: BANK_CODE,
        account_no,
    }
}

fn account_no(user_id: i64) -> String {
    format!("444{user_id}")
}

fn user(user_id: i64) -> UserId {
    UserId(user_id.unsigned_abs())
}

//! Populating: members by the thousand, each with a bank account and one suspended card that is
//! ready to be reissued.

use crypto::number::NumberError;
use domain::card::CardState;
use domain::ledger::Journal;
use domain::{AspId, CardAccountId, CardId, Expiry, Money, Timestamp};
use store::tables::bank_accounts::{self, BankAccountState, NewBankAccount};
use store::tables::card_accounts::{self, NewCardAccount, Standing};
use store::tables::cards::Form;
use store::tables::log::{self, NewEntry};
use store::tables::members::{self, NewMember};
use store::tables::number_ranges::{self, BLOCK};
use store::tables::{counters, postings};
use store::{Store, Tx, TxError, WriteError};

use super::ASP_ID;
use super::arm::BALANCE_LIMIT_WON;
use super::world::products::ProductKey;
use crate::cards;
use crate::context::{Core, place};
use crate::op::{Done, OrStop, Stop, fault};
use crate::ops::prepaid_card::reissue::Error;
use crate::supply::IDS;

/// Counter of populated members.
const USER_IDS: &str = "populated-user-id";
/// The first populated member.
const USER_ID_FIRST: i64 = 60_000_000_000;
/// Members in one transaction: a block of serials.
pub const BATCH: i64 = BLOCK;
/// What a populated card holds, won.
const BALANCE_WON: i64 = 10_000;
/// Ids that one member needs: account, card, log.
const IDS_EACH: i64 = 3;

/// A populated member with its card.
pub struct Populated {
    /// The member.
    pub user_id: i64,
    /// The card's number, in clear: a sandbox's test data.
    pub card_no: String,
}

impl Populated {
    /// The member's account in open banking.
    pub fn fintech_use_num(&self) -> String {
        fintech_use_num(self.user_id)
    }
}

fn fintech_use_num(user_id: i64) -> String {
    format!("1{user_id:023}")
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

/// Writes up to [`BATCH`] members in one transaction.
pub fn batch(
    store: &Store,
    core: &Core,
    product: ProductKey,
    members: i64,
    now: Timestamp,
) -> Result<Vec<Populated>, PopulateError> {
    let core = core.clone();
    let work = move |tx: &mut Tx<'_>| write_batch(&core, tx, product, members.min(BATCH), now);
    store.write_blocking(work).map_err(|error| match error {
        WriteError::Refused(Stop::Reused(_)) => PopulateError::UsedUp,
        WriteError::Refused(stop) => PopulateError::Store(format!("{stop:?}")),
        WriteError::Unavailable(cause) => PopulateError::Store(cause.to_string()),
        WriteError::Fault(fault) => PopulateError::Store(fault.message().to_owned()),
    })
}

fn write_batch(
    core: &Core,
    tx: &mut Tx<'_>,
    product: ProductKey,
    members: i64,
    now: Timestamp,
) -> Done<Vec<Populated>, Error> {
    let asp = AspId::new(ASP_ID);
    let service_id = product.service_id();
    let used_up = || TxError::Refused(Stop::Reused(&contract::pipeline::NUMBERS_USED_UP));
    let block = number_ranges::take(tx, &asp, &service_id)?.ok_or_else(used_up)?;
    counters::begin_at(tx, &asp, USER_IDS, USER_ID_FIRST)?;
    let first_user = counters::take(tx, &asp, USER_IDS, members)?;
    let first_id = counters::take(tx, &asp, IDS, members * IDS_EACH)?;
    let permuter = core.keys.permuter(block.number_key_id).or_stop()?;
    let mut populated = Vec::new();
    for index in 0..members {
        let serial = (block.first + index).unsigned_abs();
        let pan = permuter
            .pan(&block.prefix, serial)
            .map_err(|error: NumberError| fault(format!("card number: {error}")))?;
        let user_id = first_user + index;
        populated.push(Populated { user_id, card_no: pan.reveal().to_owned() });
        put_member(core, tx, &asp, user_id, now)?;
        let id = first_id + index * IDS_EACH;
        let account = NewCardAccount {
            id: CardAccountId(id),
            user_id,
            service_id: &service_id,
            state: CardState::Suspended,
            balance: Money::won(BALANCE_WON).or_stop()?,
            standing: Standing {
                balance_limit: Money::won(BALANCE_LIMIT_WON).or_stop()?,
                is_named: false,
                is_main: true,
            },
            predecessor: None,
            opened_at: now,
        };
        card_accounts::insert(tx, &asp, &account)?;
        let order = cards::Order {
            id: CardId(id + 1),
            account: Some(account.id),
            service_id: &service_id,
            form: Form::Mobile,
            pan,
            expiry: Expiry::after(now, 60),
            apply_no: None,
            now,
        };
        cards::make::<Error>(core, tx, &asp, order)?;
        put_opening(tx, &asp, id + 2, &account, now)?;
    }
    Ok(populated)
}

fn put_member(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    user_id: i64,
    now: Timestamp,
) -> Done<(), Error> {
    let row = user_id.to_string();
    let personal = |column: &'static str, text: &str| -> Done<Vec<u8>, Error> {
        core.seal(place(asp, column, &row), text.as_bytes()).or_stop()
    };
    let member = NewMember {
        user_id,
        is_cancelled: false,
        name_sealed: &personal("member.name", "박채움")?,
        phone_sealed: &personal("member.phone", &format!("010{:08}", user_id % 100_000_000))?,
        birth_date_sealed: &personal("member.birth_date", "19900101")?,
        id_verified_at: Some(now),
        registered_at: now,
    };
    members::insert(tx, asp, &member)?;
    let account = NewBankAccount {
        user_id,
        bank_account_id: 1,
        state: BankAccountState::Registered,
        is_primary: true,
        bank_code: "003",
        fintech_use_num: &fintech_use_num(user_id),
        account_no_sealed: &personal("bank_account.account_no", &format!("444{user_id}"))?,
        registered_at: now,
    };
    Ok(bank_accounts::insert(tx, asp, &account)?)
}

fn put_opening(
    tx: &mut Tx<'_>,
    asp: &AspId,
    log_id: i64,
    account: &NewCardAccount<'_>,
    now: Timestamp,
) -> Done<(), Error> {
    postings::insert(tx, asp, log_id, &Journal::opening(account.id, account.balance))?;
    let entry = NewEntry {
        id: log_id,
        operation: "sandbox.populate",
        event: "sandbox.populated",
        code: "000_000",
        correlation_id: "-",
        subject: &format!("member:{}", account.user_id),
        payload: "{}",
        happened_at: now,
        keys: None,
    };
    log::insert(tx, asp, &entry)?;
    Ok(())
}

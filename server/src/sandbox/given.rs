//! What a sandbox gives its members: seeding, arming and populating write it the same way.

use bank::sim::{Account, Behaviour};
use crypto::cvc::Cvc;
use crypto::pan::Pan;
use crypto::par::Par;
use domain::card::CardState;
use domain::ledger::Journal;
use domain::{AspId, CardAccountId, CardId, Expiry, Money, ServiceId, Timestamp, UserId};
use store::Tx;
use store::tables::bank_accounts::{self, BankAccountState, NewBankAccount};
use store::tables::card_accounts::{self, NewCardAccount, Standing};
use store::tables::cards::{CvcSource, Form};
use store::tables::log::{self, Moment, NewEntry};
use store::tables::members::{self, NewMember};
use store::tables::postings;

use crate::cards;
use crate::context::{Core, place};
pub use crate::op::NoRefusal;
use crate::op::{Done, OrStop, fault};

/// What a bank account with money holds, won.
pub const BANK_BALANCE_WON: i64 = 1_000_000;
/// What a bank account short of money holds, won.
pub const SHORT_BALANCE_WON: i64 = 100;
/// The most an unnamed card holds, won.
pub const BALANCE_LIMIT_WON: i64 = 500_000;
/// The most a named card holds, won.
pub const NAMED_BALANCE_LIMIT_WON: i64 = 2_000_000;
/// Months for which the sandbox's cards are valid.
pub const VALIDITY_MONTHS: u16 = 60;
/// Bank of the members that were made up.
pub const BANK_CODE: &str = "003";
/// Date of birth of the members that were made up.
pub const BIRTH_DATE: &str = "19900101";

/// The pseudonym of a member's bank account in open banking.
pub fn fintech_use_num(user: UserId) -> String {
    pseudonym('1', user)
}

/// The same, where the account was registered through a gateway at which nobody listens.
pub fn unreachable_fintech_use_num(user: UserId) -> String {
    pseudonym('9', user)
}

/// The first character leads to the gateway.
fn pseudonym(first: char, user: UserId) -> String {
    format!("{first}{:023}", user.0)
}

/// What the operation log calls a member.
pub fn subject(user: UserId) -> String {
    format!("member:{}", user.0)
}

/// A member, with its personal data in clear.
pub struct Member<'a> {
    /// Its id.
    pub user: UserId,
    /// Name.
    pub name: &'a str,
    /// Telephone number.
    pub phone: &'a str,
    /// Date of birth, yyyyMMdd.
    pub birth_date: &'a str,
    /// Whether the membership was cancelled.
    pub is_cancelled: bool,
    /// Whether the ID card was verified.
    pub is_verified: bool,
}

/// Writes a member.
pub fn put_member<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    member: &Member<'_>,
    now: Timestamp,
) -> Done<(), E> {
    let personal = |column, text| seal(core, asp, member.user, column, text);
    let new = NewMember {
        user_id: member.user.stored().or_stop()?,
        is_cancelled: member.is_cancelled,
        name_sealed: &personal("member.name", member.name)?,
        phone_sealed: &personal("member.phone", member.phone)?,
        birth_date_sealed: &personal("member.birth_date", member.birth_date)?,
        id_verified_at: member.is_verified.then_some(now),
        registered_at: now,
    };
    members::insert(tx, asp, &new)?.then_some(()).or_stop()
}

fn seal<E>(
    core: &Core,
    asp: &AspId,
    user: UserId,
    column: &'static str,
    text: &str,
) -> Done<Vec<u8>, E> {
    core.seal(place(asp, column, &user.0.to_string()), text.as_bytes()).or_stop()
}

/// A member's bank account, of which the platform keeps a row and the bank the money.
pub struct BankAccount<'a> {
    /// The member.
    pub user: UserId,
    /// Its holder's name.
    pub holder: &'a str,
    /// Its pseudonym in open banking.
    pub fintech_use_num: String,
    /// The bank.
    pub bank_code: &'a str,
    /// Its number at the bank.
    pub account_no: &'a str,
}

impl BankAccount<'_> {
    /// The account at the bank, which answers.
    pub fn at_bank(&self, balance_won: i64) -> Account {
        Account {
            fintech_use_num: self.fintech_use_num.clone(),
            holder: self.holder.to_owned(),
            bank_code: self.bank_code.to_owned(),
            account_no: self.account_no.to_owned(),
            balance: balance_won,
            behaviour: Behaviour::default(),
            next: None,
        }
    }
}

/// Writes the platform's row of a member's only bank account.
pub fn put_bank_account<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    account: &BankAccount<'_>,
    state: BankAccountState,
    now: Timestamp,
) -> Done<(), E> {
    let account_no = seal(core, asp, account.user, "bank_account.account_no", account.account_no)?;
    let new = NewBankAccount {
        user_id: account.user.stored().or_stop()?,
        bank_account_id: 1,
        state,
        is_primary: true,
        bank_code: account.bank_code,
        fintech_use_num: &account.fintech_use_num,
        account_no_sealed: &account_no,
        registered_at: now,
    };
    Ok(bank_accounts::insert(tx, asp, &new)?)
}

/// Ids of the rows that a card needs.
#[derive(Debug, Clone, Copy)]
pub struct CardIds {
    /// Of its account.
    pub account: CardAccountId,
    /// Its own.
    pub card: CardId,
    /// Of the log entry and the journal that open the account.
    pub log: i64,
}

/// What the operation log says of an opening.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// What was done.
    pub operation: &'static str,
    /// What happened.
    pub event: &'static str,
}

/// A mobile card that its member has.
pub struct Card<'a> {
    /// Ids of its rows.
    pub ids: CardIds,
    /// The member.
    pub user: UserId,
    /// The product.
    pub service_id: &'a ServiceId,
    /// Its number.
    pub pan: Pan,
    /// Its state.
    pub state: CardState,
    /// What it holds, won.
    pub balance_won: i64,
    /// When it expires.
    pub expiry: Expiry,
    /// Its PAR; a new one where none is given.
    pub par: Option<Par>,
    /// What is said of it.
    pub opening: Opening,
}

/// Writes a card with its account, and the journal that says where the balance is from.
pub fn put_card<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    card: Card<'_>,
    now: Moment,
) -> Done<(), E> {
    let Card { ids, service_id, opening, .. } = card;
    let balance = Money::won(card.balance_won).or_stop()?;
    let account = NewCardAccount {
        id: ids.account,
        user_id: card.user.stored().or_stop()?,
        service_id,
        state: card.state,
        balance,
        standing: Standing {
            balance_limit: Money::won(BALANCE_LIMIT_WON).or_stop()?,
            is_named: false,
            is_main: true,
        },
        predecessor: None,
        reissues: 0,
        expiry: card.expiry,
        opened_at: now.business,
    };
    card_accounts::insert(tx, asp, &account)?;
    let order = cards::Order {
        id: ids.card,
        account: Some(ids.account),
        service_id,
        form: Form::Mobile,
        pan: card.pan,
        expiry: card.expiry,
        apply_no: None,
        now: now.business,
    };
    let par = card.par.unwrap_or_else(|| cards::par(now.business));
    let cvc = CvcSource::Key(core.keys.ring().active_cvc_key().0);
    cards::write(core, tx, asp, &order, &par, cvc)?;
    postings::insert(tx, asp, ids.log, &Journal::opening(ids.account, balance))?;
    let entry = NewEntry {
        id: ids.log,
        operation: opening.operation,
        event: opening.event,
        code: "000_000",
        correlation_id: "-",
        subject: &subject(card.user),
        payload: "{}",
        happened_at: now,
        keys: None,
    };
    if log::insert(tx, asp, &entry)? {
        return Ok(());
    }
    Err(fault("the log has the row's id already"))
}

/// Plastic that belongs to no account yet.
pub struct Plastic<'a> {
    /// The product.
    pub service_id: &'a ServiceId,
    /// Its number.
    pub pan: Pan,
    /// Its expiry, YYMM.
    pub expiry_yymm: &'a str,
    /// Its verification code.
    pub cvc: &'a str,
    /// Its PAR.
    pub par: &'a Par,
}

/// Writes plastic that belongs to no account yet.
pub fn put_plastic<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    plastic: Plastic<'_>,
    now: Timestamp,
) -> Done<(), E> {
    let id = CardId(core.supply.id(asp).or_stop()?);
    let cvc = Cvc::parse(plastic.cvc).map_err(|error| fault(error.to_string()))?;
    let row = id.to_string();
    let cvc = core.seal(place(asp, "card.given_cvc", &row), cvc.reveal().as_bytes()).or_stop()?;
    let order = cards::Order {
        id,
        account: None,
        service_id: plastic.service_id,
        form: Form::Physical,
        pan: plastic.pan,
        expiry: Expiry::from_yymm(plastic.expiry_yymm).or_stop()?,
        apply_no: None,
        now,
    };
    cards::write(core, tx, asp, &order, plastic.par, CvcSource::Given(&cvc))
}

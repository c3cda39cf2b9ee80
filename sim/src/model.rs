//! The model: what the platform must answer and do, written from its documents and not from its
//! code. It knows members, cards, applications and what is remembered; it decides by itself.

pub mod application;
mod books;
pub mod card;
mod decide;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use application::{AppState, Application, Delivery, Fee, Kind, Way};
pub use card::{Account, Card, CardState, Month, Plastic};

/// Success.
pub const SUCCESS: &str = "000_000";
/// Account of the ledger: what the bank has taken and not yet paid out.
pub const CLEARING: &str = "pg-clearing:open-banking";
/// The bank has not answered for good.
pub const FEE_IN_PROGRESS: &str = "003_055";
/// What stands on plastic does not belong together, or may not be registered.
pub const WRONG_PLASTIC: &str = "003_001";
/// Wrong guesses at a card's code with which its check locks, and for how long, microseconds.
const GUESSES_MAX: i64 = 5;
const LOCK_US: i64 = 24 * 3_600 * 1_000_000;

/// A product.
#[derive(Debug, Clone)]
pub struct Product {
    /// Whether it is on offer.
    pub is_active: bool,
    /// Whether the mobile card comes at the request.
    pub is_pre_issuance: bool,
    /// Whether it may come without plastic.
    pub is_mobile_only_allowed: bool,
    /// Whether it pays abroad.
    pub is_abroad: bool,
    /// What its cards cost.
    pub fees: Fees,
    /// Whether the first reissue is free.
    pub is_first_free: bool,
    /// Whether the fee of plastic that comes back goes back.
    pub is_refunded: bool,
    /// Months for which its cards are valid.
    pub validity: i64,
    /// What its cards are reissued into; none: itself.
    pub next: Option<String>,
}

/// What a product's cards cost, won.
#[derive(Debug, Clone, Copy)]
pub struct Fees {
    /// A first card, with plastic and without.
    pub issue: (i64, i64),
    /// A reissue, with plastic and without.
    pub reissue: (i64, i64),
    /// A renewal.
    pub renewal: i64,
}

/// A member's bank account.
#[derive(Debug, Clone)]
pub struct BankAccount {
    /// Its number within the member.
    pub id: i64,
    /// Its state, as the database writes it.
    pub state: &'static str,
    /// Whether it is charged before the others.
    pub is_primary: bool,
    /// When it was registered, milliseconds of the world.
    pub registered_ms: u64,
    /// Its pseudonym at the bank.
    pub pseudonym: String,
}

/// A member.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// Whether the membership stands.
    pub is_active: bool,
    /// Whether the ID card was verified.
    pub is_verified: bool,
    /// Bank accounts.
    pub banks: Vec<BankAccount>,
    /// Places of the member's cards among the partner's, the newest last.
    pub cards: Vec<usize>,
    /// The member's applications, the newest last.
    pub applications: Vec<String>,
}

/// A remembered call.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Its operation.
    pub operation: &'static str,
    /// The code that it was answered.
    pub code: String,
    /// What it happened to.
    pub subject: String,
    /// When, microseconds.
    pub at_us: i64,
    /// Answers that may tell a card's number: each is in the log.
    pub may_be_told: u32,
}

/// A partner with all that is its own.
#[derive(Debug, Clone, Default)]
pub struct Partner {
    /// Whether another body under the same correlation id is refused.
    pub is_strict: bool,
    /// How long a call is remembered, microseconds.
    pub replay_window_us: i64,
    /// Products by id.
    pub products: BTreeMap<String, Product>,
    /// Members by id.
    pub members: BTreeMap<u64, Member>,
    /// Card accounts by id.
    pub accounts: BTreeMap<i64, Account>,
    /// All cards, in the order of their making.
    pub cards: Vec<Card>,
    /// Places of the cards by number.
    pub by_number: HashMap<String, usize>,
    /// Places of the cards by PAR.
    pub by_par: HashMap<String, usize>,
    /// Wrong guesses at numbers of no card, and when the last of them was counted.
    pub stray_guesses: (i64, i64),
    /// Applications by number.
    pub applications: BTreeMap<String, Application>,
    /// The open application of a card account.
    pub open: HashMap<i64, String>,
    /// Applications that await the bank.
    pub paying: BTreeSet<String>,
    /// Applications whose fee is owed back.
    pub owed: BTreeSet<String>,
    /// Remembered calls.
    pub memories: HashMap<Vec<u8>, Memory>,
    /// The calls that did something to a subject, by operation and subject.
    pub doers: HashMap<(String, String), Vec<u8>>,
    /// Which calls used a correlation id, and when, in a strict project.
    pub strict_uses: HashMap<Vec<u8>, Vec<(Vec<u8>, i64)>>,
}

/// What a call asks for, once its form is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A first card.
    Issue {
        /// The member.
        user: u64,
        /// The product.
        service: String,
        /// Whether plastic is asked for.
        plastic: Wish,
    },
    /// A reissue.
    Reissue {
        /// The member.
        user: u64,
        /// The card.
        number: String,
        /// Whether plastic is asked for.
        plastic: Wish,
    },
    /// A renewal.
    Renew {
        /// The member.
        user: u64,
        /// The card.
        number: String,
    },
    /// A change of state.
    State {
        /// The member.
        user: u64,
        /// The card by its number.
        number: Option<String>,
        /// The card by its PAR.
        par: Option<String>,
        /// The state asked for.
        to: CardState,
    },
    /// The end of a card.
    Discard {
        /// The member.
        user: u64,
        /// The card.
        par: String,
    },
    /// Plastic is registered.
    Register {
        /// The member.
        user: u64,
        /// What stands on it.
        on_card: OnCard,
        /// The application whose mobile card it joins, where the caller names one.
        no: Option<String>,
    },
    /// An application is taken back.
    Cancel {
        /// The member.
        user: u64,
        /// The application.
        no: String,
    },
    /// Plastic that came back is sent again.
    Resend {
        /// The member.
        user: u64,
        /// The application.
        no: String,
    },
    /// Plastic that came back is called off.
    CallOff {
        /// The member.
        user: u64,
        /// The application.
        no: String,
    },
}

/// What stands on plastic, as its holder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCard {
    /// Its number.
    pub number: String,
    /// When it ends, `YYMM`.
    pub yymm: String,
    /// Its verification code.
    pub cvc: String,
}

/// Whether plastic is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is.
    Wanted,
    /// A mobile card alone.
    Unwanted,
}

/// An application that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What was applied for.
    pub kind: Kind,
    /// The card account to be replaced.
    pub account: Option<i64>,
    /// The product of the new card.
    pub service: String,
    /// Whether plastic is asked for.
    pub plastic: Wish,
    /// The fee, won.
    pub fee: i64,
    /// Whether it is free as the first reissue.
    pub is_waived: bool,
    /// What the fee is drawn from.
    pub bank: Option<i64>,
}

/// What registering plastic does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// It joins the mobile card of this application.
    Link(String),
    /// The mobile card of this application is issued.
    IssueMobile(String),
    /// An account with a mobile card is opened.
    Open,
}

/// What is decided of a call that nobody remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A guard refuses.
    Refuse(&'static str),
    /// The same call is being charged.
    Await,
    /// An application is granted.
    Grant(Grant),
    /// The account's state changes.
    Change(i64, CardState),
    /// The account is in the state already.
    Stay,
    /// The account ends.
    Discard(i64),
    /// Plastic is registered.
    Register(usize, Registration),
    /// The application is taken back.
    Cancel(String),
    /// Its plastic is sent again.
    Resend(String),
    /// Its plastic is called off.
    CallOff(String),
}

/// What recognises a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallKey {
    /// Of partner, operation, correlation id and body.
    pub replay: Vec<u8>,
    /// Of partner, operation and correlation id, in a strict project.
    pub strict: Option<Vec<u8>>,
}

/// The tax within a fee at ten percent, rounded down: the setting of every world.
#[must_use]
pub const fn tax_within(fee: i64) -> i64 {
    fee * 1_000 / 11_000
}

/// How many wrong guesses count at a moment: they are forgotten after as long as a lock lasts.
#[must_use]
pub const fn counted((failures, at_us): (i64, i64), now_us: i64) -> i64 {
    if at_us + LOCK_US <= now_us { 0 } else { failures }
}

/// Whether a check is locked by so many wrong guesses.
#[must_use]
pub const fn is_locked(guesses: (i64, i64), now_us: i64) -> bool {
    counted(guesses, now_us) >= GUESSES_MAX
}

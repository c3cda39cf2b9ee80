//! The model: what the platform must answer and do, written from its documents and not from its
//! code. It knows members, cards, applications and what is remembered; it decides by itself.

mod books;
mod decide;

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Success.
pub const SUCCESS: &str = "000_000";
/// Account of the ledger: what the bank has taken and not yet paid out.
pub const CLEARING: &str = "pg-clearing:open-banking";
/// The bank has not answered for good.
pub const FEE_IN_PROGRESS: &str = "003_055";

/// State of a card account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// In use.
    Active,
    /// Reported lost.
    Suspended,
    /// Ended.
    Terminated,
}

impl CardState {
    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            CardState::Active => "ACTIVE",
            CardState::Suspended => "SUSPENDED",
            CardState::Terminated => "TERMINATED",
        }
    }
}

/// State of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppState {
    /// Granted without a fee; the card comes with its plastic.
    Ready,
    /// The bank was asked.
    Paying,
    /// Paid; the card comes with its plastic.
    Paid,
    /// The fee was refused.
    PayFailed,
    /// The card is issued.
    Digital,
    /// A fee is owed back.
    ReturnDue,
}

impl AppState {
    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            AppState::Ready => "READY",
            AppState::Paying => "COST_PAYING",
            AppState::Paid => "COST_PAID",
            AppState::PayFailed => "COST_PAY_FAILED",
            AppState::Digital => "DIGITAL_ISSUED",
            AppState::ReturnDue => "RETURN_DUE",
        }
    }

    /// Whether it still holds its old card.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, AppState::Ready | AppState::Paying | AppState::Paid)
    }
}

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
    /// Fee with plastic, won.
    pub fee: i64,
    /// Fee without plastic, won.
    pub fee_mobile_only: i64,
    /// What its cards are reissued into; none: itself.
    pub next: Option<String>,
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
}

/// A card account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The member.
    pub user: u64,
    /// The product.
    pub service: String,
    /// Its state.
    pub state: CardState,
    /// What it holds, won.
    pub balance: i64,
    /// What it was replaced by.
    pub successor: Option<i64>,
}

/// A card.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its account; none for plastic on its way.
    pub account: Option<i64>,
    /// Its number.
    pub number: String,
    /// Its PAR.
    pub par: String,
}

/// An application.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its state.
    pub state: AppState,
    /// The call that applied, as what recognises it.
    pub replay: Vec<u8>,
    /// What recognises its correlation id, in a strict project.
    pub strict: Option<Vec<u8>>,
    /// The member.
    pub user: u64,
    /// The card account to be replaced.
    pub account: i64,
    /// Whether the card comes at the request.
    pub is_pre_issuance: bool,
    /// The fee, won.
    pub fee: i64,
    /// The order at the bank.
    pub order: Option<(String, String)>,
    /// When it was applied for, microseconds.
    pub applied_us: i64,
    /// The code that its fee was refused with.
    pub refusal: Option<&'static str>,
    /// The mobile card that it issued.
    pub mobile: Option<usize>,
    /// Answers that may tell the card's number: each is in the log.
    pub may_be_told: u32,
}

/// A remembered call.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The code that it was answered.
    pub code: String,
    /// What it happened to.
    pub subject: String,
    /// When, microseconds.
    pub at_us: i64,
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
    /// Applications by number.
    pub applications: BTreeMap<String, Application>,
    /// The open application of a card account.
    pub open: HashMap<i64, String>,
    /// Applications that await the bank.
    pub paying: BTreeSet<String>,
    /// Remembered calls.
    pub memories: HashMap<Vec<u8>, Memory>,
    /// Which calls used a correlation id, and when, in a strict project.
    pub strict_uses: HashMap<Vec<u8>, Vec<(Vec<u8>, i64)>>,
}

/// What a call asks for, once its form is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A reissue.
    Reissue {
        /// The member.
        user: u64,
        /// The card.
        number: String,
        /// Whether plastic is asked for.
        plastic: Plastic,
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
}

/// Whether plastic is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plastic {
    /// It is.
    Wanted,
    /// A mobile card alone.
    Unwanted,
}

/// A reissue that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The card account to be replaced.
    pub account: i64,
    /// The product of the new card.
    pub service: String,
    /// Whether its mobile card comes at the request.
    pub is_pre_issuance: bool,
    /// The fee, won.
    pub fee: i64,
    /// What the fee is drawn from.
    pub bank: Option<i64>,
}

/// What is decided of a call that nobody remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A guard refuses.
    Refuse(&'static str),
    /// The same call is being charged.
    Await,
    /// A reissue is granted.
    Grant(Grant),
    /// The account's state changes.
    Change(i64, CardState),
    /// The account is in the state already.
    Stay,
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

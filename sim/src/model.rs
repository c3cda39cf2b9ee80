//! The model: what the platform must answer and do, written from its documents and not from its
//! code. It knows members, cards, applications and what is remembered; it decides by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Success.
pub const SUCCESS: &str = "000_000";
/// The bank has not answered for good.
pub const FEE_IN_PROGRESS: &str = "003_055";
/// The correlation id came before with another body, in a strict project.
const CORRELATION_ID_REUSED: &str = "000_915";

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
    /// The application that it was made for.
    pub apply_no: Option<String>,
    /// Whether it is plastic.
    pub is_physical: bool,
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

impl Partner {
    /// The account of a card that this member has.
    fn account_of(&self, user: u64, card: Option<&usize>) -> Option<i64> {
        let id = self.cards.get(*card?)?.account?;
        (self.accounts.get(&id)?.user == user).then_some(id)
    }

    fn is_member(&self, user: u64) -> bool {
        self.members.get(&user).is_some_and(|member| member.is_active)
    }

    /// The open application of a card account.
    #[must_use]
    pub fn open_for(&self, account: i64) -> Option<&Application> {
        self.applications.get(self.open.get(&account)?)
    }

    /// Decides a call by the documented rules, in their documented order.
    #[must_use]
    pub fn decide(&self, ask: &Ask, replay: &[u8]) -> Verdict {
        match ask {
            Ask::Reissue { user, number, plastic } => {
                let account = self.account_of(*user, self.by_number.get(number));
                let open = account.and_then(|account| self.open_for(account));
                // The same call while the first runs waits for it; that comes before the guards.
                if open.is_some_and(|open| open.state == AppState::Paying && open.replay == replay)
                {
                    return Verdict::Await;
                }
                match self.reissue(*user, account, *plastic) {
                    Ok(grant) => Verdict::Grant(grant),
                    Err(code) => Verdict::Refuse(code),
                }
            }
            Ask::State { user, number, par, to } => {
                match self.state(*user, number.as_deref(), par.as_deref(), *to) {
                    Ok((_, None)) => Verdict::Stay,
                    Ok((account, Some(state))) => Verdict::Change(account, state),
                    Err(code) => Verdict::Refuse(code),
                }
            }
        }
    }

    fn reissue(
        &self,
        user: u64,
        account: Option<i64>,
        plastic: Plastic,
    ) -> Result<Grant, &'static str> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let (id, account) =
            account.and_then(|id| Some((id, self.accounts.get(&id)?))).ok_or("003_001")?;
        if account.successor.is_some() {
            return Err("003_018");
        }
        if account.state == CardState::Terminated {
            return Err("003_022");
        }
        match self.open_for(id).map(|open| open.state) {
            Some(AppState::Paying) => return Err(FEE_IN_PROGRESS),
            Some(_) => return Err("003_020"),
            None => {}
        }
        if account.state != CardState::Suspended {
            return Err("003_901");
        }
        let service = self.products.get(&account.service).and_then(|product| product.next.clone());
        let service = service.unwrap_or_else(|| account.service.clone());
        let Some(next) = self.products.get(&service) else { return Err("003_048") };
        let mobile_only = plastic == Plastic::Unwanted;
        if mobile_only && !(next.is_pre_issuance && next.is_mobile_only_allowed) {
            return Err("003_024");
        }
        if !next.is_active {
            return Err("003_048");
        }
        let member = self.members.get(&user).ok_or("001_006")?;
        if next.is_abroad && !member.is_verified {
            return Err("003_044");
        }
        let fee = if mobile_only { next.fee_mobile_only } else { next.fee };
        let bank = if fee > 0 { Some(member.charged()?) } else { None };
        Ok(Grant { account: id, service, is_pre_issuance: next.is_pre_issuance, fee, bank })
    }

    fn state(
        &self,
        user: u64,
        number: Option<&str>,
        par: Option<&str>,
        to: CardState,
    ) -> Result<(i64, Option<CardState>), &'static str> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let numbered = number.and_then(|number| self.by_number.get(number));
        let id = match par {
            Some(par) => {
                let id = self.account_of(user, self.by_par.get(par)).ok_or("003_021")?;
                if number.is_some() && self.account_of(user, numbered) != Some(id) {
                    return Err("003_001");
                }
                id
            }
            None => self.account_of(user, numbered).ok_or("003_001")?,
        };
        let account = self.accounts.get(&id).ok_or("003_001")?;
        if account.state == CardState::Terminated {
            return Err("003_022");
        }
        if to == CardState::Active
            && let Some(open) = self.open_for(id)
        {
            if open.state == AppState::Paying {
                return Err(FEE_IN_PROGRESS);
            }
            if open.fee > 0 {
                return Err("003_020");
            }
        }
        Ok((id, (account.state != to).then_some(to)))
    }

    /// Remembers a call.
    pub fn remember(&mut self, key: &CallKey, memory: Memory) {
        if let Some(strict) = &key.strict {
            let used = (key.replay.clone(), memory.at_us);
            self.strict_uses.entry(strict.clone()).or_default().push(used);
        }
        self.memories.insert(key.replay.clone(), memory);
    }

    /// Adds a card; its place.
    pub fn add_card(&mut self, card: Card) -> usize {
        let place = self.cards.len();
        self.by_number.insert(card.number.clone(), place);
        self.by_par.insert(card.par.clone(), place);
        self.cards.push(card);
        place
    }

    /// Whether a call is remembered at a moment.
    #[must_use]
    pub fn is_remembered(&self, replay: &[u8], now_us: i64) -> bool {
        let memory = self.memories.get(replay);
        memory.is_some_and(|memory| memory.at_us >= now_us - self.replay_window_us)
    }

    /// The codes that a call may be answered with, if it is looked at between two moments.
    #[must_use]
    pub fn codes(&self, ask: &Ask, key: &CallKey, from_us: i64, to_us: i64) -> Vec<&str> {
        let mut codes = Vec::new();
        if let Some(memory) = self.memories.get(&key.replay) {
            if self.is_remembered(&key.replay, from_us) {
                codes.push(memory.code.as_str());
            }
            if self.is_remembered(&key.replay, to_us) {
                return codes;
            }
        }
        if let Some(strict) = &key.strict {
            let is_held =
                self.paying.iter().filter_map(|no| self.applications.get(no)).any(|paying| {
                    paying.strict.as_ref() == Some(strict) && paying.replay != key.replay
                });
            let uses = self.strict_uses.get(strict).into_iter().flatten();
            let used = uses.filter(|(replay, _)| *replay != key.replay);
            let used = used.map(|(_, at_us)| *at_us).max();
            let window = self.replay_window_us;
            if is_held || used.is_some_and(|at| at >= from_us - window) {
                codes.push(CORRELATION_ID_REUSED);
            }
            if is_held || used.is_some_and(|at| at >= to_us - window) {
                return codes;
            }
        }
        match self.decide(ask, &key.replay) {
            Verdict::Refuse(code) => codes.push(code),
            Verdict::Await => codes.push(FEE_IN_PROGRESS),
            Verdict::Stay => codes.push(SUCCESS),
            // It has to be done first: then it is remembered.
            Verdict::Grant(_) | Verdict::Change(..) => {}
        }
        codes
    }
}

impl Member {
    /// The account that a fee is drawn from: the primary one, else the one registered last.
    fn charged(&self) -> Result<i64, &'static str> {
        let there = self.banks.iter().filter(|bank| bank.state != "DELETED");
        let registered = there.clone().filter(|bank| bank.state == "REGISTERED");
        let order = |bank: &&BankAccount| (bank.is_primary, bank.registered_ms, bank.id);
        match registered.max_by_key(order) {
            Some(bank) => Ok(bank.id),
            None if there.count() == 0 => Err("007_001"),
            None => Err("003_019"),
        }
    }
}

/// The tax within a fee at ten percent, rounded down: the setting of every world.
#[must_use]
pub const fn tax_within(fee: i64) -> i64 {
    fee * 1_000 / 11_000
}

//! What the model decides, by the documented rules in their documented order.

mod apply;
mod live;

use super::{
    AppState, Application, Ask, CallKey, Card, FEE_IN_PROGRESS, Memory, Partner, SUCCESS, Verdict,
};

/// The correlation id came before with another body, in a strict project.
const CORRELATION_ID_REUSED: &str = "000_915";

/// What is refused.
type Decided<T> = Result<T, &'static str>;

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

    /// An application of this member.
    fn application_of(&self, user: u64, no: &str) -> Option<&Application> {
        self.applications.get(no).filter(|application| application.user == user)
    }

    /// Decides a call at a moment, by the documented rules in their documented order.
    #[must_use]
    pub fn decide(&self, ask: &Ask, replay: &[u8], at_us: i64) -> Verdict {
        // The same call while the first runs waits for it; that comes before the guards.
        if self.is_charging(ask, replay) {
            return Verdict::Await;
        }
        let decided = match ask {
            Ask::Issue { user, service, plastic } => {
                self.issue(*user, service, *plastic).map(Verdict::Grant)
            }
            Ask::Reissue { user, number, plastic } => {
                self.reissue(*user, number, *plastic).map(Verdict::Grant)
            }
            Ask::Renew { user, number } => self.renew(*user, number, at_us).map(Verdict::Grant),
            Ask::State { user, number, par, to } => {
                self.state(*user, number.as_deref(), par.as_deref(), *to)
            }
            Ask::Discard { user, par } => self.discard(*user, par).map(Verdict::Discard),
            Ask::Register { user, on_card, no } => self
                .register(*user, on_card, no.as_deref(), at_us)
                .map(|(plastic, how)| Verdict::Register(plastic, how)),
            Ask::Cancel { user, no } => {
                self.cancel(*user, no, at_us).map(|()| Verdict::Cancel(no.clone()))
            }
            Ask::Resend { user, no } => {
                self.resend(*user, no).map(|()| Verdict::Resend(no.clone()))
            }
            Ask::CallOff { user, no } => {
                self.call_off(*user, no, at_us).map(|()| Verdict::CallOff(no.clone()))
            }
        };
        decided.unwrap_or_else(Verdict::Refuse)
    }

    /// Whether this very call charges a fee for the member's card already.
    fn is_charging(&self, ask: &Ask, replay: &[u8]) -> bool {
        let is_same = |open: &Application| open.state == AppState::Paying && open.replay == replay;
        match ask {
            Ask::Issue { user, .. } => {
                let paying = self.paying.iter().filter_map(|no| self.applications.get(no));
                self.is_member(*user) && paying.filter(|it| it.user == *user).any(is_same)
            }
            Ask::Reissue { user, number, .. } | Ask::Renew { user, number } => {
                let account = self.account_of(*user, self.by_number.get(number));
                account.and_then(|account| self.open_for(account)).is_some_and(is_same)
            }
            Ask::State { .. }
            | Ask::Discard { .. }
            | Ask::Register { .. }
            | Ask::Cancel { .. }
            | Ask::Resend { .. }
            | Ask::CallOff { .. } => false,
        }
    }

    /// An application lets go of the card that it was to replace.
    pub fn let_go(&mut self, account: Option<i64>, no: &str) {
        if let Some(account) = account
            && self.open.get(&account).is_some_and(|open| open == no)
        {
            self.open.remove(&account);
        }
    }

    /// Remembers a call.
    pub fn remember(&mut self, key: &CallKey, memory: Memory) {
        if let Some(strict) = &key.strict {
            let used = (key.replay.clone(), memory.at_us);
            self.strict_uses.entry(strict.clone()).or_default().push(used);
        }
        let did = (memory.operation.to_owned(), memory.subject.clone());
        self.doers.insert(did, key.replay.clone());
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
        // A day may end between the two.
        for at_us in [from_us, to_us] {
            match self.decide(ask, &key.replay, at_us) {
                Verdict::Refuse(code) => codes.push(code),
                Verdict::Await => codes.push(FEE_IN_PROGRESS),
                Verdict::Stay => codes.push(SUCCESS),
                // It has to be done first: then it is remembered.
                Verdict::Grant(_)
                | Verdict::Change(..)
                | Verdict::Discard(_)
                | Verdict::Register(..)
                | Verdict::Cancel(_)
                | Verdict::Resend(_)
                | Verdict::CallOff(_) => {}
            }
        }
        codes
    }
}

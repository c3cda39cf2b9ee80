//! What the model decides, by the documented rules in their documented order.

use super::{
    AppState, Application, Ask, BankAccount, CallKey, Card, CardState, FEE_IN_PROGRESS, Grant,
    Member, Memory, Partner, Plastic, SUCCESS, Verdict,
};

/// The correlation id came before with another body, in a strict project.
const CORRELATION_ID_REUSED: &str = "000_915";

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

//! Which call comes next: new ones that may succeed, wrong ones, and old ones again.

use std::rc::Rc;

use crate::call::{Flaw, REISSUE, STATE, Spec, body};
use crate::model::{Ask, CallKey, Card, CardState, Partner, Plastic};
use crate::rng::Rng;
use crate::server::Server;

use super::{Flight, Stepped, World};

/// How far back an old call is taken from, mostly: those may still be on their way.
const RECENT: usize = 12;

impl World {
    /// Sends a call to a process that runs.
    pub(super) fn call(&mut self) -> Stepped {
        let up: Vec<usize> =
            (0..self.servers.len()).filter(|index| self.server(*index).is_some()).collect();
        let Some(server) = self.rng.pick(&up).copied() else { return Ok(()) };
        let again = !self.history.is_empty() && self.rng.percent(30);
        let spec = if again { self.old_call() } else { self.new_call(server) };
        let Some(spec) = spec else { return Ok(()) };
        self.send(server, &spec);
        // The network delivers it twice, perhaps to two processes.
        if self.rng.percent(4) {
            let other = self.rng.pick(&up).copied().unwrap_or(server);
            self.tally.count("calls", "delivered twice");
            self.send(other, &spec);
        }
        Ok(())
    }

    fn send(&mut self, index: usize, spec: &Rc<Spec>) {
        let foreign = (spec.partner + 1) % self.credentials.len().max(1);
        let foreign = match self.credentials.get(foreign) {
            Some(other) if foreign != spec.partner => other.access_key.as_str(),
            _ => "0000000-00000000000000000000000000000000",
        };
        let own = self.credentials.get(spec.partner);
        let request = own.and_then(|own| spec.request(own, foreign, self.now_ms));
        let (Some(request), Some(server)) = (request, self.server(index)) else { return };
        let id = self.calls;
        server.call(id, request);
        self.calls += 1;
        let flight = Flight {
            id,
            server: index,
            spec: Rc::clone(spec),
            from_us: self.now_us(),
            codes: Default::default(),
            saw_fault: false,
        };
        self.flights.push(flight);
        self.tally.count("calls", spec.operation);
        let (operation, correlation) = (spec.operation, &spec.correlation);
        let event = format!(
            "call {id} to process {index}: partner {} {operation} {correlation} {:?}",
            spec.partner, spec.flaw
        );
        self.note(event);
        self.look_again();
    }

    fn old_call(&mut self) -> Option<Rc<Spec>> {
        if self.rng.percent(40) && !self.done.is_empty() {
            let back = self.rng.below(self.done.len().min(RECENT));
            self.tally.count("calls", "again though done");
            return self.done.get(self.done.len() - 1 - back).cloned();
        }
        let count = self.history.len();
        let index = if self.rng.percent(80) {
            count - 1 - self.rng.below(count.min(RECENT))
        } else {
            self.rng.below(count)
        };
        self.tally.count("calls", "again");
        self.history.get(index).cloned()
    }

    fn new_call(&mut self, server: usize) -> Option<Rc<Spec>> {
        let place = self.rng.below(self.partners.len());
        let partner = self.model.values().nth(place)?;
        let ask = ask(&mut self.rng, &self.model, partner)?;
        let flaw = flaw(&mut self.rng, &ask);
        let operation = if matches!(ask, Ask::Reissue { .. }) { REISSUE } else { STATE };
        let correlation = match self.history.last() {
            Some(last) if self.rng.percent(3) => last.correlation.clone(),
            _ => {
                self.correlations += 1;
                format!("260301000000-{:07x}", self.correlations)
            }
        };
        let body = body(&ask, flaw);
        let asp = self.partners.get(place)?.asp.as_bytes();
        let ring = self.server(server).map(Server::core)?.keys.ring();
        let digest = ring.digest_key();
        let (named, id) = (operation.as_bytes(), correlation.as_bytes());
        let key = CallKey {
            replay: digest.digest("replay", &[asp, named, id, body.as_bytes()]).to_vec(),
            strict: partner.is_strict.then(|| digest.digest("strict", &[asp, named, id]).to_vec()),
        };
        let spec = Rc::new(Spec { partner: place, operation, correlation, body, ask, flaw, key });
        if flaw.code().is_none() {
            self.specs.insert(spec.key.replay.clone(), Rc::clone(&spec));
        }
        self.history.push(Rc::clone(&spec));
        Some(spec)
    }
}

/// What a call asks for.
fn ask(rng: &mut Rng, model: &crate::explain::Model, partner: &Partner) -> Option<Ask> {
    let members: Vec<u64> = partner.members.keys().copied().collect();
    let user = rng.pick(&members).copied()?;
    let cards = &partner.members.get(&user)?.cards;
    let card = card_of(rng, partner, cards);
    let (number, par) = match card {
        Some(card) => (card.number.clone(), card.par.clone()),
        None => ("9491339099999990".to_owned(), format!("Q1{:025X}", rng.bits())),
    };
    let state = card.and_then(|card| partner.accounts.get(&card.account?)).map(|it| it.state);
    let number = wrong_number(rng, model, number);
    let user = match rng.below(100) {
        0 => 9_999_999_999_999_999_999,
        1 => user + 1,
        _ => user,
    };
    let reissues = if state == Some(CardState::Suspended) { 70 } else { 35 };
    if rng.percent(reissues) {
        let plastic = if rng.percent(45) { Plastic::Unwanted } else { Plastic::Wanted };
        return Some(Ask::Reissue { user, number, plastic });
    }
    let suspends = if state == Some(CardState::Active) { 85 } else { 45 };
    let to = if rng.percent(suspends) { CardState::Suspended } else { CardState::Active };
    let par = if rng.percent(5) { format!("Q1{:025X}", rng.bits()) } else { par };
    let (number, par) = match rng.below(10) {
        0..=5 => (Some(number), None),
        6..=8 => (None, Some(par)),
        _ => (Some(number), Some(par)),
    };
    Some(Ask::State { user, number, par, to })
}

/// Mostly one of the newest cards, and one that has not ended.
fn card_of<'p>(rng: &mut Rng, partner: &'p Partner, cards: &[usize]) -> Option<&'p Card> {
    let mut found = None;
    for _ in 0..4 {
        let index = if rng.percent(75) {
            cards.len().saturating_sub(1 + rng.below(3))
        } else {
            rng.below(cards.len())
        };
        found = cards.get(index).and_then(|place| partner.cards.get(*place));
        let account = found.and_then(|card| partner.accounts.get(&card.account?));
        let is_live = account.is_some_and(|account| account.state != CardState::Terminated);
        if is_live || rng.percent(15) {
            break;
        }
    }
    found
}

/// Now and then a number that is nobody's, has a wrong check digit or is another partner's.
fn wrong_number(rng: &mut Rng, model: &crate::explain::Model, number: String) -> String {
    match rng.below(100) {
        0 => "9491339099999990".to_owned(),
        1 => {
            let last = number.bytes().last().map_or(b'0', |digit| (digit - b'0' + 1) % 10 + b'0');
            format!("{}{}", &number[..15], char::from(last))
        }
        2..=3 => {
            let other = model.values().nth(rng.below(model.len()));
            let cards = other.map_or(&[][..], |partner| &partner.cards);
            rng.pick(cards).map_or(number, |card| card.number.clone())
        }
        _ => number,
    }
}

fn flaw(rng: &mut Rng, ask: &Ask) -> Flaw {
    let flaws: &[Flaw] = match ask {
        Ask::Reissue { .. } => &[
            Flaw::Field("userId"),
            Flaw::Field("cardInfo.oldCardNo"),
            Flaw::Field("isDeliveryRequired"),
        ],
        Ask::State { .. } => &[Flaw::Field("userId"), Flaw::Field("status")],
    };
    let early = [
        Flaw::WrongToken,
        Flaw::UnknownPartner,
        Flaw::ForeignKey,
        Flaw::OldTime,
        Flaw::NoTime,
        Flaw::UnknownPath,
        Flaw::Get,
        Flaw::CutOff,
    ];
    let picked = match rng.below(100) {
        0..=3 => rng.pick(flaws),
        4..=7 => rng.pick(&early),
        _ => None,
    };
    picked.copied().unwrap_or(Flaw::None)
}

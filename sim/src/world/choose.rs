//! Which call comes next: new ones that may succeed, wrong ones, and old ones again.

use std::rc::Rc;

use crate::call::{Flaw, Spec, body};
use crate::model::{Ask, CallKey};
use crate::rng::Rng;
use crate::server::Server;

use super::ask::ask;
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

    pub(super) fn send(&mut self, index: usize, spec: &Rc<Spec>) {
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
            told: Default::default(),
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
        let now_us = self.now_us();
        let partner = self.model.values().nth(place)?;
        let ask = ask(&mut self.rng, &self.model, partner, now_us)?;
        let flaw = flaw(&mut self.rng, &ask);
        self.spec(server, place, ask, flaw)
    }

    /// A call that asks this, as a process of the world will recognise it.
    pub(super) fn spec(
        &mut self,
        server: usize,
        place: usize,
        ask: Ask,
        flaw: Flaw,
    ) -> Option<Rc<Spec>> {
        let operation = ask.operation();
        let correlation = match self.history.last() {
            Some(last) if self.rng.percent(3) => last.correlation.clone(),
            _ => {
                self.correlations += 1;
                format!("260301000000-{:07x}", self.correlations)
            }
        };
        let body = body(&ask, flaw);
        let is_strict = self.model.values().nth(place)?.is_strict;
        let asp = self.partners.get(place)?.asp.as_bytes();
        let ring = self.server(server).map(Server::core)?.keys.ring();
        let digest = ring.digest_key();
        let (named, id) = (operation.as_bytes(), correlation.as_bytes());
        let key = CallKey {
            replay: digest.digest("replay", &[asp, named, id, body.as_bytes()]).to_vec(),
            strict: is_strict.then(|| digest.digest("strict", &[asp, named, id]).to_vec()),
        };
        let spec = Rc::new(Spec { partner: place, operation, correlation, body, ask, flaw, key });
        if flaw.code().is_none() {
            self.specs.insert(spec.key.replay.clone(), Rc::clone(&spec));
        }
        self.history.push(Rc::clone(&spec));
        Some(spec)
    }
}

fn flaw(rng: &mut Rng, ask: &Ask) -> Flaw {
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
        0..=3 => rng.pick(ask.fields()).map(|field| Flaw::Field(field)),
        4..=7 => rng.pick(&early).copied(),
        _ => None,
    };
    picked.unwrap_or(Flaw::None)
}

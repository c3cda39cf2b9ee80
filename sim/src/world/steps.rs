//! What a step is, and how a world ends.

use crate::broken::{broken, hold};
use crate::invariants::bank_agrees;
use crate::server::Server;

use super::{Stepped, World};

/// All rows are looked at after so many steps.
const EVERYTHING_EVERY: u64 = 1_000;
/// Calls on their way at once.
const FLIGHTS_MAX: usize = 10;
/// Rounds in which a world has to end, and the time that passes in each: twice what recovery
/// needs for a fee that has been open for a day.
const END_ROUNDS_MAX: u32 = 800;
const END_ROUND_MS: u64 = 250;
/// How far time leaps at the end where nothing but a fee that goes back is waited for: its driver
/// pauses for up to an hour.
const END_LEAP_MS: u64 = 600_000;
/// Chances of each kind of step, in the order of [`World::one`].
const WEIGHTS: [u64; 12] = [30, 30, 8, 10, 18, 7, 2, 2, 1, 1, 2, 5];

impl World {
    pub(super) fn run_steps(&mut self, steps: u64) -> Stepped {
        self.begin()?;
        self.compare()?;
        while self.step < steps {
            self.step += 1;
            self.one()?;
            self.settle()?;
            if self.step.is_multiple_of(EVERYTHING_EVERY) {
                self.compare()?;
            }
        }
        self.end()
    }

    fn one(&mut self) -> Stepped {
        match self.rng.weighed(&WEIGHTS) {
            0 if self.flights.len() < FLIGHTS_MAX => self.call(),
            0 | 1 => self.group(),
            2 => self.reads(),
            3 => {
                self.pass();
                Ok(())
            }
            4 => self.bank_step(),
            5 => self.calm(),
            6 => self.office(),
            7 => self.arrive(),
            8 => self.kill(),
            9 => self.fault(),
            10 => self.rare(),
            _ => self.carrier(),
        }
    }

    /// Whatever can run runs, and answers are taken.
    pub(super) fn settle(&mut self) -> Stepped {
        self.pass_ms(1);
        self.answers()
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now_ms += ms;
        for server in self.servers.iter().flatten() {
            server.pass_until(self.now_ms);
        }
    }

    pub(super) fn leap_ms(&mut self, ms: u64) {
        self.now_ms += ms;
        for server in self.servers.iter().flatten() {
            server.leap_until(self.now_ms);
        }
    }

    /// Processes that run, each with what waits for its database.
    fn busy(&self) -> Vec<(usize, usize, usize)> {
        let each = self.servers.iter().enumerate();
        each.filter_map(|(index, server)| {
            let waiting = server.as_ref()?.waiting();
            Some((index, waiting.writes, waiting.reads))
        })
        .collect()
    }

    /// One process commits a group of what waits.
    pub(super) fn group(&mut self) -> Stepped {
        let busy: Vec<_> = self.busy().into_iter().filter(|(_, writes, _)| *writes > 0).collect();
        let Some((index, writes, _)) = self.rng.pick(&busy).copied() else {
            return self.reads();
        };
        let jobs = 1 + self.rng.below(writes);
        self.write(index, jobs)
    }

    pub(super) fn reads(&mut self) -> Stepped {
        let busy = self.busy();
        let Some((index, _, reads)) = self.rng.pick(&busy).copied() else {
            return self.start(0);
        };
        if let Some(server) = self.server(index) {
            server.read(reads);
        }
        Ok(())
    }

    /// Time passes, and the database stands still meanwhile.
    pub(super) fn pass(&mut self) {
        let ms = match self.rng.weighed(&[50, 30, 15, 5]) {
            0 => self.rng.between(1, 50),
            1 => self.rng.between(50, 500),
            2 => self.rng.between(500, 3_000),
            _ => self.rng.between(3_000, 12_000),
        };
        self.pass_ms(ms);
        self.note(format!("{ms} ms pass"));
    }

    /// Time passes, and everything goes its way.
    pub(super) fn calm(&mut self) -> Stepped {
        for _ in 0..self.rng.between(1, 12) {
            self.serve_all()?;
            self.pass_ms(40);
            self.answers()?;
        }
        self.note("calm".to_owned());
        Ok(())
    }

    /// Every process does what waits for its database.
    fn serve_all(&mut self) -> Stepped {
        for (index, writes, reads) in self.busy() {
            if let Some(server) = self.server(index) {
                server.read(reads);
            }
            if writes > 0 {
                self.write(index, writes)?;
            }
        }
        Ok(())
    }

    /// A process that is down starts again, or a member joins.
    fn arrive(&mut self) -> Stepped {
        match self.servers.iter().position(Option::is_none) {
            Some(index) => self.start(index),
            None if self.rng.percent(70) => {
                let place = self.rng.below(self.partners.len());
                self.join(place)
            }
            None => self.calm(),
        }
    }

    /// A process dies: between two steps, within a transaction, or after a commit and before its
    /// answers.
    pub(super) fn kill(&mut self) -> Stepped {
        let busy = self.busy();
        let Some((index, writes, _)) = self.rng.pick(&busy).copied() else {
            return self.start(0);
        };
        let how = match self.rng.below(3) {
            0 if writes > 0 => {
                let statements = u32::try_from(self.rng.below(30)).unwrap_or(0);
                if let Some(server) = self.server(index) {
                    server.fail_after(statements);
                }
                self.write(index, writes)?;
                "within a transaction"
            }
            1 if writes > 0 => {
                self.write(index, writes)?;
                "after a commit"
            }
            _ => "between two steps",
        };
        if let Some(place) = self.servers.get_mut(index) {
            *place = None;
        }
        self.flights.retain(|flight| flight.server != index);
        self.tally.count("deaths", how);
        self.note(format!("process {index} dies {how}"));
        if self.rng.percent(60) { self.start(index) } else { Ok(()) }
    }

    /// The database fails a group of jobs: from a statement on, or at the commit, or a job's
    /// caller does not learn of its commit.
    pub(super) fn fault(&mut self) -> Stepped {
        let busy: Vec<_> = self.busy().into_iter().filter(|(_, writes, _)| *writes > 0).collect();
        let Some((index, writes, _)) = self.rng.pick(&busy).copied() else { return Ok(()) };
        for flight in self.flights.iter_mut().filter(|flight| flight.server == index) {
            flight.saw_fault = true;
        }
        let statements = u32::try_from(self.rng.below(30)).unwrap_or(0);
        let what = match (self.rng.below(3), self.server(index)) {
            (_, None) => return Ok(()),
            (0, Some(server)) => {
                server.fail_after(statements);
                "statements fail"
            }
            (1, Some(server)) => {
                server.lose_commit();
                "a commit fails"
            }
            (_, Some(server)) => {
                server.lose_answers(1 + statements % 3);
                "answers are lost"
            }
        };
        self.tally.count("faults", what);
        self.note(format!("process {index}: {what}"));
        self.write(index, writes)?;
        if let Some(server) = self.server(index) {
            server.heal();
        }
        Ok(())
    }

    /// A process is held up while it asks the bank; or a day passes.
    fn rare(&mut self) -> Stepped {
        if self.flights.is_empty() && self.rng.percent(30) {
            // Minutes, days, or a month in which cards come to their end.
            let most = if self.rng.percent(15) { 2_600_000_000 } else { 100_000_000 };
            let ms = self.rng.between(600_000, most);
            self.leap_ms(ms);
            self.tally.count("time", "leaps");
            self.note(format!("{ms} ms leap"));
            return Ok(());
        }
        if self.rng.percent(50) {
            self.bank.hold_next();
            self.note("the next order is held up".to_owned());
        }
        Ok(())
    }

    /// Everything heals and goes its way until nothing is open; then the books are compared.
    pub(super) fn end(&mut self) -> Stepped {
        self.bank.become_honest();
        for index in 0..self.servers.len() {
            match self.server(index).map(Server::heal) {
                Some(()) => {}
                None => self.start(index)?,
            }
        }
        let mut rounds = 0;
        while !self.is_over() && rounds < END_ROUNDS_MAX {
            rounds += 1;
            while self.bank.on_the_wire() > 0 {
                self.bank_step()?;
            }
            self.serve_all()?;
            self.pass_ms(END_ROUND_MS);
            self.answers()?;
            let is_quiet = self.busy().iter().all(|(_, writes, reads)| writes + reads == 0);
            if is_quiet && self.awaits_returns_alone() {
                self.leap_ms(END_LEAP_MS);
            }
        }
        if let Some(flight) = self.flights.first() {
            return Ok(broken("every-call-is-answered", format!("call {} is not", flight.id))?);
        }
        let open: Vec<&String> = self.model.values().flat_map(|it| &it.paying).collect();
        hold("every-fee-ends", open.is_empty(), || format!("{open:?} still await the bank"))?;
        let owed: Vec<&String> = self.model.values().flat_map(|it| &it.owed).collect();
        hold("every-return-ends", owed.is_empty(), || format!("{owed:?} are still owed"))?;
        self.compare()?;
        let asps: Vec<String> = self.partners.iter().map(|it| it.asp.clone()).collect();
        Ok(bank_agrees(&self.mirror, &self.bank, &asps)?)
    }

    fn is_over(&self) -> bool {
        self.flights.is_empty()
            && self.bank.on_the_wire() == 0
            && self.model.values().all(|it| it.paying.is_empty() && it.owed.is_empty())
    }

    fn awaits_returns_alone(&self) -> bool {
        self.flights.is_empty()
            && self.bank.on_the_wire() == 0
            && self.model.values().all(|it| it.paying.is_empty())
            && self.model.values().any(|it| !it.owed.is_empty())
    }
}

//! A world: processes, partners, a bank and callers, and what is known of them.

mod answers;
mod ask;
mod choose;
mod office;
mod steps;
mod story;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crypto::keyring::Keyring;
use domain::{AspId, Timestamp};
use store::{Change, Ended, Ran};

use crate::bank::SimBank;
use crate::broken::{Broken, Check, broken};
use crate::call::{Credentials, Spec};
use crate::explain::{Around, IDLE, Model, add_card, explain};
use crate::given::{NewMember, NewPartner};
use crate::invariants::{on_touched, one_withdrawal, refused_changed_nothing};
use crate::mirror::Mirror;
use crate::model::{Account, Member, Partner};
use crate::rng::Rng;
use crate::server::{EPOCH_MS, Server, ServerError};
use crate::tally::{Tally, Trace};

/// Steps of a world; the next seed follows.
pub const STEPS_MAX: u64 = 5_000;
/// What a bank account holds at first, won: some run short.
const BANK_BALANCES_WON: [i64; 3] = [500, 10_000, 1_000_000];

/// Why a world did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A rule was broken.
    #[error("{broken}")]
    Broken {
        /// The rule and what was seen.
        broken: Broken,
        /// The seed.
        seed: u64,
        /// The step.
        step: u64,
        /// The last events.
        events: Vec<String>,
    },
    /// The simulation itself could not go on.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Why a step did not end well.
#[derive(Debug)]
enum Stop {
    Broken(Broken),
    Server(ServerError),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Stop::Broken(broken)
    }
}

impl From<ServerError> for Stop {
    fn from(error: ServerError) -> Self {
        Stop::Server(error)
    }
}

type Stepped<T = ()> = Result<T, Stop>;

/// The fields of an answer, by name, with their values.
type Fields = Vec<(&'static str, String)>;

/// A call that was sent and not answered yet.
struct Flight {
    id: u64,
    server: usize,
    spec: Rc<Spec>,
    from_us: i64,
    /// The codes that were right at some moment since it was sent.
    codes: BTreeSet<String>,
    /// What a success told at some moment since then: a repeated answer is built from what its
    /// application has become.
    told: BTreeSet<Fields>,
    /// Whether the database failed meanwhile.
    saw_fault: bool,
}

/// A world.
pub struct World {
    rng: Rng,
    now_ms: u64,
    step: u64,
    file: PathBuf,
    keys: Arc<Keyring>,
    bank: SimBank,
    servers: Vec<Option<Server>>,
    partners: Vec<NewPartner>,
    credentials: Vec<Credentials>,
    model: Model,
    mirror: Mirror,
    specs: HashMap<Vec<u8>, Rc<Spec>>,
    history: Vec<Rc<Spec>>,
    /// Calls that had an effect, the last ones last.
    done: Vec<Rc<Spec>>,
    flights: Vec<Flight>,
    calls: u64,
    correlations: u64,
    serials: u64,
    users: u64,
    trace: Trace,
    tally: Tally,
}

impl World {
    /// Runs a world of this seed on a new database.
    pub fn run(seed: u64, steps: u64, file: &Path, keys: &Arc<Keyring>) -> Result<Tally, Failure> {
        let mut world = World::new(seed, file, keys);
        let ended = world.run_steps(steps);
        world.ended(seed, ended)
    }

    fn ended(mut self, seed: u64, ended: Stepped) -> Result<Tally, Failure> {
        match ended {
            Ok(()) => {
                self.tally.steps = self.step;
                self.tally.worlds = 1;
                self.tally.trace = self.trace.digest();
                for (what, number) in self.bank.seen() {
                    self.tally.add("bank", what, number);
                }
                Ok(self.tally)
            }
            Err(Stop::Server(error)) => Err(error.into()),
            Err(Stop::Broken(broken)) => {
                Err(Failure::Broken { broken, seed, step: self.step, events: self.trace.lines() })
            }
        }
    }

    fn new(seed: u64, file: &Path, keys: &Arc<Keyring>) -> Self {
        let mut rng = Rng::new(seed);
        let partners: Vec<NewPartner> =
            (0..=rng.below(3)).map(|place| NewPartner::choose(&mut rng, place)).collect();
        World::of(partners, rng, file, keys)
    }

    fn of(partners: Vec<NewPartner>, mut rng: Rng, file: &Path, keys: &Arc<Keyring>) -> Self {
        let credentials = partners.iter().map(NewPartner::credentials).collect();
        World {
            servers: (0..=rng.below(2)).map(|_| None).collect(),
            now_ms: rng.between(0, 1_500_000),
            rng,
            step: 0,
            file: file.to_owned(),
            keys: Arc::clone(keys),
            bank: SimBank::default(),
            partners,
            credentials,
            model: Model::new(),
            mirror: Mirror::default(),
            specs: HashMap::new(),
            history: Vec::new(),
            done: Vec::new(),
            flights: Vec::new(),
            calls: 0,
            correlations: 0,
            serials: 0,
            users: 1_000,
            trace: Trace::default(),
            tally: Tally::default(),
        }
    }

    fn now_us(&self) -> i64 {
        i64::try_from((EPOCH_MS + self.now_ms) * 1_000).unwrap_or(0)
    }

    /// A process that runs; one is started where none does.
    fn running(&mut self) -> Stepped<usize> {
        if let Some(index) = self.servers.iter().position(Option::is_some) {
            return Ok(index);
        }
        self.start(0)?;
        Ok(0)
    }

    fn start(&mut self, index: usize) -> Stepped {
        let server = Server::start(&self.file, &self.keys, &self.bank, self.now_ms)?;
        if let Some(place) = self.servers.get_mut(index) {
            *place = Some(server);
        }
        self.note(format!("process {index} starts"));
        Ok(())
    }

    fn server(&self, index: usize) -> Option<&Server> {
        self.servers.get(index)?.as_ref()
    }

    fn note(&mut self, event: String) {
        self.trace.note(format!("{:>5} {:>9} ms  {event}", self.step, self.now_ms));
    }

    /// Writes partners and the first members.
    fn begin(&mut self) -> Stepped {
        self.found()?;
        for place in 0..self.partners.len() {
            for _ in 0..self.rng.between(3, 6) {
                self.join(place)?;
            }
        }
        self.mirror_keys()
    }

    /// Writes the partners.
    fn found(&mut self) -> Stepped {
        let index = self.running()?;
        for place in 0..self.partners.len() {
            let Some(partner) = self.partners.get(place).cloned() else { continue };
            let (written, model) = (
                partner.clone(),
                Partner {
                    is_strict: partner.is_strict,
                    replay_window_us: partner.replay_window_ms * 1_000,
                    products: partner.products.iter().cloned().collect(),
                    ..Partner::default()
                },
            );
            let Some(server) = self.server(index) else { continue };
            let core = server.core().clone();
            let ((), ran) = server.directly(move |tx| written.put(&core, tx))?;
            self.take_over(&ran)?;
            self.model.insert(partner.asp, model);
        }
        Ok(())
    }

    /// The rows that were there before the first change, such as the migrations'.
    fn mirror_keys(&mut self) -> Stepped {
        let index = self.running()?;
        let rows = self.server(index).map(Server::rows).transpose()?.unwrap_or_default();
        for row in rows {
            if self.mirror.row(row.table(), &row.key()).is_none() {
                self.mirror.apply(&[Change { before: None, after: Some(row) }])?;
            }
        }
        Ok(())
    }

    /// A new member joins a partner.
    fn join(&mut self, place: usize) -> Stepped {
        let Some(partner) = self.partners.get(place) else { return Ok(()) };
        let user = self.users;
        let services: Vec<String> = partner.products.iter().map(|(id, _)| id.clone()).collect();
        self.users += 1;
        let new = NewMember::choose(&mut self.rng, user, &services, &mut self.serials, self.now_ms);
        for bank in &new.banks {
            let balance = self.rng.pick(&BANK_BALANCES_WON).copied().unwrap_or(0);
            self.bank.put(&bank.pseudonym, balance);
        }
        self.joins(place, new)
    }

    /// This member joins a partner.
    fn joins(&mut self, place: usize, new: NewMember) -> Stepped {
        let index = self.running()?;
        let Some(partner) = self.partners.get(place) else { return Ok(()) };
        let (asp, user) = (partner.asp.clone(), new.user);
        let Some(server) = self.server(index) else { return Ok(()) };
        let (core, now) = (server.core().clone(), Timestamp(self.now_us()));
        let (written, of) = (new.clone(), AspId::new(&asp));
        let ((), ran) = server.directly(move |tx| written.put(&core, tx, &of, now))?;
        self.take_over(&ran)?;
        self.know(&asp, new, &ran)?;
        self.note(format!("member {user} joins partner {place}"));
        Ok(())
    }

    /// Takes a new member and the cards just written over into the model.
    fn know(&mut self, asp: &str, new: NewMember, ran: &[Ran]) -> Stepped {
        let index = self.running()?;
        let Some(core) = self.server(index).map(|server| server.core().clone()) else {
            return Ok(());
        };
        let around =
            Around { now_us: self.now_us(), bank: &self.bank, core: &core, specs: &self.specs };
        let Some(partner) = self.model.get_mut(asp) else { return Ok(()) };
        let mut member = Member {
            is_active: new.is_active,
            is_verified: new.is_verified,
            banks: new.banks,
            ..Member::default()
        };
        let rows = ran.iter().flat_map(|ran| &ran.changes).filter_map(|change| change.row());
        let mut given = new.cards.iter();
        for row in rows {
            match row.table() {
                "card_account" => {
                    let Some(card) = given.next() else { continue };
                    let account = Account {
                        user: new.user,
                        service: card.service.clone(),
                        state: card.state,
                        balance: card.balance,
                        successor: None,
                        is_main: row.int("is_main") == Some(1),
                        reissues: 0,
                        expiry: card.expiry,
                        told: 0,
                    };
                    partner.accounts.insert(row.int("account_id").unwrap_or(0), account);
                }
                "card" => member.cards.push(add_card(partner, &around, row)?),
                _ => {}
            }
        }
        partner.members.insert(new.user, member);
        Ok(())
    }

    /// Takes rows over that the simulation itself has changed.
    fn take_over(&mut self, ran: &[Ran]) -> Check {
        ran.iter().try_for_each(|ran| {
            self.mirror.apply(&ran.changes)?;
            on_touched(&self.mirror, &self.bank, &ran.changes)
        })
    }

    /// Runs waiting write jobs of a process as one group and checks each in its place.
    fn write(&mut self, index: usize, jobs_max: usize) -> Stepped {
        let Some(server) = self.server(index) else { return Ok(()) };
        let core = server.core().clone();
        let ran = server.write(jobs_max)?;
        self.tally.add("jobs in a group", &ran.len().to_string(), 1);
        for ran in &ran {
            refused_changed_nothing(ran)?;
            if ran.ended != Ended::Done {
                self.note(format!("process {index}: a job ended {:?}", ran.ended));
                continue;
            }
            self.mirror.apply(&ran.changes)?;
            self.done.extend(effect_of(&ran.changes).and_then(|key| self.specs.get(key)).cloned());
            let around =
                Around { now_us: self.now_us(), bank: &self.bank, core: &core, specs: &self.specs };
            let what = explain(&mut self.model, &around, &ran.changes)?;
            on_touched(&self.mirror, &self.bank, &ran.changes)?;
            self.tally.count("effects", what);
            self.note(format!("process {index}: {what}"));
            if !IDLE.contains(&what) {
                self.look_again();
            }
        }
        Ok(())
    }

    /// A message moves on at the bank.
    fn bank_step(&mut self) -> Stepped {
        let now_ms = EPOCH_MS + self.now_ms;
        let Some((what, executed)) = self.bank.step(&mut self.rng, now_ms) else { return Ok(()) };
        self.note(format!("bank: {what}"));
        let Some(id) = executed else { return Ok(()) };
        let Some(order) = self.bank.order(&id) else { return Ok(()) };
        Ok(one_withdrawal(&self.mirror, &id, &order)?)
    }
}

/// What recognises the call that a job has done.
fn effect_of(changes: &[Change]) -> Option<&[u8]> {
    changes.iter().find_map(|change| match (&change.before, &change.after) {
        (None, Some(row)) if row.table() == "operation_log" => row.blob("replay_key"),
        _ => None,
    })
}

/// What a broken rule is called where a world cannot go on.
fn stuck<T>(seen: impl Into<String>) -> Stepped<T> {
    Ok(broken("the-world-goes-on", seen)?)
}

#[cfg(test)]
mod tests;

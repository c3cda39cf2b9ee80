//! Every place where something can go wrong, one after the other: the nth statement, commit, answer
//! of a commit, call to the bank, and the process killed at its nth step, until no nth comes any
//! more. Each time: all or nothing, and the same call again comes to the same end.

mod drivers;
mod injector;
mod life;
mod opened;
mod picture;
mod saved;
mod sealing;
mod stage;
mod upkeep;

use std::time::Instant;

use platen::context::Clock;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::products::{FREE, ORDINARY, STANDARD};
use platen::sandbox::world::{Bank, Card, GIVEN_EXPIRY_YYMM, World};
use serde_json::{Value, json};
use store::Cause;
use store::testing::{TestDatabase, engines};
use tokio::task::JoinSet;

use crate::given::{change, mobile_only};
use crate::support::{REISSUE, STATE, TestBank, aside};
use injector::{Counts, Fault};
use picture::{Exact, Normal, difference};
use stage::{Answer, Call, Process, Stage, close, soon};

/// Far more than any case has.
const NTH_MAX: usize = 400;
/// An order that was lost is asked about, then another one is sent.
const RETURN_ROUNDS_MAX: usize = 3;
/// Members of these checks; every case on every engine has one.
const NUMBER_FIRST: u32 = 900_000;
/// The order surely never left.
const NETWORK_ISSUE: &str = "003_051";
const FEE_IN_PROGRESS: &str = "003_055";
const UNAVAILABLE: &str = "000_997";
const SERVER_FAULT: &str = "000_999";

/// What is done while something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// A call.
    Call,
    /// A call of a server that has nothing in memory.
    ColdCall,
    /// A call whose order does not get to the bank.
    CutOffCall,
    /// A round of recovery, the order having been executed.
    RecoverTaken,
    /// A round of recovery, the order having been lost.
    RecoverLost,
    /// A round of recovery, a fee being owed back.
    GiveBack,
}

/// Which faults are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Without killing the process: another case goes the same way.
    Basic,
    Usual,
    /// Lost connections and panics as well, which end a transaction as a failed statement does.
    Thorough,
}

struct Case {
    name: &'static str,
    does: Does,
    given: fn(&mut World),
    path: &'static str,
    body: fn(&World) -> Value,
    depth: Depth,
}

const fn reissue(name: &'static str, given: fn(&mut World), body: fn(&World) -> Value) -> Case {
    Case { name, does: Does::Call, given, path: REISSUE, body, depth: Depth::Usual }
}

fn free(world: &mut World) {
    world.product = FREE;
    world.bank = Bank::None;
}

fn ordinary(world: &mut World) {
    world.product = ORDINARY;
    world.bank = Bank::None;
}

fn charged(world: &mut World) {
    assert_eq!(world.product, STANDARD);
}

fn suspend(world: &World) -> Value {
    change(world, "SUSPEND")
}

fn resume(world: &World) -> Value {
    change(world, "RESUME")
}

fn wrong_guess(world: &World) -> Value {
    json!({ "cardNo": world.card_no(), "expiryDate": GIVEN_EXPIRY_YYMM, "cardCVC": "999" })
}

fn unregistered(world: &mut World) {
    world.card = Card::Unregistered;
    world.bank = Bank::None;
}

const WITHOUT_FEE: [Case; 7] = [
    Case { depth: Depth::Thorough, ..reissue("reissue, mobile card alone", free, mobile_only) },
    reissue("reissue with plastic", free, with_plastic),
    Case {
        depth: Depth::Basic,
        ..reissue("reissue of an ordinary product", ordinary, with_plastic)
    },
    Case {
        does: Does::ColdCall,
        ..reissue("reissue with all supplies to be refilled", free, with_plastic)
    },
    Case { path: STATE, ..reissue("loss reported", |world| world.card = Card::Active, suspend) },
    Case { path: STATE, depth: Depth::Basic, ..reissue("loss withdrawn", free, resume) },
    Case {
        path: "/api/v1/unregister/card/info",
        ..reissue("wrong guess at a CVC", unregistered, wrong_guess)
    },
];

const WITH_FEE: [Case; 7] = [
    Case { depth: Depth::Thorough, ..reissue("reissue with fee, taken", charged, with_plastic) },
    reissue("reissue with fee, refused", |world| world.bank = Bank::Short, with_plastic),
    reissue(
        "reissue with fee, taken without a word",
        |world| world.bank = Bank::Behaving("error500"),
        with_plastic,
    ),
    Case {
        does: Does::CutOffCall,
        depth: Depth::Basic,
        ..reissue("reissue with fee, bank not to be reached", charged, with_plastic)
    },
    Case {
        does: Does::RecoverTaken,
        ..reissue("recovery of a fee that was taken", charged, with_plastic)
    },
    Case {
        does: Does::RecoverLost,
        ..reissue("recovery of a fee that was not", charged, with_plastic)
    },
    Case {
        does: Does::GiveBack,
        depth: Depth::Thorough,
        ..reissue("return of a fee", charged, with_plastic)
    },
];

/// How one run came to its end.
struct Ended {
    before: Exact,
    after: Exact,
    end: Exact,
    /// None: the process was killed.
    first: Option<Answer>,
    last: Answer,
    taken: i64,
    /// How often the bank has given the fee back.
    given_back: usize,
    counts: Counts,
    came: bool,
}

/// How runs may look in between and at the end.
struct Reference {
    stages: Vec<Normal>,
    /// The end of an undisturbed run, and its code.
    end: (Normal, String),
    /// The end where the order never left.
    unsent: Option<Normal>,
}

struct Play {
    stage: Stage,
    case: &'static Case,
    world: World,
    call: Call,
}

impl Play {
    async fn of(
        case: &'static Case,
        number: u32,
        database: &TestDatabase,
        bank: &TestBank,
    ) -> Self {
        let stage = Stage::set(database.target(), bank).await;
        let mut world = World::new(NUMBER_FIRST + number);
        (case.given)(&mut world);
        let body = (case.body)(&world).to_string();
        Play {
            stage,
            case,
            call: Call { path: case.path, body, id: "261124120000-0f1a2b3" },
            world,
        }
    }

    async fn picture(&self, from: i64) -> Exact {
        Exact::take(&self.stage.witness.app.store, from).await
    }

    /// Arms the world; for recovery, with a fee whose outcome nobody knows yet. When it
    /// began.
    async fn arm(&self) -> i64 {
        let from = Clock.now().0;
        self.stage.arm(&self.world).await;
        let lost = match self.case.does {
            Does::Call | Does::ColdCall | Does::CutOffCall => return from,
            Does::RecoverTaken | Does::GiveBack => Fault::LostAfter,
            Does::RecoverLost => Fault::LostBefore,
        };
        let victim = &self.stage.victim;
        victim.injector.begin(Some((lost, 1)));
        assert_eq!(self.stage.call(victim, &self.call).await.code, FEE_IN_PROGRESS);
        assert!(victim.injector.end().1);
        if self.case.does == Does::GiveBack {
            self.stage.spoil().await;
            self.stage.recover(&self.stage.witness).await;
            assert!(self.stage.has_open_return().await);
        }
        from
    }

    async fn act(&self, process: &Process) -> Option<Answer> {
        match self.case.does {
            Does::Call | Does::ColdCall | Does::CutOffCall => {
                Some(self.stage.call(process, &self.call).await)
            }
            Does::RecoverTaken | Does::RecoverLost | Does::GiveBack => {
                self.stage.recover(process).await;
                None
            }
        }
    }

    /// Calls until the database is there again.
    async fn act_until_done(&self, process: &Process) -> Option<Answer> {
        let mut answer = self.act(process).await;
        for _ in 0..3 {
            answer = self.act(process).await;
        }
        answer
    }

    async fn run(&self, plan: Option<(Fault, usize)>) -> Ended {
        let from = self.arm().await;
        let before = self.picture(from).await;
        let is_kill = matches!(plan, Some((Fault::Kill, _)));
        let (process, to_close) = match self.case.does {
            _ if is_kill => {
                let (process, store) = self.stage.process().await;
                (process, Some(store))
            }
            Does::ColdCall => (self.stage.cold(), None),
            Does::Call
            | Does::CutOffCall
            | Does::RecoverTaken
            | Does::RecoverLost
            | Does::GiveBack => (self.stage.victim.clone(), None),
        };
        if self.case.does == Does::CutOffCall {
            process.injector.cut_off();
            self.stage.witness.injector.cut_off();
        }
        process.injector.begin(plan);
        let first = tokio::select! {
            first = async {
                match plan {
                    Some((Fault::Twice, _)) => self.act_until_done(&process).await,
                    Some(_) | None => self.act(&process).await,
                }
            } => first,
            () = process.injector.died() => None,
        };
        let (counts, came) = process.injector.end();
        if let Some(store) = to_close {
            close(store).await;
        }
        let after = self.picture(from).await;
        let next = if is_kill { &self.stage.witness } else { &process };
        let last = self.converge(next).await;
        let end = self.picture(from).await;
        let (taken, given_back) = match self.world.bank {
            Bank::Short | Bank::Behaving(_) => {
                let world = &self.world;
                (self.stage.taken(world).await, self.stage.given_back(world).await)
            }
            Bank::None | Bank::ConsentEnded | Bank::Unreachable => (0, 0),
        };
        Ended { before, after, end, first, last, taken, given_back, counts, came }
    }

    /// Recovery does its work, and the same call is made again, and once more at the other server.
    async fn converge(&self, next: &Process) -> Answer {
        let mut again = None;
        for _ in 0..RETURN_ROUNDS_MAX {
            if self.stage.has_open_return().await {
                self.stage.recover(&self.stage.witness).await;
            }
        }
        for _ in 0..3 {
            if self.stage.has_open_fee().await {
                self.stage.recover(&self.stage.witness).await;
            }
            let answer = self.stage.call(next, &self.call).await;
            let is_final = ![UNAVAILABLE, FEE_IN_PROGRESS].contains(&&*answer.code);
            again = Some(answer);
            if is_final {
                break;
            }
        }
        let again = again.unwrap();
        let once_more = self.stage.call(&self.stage.witness, &self.call).await;
        assert_eq!(again, once_more, "{}", self.case.name);
        again
    }

    /// What undisturbed runs look like.
    async fn reference(&self) -> (Reference, Counts) {
        // Supplies and keys are in memory from here on.
        self.run(None).await;
        let whole = self.run(None).await;
        let mut stages = vec![whole.before.normal(), whole.after.normal(), whole.end.normal()];
        if whole.counts.bank_calls > 0 {
            stages.push(self.halfway().await);
        }
        let unsent = match self.case.does {
            Does::Call | Does::CutOffCall if whole.counts.bank_calls > 0 => {
                let unsent = self.run(Some((Fault::NotSent, 1))).await;
                assert_eq!((unsent.taken, unsent.last.code.as_str()), (0, NETWORK_ISSUE));
                stages.push(unsent.end.normal());
                Some(unsent.end.normal())
            }
            Does::Call
            | Does::CutOffCall
            | Does::ColdCall
            | Does::RecoverTaken
            | Does::RecoverLost
            | Does::GiveBack => None,
        };
        let end = (whole.end.normal(), whole.last.code.clone());
        self.check(
            &whole,
            &Reference { stages: stages.clone(), end: end.clone(), unsent: None },
            "",
        );
        (Reference { stages, end, unsent }, whole.counts)
    }

    /// What stands there while the bank is being called.
    async fn halfway(&self) -> Normal {
        let from = self.arm().await;
        let victim = &self.stage.victim;
        let keeper = victim.injector.gate();
        let (halfway, _) = tokio::join!(
            async {
                soon("the call to the bank", keeper.reached).await.unwrap();
                let picture = self.picture(from).await;
                keeper.open.send(()).unwrap();
                picture
            },
            self.act(victim),
        );
        halfway.normal()
    }

    fn check(&self, ended: &Ended, reference: &Reference, place: &str) {
        let place = format!("{} on {}{place}", self.case.name, self.stage.engine);
        let (after, end) = (ended.after.normal(), ended.end.normal());
        assert!(
            reference.stages.contains(&after),
            "{place}: neither nothing nor a whole effect: {:#?}",
            difference(&after, &reference.end.0)
        );
        if after == ended.before.normal() && self.case.does == Does::Call {
            assert_eq!(ended.after, ended.before, "{place}");
        }
        for picture in [&ended.before, &ended.after, &ended.end] {
            picture.check_books(&place);
        }
        assert_eq!(ended.end.check_books(&place), ended.taken, "{place}: the bank's ledger");
        let returns = usize::from(self.case.does == Does::GiveBack);
        assert_eq!(ended.given_back, returns, "{place}: deposits");
        let code = ended.last.code.as_str();
        if Some(&end) == reference.unsent.as_ref() && end != reference.end.0 {
            assert_eq!((code, ended.taken), (NETWORK_ISSUE, 0), "{place}");
        } else {
            let differs = difference(&end, &reference.end.0);
            assert!(differs.is_empty(), "{place}: another end: {differs:#?}");
            assert_eq!(code, reference.end.1, "{place}");
        }
        if let Some(first) = &ended.first {
            let is_final = ![UNAVAILABLE, FEE_IN_PROGRESS, SERVER_FAULT].contains(&&*first.code);
            assert!(!is_final || *first == ended.last, "{place}: {first:?}, then {:?}", ended.last);
        }
    }

    /// Fails the nth, for every n.
    async fn enumerate(&self, reference: &Reference, fault: Fault) -> usize {
        for nth in 1..NTH_MAX {
            let ended = self.run(Some((fault, nth))).await;
            let place = format!(", {fault:?} {nth}");
            self.check(&ended, reference, &place);
            let faulted = ended.first.as_ref().is_some_and(|first| first.code == SERVER_FAULT);
            assert!(!faulted || fault == Fault::Panic, "{place}: a fault is no unavailability");
            if matches!(fault, Fault::Statement(_) | Fault::Commit) {
                assert_eq!(ended.last.code, reference.end.1, "{place}: it cost the reissue");
            }
            if !ended.came || fault == Fault::Twice {
                return nth;
            }
        }
        panic!("{fault:?} comes for ever");
    }

    /// All faults; a line of the table.
    async fn play(self) -> String {
        let begun = Instant::now();
        let (reference, counts) = self.reference().await;
        let mut faults =
            vec![Fault::Statement(Cause::TimedOut), Fault::Commit, Fault::Answer, Fault::Twice];
        if self.stage.engine == "PostgreSQL" && self.case.depth == Depth::Thorough {
            faults.push(Fault::Statement(Cause::Away));
        }
        if self.case.depth == Depth::Thorough {
            faults.push(Fault::Panic);
        }
        if counts.bank_calls > 0 {
            let bank = [Fault::NotSent, Fault::LostBefore, Fault::LostAfter, Fault::Slow];
            faults.extend(bank);
        }
        let mut worlds = 0;
        for fault in faults {
            worlds += self.enumerate(&reference, fault).await;
        }
        let steps = match self.case.depth {
            Depth::Basic => "–".to_owned(),
            Depth::Usual | Depth::Thorough => {
                let runs = self.enumerate(&reference, Fault::Kill).await;
                worlds += runs;
                (runs - 1).to_string()
            }
        };
        let line = format!(
            "| {} | {} | {} | {} | {} | {steps} | {worlds} |",
            self.case.name, self.stage.engine, counts.statements, counts.commits, counts.bank_calls,
        );
        println!("{line} {:?}", begun.elapsed());
        self.stage.strike().await;
        line
    }
}

async fn play_all(cases: &'static [Case], first: u32) {
    let mut plays = JoinSet::new();
    for (number, case) in (first..).step_by(2).zip(cases) {
        for (number, database) in (number..).zip(aside(engines).await) {
            plays.spawn(async move {
                // One each: every platform begins its bank transaction ids anew.
                let bank = TestBank::start().await;
                let line = Play::of(case, number, &database, &bank).await.play().await;
                bank.stop().await;
                aside(move || drop(database)).await;
                line
            });
        }
    }
    let mut lines = plays.join_all().await;
    lines.sort();
    println!("| case | engine | statements | commits | calls to the bank | steps | runs |");
    println!("|---|---|---|---|---|---|---|\n{}", lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fee_no_nth_failure_leaves_anything_half_done() {
    play_all(&WITHOUT_FEE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_fee_no_nth_failure_leaves_anything_half_done() {
    play_all(&WITH_FEE, 100).await;
}

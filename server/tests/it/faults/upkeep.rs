//! What is done beside calls, under every nth failure: the sealing of the log, and each change of
//! keys.

use std::sync::Arc;
use std::time::Instant;

use crypto::keyring::KeyPurpose;
use domain::{AspId, Timestamp};
use platen::audit::sealer;
use platen::audit::verify::{Report, partners, verify};
use platen::context::Clock;
use platen::keys::change::{self, Change};
use platen::keys::partner::{self, NewPair};
use platen::keys::{BEGIN_MS, KeysError, Made, reseal, unwrapped};
use platen::operator::Mode;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::keys::{Credentials, rotate, rotate_master};
use platen::sandbox::world::World;
use platen::sandbox::{ASP_ID, PROJECT_ID};
use store::testing::engines;
use store::{Cause, Tx};
use tokio::task::JoinSet;

use super::injector::{Counts, Fault};
use super::opened::{Opened, first_key, opened};
use super::saved::{restore, run, save};
use super::stage::{Call, Process, Stage, close};
use super::{NTH_MAX, NUMBER_FIRST, free};
use crate::support::{REISSUE, TestBank, aside};

const HOUR_MS: u64 = 60 * 60 * 1_000;
/// No call is remembered for so long.
const FORGOTTEN_MS: u64 = 48 * HOUR_MS;

/// What is done while something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Seal,
    Rotate(KeyPurpose),
    RotateMaster,
    RotatePair,
    Reseal(KeyPurpose),
    Retire(KeyPurpose),
    RetirePair,
}

impl Does {
    fn all() -> Vec<Self> {
        let kinds = KeyPurpose::ALL;
        let resealed = [KeyPurpose::DataKey, KeyPurpose::Lookup];
        let mut all = vec![Does::Seal, Does::RotateMaster, Does::RotatePair, Does::RetirePair];
        all.extend(kinds.map(Does::Rotate));
        all.extend(resealed.map(Does::Reseal));
        all.extend(kinds.map(Does::Retire));
        all
    }

    fn name(self) -> String {
        match self {
            Does::Seal => "round of sealing, three chains".to_owned(),
            Does::Rotate(purpose) => format!("rotate {purpose}"),
            Does::RotateMaster => "rotate master".to_owned(),
            Does::RotatePair => "rotate crypto".to_owned(),
            Does::Reseal(purpose) => format!("reseal {purpose}"),
            Does::Retire(purpose) => format!("retire {purpose}"),
            Does::RetirePair => "retire crypto".to_owned(),
        }
    }

    /// Whether it may be done any number of times, each noted in the log.
    const fn is_repeatable(self) -> bool {
        match self {
            Does::RotateMaster | Does::Reseal(_) => true,
            Does::Seal
            | Does::Rotate(_)
            | Does::RotatePair
            | Does::Retire(_)
            | Does::RetirePair => false,
        }
    }
}

/// A database that each run finds as the one before it did.
struct Yard {
    stage: Stage,
    /// When keys are changed.
    now: Timestamp,
    /// The project's next pair.
    pair: Arc<NewPair>,
}

/// What undisturbed runs look like.
struct Reference {
    before: Opened,
    end: Opened,
    counts: Counts,
}

impl Yard {
    /// A member with a card of before and one of now, and its delivery.
    async fn set(stage: Stage) -> Self {
        let mut world = World::new(NUMBER_FIRST);
        free(&mut world);
        stage.arm(&world).await;
        let body = with_plastic(&world).to_string();
        let call = Call { path: REISSUE, body, id: "261124120000-0f1a2b3" };
        assert_eq!(stage.call(&stage.witness, &call).await.code, "000_000");
        save(&stage.witness.app.store, "base").await;
        let now = Clock.now().plus_ms(FORGOTTEN_MS);
        Yard { stage, now, pair: Arc::new(NewPair::make().unwrap()) }
    }

    fn why(&self) -> Change {
        Change { by: "test".to_owned(), reason: "to see it work".to_owned(), now: self.now }
    }

    /// What has to be there before.
    async fn prepare(&self, does: Does) {
        let store = &self.stage.witness.app.store;
        restore(store, "base").await;
        match does {
            Does::Rotate(_) | Does::RotateMaster | Does::RotatePair => {}
            Does::Seal => run(store, unsealed_rows()).await,
            Does::RetirePair => self.act(Does::RotatePair, &self.stage.witness).await.unwrap(),
            Does::Reseal(purpose) => self.superseded(purpose).await,
            Does::Retire(purpose) => {
                self.superseded(purpose).await;
                self.not_needed(purpose).await;
            }
        }
        save(store, "start").await;
    }

    /// Nothing depends on a purpose's first key any more.
    async fn not_needed(&self, purpose: KeyPurpose) {
        let (witness, old) = (&self.stage.witness, first_key(purpose));
        let script = match purpose {
            KeyPurpose::DataKey | KeyPurpose::Lookup => {
                return self.act(Does::Reseal(purpose), witness).await.unwrap();
            }
            KeyPurpose::CardVerification => format!("DELETE FROM card WHERE cvc_key_id = {old}"),
            KeyPurpose::Number => format!("DELETE FROM number_range WHERE number_key_id = {old}"),
            KeyPurpose::Digest => format!(
                "UPDATE access_key SET digest_key_id = {old} + 1;
                 UPDATE project SET digest_key_id = {old} + 1"
            ),
            // Nothing is sealed here.
            KeyPurpose::Audit => return,
        };
        run(&witness.app.store, script).await;
    }

    /// A key that another one has taken over from an hour ago.
    async fn superseded(&self, purpose: KeyPurpose) {
        let app = &self.stage.witness.app;
        let began = Clock.now().minus_ms(HOUR_MS);
        let change = Change { now: began, ..self.why() };
        let work = move |tx: &mut Tx<'_>| rotate(tx, purpose, began, &change).map(drop);
        app.store.write(work).await.unwrap();
    }

    /// Does it, as a command does: with the keys that it reads first.
    async fn act(&self, does: Does, process: &Process) -> Result<(), KeysError> {
        let (app, change) = (&process.app, self.why());
        if does == Does::Seal {
            let sealed = sealer::round(app).await;
            return sealed.map_err(|error| KeysError::Store(error.to_string()));
        }
        app.core.keys.reload(&app.store, Clock.now()).await.map_err(unwrapped)?;
        match does {
            Does::Seal => Ok(()),
            Does::Rotate(purpose) => {
                let from = self.now.plus_ms(BEGIN_MS);
                write(process, move |tx| rotate(tx, purpose, from, &change).map(drop)).await
            }
            Does::RotateMaster => {
                write(process, move |tx| rotate_master(tx, &change).map(drop)).await
            }
            Does::RotatePair => self.rotate_pair(process).await,
            Does::Reseal(purpose) => self.reseal(process, purpose).await,
            Does::Retire(purpose) => {
                let (old, now) = (first_key(purpose), self.now);
                let check = move |tx: &mut Tx<'_>| change::may_retire(tx, purpose, old, now);
                app.store.read(check).await.map_err(unwrapped)?;
                write(process, move |tx| change::retire(tx, purpose, old, &change).map(drop)).await
            }
            Does::RetirePair => {
                let (asp, first) = (AspId::new(ASP_ID), self.stage.first_pair.clone());
                write(process, move |tx| partner::retire(tx, &asp, &first, &change)).await
            }
        }
    }

    async fn rotate_pair(&self, process: &Process) -> Result<(), KeysError> {
        let (asp, pair, change) = (AspId::new(ASP_ID), Arc::clone(&self.pair), self.why());
        let keys = process.app.core.keys.clone();
        let work = move |tx: &mut Tx<'_>| {
            partner::rotate(tx, &keys.ring(), &asp, PROJECT_ID, &pair, &change)?;
            Credentials::replace_pair(tx, &asp, &keys.ring(), &pair)
        };
        write(process, work).await
    }

    async fn reseal(&self, process: &Process, purpose: KeyPurpose) -> Result<(), KeysError> {
        let (app, change) = (Arc::clone(&process.app), self.why());
        let reseal = if purpose == KeyPurpose::Lookup { reseal::lookup } else { reseal::data };
        aside(move || reseal(&app.store, &app.core, &change, Mode::Real)).await.map(drop)
    }

    /// Everything that stands there. What is noted each time that it is done counts once.
    async fn picture(&self, does: Does) -> Opened {
        let mut picture = opened(&self.stage.witness).await;
        if does.is_repeatable() {
            picture.get_mut("operation_log").unwrap().dedup();
        }
        if does == Does::Seal {
            self.check_chains(does).await;
        }
        picture
    }

    /// Every row is sealed once or not yet.
    async fn check_chains(&self, does: Does) -> i64 {
        let app = Arc::clone(&self.stage.witness.app);
        let reports: Vec<Report> = aside(move || {
            let checked = |asp| verify(&app.store, &app.core.keys, &asp, None).unwrap();
            partners(&app.store).unwrap().into_iter().map(checked).collect()
        })
        .await;
        let mut unsealed = 0;
        for report in reports {
            assert_eq!(report.breaks, [], "{}", does.name());
            unsealed += report.unsealed;
        }
        unsealed
    }

    /// Does it until it is done.
    async fn converge(&self, does: Does, next: &Process) -> Opened {
        for _ in 0..3 {
            if !matches!(self.act(does, next).await, Err(KeysError::Store(_))) {
                break;
            }
        }
        self.check_done(does).await;
        self.picture(does).await
    }

    /// Nothing is left to do.
    async fn check_done(&self, does: Does) {
        match does {
            Does::Seal => assert_eq!(self.check_chains(does).await, 0),
            Does::Reseal(purpose) => {
                let (old, now) = (first_key(purpose), self.now);
                let check = move |tx: &mut Tx<'_>| change::may_retire(tx, purpose, old, now);
                self.stage.witness.app.store.read(check).await.unwrap();
            }
            Does::Rotate(_)
            | Does::RotateMaster
            | Does::RotatePair
            | Does::Retire(_)
            | Does::RetirePair => {}
        }
    }

    async fn reference(&self, does: Does) -> Reference {
        self.prepare(does).await;
        let before = self.picture(does).await;
        let Stage { witness, victim, .. } = &self.stage;
        victim.injector.begin(None);
        self.act(does, victim).await.unwrap();
        let (counts, _) = victim.injector.end();
        let end = self.picture(does).await;
        // Done twice, at one server and the other.
        for again in [victim, witness] {
            assert_eq!(self.converge(does, again).await, end, "{}", does.name());
        }
        assert_eq!(before == end, does == Does::Seal, "{} does nothing", does.name());
        Reference { before, end, counts }
    }

    /// One run; whether the nth has come.
    async fn run(&self, does: Does, reference: &Reference, fault: Fault, nth: usize) -> bool {
        let place = format!("{} on {}, {fault:?} {nth}", does.name(), self.stage.engine);
        restore(&self.stage.witness.app.store, "start").await;
        let (process, to_close) = if fault == Fault::Kill {
            let (process, store) = self.stage.process().await;
            (process, Some(store))
        } else {
            (self.stage.victim.clone(), None)
        };
        process.injector.begin(Some((fault, nth)));
        let first = tokio::select! {
            first = self.act(does, &process) => Some(first),
            () = process.injector.died() => None,
        };
        let (_, came) = process.injector.end();
        if let Some(store) = to_close {
            close(store).await;
        }
        let after = self.picture(does).await;
        let next = if fault == Fault::Kill { &self.stage.witness } else { &process };
        assert!([&reference.before, &reference.end].contains(&&after), "{place}: half done");
        match first {
            // A round of sealing leaves what fails to the next one.
            Some(Ok(())) if does == Does::Seal => {}
            Some(Ok(())) => {
                assert_eq!(after, reference.end, "{place}: done");
                self.check_done(does).await;
            }
            Some(Err(KeysError::Store(_))) | None => {}
            Some(Err(error)) => panic!("{place}: {error}"),
        }
        assert_eq!(self.converge(does, next).await, reference.end, "{place}");
        came
    }

    /// All faults; a line of the table.
    async fn play(&self, does: Does) -> String {
        let begun = Instant::now();
        let reference = self.reference(does).await;
        let faults = [Fault::Statement(Cause::TimedOut), Fault::Commit, Fault::Answer, Fault::Kill];
        let (mut runs, mut steps) = (0, 0);
        for fault in faults {
            let mut nth = 1;
            while self.run(does, &reference, fault, nth).await {
                nth += 1;
                assert!(nth < NTH_MAX, "{fault:?} comes for ever");
            }
            runs += nth;
            steps = nth - 1;
        }
        let Counts { statements, commits, .. } = reference.counts;
        let (name, engine) = (does.name(), self.stage.engine);
        let line =
            format!("| {name} | {engine} | {statements} | {commits} | 0 | {steps} | {runs} |");
        println!("{line} {:?}", begun.elapsed());
        line
    }
}

async fn write(
    process: &Process,
    work: impl FnMut(&mut Tx<'_>) -> Made<()> + Send + 'static,
) -> Result<(), KeysError> {
    process.app.store.write(work).await.map_err(unwrapped)
}

/// A partner whose rows need two seals, and one that needs one.
fn unsealed_rows() -> String {
    let row =
        |asp: i64, id: i64| format!("('{asp:015}', {id}, 'o', 'e', '0', '-', '-', '{{}}', 1)");
    let rows: Vec<_> = (1..=260).map(|id| row(7, id)).chain([row(8, 1)]).collect();
    format!(
        "INSERT INTO partner (asp_id, name, state)
         VALUES ('{:015}', 'x', 'ACTIVE'), ('{:015}', 'x', 'ACTIVE');
         INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
             subject, payload, happened_at) VALUES {}",
        7,
        8,
        rows.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_and_changes_of_keys_are_never_half_done() {
    play_all(|does| !matches!(does, Does::Reseal(_))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resealing_goes_on_from_wherever_it_ended() {
    play_all(|does| matches!(does, Does::Reseal(_))).await;
}

async fn play_all(is_wanted: fn(&Does) -> bool) {
    let mut plays = JoinSet::new();
    for database in aside(engines).await {
        plays.spawn(async move {
            let bank = TestBank::start().await;
            let yard = Yard::set(Stage::set(database.target(), &bank).await).await;
            let mut lines = Vec::new();
            for does in Does::all().into_iter().filter(is_wanted) {
                lines.push(yard.play(does).await);
            }
            yard.stage.strike().await;
            bank.stop().await;
            aside(move || drop(database)).await;
            lines
        });
    }
    let mut lines = plays.join_all().await.concat();
    lines.sort();
    println!("| case | engine | statements | commits | calls to the bank | steps | runs |");
    println!("|---|---|---|---|---|---|---|\n{}", lines.join("\n"));
}

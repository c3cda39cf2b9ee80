//! A ruling whose database fails: all of it is written, once, or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::application::State;
use domain::{ApplyNo, AspId};
use platen::context::{App, Clock};
use platen::fee::resolving::{Given, Outcome, ResolveError, resolve};
use platen::operator::Mode;
use platen::ops::Operations;
use platen::sandbox::ASP_ID;
use platen::sandbox::bank::SandboxBank;
use platen::sandbox::run::open_with;
use platen::settings::Settings;
use store::tables::fee_proposals::Verdict;
use store::{Cause, FaultSeam, Options, Point, Target};

use super::{again, by_hand, journal, on_each, proposals, ruled, stuck};
use crate::support::{TestBank, aside};

/// Statements of a ruling, and more: the last ones fail never.
const STATEMENTS_MAX: usize = 60;

/// What fails, from where on, and how often.
#[derive(Default)]
struct Plan {
    seen: AtomicUsize,
    from: AtomicUsize,
    times: AtomicUsize,
}

impl Plan {
    fn set(&self, from: usize, times: usize) {
        self.seen.store(0, Ordering::SeqCst);
        self.from.store(from, Ordering::SeqCst);
        self.times.store(times, Ordering::SeqCst);
    }

    fn fails(&self) -> bool {
        let nth = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let (from, times) = (self.from.load(Ordering::SeqCst), self.times.load(Ordering::SeqCst));
        nth >= from && nth - from < times
    }
}

/// A command's server whose database fails at a point.
async fn victim(target: &Target, bank: &TestBank, (point, plan): (Point, &Arc<Plan>)) -> App {
    let settings = Settings { fee_deadline_ms: 1, fee_recovery_margin_ms: 1, ..by_hand() };
    let plan = Arc::clone(plan);
    let cause = if point == Point::Answer { Cause::CommitUnknown } else { Cause::Exhausted };
    let seam = FaultSeam::new(move |at| (at == point && plan.fails()).then_some(cause));
    let options = Options { fault: Some(seam), ..Options::default() };
    let bank = SandboxBank::attach(&bank.url, &settings).unwrap();
    let target = target.clone();
    let opened = aside(move || open_with(&target, &settings, options, false).ok());
    let (store, core) = opened.await.unwrap();
    App::new(store, core, Operations::load().unwrap(), Arc::new(Clock), bank.connector).unwrap()
}

fn given(by: &str) -> Given {
    let text = || "it fails".to_owned();
    Given { verdict: Verdict::Taken, evidence: text(), reason: text(), by: by.to_owned() }
}

/// It fails for good from the nth statement on, or at the commit; then nothing has happened, and
/// the ruling is confirmed once all is well.
#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_that_fails_halfway_has_not_happened() {
    on_each(by_hand(), async |server, bank, _, target| {
        for point in [Point::Statement, Point::Commit] {
            let plan = Arc::new(Plan::default());
            let app = victim(target, bank, (point, &plan)).await;
            let mut failed = 0;
            for from in (1..STATEMENTS_MAX).step_by(if point == Point::Commit { 60 } else { 5 }) {
                let (world, id, no) = stuck(server, bank).await;
                let (asp, apply_no) = (AspId::new(ASP_ID), ApplyNo::new(no.as_str()));
                let at = (&asp, &apply_no);
                resolve(&app, at, &given("kim"), Mode::Real).await.unwrap();
                plan.set(from, usize::MAX);
                let ended = resolve(&app, at, &given("lee"), Mode::Real).await;
                plan.set(1, 0);
                if ended.is_err() {
                    failed += 1;
                    assert_eq!(server.state(world.user_id()).await, "COST_PAYING", "{from}");
                    assert_eq!(proposals(server).await, 1, "{point:?} {from}");
                    assert_eq!(journal(server, &no).await.len(), 0, "{point:?} {from}");
                    assert_eq!(ruled(server, &no).await.len(), 1, "{point:?} {from}");
                    resolve(&app, at, &given("lee"), Mode::Real).await.unwrap();
                }
                assert_eq!(again(server, (&world, &id)).await, "000_000", "{point:?} {from}");
                assert_eq!(journal(server, &no).await.len(), 2, "{point:?} {from}");
                assert_eq!(ruled(server, &no).await.len(), 2, "{point:?} {from}");
                if ended.is_ok() {
                    break;
                }
            }
            assert!(failed >= if point == Point::Commit { 1 } else { 3 }, "{point:?}: {failed}");
            aside(move || app.store.close()).await;
        }
    })
    .await;
}

/// It is committed and the answer is lost: that is noticed, and nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_whose_answer_is_lost_is_told_as_done() {
    on_each(by_hand(), async |server, bank, _, target| {
        let plan = Arc::new(Plan::default());
        let app = victim(target, bank, (Point::Answer, &plan)).await;
        let mut lost = 0;
        for from in 1..=4 {
            let (world, id, no) = stuck(server, bank).await;
            let (asp, apply_no) = (AspId::new(ASP_ID), ApplyNo::new(no.as_str()));
            let at = (&asp, &apply_no);
            resolve(&app, at, &given("kim"), Mode::Real).await.unwrap();
            plan.set(from, 1);
            let mut ended = resolve(&app, at, &given("lee"), Mode::Real).await;
            let was_lost = plan.seen.load(Ordering::SeqCst) >= from;
            plan.set(1, 0);
            if let Err(ResolveError::Work(_)) = ended {
                // It was the first look at the fee that was lost.
                assert_eq!(server.state(world.user_id()).await, "COST_PAYING", "{from}");
                ended = resolve(&app, at, &given("lee"), Mode::Real).await;
            } else {
                lost += usize::from(was_lost);
            }
            let Ok(Outcome::Resolved(resolved)) = ended else { panic!("{from}: {ended:?}") };
            assert_eq!(resolved.state, Some(State::DigitalIssued));
            assert_eq!(again(server, (&world, &id)).await, "000_000", "{from}");
            assert_eq!(journal(server, &no).await.len(), 2, "{from}");
            assert_eq!(ruled(server, &no).await.len(), 2, "{from}");
        }
        assert!(lost >= 2, "only {lost} answers were lost");
        aside(move || app.store.close()).await;
    })
    .await;
}

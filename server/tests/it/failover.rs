//! PostgreSQL with a synchronous standby, whose primary is lost while calls are made.

pub mod cluster;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::Exchange;
use platen::sandbox::world::World;
use platen::sandbox::world::products::FREE;
use store::Target;
use store::testing::{postgres_programs, run};

use crate::given::{given_of, mobile_only, new_id};
use crate::support::{REISSUE, TestBank, TestServer, aside, code, quick};
use cluster::Cluster;

/// Members whose cards are reissued, one call each.
const CALLS: usize = 120;
/// Callers at the same time.
const CALLERS: usize = 4;
/// Calls that are answered before the primary is lost.
const BEFORE: usize = CALLS / 3;
/// How long a caller tries.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call and its answer.
struct Call {
    world: World,
    id: String,
    answer: Exchange,
    /// Whether it was answered before anything was lost.
    is_early: bool,
}

/// What all callers see.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    is_lost: AtomicBool,
    /// Attempts that were not answered with success.
    in_vain: AtomicUsize,
}

/// Reissues each card; the same call is made again until it is done.
async fn work(server: Arc<TestServer>, worlds: Vec<World>, seen: Arc<Seen>) -> Vec<Call> {
    let mut calls = Vec::new();
    for world in worlds {
        let (id, begun) = (new_id(), Instant::now());
        let answer = loop {
            let answer = server.call_as(REISSUE, &mobile_only(&world), Some(&id)).await;
            if code(&answer) == "000_000" {
                break answer;
            }
            assert_eq!((answer.status, code(&answer)), (503, "000_997"), "{id}");
            assert!(begun.elapsed() < PATIENCE, "{id} is not answered");
            seen.in_vain.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let is_early = !seen.is_lost.load(Ordering::SeqCst);
        seen.answered.fetch_add(1, Ordering::SeqCst);
        calls.push(Call { world, id, answer, is_early });
    }
    calls
}

/// Starts both, with a database that has no synchronous standby yet.
fn start(programs: &std::path::Path) -> (Cluster, Cluster) {
    let primary = Cluster::primary(programs);
    run(&primary.url("postgres"), "CREATE DATABASE platen").unwrap();
    let standby = primary.standby(programs);
    (primary, standby)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_call_is_lost_with_the_primary() {
    let Some(programs) = postgres_programs() else {
        eprintln!("skipped: PostgreSQL's programs are not found");
        return;
    };
    let (primary, standby) = aside(move || start(&programs)).await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
    let target = Target::parse(&format!(
        "postgres://postgres@{hosts}/platen?target_session_attrs=read-write"
    ));
    let (target, bank) = (target.unwrap(), TestBank::start().await);
    let server = Arc::new(TestServer::start(&target, &bank, quick()).await);
    let mut worlds = Vec::new();
    for _ in 0..CALLS {
        worlds.push(given_of(&server, &bank, FREE).await);
    }
    let primary = aside(move || {
        primary.wait_for_standby();
        primary
    })
    .await;

    let seen = Arc::new(Seen::default());
    let callers = worlds
        .chunks(CALLS / CALLERS)
        .map(|part| tokio::spawn(work(Arc::clone(&server), part.to_vec(), Arc::clone(&seen))));
    let callers: Vec<_> = callers.collect();
    while seen.answered.load(Ordering::SeqCst) < BEFORE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    seen.is_lost.store(true, Ordering::SeqCst);
    let lost_at = Instant::now();
    let answered = seen.answered.load(Ordering::SeqCst);
    let standby = aside(move || {
        primary.kill();
        standby.promote();
        standby
    })
    .await;
    let promoted = lost_at.elapsed();
    while seen.answered.load(Ordering::SeqCst) < answered + CALLERS {
        assert!(lost_at.elapsed() < PATIENCE, "nobody is answered after the fail-over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let back = lost_at.elapsed();
    let mut calls = Vec::new();
    for caller in callers {
        calls.extend(caller.await.unwrap());
    }
    let in_vain = seen.in_vain.load(Ordering::Relaxed);
    assert!(in_vain > 0, "the primary was not lost under anybody");
    holds(&server, &calls).await;
    let early = calls.iter().filter(|call| call.is_early).count();
    eprintln!(
        "{} calls, {early} acknowledged before the loss: 0 lost, 0 doubled; promoted after {} ms, \
         answers again after {} ms, {in_vain} attempts in vain",
        calls.len(),
        promoted.as_millis(),
        back.as_millis()
    );
    let Ok(server) = Arc::try_unwrap(server) else { panic!("somebody holds the server") };
    server.stop().await;
    bank.stop().await;
    aside(move || drop(standby)).await;
}

/// Every acknowledged call is on the new primary, once, with the answer that its caller has.
async fn holds(server: &TestServer, calls: &[Call]) {
    assert_eq!(calls.len(), CALLS);
    for Call { world, id, answer, .. } in calls {
        let applications = "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(applications, &[world.user_id().into()]).await, "1", "{id}");
        let log = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND correlation_id = $2 AND replay_key IS NOT NULL";
        assert_eq!(server.row(log, &[id.as_str().into()]).await, "1", "{id}");
        let again = server.call_as(REISSUE, &mobile_only(world), Some(id)).await;
        assert_eq!(again.body_clear, answer.body_clear, "{id}");
    }
    server.assert_balances_derive().await;
}

//! Trouble with PostgreSQL: a network that cuts, delays, resets and swallows, deadlocks,
//! serialization failures, locks that are held for too long.

mod proxy;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::FREE;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use serde_json::Value;
use store::testing::run;
use store::{Target, Tx, TxError};
use tokio::task::JoinSet;

use crate::fees::patient;
use crate::given::{given, mobile_only, new_id};
use crate::outage::status;
use crate::support::{REISSUE, TestBank, TestServer, aside, code, filled, quick};
use proxy::{Mode, Proxy, Way};

/// Two seconds after it, a silent server is given up.
const STATEMENT_MS: u64 = 400;
/// A statement's time, the silence after it, a connection's time, and a slow machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
/// How long a server may need to see that its database is back.
const PATIENCE: Duration = Duration::from_secs(15);
const CALLERS: usize = 6;

fn impatient() -> Settings {
    Settings {
        database_statement_ms_max: STATEMENT_MS,
        database_connect_ms_max: 400,
        database_wait_ms_max: 1_500,
        postgres_workers: 3,
        directory_ttl_ms: 60_000,
        ..quick()
    }
}

/// A server whose recovery does nothing.
fn rarely() -> Settings {
    Settings { fee_recovery_interval_ms: 600_000, ..quick() }
}

fn sleep_ms(ms: u64) -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_millis(ms))
}

async fn is_ready_again(server: &TestServer) {
    let deadline = Instant::now() + PATIENCE;
    while status(server, "/readyz").await != 200 {
        assert!(Instant::now() < deadline, "it does not become ready again");
        sleep_ms(20).await;
    }
}

/// The same call until it is answered for good: its code and its answer.
async fn until_done(server: &TestServer, body: &Value, id: &str) -> (String, String) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let exchange = server.call_as(REISSUE, body, Some(id)).await;
        if !["000_997", "003_055"].contains(&code(&exchange)) {
            return (code(&exchange).to_owned(), exchange.body_clear);
        }
        assert!(Instant::now() < deadline, "{}", code(&exchange));
        sleep_ms(20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_or_swallows_is_away_and_comes_back() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let proxy = Proxy::before(database.target()).await;
    let server = TestServer::start(&proxy.target, &bank, impatient()).await;
    let direct = TestServer::start(database.target(), &bank, rarely()).await;
    for mode in [Mode::Refuse, Mode::BlackHole] {
        let worlds = [
            given(&direct, &bank, |world| world.product = FREE).await,
            given(&direct, &bank, |_| ()).await,
        ];
        let calls = worlds.each_ref().map(|world| (with_plastic(world), new_id()));
        proxy.set(mode);
        if mode == Mode::Refuse {
            proxy.cut();
        }
        for (body, id) in &calls {
            let begun = Instant::now();
            let exchange = server.call_as(REISSUE, body, Some(id)).await;
            assert_eq!((exchange.status, code(&exchange)), (503, "000_997"), "{mode:?}");
            assert!(begun.elapsed() < ANSWERED_WITHIN, "{mode:?}: {:?}", begun.elapsed());
        }
        let begun = Instant::now();
        assert_eq!(status(&server, "/readyz").await, 503, "{mode:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{mode:?}: {:?}", begun.elapsed());
        assert_eq!(status(&server, "/healthz").await, 200);
        proxy.set(Mode::Pass);
        is_ready_again(&server).await;
        for ((body, id), world) in calls.iter().zip(&worlds) {
            let first = until_done(&server, body, id).await;
            assert_eq!(until_done(&server, body, id).await, first);
            // An application whose commit was swallowed, and arrived when the way was free again,
            // never got to the bank.
            let fee = match first.0.as_str() {
                "000_000" if world.product != FREE => 3_000,
                "000_000" => 0,
                code => {
                    assert_eq!((code, world.product == FREE), ("003_051", false));
                    0
                }
            };
            assert_eq!(bank.withdrawn(world).await.iter().sum::<i64>(), fee);
        }
    }
    direct.assert_balances_derive().await;
    server.stop().await;
}

/// What callers share.
struct Field {
    /// Not through a proxy: arms cards.
    direct: TestServer,
    servers: [TestServer; 2],
    bank: TestBank,
    is_over: AtomicBool,
    unavailable: AtomicUsize,
}

/// A call that was answered for good.
struct Done {
    world: World,
    body: Value,
    id: String,
    code: String,
    answer: String,
}

impl Field {
    /// Reissues cards until the trouble is over; repeats a call, at one server and the other, until
    /// it is answered for good.
    async fn call(self: Arc<Self>, number: usize) -> Vec<Done> {
        let mut all = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let is_free = (number + all.len()).is_multiple_of(2);
            let world = given(&self.direct, &self.bank, |world| {
                if is_free {
                    world.product = FREE;
                    world.bank = Bank::None;
                }
            })
            .await;
            let body = if is_free { mobile_only(&world) } else { with_plastic(&world) };
            let (id, begun) = (new_id(), Instant::now());
            for turn in number.. {
                let exchange = self.servers[turn % 2].call_as(REISSUE, &body, Some(&id)).await;
                assert!(begun.elapsed() < Duration::from_secs(40), "{}", code(&exchange));
                match code(&exchange) {
                    "000_997" => {
                        assert_eq!(exchange.status, 503);
                        self.unavailable.fetch_add(1, Ordering::Relaxed);
                        sleep_ms(20).await;
                    }
                    "003_055" => sleep_ms(20).await,
                    code => {
                        let (code, answer) = (code.to_owned(), exchange.body_clear);
                        all.push(Done { world, body, id, code, answer });
                        break;
                    }
                }
            }
        }
        all
    }

    /// Every acknowledged answer is given again, by both servers; each card has one successor, or
    /// none where no order ever left.
    async fn check(&self, done: &Done) {
        for server in &self.servers {
            let same = server.call_as(REISSUE, &done.body, Some(&done.id)).await;
            assert_eq!((code(&same), &same.body_clear), (&*done.code, &done.answer));
        }
        let user = [done.world.user_id().into()];
        let sql = "SELECT state FROM card_account WHERE asp_id = $1 AND user_id = $2
             ORDER BY state";
        let accounts = self.direct.rows(sql, &user).await;
        let sql = "SELECT state FROM application WHERE asp_id = $1 AND user_id = $2";
        let applications = self.direct.rows(sql, &user).await;
        match done.code.as_str() {
            "000_000" => {
                assert_eq!(accounts, ["ACTIVE", "TERMINATED"]);
                assert_eq!(applications, ["DIGITAL_ISSUED"]);
            }
            code => {
                assert_eq!((code, done.world.product == FREE), ("003_051", false));
                assert_eq!(accounts, ["SUSPENDED"]);
                assert_eq!(applications, ["COST_PAY_FAILED"]);
                assert!(self.bank.withdrawn(&done.world).await.is_empty());
            }
        }
    }
}

/// What happens to the ways of both servers, one after the other.
async fn make_trouble(ways: &[Proxy; 2]) {
    let pause = || sleep_ms(250);
    let both = |mode| ways.iter().for_each(|way| way.set(mode));
    pause().await;
    for bytes in [700, 1_900, 4_100] {
        for way in [Way::ToServer, Way::ToClient] {
            both(Mode::Reset(way, bytes));
            pause().await;
        }
    }
    both(Mode::Delay(Duration::from_millis(15)));
    pause().await;
    both(Mode::Pass);
    for way in ways {
        way.cut();
        pause().await;
        way.set(Mode::Refuse);
        way.cut();
        pause().await;
        way.set(Mode::Pass);
        pause().await;
    }
    ways[0].set(Mode::BlackHole);
    sleep_ms(1_000).await;
    ways[1].set(Mode::BlackHole);
    sleep_ms(500).await;
    both(Mode::Pass);
    ways[1].cut();
    pause().await;
    both(Mode::Refuse);
    ways.iter().for_each(Proxy::cut);
    pause().await;
    both(Mode::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_under_every_trouble_of_the_network() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let direct = TestServer::start(database.target(), &bank, rarely()).await;
    let ways = [Proxy::before(database.target()).await, Proxy::before(database.target()).await];
    let servers = [
        TestServer::start(&ways[0].target, &bank, impatient()).await,
        TestServer::start(&ways[1].target, &bank, impatient()).await,
    ];
    let (is_over, unavailable) = (AtomicBool::new(false), AtomicUsize::new(0));
    let field = Arc::new(Field { direct, servers, bank, is_over, unavailable });
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(Arc::clone(&field).call(number));
    }
    make_trouble(&ways).await;
    field.is_over.store(true, Ordering::Relaxed);
    let done: Vec<Done> = callers.join_all().await.into_iter().flatten().collect();
    for server in &field.servers {
        is_ready_again(server).await;
    }
    for one in &done {
        field.check(one).await;
    }
    field.direct.assert_balances_derive().await;
    let taken = field.bank.admin.totals().await.unwrap();
    assert_eq!(taken.taken(), field.direct.fees_taken().await);
    let unavailable = field.unavailable.load(Ordering::Relaxed);
    let resets = ways.iter().map(|way| way.resets.load(Ordering::Relaxed)).sum::<usize>();
    let (calls, issued) = (done.len(), done.iter().filter(|one| one.code == "000_000").count());
    println!("{calls} calls, {issued} cards, {unavailable} times 503, {resets} connections reset");
    assert!(calls >= 20 && unavailable > 0 && resets >= 6, "{calls} {unavailable} {resets}");
}

/// Transactions that touch applications fail until the nth attempt; attempts are counted.
fn obstruct(target: &Target, sqlstate: &str, what: &str, until: u32) {
    let sql = format!(
        "CREATE SEQUENCE attempts;
         CREATE FUNCTION obstruct() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('attempts') <= {until} THEN
                 RAISE EXCEPTION 'on purpose' USING ERRCODE = '{sqlstate}';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER obstructs BEFORE {what} ON application
             FOR EACH ROW EXECUTE FUNCTION obstruct();"
    );
    run_on(target, &sql);
}

fn run_on(target: &Target, sql: &str) {
    let Target::Postgres(url) = target else { panic!("PostgreSQL was asked for") };
    run(url, sql).unwrap();
}

async fn attempts(server: &TestServer) -> i64 {
    server.number("SELECT last_value FROM attempts WHERE $1 <> ''").await
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_are_tried_again_within_a_bound() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let server = TestServer::start(database.target(), &bank, patient()).await;
    let clear = "DROP TRIGGER obstructs ON application; DROP FUNCTION obstruct;
         DROP SEQUENCE attempts;";
    for sqlstate in ["40001", "40P01"] {
        // Five failures, and the sixth attempt does it.
        let world = given(&server, &bank, |world| world.product = FREE).await;
        obstruct(database.target(), sqlstate, "INSERT", 5);
        let done = server.call(REISSUE, &mobile_only(&world)).await;
        assert_eq!((code(&done), attempts(&server).await), ("000_000", 6), "{sqlstate}");
        run_on(database.target(), clear);
        // More than that is given up: 503, nothing is left, and later the same call succeeds.
        let (world, id) = (given(&server, &bank, |_| ()).await, new_id());
        obstruct(database.target(), sqlstate, "INSERT", 1_000);
        let away = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!((away.status, code(&away)), (503, "000_997"));
        assert_eq!(attempts(&server).await, 6, "{sqlstate}");
        assert_eq!(server.state(world.user_id()).await, "none");
        assert!(bank.withdrawn(&world).await.is_empty());
        run_on(database.target(), clear);
        // A fee that was taken is written in spite of more than a call's own attempts.
        obstruct(database.target(), sqlstate, "UPDATE", 14);
        let done = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!((code(&done), attempts(&server).await), ("000_000", 15), "{sqlstate}");
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
        run_on(database.target(), clear);
    }
    server.assert_balances_derive().await;
    server.stop().await;
}

/// A rival of the server: locks rows of a member for a while.
struct Rival {
    holds: mpsc::Receiver<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Rival {
    /// Locks with the first statement, and after a pause with the second one.
    fn lock(
        server: &TestServer,
        user: u64,
        statements: [&'static str; 2],
        pause: Duration,
    ) -> Self {
        let (sender, holds) = mpsc::channel();
        let store = server.app.store.clone();
        let user = i64::try_from(user).unwrap();
        let task = tokio::spawn(async move {
            let both = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
                tx.execute(statements[0], &[ASP_ID.into(), user.into()])?;
                // A second run, after a deadlock that went the other way, has nobody to tell.
                let _ = sender.send(());
                std::thread::sleep(pause);
                tx.execute(statements[1], &[ASP_ID.into(), user.into()])?;
                Ok(())
            };
            store.write(both).await.unwrap();
        });
        Rival { holds, task }
    }

    async fn holds(self) -> tokio::task::JoinHandle<()> {
        let Rival { holds, task } = self;
        aside(move || holds.recv().unwrap()).await;
        task
    }
}

const LOCK_APPLICATION: &str =
    "UPDATE application SET kind = kind WHERE asp_id = $1 AND user_id = $2";
const LOCK_ACCOUNT: &str =
    "UPDATE card_account SET state = state WHERE asp_id = $1 AND user_id = $2";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_deadlock_ends_with_both_done() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let server = Arc::new(TestServer::start(database.target(), &bank, patient()).await);
    let other = TestServer::start(database.target(), &bank, patient()).await;
    let world = given(&server, &bank, |world| world.bank = Bank::Behaving("delay:300")).await;
    let (caller, body) = (Arc::clone(&server), with_plastic(&world));
    let call = tokio::spawn(async move { caller.call(REISSUE, &body).await });
    while server.state(world.user_id()).await != "COST_PAYING" {
        sleep_ms(5).await;
    }
    // Settling takes the account and waits for the application; the rival the other way round.
    let pause = Duration::from_millis(700);
    let rival = Rival::lock(&other, world.user_id(), [LOCK_APPLICATION, LOCK_ACCOUNT], pause);
    let rival = rival.holds().await;
    assert_eq!(code(&call.await.unwrap()), "000_000");
    rival.await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database
         WHERE datname = current_database() AND $1 <> ''";
    while server.number(deadlocks).await == 0 {
        assert!(Instant::now() < deadline, "there was no deadlock");
        sleep_ms(50).await;
    }
    assert_eq!(bank.withdrawn(&world).await, [3_000]);
    server.assert_balances_derive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_for_too_long_is_unavailability() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let server = TestServer::start(database.target(), &bank, impatient()).await;
    let other = TestServer::start(database.target(), &bank, patient()).await;
    let world = given(&server, &bank, |world| world.product = FREE).await;
    let pause = Duration::from_millis(3 * STATEMENT_MS);
    let rival = Rival::lock(&other, world.user_id(), [LOCK_ACCOUNT, LOCK_ACCOUNT], pause);
    let rival = rival.holds().await;
    let (body, id) = (mobile_only(&world), new_id());
    let exchange = server.call_as(REISSUE, &body, Some(&id)).await;
    assert_eq!((exchange.status, code(&exchange)), (503, "000_997"));
    assert!(!rival.is_finished(), "it waited for the lock");
    assert_eq!(status(&server, "/readyz").await, 200);
    rival.await.unwrap();
    assert_eq!(until_done(&server, &body, &id).await.0, "000_000");
    server.stop().await;
}

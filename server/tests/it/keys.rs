//! Keys changed while calls run, at two servers on one database: nothing fails, what was made
//! before is read, what is made afterwards names the new key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::{Client, Encryption, Exchange};
use crypto::jwe::Enc;
use crypto::keyring::KeyPurpose;
use domain::{AspId, Timestamp};
use platen::context::Clock;
use platen::keys::change::{self, Change};
use platen::keys::partner::{self, NewPair};
use platen::keys::{KeysError, reseal, unwrapped};
use platen::operator::Mode;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::keys::{Credentials, rotate, rotate_master};
use platen::sandbox::world::World;
use platen::sandbox::world::products::{FREE, STANDARD};
use platen::sandbox::{ASP_ID, PROJECT_ID};
use serde_json::Value;
use store::{Target, Tx};
use tokio::task::JoinHandle;

use crate::fees::patient;
use crate::given::{change as change_of, given_of, mobile_only, new_id};
use crate::support::{
    DoneElsewhere, REISSUE, STATE, TestBank, TestServer, code, credentials, on_each_database,
    on_each_engine, overtaken,
};

/// How long after a rotation a key begins here, milliseconds: longer than servers take to read it.
const BEGIN_MS: u64 = 2_500;
/// A minute and more: nothing uses what another key has taken over from.
const QUIET_MS: u64 = 61_000;
/// More than a day: no call is remembered.
const FORGOTTEN_MS: u64 = 2 * 24 * 60 * 60 * 1_000;

fn why(now: Timestamp) -> Change {
    Change { by: "test".to_owned(), reason: "to see it work".to_owned(), now }
}

/// Runs a change of keys on the server's database.
async fn write<T: Send + 'static>(
    server: &TestServer,
    mut work: impl FnMut(&mut Tx<'_>) -> platen::keys::Made<T> + Send + 'static,
) -> Result<T, KeysError> {
    server.app.store.write(move |tx: &mut Tx<'_>| work(tx)).await.map_err(unwrapped)
}

async fn rotated(server: &TestServer, purpose: KeyPurpose, in_ms: u64) -> Result<i64, KeysError> {
    let change = why(Clock.now());
    let from = change.now.plus_ms(in_ms);
    write(server, move |tx| rotate(tx, purpose, from, &change)).await
}

async fn retired(
    server: &TestServer,
    purpose: KeyPurpose,
    id: i64,
    now: Timestamp,
) -> Result<(), KeysError> {
    let check = move |tx: &mut Tx<'_>| change::may_retire(tx, purpose, id, now);
    server.app.store.read(check).await.map_err(unwrapped)?;
    write(server, move |tx| change::retire(tx, purpose, id, &why(now)).map(drop)).await
}

/// A call that was answered.
struct Made {
    path: &'static str,
    body: Value,
    id: String,
    answer: String,
}

/// Calls that run until they are stopped, at both servers in turn.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Made>>,
}

impl Load {
    fn start(servers: [Arc<TestServer>; 2], bank: Arc<TestBank>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let running = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut made = Vec::new();
            for turn in 0_usize.. {
                if running.load(Ordering::Relaxed) {
                    break;
                }
                let product = if turn % 3 == 0 { STANDARD } else { FREE };
                let world = given_of(&servers[turn % 2], &bank, product).await;
                let [one, other] = [turn / 2 % 2, (turn / 2 + 1) % 2].map(|at| &servers[at]);
                let resume = change_of(&world, "RESUME");
                let suspend = change_of(&world, "SUSPEND");
                made.push(succeeds(one, STATE, resume).await);
                made.push(succeeds(other, STATE, suspend).await);
                let body = if turn % 2 == 0 { with_plastic(&world) } else { mobile_only(&world) };
                let done = succeeds(one, REISSUE, body).await;
                again(&other.client, &done).await;
                made.push(done);
                // One of the calls of long ago.
                again(&one.client, &made[turn * 7 % made.len()]).await;
            }
            made
        });
        Load { stop, task }
    }

    async fn stop(self) -> Vec<Made> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn succeeds(server: &TestServer, path: &'static str, body: Value) -> Made {
    let id = new_id();
    let answer = server.call_as(path, &body, Some(&id)).await;
    assert_eq!(code(&answer), "000_000", "{path} {answer:?}");
    Made { path, body, id, answer: answer.body_clear }
}

async fn again(client: &Client, made: &Made) {
    let (path, encrypted) = (format!("{BASE}{}", made.path), Encryption::Encrypted(Enc::A256Gcm));
    let same = client.call(&path, &made.body.to_string(), encrypted, Some(&made.id)).await.unwrap();
    assert_eq!(same.body_clear, made.answer, "{} {}", made.path, made.id);
}

/// Two servers on the database that read no keys but by themselves.
async fn two(target: &Target, bank: &TestBank) -> [Arc<TestServer>; 2] {
    [
        Arc::new(TestServer::start(target, bank, patient()).await),
        Arc::new(TestServer::start(target, bank, patient()).await),
    ]
}

async fn end(servers: [Arc<TestServer>; 2]) {
    for server in servers {
        Arc::try_unwrap(server).ok().unwrap().stop().await;
    }
}

/// Waits until both servers use another key for each purpose than the first one.
async fn changed_over(servers: &[Arc<TestServer>; 2]) {
    for _ in 0..100 {
        let is_new = |server: &Arc<TestServer>| {
            let ring = server.app.core.keys.ring();
            (1..).zip(KeyPurpose::ALL).all(|(first, purpose)| ring.active_id(purpose) > first)
        };
        if servers.iter().all(is_new) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the servers have not changed over");
}

/// Cards given before a rotation, to be reissued after it.
async fn given_before(server: &TestServer, bank: &TestBank) -> Vec<World> {
    let mut worlds = Vec::new();
    for product in [FREE, STANDARD, FREE, STANDARD, FREE] {
        worlds.push(given_of(server, bank, product).await);
    }
    worlds
}

async fn reissue_them(server: &TestServer, worlds: impl IntoIterator<Item = &World>) {
    for world in worlds {
        succeeds(server, REISSUE, with_plastic(world)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_rotated_resealed_and_retired_while_calls_run() {
    on_each_database(async |target, bank| {
        let servers = two(&target, &bank).await;
        let old = given_before(&servers[0], &bank).await;
        let load = Load::start(servers.clone(), Arc::clone(&bank));
        tokio::time::sleep(Duration::from_millis(300)).await;
        for purpose in KeyPurpose::ALL {
            let id = rotated(&servers[0], purpose, BEGIN_MS).await.unwrap();
            let pending = rotated(&servers[1], purpose, BEGIN_MS).await.unwrap_err();
            assert!(matches!(pending, KeysError::Pending(_, next, _) if next == id));
        }
        for generation in [2, 3] {
            let made = write(&servers[0], |tx| rotate_master(tx, &why(Clock.now()))).await;
            assert_eq!(made.unwrap(), generation);
        }
        changed_over(&servers).await;
        // What one server makes from now on names the new keys; nothing older is used again.
        let begun = Clock.now();
        reissue_them(&servers[1], &old[..2]).await;
        names_new_keys(&servers[0], begun).await;
        resealed(&servers, begun).await;
        reissue_them(&servers[0], &old[2..4]).await;
        let made = load.stop().await;
        assert!(made.len() > 6, "{} calls were made", made.len());
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // The old data key and lookup key are gone.
        reissue_them(&servers[1], &old[4..]).await;
        for call in &made {
            again(&servers[0].client, call).await;
        }
        // A day later the calls from before are forgotten, but for fees that are still open:
        // some scenarios' banks hold their answers back.
        let later = begun.plus_ms(FORGOTTEN_MS);
        let sql = "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND state = 'COST_PAYING'";
        let open = u64::try_from(servers[0].number(sql).await).unwrap();
        assert!(open > 0);
        let kept = retired(&servers[0], KeyPurpose::Digest, 5, later).await.unwrap_err();
        assert!(kept.to_string().contains(&format!("{open} remembered calls")), "{kept}");
        let sql = "UPDATE application SET state = 'COST_PAY_FAILED', settled_at = applied_at
             WHERE asp_id = $1 AND state = 'COST_PAYING'";
        assert_eq!(servers[0].exec(sql, &[]).await, open);
        retired(&servers[0], KeyPurpose::Digest, 5, later).await.unwrap();
        servers[0].assert_balances_derive().await;
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), servers[0].fees_taken().await);
        let sql = "SELECT COUNT(*) FROM operation_log WHERE asp_id <> $1
             AND event IN ('key.rotated', 'key.resealed', 'key.retired')";
        // Six keys and two master keys, two resealed, four retired.
        assert_eq!(servers[0].row(sql, &[]).await, "14");
        end(servers).await;
    })
    .await;
}

/// Cards that were issued after `begun`, and the project, by the keys that they name.
async fn names_new_keys(server: &TestServer, begun: Timestamp) {
    let ring = server.app.core.keys.ring();
    let sql = "SELECT DISTINCT lookup_key_id, cvc_key_id FROM card
         WHERE asp_id = $1 AND issued_at > $2";
    let (lookup, cvc) = (ring.lookup().0, ring.active_cvc_key().0);
    assert_eq!(server.rows(sql, &[begun.0.into()]).await, [format!("{lookup} {cvc}")]);
    let sql = "SELECT DISTINCT SUBSTR(pan_sealed, 2, 4) FROM card
         WHERE asp_id = $1 AND issued_at > $2";
    let data = format!("{:08x}", ring.active_data_key_id());
    assert_eq!(server.rows(sql, &[begun.0.into()]).await, [data]);
    let sql = "SELECT digest_key_id FROM project WHERE asp_id = $1";
    assert_eq!(server.row(sql, &[]).await, ring.digest_key().id().to_string());
}

/// Moves everything over to the new keys and retires the old ones, as far as that goes.
async fn resealed(servers: &[Arc<TestServer>; 2], begun: Timestamp) {
    use KeyPurpose::{Audit, CardVerification, DataKey, Digest, Lookup, Number};
    let [server, other] = servers;
    let early = retired(server, DataKey, 1, begun).await.unwrap_err();
    assert!(matches!(early, KeysError::TooEarly(DataKey, 1, 1..=61)), "{early}");
    let quiet = begun.plus_ms(QUIET_MS);
    let active = server.app.core.keys.ring().active_data_key_id();
    let in_use = retired(server, DataKey, active.into(), quiet).await.unwrap_err();
    assert!(matches!(in_use, KeysError::InUse(DataKey, _)), "{in_use}");
    let unknown = retired(server, DataKey, 99, quiet).await.unwrap_err();
    assert!(matches!(unknown, KeysError::Unknown(DataKey, 99)), "{unknown}");
    let needed = |error: KeysError, what: &str| {
        assert!(error.to_string().contains(what), "{error}");
    };
    needed(retired(server, DataKey, 1, quiet).await.unwrap_err(), "member");
    needed(retired(server, DataKey, 1, quiet).await.unwrap_err(), "card.pan_sealed");
    needed(retired(server, Lookup, 2, quiet).await.unwrap_err(), "card.lookup_key_id");
    needed(retired(server, CardVerification, 3, quiet).await.unwrap_err(), "card.cvc_key_id");
    needed(retired(server, Number, 4, quiet).await.unwrap_err(), "number_range");
    needed(retired(server, Digest, 5, quiet).await.unwrap_err(), "remembered calls");
    let app = Arc::clone(&other.app);
    let moved = std::thread::spawn(move || {
        let sealed = reseal::data(&app.store, &app.core, &why(Clock.now()), Mode::Real).unwrap();
        let indexed = reseal::lookup(&app.store, &app.core, &why(Clock.now()), Mode::Real).unwrap();
        (sealed.rows, indexed.rows)
    });
    let moved = tokio::task::block_in_place(|| moved.join().unwrap());
    assert!(moved.0 > 100 && moved.1 > 30, "{moved:?}");
    retired(server, DataKey, 1, quiet).await.unwrap();
    retired(server, Lookup, 2, quiet).await.unwrap();
    // Nothing was sealed here.
    retired(server, Audit, 6, quiet).await.unwrap();
    let twice = retired(server, DataKey, 1, quiet).await.unwrap_err();
    assert!(matches!(twice, KeysError::Retired(DataKey, 1)), "{twice}");
    let sql = "SELECT COUNT(*) FROM platform_key
         WHERE asp_id <> $1 AND state = 'RETIRED' AND LENGTH(wrapped) = 0";
    assert_eq!(server.row(sql, &[]).await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partners_pair_is_replaced_while_calls_run() {
    on_each_database(async |target, bank| {
        let servers = two(&target, &bank).await;
        let load = Load::start(servers.clone(), Arc::clone(&bank));
        let first = servers[0].credentials.crypto_key_id.clone();
        let second = new_pair(&servers[0]).await.unwrap();
        // The new pair serves at once, also where the project was read a moment ago.
        let told = credentials(&target);
        assert_eq!(told.crypto_key_id, second);
        for server in &servers {
            let new = Client::new(&server.url, told.clone(), || Clock.now().0 / 1_000).unwrap();
            let world = given_of(server, &bank, FREE).await;
            let body = mobile_only(&world).to_string();
            let path = format!("{BASE}{REISSUE}");
            let encrypted = Encryption::Encrypted(Enc::A128Gcm);
            let done = new.call(&path, &body, encrypted, None).await.unwrap();
            assert_eq!((code(&done), done.was_encrypted()), ("000_000", true));
        }
        let third = new_pair(&servers[1]).await.unwrap_err();
        assert!(matches!(third, KeysError::TwoPairs(..)), "{third}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!load.stop().await.is_empty());
        retire_pair(&servers[0], &first).await.unwrap();
        let last = retire_pair(&servers[0], &second).await.unwrap_err();
        assert!(matches!(last, KeysError::LastPair(..)), "{last}");
        let gone = retire_pair(&servers[0], &first).await.unwrap_err();
        assert!(matches!(gone, KeysError::NoPair(..)), "{gone}");
        let refused = refused_soon(&servers[1]).await;
        assert_eq!(code(&refused), "000_911", "{refused:?}");
        end(servers).await;
    })
    .await;
}

async fn new_pair(server: &TestServer) -> Result<String, KeysError> {
    let pair = NewPair::make().unwrap();
    let (id, keys) = (pair.id.clone(), server.app.core.keys.clone());
    write(server, move |tx| {
        let (asp, ring) = (AspId::new(ASP_ID), keys.ring());
        partner::rotate(tx, &ring, &asp, PROJECT_ID, &pair, &why(Clock.now()))?;
        Credentials::replace_pair(tx, &asp, &ring, &pair)
    })
    .await?;
    Ok(id)
}

async fn retire_pair(server: &TestServer, id: &str) -> Result<(), KeysError> {
    let id = id.to_owned();
    write(server, move |tx| partner::retire(tx, &AspId::new(ASP_ID), &id, &why(Clock.now()))).await
}

/// Calls with the retired pair until it is refused, within the time that a project is kept.
async fn refused_soon(server: &TestServer) -> Exchange {
    let body = crate::bodies::idle_state();
    let plain = Encryption::AnswerOnly;
    for _ in 0..70 {
        let path = format!("{BASE}{REISSUE}");
        let body = body.to_string();
        let answer = server.client.call(&path, &body, plain, None).await.unwrap();
        if answer.code.as_deref().is_some_and(|code| code.starts_with("000_9")) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the retired pair still serves");
}

/// One server has changed over to a new digest key, the other one has not yet: the same call at
/// both, at once, is still done once.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_use_different_digest_keys_know_each_others_calls() {
    on_each_database(async |target, bank| {
        let servers = two(&target, &bank).await;
        let far = 600_000;
        for purpose in KeyPurpose::ALL {
            rotated(&servers[0], purpose, far).await.unwrap();
        }
        let later = Clock.now().plus_ms(2 * far);
        for turn in 0..12 {
            let product = if turn % 2 == 0 { STANDARD } else { FREE };
            let world = given_of(&servers[1], &bank, product).await;
            // Each reads its keys by itself as well, which may come in between.
            for tried in 0.. {
                for (server, now) in servers.iter().zip([later, Clock.now()]) {
                    server.app.core.keys.reload(&server.app.store, now).await.unwrap();
                }
                let ids = servers.each_ref().map(|one| one.app.core.keys.ring().digest_key().id());
                if ids[0] > ids[1] {
                    break;
                }
                assert!(tried < 100, "{ids:?}");
            }
            let (id, body) = (new_id(), with_plastic(&world));
            let calls = (0..6).map(|nth| {
                let (server, id, body) = (Arc::clone(&servers[nth % 2]), id.clone(), body.clone());
                tokio::spawn(async move { server.call_as(REISSUE, &body, Some(&id)).await })
            });
            let mut answers = Vec::new();
            for call in calls.collect::<Vec<_>>() {
                answers.push(call.await.unwrap());
            }
            for answer in &answers {
                assert_eq!(code(answer), "000_000", "{answer:?}");
                assert_eq!(answer.body_clear, answers[0].body_clear);
            }
            let sql = "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND user_id = $2";
            assert_eq!(servers[0].row(sql, &[world.user_id().into()]).await, "1");
        }
        end(servers).await;
    })
    .await;
}

/// A server that has not heard of a key yet reads the keys when it meets a value that names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_meets_an_unknown_key_reads_the_keys() {
    on_each_engine(async |server, bank, target| {
        let other = TestServer::start(&target, &bank, patient()).await;
        for _ in 0..3 {
            rotated(&server, KeyPurpose::DataKey, 0).await.unwrap();
            rotated(&server, KeyPurpose::CardVerification, 0).await.unwrap();
            server.app.core.keys.reload(&server.app.store, Clock.now()).await.unwrap();
            let world = given_of(&server, &bank, FREE).await;
            succeeds(&other, REISSUE, with_plastic(&world)).await;
        }
        other.stop().await;
    })
    .await;
}

/// A number told again is in the log; the first answer stands in the row of the reissue.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_tells_a_number_is_in_the_log() {
    on_each_engine(async |server, bank, _| {
        for product in [FREE, STANDARD] {
            let world = given_of(&server, &bank, product).await;
            let done = succeeds(&server, REISSUE, with_plastic(&world)).await;
            let sql = "SELECT event, correlation_id FROM operation_log
                 WHERE asp_id = $1 AND subject IN (SELECT a.apply_no FROM application a
                     WHERE a.asp_id = $1 AND a.user_id = $2) ORDER BY log_id";
            let events = async || server.rows(sql, &[world.user_id().into()]).await;
            let mut expected = vec![format!("card.reissued {}", done.id)];
            assert_eq!(events().await, expected);
            for _ in 0..2 {
                again(&server.client, &done).await;
                expected.push(format!("card.number_told {}", done.id));
                assert_eq!(events().await, expected);
            }
        }
    })
    .await;
}

/// The same call, written by a server that uses the next digest key already, while this one waits
/// for the card: no guard refuses a change of state that is wanted again, so the log has to.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_another_server_has_done_under_another_digest_key_is_not_done_again() {
    on_each_engine(async |server, bank, _| {
        rotated(&server, KeyPurpose::Digest, 600_000).await.unwrap();
        server.app.core.keys.reload(&server.app.store, Clock.now()).await.unwrap();
        let world = given_of(&server, &bank, FREE).await;
        let account = server.account(&world).await;
        let (id, body) = (new_id(), change_of(&world, "RESUME"));
        let text = body.to_string();
        let parts = [ASP_ID, "prepaid-card.state", &id, &text].map(str::as_bytes);
        let next =
            server.app.core.keys.ring().digest_keys().nth(1).unwrap().digest("replay", &parts);
        let done = DoneElsewhere {
            operation: "prepaid-card.state",
            event: "card.resumed",
            code: "000_000",
            replay: next.to_vec(),
        };
        let call = server.call_as(STATE, &body, Some(&id));
        let answer = overtaken(&server, account, done, call).await;
        assert_eq!(code(&answer), "000_000");
        let sql = "SELECT state FROM card_account WHERE asp_id = $1 AND account_id = $2";
        assert_eq!(server.row(sql, &[account.into()]).await, "SUSPENDED");
    })
    .await;
}

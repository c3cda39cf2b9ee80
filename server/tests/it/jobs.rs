//! What is done when its time has come.

use domain::{AspId, Timestamp};
use platen::audit::sealer::round;
use platen::audit::verify::verify;
use platen::jobs::{Job, Report, finish};
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::ops::prepaid_card::renew;
use platen::sandbox::ASP_ID;
use platen::sandbox::clock::{Forward, move_forward};
use platen::sandbox::world::products::FREE;
use platen::sandbox::world::{Card, Expires, World};
use serde_json::Value;
use store::{Tx, TxError};

use crate::given::{change as state_change, given, given_of, mobile_only, new_id};
use crate::process::{database_arg, stdout_of};
use crate::support::{
    REISSUE, STATE, TestServer, change, code, on_each_database, on_each_engine, quick,
};

async fn run(server: &TestServer, job: Job) -> Report {
    finish(&server.app, job).await.unwrap()
}

async fn forward(server: &TestServer, forward: Forward) {
    move_forward(&server.app, forward).await.unwrap();
}

/// Events of a card account of this kind, as its payloads.
async fn told(server: &TestServer, account: i64, event: &'static str) -> Vec<Value> {
    let read = move |tx: &mut Tx<'_>| -> Result<Vec<Value>, TxError<()>> {
        let rows = tx.query(
            "SELECT payload FROM operation_log
             WHERE asp_id = $1 AND subject = $2 AND event = $3 ORDER BY log_id",
            &[ASP_ID.into(), account.to_string().as_str().into(), event.into()],
        )?;
        Ok(rows.iter().map(|row| serde_json::from_str(row.text(0).unwrap()).unwrap()).collect())
    };
    server.app.store.read(read).await.unwrap()
}

/// The tenth of the next month, at noon in Korea.
fn tenth_of_next_month(server: &TestServer) -> Forward {
    let now = server.app.now().in_seoul().date();
    let next = now.last_of_month().tomorrow().unwrap().with().day(10).build().unwrap();
    let text = format!("{}120000", next.strftime("%Y%m%d"));
    Forward::To(Timestamp::from_seoul_text(&text).unwrap())
}

/// The last day of the member's card, at noon in Korea, and so many days on.
async fn last_day(server: &TestServer, world: &World, days: i64) -> Forward {
    let sql = "SELECT expiry_yymm FROM card_account WHERE asp_id = $1 AND user_id = $2";
    let yymm = server.row(sql, &[world.user_id().into()]).await;
    let day = domain::Expiry::from_yymm(&yymm).unwrap().last_day();
    let noon = Timestamp::from_seoul_text(&format!("{day}120000")).unwrap();
    Forward::To(Timestamp(noon.0 + days * 86_400_000_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_told_of_their_end_and_expire() {
    on_each_engine(async |server, bank, _| {
        let soon = |world: &mut World| {
            world.product = FREE;
            world.card = Card::Active;
            world.expires = Expires::Within30Days;
        };
        // Cards end with a month: from its tenth on, the end is more than a day and less than 30
        // days ahead.
        forward(&server, tenth_of_next_month(&server)).await;
        let world = given(&server, &bank, soon).await;
        let account = server.account(&world).await;
        let notices = || told(&server, account, "card.expiry_notice");
        assert!(run(&server, Job::Expiry).await.rows >= 1);
        assert_eq!(run(&server, Job::Expiry).await, Report::default());
        let payload = &notices().await[0];
        assert_eq!(payload["daysAhead"], 30, "{payload}");
        assert_eq!(payload["userId"], world.user_id());
        assert_eq!(payload["pars"][0], world.par());
        assert!(!payload.to_string().contains(&world.card_no()));

        forward(&server, last_day(&server, &world, -1).await).await;
        run(&server, Job::Expiry).await;
        assert_eq!(notices().await.len(), 2);
        assert_eq!(notices().await[1]["daysAhead"], 1);
        // On its last day it is still in use.
        forward(&server, last_day(&server, &world, 0).await).await;
        assert_eq!(run(&server, Job::Expiry).await.rows, 0);
        forward(&server, last_day(&server, &world, 1).await).await;
        run(&server, Job::Expiry).await;
        run(&server, Job::Expiry).await;
        assert_eq!(notices().await.len(), 2);
        assert_eq!(told(&server, account, "card.expired").await.len(), 1);

        // Its money is still the member's; renewal comes too late.
        let renewal = renew::renewal(&world);
        let late = server.call("/api/v1/prepay-card/expired/reissue", &renewal).await;
        assert_ne!(code(&late), "000_000");
        let lost = server.call(STATE, &state_change(&world, "SUSPEND")).await;
        assert_eq!(code(&lost), "000_000");
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
        // What has ended is told nothing; the new card is in use.
        run(&server, Job::Expiry).await;
        assert_eq!(told(&server, account, "card.expired").await.len(), 1);
        server.assert_balances_derive().await;
    })
    .await;
}

/// Years pass at once, and two servers do the job: each card has one event.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_expire_each_card_once() {
    on_each_database(async |target, bank| {
        let one = TestServer::start(&target, &bank, quick()).await;
        let two = TestServer::start(&target, &bank, quick()).await;
        // A partner whose data is broken comes first in every order.
        for sql in [
            "INSERT INTO partner (asp_id, name, state)
             VALUES ('000000000000001', 'broken', 'ACTIVE')",
            "INSERT INTO card_account (asp_id, account_id, user_id, service_id, state, balance,
                 currency, balance_limit, is_named, is_main, opened_at, version, expiry_yymm)
             VALUES ('000000000000001', 1, 1, '-', 'ACTIVE', 0, 'KRW', 0, FALSE, FALSE, 0, 0,
                 '2013')",
        ] {
            let write = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(sql)?) };
            one.app.store.write(write).await.unwrap();
        }
        forward(&one, Forward::Days(3_650)).await;
        two.app.shift.forward_to(one.app.shift.us());
        let (first, second) = tokio::join!(run(&one, Job::Expiry), run(&two, Job::Expiry));
        assert_eq!((first.failures, second.failures), (1, 1));
        let expired = "SELECT COUNT(*) FROM card_account
             WHERE asp_id = $1 AND expiry_stage = 4 AND state <> 'TERMINATED'";
        let expired = one.number(expired).await;
        assert!(expired > 50, "{expired}");
        let waiting = "SELECT COUNT(*) FROM card_account
             WHERE asp_id = $1 AND expiry_stage < 4 AND state <> 'TERMINATED'";
        assert_eq!(one.number(waiting).await, 0);
        let events = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND event IN ('card.expired', 'card.expiry_notice')";
        assert_eq!(one.number(events).await, expired);
        let subjects = "SELECT COUNT(DISTINCT subject) FROM operation_log
             WHERE asp_id = $1 AND event = 'card.expired'";
        assert_eq!(one.number(subjects).await, expired);
        assert_eq!(i64::try_from(first.rows + second.rows).unwrap(), expired);
        let metrics = one.app.metrics.text();
        assert!(metrics.contains("platen_job_failures_total{name=\"expiry\"} 1"), "{metrics}");
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_forgotten_after_the_longest_window() {
    on_each_engine(async |server, bank, _| {
        let calls = async || {
            let world = given_of(&server, &bank, FREE).await;
            let id = new_id();
            let done = server.call_as(REISSUE, &mobile_only(&world), Some(&id)).await;
            assert_eq!(code(&done), "000_000");
        };
        let remembered = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND (replay_key IS NOT NULL OR cipher_digest IS NOT NULL)";
        calls().await;
        round(&server.app).await.unwrap();
        let first = server.number(remembered).await;
        assert!(first > 0);
        assert_eq!(run(&server, Job::Forget).await, Report::default());
        assert_eq!(server.number(remembered).await, first);

        // One window is over, the other one is not: nothing is forgotten.
        change(&server, "UPDATE project SET tran_time_window_ms = 1 WHERE asp_id = $1").await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(run(&server, Job::Forget).await.rows, 0);
        // What is sealed now stays, were it from a server whose clock is ahead.
        change(&server, "UPDATE project SET replay_window_ms = 1 WHERE asp_id = $1").await;
        let done = run(&server, Job::Forget).await;
        assert_eq!((i64::try_from(done.rows).unwrap(), done.failures), (first, 0));
        assert_eq!(server.number(remembered).await, 0);
        assert_eq!(run(&server, Job::Forget).await.rows, 0);

        // Not sealed yet, and then within the window: they stay.
        calls().await;
        assert_eq!(run(&server, Job::Forget).await.rows, 0);
        change(&server, "UPDATE project SET replay_window_ms = 60000 WHERE asp_id = $1").await;
        round(&server.app).await.unwrap();
        assert_eq!(run(&server, Job::Forget).await.rows, 0);
        assert!(server.number(remembered).await > 0);
        // By the real clock.
        forward(&server, Forward::Days(400)).await;
        assert_eq!(run(&server, Job::Forget).await.rows, 0);
        // A row of a server whose clock is ahead holds its seal up.
        change(&server, "UPDATE project SET replay_window_ms = 1 WHERE asp_id = $1").await;
        change(
            &server,
            "UPDATE operation_log SET happened_at = 9000000000000000
             WHERE asp_id = $1 AND replay_key IS NOT NULL",
        )
        .await;
        assert_eq!(run(&server, Job::Forget).await.rows, 0);
        assert!(server.number(remembered).await > 0);
    })
    .await;
}

/// The seals stay true: what is forgotten is not in them.
#[tokio::test(flavor = "multi_thread")]
async fn forgetting_breaks_no_seal() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, FREE).await;
        server.call(REISSUE, &mobile_only(&world)).await;
        round(&server.app).await.unwrap();
        change(
            &server,
            "UPDATE project SET tran_time_window_ms = 1, replay_window_ms = 1 WHERE asp_id = $1",
        )
        .await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(run(&server, Job::Forget).await.rows > 0);
        let (store, core) = (server.app.store.clone(), server.app.core.clone());
        let verified = move || verify(&store, &core.keys, &AspId::new(ASP_ID), None).unwrap();
        assert_eq!(crate::support::aside(verified).await.breaks, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_are_erased_after_their_days() {
    on_each_engine(async |server, bank, _| {
        let ended = given_of(&server, &bank, FREE).await;
        let open = given_of(&server, &bank, FREE).await;
        for world in [&ended, &open] {
            assert_eq!(code(&server.call(REISSUE, &with_plastic(world)).await), "000_000");
        }
        let now = server.app.now().0;
        let write = move |tx: &mut Tx<'_>, user: i64| -> Result<u64, TxError<()>> {
            Ok(tx.execute(
                "UPDATE delivery SET state = 'ARRIVAL', ended_at = $3
                 WHERE asp_id = $1 AND apply_no IN (
                     SELECT apply_no FROM application WHERE asp_id = $1 AND user_id = $2)",
                &[ASP_ID.into(), user.into(), now.into()],
            )?)
        };
        let user = i64::try_from(ended.user_id()).unwrap();
        assert_eq!(server.app.store.write(move |tx| write(tx, user)).await.unwrap(), 1);
        let kept = async |world: &World| {
            let sql = "SELECT COUNT(*) FROM delivery d
                 JOIN application a ON a.asp_id = d.asp_id AND a.apply_no = d.apply_no
                 WHERE a.asp_id = $1 AND a.user_id = $2 AND d.recipient_sealed IS NOT NULL";
            server.row(sql, &[world.user_id().into()]).await
        };
        run(&server, Job::Erase).await;
        forward(&server, Forward::Days(30)).await;
        run(&server, Job::Erase).await;
        // Days of 24 hours: a moment is missing yet, or has just passed.
        forward(&server, Forward::Days(1)).await;
        assert!(run(&server, Job::Erase).await.failures == 0);
        assert_eq!((kept(&ended).await, kept(&open).await), ("0".to_owned(), "1".to_owned()));
        assert_eq!(run(&server, Job::Erase).await, Report::default());
        let on_applications = "SELECT COUNT(*) FROM application
             WHERE asp_id = $1 AND state <> 'COST_PAYING' AND recipient_sealed IS NOT NULL";
        assert_eq!(server.number(on_applications).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_called_off_in_time() {
    on_each_engine(async |server, _, _| {
        server.arm("platen.delivery-call-off", "called-off").await;
        let returned = "SELECT COUNT(*) FROM delivery WHERE asp_id = $1 AND state = 'RETURN'";
        let before = server.number(returned).await;
        assert!(before > 0);
        forward(&server, Forward::Days(89)).await;
        assert_eq!(run(&server, Job::CallOff).await, Report::default());
        forward(&server, Forward::Days(2)).await;
        let done = run(&server, Job::CallOff).await;
        assert_eq!((i64::try_from(done.rows).unwrap(), done.failures), (before, 0));
        assert_eq!(server.number(returned).await, 0);
        let told = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id = $1 AND operation = 'job.call-off' AND event = 'delivery.changed'";
        assert_eq!(server.number(told).await, before);
    })
    .await;
}

/// The command does what a server does, beside it.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_runs_them() {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, quick()).await;
        forward(&server, Forward::Days(3_650)).await;
        let database = database_arg(&target);
        let args = ["jobs", "run", "--json", "--database", &database];
        let out = tokio::task::block_in_place(|| stdout_of(&args));
        let said: Value = serde_json::from_str(&out).unwrap();
        let jobs = said["jobs"].as_array().unwrap();
        let names: Vec<&str> = jobs.iter().map(|job| job["job"].as_str().unwrap()).collect();
        assert_eq!(names, Job::ALL.map(Job::name));
        assert!(jobs[0]["rows"].as_u64().unwrap() > 50, "{out}");
        assert!(jobs.iter().all(|job| job["failures"] == 0), "{out}");
        assert_eq!(run(&server, Job::Expiry).await, Report::default());
        let one = ["jobs", "run", "--job", "erase", "--database", &database];
        let out = tokio::task::block_in_place(|| stdout_of(&one));
        assert_eq!(out, "erase: 0 rows, 0 failures\n");
        server.stop().await;
    })
    .await;
}

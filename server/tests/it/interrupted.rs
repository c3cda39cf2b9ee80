//! Fees whose call is cut short, and money that comes too late.

use std::time::Duration;

use bank::sim::Scope;
use client::Exchange;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fees::{assert_taken, events, patient};
use crate::given::{given, new_id};
use crate::support::{REISSUE, TestServer, code, on_each_database, on_each_engine, quick};

/// Begins a reissue and waits until its fee is being charged.
async fn begin(server: &TestServer, world: &World, id: &str) -> JoinHandle<Exchange> {
    let (client, id, body) =
        (server.client.clone(), id.to_owned(), with_plastic(world).to_string());
    let call = tokio::spawn(async move {
        let path = format!("{BASE}{REISSUE}");
        let encrypted = client::Encryption::Encrypted(crypto::jwe::Enc::A128Gcm);
        client.call(&path, &body, encrypted, Some(&id)).await.unwrap()
    });
    while server.state(world.user_id()).await != "COST_PAYING" {
        assert!(!call.is_finished(), "the call has ended already");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_does_not_stop_its_fee() {
    on_each_engine(async |_, bank, target| {
        let server = TestServer::start(&target, &bank, patient()).await;
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("delay:1500")).await;
        let id = new_id();
        let call = begin(&server, &world, &id).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(server.settled(world.user_id()).await, "DIGITAL_ISSUED");
        // By the call's own task: recovery was not allowed to ask yet.
        let sql = "SELECT settled_at < deadline_at FROM application
             WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(sql, &[world.user_id().into()]).await, "1");
        let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&same), "000_000");
        assert_taken(&server, &bank, &world, &id, &same).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_that_a_stopped_server_left_open_is_settled_by_the_next() {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, quick()).await;
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("hold")).await;
        let id = new_id();
        let call = begin(&server, &world, &id).await;
        server.stop().await;
        // The running call was let come to its end.
        assert_eq!(code(&call.await.unwrap()), "003_055");
        bank.behave(&world, "answer", Scope::Account).await;
        let next = TestServer::start(&target, &bank, quick()).await;
        assert_eq!(next.settled(world.user_id()).await, "DIGITAL_ISSUED");
        let same = next.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&same), "000_000");
        assert_taken(&next, &bank, &world, &id, &same).await;
        next.assert_balances_derive().await;
        next.stop().await;
    })
    .await;
}

/// The way to the bank, which can be closed: what is sent meanwhile arrives later.
struct Gate {
    url: String,
    open: watch::Sender<bool>,
}

impl Gate {
    async fn before(bank_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bank = bank_url.trim_start_matches("http://").to_owned();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = TcpStream::connect(&bank).await.unwrap().into_split();
                tokio::spawn(pass(near_read, far_write, is_open.clone()));
                tokio::spawn(pass(far_read, near_write, is_open.clone()));
            }
        });
        Gate { url, open }
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut buffer = [0; 8_192];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if open.wait_for(|open| *open).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}

/// The bank is asked before the order has reached it, says that it knows none, and then executes
/// it all the same, against what it had promised: the money is owed back.
#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_after_the_end_is_owed_back() {
    on_each_engine(async |server, bank, target| {
        let gate = Gate::before(&bank.url).await;
        let rarely = Settings { fee_recovery_interval_ms: 600_000, ..patient() };
        let slow = TestServer::start_at(&target, &gate.url, rarely).await;
        let world = given(&server, &bank, |_| ()).await;
        // Has a token of the bank from here on.
        let first = slow.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&first), "000_000");
        let world = given(&server, &bank, |_| ()).await;
        let user = [world.user_id().into()];
        gate.open.send(false).unwrap();
        let id = new_id();
        let call = begin(&slow, &world, &id).await;
        let now = "UPDATE application SET deadline_at = 0 WHERE asp_id = $1 AND user_id = $2";
        server.exec(now, &user).await;
        assert_eq!(server.settled(world.user_id()).await, "COST_PAY_FAILED");
        assert!(bank.withdrawn(&world).await.is_empty());
        gate.open.send(true).unwrap();
        assert_eq!(code(&call.await.unwrap()), "003_051");
        assert_eq!(bank.withdrawn(&world).await, [3_000]);
        // And recovery gives it back.
        assert_eq!(server.returned(&world).await, "RETURNED");
        assert_eq!(bank.given_back(&world).await, [3_000]);
        let sql = "SELECT state, holds_old_card, api_tran_id IS NOT NULL FROM application
             WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(sql, &user).await, "RETURNED 0 1");
        assert_eq!(
            events(&server, &world).await,
            [
                format!("fee.refused 003_051 {id} 1"),
                format!("fee.return_due 003_059 {id} 0"),
                format!("fee.returned 000_000 {id} 0")
            ]
        );
        let sql = "SELECT p.debit, p.credit, p.amount FROM posting p
             JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
             JOIN application a ON a.asp_id = l.asp_id AND a.apply_no = l.subject
             WHERE a.asp_id = $1 AND a.user_id = $2 ORDER BY l.happened_at, p.line";
        assert_eq!(
            server.rows(sql, &user).await,
            [
                "pg-clearing:open-banking fee-income 2728",
                "pg-clearing:open-banking vat-payable 272",
                "fee-income return-payable 2728",
                "vat-payable return-payable 272",
                "return-payable pg-clearing:open-banking 3000",
            ]
        );
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), server.fees_taken().await);
        // The call keeps its answer; the member may try once more.
        let same = slow.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&same), "003_051");
        let anew = slow.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&anew), "000_000");
        server.assert_balances_derive().await;
        slow.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_fee_that_cannot_be_settled_is_owed_back() {
    on_each_engine(async |server, bank, _| {
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("hold")).await;
        let id = new_id();
        let held = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&held), "003_055");
        // As after a restored backup: the number that was reserved is in use.
        let spoilt = "UPDATE application SET mobile_number = 'nonsense'
             WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.exec(spoilt, &[world.user_id().into()]).await, 1);
        // The next order is the deposit: it takes its time.
        bank.behave(&world, "hold", Scope::Next).await;
        bank.behave(&world, "answer", Scope::Account).await;
        assert_eq!(server.settled(world.user_id()).await, "RETURN_DUE");
        let same = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert_eq!(code(&same), "003_059");
        assert_eq!(bank.withdrawn(&world).await.len(), 1);
        server.assert_balances_derive().await;
        let owed = "SELECT CAST(SUM(amount) AS BIGINT) FROM posting
             WHERE asp_id = $1 AND credit = 'return-payable'";
        assert_eq!(server.row(owed, &[]).await, "3000");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let metrics = server.app.metrics.text();
        assert!(metrics.contains("platen_returns_due 1"), "{metrics}");
        assert!(metrics.contains("platen_fees_overdue "), "{metrics}");
    })
    .await;
}

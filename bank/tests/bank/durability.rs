//! The simulator's file: killed, restarted, shared.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use bank::OpenBanking;
use bank::sim::{self, Admin, SimError, SimOptions};
use tempfile::TempDir;

const DATA: &str = "bank.db";
const MARKER: &str = "child";

/// The simulator of [`what_was_answered_survives_a_kill`], in a process of its own.
#[tokio::test]
#[ignore = "started by another test"]
async fn child_simulator() {
    if !Path::new(MARKER).exists() {
        return;
    }
    let options = SimOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: DATA.into(),
        token_seconds: 3_600,
        clock,
        on_ready: Box::new(drop),
    };
    sim::serve(options, std::future::pending()).await.unwrap();
}

/// Killed with the test that started it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn child(folder: &Path) -> (Killed, Admin, OpenBanking) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "durability::child_simulator"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let data = folder.join(DATA);
    loop {
        assert!(child.0.try_wait().unwrap().is_none(), "the simulator has ended");
        if let Some(address) = sim::find_running(&data).await {
            let bank = OpenBanking::new(config(&format!("http://{address}"))).unwrap();
            return (child, Admin::new(address).unwrap(), bank);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(MARKER), "").unwrap();
    let (first, admin, bank) = child(folder.path()).await;
    admin.put_account(&account(ACCOUNT, 1_000_000, "answer")).await.unwrap();
    let bank = Arc::new(bank);
    let callers: Vec<_> = (0..8)
        .map(|nth| {
            let bank = bank.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                loop {
                    let (inquiry, answer) = match nth % 2 {
                        0 => {
                            let order = order(ACCOUNT, 10);
                            (order.inquiry(), withdraw(&bank, &order).await)
                        }
                        _ => {
                            let order = refund(ACCOUNT, 7);
                            (order.inquiry(), deposit(&bank, &order).await)
                        }
                    };
                    let sent = answer != "not sent";
                    done.push((inquiry, answer));
                    if !sent {
                        return done;
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    drop(first);

    assert_eq!(sim::find_running(&folder.path().join(DATA)).await, None);
    let (_again, admin, bank) = child(folder.path()).await;
    let (mut taken, mut given, mut answered) = (0, 0, [0, 0]);
    for caller in callers {
        for (order, answer) in caller.await.unwrap() {
            let truth = inquire(&bank, &order).await;
            match answer.as_str() {
                "taken" | "given" => assert_eq!(truth, answer),
                "not sent" => assert_eq!(truth, "not found"),
                unknown => assert!(unknown.starts_with("unknown: connection lost"), "{unknown}"),
            }
            answered[0] += i64::from(answer == "taken");
            answered[1] += i64::from(answer == "given");
            taken += i64::from(truth == "taken");
            given += i64::from(truth == "given");
        }
    }
    let totals = admin.totals().await.unwrap();
    let balance = admin.account(ACCOUNT).await.unwrap().balance;
    assert!(answered[0] > 0 && taken >= answered[0], "{answered:?} of {taken}");
    assert!(answered[1] > 0 && given >= answered[1], "{answered:?} of {given}");
    assert_eq!((totals.count, totals.amount), (taken, taken * 10));
    assert_eq!((totals.deposit_count, totals.deposit_amount), (given, given * 7));
    assert_eq!(balance, 1_000_000 - totals.taken());
}

#[tokio::test]
async fn a_deposit_cut_off_by_a_kill_is_given_once() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(MARKER), "").unwrap();
    let (first, admin, bank) = child(folder.path()).await;
    admin.put_account(&account(ACCOUNT, 0, "take_silently")).await.unwrap();
    let order = refund(ACCOUNT, 3_000);
    let cut_off = order.clone();
    let waiting = tokio::spawn(async move { deposit(&bank, &cut_off).await });
    while admin.account(ACCOUNT).await.unwrap().balance == 0 {}
    drop(first);
    assert_eq!(waiting.await.unwrap(), "unknown: connection lost before the answer");

    let (_again, admin, bank) = child(folder.path()).await;
    assert_eq!(inquire(&bank, &order).await, "given");
    assert_eq!(deposit(&bank, &order).await, "given");
    assert_eq!(admin.account(ACCOUNT).await.unwrap().balance, 3_000);
    assert_eq!(admin.ledger(Some(ACCOUNT), 0).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_file_is_opened_again_as_it_was() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("new/folder/bank.db");
    let first = start(&data).await.unwrap();
    first.put(ACCOUNT, 10_000, "hold").await;
    let (held, held_back) = (order(ACCOUNT, 3_000), refund(ACCOUNT, 1_000));
    withdraw(&first.connector(), &held).await;
    deposit(&first.connector(), &held_back).await;
    let identity = first.admin.identity().await.unwrap();
    first.stop().await;

    let again = start(&data).await.unwrap();
    assert_eq!(again.admin.identity().await.unwrap(), identity);
    let bank = again.connector();
    assert!(inquire(&bank, &held).await.starts_with("unknown: code A0007"));
    assert!(inquire(&bank, &held_back).await.starts_with("unknown: code A0007"));
    again.set("answer", sim::Scope::Account).await;
    assert_eq!(inquire(&bank, &held).await, "taken");
    assert_eq!(inquire(&bank, &held_back).await, "given");
    again.stop().await;
    let totals = sim::file::totals(&data).await.unwrap();
    assert_eq!((totals.amount, totals.deposit_amount), (3_000, 1_000));
    assert_eq!(sums(&sim::file::ledger(&data).await.unwrap())[ACCOUNT], 2_000);
}

#[tokio::test]
async fn a_second_simulator_on_a_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join(DATA);
    assert_eq!(sim::find_running(&data).await, None);
    let first = start(&data).await.unwrap();
    assert_eq!(sim::find_running(&data).await, Some(first.address));
    let Err(refusal) = start(&data).await else { panic!("two simulators on one file") };
    assert!(matches!(refusal, SimError::InUse { .. }));
    assert_eq!(
        refusal.to_string(),
        format!(
            "{} is in use by the bank simulator on http://{} (process {})",
            data.display(),
            first.address,
            std::process::id()
        )
    );
    // The refused one leaves the running one's address alone.
    assert_eq!(sim::find_running(&data).await, Some(first.address));
    first.stop().await;
    assert_eq!(sim::find_running(&data).await, None);
    start(&data).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_simulator_whose_file_was_replaced_is_not_found() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join(DATA);
    let sim = start(&data).await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{DATA}{end}")));
    }
    assert_eq!(sim::find_running(&data).await, None);
    sim::file::put_accounts(&data, &[account(ACCOUNT, 1, "answer")]).await.unwrap();
    assert_eq!(sim::find_running(&data).await, None);
    sim.stop().await;
}

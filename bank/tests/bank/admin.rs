//! The endpoints for those who test, and the file without the simulator.

use crate::common::*;
use bank::sim::{self, AdminError, Behaviour, Scope};
use tempfile::TempDir;

#[tokio::test]
async fn accounts_are_put_found_and_removed() {
    let folder = TempDir::new().unwrap();
    let sim = start(&folder.path().join("bank.db")).await.unwrap();
    let missing = sim.admin.account(ACCOUNT).await;
    assert!(matches!(missing, Err(AdminError::NoAccount)));
    let mut put = account(ACCOUNT, 5_000, "delay:10");
    put.next = Some(Behaviour::Hold);
    sim.admin.put_account(&put).await.unwrap();
    assert_eq!(sim.admin.account(ACCOUNT).await.unwrap(), put);
    sim.set("refuse:415", Scope::Next).await;
    sim.set("answer", Scope::Account).await;
    let found = sim.admin.account(ACCOUNT).await.unwrap();
    assert_eq!(found.behaviour, Behaviour::Answer);
    assert_eq!(found.next, Some(Behaviour::Refuse("415".to_owned())));
    sim.admin.delete_account(ACCOUNT).await.unwrap();
    for gone in [
        sim.admin.delete_account(ACCOUNT).await,
        sim.admin.set_behaviour(ACCOUNT, Behaviour::Hold, Scope::Next).await,
    ] {
        assert!(matches!(gone, Err(AdminError::NoAccount)));
    }
}

#[tokio::test]
async fn malformed_accounts_are_refused() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("bank.db");
    let sim = start(&data).await.unwrap();
    let mut bad_behaviour = account(ACCOUNT, 1, "answer");
    bad_behaviour.behaviour = Behaviour::Refuse("000".to_owned());
    for bad in [account(&"1".repeat(25), 1, "answer"), account(ACCOUNT, -1, "hold"), bad_behaviour]
    {
        let refused = sim.admin.put_account(&bad).await;
        assert!(matches!(refused, Err(AdminError::Refused { status: 400, .. })), "{bad:?}");
        assert!(sim::file::put_accounts(&data, &[bad]).await.is_err());
    }
    assert!(matches!(sim.admin.account(ACCOUNT).await, Err(AdminError::NoAccount)));
}

#[tokio::test]
async fn the_ledger_is_read_in_pages() {
    let folder = TempDir::new().unwrap();
    let sim = start(&folder.path().join("bank.db")).await.unwrap();
    let bank = sim.connector();
    for number in ["1", "2"] {
        sim.put(number, 10_000, "answer").await;
        for amount in [100, 200] {
            assert_eq!(withdraw(&bank, &order(number, amount)).await, "taken");
        }
    }
    let all = sim.admin.ledger(None, 0).await.unwrap().entries;
    assert_eq!(all.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [100, 200, 100, 200]);
    assert_eq!(sim.admin.ledger(None, all[1].seq).await.unwrap().entries, all[2..]);
    assert_eq!(sim.admin.ledger(Some("1"), 0).await.unwrap().entries, all[..2]);
    assert_eq!(sim.admin.ledger(Some("3"), 0).await.unwrap().entries, []);
    let totals = sim.admin.totals().await.unwrap();
    assert_eq!((totals.count, totals.amount), (4, 600));
}

#[tokio::test]
async fn accounts_are_put_while_the_simulator_runs() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("bank.db");
    let sim = start(&data).await.unwrap();
    sim.put(ACCOUNT, 1_000_000, "answer").await;
    let bank = sim.connector();
    let many: Vec<_> =
        (0..2_000).map(|number| account(&format!("9{number:023}"), 7, "answer")).collect();
    let filling = tokio::spawn(async move { sim::file::put_accounts(&data, &many).await });
    for _ in 0..20 {
        assert_eq!(withdraw(&bank, &order(ACCOUNT, 100)).await, "taken");
    }
    filling.await.unwrap().unwrap();
    assert_eq!(sim.admin.account(&format!("9{:023}", 1_999)).await.unwrap().balance, 7);
    assert_eq!(sim.balance().await, 998_000);
}

#[tokio::test]
async fn a_malformed_message_is_answered_as_a_bank_does() {
    let folder = TempDir::new().unwrap();
    let sim = start(&folder.path().join("bank.db")).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, token: &str, body: String| {
        let request = http.post(format!("http://{}{path}", sim.address)).bearer_auth(token);
        request.body(body).send().await.unwrap()
    };
    let form = "client_id=a&client_secret=b&scope=oob&grant_type=client_credentials";
    let granted = post("/oauth/2.0/token", "", form.to_owned()).await;
    let granted: serde_json::Value = granted.json().await.unwrap();
    let token = granted["access_token"].as_str().unwrap();
    for (path, token, body, code) in [
        ("/oauth/2.0/token", "", "client_id=a".to_owned(), "O0001"),
        ("/v2.0/transfer/withdraw/fin_num", "", "{}".to_owned(), "O0003"),
        ("/v2.0/transfer/result", "x.y.z", "{}".to_owned(), "O0003"),
        ("/v2.0/transfer/withdraw/fin_num", token, "{}".to_owned(), "S58"),
        ("/v2.0/transfer/withdraw/fin_num", token, "[".to_owned(), "S58"),
        ("/v2.0/transfer/deposit/fin_num", "", "{}".to_owned(), "O0003"),
        ("/v2.0/transfer/deposit/fin_num", token, "{}".to_owned(), "S58"),
        ("/v2.0/transfer/deposit/fin_num", token, "[".to_owned(), "S58"),
        ("/v2.0/transfer/result", token, "{\"check_type\":\"1\"}".to_owned(), "S58"),
    ] {
        let answer = post(path, token, body.clone()).await;
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer["rsp_code"], code, "{path} {body}");
    }
    let long = post("/v2.0/transfer/result", token, "x".repeat(70_000)).await;
    assert_eq!(long.status(), 413);
}

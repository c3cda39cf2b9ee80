//! Tokens that the bank forgets.

use tempfile::TempDir;

use crate::common::*;

#[tokio::test]
async fn a_token_that_the_bank_forgot_is_renewed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("bank.db");
    let sim = start(&data).await.unwrap();
    sim.put(ACCOUNT, 10_000, "answer").await;
    let bank = sim.connector();
    assert_eq!(withdraw(&bank, &order(ACCOUNT, 1_000)).await, "taken");

    let address = sim.address;
    sim.stop().await;
    assert_eq!(withdraw(&bank, &order(ACCOUNT, 1_000)).await, "not sent");
    let sim = start_at(&data, address).await.unwrap();
    assert_eq!(withdraw(&bank, &order(ACCOUNT, 1_000)).await, "taken");
    assert_eq!(sim.balance().await, 8_000);
}

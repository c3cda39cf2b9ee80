//! A database of an earlier schema, as its program left it (`tests/data/README.md`), under today's.

use bank::sim::Scope;
use data_encoding::HEXLOWER;
use domain::AspId;
use platen::audit::{sealer, verify};
use platen::sandbox::ASP_ID;
use serde_json::{Value as Json, json};
use store::schema::MIGRATIONS;
use store::testing::{TestDatabase, engines};
use store::{Migration, Options, Owned, Store, Target, Tx, TxError, Value, placeholders};

use crate::support::{REISSUE, TestBank, TestServer, aside, code, quick};

/// The schema that the data is of.
const VERSION: usize = 5;
const SANDBOX: &str = include_str!("../data/sandbox_5.jsonl");
const BANK: &str = include_str!("../data/bank_2.jsonl");
/// The bank simulator's schema, which has come in two steps.
const OF_BANK: &[Migration] = &[
    Migration { version: 1, name: "first", sql: include_str!("../data/bank_2.sql") },
    Migration { version: 2, name: "second", sql: "" },
];

/// Its fee is held by the bank.
const OPEN: u64 = 60_000_000_003;
/// Members whose cards can be reissued: without a fee, and with one and plastic.
const FREE: (u64, &str) = (60_000_000_001, "9491401619495143");
const WITH_FEE: (u64, &str) = (60_000_000_005, "9491407774075141");

fn value(json: &Json) -> Owned {
    match json {
        Json::Bool(value) => Owned::Bool(*value),
        Json::Number(value) => Owned::Int(value.as_i64().unwrap()),
        Json::String(value) => Owned::Text(value.clone()),
        Json::Object(_) => {
            Owned::Blob(HEXLOWER.decode(json["hex"].as_str().unwrap().as_bytes()).unwrap())
        }
        Json::Null | Json::Array(_) => panic!("{json}"),
    }
}

/// Fills a database that has this schema and no rows.
fn load(target: &Target, migrations: &'static [Migration], lines: &'static str) {
    let store = Store::open(target, migrations, Options::default()).unwrap();
    let fill = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        for line in lines.lines() {
            let (table, row): (String, serde_json::Map<String, Json>) =
                serde_json::from_str(line).unwrap();
            let columns = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let values: Vec<Owned> = row.values().map(value).collect();
            let values: Vec<Value<'_>> = values.iter().map(Value::from).collect();
            let marks = placeholders(1, values.len());
            let sql = format!("INSERT INTO {table} ({columns}) VALUES {marks}");
            tx.execute_dynamic(&sql, &values)?;
        }
        Ok(())
    };
    store.write_blocking(fill).unwrap();
    store.close();
}

/// The bank's file, with the order that it holds.
fn bank_file() -> Vec<u8> {
    let database = TestDatabase::sqlite();
    let store = Store::open(database.target(), OF_BANK, Options::default()).unwrap();
    let empty =
        |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch("DELETE FROM counter")?) };
    store.write_blocking(empty).unwrap();
    store.close();
    load(database.target(), OF_BANK, BANK);
    let Target::Sqlite(path) = database.target() else { panic!("a bank has a file") };
    std::fs::read(path).unwrap()
}

fn reissue((user_id, card_no): (u64, &str)) -> Json {
    json!({
        "userInfo": { "userId": user_id },
        "cardInfo": { "oldCardNo": card_no },
        "isDeliveryRequired": false,
    })
}

fn reissue_with_plastic(card: (u64, &str)) -> Json {
    let mut request = reissue(card);
    request["isDeliveryRequired"] = json!(true);
    request["userInfo"]["addressInfo"] =
        json!({ "address": "서울특별시 강남구", "addressDetail": "3층", "zipCode": "06236" });
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_schema_5_goes_on_under_this_release() {
    for database in aside(engines).await {
        let target = database.target().clone();
        let file = {
            let target = target.clone();
            aside(move || {
                load(&target, &MIGRATIONS[..VERSION], SANDBOX);
                bank_file()
            })
            .await
        };
        let bank = TestBank::start_with(&file).await;
        // Recovery asks about an old order once a minute: what it hears first settles it.
        assert!(SANDBOX.contains("COST_PAYING"));
        let account = format!("1000000000000{OPEN}");
        let answers = "answer".parse().unwrap();
        bank.admin.set_behaviour(&account, answers, Scope::Account).await.unwrap();
        let server = TestServer::start(&target, &bank, quick()).await;
        let last = MIGRATIONS.last().unwrap().version;
        let versions = "SELECT MAX(version) FROM schema_migration WHERE '' <> $1";
        assert_eq!(server.number(versions).await, last);
        assert_eq!(server.settled(OPEN).await, "DIGITAL_ISSUED");
        let taken = bank.admin.ledger(Some(&account), 0).await.unwrap();
        assert_eq!(taken.entries.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [3_000]);

        let free = server.call(REISSUE, &reissue(FREE)).await;
        assert_eq!(code(&free), "000_000", "{free:?}");
        let paid = server.call(REISSUE, &reissue_with_plastic(WITH_FEE)).await;
        assert_eq!(code(&paid), "000_000", "{paid:?}");
        // What was ordered then, what has just been settled, and what was ordered now.
        let deliveries = "SELECT COUNT(*) FROM delivery WHERE asp_id = $1 AND apply_no >=
             (SELECT MIN(apply_no) FROM application WHERE asp_id = $1 AND user_id = 60000000000)
             AND apply_no IN (SELECT apply_no FROM application WHERE asp_id = $1
                 AND user_id BETWEEN 60000000000 AND 60000000009)";
        assert_eq!(server.number(deliveries).await, 4);
        sealer::round(&server.app).await.unwrap();
        server.assert_balances_derive().await;
        let (store, keys) = (server.app.store.clone(), server.app.core.keys.clone());
        let report =
            aside(move || verify::verify(&store, &keys, &AspId::new(ASP_ID), None).unwrap()).await;
        assert_eq!((report.breaks_count, report.unsealed), (0, 0));
        assert!(report.rows > 12, "{}", report.rows);
        server.stop().await;
        bank.stop().await;
        aside(move || drop(database)).await;
    }
}

//! What refuses a reissue, in which order, and that a refused call changes nothing; and which
//! bank account a fee is drawn from.

use bank::sim::{Account, Behaviour};
use domain::{AspId, Timestamp};
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{FREE, ProductKey, STANDARD};
use platen::sandbox::world::{Bank, Card, World};
use serde_json::{Value, json};
use store::tables::bank_accounts::{BankAccountState, NewBankAccount, insert};
use store::{Tx, TxError};

use crate::given::{given, given_of, mobile_only};
use crate::support::{REISSUE, TestBank, TestServer, code, on_each_engine};

/// A product of this test: its next one is [`NEXT`].
const OLD: ProductKey = ProductKey(9_000);
const NEXT: &str = "000170000009001";

#[tokio::test(flavor = "multi_thread")]
async fn of_several_faults_the_first_is_named() {
    on_each_engine(async |server, bank, _| {
        put_products(&server).await;
        server.quiet().await;
        precedence(&server, &bank).await;
        not_the_members_card(&server, &bank).await;
    })
    .await;
}

/// Everything is wrong at the beginning; each step mends what was named.
async fn precedence(server: &TestServer, bank: &TestBank) {
    let world = given(server, bank, |world| {
        world.product = OLD;
        world.card = Card::Terminated;
        world.is_member = false;
        world.is_verified = false;
        world.bank = Bank::None;
    })
    .await;
    put_open_application(server, &world).await;
    let account = "asp_id = $1 AND user_id = $2";
    let set = |what: &str| -> &'static str {
        format!("UPDATE card_account SET {what} WHERE {account}").leak()
    };
    let application = |state: &str, holds: &str| -> &'static str {
        let what = format!("state = '{state}', holds_old_card = {holds}");
        format!("UPDATE application SET {what} WHERE {account}").leak()
    };
    let steps: [(&str, &'static str); 13] = [
        ("001_006", "UPDATE member SET state = 'ACTIVE' WHERE asp_id = $1 AND user_id = $2"),
        ("003_001", "-"),
        ("003_018", set("successor_id = NULL")),
        ("003_022", set("state = 'ACTIVE'")),
        ("003_055", application("COST_PAID", "TRUE")),
        ("003_020", application("CANCELLED", "FALSE")),
        ("003_901", set("state = 'SUSPENDED'")),
        ("003_024", "-"),
        (
            "003_048",
            "UPDATE product SET state = 'ACTIVE'
              WHERE asp_id = $1 AND service_id = '000170000009001' AND CAST($2 AS BIGINT) > 0",
        ),
        ("003_044", "UPDATE member SET id_verified_at = 1 WHERE asp_id = $1 AND user_id = $2"),
        ("007_001", "-"),
        (
            "003_019",
            "UPDATE bank_account SET state = 'REGISTERED'
              WHERE asp_id = $1 AND user_id = $2",
        ),
        ("003_051", "-"),
    ];
    server.exec(set("successor_id = 77"), &[world.user_id().into()]).await;
    let mut wrong_form = mobile_only(&world);
    wrong_form["cardInfo"]["oldCardNo"] = json!("949133950010");
    refused(server, &wrong_form, "000_002").await;
    for (expected, mend) in steps {
        let request = match expected {
            "001_006" | "003_001" => unknown_card(&world),
            "003_048" | "003_044" | "007_001" | "003_019" | "003_051" => with_plastic(&world),
            _ => mobile_only(&world),
        };
        if expected == "003_051" {
            assert_eq!(code(&server.call(REISSUE, &request).await), expected);
        } else {
            refused(server, &request, expected).await;
        }
        if expected == "007_001" {
            let number = format!("9{:023}", world.user_id());
            put_account(server, &world, (1, BankAccountState::Pending, true), &number).await;
        }
        if mend != "-" {
            assert_eq!(server.exec(mend, &[world.user_id().into()]).await, 1, "{mend}");
        }
    }
}

async fn not_the_members_card(server: &TestServer, bank: &TestBank) {
    let (mine, other) = (given_of(server, bank, FREE).await, given_of(server, bank, FREE).await);
    let mut request = with_plastic(&mine);
    request["cardInfo"]["oldCardNo"] = json!(other.card_no());
    refused(server, &request, "003_001").await;
    // The same rows, digests included, under another partner.
    for sql in [
        "UPDATE card SET asp_id = '000170000000001' WHERE asp_id = $1 AND account_id IN (
             SELECT a.account_id FROM card_account a WHERE a.asp_id = $1 AND a.user_id = $2)",
        "UPDATE card_account SET asp_id = '000170000000001' WHERE asp_id = $1 AND user_id = $2",
    ] {
        assert_eq!(server.exec(sql, &[mine.user_id().into()]).await, 1);
    }
    refused(server, &with_plastic(&mine), "003_001").await;
    let mut nobody = with_plastic(&other);
    nobody["userInfo"]["userId"] = json!(9_999_999_999_999_999_999_u64);
    refused(server, &nobody, "001_006").await;
    let mut wrong_digit = with_plastic(&other);
    let number = other.card_no();
    let last = number.bytes().last().unwrap() - b'0';
    wrong_digit["cardInfo"]["oldCardNo"] = json!(format!("{}{}", &number[..15], (last + 1) % 10));
    refused(server, &wrong_digit, "003_001").await;
}

/// State, and whether it is the primary one.
type GivenAccount = (BankAccountState, bool);

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_drawn_from_the_primary_account_else_the_last_registered() {
    use BankAccountState::{ConsentEnded, Deleted, Failed, Pending, Registered};
    // In the order of their registration; the account charged, or the code.
    let table: [(&[GivenAccount], Result<usize, &str>); 8] = [
        (&[(Registered, true), (Registered, false)], Ok(0)),
        (&[(Registered, false), (Registered, false)], Ok(1)),
        (&[(Registered, false), (ConsentEnded, true)], Ok(0)),
        (&[(Failed, true), (Registered, false), (Pending, true)], Ok(1)),
        (&[(Registered, false), (Deleted, true), (Failed, false)], Ok(0)),
        (&[(Pending, true), (ConsentEnded, true), (Failed, true)], Err("003_019")),
        (&[(Deleted, true)], Err("007_001")),
        (&[], Err("007_001")),
    ];
    on_each_engine(async |server, bank, _| {
        server.quiet().await;
        for (accounts, expected) in table {
            let world = given(&server, &bank, |world| {
                world.product = STANDARD;
                world.bank = Bank::None;
            })
            .await;
            for (nth, (state, is_primary)) in (0..).zip(accounts) {
                let number = number_of(&world, nth);
                put_account(&server, &world, (nth, *state, *is_primary), &number).await;
                bank.admin.put_account(&rich(&number)).await.unwrap();
            }
            match expected {
                Err(code) => refused(&server, &with_plastic(&world), code).await,
                Ok(_) => {
                    let exchange = server.call(REISSUE, &with_plastic(&world)).await;
                    assert_eq!(code(&exchange), "000_000");
                }
            }
            for nth in 0..accounts.len() {
                let number = number_of(&world, i64::try_from(nth).unwrap());
                let balance = bank.admin.account(&number).await.unwrap().balance;
                assert_eq!(balance, 10_000 - if expected == Ok(nth) { 3_000 } else { 0 });
            }
            // Without a fee nobody asks for an account.
            if expected.is_err() {
                let free = server.call(REISSUE, &mobile_only(&world)).await;
                assert_eq!(code(&free), "000_000");
            }
        }
    })
    .await;
}

/// The call is refused with the code, and no row of any table is another than before.
async fn refused(server: &TestServer, request: &Value, expected: &str) {
    let before = server.dump().await;
    let exchange = server.call(REISSUE, request).await;
    assert_eq!((code(&exchange), exchange.status), (expected, 400));
    let after = server.dump().await;
    for (table, rows) in &before {
        assert!(after[table] == *rows, "{expected} has changed {table}");
    }
}

fn unknown_card(world: &World) -> Value {
    let mut request = mobile_only(world);
    request["cardInfo"]["oldCardNo"] = json!("9491339999999993");
    request
}

fn number_of(world: &World, nth: i64) -> String {
    format!("1{nth}{:022}", world.user_id())
}

fn rich(number: &str) -> Account {
    Account {
        fintech_use_num: number.to_owned(),
        holder: "시험".to_owned(),
        bank_code: "003".to_owned(),
        account_no: "3330001".to_owned(),
        balance: 10_000,
        behaviour: Behaviour::Answer,
        next: None,
    }
}

async fn put_account(
    server: &TestServer,
    world: &World,
    (nth, state, is_primary): (i64, BankAccountState, bool),
    fintech_use_num: &str,
) {
    let (user_id, number) = (i64::try_from(world.user_id()).unwrap(), fintech_use_num.to_owned());
    let write = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        let account = NewBankAccount {
            user_id,
            bank_account_id: nth,
            state,
            is_primary,
            bank_code: "003",
            fintech_use_num: &number,
            account_no_sealed: b"-",
            registered_at: Timestamp(1_000 + nth),
        };
        Ok(insert(tx, &AspId::new(ASP_ID), &account)?)
    };
    server.app.store.write(write).await.unwrap();
}

/// An ordinary product that pays abroad, costs a fee and is not on offer; and one that leads to it.
async fn put_products(server: &TestServer) {
    for (id, next, state) in
        [(OLD.service_id().as_str(), NEXT, "ACTIVE"), (NEXT, NEXT, "SUSPENDED")]
    {
        server
            .exec(
                "INSERT INTO product (asp_id, service_id, name, state, issuance, mobile_only,
                     pays_abroad, reissue_fee, reissue_fee_mobile_only, currency,
                     next_service_id, validity_months)
                 VALUES ($1, $2, 'Test', $3, 'ORDINARY', 'REFUSED', 'YES', 3000, 1000, 'KRW',
                     $4, 60)",
                &[id.into(), state.into(), next.into()],
            )
            .await;
    }
    server
        .exec(
            "INSERT INTO number_range (asp_id, service_id, prefix, kind, number_key_id,
                 next_serial, serial_end)
             SELECT r.asp_id, $2, '9491419', 'ISSUE', r.number_key_id, 0, r.serial_end
             FROM number_range r WHERE r.asp_id = $1 AND r.prefix = '9491400'",
            &[NEXT.into()],
        )
        .await;
}

async fn put_open_application(server: &TestServer, world: &World) {
    let account = server.account(world).await;
    server
        .exec(
            "INSERT INTO application (asp_id, apply_no, kind, state, user_id, old_account_id,
                 holds_old_card, service_id, issuance, delivery, fee, returned_fee, balance_limit,
                 vat_basis_points, currency, validity_months, number_key_id, applied_at,
                 correlation_id)
             VALUES ($1, '2026010100000000000001', 'REISSUE', 'COST_PAYING', $2, $3, TRUE, $4,
                 'ORDINARY', 'PHYSICAL', 3000, 'KEPT', 500000, 1000, 'KRW', 60, 1, 1, '-')",
            &[world.user_id().into(), account.into(), NEXT.into()],
        )
        .await;
}

//! Further gateways of the bank: what is wrong with them is told, and an account's orders go to its
//! own.

use std::fs;
use std::time::Duration;

use bank::sim::{Account, Behaviour};
use bank::{Bank as _, BankTranId, Personal, WithdrawAnswer, WithdrawOrder, kst_date};
use platen::context::Clock;
use platen::production::config::Config;
use platen::settings::SettingFlags;
use store::Target;
use tempfile::TempDir;

use super::Stage;
use crate::process::{arg, run};
use crate::support::TestBank;

/// An account of the first gateway, and one of the second.
const ACCOUNTS: [&str; 2] = ["120220000000000000000001", "990220000000000000000001"];

/// A configuration with these lines at its end.
fn stage(more: &str) -> (TempDir, Stage) {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    let text = fs::read_to_string(&stage.config).unwrap();
    fs::write(&stage.config, format!("{text}{more}")).unwrap();
    (folder, stage)
}

fn gateway(prefix: &str, url: &str) -> String {
    format!("[[bank.gateways]]\nfintech_prefix = \"{prefix}\"\nurl = \"{url}\"\n")
}

#[test]
fn what_is_wrong_with_gateways_is_told() {
    let local = gateway("99", "http://127.0.0.1:1/");
    for (lines, wanted) in [
        (local.clone(), None),
        (gateway("99", "https://bank.example"), None),
        (gateway("99", "http://bank.example"), Some("of `99` must be https://")),
        (local.repeat(2), Some("has the prefix `99` twice")),
        (gateway("", "https://bank.example"), Some("a gateway needs a prefix")),
        (gateway("99", "https://bank.example/v2"), Some("address without a path")),
        ("[[bank.gateways]]\nurl = \"https://a.example\"\n".to_owned(), Some("must be tables")),
        (format!("{local}secret = \"oops\"\n"), Some("must be tables")),
        ("gateways = \"99\"\n".to_owned(), Some("must be tables")),
    ] {
        let (_folder, stage) = stage(&lines);
        let output = run(&["config", "check", "--config", arg(&stage.config)]);
        let told = String::from_utf8(output.stdout).unwrap();
        match wanted {
            None => assert!(output.status.success(), "{lines}: {told}"),
            Some(wanted) => {
                assert_eq!(output.status.code(), Some(1), "{lines}");
                assert!(told.contains(wanted) && !told.contains("oops"), "{lines}: {told}");
                assert_eq!(told.lines().count(), 1, "{told}");
            }
        }
    }
}

/// The connector that a server makes of its configuration, and two simulators.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_goes_to_the_gateway_of_its_account() {
    let banks = [TestBank::start().await, TestBank::start().await];
    let (_folder, stage) = stage(&gateway("99", &banks[1].url));
    let text = fs::read_to_string(&stage.config).unwrap();
    fs::write(&stage.config, text.replace("http://127.0.0.1:1", &banks[0].url)).unwrap();
    let config = Config::read(&stage.config, &SettingFlags::default()).unwrap();
    let connector = config.bank().unwrap();
    for (bank, number) in banks.iter().zip(ACCOUNTS) {
        let account = Account {
            fintech_use_num: number.to_owned(),
            holder: "홍길동".to_owned(),
            bank_code: "003".to_owned(),
            account_no: "1".to_owned(),
            balance: 10_000,
            behaviour: Behaviour::Answer,
            next: None,
        };
        bank.admin.put_account(&account).await.unwrap();
    }
    for (serial, number) in (1..).zip(ACCOUNTS) {
        let now = Clock.now().0;
        let order = WithdrawOrder {
            bank_tran_id: BankTranId::new("M202600001", serial).unwrap(),
            tran_date: kst_date(now),
            ordered_at_us: now,
            fintech_use_num: number.to_owned(),
            amount: 3_000,
            client_name: Personal::new("홍길동".to_owned()),
            client_num: "1".to_owned(),
            print_content: "카드발급".to_owned(),
        };
        let answer = connector.withdraw(&order, Duration::from_secs(10)).await;
        assert!(matches!(answer, WithdrawAnswer::Taken { .. }), "{answer:?}");
    }
    for (bank, number) in banks.iter().zip(ACCOUNTS) {
        let account = bank.admin.account(number).await.unwrap();
        assert_eq!(account.balance, 7_000, "each order once, at its own gateway");
        assert_eq!(bank.admin.totals().await.unwrap().count, 1);
    }
    for bank in banks {
        bank.stop().await;
    }
}

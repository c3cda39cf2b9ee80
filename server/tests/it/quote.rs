//! Quotes of reissues: what the reissue then comes to, and nothing is changed by asking.

use contract::ErrorSet;
use platen::op::Operation;
use platen::ops::platen::reissue_quote::ReissueQuote;
use platen::ops::prepaid_card::reissue::{Error, Reissue, defective, mobile_only, with_plastic};
use platen::sandbox::world::World;
use platen::sandbox::world::products::{ALL_FEES, ORDINARY_WITH_FEE, STANDARD};
use platen::settings::Settings;
use serde_json::{Value, json};

use crate::given::{given, given_of};
use crate::support::{REISSUE, TestServer, change, code, on_each_database, on_each_engine, quick};

const QUOTE: &str = ReissueQuote::SPEC.path;

/// What the bank alone can say: a quote does not ask it.
const BY_BANK: [Error; 9] = [
    Error::FeeInProgress,
    Error::NetworkIssue,
    Error::InvalidBankAccount,
    Error::OwnerMismatch,
    Error::WithdrawFailure,
    Error::InsufficientBalance,
    Error::TermsNotAgreed,
    Error::MessageError,
    Error::FeeFailed,
];

async fn quote(server: &TestServer, request: &Value) -> Value {
    let answer = server.call(QUOTE, request).await;
    assert_eq!(code(&answer), "000_000", "{:?}", answer.json());
    answer.json().unwrap()
}

/// Fee and waiver of the member's last application.
async fn applied(server: &TestServer, world: &World) -> String {
    let sql = "SELECT fee, waiver FROM application WHERE asp_id = $1 AND user_id = $2
         ORDER BY applied_at DESC, apply_no DESC LIMIT 1";
    server.row(sql, &[world.user_id().into()]).await
}

/// The same as a quote tells it.
fn quoted(quote: &Value) -> String {
    format!("{} {}", quote["fee"], quote["waiver"].as_str().unwrap_or("-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_what_the_reissue_comes_to_and_changes_nothing() {
    // Nothing moves by itself.
    let still = || Settings { fee_recovery_interval_ms: 3_600_000, ..quick() };
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, still()).await;
        let scenarios = Reissue::scenarios();
        let (mut granted, mut refused) = (0, 0);
        for scenario in &scenarios {
            let (told, world) = (&scenario.told, &scenario.world);
            server.arm(Reissue::SPEC.id, told.name).await;
            let before = server.dump().await;
            let answer = server.call(QUOTE, &told.request).await;
            assert_eq!(before, server.dump().await, "{}: rows were changed", told.name);
            let is_banks = BY_BANK.iter().any(|error| error.code().code == told.code);
            if told.code != "000_000" && !is_banks {
                assert_eq!(code(&answer), told.code, "{}", told.name);
                refused += 1;
                continue;
            }
            assert_eq!(code(&answer), "000_000", "{}", told.name);
            let quote: Value = answer.json().unwrap();
            let drawn: i64 = bank.withdrawn(world).await.iter().sum();
            assert_eq!(code(&server.call(REISSUE, &told.request).await), told.code);
            assert_eq!(quoted(&quote), applied(&server, world).await, "{}", told.name);
            if !is_banks {
                let now: i64 = bank.withdrawn(world).await.iter().sum();
                assert_eq!(quote["fee"], now - drawn, "{}", told.name);
                granted += 1;
            }
        }
        // Without those of the bank: each is one of both.
        assert_eq!((granted, refused), (4, scenarios.len() - 4 - BY_BANK.len()));
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_tells_what_will_happen() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, STANDARD).await;
        let with_fee = quote(&server, &with_plastic(&world)).await;
        let service = STANDARD.service_id().as_str().to_owned();
        for (name, value) in [
            ("fee", json!(3_000)),
            ("vat", json!(272)),
            ("fullFee", json!(3_000)),
            ("serviceId", json!(service)),
            ("hasPlastic", json!(true)),
            ("mobileCard", json!("AT_ONCE")),
            ("balanceMove", json!("AT_ONCE")),
            ("balance", json!(25_000)),
        ] {
            assert_eq!(with_fee[name], value, "{name}");
        }
        let number = with_fee["bankAccount"]["accountNo"].as_str().unwrap();
        let whole = format!("333{:09}", world.number);
        assert_eq!(number, format!("********{}", &whole[8..]));
        let alone = quote(&server, &mobile_only(&world)).await;
        assert_eq!((&alone["fee"], &alone["hasPlastic"]), (&json!(0), &json!(false)));
        assert_eq!((&alone["vat"], &alone["bankAccount"]), (&json!(0), &Value::Null));
        let ordinary = given_of(&server, &bank, ORDINARY_WITH_FEE).await;
        let later = quote(&server, &with_plastic(&ordinary)).await;
        assert_eq!(later["mobileCard"], "AT_REGISTRATION");
        assert_eq!(later["balanceMove"], "AT_REGISTRATION");
        let first = given_of(&server, &bank, ALL_FEES).await;
        let waived = quote(&server, &with_plastic(&first)).await;
        assert_eq!((&waived["fee"], &waived["fullFee"]), (&json!(0), &json!(3_000)));
        assert_eq!(waived["waiver"], "FIRST_REISSUE");
        assert_eq!(waived["bankAccount"], Value::Null);
        let broken = given(&server, &bank, defective).await;
        assert_eq!(quote(&server, &with_plastic(&broken)).await["waiver"], "DEFECTIVE_CARD");
    })
    .await;
}

/// What was quoted is no promise: the reissue decides anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_no_promise() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, STANDARD).await;
        assert_eq!(quote(&server, &with_plastic(&world)).await["fee"], 3_000);
        change(
            &server,
            "UPDATE product SET reissue_fee = 5000
             WHERE asp_id = $1 AND service_id = '000170000002000'",
        )
        .await;
        assert_eq!(quote(&server, &with_plastic(&world)).await["fee"], 5_000);
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
        assert_eq!(bank.withdrawn(&world).await, [5_000]);
        assert_eq!(code(&server.call(QUOTE, &with_plastic(&world)).await), "003_018");
    })
    .await;
}

//! What is measured: open fees, keys, files to card makers, the books.

use domain::AspId;
use platen::audit::sealer;
use platen::delivery::makers;
use platen::delivery::writing::{claim, write};
use platen::fee::recovery;
use platen::measure;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::arm::arm;
use platen::sandbox::world::Bank;
use platen::sandbox::world::products::{FREE, STANDARD};
use platen::settings::Settings;
use serde_json::Value;
use store::{Tx, TxError};

use crate::delivery::files::{Back, maker, order, read, row};
use crate::given::{given, given_of};
use crate::support::{REISSUE, TestServer, change, code, on_each_database, on_each_engine, quick};

impl TestServer {
    /// What a line of the metrics says.
    fn gauge(&self, name: &str) -> i64 {
        let text = self.app.metrics.text();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
    }

    /// Journals and balances that are off, by how much, and what was not looked at.
    fn books(&self) -> [i64; 4] {
        ["journals_unbalanced", "balances_off", "balances_off_won", "books_unread_seals"]
            .map(|name| self.gauge(&format!("platen_{name}")))
    }

    async fn check_books(&self) -> [i64; 4] {
        sealer::round(&self.app).await.unwrap();
        measure::books::measure(&self.app).await.unwrap();
        self.books()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_open_fee_is_told_until_it_is_settled() {
    on_each_database(async |target, bank| {
        let settings = Settings {
            bank_order_lifetime_ms: 600_000,
            fee_recovery_interval_ms: 3_600_000,
            ..quick()
        };
        let server = TestServer::start(&target, &bank, settings).await;
        // What scenarios have left open is not the test's.
        let others = "UPDATE application SET state = 'COST_PAY_FAILED'
             WHERE asp_id = $1 AND state = 'COST_PAYING'";
        server.exec(others, &[]).await;
        recovery::round(&server.app).await.unwrap();
        let open = || {
            ["open", "open_age_seconds", "overdue"]
                .map(|name| server.gauge(&format!("platen_fees_{name}")))
        };
        assert_eq!(open(), [0, 0, 0]);
        let world = given(&server, &bank, |world| world.bank = Bank::Behaving("disconnect")).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "003_055");
        let earlier = "UPDATE application SET ordered_at = ordered_at - 100000000
             WHERE asp_id = $1 AND state = 'COST_PAYING'";
        change(&server, earlier).await;
        recovery::round(&server.app).await.unwrap();
        let [count, age, overdue] = open();
        assert_eq!((count, overdue), (1, 1));
        assert!((100..200).contains(&age), "{age}");
        // The bank knows no such order, and cannot have one any more.
        for sql in [
            "UPDATE application SET ordered_at = ordered_at - 600000000
             WHERE asp_id = $1 AND state = 'COST_PAYING'",
            "UPDATE application SET deadline_at = 1 WHERE asp_id = $1 AND state = 'COST_PAYING'",
        ] {
            change(&server, sql).await;
        }
        recovery::round(&server.app).await.unwrap();
        recovery::round(&server.app).await.unwrap();
        assert_eq!(open(), [0, 0, 0]);
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_as_old_as_its_use() {
    on_each_engine(async |server, _, _| {
        sealer::round(&server.app).await.unwrap();
        let age =
            |purpose| server.gauge(&format!("platen_key_age_seconds{{purpose=\"{purpose}\"}}"));
        let now = server.app.clock.now().0;
        // From the beginning: as old as the log.
        let first = "UPDATE audit_seal SET sealed_at = $2
             WHERE asp_id <> $1 AND asp_id = '000000000000000' AND seal_no = 1";
        assert_eq!(server.exec(first, &[(now - 500_000_000).into()]).await, 1);
        let since = "UPDATE platform_key SET active_from = $2
             WHERE asp_id <> $1 AND purpose = 'lookup'";
        assert_eq!(server.exec(since, &[(now - 40_000_000).into()]).await, 1);
        measure::keys::measure(&server.app).await.unwrap();
        for purpose in ["data_key", "card_verification", "number", "digest", "audit"] {
            assert!((500..600).contains(&age(purpose)), "{purpose}: {}", age(purpose));
        }
        assert!((40..140).contains(&age("lookup")), "{}", age("lookup"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_count_until_their_maker_reports() {
    on_each_engine(async |server, bank, _| {
        let (key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let files = || {
            ["", "_age_seconds"]
                .map(|end| server.gauge(&format!("platen_delivery_files_unacknowledged{end}")))
        };
        measure::files::measure(&server.app).await.unwrap();
        assert_eq!(files(), [0, 0]);
        let world = given_of(&server, &bank, FREE).await;
        let exchange = server.call(REISSUE, &with_plastic(&world)).await;
        let answer: Value = exchange.json().unwrap();
        let no = answer["cardApplyNo"].as_str().unwrap().to_owned();
        let order = order(&server, "M1", folder.path());
        let (store, core) = (&server.app.store, &server.app.core);
        write(store, core, &order, 10).await.unwrap().unwrap();
        let other = given_of(&server, &bank, FREE).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&other)).await), "000_000");
        // Begun and not finished: it has to be written again.
        assert_eq!(claim(store, core, &order, 10).await.unwrap(), Some(2));
        let older = "UPDATE delivery_file SET made_at = made_at - 900000000
             WHERE asp_id = $1 AND file_sequence = 1";
        change(&server, older).await;
        measure::files::measure(&server.app).await.unwrap();
        assert_eq!(files()[0], 2);
        assert!((900..1_000).contains(&files()[1]), "{:?}", files());
        let back = Back { maker: "M1", sequence: 1, key: &key };
        let text = back.text(&[row(&server, &no, "RECEIPT", 1)]);
        read(&server, &folder.path().join("back.csv"), &text).await.unwrap();
        measure::files::measure(&server.app).await.unwrap();
        assert_eq!(files()[0], 1);
        assert!(files()[1] < 100, "{:?}", files());
        // All of its rows were called off before it was written: there is nothing to report on.
        let empty = "UPDATE delivery_file SET digest = $2 WHERE asp_id = $1 AND file_sequence = 2";
        let emptied = move |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            Ok(tx.execute(empty, &[ASP_ID.into(), [7_u8; 32].as_slice().into()])?)
        };
        assert_eq!(store.write(emptied).await.unwrap(), 1);
        measure::files::measure(&server.app).await.unwrap();
        assert_eq!(files(), [0, 0]);
        let makers = |tx: &mut Tx<'_>| -> Result<usize, TxError<()>> {
            Ok(makers::all(tx, &AspId::new(ASP_ID))?.len())
        };
        assert_eq!(store.read(makers).await.unwrap(), 1);
    })
    .await;
}

/// Of all that a sandbox is filled with, and after calls of every kind, nothing is off; an account
/// that comes again with its id has the postings of its present life alone.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_are_right_are_said_to_be() {
    on_each_engine(async |server, bank, _| {
        for product in [FREE, STANDARD] {
            let world = given_of(&server, &bank, product).await;
            for _ in 0..2 {
                let exchange = server.call(REISSUE, &with_plastic(&world)).await;
                assert_eq!(code(&exchange), "000_000");
                assert_eq!(server.check_books().await, [0; 4]);
                arm(&server.app, &bank.admin, &AspId::new(ASP_ID), &world).await.unwrap();
                assert_eq!(server.check_books().await, [0; 4]);
            }
        }
        server.assert_balances_derive().await;
        let notes = "SELECT COUNT(*) FROM platform_fact WHERE asp_id = $1 AND name = 'books'";
        assert_eq!(server.number(notes).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_that_is_off_is_told_by_every_server_until_it_is_mended() {
    on_each_engine(async |server, bank, target| {
        assert_eq!(server.check_books().await, [0; 4]);
        let world = given_of(&server, &bank, FREE).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
        let wrong = "UPDATE card_account SET balance = balance + 700
             WHERE asp_id = $1 AND user_id = $2 AND predecessor_id IS NOT NULL";
        assert_eq!(server.exec(wrong, &[world.user_id().into()]).await, 1);
        assert_eq!(server.check_books().await, [0, 1, 700, 0]);
        assert_eq!(server.check_books().await, [0, 1, 700, 0], "it is not forgotten");
        let other = TestServer::start(&target, &bank, quick()).await;
        measure::books::measure(&other.app).await.unwrap();
        assert_eq!(other.books(), [0, 1, 700, 0]);
        let mended = "UPDATE card_account SET balance = balance - 700
             WHERE asp_id = $1 AND user_id = $2 AND predecessor_id IS NOT NULL";
        assert_eq!(server.exec(mended, &[world.user_id().into()]).await, 1);
        measure::books::measure(&other.app).await.unwrap();
        assert_eq!(other.books(), [0; 4]);
        assert_eq!(server.check_books().await, [0; 4]);
        other.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_not_whole_is_told_until_it_is_mended() {
    on_each_engine(async |server, bank, _| {
        assert_eq!(server.check_books().await, [0; 4]);
        let world = given_of(&server, &bank, STANDARD).await;
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
        // Of income, tax and the balance that moved, the tax is lost.
        let lost = "UPDATE posting SET line = 9 WHERE asp_id = $1 AND credit = 'vat-payable'
             AND log_id = (SELECT MAX(log_id) FROM posting
                 WHERE asp_id = $1 AND credit = 'vat-payable')";
        assert_eq!(server.exec(lost, &[]).await, 1);
        assert_eq!(server.check_books().await, [1, 0, 0, 0]);
        let found = "UPDATE posting SET line = 2 WHERE asp_id = $1 AND line = 9";
        assert_eq!(server.exec(found, &[]).await, 1);
        assert_eq!(server.check_books().await, [0; 4]);
        let itself = "UPDATE posting SET credit = debit WHERE asp_id = $1 AND line = 2
             AND log_id = (SELECT MAX(log_id) FROM posting
                 WHERE asp_id = $1 AND credit = 'vat-payable')";
        assert_eq!(server.exec(itself, &[]).await, 1);
        assert_eq!(server.check_books().await, [0; 4], "what was looked at is the audit's");
    })
    .await;
}

/// The opening is sealed; the reissue that empties the account is not yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sealed_yet_is_not_off() {
    on_each_engine(async |server, bank, _| {
        let world = given_of(&server, &bank, FREE).await;
        sealer::round(&server.app).await.unwrap();
        assert_eq!(code(&server.call(REISSUE, &with_plastic(&world)).await), "000_000");
        measure::books::measure(&server.app).await.unwrap();
        assert_eq!(server.books(), [0; 4]);
    })
    .await;
}

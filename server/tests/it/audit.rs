//! The chain of the operation log: what is committed is sealed soon, and whatever is changed
//! afterwards is found.

use std::time::Duration;

use crypto::keyring::KeyPurpose;
use domain::ledger::Journal;
use domain::{AspId, CardAccountId, Money, Timestamp};
use platen::audit::content::SEAL_ROWS_MAX;
use platen::audit::sealer::seal;
use platen::audit::verify::{Anchor, Break, Report, partners, verify};
use platen::context::{Clock, Core};
use platen::keys::change::Change;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::keys::rotate;
use platen::sandbox::run::open;
use platen::sandbox::world::products::{FREE, STANDARD};
use platen::settings::Settings;
use store::tables::PLATFORM;
use store::tables::log::{self, Moment, NewEntry};
use store::tables::postings;
use store::testing::engines;
use store::{Store, Target, Tx, TxError, Value, WriteError};

use crate::given::given_of;
use crate::support::{REISSUE, TestServer, code, on_each_database, quick};

/// A database with a log, without a server.
struct Log {
    store: Store,
    core: Core,
}

fn asp() -> AspId {
    AspId::new(ASP_ID)
}

impl Log {
    fn open(target: &Target) -> Self {
        let (store, core) = open(target, &Settings::default(), true).unwrap();
        Log { store, core }
    }

    fn write(&self, mut work: impl FnMut(&mut Tx<'_>) + Send + 'static) {
        let write = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
            work(tx);
            Ok(())
        };
        let done: Result<(), WriteError<()>> = self.store.write_blocking(write);
        done.unwrap();
    }

    /// Changes the database as somebody could who has no key; how many rows.
    fn tamper(&self, sql: &'static str) {
        let params = if sql.contains("$1") { vec![Value::Text(ASP_ID)] } else { vec![] };
        self.write(move |tx| assert!(tx.execute(sql, &params).unwrap() > 0, "{sql}"));
    }

    /// Adds rows, each with a journal of two postings.
    fn add(&self, ids: std::ops::Range<i64>) {
        self.write(move |tx| {
            for id in ids.clone() {
                let won = Money::won(1_000 + id).unwrap();
                let journal = Journal::opening(CardAccountId(id), won).and(Journal::balance_moved(
                    CardAccountId(id),
                    CardAccountId(id + 1),
                    won,
                ));
                postings::insert(tx, &asp(), id, &journal).unwrap();
                let entry = NewEntry {
                    id,
                    operation: "test",
                    event: "card.tested",
                    code: "000_000",
                    correlation_id: "-",
                    subject: "-",
                    payload: "{}",
                    happened_at: Moment::plain(Timestamp(id)),
                    keys: None,
                };
                assert!(log::insert(tx, &asp(), &entry).unwrap());
            }
        });
    }

    fn seal(&self) -> i64 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(seal(&self.store, &self.core.keys, &asp(), Timestamp(7))).unwrap()
    }

    fn verify(&self) -> Report {
        verify(&self.store, &self.core.keys, &asp(), None).unwrap()
    }

    /// Three seals of four rows each, rows 1 to 12.
    fn sealed(target: &Target) -> Self {
        let log = Log::open(target);
        for first in [1, 5, 9] {
            log.add(first..first + 4);
            assert_eq!(log.seal(), 4);
        }
        let report = log.verify();
        assert_eq!((report.rows, report.seals, report.unsealed), (12, 3, 0));
        assert_eq!(report.breaks, []);
        log
    }
}

/// What is done to a log, and what must be found.
type Case = (&'static [&'static str], fn() -> Vec<Break>);

const CASES: &[Case] = &[
    // A row, in each of its columns that are sealed.
    (&["UPDATE operation_log SET payload = '{ }' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET event = 'x' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET operation = 'x' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET code = 'x' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET correlation_id = 'x' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET subject = 'x' WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    (&["UPDATE operation_log SET happened_at = 1 WHERE asp_id = $1 AND log_id = 6"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 6 }]
    }),
    // Its journal.
    (
        &["UPDATE posting SET amount = amount + 1 WHERE asp_id = $1 AND log_id = 7 AND line = 1"],
        || vec![Break::RowChanged { seal_no: 2, log_id: 7 }],
    ),
    (
        &["UPDATE posting SET credit = 'card:99' WHERE asp_id = $1 AND log_id = 7 AND line = 2"],
        || vec![Break::RowChanged { seal_no: 2, log_id: 7 }],
    ),
    (&["DELETE FROM posting WHERE asp_id = $1 AND log_id = 7 AND line = 2"], || {
        vec![Break::RowChanged { seal_no: 2, log_id: 7 }]
    }),
    (
        &["INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
           VALUES ($1, 7, 3, 'opening', 'card:7', 1, 'KRW')"],
        || vec![Break::RowChanged { seal_no: 2, log_id: 7 }],
    ),
    (
        &["INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
           VALUES ($1, 20, 1, 'opening', 'card:7', 1, 'KRW'),
               ($1, 20, 2, 'opening', 'card:7', 1, 'KRW'),
               ($1, -9223372036854775808, 1, 'opening', 'card:7', 1, 'KRW')"],
        || {
            let orphans = [i64::MIN, 20].map(|log_id| Break::PostingsOrphaned { log_id });
            orphans.to_vec()
        },
    ),
    // Rows that go and come.
    (&["DELETE FROM operation_log WHERE asp_id = $1 AND log_id = 5"], || {
        vec![Break::RowMissing { seal_no: 2, log_id: 5 }, Break::PostingsOrphaned { log_id: 5 }]
    }),
    (
        &[
            "DELETE FROM operation_log WHERE asp_id = $1 AND log_id = 12",
            "DELETE FROM posting WHERE asp_id = $1 AND log_id = 12",
        ],
        || vec![Break::RowMissing { seal_no: 3, log_id: 12 }],
    ),
    (&["UPDATE operation_log SET sealed_in = 1 WHERE asp_id = $1 AND log_id = 8"], || {
        vec![Break::RowAdded { seal_no: 1, log_id: 8 }, Break::RowMissing { seal_no: 2, log_id: 8 }]
    }),
    (&["UPDATE operation_log SET sealed_in = NULL WHERE asp_id = $1 AND log_id = 8"], || {
        vec![Break::RowMissing { seal_no: 2, log_id: 8 }]
    }),
    (
        &["INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
               subject, payload, happened_at, sealed_in)
           VALUES ($1, 0, 'test', 'x', '000_000', '-', '-', '{}', 1, 2)"],
        || vec![Break::RowAdded { seal_no: 2, log_id: 0 }],
    ),
    (
        &["INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
               subject, payload, happened_at, sealed_in)
           VALUES ($1, 20, 'test', 'x', '000_000', '-', '-', '{}', 1, 4)"],
        || vec![Break::RowAdded { seal_no: 4, log_id: 20 }],
    ),
    (
        &["INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
               subject, payload, happened_at, sealed_in)
           VALUES ($1, 20, 'test', 'x', '000_000', '-', '-', '{}', 1, 0)"],
        || vec![Break::RowAdded { seal_no: 0, log_id: 20 }],
    ),
    // Seals.
    (&["DELETE FROM audit_seal WHERE asp_id = $1 AND seal_no = 2"], || {
        vec![Break::SealMissing { seal_no: 2 }]
    }),
    (&["DELETE FROM audit_seal WHERE asp_id = $1 AND seal_no = 3"], || {
        vec![
            Break::SealMissing { seal_no: 3 },
            Break::RowAdded { seal_no: 3, log_id: 9 },
            Break::RowAdded { seal_no: 3, log_id: 10 },
            Break::RowAdded { seal_no: 3, log_id: 11 },
            Break::RowAdded { seal_no: 3, log_id: 12 },
        ]
    }),
    (&["UPDATE audit_seal SET sealed_at = 8 WHERE asp_id = $1 AND seal_no = 2"], || {
        vec![Break::SealChanged { seal_no: 2 }]
    }),
    // The second and the third in each other's place, with their rows.
    (
        &[
            "UPDATE audit_seal SET seal_no = 4 WHERE asp_id = $1 AND seal_no = 2",
            "UPDATE audit_seal SET seal_no = 2 WHERE asp_id = $1 AND seal_no = 3",
            "UPDATE audit_seal SET seal_no = 3 WHERE asp_id = $1 AND seal_no = 4",
            "UPDATE operation_log SET sealed_in = 5 - sealed_in
             WHERE asp_id = $1 AND sealed_in > 1",
        ],
        || vec![Break::SealChanged { seal_no: 2 }, Break::SealChanged { seal_no: 3 }],
    ),
    (&["UPDATE audit_seal SET audit_key_id = 77 WHERE asp_id = $1 AND seal_no = 3"], || {
        vec![Break::KeyUnknown { seal_no: 3, key_id: 77 }]
    }),
];

#[test]
fn whatever_is_changed_is_found() {
    for kind in 0..engines().len() {
        for (done, expected) in CASES {
            let database = engines().remove(kind);
            let log = Log::sealed(database.target());
            done.iter().for_each(|sql| log.tamper(sql));
            let report = log.verify();
            assert_eq!(report.breaks, expected(), "{}: {done:?}", database.target());
            assert_eq!(report.breaks_count, report.breaks.len() as u64);
            log.store.close();
        }
    }
}

/// Postings are read in batches; one ends within a journal.
#[test]
fn postings_without_a_row_are_found_among_many() {
    for database in engines() {
        let log = Log::sealed(database.target());
        log.add(100..800);
        log.tamper("DELETE FROM posting WHERE asp_id = $1 AND log_id = 100 AND line = 1");
        log.tamper(
            "DELETE FROM operation_log WHERE asp_id = $1
             AND log_id IN (101, 587, 588, 589, 799)",
        );
        let orphans = [101, 587, 588, 589, 799].map(|log_id| Break::PostingsOrphaned { log_id });
        assert_eq!(log.verify().breaks, orphans);
        // Of a partner that has nothing else.
        log.tamper("UPDATE posting SET asp_id = '9' WHERE asp_id = $1 AND log_id = 799");
        let stray = AspId::new("9");
        assert_eq!(partners(&log.store).unwrap().last(), Some(&stray));
        let report = verify(&log.store, &log.core.keys, &stray, None).unwrap();
        assert_eq!(report.breaks, [Break::PostingsOrphaned { log_id: 799 }]);
        log.store.close();
    }
}

#[test]
fn forgetting_a_calls_keys_breaks_nothing() {
    for database in engines() {
        let log = Log::sealed(database.target());
        log.tamper(
            "UPDATE operation_log SET replay_key = NULL, strict_key = NULL,
             cipher_digest = NULL WHERE asp_id = $1",
        );
        assert_eq!(log.verify().breaks, []);
        log.store.close();
    }
}

/// Rows, postings and seals cut off the end, with the counter: only who has noted the head sees it.
#[test]
fn an_anchor_shows_that_the_end_was_cut_off() {
    for database in engines() {
        let log = Log::sealed(database.target());
        let (seal_no, mac) = log.verify().head.unwrap();
        let anchor = Anchor { seal_no, mac };
        let anchored = || verify(&log.store, &log.core.keys, &asp(), Some(&anchor)).unwrap().breaks;
        assert_eq!(anchored(), []);
        for sql in [
            "DELETE FROM audit_seal WHERE asp_id = $1 AND seal_no = 3",
            "DELETE FROM operation_log WHERE asp_id = $1 AND sealed_in = 3",
            "DELETE FROM posting WHERE asp_id = $1 AND log_id > 8",
            "UPDATE counter SET next_value = 3 WHERE asp_id = $1 AND name = 'audit-seal'",
        ] {
            log.tamper(sql);
        }
        assert_eq!(log.verify().breaks, []);
        assert_eq!(anchored(), [Break::SealMissing { seal_no: 3 }]);
        log.add(13..15);
        assert_eq!(log.seal(), 2);
        assert_eq!(anchored(), [Break::SealMissing { seal_no: 3 }]);
        log.store.close();
    }
}

/// Batches have a bound, what comes late is not passed over, and keys may change between seals.
#[test]
fn rows_are_sealed_in_batches_whatever_order_they_come_in() {
    for database in engines() {
        let log = Log::open(database.target());
        let many = SEAL_ROWS_MAX + 50;
        log.add(1_000..1_000 + many);
        assert_eq!(log.seal(), SEAL_ROWS_MAX);
        // A transaction that was slower, of a block of lower ids.
        log.add(1..3);
        assert_eq!(log.verify().unsealed, 52);
        assert_eq!(log.verify().oldest_unsealed, Some(Timestamp(1)));
        assert_eq!(log.seal(), 52);
        assert_eq!(log.seal(), 0);
        let report = log.verify();
        assert_eq!((report.rows, report.seals), (u64::try_from(many).unwrap() + 2, 2));
        assert_eq!((report.unsealed, report.oldest_unsealed, report.breaks), (0, None, vec![]));
        // The platform's own log has begun with its keys.
        let told: Vec<_> = partners(&log.store).unwrap();
        assert_eq!(told, [AspId::new(PLATFORM), asp()]);
        log.store.close();
    }
}

/// The audit key is rotated between the reading of the keys and that of the seals.
#[test]
fn keys_that_come_while_a_log_is_checked_are_read() {
    for database in engines() {
        let log = Log::sealed(database.target());
        let now = Clock.now();
        let why = Change { by: "test".to_owned(), reason: "to see it work".to_owned(), now };
        let rotate = move |tx: &mut Tx<'_>| rotate(tx, KeyPurpose::Audit, now, &why);
        let key_id = log.store.write_blocking(rotate).unwrap();
        let server = Log::open(database.target());
        server.add(13..15);
        assert_eq!(server.seal(), 2);
        assert!(log.core.keys.ring().audit_key(key_id).is_none());
        let report = log.verify();
        assert_eq!((report.rows, report.seals, report.breaks), (14, 4, vec![]));
        server.store.close();
        log.store.close();
    }
}

/// Two servers seal while calls run: one chain, without a gap, up to the last row.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_seal_one_chain() {
    on_each_database(async |target, bank| {
        let sealing = || Settings { audit_seal_interval_ms: 20, ..quick() };
        let one = TestServer::start(&target, &bank, sealing()).await;
        let two = TestServer::start(&target, &bank, sealing()).await;
        for turn in 0..12 {
            let product = if turn % 2 == 0 { FREE } else { STANDARD };
            let world = given_of(&one, &bank, product).await;
            let server = if turn % 4 < 2 { &one } else { &two };
            let done = server.call(REISSUE, &with_plastic(&world)).await;
            assert_eq!(code(&done), "000_000");
            // Arming again books back; no row is touched.
            let armed = platen::sandbox::arm::arm(&one.app, &bank.admin, &asp(), &world).await;
            armed.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let (store, core) = (one.app.store.clone(), one.app.core.clone());
        let report = std::thread::spawn(move || verify(&store, &core.keys, &asp(), None).unwrap());
        let report = tokio::task::block_in_place(|| report.join().unwrap());
        assert_eq!((&report.breaks, report.unsealed), (&vec![], 0));
        let rows = one.number("SELECT COUNT(*) FROM operation_log WHERE asp_id = $1").await;
        assert_eq!(i64::try_from(report.rows).unwrap(), rows);
        assert!(report.seals > 2, "{report:?}");
        one.assert_balances_derive().await;
        let taken = bank.admin.totals().await.unwrap();
        assert_eq!(taken.taken(), one.fees_taken().await);
        let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = metrics.get(format!("{}/metrics", one.url)).send().await.unwrap();
        assert!(metrics.text().await.unwrap().contains("platen_log_unsealed 0"));
        one.stop().await;
        two.stop().await;
    })
    .await;
}

/// A database of the first release, with its rows: it gets what it lacks, and its log is sealed.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_release_is_taken_over() {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, quick()).await;
        let world = given_of(&server, &bank, FREE).await;
        for sql in [
            "DROP INDEX operation_log_by_seal",
            "ALTER TABLE operation_log DROP COLUMN sealed_in",
            "DROP TABLE audit_seal",
            "DROP TABLE card_check",
            "DELETE FROM platform_key WHERE purpose = 'audit'",
            "ALTER TABLE platform_key DROP COLUMN active_from",
            "ALTER TABLE sandbox_master_key DROP COLUMN generation",
            "ALTER TABLE crypto_key DROP COLUMN made_at",
            "DELETE FROM schema_migration WHERE version BETWEEN 2 AND 4",
        ] {
            let back = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(sql)?) };
            server.app.store.write(back).await.unwrap();
        }
        server.stop().await;
        let sealing = Settings { audit_seal_interval_ms: 20, ..quick() };
        let next = TestServer::start(&target, &bank, sealing).await;
        let done = next.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&done), "000_000");
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let sql = "SELECT COUNT(*) FROM operation_log WHERE asp_id = $1 AND sealed_in IS NULL";
        assert_eq!(next.number(sql).await, 0);
        let sql = "SELECT COUNT(*) FROM platform_key WHERE asp_id <> $1 AND state = 'ACTIVE'";
        assert_eq!(next.number(sql).await, 6);
        next.stop().await;
    })
    .await;
}

/// A chain that somebody has cut cannot go on; others do, and it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_cannot_go_on_does_not_hold_up_others() {
    on_each_database(async |target, bank| {
        let sealing = Settings { audit_seal_interval_ms: 20, ..quick() };
        let server = TestServer::start(&target, &bank, sealing).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        for sql in [
            // The platform's partner id is the first in every order.
            "DELETE FROM audit_seal WHERE asp_id = '000000000000000'",
            "INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
                 subject, payload, happened_at)
             VALUES ('000000000000000', 999999999, 'test', 'x', '000_000', '-', '-', '{}', 1)",
        ] {
            let cut = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(sql)?) };
            server.app.store.write(cut).await.unwrap();
        }
        let world = given_of(&server, &bank, FREE).await;
        let done = server.call(REISSUE, &with_plastic(&world)).await;
        assert_eq!(code(&done), "000_000");
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let sql = "SELECT COUNT(*) FROM operation_log WHERE asp_id = $1 AND sealed_in IS NULL";
        assert_eq!(server.number(sql).await, 0);
        let metrics = server.app.metrics.text();
        assert!(metrics.contains("platen_log_unsealed 1"), "{metrics}");
        assert!(!metrics.contains("platen_log_seal_failures_total 0"), "{metrics}");
        server.stop().await;
    })
    .await;
}

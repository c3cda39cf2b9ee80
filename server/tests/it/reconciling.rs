//! The bank's daily file against the books: what differs is a case until it is closed.

use std::fmt::Write as _;
use std::path::PathBuf;

use bank::OrderKind;
use bank::sim::{LedgerEntry, Scope};
use platen::fee::recovery;
use platen::operator::Mode;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::reconciling::{Counts, ReconcileError, Report, reconcile};
use platen::sandbox::ASP_ID;
use platen::sandbox::bank::INSTITUTION_CODE;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use serde_json::Value;
use store::Target;
use store::tables::log::Moment;
use tempfile::TempDir;

use crate::given::{given, new_id};
use crate::process::arg;
use crate::stuck::said_by;
use crate::support::{REISSUE, TestBank, TestServer, code, on_each_database, quick};

/// A row of a file.
#[derive(Clone)]
pub struct Row {
    pub id: String,
    pub direction: char,
    pub amount: i64,
}

/// A file of a day with these rows.
pub fn text(day: &str, rows: &[Row]) -> String {
    let sum = |direction| {
        let own = rows.iter().filter(|row| row.direction == direction);
        own.map(|row| row.amount).sum::<i64>()
    };
    let mut text = format!("H,{day},{INSTITUTION_CODE}\n");
    for Row { id, direction, amount } in rows {
        writeln!(text, "R,{id},{direction},{amount}").unwrap();
    }
    writeln!(text, "T,{},{},{}", rows.len(), sum('W'), sum('D')).unwrap();
    text
}

/// Everything that a check needs.
struct Stage<'a> {
    server: &'a TestServer,
    bank: &'a TestBank,
    folder: TempDir,
    database: String,
    day: String,
}

impl Stage<'_> {
    /// The bank's own ledger, as the file that it would send.
    async fn ledger(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut after = 0;
        loop {
            let page = self.bank.admin.ledger(None, after).await.unwrap();
            let Some(last) = page.entries.last() else { return rows };
            after = last.seq;
            rows.extend(page.entries.iter().filter(|it| it.tran_date == self.day).map(row));
        }
    }

    fn file(&self, rows: &[Row]) -> PathBuf {
        let path = self.folder.path().join("bank.csv");
        std::fs::write(&path, text(&self.day, rows)).unwrap();
        path
    }

    async fn reconcile(&self, rows: &[Row]) -> Report {
        self.in_mode(rows, Mode::Real).await.unwrap()
    }

    async fn in_mode(&self, rows: &[Row], mode: Mode) -> Result<Report, ReconcileError> {
        let (store, core) = (&self.server.app.store, &self.server.app.core);
        let now = Moment::plain(self.server.app.clock.now());
        reconcile(store, core, &self.file(rows), None, (now, mode)).await
    }

    /// The binary, on this database.
    async fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let all = args.iter().copied().chain(["--database", self.database.as_str()]);
        said_by(all.map(str::to_owned).collect()).await
    }

    /// Open cases: whose, what, and how much.
    async fn cases(&self) -> Vec<String> {
        let (code, out, err) = self.run(&["reconcile", "cases", "--json"]).await;
        assert_eq!(err, "");
        let told: Value = serde_json::from_str(&out).unwrap();
        let cases = told["cases"].as_array().unwrap();
        assert_eq!(code, Some(if cases.is_empty() { 0 } else { 3 }));
        let line = |case: &Value| {
            let amount = |name: &str| case[name].to_string().replace("null", "-");
            let whose = if case["partner"] == ASP_ID { "ours" } else { "nobody's" };
            let kind = case["kind"].as_str().unwrap();
            format!("{kind} {} {} {whose}", amount("ours"), amount("theirs"))
        };
        cases.iter().map(line).collect()
    }

    /// A member with a fee, as its bank behaves; its row.
    async fn fee(&self, words: &'static str) -> (World, Row) {
        let change = |world: &mut World| world.bank = Bank::Behaving(words);
        let world = given(self.server, self.bank, change).await;
        let id = new_id();
        let exchange = self.server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
        assert!(["000_000", "003_055", "003_056"].contains(&code(&exchange)), "{words}");
        let sql = "SELECT bank_tran_id FROM application WHERE asp_id = $1 AND user_id = $2";
        let id = self.server.row(sql, &[world.user_id().into()]).await;
        (world, Row { id, direction: 'W', amount: 3_000 })
    }
}

fn row(entry: &LedgerEntry) -> Row {
    let direction = match entry.kind {
        OrderKind::Withdrawal => 'W',
        OrderKind::Deposit => 'D',
    };
    Row { id: entry.bank_tran_id.clone(), direction, amount: entry.amount }
}

fn counts(report: &Report) -> [u64; 4] {
    let Counts { matched, ours_only, theirs_only, amount_differs } = report.counts;
    [matched, ours_only, theirs_only, amount_differs]
}

async fn on_each(check: impl AsyncFn(&Stage<'_>)) {
    let by_hand = Settings { fee_recovery_interval_ms: 3_600_000, ..quick() };
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, by_hand.clone()).await;
        let database = match &target {
            Target::Sqlite(path) => arg(path).to_owned(),
            Target::Postgres(url) => url.clone(),
        };
        let day = server.app.now().business_day().to_string();
        let folder = TempDir::new().unwrap();
        check(&Stage { server: &server, bank: &bank, folder, database, day }).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_has_moved_is_what_our_books_say() {
    on_each(async |stage| {
        let before = stage.ledger().await;
        for _ in 0..3 {
            stage.fee("answer").await;
        }
        stage.fee("refuse:S56").await;
        // One that goes back on the same day.
        let (world, _) = stage.fee("take_silently").await;
        let spoilt = "UPDATE application SET mobile_number = 'nonsense', deadline_at = 0
             WHERE asp_id = $1 AND user_id = $2";
        stage.server.exec(spoilt, &[world.user_id().into()]).await;
        recovery::round(&stage.server.app).await.unwrap();
        stage.bank.behave(&world, "answer", Scope::Account).await;
        recovery::round(&stage.server.app).await.unwrap();
        let rows = stage.ledger().await;
        assert_eq!(rows.len(), before.len() + 5);
        assert!(rows.iter().any(|row| row.direction == 'D'));
        let report = stage.reconcile(&rows).await;
        let all = u64::try_from(rows.len()).unwrap();
        assert_eq!((counts(&report), report.open), ([all, 0, 0, 0], 0));
        // By command, too: all is well.
        let path = stage.file(&rows);
        let (code, out, err) = stage.run(&["reconcile", "--bank", arg(&path)]).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let told = format!("{all} matched, 0 ours only, 0 theirs only, 0 with another amount");
        assert!(out.starts_with(&format!("{}: {told}\n", stage.day)), "{out}");
        assert_eq!(stage.cases().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_a_case_until_a_file_or_a_person_closes_it() {
    on_each(async |stage| {
        let (_, missing) = stage.fee("answer").await;
        let (_, other) = stage.fee("answer").await;
        let (_, refused) = stage.fee("refuse:S56").await;
        let whole = stage.ledger().await;
        let mut rows = whole.clone();
        rows.retain(|row| row.id != missing.id);
        rows.iter_mut().find(|row| row.id == other.id).unwrap().amount = 2_999;
        rows.push(refused);
        let stranger =
            Row { id: format!("{INSTITUTION_CODE}UZZZZZZZZZ"), direction: 'D', amount: 5 };
        rows.push(stranger.clone());
        let matched = u64::try_from(whole.len()).unwrap() - 2;

        let before = stage.server.dump().await;
        let dry = stage.in_mode(&rows, Mode::Dry).await.unwrap();
        assert_eq!((counts(&dry), dry.opened), ([matched, 1, 2, 1], 4));
        assert_eq!(stage.server.dump().await, before);
        let report = stage.reconcile(&rows).await;
        assert_eq!((counts(&report), report.opened, report.open), ([matched, 1, 2, 1], 4, 4));
        let mut cases = stage.cases().await;
        cases.sort();
        assert_eq!(
            cases,
            [
                "AMOUNT_DIFFERS 3000 2999 ours",
                "OURS_ONLY 3000 - ours",
                "THEIRS_ONLY - 3000 ours",
                "THEIRS_ONLY - 5 nobody's",
            ]
        );
        // The same file again changes nothing at all.
        let before = stage.server.dump().await;
        let path = stage.file(&rows);
        let json = ["reconcile", "--bank", arg(&path), "--json"];
        let (code, out, _) = stage.run(&json).await;
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &told["opened"], &told["open"]), (Some(3), &0.into(), &4.into()));
        assert_eq!(stage.server.dump().await, before);

        close(stage, &rows, &stranger).await;
        // A file that is mended closes what it mends.
        let mended = stage.reconcile(&[&whole[..], std::slice::from_ref(&stranger)].concat()).await;
        assert_eq!((mended.closed, mended.open), (3, 0));
        let sql = "SELECT COUNT(*) FROM reconciliation_case
             WHERE asp_id = $1 AND closed_by = 'platen reconcile'";
        assert_eq!(stage.server.number(sql).await, 3);
        // What comes back is another case.
        let again = stage.reconcile(&rows).await;
        assert_eq!((again.opened, again.open), (3, 3));
    })
    .await;
}

/// A person closes the stranger's case, once, and it stays closed while the file says the same.
async fn close(stage: &Stage<'_>, rows: &[Row], stranger: &Row) {
    let sql = "SELECT case_id FROM reconciliation_case WHERE asp_id <> $1 AND bank_tran_id = $2";
    let id = stage.server.row(sql, &[stranger.id.as_str().into()]).await;
    let by = ["--by", "Kim", "--reason", "the bank's own test"];
    let own = [&["reconcile", "close", &id], &by[..]].concat();
    let dry = stage.run(&[&own[..], &["--dry-run"]].concat()).await;
    assert!(dry.0 == Some(0) && dry.1.contains("would be closed by kim"), "{dry:?}");
    let elsewhere = stage.run(&[&own[..], &["--partner", ASP_ID]].concat()).await;
    assert!(elsewhere.0 == Some(1) && elsewhere.2.contains("there is no case"), "{elsewhere:?}");
    let done = stage.run(&[&own[..], &["--json"]].concat()).await;
    let told: Value = serde_json::from_str(&done.1).unwrap();
    assert_eq!((done.0, &told["state"]), (Some(0), &"CLOSED".into()));
    let twice = stage.run(&own).await;
    let closed = format!("platen: case {id} is closed, by kim at 20");
    assert!(twice.0 == Some(1) && twice.2.starts_with(&closed), "{twice:?}");
    let unknown = stage.run(&[&["reconcile", "close", "99999"], &by[..]].concat()).await;
    assert!(unknown.2.starts_with("platen: there is no case 99999"), "{unknown:?}");
    let sql = "SELECT payload FROM operation_log
         WHERE asp_id <> $1 AND event = 'reconciliation.case_closed'";
    let noted: Value = serde_json::from_str(&stage.server.row(sql, &[]).await).unwrap();
    assert_eq!((&noted["by"], &noted["reason"]), (&"kim".into(), &"the bank's own test".into()));
    assert_eq!((&noted["theirs"], &noted["bankTranId"]), (&5.into(), &stranger.id.as_str().into()));
    let report = stage.reconcile(rows).await;
    assert_eq!((report.opened, report.open), (0, 3));
    // Another amount is another case; closed by the file that takes it back.
    let mut changed = rows.to_vec();
    changed.iter_mut().find(|row| row.id == stranger.id).unwrap().amount = 6;
    assert_eq!(stage.reconcile(&changed).await.opened, 1);
    let back = stage.reconcile(rows).await;
    assert_eq!((back.closed, back.opened), (1, 1));
    let id = "SELECT MAX(case_id) FROM reconciliation_case WHERE asp_id <> $1";
    let id = stage.server.row(id, &[]).await;
    let own = [&["reconcile", "close", &id], &by[..]].concat();
    assert_eq!(stage.run(&own).await.0, Some(0));
}

/// The bank has taken the fee and says nothing: a case, until it is settled.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_fee_that_the_bank_has_taken_is_a_case() {
    on_each(async |stage| {
        let (world, open) = stage.fee("take_silently").await;
        let rows = stage.ledger().await;
        assert!(rows.iter().any(|row| row.id == open.id));
        let report = stage.reconcile(&rows).await;
        assert_eq!((report.counts.theirs_only, report.open), (1, 1));
        assert_eq!(stage.cases().await, ["THEIRS_ONLY - 3000 ours"]);
        // One that the bank has not moved either is none.
        stage.fee("hold").await;
        assert_eq!(stage.reconcile(&rows).await, Report { opened: 0, ..report.clone() });
        let due = "UPDATE application SET deadline_at = 0 WHERE asp_id = $1 AND user_id = $2";
        stage.server.exec(due, &[world.user_id().into()]).await;
        recovery::round(&stage.server.app).await.unwrap();
        let settled = stage.reconcile(&rows).await;
        assert_eq!((settled.counts.theirs_only, settled.closed, settled.open), (0, 1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_refused_with_a_sentence_and_changes_nothing() {
    on_each(async |stage| {
        let (_, fee) = stage.fee("answer").await;
        let rows = stage.ledger().await;
        let (good, day) = (text(&stage.day, &rows), stage.day.as_str());
        let before = stage.server.dump().await;
        let path = stage.folder.path().join("wrong.csv");
        let cut = &good[..good.len() - 3];
        for (wrong, says) in [
            (String::new(), "line 1: the file is cut"),
            (cut.to_owned(), "the line is cut, it has no end"),
            (good.replacen(INSTITUTION_CODE, "M999999999", 1), "line 2: the transaction is not of"),
            (
                text(day, &[]).replace(INSTITUTION_CODE, "M999999999"),
                "of the institution M999999999",
            ),
            (text("20991231", &rows), "the bank's day 20991231 is to come"),
            (text("20260230", &rows), "line 1: the bank's day is not of its form"),
            (text(day, &[fee.clone(), fee.clone()]), "line 3: the transaction stands in line 2"),
            (good.replace("T,", "X,"), "a row is R,<bank_tran_id>,<W or D>,<won>"),
        ] {
            std::fs::write(&path, wrong).unwrap();
            let (code, out, err) = stage.run(&["reconcile", "--bank", arg(&path)]).await;
            assert_eq!((code, out.as_str()), (Some(1), ""), "{says}: {err}");
            let is_sentence = err.starts_with("platen: ") && err.trim_end().lines().count() == 1;
            assert!(is_sentence && err.contains(says), "{says}: {err}");
        }
        std::fs::write(&path, good).unwrap();
        let (file, folder) = (arg(&path), arg(stage.folder.path()));
        for (args, says) in [
            (["--bank", "/nowhere.csv"].as_slice(), "the file /nowhere.csv cannot be opened"),
            (&["--bank", folder], "cannot be opened"),
            (&["--bank", file, "--partner", "7"], "there is no partner 7"),
        ] {
            let (code, _, err) = stage.run(&[&["reconcile"], args].concat()).await;
            assert!(code == Some(1) && err.contains(says), "{says}: {code:?} {err}");
        }
        assert_eq!(stage.server.dump().await, before);
        // Another file than the day's.
        let foreign = |n: usize| format!("{INSTITUTION_CODE}UY{n:08}");
        let all = (0..10_001).map(|n| Row { id: foreign(n), direction: 'D', amount: 1 });
        let refused = stage.in_mode(&all.collect::<Vec<_>>(), Mode::Real).await.unwrap_err();
        assert!(
            refused.to_string().starts_with("more than 10000 transactions differ"),
            "{refused}"
        );
        assert_eq!(stage.server.dump().await, before);
    })
    .await;
}

/// With --partner the file is one partner's: what it does not know is that partner's case.
#[tokio::test(flavor = "multi_thread")]
async fn runs_at_once_open_each_case_once() {
    on_each(async |stage| {
        let (_, missing) = stage.fee("answer").await;
        let mut rows = stage.ledger().await;
        rows.retain(|row| row.id != missing.id);
        rows.push(Row { id: format!("{INSTITUTION_CODE}UZZZZZZZZY"), direction: 'W', amount: 7 });
        let path = stage.file(&rows);
        let own = ["reconcile", "--bank", arg(&path), "--partner", ASP_ID];
        let runs = [stage.run(&own), stage.run(&own), stage.run(&own), stage.run(&own)];
        for (code, _, err) in futures_joined(runs).await {
            assert_eq!((code, err.as_str()), (Some(3), ""));
        }
        assert_eq!(stage.cases().await.len(), 2);
        let sql = "SELECT COUNT(*) FROM reconciliation_case WHERE asp_id = $1";
        assert_eq!(stage.server.number(sql).await, 2);
        // The runs that changed nothing have left no row in the log.
        let sql = "SELECT COUNT(*) FROM operation_log
             WHERE asp_id <> $1 AND event = 'reconciliation.read'";
        assert_eq!(stage.server.number(sql).await, 1);
    })
    .await;
}

async fn futures_joined<F: Future>(all: [F; 4]) -> [F::Output; 4] {
    let [one, two, three, four] = all;
    let (one, two, three, four) = tokio::join!(one, two, three, four);
    [one, two, three, four]
}

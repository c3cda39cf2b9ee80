//! Fees that the bank says nothing of: listed, shown, and ruled on by two persons, beside a server.

mod faults;

use std::path::Path;
use std::time::Duration;

use bank::sim::Scope;
use domain::{ApplyNo, AspId};
use platen::fee::recovery;
use platen::fee::resolving::{Given, resolve};
use platen::operator::Mode;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::{Bank, World};
use platen::settings::Settings;
use serde_json::Value;
use store::Target;
use store::tables::fee_proposals::Verdict;

use crate::fees::events;
use crate::given::{given, new_id};
use crate::process::{arg, run, stdout_of};
use crate::support::{REISSUE, TestBank, TestServer, aside, code, on_each_database, quick};

/// An order whose bank is silent lasts so long in these tests.
const LIFETIME: Duration = Duration::from_millis(2_100);
/// A deadline with its margin, too.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// Recovery comes when the test wants it.
fn by_hand() -> Settings {
    Settings { fee_recovery_interval_ms: 3_600_000, ..quick() }
}

/// What a command has said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Its one sentence, where it refuses.
    fn refused(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        let sentence = self.err.trim_end();
        assert!(sentence.starts_with("platen: ") && sentence.lines().count() == 1, "{sentence}");
        sentence
    }
}

/// Where commands are run: beside a server, as its operators do.
pub struct Desk {
    database: String,
    bank: String,
}

impl Desk {
    pub fn at(target: &Target, bank: &TestBank) -> Self {
        let database = match target {
            Target::Sqlite(path) => arg(path).to_owned(),
            Target::Postgres(url) => url.clone(),
        };
        Desk { database, bank: bank.url.clone() }
    }

    async fn run(&self, args: &[&str]) -> Said {
        let own = ["--database", &self.database, "--log", "off"];
        let quick = ["--fee-deadline-ms=700", "--fee-recovery-margin-ms=200"];
        let more = ["--bank-order-lifetime-ms=2000", "--fee-inquiry-timeout-ms=700"];
        let all: Vec<String> = args
            .iter()
            .chain(&own)
            .chain(&quick)
            .chain(&more)
            .map(|arg| (*arg).to_owned())
            .collect();
        said(all).await
    }

    async fn list(&self) -> Vec<Value> {
        let listed = self.run(&["fee", "list", "--json"]).await.json();
        listed["fees"].as_array().unwrap().clone()
    }

    async fn run_plain(&self, args: &[&str]) -> Said {
        let at = ["--database", &self.database];
        let all = args.iter().chain(&at);
        said(all.map(|arg| (*arg).to_owned()).collect()).await
    }

    async fn show(&self, no: &str) -> Value {
        self.run_plain(&["fee", "show", no, "--json"]).await.json()
    }

    async fn rule(&self, no: &str, verdict: &str, by: &str, more: &[&str]) -> Said {
        let evidence = format!("statement of {by}");
        let own = ["fee", "resolve", no, verdict, "--by", by, "--bank", &self.bank, "--json"];
        let why = ["--evidence", &evidence, "--reason", "the bank is silent"];
        self.run(&[&own[..], &why, more].concat()).await
    }

    async fn withdraw(&self, no: &str, by: &str, more: &[&str]) -> Said {
        let own = ["fee", "resolve", no, "--withdraw", "--by", by, "--reason", "an error"];
        self.run(&[&own[..], &["--json"], more].concat()).await
    }
}

/// Runs a command to its end.
pub async fn said_by(args: Vec<String>) -> (Option<i32>, String, String) {
    let output = aside(move || run(&args.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn said(args: Vec<String>) -> Said {
    let (code, out, err) = said_by(args).await;
    Said { code, out, err }
}

/// A member whose fee the bank says nothing of; the call's number, and the application's.
async fn stuck(server: &TestServer, bank: &TestBank) -> (World, String, String) {
    let world = given(server, bank, |world| world.bank = Bank::Behaving("hold")).await;
    let id = new_id();
    let open = server.call_as(REISSUE, &with_plastic(&world), Some(&id)).await;
    assert_eq!(code(&open), "003_055");
    let sql = "SELECT apply_no FROM application WHERE asp_id = $1 AND user_id = $2";
    let no = server.row(sql, &[world.user_id().into()]).await;
    (world, id, no)
}

async fn again(server: &TestServer, (world, id): (&World, &str)) -> String {
    let exchange = server.call_as(REISSUE, &with_plastic(world), Some(id)).await;
    code(&exchange).to_owned()
}

/// The journal of an application's fee.
async fn journal(server: &TestServer, no: &str) -> Vec<String> {
    let sql = "SELECT p.debit, p.credit, p.amount FROM posting p
         JOIN operation_log l ON l.asp_id = p.asp_id AND l.log_id = p.log_id
         WHERE l.asp_id = $1 AND l.subject = $2 AND p.debit NOT LIKE 'card:%'
         ORDER BY p.log_id, p.line";
    server.rows(sql, &[no.into()]).await
}

/// What the platform's own log has about a fee: events, actors and what came of them.
async fn ruled(server: &TestServer, no: &str) -> Vec<Value> {
    let sql = "SELECT event, payload FROM operation_log
         WHERE asp_id <> $1 AND subject = $2 ORDER BY log_id";
    let subject = format!("fee:{ASP_ID}:{no}");
    let rows = server.rows(sql, &[subject.as_str().into()]).await;
    let read = |row: &String| {
        let (event, payload) = row.split_once(' ').unwrap();
        let mut payload: Value = serde_json::from_str(payload).unwrap();
        payload["event"] = event.into();
        payload
    };
    rows.iter().map(read).collect()
}

async fn proposals(server: &TestServer) -> i64 {
    server.number("SELECT COUNT(*) FROM fee_proposal WHERE asp_id = $1").await
}

async fn on_each(settings: Settings, check: impl AsyncFn(&TestServer, &TestBank, &Desk, &Target)) {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, settings.clone()).await;
        check(&server, &bank, &Desk::at(&target, &bank), &target).await;
        server.assert_balances_derive().await;
        server.stop().await;
    })
    .await;
}

/// What `fee list` tells of an application.
async fn listed(desk: &Desk, no: &str) -> Option<Value> {
    desk.list().await.into_iter().find(|fee| fee["cardApplyNo"] == no)
}

/// An object has these texts.
fn assert_told(object: &Value, texts: &[(&str, &str)]) {
    for (name, text) in texts {
        assert_eq!(object[name], *text, "{name} of {object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_rule_that_a_fee_was_taken() {
    on_each(quick(), async |server, bank, desk, _| {
        let (world, id, no) = stuck(server, bank).await;
        tokio::time::sleep(PATIENCE).await;
        proposed(server, desk, (&world, &no)).await;
        let done = desk.rule(&no, "--taken", "lee", &[]).await.json();
        let operators = ("settledBy", "operators");
        let issued = ("state", "DIGITAL_ISSUED");
        assert_told(&done, &[("outcome", "RESOLVED"), operators, issued]);
        assert_eq!(server.state(world.user_id()).await, "DIGITAL_ISSUED");
        assert_eq!(again(server, (&world, &id)).await, "000_000");
        let (income, vat) = ("fee-income 2728", "vat-payable 272");
        let taken = [income, vat].map(|to| format!("pg-clearing:open-banking {to}"));
        assert_eq!(journal(server, &no).await, taken);
        assert_eq!(proposals(server).await, 0);
        let log = ruled(server, &no).await;
        assert_eq!(log.len(), 2);
        assert_told(&log[0], &[("event", "fee.ruling_proposed"), ("by", "kim")]);
        let first = [("proposedBy", "kim"), ("proposedEvidence", "statement of Kim")];
        let second = [("by", "lee"), ("evidence", "statement of lee")];
        let more = [("event", "fee.ruled"), ("reason", "the bank is silent"), operators, issued];
        assert_told(&log[1], &[&first[..], &second, &more].concat());
        let third = desk.rule(&no, "--taken", "park", &[]).await;
        assert!(third.refused().contains("its application is DIGITAL_ISSUED"), "{}", third.err);
        assert_eq!(listed(desk, &no).await, None);
        shown(desk, (&world, &no)).await;
    })
    .await;
}

/// It is listed and proposed; nothing but a second person brings it further.
async fn proposed(server: &TestServer, desk: &Desk, (world, no): (&World, &str)) {
    let open = listed(desk, no).await.unwrap();
    assert_told(&open, &[("state", "COST_PAYING"), ("par", &world.par())]);
    assert_eq!((&open["amount"], &open["proposal"]), (&3_000.into(), &Value::Null));
    let sql = "SELECT bank_tran_id, bank_tran_day FROM application
         WHERE asp_id = $1 AND apply_no = $2";
    let order = server.row(sql, &[no.into()]).await;
    let told = format!("{} {}", open["bankTranId"], open["bankDay"]).replace('"', "");
    assert_eq!(order, told);

    let dry = desk.rule(no, "--taken", "kim", &["--dry-run"]).await.json();
    assert_told(&dry, &[("outcome", "WOULD_PROPOSE")]);
    assert_eq!(proposals(server).await, 0);
    let first = desk.rule(no, "--taken", "Kim", &[]).await.json();
    assert_told(&first, &[("outcome", "PROPOSED"), ("proposedBy", "kim")]);
    assert_eq!(listed(desk, no).await.unwrap()["proposal"]["by"], "kim");
    let same = desk.rule(no, "--taken", "KIM", &[]).await;
    assert!(same.refused().contains("kim has proposed that the fee is TAKEN"), "{}", same.err);
    assert!(same.refused().ends_with("somebody else has to confirm it"), "{}", same.err);
    tokio::time::sleep(LIFETIME).await;
    let other = desk.rule(no, "--refused", "lee", &[]).await;
    assert!(other.refused().contains("kim has proposed at 20"), "{}", other.err);
    assert!(other.err.contains("TAKEN, by evidence `statement of Kim`"), "{}", other.err);
    let dry = desk.rule(no, "--taken", "lee", &["--dry-run"]).await.json();
    assert_told(&dry, &[("outcome", "WOULD_RESOLVE"), ("bank", "it has no answer")]);
    assert_eq!(server.state(world.user_id()).await, "COST_PAYING");
    assert_eq!(proposals(server).await, 1);
}

/// All that was written down is told, and nothing that is sealed.
async fn shown(desk: &Desk, (world, no): (&World, &str)) {
    let shown = desk.show(no).await;
    let trail = shown["trail"].as_array().unwrap();
    let told: Vec<_> = trail.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    for event in ["fee.ruling_proposed", "card.reissued", "fee.ruled"] {
        assert!(told.contains(&event), "{told:?}");
    }
    let issued = trail.iter().find(|entry| entry["event"] == "card.reissued").unwrap();
    assert_eq!(issued["journal"][0]["debit"], "pg-clearing:open-banking");
    let plain = desk.run_plain(&["fee", "show", no]).await;
    let lines = "Dr pg-clearing:open-banking / Cr fee-income  2728 KRW";
    assert!(plain.out.contains(lines) && plain.out.contains("fee.ruled"), "{}", plain.out);
    for text in [shown.to_string(), plain.out] {
        assert!(!text.contains(&world.card_no()) && !text.contains(&world.fintech_use_num()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_ruled_refused_only_when_its_order_is_over() {
    on_each(by_hand(), async |server, bank, desk, _| {
        let (world, id, no) = stuck(server, bank).await;
        tokio::time::sleep(LIFETIME).await;
        let proposed = desk.rule(&no, "--refused", "kim", &[]).await.json();
        assert_eq!(proposed["outcome"], "PROPOSED");
        let done = desk.rule(&no, "--refused", "lee", &[]).await.json();
        assert_eq!(
            (&done["verdict"], &done["state"]),
            (&"REFUSED".into(), &"COST_PAY_FAILED".into())
        );
        assert_eq!(again(server, (&world, &id)).await, "003_059");
        assert_eq!(journal(server, &no).await, Vec::<String>::new());
        assert_eq!(events(server, &world).await, [format!("fee.refused 003_059 {id} 1")]);
        // The card is free for another try.
        bank.behave(&world, "answer", Scope::Account).await;
        assert_eq!(again(server, (&world, &new_id())).await, "000_000");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_says_goes_before_what_was_ruled() {
    on_each(by_hand(), async |server, bank, desk, _| {
        for (ruling, words, verdict, state, answer) in [
            ("--taken", "refuse:S56", "REFUSED", "COST_PAY_FAILED", "003_056"),
            ("--refused", "answer", "TAKEN", "DIGITAL_ISSUED", "000_000"),
        ] {
            let (world, id, no) = stuck(server, bank).await;
            tokio::time::sleep(LIFETIME).await;
            desk.rule(&no, ruling, "kim", &[]).await.json();
            bank.behave(&world, words, Scope::Account).await;
            let done = desk.rule(&no, ruling, "lee", &[]).await.json();
            assert_eq!((&done["settledBy"], &done["verdict"]), (&"bank".into(), &verdict.into()));
            assert_eq!(server.state(world.user_id()).await, state);
            assert_eq!(again(server, (&world, &id)).await, answer);
            let moved = bank.withdrawn(&world).await.iter().sum::<i64>();
            let posted = journal(server, &no).await.len();
            assert_eq!((moved, posted), if verdict == "TAKEN" { (3_000, 2) } else { (0, 0) });
            let log = ruled(server, &no).await;
            assert_eq!((&log[1]["settledBy"], &log[1]["state"]), (&"bank".into(), &state.into()));
            assert_eq!(proposals(server).await, 0);
        }
        let totals = bank.admin.totals().await.unwrap();
        assert_eq!(totals.taken(), server.fees_taken().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_withdrawn_or_lapses() {
    on_each(by_hand(), async |server, bank, desk, _| {
        let (world, _, no) = stuck(server, bank).await;
        tokio::time::sleep(PATIENCE).await;
        let none = desk.withdraw(&no, "lee", &[]).await;
        assert!(none.refused().contains("nothing is proposed"), "{}", none.err);
        desk.rule(&no, "--taken", "kim", &[]).await.json();
        let dry = desk.withdraw(&no, "lee", &["--dry-run"]).await.json();
        assert_eq!((&dry["outcome"], proposals(server).await), (&"WOULD_WITHDRAW".into(), 1));
        let back = desk.withdraw(&no, "lee", &[]).await.json();
        assert_eq!((&back["outcome"], &back["proposedBy"]), (&"WITHDRAWN".into(), &"kim".into()));
        assert_eq!(proposals(server).await, 0);

        desk.rule(&no, "--taken", "kim", &[]).await.json();
        let lapse = "UPDATE fee_proposal SET proposed_at = proposed_at - $3
             WHERE asp_id = $1 AND apply_no = $2";
        let day_us = 24 * 60 * 60 * 1_000_000_i64;
        assert_eq!(server.exec(lapse, &[no.as_str().into(), day_us.into()]).await, 1);
        assert_eq!(desk.show(&no).await["proposal"]["isInForce"], false);
        // Kim's is over: Lee's is the first one again.
        let lee = desk.rule(&no, "--taken", "lee", &[]).await.json();
        assert_eq!((&lee["outcome"], &lee["proposedBy"]), (&"PROPOSED".into(), &"lee".into()));
        assert_eq!(server.state(world.user_id()).await, "COST_PAYING");
        assert!(desk.rule(&no, "--taken", "lee", &[]).await.refused().contains("lee has proposed"));
        // A bank that is away has no answer.
        let away = Desk { database: desk.database.clone(), bank: "http://127.0.0.1:9".to_owned() };
        let done = away.rule(&no, "--taken", "kim", &[]).await.json();
        assert_told(&done, &[("outcome", "RESOLVED"), ("settledBy", "operators")]);
        let log: Vec<_> = ruled(server, &no).await.iter().map(|row| row["event"].clone()).collect();
        let proposed = "fee.ruling_proposed";
        assert_eq!(log, [proposed, "fee.ruling_withdrawn", proposed, proposed, "fee.ruled"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ruled_is_refused_with_a_sentence_and_changes_nothing() {
    on_each(by_hand(), async |server, bank, desk, _| {
        let (_, _, no) = stuck(server, bank).await;
        let before = server.dump().await;
        // A server with a longer deadline still waits; an order of a longer life may be taken yet.
        let own = ["--by", "kim", "--evidence", "x", "--reason", "x", "--bank", &desk.bank];
        let at = ["--database", &desk.database, "--log", "off"];
        let rule = async |no: &str, verdict: &str, more: &[&str]| {
            let all = [&["fee", "resolve", no, verdict], &own[..], &at, more].concat();
            said(all.into_iter().map(str::to_owned).collect()).await
        };
        tokio::time::sleep(PATIENCE).await;
        let early = rule(&no, "--taken", &[]).await;
        assert!(early.refused().contains("the bank may still answer"), "{}", early.err);
        let quick = ["--fee-deadline-ms=1", "--fee-recovery-margin-ms=1"];
        let may = rule(&no, "--refused", &quick).await;
        assert!(may.refused().contains("the bank may still take the fee"), "{}", may.err);
        let unknown = rule("2026112900000000099999", "--taken", &quick).await;
        assert!(unknown.refused().contains("`platen fee list` tells"), "{}", unknown.err);
        let partner = [&quick[..], &["--partner", "7"]].concat();
        let foreign = rule(&no, "--taken", &partner).await;
        assert!(foreign.refused().contains("partner 7 has no fee"), "{}", foreign.err);
        let nowhere = Path::new("/nowhere/bank.db");
        let alone = ["fee", "resolve", &no, "--taken", "--bank-file", arg(nowhere)];
        let alone = [&alone[..], &own[..6], &at, &quick].concat();
        let alone = said(alone.into_iter().map(str::to_owned).collect()).await;
        assert!(alone.refused().contains("name the bank with --bank URL"), "{}", alone.err);
        let shown = desk.run(&["fee", "list", "--partner", "7"]).await;
        assert!(shown.refused().contains("there is no partner 7"), "{}", shown.err);
        assert_eq!(server.dump().await, before);
    })
    .await;
}

#[test]
fn each_command_helps_with_an_example() {
    for (command, changes) in [
        (&["fee", "list"][..], false),
        (&["fee", "show"], false),
        (&["fee", "resolve"], true),
        (&["reconcile"], true),
        (&["reconcile", "cases"], false),
        (&["reconcile", "close"], true),
    ] {
        let help = stdout_of(&[command, &["--help"]].concat());
        let example = format!("platen {}", command.join(" "));
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
        assert!(help.contains("--json") && help.contains("--dry-run") == changes, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}

/// Two persons confirm at once while recovery asks: the fee is settled once.
#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_is_carried_out_once() {
    on_each(by_hand(), async |server, bank, _, target| {
        let other = TestServer::start(target, bank, by_hand()).await;
        for words in ["hold", "answer"] {
            let (world, id, no) = stuck(server, bank).await;
            tokio::time::sleep(PATIENCE).await;
            let (asp, apply_no) = (AspId::new(ASP_ID), ApplyNo::new(no.as_str()));
            let given = |by: &str| Given {
                verdict: Verdict::Taken,
                evidence: "a statement".to_owned(),
                reason: "a race".to_owned(),
                by: by.to_owned(),
            };
            let (kim, lee, park) = (given("kim"), given("lee"), given("park"));
            resolve(&server.app, (&asp, &apply_no), &kim, Mode::Real).await.unwrap();
            bank.behave(&world, words, Scope::Account).await;
            let (one, two, round) = tokio::join!(
                resolve(&server.app, (&asp, &apply_no), &lee, Mode::Real),
                resolve(&other.app, (&asp, &apply_no), &park, Mode::Real),
                recovery::round(&other.app),
            );
            round.unwrap();
            let done = usize::from(one.is_ok()) + usize::from(two.is_ok());
            assert!(done == 1 || (words == "answer" && done == 0), "{words}: {one:?} {two:?}");
            assert_eq!(journal(server, &no).await.len(), 2, "{words}");
            assert_eq!(again(server, (&world, &id)).await, "000_000");
            let log = ruled(server, &no).await;
            let ended = log.iter().filter(|row| row["event"] == "fee.ruled").count();
            assert_eq!(ended, done, "{words}: {log:?}");
            server.exec("DELETE FROM fee_proposal WHERE asp_id = $1", &[]).await;
        }
        other.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ruled_taken_and_cannot_be_settled_goes_back() {
    on_each(by_hand(), async |server, bank, desk, _| {
        let (world, id, no) = stuck(server, bank).await;
        let spoilt = "UPDATE application SET mobile_number = 'nonsense'
             WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.exec(spoilt, &[world.user_id().into()]).await, 1);
        tokio::time::sleep(PATIENCE).await;
        desk.rule(&no, "--taken", "kim", &[]).await.json();
        let done = desk.rule(&no, "--taken", "lee", &[]).await.json();
        assert_eq!(done["state"], "RETURN_DUE");
        assert_eq!(again(server, (&world, &id)).await, "003_059");
        let listed = desk.list().await;
        let due = listed.iter().find(|fee| fee["cardApplyNo"] == no.as_str()).unwrap();
        assert_eq!((&due["state"], &due["amount"]), (&"RETURN_DUE".into(), &3_000.into()));
        assert_eq!(desk.show(&no).await["return"]["state"], "DUE");
        let log = ruled(server, &no).await;
        assert_eq!(
            (&log[1]["event"], &log[1]["state"]),
            (&"fee.ruled".into(), &"RETURN_DUE".into())
        );
        assert_eq!(journal(server, &no).await.len(), 4);
    })
    .await;
}

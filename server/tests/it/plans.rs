//! How SQLite finds rows: a statement that reads all of a partner's rows costs nothing in a test
//! and seconds in use. All keys begin with the partner, which the planner takes for selective.

use std::fs;
use std::path::Path;

use store::schema::MIGRATIONS;
use store::testing::TestDatabase;
use store::{Options, Store, Tx, TxError, Value};

/// What may read all of a partner's rows: small tables, and what nobody waits for.
const MAY_SCAN: [&str; 17] = [
    // Recovery: all partners.
    "SELECT asp_id FROM partner",
    // A range is added, rarely: all ranges.
    "SELECT prefix FROM number_range",
    // A page of all cards, read along the primary key: so many rows as the page ends at.
    "SELECT a.account_id, a.service_id, p.name, p.service_group",
    // So many rows as there can be pages of them.
    "SELECT COUNT(*) FROM ( SELECT a.account_id",
    // Ranges of a partner, now and then: few.
    "SELECT service_id, CAST(SUM(CASE",
    "SELECT service_id, prefix, next_serial, serial_end FROM number_range",
    // Keys, every second: a handful.
    "SELECT purpose, key_id, state, wrapped, active_from, token_label FROM platform_key",
    // A project has two live keys at the most.
    "SELECT crypto_key_id",
    // A partner's crypto keys, once a minute: few.
    "SELECT COUNT(*) AS ending FROM crypto_key",
    // A key is retired by an operator, outside of any write: whole tables.
    "SELECT COUNT(*) AS depending",
    // A partner has few projects.
    "SELECT replay_window_ms",
    "SELECT project_id, kind",
    // An operator lists partners, and the products of one.
    "SELECT asp_id, name, CASE WHEN discarded_at IS NULL",
    "SELECT service_id FROM product WHERE asp_id = $1 ORDER BY service_id",
    "SELECT bank_code, name, state, made_at FROM bank WHERE asp_id = $1 ORDER BY bank_code",
    // A partner is one row.
    "UPDATE partner SET state",
    "SELECT p.project_id, k.secret_key_sealed",
];

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let mut statements = Vec::new();
    for folder in ["src", "../store/src/tables"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut statements);
    }
    assert!(statements.len() > 40, "only {} statements were found", statements.len());
    let database = TestDatabase::sqlite();
    let store = Store::open(database.target(), MIGRATIONS, Options::default()).unwrap();
    let mut slow = Vec::new();
    for sql in statements {
        if MAY_SCAN.iter().any(|may| sql.starts_with(may)) {
            continue;
        }
        let plan = plan(&store, &sql);
        if let Some(step) = plan.iter().find(|step| reads_all(step)) {
            slow.push(format!("{step}: {sql}"));
        }
    }
    store.close();
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// Whether a step of a plan reads all of a partner's rows, of tables that may have many.
fn reads_all(step: &str) -> bool {
    let few = ["application_return_due", "application_awaiting_bank", "sandbox_master_key"];
    let all = step.ends_with("(asp_id=?)") && !few.iter().any(|name| step.contains(name));
    all || (step.contains("SCAN") && step != "SCAN CONSTANT ROW")
}

/// The statements within the string literals of a folder's code.
fn collect(folder: &Path, statements: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, statements);
            continue;
        }
        let code = fs::read_to_string(&path).unwrap();
        for literal in code.split('"').skip(1).step_by(2) {
            let words = literal.split_whitespace().collect::<Vec<_>>().join(" ");
            let reads =
                ["SELECT ", "UPDATE ", "DELETE "].iter().any(|verb| words.starts_with(verb));
            if reads && words.contains("asp_id") {
                statements.push(words);
            }
        }
    }
}

fn plan(store: &Store, sql: &str) -> Vec<String> {
    let count = (1..=40).rev().find(|nth| sql.contains(&format!("${nth}"))).unwrap_or(0);
    let explain: &'static str = String::leak(format!("EXPLAIN QUERY PLAN {sql}"));
    let read = move |tx: &mut Tx<'_>| -> Result<Vec<String>, TxError<()>> {
        let rows = tx.query(explain, &vec![Value::Int(0); count])?;
        Ok(rows.iter().map(|row| row.text(3).unwrap().to_owned()).collect())
    };
    store.read_blocking(read).unwrap_or_else(|error| panic!("{error:?}: {sql}"))
}

//! What stands in the database, exactly, and with what chance has chosen taken out of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde_json::Value;
use store::schema::COLUMNS;
use store::{Row, Store, Tx, TxError};

use crate::rows;

/// Taken in blocks, in transactions of their own: gaps are normal.
const SUPPLIES: [&str; 2] = ["counter", "number_range"];
/// Columns that hold an id of ours.
const IDS: [&str; 9] = [
    "account_id",
    "card_id",
    "log_id",
    "old_account_id",
    "new_account_id",
    "mobile_card_id",
    "physical_card_id",
    "predecessor_id",
    "successor_id",
];
/// Columns that hold chance, or follow from an id.
const CHANCE: [&str; 10] = [
    "pan_index",
    "pan_last4",
    "par",
    "mobile_number",
    "physical_number",
    "bank_tran_id",
    "bank_tran_day",
    "api_tran_id",
    "wrapped",
    "last_guess",
];
/// An application's number: a day and an id.
const APPLY_NO_DIGITS: usize = 22;

/// A row: each column with its value.
pub type Cells = Vec<(&'static str, String)>;

/// All rows of all tables but supplies; of the log, what happened since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(BTreeMap<&'static str, Vec<Cells>>);

/// The same with ids numbered by their first place, and times and chance left out. Two runs of the
/// same thing look the same.
pub type Normal = BTreeMap<&'static str, Vec<String>>;

impl Exact {
    pub async fn take(store: &Store, since: i64) -> Self {
        let mut columns: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        for column in COLUMNS.iter().filter(|column| !SUPPLIES.contains(&column.table)) {
            columns.entry(column.table).or_default().push(column.name);
        }
        let read = move |tx: &mut Tx<'_>| -> Result<Self, TxError<()>> {
            let mut tables = BTreeMap::new();
            for (table, names) in &columns {
                let list = names.join(", ");
                // The driver keeps a statement's text for ever; there are few.
                let sql = leaked(format!("SELECT {list} FROM {table}{}", restriction(table)));
                let from = [since.into()];
                let params: &[_] = if restriction(table).is_empty() { &[] } else { &from };
                let rows = tx.query(sql, params)?;
                let cells = |row: &Row| -> Cells {
                    let cell =
                        |(index, name): (usize, &&'static str)| (*name, rows::cell(row, index));
                    names.iter().enumerate().map(cell).collect()
                };
                let mut rows: Vec<Cells> = rows.iter().map(cells).collect();
                rows.sort();
                tables.insert(*table, rows);
            }
            Ok(Exact(tables))
        };
        store.read(read).await.unwrap()
    }

    pub fn normal(&self) -> Normal {
        let mut numbers = HashMap::new();
        let mut normal = Normal::new();
        for (table, rows) in &self.0 {
            // How many orders a return has taken, and why, depends on what was lost on the way.
            let orders: &[_] = if *table == "fee_return" { &["attempt", "refusal"] } else { &[] };
            let counts = |row: &&Cells| -> Cells {
                // Calls that arming makes have another id each time.
                let is_armed = |cell: &(&str, String)| cell.1.starts_with("armed-");
                let ids: &[_] = match row.iter().any(is_armed) {
                    true => &["correlation_id", "replay_key"],
                    false => &[],
                };
                let is_left_out = |name: &str| orders.contains(&name) || ids.contains(&name);
                row.iter().filter(|(name, _)| !is_left_out(name)).cloned().collect()
            };
            let rows: Vec<Cells> = rows.iter().map(|row| counts(&row)).collect();
            // Where two look the same, the older comes first.
            let mut rows: Vec<(String, Vec<&str>, &Cells)> = rows
                .iter()
                .map(|row| {
                    let times = row.iter().filter(|(name, _)| name.ends_with("_at"));
                    let times = times.map(|(_, value)| value.as_str()).collect();
                    (row.iter().map(|cell| shown(cell, &mut |_| 0)).collect(), times, row)
                })
                .collect();
            rows.sort();
            let each = rows.into_iter().map(|(_, _, row)| {
                let mut number = |id: &str| {
                    let next = numbers.len() + 1;
                    *numbers.entry(id.trim_start_matches('0').to_owned()).or_insert(next)
                };
                row.iter().map(|cell| shown(cell, &mut number)).collect::<String>()
            });
            normal.insert(table, each.collect());
        }
        normal
    }

    /// All rows of each table.
    pub fn tables(&self) -> &BTreeMap<&'static str, Vec<Cells>> {
        &self.0
    }

    /// A column's values.
    pub fn of<'a>(&'a self, table: &str, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |row: &'a Cells| {
            row.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
        };
        self.0[table].iter().filter_map(named)
    }

    /// Each balance is the sum of its postings; what we hold the bank to have taken.
    pub fn check_books(&self, place: &str) -> i64 {
        let amounts = self.of("posting", "amount").map(|text| text.parse::<i64>().unwrap());
        let sides = self.of("posting", "debit").zip(self.of("posting", "credit"));
        let mut sums: HashMap<&str, i64> = HashMap::new();
        for ((debit, credit), amount) in sides.zip(amounts) {
            assert!(amount > 0, "{place}");
            *sums.entry(debit).or_default() -= amount;
            *sums.entry(credit).or_default() += amount;
        }
        assert_eq!(sums.values().sum::<i64>(), 0, "{place}");
        for (id, balance) in
            self.of("card_account", "account_id").zip(self.of("card_account", "balance"))
        {
            let sum = sums.get(format!("card:{id}").as_str()).copied().unwrap_or_default();
            assert_eq!(sum, balance.parse::<i64>().unwrap(), "{place}: account {id}");
        }
        -sums.get("pg-clearing:open-banking").copied().unwrap_or_default()
    }
}

/// Rows that only one of two pictures has.
pub fn difference(one: &Normal, other: &Normal) -> Vec<String> {
    let lacking = |one: &Normal, other: &Normal, which: &str| -> Vec<String> {
        let rows = one.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (*table, row)));
        let only = rows.filter(|(table, row)| !other[table].contains(row));
        only.map(|(table, row)| format!("{which} {table}: {row}")).collect()
    };
    [lacking(one, other, "+"), lacking(other, one, "-")].concat()
}

/// The log, the journal and the counts of guesses forget nothing: of them, what came since. What
/// arming books back is about what was before; that a number was told is noted as often as the
/// answer was given again.
fn restriction(table: &str) -> &'static str {
    match table {
        "operation_log" => {
            " WHERE happened_at >= $1 AND event NOT IN ('sandbox.cleared', 'card.number_told')"
        }
        "posting" => {
            " WHERE log_id IN (SELECT l.log_id FROM operation_log l
                 WHERE l.happened_at >= $1 AND l.event <> 'sandbox.cleared')"
        }
        "card_check" => " WHERE failed_at >= $1",
        _ => "",
    }
}

/// Each text once.
fn leaked(text: String) -> &'static str {
    static ALL: std::sync::Mutex<Vec<&'static str>> = std::sync::Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap();
    if let Some(known) = all.iter().find(|known| **known == text) {
        return known;
    }
    let new: &'static str = text.leak();
    all.push(new);
    new
}

fn shown((name, value): &(&'static str, String), number: &mut dyn FnMut(&str) -> usize) -> String {
    let mut shown = match value.as_str() {
        "-" => "-".to_owned(),
        _ if *name == "version" => String::new(),
        _ if name.ends_with("_at") || name.ends_with("_sealed") || CHANCE.contains(name) => {
            "x".to_owned()
        }
        value if IDS.contains(name) => format!("#{}", number(value)),
        value if ["apply_no", "subject", "debit", "credit"].contains(name) => named(value, number),
        value if *name == "payload" => {
            let mut json: Value = serde_json::from_str(value).unwrap();
            if let Some(apply_no) = json.get_mut("cardApplyNo") {
                *apply_no = named(apply_no.as_str().unwrap(), number).into();
            }
            for name in ["par", "pars", "occurredAt"] {
                if json.get(name).is_some_and(|value| !value.is_null()) {
                    json[name] = "x".into();
                }
            }
            json.to_string()
        }
        value => value.to_owned(),
    };
    write!(shown, " ").unwrap();
    shown
}

/// A name with an id in it: of an application, of an account of the ledger, of a card account.
fn named(name: &str, number: &mut dyn FnMut(&str) -> usize) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(id) = name.strip_prefix("card:") {
        return format!("card:#{}", number(id));
    }
    match is_number(name) {
        true if name.len() == APPLY_NO_DIGITS => format!("A#{}", number(&name[8..])),
        true => format!("#{}", number(name)),
        false => name.to_owned(),
    }
}

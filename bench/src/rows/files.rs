//! The file of deliveries for a card maker: one of many rows beside one of few.

use std::path::Path;
use std::process::Command;

use domain::{AspId, CardId};
use platen::applying::example_address;
use platen::context::place;
use platen::sandbox::ASP_ID;
use platen::sandbox::run::open;
use platen::settings::Settings;
use serde_json::json;
use store::{Target, Tx, TxError};

use super::filled::Filled;
use super::{Aim, Bench, Results, Row};
use crate::machine::{Used, output, rsa_public_per_second, used};
use crate::{Failure, say};

/// The card maker.
const MAKER: &str = "M1";
/// Rows of a file at the most.
const ROWS_MAX: usize = 1_000_000;
/// Rows of the file beside it: enough for SQLite to have filled its caches.
const FEW: usize = 100_000;
/// Deliveries that are ordered in one transaction.
const BATCH: i64 = 1_000;
/// Cores on which it is written: it runs beside nothing else.
const CORES: f64 = 2.0;
/// Texts of a row that are encrypted to the maker's key: what is on the card, and who gets it.
const ENCRYPTED_EACH: f64 = 2.0;

impl Bench {
    /// Writes both files; rows a second, and the memory of the process that writes.
    pub(super) fn files(&self, results: &mut Results) -> Result<(), Failure> {
        let many = self.large.min(ROWS_MAX);
        let few = FEW.min(many);
        let (small, public) = (self.written("files-small", few)?, rsa_public_per_second(2)?);
        say(&format!("file of {few} deliveries: {}", said(few, &small)));
        let large = self.written("files-large", many)?;
        say(&format!("file of {many} deliveries: {}", said(many, &large)));
        results.rows.extend(rows((few, &small), (many, &large), public));
        Ok(())
    }

    /// A file of so many deliveries.
    fn written(&self, name: &str, rows: usize) -> Result<Used, Failure> {
        let filled = self.filled(name, rows, &[])?;
        order(&filled.database, rows)?;
        let folder = Path::new(&filled.database).with_file_name("outbox");
        std::fs::create_dir(&folder)?;
        let key = key(&folder)?;
        let add = ["maker", "add", "--id", MAKER, "--name", "Maker", "--key"];
        output(&mut self.platen.delivery(&filled.database, &[&add[..], &[&key]].concat()))?;
        let outbox = folder.to_string_lossy();
        // The oldest, which are those that were ordered here; not what the sandbox has beside them.
        let most = rows.to_string();
        let write = ["write", "--maker", MAKER, "--json", "--out", &outbox, "--rows", &most];
        let used = used(&mut self.platen.delivery(&filled.database, &write))?;
        let told: serde_json::Value = serde_json::from_str(&used.said)?;
        if told["rows"] != json!(rows) {
            return Err(Failure(format!("not {rows} deliveries were written: {}", used.said)));
        }
        forget(&filled)?;
        Ok(used)
    }
}

/// A database of these is large, and no other part wants it.
fn forget(filled: &Filled) -> Result<(), Failure> {
    match Path::new(&filled.database).parent() {
        Some(folder) => Ok(std::fs::remove_dir_all(folder)?),
        None => Ok(()),
    }
}

/// A maker's key; the public half of it.
fn key(folder: &Path) -> Result<String, Failure> {
    let (private, public) = (folder.join("key.pem"), folder.join("maker.pem"));
    output(Command::new("openssl").args(["genrsa", "-out"]).arg(&private).arg("2048"))?;
    let mut half = Command::new("openssl");
    half.args(["rsa", "-pubout", "-in"]).arg(&private);
    output(half.arg("-out").arg(&public))?;
    Ok(public.to_string_lossy().into_owned())
}

/// Orders a delivery for each of so many cards. The card stands for plastic: what a file says of it
/// is read and computed alike.
fn order(database: &str, rows: usize) -> Result<(), Failure> {
    let (store, core) = open(&Target::parse(database)?, &Settings::default(), false)?;
    let (mut after, mut left) = (0, i64::try_from(rows)?);
    while left > 0 {
        let (core, most) = (core.clone(), left.min(BATCH));
        let work = move |tx: &mut Tx<'_>| -> Result<Vec<CardId>, TxError<String>> {
            let asp = AspId::new(ASP_ID);
            let found = tx.query(
                "SELECT card_id FROM card
                 WHERE asp_id = $1 AND card_id > $2 AND cvc_key_id IS NOT NULL
                 ORDER BY card_id LIMIT $3",
                &[asp.as_str().into(), after.into(), most.into()],
            )?;
            let cards: Result<Vec<CardId>, _> =
                found.iter().map(|row| row.int(0).map(CardId)).collect();
            let cards = cards?;
            for card in &cards {
                let apply_no = format!("{:022}", card.0);
                let mut recipient = example_address();
                recipient["name"] = json!("김시험");
                recipient["phone"] = json!("01012345678");
                let at = place(&asp, "delivery.recipient", &apply_no);
                let sealed = core.seal(at, recipient.to_string().as_bytes());
                let sealed = sealed.map_err(|error| TxError::Refused(error.to_string()))?;
                tx.put(
                    "INSERT INTO delivery (asp_id, apply_no, state, card_id, attempt,
                         recipient_sealed, ordered_at, changed_at)
                     VALUES ($1, $2, 'READY', $3, 1, $4, $3, $3)",
                    &[
                        asp.as_str().into(),
                        apply_no.as_str().into(),
                        card.0.into(),
                        sealed.as_slice().into(),
                    ],
                )?;
            }
            Ok(cards)
        };
        let ordered = store.write_blocking(work);
        let ordered = ordered.map_err(|error| Failure(format!("no deliveries: {error:?}")))?;
        let Some(last) = ordered.last() else {
            return Err(Failure(format!("{left} cards are missing")));
        };
        after = last.0;
        left -= i64::try_from(ordered.len())?;
    }
    store.close();
    Ok(())
}

fn rate(rows: usize, used: &Used) -> f64 {
    rows as f64 / used.elapsed.as_secs_f64()
}

fn said(rows: usize, used: &Used) -> String {
    let seconds = used.elapsed.as_secs_f64();
    format!("{seconds:.1} s, {:.0}/s, peak {:.0} MiB", rate(rows, used), used.peak_mib)
}

fn rows((few, small): (usize, &Used), (many, large): (usize, &Used), public: f64) -> [Row; 4] {
    let file = format!("a card maker's file of {many} deliveries, SQLite, both cores");
    let measured = format!("{} against {}", said(many, large), said(few, small));
    let row = |compared_with: String, measured, value, unit, aim| Row {
        what: file.clone(),
        compared_with,
        measured,
        value,
        unit,
        aim,
    };
    let limit = CORES * public / ENCRYPTED_EACH;
    let beside = format!("OpenSSL encrypts those of {limit:.0} rows a second on both cores");
    [
        row("–".to_owned(), beside, rate(many, large), "rows/s", Aim::AtLeast(3_333.0)),
        row(
            format!("a file of {few}, rows a second"),
            measured.clone(),
            rate(many, large) / rate(few, small),
            "×",
            Aim::AtLeast(0.8),
        ),
        row(
            format!("a file of {few}, memory"),
            measured.clone(),
            large.peak_mib / small.peak_mib,
            "×",
            Aim::AtMost(1.5),
        ),
        row("–".to_owned(), measured, large.peak_mib, "MiB", Aim::AtMost(150.0)),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_large_file_is_measured_by_the_small_one() {
        let used = |seconds, peak_mib| Used {
            elapsed: Duration::from_secs(seconds),
            peak_mib,
            said: String::new(),
        };
        let [alone, rates, memory, peak] =
            rows((10_000, &used(2, 20.0)), (1_000_000, &used(250, 32.0)), 20_000.0);
        assert_eq!((alone.value, alone.is_met()), (4_000.0, true));
        assert_eq!((rates.value, rates.is_met()), (0.8, true));
        assert_eq!((memory.value, memory.is_met()), (1.6, false));
        assert_eq!((peak.value, peak.is_met()), (32.0, true));
        assert_eq!(alone.measured, "OpenSSL encrypts those of 20000 rows a second on both cores");
        assert_eq!(
            rates.measured,
            "250.0 s, 4000/s, peak 32 MiB against 2.0 s, 5000/s, peak 20 MiB"
        );
    }
}

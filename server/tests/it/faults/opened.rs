//! What stands in the database with every sealed value and every key opened: what a change of keys
//! must leave as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::keyring::{KeyMaterial, KeyPurpose, Keyring};
use crypto::pan::Pan;
use crypto::seal::MasterKey;
use domain::AspId;
use platen::context::{Clock, place};
use platen::keys::access;

use super::picture::{Cells, Exact};
use super::stage::Process;
use crate::rows::{hex, unhex};

/// The rows of each table, opened, without what names the key that a value was made with.
pub type Opened = BTreeMap<&'static str, Vec<String>>;

/// Opens everything; fails where anything does not open.
pub async fn opened(process: &Process) -> Opened {
    let (store, keys) = (&process.app.store, &process.app.core.keys);
    keys.reload(store, Clock.now()).await.unwrap();
    let exact = Exact::take(store, 0).await;
    let master = exact.of("sandbox_master_key", "master_key").next().unwrap();
    let master = String::from_utf8(unhex(master)).unwrap();
    let master = MasterKey::from_base64("sandbox".to_owned(), &master).unwrap();
    let keys = Opener { ring: keys.ring(), master };
    let mut opened = Opened::new();
    for (table, rows) in exact.tables() {
        // The seals are checked against the rows, not looked at.
        if *table == "audit_seal" {
            continue;
        }
        let mut rows: Vec<String> = rows.iter().map(|row| keys.row(table, row)).collect();
        rows.sort();
        opened.insert(table, rows);
    }
    opened
}

struct Opener {
    ring: Arc<Keyring>,
    master: MasterKey,
}

impl Opener {
    fn row(&self, table: &str, row: &Cells) -> String {
        let cells = row.iter().map(|(name, value)| match (table, *name) {
            (_, name) if name.ends_with("_sealed") => self.value(table, name, value, row),
            ("card", "pan_index") => self.index(row),
            ("platform_key", "wrapped") => self.key(value, row),
            // Which key it is now, and which row of the log: doing it again may say so again.
            ("card", "lookup_key_id")
            | ("sandbox_master_key", "master_key" | "generation")
            | ("operation_log", "log_id" | "sealed_in") => String::new(),
            ("operation_log", "subject") if value.starts_with("key:master:") => {
                "key:master".to_owned()
            }
            _ => value.clone(),
        });
        cells.collect::<Vec<_>>().join(" ")
    }

    fn value(&self, table: &str, name: &str, sealed: &str, row: &Cells) -> String {
        if sealed == "-" || sealed.is_empty() {
            return sealed.to_owned();
        }
        let column = name.strip_suffix("_sealed").unwrap();
        let column = match (table, column) {
            ("application", "recipient") => "delivery.recipient".to_owned(),
            ("access_key", "secret_key") => access::SECRET.to_owned(),
            (table, column) => format!("{table}.{column}"),
        };
        let (asp, mut id) = (AspId::new(&row[0].1), row[1].1.clone());
        if table == "access_key" {
            id = access::row(id.parse().unwrap(), cell(row, "key_no").parse().unwrap());
        }
        let plain = self.ring.open(&place(&asp, &column, &id).aad(), &unhex(sealed));
        hex(plain.unwrap_or_else(|error| panic!("{column} of {id}: {error}")).expose())
    }

    /// A card is found by its number under the key that it names.
    fn index(&self, row: &Cells) -> String {
        let number = unhex(&self.value("card", "pan_sealed", cell(row, "pan_sealed"), row));
        let pan = Pan::parse(&String::from_utf8(number).unwrap()).unwrap();
        let named: i64 = cell(row, "lookup_key_id").parse().unwrap();
        let (_, key) = self.ring.lookups().find(|(id, _)| *id == named).unwrap();
        assert_eq!(hex(&key.pan_index(&row[0].1, &pan).unwrap()), cell(row, "pan_index"));
        "found".to_owned()
    }

    /// The first key of each purpose stays what it is; a new one is another in each run.
    fn key(&self, wrapped: &str, row: &Cells) -> String {
        if wrapped.is_empty() {
            return "gone".to_owned();
        }
        let purpose = KeyPurpose::from_name(cell(row, "purpose")).unwrap();
        let id: i64 = cell(row, "key_id").parse().unwrap();
        let key = KeyMaterial::unwrap(&self.master, purpose, id, 0, &unhex(wrapped)).unwrap();
        match id == first_key(purpose) {
            true => hex(key.bytes().unwrap().expose()),
            false => "new".to_owned(),
        }
    }
}

/// The key that a purpose begins with.
pub fn first_key(purpose: KeyPurpose) -> i64 {
    (1..).zip(KeyPurpose::ALL).find(|(_, one)| *one == purpose).unwrap().0
}

fn cell<'a>(row: &'a Cells, wanted: &str) -> &'a str {
    &row.iter().find(|(name, _)| *name == wanted).unwrap().1
}

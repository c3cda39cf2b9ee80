//! Moving what old keys made over to the key in use, a small batch a transaction, while servers
//! run: they read what either key made. Afterwards the old key can be retired.

use std::time::Duration;

use crypto::keyring::{KeyPurpose, Keyring};
use crypto::pan::Pan;
use crypto::seal::sealed_key_id;
use domain::AspId;
use serde_json::json;
use store::tables::PLATFORM;
use store::{DbError, Row, Store, Tx, Value};

use super::access;
use super::change::Change;
use super::{KeysError, Made, broken, perform, refused, uses};
use crate::context::{Core, place};
use crate::operator::Mode;

/// Rows in a transaction; the statements have it too.
const BATCH: usize = 200;
/// Pause between two transactions: calls have their turn.
const PAUSE: Duration = Duration::from_millis(2);

/// A column of sealed values: the rows after one row, and the change of one.
struct Column {
    /// As the values are bound to it.
    place: &'static str,
    /// The [`BATCH`] rows after that of `$2` (and `$3`): the key or keys, and the value last.
    walk: &'static str,
    /// Sets `$2` where `$3` stands, in the row of `$4` (and `$5`).
    set: &'static str,
    /// What stands before the first row.
    before: Key,
}

/// The key of a row within its partner.
#[derive(Clone, Copy)]
enum Key {
    Number,
    /// The first number names the place of the value.
    TwoNumbers,
    /// A project's and an access key's; see [`access::row`].
    Access,
    Text,
}

const COLUMNS: &[Column] = &[
    Column {
        place: "card.pan",
        walk: "SELECT card_id, pan_sealed FROM card
             WHERE asp_id = $1 AND card_id > $2 ORDER BY card_id LIMIT 200",
        set: "UPDATE card SET pan_sealed = $2
             WHERE asp_id = $1 AND card_id = $4 AND pan_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "card.given_cvc",
        walk: "SELECT card_id, given_cvc_sealed FROM card
             WHERE asp_id = $1 AND card_id > $2 ORDER BY card_id LIMIT 200",
        set: "UPDATE card SET given_cvc_sealed = $2
             WHERE asp_id = $1 AND card_id = $4 AND given_cvc_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "member.name",
        walk: "SELECT user_id, name_sealed FROM member
             WHERE asp_id = $1 AND user_id > $2 ORDER BY user_id LIMIT 200",
        set: "UPDATE member SET name_sealed = $2
             WHERE asp_id = $1 AND user_id = $4 AND name_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "member.phone",
        walk: "SELECT user_id, phone_sealed FROM member
             WHERE asp_id = $1 AND user_id > $2 ORDER BY user_id LIMIT 200",
        set: "UPDATE member SET phone_sealed = $2
             WHERE asp_id = $1 AND user_id = $4 AND phone_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "member.birth_date",
        walk: "SELECT user_id, birth_date_sealed FROM member
             WHERE asp_id = $1 AND user_id > $2 ORDER BY user_id LIMIT 200",
        set: "UPDATE member SET birth_date_sealed = $2
             WHERE asp_id = $1 AND user_id = $4 AND birth_date_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "bank_account.account_no",
        walk: "SELECT user_id, bank_account_id, account_no_sealed FROM bank_account
             WHERE asp_id = $1 AND (user_id, bank_account_id) > ($2, $3)
             ORDER BY user_id, bank_account_id LIMIT 200",
        set: "UPDATE bank_account SET account_no_sealed = $2
             WHERE asp_id = $1 AND user_id = $4 AND bank_account_id = $5
                 AND account_no_sealed = $3",
        before: Key::TwoNumbers,
    },
    Column {
        place: "virtual_account.account_no",
        walk: "SELECT account_id, account_no_sealed FROM virtual_account
             WHERE asp_id = $1 AND account_id > $2 ORDER BY account_id LIMIT 200",
        set: "UPDATE virtual_account SET account_no_sealed = $2
             WHERE asp_id = $1 AND account_id = $4 AND account_no_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: "delivery.recipient",
        walk: "SELECT apply_no, recipient_sealed FROM application
             WHERE asp_id = $1 AND apply_no > $2 ORDER BY apply_no LIMIT 200",
        set: "UPDATE application SET recipient_sealed = $2
             WHERE asp_id = $1 AND apply_no = $4 AND recipient_sealed = $3",
        before: Key::Text,
    },
    Column {
        place: "delivery.recipient",
        walk: "SELECT apply_no, recipient_sealed FROM delivery
             WHERE asp_id = $1 AND apply_no > $2 ORDER BY apply_no LIMIT 200",
        set: "UPDATE delivery SET recipient_sealed = $2
             WHERE asp_id = $1 AND apply_no = $4 AND recipient_sealed = $3",
        before: Key::Text,
    },
    Column {
        place: access::SECRET,
        walk: "SELECT project_id, secret_key_sealed FROM project
             WHERE asp_id = $1 AND project_id > $2 ORDER BY project_id LIMIT 200",
        set: "UPDATE project SET secret_key_sealed = $2
             WHERE asp_id = $1 AND project_id = $4 AND secret_key_sealed = $3",
        before: Key::Number,
    },
    Column {
        place: access::SECRET,
        walk: "SELECT project_id, key_no, secret_key_sealed FROM access_key
             WHERE asp_id = $1 AND (project_id, key_no) > ($2, $3) AND state <> 'DISCARDED'
             ORDER BY project_id, key_no LIMIT 200",
        set: "UPDATE access_key SET secret_key_sealed = $2
             WHERE asp_id = $1 AND project_id = $4 AND key_no = $5 AND secret_key_sealed = $3",
        before: Key::Access,
    },
    Column {
        place: "crypto_key.server_private_key",
        walk: "SELECT crypto_key_id, server_private_key_sealed FROM crypto_key
             WHERE asp_id = $1 AND crypto_key_id > $2 AND state = 'ACTIVE'
             ORDER BY crypto_key_id LIMIT 200",
        set: "UPDATE crypto_key SET server_private_key_sealed = $2
             WHERE asp_id = $1 AND crypto_key_id = $4 AND server_private_key_sealed = $3",
        before: Key::Text,
    },
    Column {
        place: "sandbox_secret.value",
        walk: "SELECT name, value_sealed FROM sandbox_secret
             WHERE asp_id = $1 AND name > $2 ORDER BY name LIMIT 200",
        set: "UPDATE sandbox_secret SET value_sealed = $2
             WHERE asp_id = $1 AND name = $4 AND value_sealed = $3",
        before: Key::Text,
    },
];

/// Where a walk stands.
#[derive(Debug, Clone)]
enum Cursor {
    Number(i64),
    TwoNumbers(i64, i64),
    Access(i64, i64),
    Text(String),
}

impl Key {
    const fn first(self) -> Cursor {
        match self {
            Key::Number => Cursor::Number(i64::MIN),
            Key::TwoNumbers => Cursor::TwoNumbers(i64::MIN, i64::MIN),
            Key::Access => Cursor::Access(i64::MIN, i64::MIN),
            Key::Text => Cursor::Text(String::new()),
        }
    }

    fn of(self, row: &Row) -> Result<Cursor, DbError> {
        Ok(match self {
            Key::Number => Cursor::Number(row.int(0)?),
            Key::TwoNumbers => Cursor::TwoNumbers(row.int(0)?, row.int(1)?),
            Key::Access => Cursor::Access(row.int(0)?, row.int(1)?),
            Key::Text => Cursor::Text(row.text(0)?.to_owned()),
        })
    }
}

impl Cursor {
    /// The row's key, after other parameters.
    fn after<'a>(&'a self, mut values: Vec<Value<'a>>) -> Vec<Value<'a>> {
        match self {
            Cursor::Number(one) => values.push((*one).into()),
            Cursor::TwoNumbers(one, two) | Cursor::Access(one, two) => {
                values.extend([Value::Int(*one), Value::Int(*two)])
            }
            Cursor::Text(text) => values.push(text.into()),
        }
        values
    }

    /// The row that values are bound to.
    fn row(&self) -> String {
        match self {
            Cursor::Number(one) | Cursor::TwoNumbers(one, _) => one.to_string(),
            Cursor::Access(project, key) => access::row(*project, *key),
            Cursor::Text(text) => text.clone(),
        }
    }
}

/// What was moved over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// Values.
    pub rows: u64,
}

/// Seals every value anew that the data key in use has not sealed; each batch is kept, or only
/// tried.
pub fn data(
    store: &Store,
    core: &Core,
    change: &Change,
    mode: Mode,
) -> Result<Resealed, KeysError> {
    let ring = core.keys.ring();
    let to = i64::from(ring.active_data_key_id());
    let partners = begin(store, (change, mode), KeyPurpose::DataKey, to)?;
    let mut rows = 0;
    for asp in partners {
        for column in COLUMNS {
            let mut cursor = Some(column.before.first());
            while let Some(at) = cursor {
                let (asp, core) = (asp.clone(), core.clone());
                let work = move |tx: &mut Tx<'_>| batch(tx, &core.keys.ring(), &asp, column, &at);
                let (moved, next) = perform(store, mode, work)?;
                rows += moved;
                cursor = next;
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(Resealed { rows })
}

/// Notes that it begins; the partners.
fn begin(
    store: &Store,
    (change, mode): (&Change, Mode),
    purpose: KeyPurpose,
    to: i64,
) -> Result<Vec<AspId>, KeysError> {
    let change = change.clone();
    let work = move |tx: &mut Tx<'_>| -> Made<Vec<AspId>> {
        check_newest(tx, purpose, to)?;
        let subject = format!("key:{purpose}:{to}");
        change.note(tx, &AspId::new(PLATFORM), "key.resealed", &subject, json!({}))?;
        Ok(uses::all_with_platform(tx)?.iter().map(AspId::new).collect())
    };
    perform(store, mode, work)
}

/// Values are moved over to the newest key alone: the one that this process knows may have been
/// replaced since, and then it may be retired as well.
fn check_newest(tx: &mut Tx<'_>, purpose: KeyPurpose, to: i64) -> Made<()> {
    let row = tx.query_one(
        "SELECT MAX(key_id) FROM platform_key
         WHERE asp_id = $1 AND purpose = $2 AND state = 'ACTIVE'",
        &[PLATFORM.into(), purpose.name().into()],
    )?;
    if row.opt_int(0)? == Some(to) { Ok(()) } else { refused(KeysError::NotNewest(purpose, to)) }
}

/// One batch of a column; how many values were sealed anew, and where to go on.
fn batch(
    tx: &mut Tx<'_>,
    ring: &Keyring,
    asp: &AspId,
    column: &Column,
    after: &Cursor,
) -> Made<(u64, Option<Cursor>)> {
    check_newest(tx, KeyPurpose::DataKey, i64::from(ring.active_data_key_id()))?;
    let rows = tx.query(column.walk, &after.after(vec![asp.as_str().into()]))?;
    let (mut moved, mut last) = (0, None);
    let is_end = rows.len() < BATCH;
    for mut row in rows {
        let at = column.before.of(&row)?;
        let value = row.take_opt_blob(row.len() - 1)?;
        if let Some(sealed) = value
            && sealed_key_id(&sealed).or_else(broken)? != ring.active_data_key_id()
        {
            let aad = place(asp, column.place, &at.row()).aad();
            let plain = ring.open(&aad, &sealed).or_else(broken)?;
            let anew = ring.seal(&aad, plain.expose()).or_else(broken)?;
            let values =
                vec![asp.as_str().into(), anew.as_bytes().into(), sealed.as_slice().into()];
            moved += tx.execute(column.set, &at.after(values))?;
        }
        last = Some(at);
    }
    Ok((moved, last.filter(|_| !is_end)))
}

/// Indexes every card anew that the lookup key in use has not indexed; each batch is kept, or only
/// tried.
pub fn lookup(
    store: &Store,
    core: &Core,
    change: &Change,
    mode: Mode,
) -> Result<Resealed, KeysError> {
    let to = core.keys.ring().lookup().0;
    let partners = begin(store, (change, mode), KeyPurpose::Lookup, to)?;
    let mut rows = 0;
    for asp in partners {
        let mut cursor = Some(i64::MIN);
        while let Some(after) = cursor {
            let (asp, core) = (asp.clone(), core.clone());
            let work = move |tx: &mut Tx<'_>| index_batch(tx, &core, &asp, after);
            let (moved, next) = perform(store, mode, work)?;
            rows += moved;
            cursor = next;
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Resealed { rows })
}

fn index_batch(tx: &mut Tx<'_>, core: &Core, asp: &AspId, after: i64) -> Made<(u64, Option<i64>)> {
    let ring = core.keys.ring();
    let (to, key) = ring.lookup();
    check_newest(tx, KeyPurpose::Lookup, to)?;
    let rows = tx.query(
        "SELECT card_id, pan_sealed, lookup_key_id FROM card
         WHERE asp_id = $1 AND card_id > $2 ORDER BY card_id LIMIT 200",
        &[asp.as_str().into(), after.into()],
    )?;
    let (mut moved, mut last) = (0, None);
    let is_end = rows.len() < BATCH;
    for row in rows {
        let (id, from) = (row.int(0)?, row.int(2)?);
        if from != to {
            let at = id.to_string();
            let number = core.open_text(place(asp, "card.pan", &at), row.blob(1)?);
            let pan = Pan::parse(number.or_else(broken)?.expose()).or_else(broken)?;
            let index = key.pan_index(asp.as_str(), &pan).or_else(broken)?;
            moved += tx.execute(
                "UPDATE card SET pan_index = $3, lookup_key_id = $4
                 WHERE asp_id = $1 AND card_id = $2 AND lookup_key_id = $5",
                &[asp.as_str().into(), id.into(), index.as_slice().into(), to.into(), from.into()],
            )?;
        }
        last = Some(id);
    }
    Ok((moved, last.filter(|_| !is_end)))
}

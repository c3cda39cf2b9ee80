//! Card makers: who makes the plastic of a partner, and the key to which card data is encrypted.

use crypto::jwe::PublicKey;
use domain::AspId;
use store::{DbError, Tx};

/// Longest id of a card maker: it stands in names of files.
pub const ID_CHARS_MAX: usize = 20;
/// Longest name of a card maker, characters.
pub const NAME_CHARS_MAX: usize = 100;

/// A card maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its RSA public key, DER.
    pub public_key: Vec<u8>,
    /// Sequence number of the next file to it.
    pub next_sequence: i64,
    /// Sequence number of the next file from it.
    pub next_return_sequence: i64,
}

/// Whether a text can be the id of a card maker: letters, digits and hyphens.
pub fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Adds a card maker; one that there is gets this name and key, and its files go on counting.
pub fn add(
    tx: &mut Tx<'_>,
    asp: &AspId,
    id: &str,
    name: &str,
    public_key: &[u8],
) -> Result<(), DbError> {
    tx.put(
        "INSERT INTO card_maker (asp_id, maker_id, name, public_key, next_sequence,
             next_return_sequence)
         VALUES ($1, $2, $3, $4, 1, 1)
         ON CONFLICT (asp_id, maker_id) DO UPDATE SET name = $3, public_key = $4",
        &[asp.as_str().into(), id.into(), name.into(), public_key.into()],
    )?;
    Ok(())
}

/// The card maker of this id.
pub fn find(tx: &mut Tx<'_>, asp: &AspId, id: &str) -> Result<Option<Maker>, DbError> {
    let row = tx.query_opt(
        "SELECT maker_id, name, public_key, next_sequence, next_return_sequence FROM card_maker
         WHERE asp_id = $1 AND maker_id = $2",
        &[asp.as_str().into(), id.into()],
    )?;
    row.as_ref().map(read).transpose()
}

/// All card makers of a partner.
pub fn all(tx: &mut Tx<'_>, asp: &AspId) -> Result<Vec<Maker>, DbError> {
    let rows = tx.query(
        "SELECT maker_id, name, public_key, next_sequence, next_return_sequence FROM card_maker
         WHERE asp_id = $1 AND maker_id > '' ORDER BY maker_id",
        &[asp.as_str().into()],
    )?;
    rows.iter().map(read).collect()
}

fn read(row: &store::Row) -> Result<Maker, DbError> {
    Ok(Maker {
        id: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        public_key: row.blob(2)?.to_vec(),
        next_sequence: row.int(3)?,
        next_return_sequence: row.int(4)?,
    })
}

impl Maker {
    /// Its key, for encrypting.
    pub fn key(&self) -> Result<PublicKey, crypto::jwe::KeyError> {
        PublicKey::from_spki_der(&self.public_key)
    }
}

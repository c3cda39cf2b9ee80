//! What a seal holds together: the rows of one batch with their postings, and the seal before.

use std::collections::BTreeMap;

use crypto::digest::DigestKey;
use domain::AspId;
use store::{DbError, Row, Tx};

/// Rows in a seal at the most.
pub const SEAL_ROWS_MAX: i64 = 256;
/// Bytes of a row's digest that a seal keeps: enough that none can be made to fit.
const DIGEST_BYTES: usize = 16;
/// Bytes of an entry: the row's id and its digest.
pub const ENTRY_BYTES: usize = 8 + DIGEST_BYTES;
/// Length of a seal's own digest.
pub const MAC_BYTES: usize = 32;
/// What the first seal of a chain follows.
pub const BEFORE_FIRST: [u8; MAC_BYTES] = [0; MAC_BYTES];

/// The rows of a seal, by id, each with its digest; up to `most` of them.
pub fn entries(
    tx: &mut Tx<'_>,
    asp: &AspId,
    seal_no: i64,
    key: &DigestKey,
    most: i64,
) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    let rows = tx.query(
        "SELECT log_id, operation, event, code, correlation_id, subject, payload, happened_at,
             clock_shift_us
         FROM operation_log WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.sealed_in = $2
             ORDER BY l.log_id LIMIT $3)
         ORDER BY log_id",
        &[asp.as_str().into(), seal_no.into(), most.into()],
    )?;
    let mut journals = journals(tx, asp, seal_no, most)?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.int(0)?;
        let digest = digest(key, asp, &row, &journals.remove(&id).unwrap_or_default())?;
        entries.push((id, digest));
    }
    Ok(entries)
}

/// The postings of a seal's rows, each row's as one encoding.
fn journals(
    tx: &mut Tx<'_>,
    asp: &AspId,
    seal_no: i64,
    most: i64,
) -> Result<BTreeMap<i64, Vec<u8>>, DbError> {
    let rows = tx.query(
        "SELECT log_id, line, debit, credit, amount, currency
         FROM posting WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.sealed_in = $2
             ORDER BY l.log_id LIMIT $3)
         ORDER BY log_id, line",
        &[asp.as_str().into(), seal_no.into(), most.into()],
    )?;
    let mut journals: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for row in rows {
        let journal = journals.entry(row.int(0)?).or_default();
        for number in [row.int(1)?, row.int(4)?] {
            journal.extend(number.to_be_bytes());
        }
        for text in [row.text(2)?, row.text(3)?, row.text(5)?] {
            journal.extend((text.len() as u64).to_be_bytes());
            journal.extend(text.as_bytes());
        }
    }
    Ok(journals)
}

/// The digest of a row and its postings: of what is never changed again. The keys by which a call
/// is recognised are forgotten after their window, so they are not in it.
fn digest(key: &DigestKey, asp: &AspId, row: &Row, journal: &[u8]) -> Result<Vec<u8>, DbError> {
    let (id, at) = (row.int(0)?.to_be_bytes(), row.int(7)?.to_be_bytes());
    let shift = row.int(8)?;
    let parts = [
        asp.as_str().as_bytes(),
        &id,
        row.text(1)?.as_bytes(),
        row.text(2)?.as_bytes(),
        row.text(3)?.as_bytes(),
        row.text(4)?.as_bytes(),
        row.text(5)?.as_bytes(),
        row.text(6)?.as_bytes(),
        &at,
        journal,
    ];
    let mut digest = match shift {
        // As it was before there was a second clock: rows from then, and all of production.
        0 => key.digest("platen.audit.row.v1", &parts).to_vec(),
        _ => {
            let shift = shift.to_be_bytes();
            let shifted: Vec<&[u8]> = parts.into_iter().chain([shift.as_slice()]).collect();
            key.digest("platen.audit.row.v2", &shifted).to_vec()
        }
    };
    digest.truncate(DIGEST_BYTES);
    Ok(digest)
}

/// Entries as a seal keeps them.
pub fn packed(entries: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for (id, digest) in entries {
        packed.extend(id.to_be_bytes());
        packed.extend(digest);
    }
    packed
}

/// The reverse of [`packed`]; `None` where it was never written so.
pub fn unpacked(packed: &[u8]) -> Option<Vec<(i64, Vec<u8>)>> {
    if !packed.len().is_multiple_of(ENTRY_BYTES) {
        return None;
    }
    let entry = |entry: &[u8]| {
        let (id, digest) = entry.split_first_chunk::<8>()?;
        Some((i64::from_be_bytes(*id), digest.to_vec()))
    };
    packed.chunks(ENTRY_BYTES).map(entry).collect()
}

/// A seal as its row says it.
pub struct Seal {
    /// Its place in the partner's chain, from 1 on.
    pub no: i64,
    /// When, microseconds since 1970 UTC.
    pub at_us: i64,
    /// Its entries, packed.
    pub entries: Vec<u8>,
}

/// The digest that holds a seal and all seals before it.
pub fn mac(key: &DigestKey, asp: &AspId, seal: &Seal, before: &[u8]) -> [u8; MAC_BYTES] {
    let (no, at) = (seal.no.to_be_bytes(), seal.at_us.to_be_bytes());
    let parts = [asp.as_str().as_bytes(), &no, &at, before, &seal.entries];
    key.digest("platen.audit.seal.v1", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back() {
        let entries = vec![(7, vec![1; DIGEST_BYTES]), (-1, vec![2; DIGEST_BYTES])];
        assert_eq!(unpacked(&packed(&entries)), Some(entries));
        assert_eq!(unpacked(&[]), Some(vec![]));
        assert_eq!(unpacked(&[0; ENTRY_BYTES + 1]), None);
    }
}

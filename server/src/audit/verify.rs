//! Checks the chain: every seal against the one before it, every row against its seal. Reads a seal
//! at a time, so that memory does not grow with the log.

use domain::{AspId, Timestamp};
use store::tables::counters;
use store::{DbError, Store, Tx, TxError};

use super::content::{self, BEFORE_FIRST, SEAL_ROWS_MAX, Seal};
use super::sealer::SEALS;
use crate::context::Clock;
use crate::keys::{Keys, KeysError, unwrapped};

/// Rows of a seal that are read at the most: one that was added shows among them.
const READ_MAX: i64 = SEAL_ROWS_MAX * 4;
/// Postings that are read at a time.
const POSTINGS_MAX: i64 = 1_000;
/// Breaks of a partner that are told one by one; the others are counted.
pub const TOLD_MAX: usize = 100;

/// Where the log is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// A row or its postings are not what they were.
    RowChanged {
        /// The seal that it stands in.
        seal_no: i64,
        /// The row.
        log_id: i64,
    },
    /// A row that was sealed is not there, or is said to stand in another seal.
    RowMissing {
        /// The seal that it stood in.
        seal_no: i64,
        /// The row.
        log_id: i64,
    },
    /// A row says that it stands in a seal that does not know it.
    RowAdded {
        /// The seal.
        seal_no: i64,
        /// The row.
        log_id: i64,
    },
    /// Postings stand under an id that no row has: no seal covers them.
    PostingsOrphaned {
        /// The id.
        log_id: i64,
    },
    /// A seal is not there.
    SealMissing {
        /// The seal.
        seal_no: i64,
    },
    /// A seal is not the one that was made here: changed, or moved from elsewhere.
    SealChanged {
        /// The seal.
        seal_no: i64,
    },
    /// A seal says that it was made by a key that there is not.
    KeyUnknown {
        /// The seal.
        seal_no: i64,
        /// The key.
        key_id: i64,
    },
}

/// A seal's number and digest.
type Head = (i64, Vec<u8>);

/// What was found of a partner's log.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The partner.
    pub asp_id: String,
    /// Rows that are sealed and as they were.
    pub rows: u64,
    /// Seals.
    pub seals: u64,
    /// Rows that are not sealed yet.
    pub unsealed: i64,
    /// The oldest of them.
    pub oldest_unsealed: Option<Timestamp>,
    /// The last seal: its number and the digest that holds the whole chain.
    pub head: Option<Head>,
    /// Up to [`TOLD_MAX`] breaks.
    pub breaks: Vec<Break>,
    /// All breaks, also those that are not told.
    pub breaks_count: u64,
}

impl Report {
    fn note(&mut self, found: Break) {
        self.breaks_count += 1;
        if self.breaks.len() < TOLD_MAX {
            self.breaks.push(found);
        }
    }

    /// The key of a seal that could not be checked without it.
    fn unknown_key(&self) -> Option<i64> {
        self.breaks.iter().find_map(|found| match found {
            Break::KeyUnknown { key_id, .. } => Some(*key_id),
            Break::RowChanged { .. }
            | Break::RowMissing { .. }
            | Break::RowAdded { .. }
            | Break::PostingsOrphaned { .. }
            | Break::SealMissing { .. }
            | Break::SealChanged { .. } => None,
        })
    }

    fn add(&mut self, part: Report) {
        self.rows += part.rows;
        self.breaks_count += part.breaks_count - part.breaks.len() as u64;
        part.breaks.into_iter().for_each(|found| self.note(found));
    }
}

/// A seal that an operator noted down before: the chain must still have it.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// Its number.
    pub seal_no: i64,
    /// Its digest.
    pub mac: Vec<u8>,
}

/// The partners that have a log, one after another.
pub fn partners(store: &Store) -> Result<Vec<AspId>, KeysError> {
    let read = |tx: &mut Tx<'_>| -> Result<Vec<AspId>, TxError<KeysError>> {
        let mut partners = Vec::new();
        let mut last = String::new();
        while let Some(next) = next_partner(tx, &last)? {
            partners.push(AspId::new(&next));
            last = next;
        }
        Ok(partners)
    };
    store.read_blocking(read).map_err(unwrapped)
}

/// The next partner with a log, a chain or postings, whether it is still one of ours or not.
fn next_partner(tx: &mut Tx<'_>, last: &str) -> Result<Option<String>, DbError> {
    let mut next: Option<String> = None;
    for sql in [
        "SELECT asp_id FROM operation_log WHERE asp_id > $1 ORDER BY asp_id LIMIT 1",
        "SELECT asp_id FROM audit_seal WHERE asp_id > $1 ORDER BY asp_id LIMIT 1",
        "SELECT asp_id FROM posting WHERE asp_id > $1 ORDER BY asp_id LIMIT 1",
    ] {
        if let Some(mut row) = tx.query_opt(sql, &[last.into()])? {
            let found = row.take_text(0)?;
            next = Some(next.map_or(found.clone(), |next| next.min(found)));
        }
    }
    Ok(next)
}

/// Checks a partner's log, while it grows and keys change.
pub fn verify(
    store: &Store,
    keys: &Keys,
    asp: &AspId,
    anchor: Option<&Anchor>,
) -> Result<Report, KeysError> {
    let mut report = Report { asp_id: asp.to_string(), ..Report::default() };
    let mut last = Some((0, BEFORE_FIRST.to_vec()));
    let mut anchored = anchor.is_none();
    // Known to nobody: not looked for again at each of its seals.
    let mut missing_key = None;
    while let Some((no, before)) = last {
        let (mut next, mut part) = read_next(store, keys, asp, no, &before)?;
        if part.unknown_key().is_some_and(|id| missing_key != Some(id)) {
            // It may have come since the keys were read.
            keys.reload_blocking(store, Clock.now())?;
            (next, part) = read_next(store, keys, asp, no, &before)?;
            missing_key = part.unknown_key();
        }
        report.add(part);
        if let Some((no, mac)) = &next {
            report.seals += 1;
            anchored |= anchor.is_some_and(|a| a.seal_no == *no && a.mac == *mac);
            report.head = Some((*no, mac.clone()));
        }
        last = next;
    }
    if let Some(anchor) = anchor.filter(|_| !anchored) {
        report.note(Break::SealMissing { seal_no: anchor.seal_no });
    }
    rest(store, asp, &mut report)?;
    orphans(store, asp, &mut report)?;
    Ok(report)
}

/// Checks the seal after `no` on one snapshot.
fn read_next(
    store: &Store,
    keys: &Keys,
    asp: &AspId,
    no: i64,
    before: &[u8],
) -> Result<(Option<Head>, Report), KeysError> {
    let (keys, asp, before) = (keys.clone(), asp.clone(), before.to_vec());
    let read = move |tx: &mut Tx<'_>| -> Result<_, TxError<KeysError>> {
        let mut part = Report::default();
        let next = next_seal(tx, &keys, &asp, no, &before, &mut part)?;
        Ok((next, part))
    };
    store.read_blocking(read).map_err(unwrapped)
}

/// Checks the seal after `no`; its number and digest, or nothing where the chain ends.
fn next_seal(
    tx: &mut Tx<'_>,
    keys: &Keys,
    asp: &AspId,
    no: i64,
    before: &[u8],
    report: &mut Report,
) -> Result<Option<Head>, DbError> {
    let row = tx.query_opt(
        "SELECT seal_no, sealed_at, audit_key_id, entries, mac FROM audit_seal
         WHERE asp_id = $1 AND seal_no > $2 ORDER BY seal_no LIMIT 1",
        &[asp.as_str().into(), no.into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let seal = Seal { no: row.int(0)?, at_us: row.int(1)?, entries: row.take_blob(3)? };
    if seal.no != no + 1 {
        // What comes after a gap cannot be held against what was before it; the rows still can.
        report.note(Break::SealMissing { seal_no: no + 1 });
    }
    let (key_id, mac) = (row.int(2)?, row.take_blob(4)?);
    let ring = keys.ring();
    let Some(key) = ring.audit_key(key_id) else {
        report.note(Break::KeyUnknown { seal_no: seal.no, key_id });
        return Ok(Some((seal.no, mac)));
    };
    let entries = content::unpacked(&seal.entries);
    let fits = seal.no != no + 1 || content::mac(key, asp, &seal, before).as_slice() == mac;
    match entries {
        Some(entries) if fits => {
            let found = content::entries(tx, asp, seal.no, key, READ_MAX)?;
            compare(seal.no, &entries, &found, report);
        }
        Some(_) | None => report.note(Break::SealChanged { seal_no: seal.no }),
    }
    Ok(Some((seal.no, mac)))
}

/// Holds the rows that are there against those that were sealed; both are in the order of ids.
fn compare(seal_no: i64, sealed: &[(i64, Vec<u8>)], found: &[(i64, Vec<u8>)], report: &mut Report) {
    let mut found = found.iter().peekable();
    for (log_id, digest) in sealed {
        while let Some((added, _)) = found.next_if(|(id, _)| id < log_id) {
            report.note(Break::RowAdded { seal_no, log_id: *added });
        }
        match found.next_if(|(id, _)| id == log_id) {
            Some((_, now)) if now == digest => report.rows += 1,
            Some(_) => report.note(Break::RowChanged { seal_no, log_id: *log_id }),
            None => report.note(Break::RowMissing { seal_no, log_id: *log_id }),
        }
    }
    for (added, _) in found {
        report.note(Break::RowAdded { seal_no, log_id: *added });
    }
}

/// The unsealed tail, and what stands beyond the chain's ends.
fn rest(store: &Store, asp: &AspId, report: &mut Report) -> Result<(), KeysError> {
    let asp = asp.clone();
    let read = move |tx: &mut Tx<'_>| -> Result<Report, TxError<KeysError>> {
        let mut rest = Report::default();
        let row = tx.query_one(
            "SELECT COUNT(*) AS unsealed, MIN(l.happened_at)
             FROM operation_log u CROSS JOIN operation_log l
             WHERE u.asp_id = $1 AND u.sealed_in IS NULL AND l.asp_id = $1 AND l.log_id = u.log_id",
            &[asp.as_str().into()],
        )?;
        (rest.unsealed, rest.oldest_unsealed) = (row.int(0)?, row.opt_int(1)?.map(Timestamp));
        // Seals may have been made since the last one that was checked.
        let last = tx.query_opt(
            "SELECT seal_no FROM audit_seal WHERE asp_id = $1 AND seal_no > 0
             ORDER BY seal_no DESC LIMIT 1",
            &[asp.as_str().into()],
        )?;
        let last = last.map_or(Ok(0), |row| row.int(0))?;
        let next = counters::peek(tx, &asp, SEALS)?;
        if next > last + 1 {
            rest.note(Break::SealMissing { seal_no: last + 1 });
        }
        for (sql, end) in [
            (
                "SELECT sealed_in, log_id FROM operation_log
                 WHERE asp_id = $1 AND sealed_in > $2 ORDER BY sealed_in, log_id LIMIT 100",
                last,
            ),
            (
                "SELECT sealed_in, log_id FROM operation_log
                 WHERE asp_id = $1 AND sealed_in < $2 ORDER BY sealed_in, log_id LIMIT 100",
                1,
            ),
        ] {
            for row in tx.query(sql, &[asp.as_str().into(), end.into()])? {
                rest.note(Break::RowAdded { seal_no: row.int(0)?, log_id: row.int(1)? });
            }
        }
        Ok(rest)
    };
    let rest = store.read_blocking(read).map_err(unwrapped)?;
    (report.unsealed, report.oldest_unsealed) = (rest.unsealed, rest.oldest_unsealed);
    report.add(rest);
    Ok(())
}

/// Looks for postings without a row. Both are written in one transaction, so that postings that are
/// seen have their row on the same snapshot.
fn orphans(store: &Store, asp: &AspId, report: &mut Report) -> Result<(), KeysError> {
    let mut next = Some(i64::MIN);
    while let Some(from) = next {
        let asp = asp.clone();
        let read = move |tx: &mut Tx<'_>| -> Result<_, TxError<KeysError>> {
            Ok(postings_from(tx, &asp, from)?)
        };
        let batch = store.read_blocking(read).map_err(unwrapped)?;
        let orphans = batch.iter().filter(|(_, has_row)| !has_row);
        orphans.for_each(|(log_id, _)| report.note(Break::PostingsOrphaned { log_id: *log_id }));
        next = batch.last().and_then(|(log_id, _)| log_id.checked_add(1));
    }
    Ok(())
}

/// The ids that the next postings stand under, and whether each has its row.
fn postings_from(tx: &mut Tx<'_>, asp: &AspId, from: i64) -> Result<Vec<(i64, bool)>, DbError> {
    // A subquery for each, as PostgreSQL might else join the whole log.
    let rows = tx.query(
        "SELECT p.log_id, (SELECT l.log_id FROM operation_log l
             WHERE l.asp_id = p.asp_id AND l.log_id = p.log_id)
         FROM posting p WHERE p.asp_id = $1 AND p.log_id >= $2
         ORDER BY p.log_id, p.line LIMIT $3",
        &[asp.as_str().into(), from.into(), POSTINGS_MAX.into()],
    )?;
    let mut ids = Vec::with_capacity(rows.len());
    for row in rows {
        ids.push((row.int(0)?, row.opt_int(1)?.is_some()));
    }
    // One id has several; where its last ones are cut off, they need no look of their own.
    ids.dedup();
    Ok(ids)
}

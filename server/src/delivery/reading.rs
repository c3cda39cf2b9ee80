//! Reading the file that comes back from a card maker: all of it is checked before any of it is
//! applied. A file that is refused changes nothing. Rows are applied in bounded transactions;
//! where that is interrupted, the same file is read again and goes on: each row is applied once,
//! and the file counts as read at the end.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Seek as _};
use std::path::Path;

use domain::AspId;
use store::tables::log::Moment;
use store::tables::number;
use store::{Store, Tx};

use super::file::{Header, Reader, Row, Why, Wrong, key_name};
use super::makers::{self, Maker};
use super::work::{self, WorkError, done};
use super::{Applied, apply_to, claim, reporting};
use crate::context::Core;
use crate::op::{Cx, Done, NoRefusal, fault, refuse};

/// Rows checked by one transaction.
const CHECK_ROWS: usize = 500;
/// Rows applied by one transaction.
const APPLY_ROWS: usize = 100;
/// How far ahead of ours a maker's clock may be: a day.
const AHEAD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// What a file has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Read {
    /// Its sequence number.
    pub sequence: i64,
    /// Its rows.
    pub rows: u64,
    /// Rows by which a delivery has changed.
    pub changed: u64,
    /// Rows that were written down and changed nothing.
    pub late: u64,
    /// Rows that were known.
    pub known: u64,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is refused; nothing was applied.
    #[error("the file is refused, nothing of it was applied: {0}")]
    Refused(#[from] Wrong),
    /// It cannot be opened.
    #[error("the file cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// Somebody else has read it meanwhile, or has changed it.
    #[error("{0}")]
    Meanwhile(&'static str),
    /// The database.
    #[error("{0}; read the file again: it goes on where it stopped")]
    Work(#[from] WorkError),
}

/// Reads a file.
pub async fn read(
    store: &Store,
    core: &Core,
    asp: &AspId,
    path: &Path,
    now: Moment,
) -> Result<Read, ReadError> {
    let mut file = File::open(path)?;
    let (header, digest) = check(store, asp, &file, now).await?;
    file.rewind()?;
    let (mut reader, _) = Reader::open(BufReader::new(&file))?;
    let cx = reporting(core, asp, "delivery.read", now);
    let mut read = Read { sequence: header.sequence, ..Read::default() };
    loop {
        let rows = batch(&mut reader, APPLY_ROWS)?;
        if rows.is_empty() {
            break;
        }
        apply(store, &cx, &header.maker, rows, &mut read).await?;
    }
    read.rows = reader.rows();
    if reader.digest() != digest {
        return Err(ReadError::Meanwhile("the file was changed while it was read"));
    }
    finish(store, &cx, &header.maker, &read, digest).await?;
    Ok(read)
}

/// Checks a file as [`read`] does before it applies any of it; its number and its rows.
pub async fn checked(
    store: &Store,
    asp: &AspId,
    path: &Path,
    now: Moment,
) -> Result<Read, ReadError> {
    let mut file = File::open(path)?;
    let (header, digest) = check(store, asp, &file, now).await?;
    file.rewind()?;
    let (mut reader, _) = Reader::open(BufReader::new(&file))?;
    while !batch(&mut reader, CHECK_ROWS)?.is_empty() {}
    let rows = reader.rows();
    if reader.digest() != digest {
        return Err(ReadError::Meanwhile("the file was changed while it was read"));
    }
    Ok(Read { sequence: header.sequence, rows, ..Read::default() })
}

/// The next rows, each with its line.
fn batch(reader: &mut Reader<BufReader<&File>>, rows_max: usize) -> Result<Vec<(u64, Row)>, Wrong> {
    let mut rows = Vec::new();
    while rows.len() < rows_max
        && let Some(row) = reader.row()?
    {
        rows.push((reader.line(), row));
    }
    Ok(rows)
}

/// Checks a whole file, and changes nothing.
async fn check(
    store: &Store,
    asp: &AspId,
    file: &File,
    now: Moment,
) -> Result<(Header, [u8; 32]), ReadError> {
    let (mut reader, header) = Reader::open(BufReader::new(file))?;
    let maker = maker(store, asp, &header.maker).await?;
    check_header(asp, &header, maker).map_err(|why| reader.wrong(why))?;
    loop {
        let rows = batch(&mut reader, CHECK_ROWS)?;
        if rows.is_empty() {
            return Ok((header, reader.digest()));
        }
        let latest = now.business.plus_ms(AHEAD_MS_MAX);
        if let Some((line, _)) = rows.iter().find(|(_, row)| row.report.occurred_at > latest) {
            return Err(Wrong { line: *line, why: Why::Future }.into());
        }
        let (asp, maker) = (asp.clone(), header.maker.clone());
        let known = store.read(move |tx: &mut Tx<'_>| unknown(tx, &asp, &maker, &rows));
        if let Some(wrong) = known.await.map_err(|error| work::fault(&error))? {
            return Err(wrong.into());
        }
    }
}

async fn maker(store: &Store, asp: &AspId, id: &str) -> Result<Option<Maker>, WorkError> {
    let (asp, id) = (asp.clone(), id.to_owned());
    let read = store.read(move |tx: &mut Tx<'_>| -> Done<Option<Maker>, NoRefusal> {
        Ok(makers::find(tx, &asp, &id)?)
    });
    read.await.map_err(|error| work::fault(&error))
}

fn check_header(asp: &AspId, header: &Header, maker: Option<Maker>) -> Result<(), Why> {
    if header.asp != asp.as_str() {
        return Err(Why::OtherPartner(header.asp.clone()));
    }
    let Some(maker) = maker else { return Err(Why::UnknownMaker(header.maker.clone())) };
    if header.key != key_name(&maker.public_key) {
        return Err(Why::OtherKey);
    }
    let (found, next) = (header.sequence, maker.next_return_sequence);
    match found.cmp(&next) {
        std::cmp::Ordering::Less => Err(Why::Repeated { found, next }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Why::Skipped { found, next }),
    }
}

/// The first row about what this maker was not given. An attempt that is over was in the hands of
/// some maker; only the present one says whose.
fn unknown(
    tx: &mut Tx<'_>,
    asp: &AspId,
    maker: &str,
    rows: &[(u64, Row)],
) -> Done<Option<Wrong>, NoRefusal> {
    for (line, row) in rows {
        let found = tx.query_opt(
            "SELECT attempt, maker_id FROM delivery WHERE asp_id = $1 AND apply_no = $2",
            &[asp.as_str().into(), row.apply_no.as_str().into()],
        )?;
        let is_known = match found {
            None => false,
            Some(found) => {
                let attempt: u32 = number(&found, 0)?;
                let told = row.report.attempt;
                told < attempt || (told == attempt && found.opt_text(1)? == Some(maker))
            }
        };
        if !is_known {
            let why = Why::UnknownRow(row.apply_no.clone());
            return Ok(Some(Wrong { line: *line, why }));
        }
    }
    Ok(None)
}

/// Applies some rows in one transaction: in the order of deliveries, so that two who read do not
/// wait for each other, and of each delivery in the order in which things happened.
async fn apply(
    store: &Store,
    cx: &Cx,
    maker: &str,
    mut rows: Vec<(u64, Row)>,
    read: &mut Read,
) -> Result<(), WorkError> {
    rows.sort_by(|(_, one), (_, other)| {
        let key = |row: &Row| (row.report.attempt, row.report.occurred_at);
        one.apply_no.cmp(&other.apply_no).then(key(one).cmp(&key(other)))
    });
    let rows = std::sync::Arc::new(rows);
    let applied = done(store, &cx.core, cx.call.now, || {
        let (cx, rows, maker) = (cx.clone(), std::sync::Arc::clone(&rows), maker.to_owned());
        move |tx: &mut Tx<'_>| apply_rows(&cx, tx, &maker, &rows)
    });
    let applied = match applied.await? {
        Ok(applied) => applied,
        Err(never) => match never {},
    };
    for each in applied {
        match each {
            Applied::Took(_) => read.changed += 1,
            Applied::WrittenDown => read.late += 1,
            Applied::Known | Applied::Unknown => read.known += 1,
        }
    }
    Ok(())
}

fn apply_rows(
    cx: &Cx,
    tx: &mut Tx<'_>,
    maker: &str,
    rows: &[(u64, Row)],
) -> Done<Vec<Applied>, NoRefusal> {
    let mut all = Vec::new();
    let mut files = BTreeSet::new();
    for (_, row) in rows {
        let Some(mut delivery) = claim(cx, tx, &row.apply_no)? else {
            return Err(fault(format!("the delivery of {} is gone", row.apply_no)));
        };
        files.extend(delivery.written.as_ref().map(|(_, sequence)| *sequence));
        all.push(apply_to(cx, tx, &mut delivery, row.tracking())?);
    }
    for sequence in files {
        tx.execute(
            "UPDATE delivery_file SET acknowledged_at = $4
             WHERE asp_id = $1 AND maker_id = $2 AND direction = 'OUT' AND file_sequence = $3
                 AND acknowledged_at IS NULL",
            &[cx.call.asp.as_str().into(), maker.into(), sequence.into(), cx.call.now.0.into()],
        )?;
    }
    Ok(all)
}

/// The file was read meanwhile.
#[derive(Debug, Clone, Copy)]
struct ReadBefore;

/// Marks the file as read: the next number is awaited from now on.
async fn finish(
    store: &Store,
    cx: &Cx,
    maker: &str,
    read: &Read,
    digest: [u8; 32],
) -> Result<(), ReadError> {
    let finished = done(store, &cx.core, cx.call.now, || {
        let (cx, maker, read) = (cx.clone(), maker.to_owned(), *read);
        move |tx: &mut Tx<'_>| finish_in(&cx, tx, &maker, &read, digest)
    });
    let meanwhile = "somebody else has read the file meanwhile";
    finished.await?.map_err(|ReadBefore| ReadError::Meanwhile(meanwhile))
}

fn finish_in(
    cx: &Cx,
    tx: &mut Tx<'_>,
    maker: &str,
    read: &Read,
    digest: [u8; 32],
) -> Done<(), ReadBefore> {
    let asp = cx.call.asp.as_str();
    let moved = tx.execute(
        "UPDATE card_maker SET next_return_sequence = next_return_sequence + 1
         WHERE asp_id = $1 AND maker_id = $2 AND next_return_sequence = $3",
        &[asp.into(), maker.into(), read.sequence.into()],
    )?;
    if moved == 0 {
        return refuse(ReadBefore);
    }
    tx.put(
        "INSERT INTO delivery_file (asp_id, maker_id, direction, file_sequence, row_count, digest,
             made_at)
         VALUES ($1, $2, 'RETURN', $3, $4, $5, $6)",
        &[
            asp.into(),
            maker.into(),
            read.sequence.into(),
            i64::try_from(read.rows).unwrap_or(i64::MAX).into(),
            digest.as_slice().into(),
            cx.call.now.0.into(),
        ],
    )?;
    Ok(())
}

//! Writing the file of deliveries for a card maker. The sequence number is taken and the rows are
//! claimed for it first, in batches; then the file is written from the claimed rows under another
//! name, flushed and renamed. Where that is interrupted, the same rows are written [`again`]: no
//! delivery is lost, and none is in two files.
//!
//! Encrypting is nearly all of the work: every core does it, a few rows at a time, while the next
//! page is read. No more than two pages are in memory.
//!
//! A file that is written again has the same number, rows and order. Its content is encrypted
//! anew: a key and nonce that had been used for other bytes must not be used again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crypto::digest::Sha256;
use crypto::jwe::{self, Enc, PublicKey};
use crypto::pan::Pan;
use domain::{AspId, CardId, Timestamp};
use serde_json::json;
use store::{DbError, Row, Store, Tx};

use super::file::{Header, key_name, trailer};
use super::makers::{self, Maker};
use super::work::{self, WorkError, done};
use crate::cards;
use crate::context::{Core, place};
use crate::cpu::{Cpu, Failed};
use crate::op::{Done, NoRefusal, OrStop, Stop, fault, refuse};

/// Rows claimed by one transaction.
const CLAIM_ROWS: i64 = 500;
/// Rows read by one transaction.
const PAGE_ROWS: i64 = 500;
/// Rows that one core encrypts before it takes the next ones.
const PIECE_ROWS: usize = 25;
/// Rows of a file at the most.
pub const ROWS_MAX: i64 = 1_000_000;

/// A file to be written.
#[derive(Debug, Clone)]
pub struct Order {
    /// The partner.
    pub asp: AspId,
    /// The card maker.
    pub maker: String,
    /// The folder that it goes to.
    pub folder: PathBuf,
    /// When.
    pub now: Timestamp,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub path: PathBuf,
    /// Its sequence number.
    pub sequence: i64,
    /// How many plastics it orders.
    pub rows: u64,
}

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No such maker.
    #[error("there is no card maker {0}: add it with `platen delivery maker add`")]
    UnknownMaker(String),
    /// No such file.
    #[error("file {0} was never begun for this card maker")]
    UnknownFile(i64),
    /// The maker has it.
    #[error("file {0} is in the card maker's hands: it has reported on it")]
    Acknowledged(i64),
    /// The maker's key.
    #[error("the card maker's key cannot be used: {0}")]
    Key(#[from] jwe::KeyError),
    /// The database.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The file, once rows are claimed for it.
    #[error(
        "file {sequence} cannot be written: {error}; its rows are kept for it, write it again \
             with --again {sequence}"
    )]
    Io {
        /// Its sequence number.
        sequence: i64,
        /// What failed.
        error: io::Error,
    },
}

/// Writes the next file with up to so many rows; `None` where no delivery waits for one.
pub async fn write(
    store: &Store,
    core: &Core,
    order: &Order,
    rows_max: i64,
) -> Result<Option<Written>, WriteError> {
    find(store, order).await?;
    let Some(sequence) = claim(store, core, order, rows_max).await? else { return Ok(None) };
    put(store, core, order, sequence).await.map(Some)
}

/// How many deliveries a file would have.
pub async fn tried(store: &Store, order: &Order, rows_max: i64) -> Result<usize, WriteError> {
    find(store, order).await?;
    let order = order.clone();
    let read = move |tx: &mut Tx<'_>| -> Done<usize, NoRefusal> {
        Ok(waiting(tx, &order, rows_max)?.len())
    };
    Ok(store.read(read).await.map_err(|error| work::fault(&error))?)
}

/// The deliveries that wait to be written, the first so many.
fn waiting(tx: &mut Tx<'_>, order: &Order, rows: i64) -> Result<Vec<Row>, DbError> {
    tx.query(
        "SELECT apply_no FROM delivery
         WHERE asp_id = $1 AND state = 'READY' AND file_sequence IS NULL AND ordered_at > 0
         ORDER BY ordered_at, apply_no LIMIT $2",
        &[order.asp.as_str().into(), rows.into()],
    )
}

/// Writes a file again whose writing was interrupted, or which was lost on its way. What was
/// called off since is not in it any more.
pub async fn again(
    store: &Store,
    core: &Core,
    order: &Order,
    sequence: i64,
) -> Result<Written, WriteError> {
    find(store, order).await?;
    let (asp, maker) = (order.asp.clone(), order.maker.clone());
    let read = store.read(move |tx: &mut Tx<'_>| -> Done<Option<bool>, NoRefusal> {
        let row = tx.query_opt(
            "SELECT acknowledged_at IS NOT NULL FROM delivery_file
             WHERE asp_id = $1 AND maker_id = $2 AND direction = 'OUT' AND file_sequence = $3",
            &[asp.as_str().into(), maker.as_str().into(), sequence.into()],
        )?;
        Ok(row.map(|row| row.boolean(0)).transpose()?)
    });
    match read.await.map_err(|error| work::fault(&error))? {
        None => Err(WriteError::UnknownFile(sequence)),
        Some(true) => Err(WriteError::Acknowledged(sequence)),
        Some(false) => put(store, core, order, sequence).await,
    }
}

/// The sequence numbers of files that were begun and never finished.
pub async fn unfinished(store: &Store, asp: &AspId, maker: &str) -> Result<Vec<i64>, WorkError> {
    let (asp, maker) = (asp.clone(), maker.to_owned());
    let read = store.read(move |tx: &mut Tx<'_>| -> Done<Vec<i64>, NoRefusal> {
        let rows = tx.query(
            "SELECT file_sequence FROM delivery_file
             WHERE asp_id = $1 AND maker_id = $2 AND direction = 'OUT' AND file_sequence > 0
                 AND LENGTH(digest) = 0
             ORDER BY file_sequence",
            &[asp.as_str().into(), maker.as_str().into()],
        )?;
        Ok(rows.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?)
    });
    read.await.map_err(|error| work::fault(&error))
}

async fn find(store: &Store, order: &Order) -> Result<Maker, WriteError> {
    let (asp, id) = (order.asp.clone(), order.maker.clone());
    let read = store.read(move |tx: &mut Tx<'_>| -> Done<Option<Maker>, NoRefusal> {
        Ok(makers::find(tx, &asp, &id)?)
    });
    let found = read.await.map_err(|error| work::fault(&error))?;
    found.ok_or_else(|| WriteError::UnknownMaker(order.maker.clone()))
}

/// No delivery waits.
#[derive(Debug, Clone, Copy)]
struct Nothing;

/// Takes a sequence number and claims the deliveries that wait, the oldest first.
pub async fn claim(
    store: &Store,
    core: &Core,
    order: &Order,
    rows_max: i64,
) -> Result<Option<i64>, WriteError> {
    let first = done(store, core, order.now, || {
        let (order, rows) = (order.clone(), rows_max.min(CLAIM_ROWS));
        move |tx: &mut Tx<'_>| begin(tx, &order, rows)
    });
    let (sequence, mut claimed) = match first.await? {
        Ok(begun) => begun,
        Err(Nothing) => return Ok(None),
    };
    while claimed < rows_max {
        let further = done(store, core, order.now, || {
            let (order, rows) = (order.clone(), (rows_max - claimed).min(CLAIM_ROWS));
            move |tx: &mut Tx<'_>| claim_rows::<Nothing>(tx, &order, sequence, rows)
        });
        match further.await? {
            Ok(Some(rows)) => claimed += rows,
            Ok(None) | Err(Nothing) => break,
        }
    }
    Ok(Some(sequence))
}

/// The number of the file and its first rows, in one transaction: a file has a row.
fn begin(tx: &mut Tx<'_>, order: &Order, rows: i64) -> Done<(i64, i64), Nothing> {
    let (asp, maker) = (order.asp.as_str(), order.maker.as_str());
    let row = tx.query_one(
        "UPDATE card_maker SET next_sequence = next_sequence + 1
         WHERE asp_id = $1 AND maker_id = $2 RETURNING next_sequence - 1",
        &[asp.into(), maker.into()],
    )?;
    let sequence = row.int(0)?;
    let claimed = match claim_rows(tx, order, sequence, rows)? {
        None => return refuse(Nothing),
        // Another writer has taken these rows; there are more.
        Some(0) => return Err(store::TxError::Refused(Stop::CameFirst)),
        Some(claimed) => claimed,
    };
    tx.put(
        "INSERT INTO delivery_file (asp_id, maker_id, direction, file_sequence, row_count, digest,
             made_at)
         VALUES ($1, $2, 'OUT', $3, 0, $5, $4)",
        &[asp.into(), maker.into(), sequence.into(), order.now.0.into(), [].as_slice().into()],
    )?;
    Ok((sequence, claimed))
}

/// Claims up to so many deliveries for a file; `None` where none waits. Another writer may be
/// faster: then fewer are claimed than wait. Row by row, in an order that all writers keep: as one
/// statement, PostgreSQL compares each row that waits with each that is chosen.
fn claim_rows<E>(tx: &mut Tx<'_>, order: &Order, sequence: i64, rows: i64) -> Done<Option<i64>, E> {
    let asp = order.asp.as_str();
    let waiting = waiting(tx, order, rows)?;
    let mut claimed = 0;
    for row in &waiting {
        let changed = tx.execute(
            "UPDATE delivery SET maker_id = $3, file_sequence = $4
             WHERE asp_id = $1 AND apply_no = $2 AND state = 'READY' AND file_sequence IS NULL",
            &[asp.into(), row.text(0)?.into(), order.maker.as_str().into(), sequence.into()],
        )?;
        claimed += i64::try_from(changed).unwrap_or(0);
    }
    Ok((!waiting.is_empty()).then_some(claimed))
}

/// Writes the claimed rows: under another name, flushed, renamed; then it is marked as made.
async fn put(
    store: &Store,
    core: &Core,
    order: &Order,
    sequence: i64,
) -> Result<Written, WriteError> {
    let maker = find(store, order).await?;
    let failed = |error| WriteError::Io { sequence, error };
    let name = format!("{}-{}-{sequence:06}.csv", order.asp, order.maker);
    let path = order.folder.join(&name);
    let hidden = order.folder.join(format!(".{name}.part"));
    let header = Header {
        asp: order.asp.to_string(),
        maker: order.maker.clone(),
        sequence,
        made_at: order.now,
        key: key_name(&maker.public_key),
    };
    let mut out = Out::create(&hidden).map_err(failed)?;
    out.line(&header.line()).map_err(failed)?;
    let cores = Arc::new(Cpu::start(0).map_err(failed)?);
    let sealing = Arc::new((core.clone(), order.asp.clone(), maker.key()?));
    let mut rows = page(store, order, sequence, "").await?;
    while let Some(last) = rows.last() {
        let after = last.text(0).map_err(|error| WorkError::Fault(error.to_string()))?.to_owned();
        let next = page(store, order, sequence, &after);
        let (lines, next) = tokio::try_join!(lines(&cores, &sealing, rows), next)?;
        for line in &lines {
            out.row(line).map_err(failed)?;
        }
        rows = next;
    }
    let (rows, digest) = out.finish().map_err(failed)?;
    rename(&hidden, &path, &order.folder).map_err(failed)?;
    mark(store, core, order, sequence, (rows, digest)).await?;
    Ok(Written { path, sequence, rows })
}

fn rename(from: &Path, to: &Path, folder: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    File::open(folder)?.sync_all()
}

/// A file in the making.
struct Out {
    file: BufWriter<File>,
    rows: u64,
    of_rows: Sha256,
    of_all: Sha256,
}

impl Out {
    fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let (of_rows, of_all) = (Sha256::default(), Sha256::default());
        Ok(Out { file: BufWriter::new(file), rows: 0, of_rows, of_all })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.of_all.update(line.as_bytes());
        self.file.write_all(line.as_bytes())
    }

    fn row(&mut self, line: &str) -> io::Result<()> {
        self.rows += 1;
        self.of_rows.update(line.as_bytes());
        self.line(line)
    }

    /// Writes the trailer, and waits for the disk.
    fn finish(mut self) -> io::Result<(u64, [u8; 32])> {
        let of_rows = std::mem::take(&mut self.of_rows).finish();
        self.line(&trailer(self.rows, of_rows))?;
        self.file.into_inner()?.sync_all()?;
        Ok((self.rows, self.of_all.finish()))
    }
}

/// The next rows of a file.
async fn page(
    store: &Store,
    order: &Order,
    sequence: i64,
    after: &str,
) -> Result<Vec<Row>, WriteError> {
    let (order, after) = (order.clone(), after.to_owned());
    let read = store.read(move |tx: &mut Tx<'_>| -> Done<Vec<Row>, NoRefusal> {
        Ok(tx.query(
            "SELECT d.apply_no, d.attempt, c.par, c.service_id, c.card_id, c.pan_sealed,
                 c.expiry_yymm, c.cvc_key_id, d.recipient_sealed, c.given_cvc_sealed
             FROM delivery d JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
             WHERE d.asp_id = $1 AND d.maker_id = $2 AND d.file_sequence = $3
                 AND d.apply_no > $4 AND d.state = 'READY'
             ORDER BY d.apply_no LIMIT $5",
            &[
                order.asp.as_str().into(),
                order.maker.as_str().into(),
                sequence.into(),
                after.as_str().into(),
                PAGE_ROWS.into(),
            ],
        )?)
    });
    Ok(read.await.map_err(|error| work::fault(&error))?)
}

/// What lines are made with: keys, partner, and the maker's key.
type Sealing = (Core, AspId, PublicKey);

/// The lines of these rows, in their order, made on every core.
async fn lines(
    cores: &Arc<Cpu>,
    sealing: &Arc<Sealing>,
    rows: Vec<Row>,
) -> Result<Vec<String>, WriteError> {
    let (mut lines, mut making) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let piece: Vec<Row> = rows.by_ref().take(PIECE_ROWS).collect();
        let (cores, sealing) = (Arc::clone(cores), Arc::clone(sealing));
        let make = move || -> Done<Vec<String>, NoRefusal> {
            let (core, asp, key) = &*sealing;
            piece.iter().map(|row| line(core, asp, key, row)).collect()
        };
        making.push(tokio::spawn(async move { cores.run(make).await }));
    }
    for piece in making {
        let made = piece.await.unwrap_or(Err(Failed::Panicked)).map_err(not_made)?;
        lines.extend(made.map_err(|error| work::stopped(&error))?);
    }
    Ok(lines)
}

fn not_made(failed: Failed) -> WorkError {
    WorkError::Fault(match failed {
        Failed::Panicked => "a row could not be made".to_owned(),
        Failed::Busy => "the processor is too busy to make the rows".to_owned(),
    })
}

/// A row: the CVC is computed here and nowhere kept.
fn line(core: &Core, asp: &AspId, key: &PublicKey, row: &Row) -> Done<String, NoRefusal> {
    let (apply_no, card) = (row.text(0)?, CardId(row.int(4)?));
    let number = core.open_text(place(asp, "card.pan", &card.to_string()), row.blob(5)?);
    let number = number.or_stop()?;
    let pan = Pan::parse(number.expose()).ok().or_stop()?;
    let expiry = row.text(6)?;
    let stored = (row.opt_int(7)?, row.opt_blob(9)?);
    let cvc = cards::stored_cvc::<NoRefusal>(core, asp, (card, &pan, expiry), stored)?;
    let card = json!({ "number": pan.reveal(), "expiry": expiry, "cvc": cvc.reveal() });
    let at = place(asp, "delivery.recipient", apply_no);
    let recipient = core.open_text(at, row.opt_blob(8)?.or_stop()?).or_stop()?;
    let sealed = |plain: &str| {
        let sealed = jwe::encrypt(plain.as_bytes(), key, Enc::A256Gcm);
        sealed.map_err(|error| fault::<NoRefusal>(error.to_string()))
    };
    let (card, recipient) = (sealed(&card.to_string())?, sealed(recipient.expose())?);
    let (attempt, par, product) = (row.int(1)?, row.text(2)?, row.text(3)?);
    Ok(format!("P,{apply_no},{attempt},{par},{product},{card},{recipient}\n"))
}

/// Says that the file is made.
async fn mark(
    store: &Store,
    core: &Core,
    order: &Order,
    sequence: i64,
    (rows, digest): (u64, [u8; 32]),
) -> Result<(), WriteError> {
    let marked = done(store, core, order.now, || {
        let order = order.clone();
        move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
            tx.put(
                "UPDATE delivery_file SET row_count = $4, digest = $5, made_at = $6
                 WHERE asp_id = $1 AND maker_id = $2 AND direction = 'OUT'
                     AND file_sequence = $3",
                &[
                    order.asp.as_str().into(),
                    order.maker.as_str().into(),
                    sequence.into(),
                    i64::try_from(rows).unwrap_or(i64::MAX).into(),
                    digest.as_slice().into(),
                    order.now.0.into(),
                ],
            )?;
            Ok(())
        }
    });
    match marked.await? {
        Ok(()) => Ok(()),
        Err(never) => match never {},
    }
}

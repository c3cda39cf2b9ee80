//! The files that go to a card maker and come back: CSV (RFC 4180), one record a line, whose first
//! cell says what it is.
//!
//! To the maker:
//! ```text
//! H,1,<partner>,<maker>,<sequence number>,<made at>,<key>
//! P,<application>,<attempt>,<PAR>,<product>,<card, JWE>,<recipient, JWE>
//! T,<rows>,<SHA-256 of the rows' lines, hex>
//! ```
//! Card data is for the machine that makes the plastic alone, name, phone and address for the one
//! that prints the letter: so each is encrypted by itself, and a file that is lost on its way, kept
//! in an archive or read by a postman's system tells nobody who has which card.
//!
//! From the maker:
//! ```text
//! H,1,<partner>,<maker>,<sequence number>,<made at>,<key>
//! R,<application>,<attempt>,<state>,<occurred at>,<carrier>,<tracking no>,<place>,<reason>
//! T,<rows>
//! ```
//! Moments are RFC 3339. The key is the SHA-256 of the maker's public key in force (DER), hex: a
//! file for or from another key is recognised at its first line.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use crypto::digest::Sha256;
use crypto::pan::Pan;
use data_encoding::HEXLOWER;
use domain::delivery::{DeliveryState, Event, Report};
use domain::{ApplyNo, Timestamp};

use super::Tracking;

/// Version of both forms.
pub const VERSION: &str = "1";
/// Longest line of a file from a maker, bytes.
pub const LINE_BYTES_MAX: usize = 4_096;
/// Longest carrier, tracking number, place or reason, characters.
pub const TEXT_CHARS_MAX: usize = 100;
/// Digits of a card number.
const PAN_DIGITS: usize = 16;

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The partner.
    pub asp: String,
    /// The card maker.
    pub maker: String,
    /// Counts the maker's files of this direction from 1.
    pub sequence: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The maker's key.
    pub key: String,
}

/// A row of a file from a maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The application whose plastic it is about.
    pub apply_no: ApplyNo,
    /// What it says.
    pub report: Report,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number for it.
    pub tracking_no: Option<String>,
    /// Where it was.
    pub place: Option<String>,
    /// Why, of an exit.
    pub reason: Option<String>,
}

impl Row {
    /// As a delivery takes it.
    pub fn tracking(&self) -> Tracking<'_> {
        Tracking {
            report: self.report,
            carrier: self.carrier.as_deref(),
            tracking_no: self.tracking_no.as_deref(),
            place: self.place.as_deref(),
            reason: self.reason.as_deref(),
        }
    }
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It ends before its trailer.
    #[error("the file is cut: it ends without a trailer")]
    Cut,
    /// The line has no end.
    #[error("the line is cut: it has no end")]
    CutLine,
    /// The line is too long.
    #[error("the line has more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// The bytes are no text.
    #[error("the line is not UTF-8")]
    NotText,
    /// Quotes, or the number of cells.
    #[error("the line is malformed: {0}")]
    Malformed(&'static str),
    /// A cell is not of its form.
    #[error("{0} is not of its form")]
    Cell(&'static str),
    /// The trailer counts otherwise.
    #[error("the trailer counts {told} rows, the file has {found}")]
    Count {
        /// By the trailer.
        told: u64,
        /// In the file.
        found: u64,
    },
    /// Something follows the trailer.
    #[error("the file goes on after its trailer")]
    AfterTrailer,
    /// A file of another partner.
    #[error("the file is of partner {0}")]
    OtherPartner(String),
    /// No such maker.
    #[error("there is no card maker {0}")]
    UnknownMaker(String),
    /// Another key than the one in force.
    #[error("the file names another key than the card maker's")]
    OtherKey,
    /// It was read before.
    #[error("file {found} was read before: the next one is {next}")]
    Repeated {
        /// Its number.
        found: i64,
        /// The number that is awaited.
        next: i64,
    },
    /// One before it is missing.
    #[error("file {found} is too early: the next one is {next}")]
    Skipped {
        /// Its number.
        found: i64,
        /// The number that is awaited.
        next: i64,
    },
    /// A row about what this maker was not given.
    #[error("this card maker was not given application {0} with this attempt")]
    UnknownRow(ApplyNo),
    /// A moment that is to come.
    #[error("`occurred at` lies in the future")]
    Future,
}

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// The line, from 1.
    pub line: u64,
    /// Why it is refused.
    #[source]
    pub why: Why,
}

/// A file from a maker as it is read: header first, then row by row. It holds one line.
pub struct Reader<R> {
    from: R,
    buffer: Vec<u8>,
    line: u64,
    rows: u64,
    is_over: bool,
    digest: Sha256,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub fn open(from: R) -> Result<(Self, Header), Wrong> {
        let (buffer, digest) = (Vec::new(), Sha256::default());
        let mut reader = Reader { from, buffer, line: 0, rows: 0, is_over: false, digest };
        let header = reader.cells().and_then(|cells| header(&cells.ok_or(Why::Cut)?));
        header.map_err(|why| reader.wrong(why)).map(|header| (reader, header))
    }

    /// The next row; `None` after the trailer has been found right and last.
    pub fn row(&mut self) -> Result<Option<Row>, Wrong> {
        if self.is_over {
            return Ok(None);
        }
        self.next().map_err(|why| self.wrong(why))
    }

    /// An error at the line that was read last.
    pub const fn wrong(&self, why: Why) -> Wrong {
        Wrong { line: self.line, why }
    }

    /// How many rows were read.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The line that was read last.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The digest of all that was read.
    pub fn digest(self) -> [u8; 32] {
        self.digest.finish()
    }

    fn next(&mut self) -> Result<Option<Row>, Why> {
        let cells = self.cells()?.ok_or(Why::Cut)?;
        match cells.first().map(String::as_str) {
            Some("R") => {
                let row = row(&cells)?;
                self.rows += 1;
                Ok(Some(row))
            }
            Some("T") => {
                let told = count(&cells)?;
                if told != self.rows {
                    return Err(Why::Count { told, found: self.rows });
                }
                if self.cells()?.is_some() {
                    return Err(Why::AfterTrailer);
                }
                self.is_over = true;
                Ok(None)
            }
            Some(_) | None => Err(Why::Malformed("it begins neither with R nor with T")),
        }
    }

    /// The cells of the next line; `None` at the end of the file.
    fn cells(&mut self) -> Result<Option<Vec<String>>, Why> {
        self.buffer.clear();
        let most = u64::try_from(LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let read = io::Read::take(&mut self.from, most).read_until(b'\n', &mut self.buffer)?;
        self.line += 1;
        if read == 0 {
            return Ok(None);
        }
        self.digest.update(&self.buffer);
        let Some(line) = self.buffer.strip_suffix(b"\n") else {
            return Err(if read > LINE_BYTES_MAX { Why::TooLong } else { Why::CutLine });
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| Why::NotText)?;
        cells(line).map(Some)
    }
}

/// The cells of a line.
fn cells(line: &str) -> Result<Vec<String>, Why> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                if cell.contains('"') {
                    return Err(Why::Malformed("a quote within a cell that has none around it"));
                }
                (cell.to_owned(), after)
            }
        };
        if cell.contains(char::is_control) {
            return Err(Why::Malformed("a control character"));
        }
        cells.push(cell);
        if after.is_empty() {
            return Ok(cells);
        }
        rest = after
            .strip_prefix(',')
            .ok_or(Why::Malformed("no comma follows a cell with quotes around it"))?;
    }
}

/// What stands before the closing quote, and what follows that.
fn quoted_cell(quoted: &str) -> Result<(String, &str), Why> {
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) =
            rest.split_once('"').ok_or(Why::Malformed("a quote is not closed"))?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(further) => {
                cell.push('"');
                rest = further;
            }
            None => return Ok((cell, after)),
        }
    }
}

fn header(cells: &[String]) -> Result<Header, Why> {
    let [kind, version, asp, maker, sequence, made_at, key] = cells else {
        return Err(Why::Malformed("a header has seven cells"));
    };
    if kind != "H" {
        return Err(Why::Malformed("a file begins with a line H"));
    }
    if version != VERSION {
        return Err(Why::Cell("the version"));
    }
    Ok(Header {
        asp: asp.clone(),
        maker: maker.clone(),
        sequence: digits(sequence).ok_or(Why::Cell("the sequence number"))?,
        made_at: moment(made_at).ok_or(Why::Cell("`made at`"))?,
        key: key.clone(),
    })
}

fn row(cells: &[String]) -> Result<Row, Why> {
    let [_, apply_no, attempt, state, occurred_at, texts @ ..] = cells else {
        return Err(Why::Malformed("a row has nine cells"));
    };
    let [carrier, tracking_no, place, reason] = texts else {
        return Err(Why::Malformed("a row has nine cells"));
    };
    let is_number = apply_no.len() == ApplyNo::LENGTH && digits::<u128>(apply_no).is_some();
    if !is_number {
        return Err(Why::Cell("the application"));
    }
    // Calling off is the platform's alone.
    let state = DeliveryState::parse(state)
        .filter(|state| *state != DeliveryState::Cancel && Event::reported(*state).is_some());
    let attempt = digits(attempt).filter(|attempt| *attempt > 0);
    Ok(Row {
        apply_no: ApplyNo::new(apply_no),
        report: Report {
            state: state.ok_or(Why::Cell("the state"))?,
            occurred_at: moment(occurred_at).ok_or(Why::Cell("`occurred at`"))?,
            attempt: attempt.ok_or(Why::Cell("the attempt"))?,
        },
        carrier: text(carrier, "the carrier")?,
        tracking_no: text(tracking_no, "the tracking number")?,
        place: text(place, "the place")?,
        reason: text(reason, "the reason")?,
    })
}

fn count(cells: &[String]) -> Result<u64, Why> {
    let [_, count] = cells else { return Err(Why::Malformed("a trailer has two cells")) };
    digits(count).ok_or(Why::Cell("the count"))
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

/// A text of the maker's; it is told to partners, so it must be no card's number.
fn text(cell: &str, what: &'static str) -> Result<Option<String>, Why> {
    if cell.is_empty() {
        return Ok(None);
    }
    let digits: String = cell.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let runs = digits.split(|c: char| !c.is_ascii_digit());
    let is_card = |run: &str| run.len() == PAN_DIGITS && Pan::parse(run).is_ok();
    if cell.chars().count() > TEXT_CHARS_MAX || runs.into_iter().any(is_card) {
        return Err(Why::Cell(what));
    }
    Ok(Some(cell.to_owned()))
}

/// A moment as the files have it.
pub fn told(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

impl Header {
    /// The line.
    pub fn line(&self) -> String {
        let Header { asp, maker, sequence, made_at, key } = self;
        format!("H,{VERSION},{asp},{maker},{sequence},{},{key}\n", told(*made_at))
    }
}

/// The key's name in a file.
pub fn key_name(public_key_der: &[u8]) -> String {
    let mut digest = Sha256::default();
    digest.update(public_key_der);
    HEXLOWER.encode(&digest.finish())
}

/// The last line of a file to a maker.
pub fn trailer(rows: u64, digest: [u8; 32]) -> String {
    let mut line = format!("T,{rows},");
    let _ = writeln!(line, "{}", HEXLOWER.encode(&digest));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "H,1,000170000000000,M1,7,2026-11-25T00:00:00Z,ab\n";

    fn read(text: &str) -> Result<(Header, Vec<Row>), String> {
        let (mut reader, header) =
            Reader::open(text.as_bytes()).map_err(|wrong| wrong.to_string())?;
        let mut rows = Vec::new();
        while let Some(row) = reader.row().map_err(|wrong| wrong.to_string())? {
            rows.push(row);
        }
        Ok((header, rows))
    }

    #[test]
    fn a_file_is_read_and_its_header_written_back() {
        let row = "R,2026112500000000000042,2,SHIPPING,2026-11-25T09:30:00+09:00,\
                   \"Post, \"\"express\"\"\",6890-1,,\r\n";
        let (header, rows) = read(&format!("{HEAD}{row}T,1\n")).unwrap();
        assert_eq!(header.line(), HEAD);
        assert_eq!(rows[0].carrier.as_deref(), Some("Post, \"express\""));
        assert_eq!(rows[0].tracking_no.as_deref(), Some("6890-1"));
        assert_eq!((rows[0].place.as_deref(), rows[0].report.attempt), (None, 2));
        assert_eq!(told(rows[0].report.occurred_at), "2026-11-25T00:30:00Z");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let row = |cells: &str| format!("{HEAD}R,{cells}\nT,1\n");
        let good = "2026112500000000000042,1,ARRIVAL,2026-11-25T00:00:00Z";
        let check = |text: &str, says: &str| assert_eq!(read(text).unwrap_err(), says, "{text}");
        check("", "line 1: the file is cut: it ends without a trailer");
        check("T,0\n", "line 1: the line is malformed: a header has seven cells");
        check(&HEAD.replace("H,1", "H,2"), "line 1: the version is not of its form");
        check(HEAD, "line 2: the file is cut: it ends without a trailer");
        check(&format!("{HEAD}T,0"), "line 2: the line is cut: it has no end");
        check(&format!("{HEAD}T,1\n"), "line 2: the trailer counts 1 rows, the file has 0");
        check(&format!("{HEAD}T,0\n\n"), "line 3: the file goes on after its trailer");
        check(&row(good), "line 2: the line is malformed: a row has nine cells");
        let cells = format!("{good},,,,");
        check(&row(&cells.replace("ARRIVAL", "CANCEL")), "line 2: the state is not of its form");
        check(&row(&cells.replace("ARRIVAL", "READY")), "line 2: the state is not of its form");
        check(&row(&cells.replace(",1,", ",0,")), "line 2: the attempt is not of its form");
        check(
            &row(&cells.replace("2026112", "+026112")),
            "line 2: the application is not of its form",
        );
        check(&row(&cells.replace("T00", "Tx0")), "line 2: `occurred at` is not of its form");
        let number = "9491339500007016";
        let number = (0..10).map(|c| format!("{}{c}", &number[..15]));
        let number = number.into_iter().find(|each| Pan::parse(each).is_ok()).unwrap();
        check(
            &row(&format!("{good},,{number},,")),
            "line 2: the tracking number is not of its form",
        );
        check(
            &row(&format!("{good},\"x,,,")),
            "line 2: the line is malformed: a quote is not closed",
        );
        let long = "x".repeat(LINE_BYTES_MAX);
        check(&row(&format!("{good},{long},,,")), "line 2: the line has more than 4096 bytes");
    }

    /// Cut anywhere, a file is refused.
    #[test]
    fn a_file_that_is_cut_anywhere_is_refused() {
        let row = "R,2026112500000000000042,1,RECEIPT,2026-11-25T00:00:00Z,,,,\n";
        let whole = format!("{HEAD}{row}{row}T,2\n");
        assert!(read(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }
}

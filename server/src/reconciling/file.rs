//! The bank's daily file: CSV, one record a line, whose first cell says what it is.
//!
//! ```text
//! H,<bank day, yyyyMMdd>,<institution code>
//! R,<bank_tran_id>,<W: taken from a member, D: given back>,<won>
//! T,<rows>,<sum of W, won>,<sum of D, won>
//! ```
//! It is read to its end before anything is made of it: a row takes [`size_of`] an [`Entry`], some
//! 40 bytes, so that a file of the most rows takes some 40 MB.

use std::io::{self, BufRead};

use bank::BankTranId;
use crypto::digest::Sha256;
use domain::Timestamp;
use store::tables::reconciliation_cases::Direction;

/// Rows of a file at the most.
pub const ROWS_MAX: usize = 1_000_000;
/// Longest line, bytes.
const LINE_BYTES_MAX: usize = 128;
/// Characters of a transaction's id.
const ID_BYTES: usize = 20;

/// A transaction of the bank's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    id: [u8; ID_BYTES],
    line: u32,
    /// Which way the money went.
    pub direction: Direction,
    /// How much, won.
    pub amount: i64,
}

impl Entry {
    /// The transaction's id.
    pub fn id(&self) -> String {
        String::from_utf8_lossy(&self.id).into_owned()
    }
}

/// A whole file.
#[derive(Debug)]
pub struct BankFile {
    /// The bank's day, `yyyyMMdd`.
    pub day: String,
    /// Whose transactions they are.
    pub institution: String,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// By id.
    entries: Vec<Entry>,
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// The line at fault, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The disk.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// No trailer.
    #[error("the file is cut, it ends without its line T: fetch it again")]
    Cut,
    /// No line feed.
    #[error("the line is cut, it has no end: fetch the file again")]
    CutLine,
    /// Too long.
    #[error("the line has more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("the line is no UTF-8 text")]
    NotText,
    /// Not of its form.
    #[error("{0}")]
    Form(&'static str),
    /// A cell.
    #[error("{0} is not of its form")]
    Cell(&'static str),
    /// Another institution's.
    #[error("the transaction is not of the institution that the line H names")]
    Stranger,
    /// Twice.
    #[error("the transaction stands in line {0} already")]
    Repeated(u32),
    /// The trailer does not agree.
    #[error("the line T says {told} {what}, the file has {found}: fetch it again")]
    Trailer {
        /// Of what.
        what: &'static str,
        /// As it says.
        told: i64,
        /// As they are.
        found: i64,
    },
    /// Something follows the trailer.
    #[error("the file goes on after its line T")]
    AfterTrailer,
    /// Too many rows.
    #[error("the file has more than {ROWS_MAX} rows, which are the most")]
    TooMany,
    /// More money than there is.
    #[error("the amounts add up to more than can be counted")]
    Sum,
}

impl BankFile {
    /// Reads a file to its end.
    pub fn read(from: impl BufRead) -> Result<Self, Wrong> {
        let digest = Sha256::default();
        let mut lines = Lines { from, digest, buffer: Vec::new(), line: 0 };
        let read = Self::read_lines(&mut lines);
        read.map_err(|(line, why)| Wrong { line: line.unwrap_or(lines.line), why }).map(|file| {
            let digest = lines.digest.finish();
            BankFile { digest, ..file }
        })
    }

    fn read_lines(lines: &mut Lines<impl BufRead>) -> Result<Self, (Option<u32>, Why)> {
        let here = |why: Why| (None, why);
        let (day, institution) = header(lines.next().map_err(here)?).map_err(here)?;
        let (mut entries, mut sums) = (Vec::new(), Sums::default());
        loop {
            let line = lines.line.saturating_add(1);
            let text = lines.next().map_err(here)?;
            if text.starts_with("T,") {
                let told = trailer(text).map_err(here)?;
                told.check(&sums).map_err(here)?;
                break;
            }
            if entries.len() >= ROWS_MAX {
                return Err(here(Why::TooMany));
            }
            let entry = row(text, &institution, line).map_err(here)?;
            sums.add(&entry).map_err(here)?;
            entries.push(entry);
        }
        lines.end().map_err(here)?;
        entries.sort_unstable_by_key(|entry| (entry.id, entry.line));
        // An id is one order's alone, whichever way its money went.
        let twice = entries.iter().zip(entries.iter().skip(1)).find(|(one, two)| one.id == two.id);
        if let Some((first, again)) = twice {
            return Err((Some(again.line), Why::Repeated(first.line)));
        }
        Ok(BankFile { day, institution, digest: [0; 32], entries })
    }

    /// Its transactions.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The place of a transaction among them.
    pub fn find(&self, id: &str, direction: Direction) -> Option<usize> {
        let found = self.entries.binary_search_by(|entry| entry.id.as_slice().cmp(id.as_bytes()));
        let is_same =
            |at: &usize| self.entries.get(*at).is_some_and(|it| it.direction == direction);
        found.ok().filter(is_same)
    }
}

/// Reads line by line.
struct Lines<R> {
    from: R,
    digest: Sha256,
    buffer: Vec<u8>,
    line: u32,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<&str, Why> {
        self.buffer.clear();
        let most = u64::try_from(LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let read = io::Read::take(&mut self.from, most).read_until(b'\n', &mut self.buffer)?;
        self.line = self.line.saturating_add(1);
        if read == 0 {
            return Err(Why::Cut);
        }
        self.digest.update(&self.buffer);
        let Some(line) = self.buffer.strip_suffix(b"\n") else {
            return Err(if read > LINE_BYTES_MAX { Why::TooLong } else { Why::CutLine });
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line).map_err(|_| Why::NotText)
    }

    fn end(&mut self) -> Result<(), Why> {
        match self.next() {
            Err(Why::Cut) => Ok(()),
            Ok(_) => Err(Why::AfterTrailer),
            Err(Why::CutLine | Why::TooLong | Why::NotText) => Err(Why::AfterTrailer),
            Err(other) => Err(other),
        }
    }
}

/// What a trailer counts.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    rows: i64,
    withdrawn: i64,
    deposited: i64,
}

impl Sums {
    fn add(&mut self, entry: &Entry) -> Result<(), Why> {
        self.rows += 1;
        let sum = match entry.direction {
            Direction::Withdrawal => &mut self.withdrawn,
            Direction::Deposit => &mut self.deposited,
        };
        *sum = sum.checked_add(entry.amount).ok_or(Why::Sum)?;
        Ok(())
    }

    fn check(self, of: &Sums) -> Result<(), Why> {
        let each = [
            ("rows", self.rows, of.rows),
            ("won of W", self.withdrawn, of.withdrawn),
            ("won of D", self.deposited, of.deposited),
        ];
        match each.into_iter().find(|(_, told, found)| told != found) {
            Some((what, told, found)) => Err(Why::Trailer { what, told, found }),
            None => Ok(()),
        }
    }
}

fn header(line: &str) -> Result<(String, String), Why> {
    let form = Why::Form("a file begins with H,<yyyyMMdd>,<institution code>");
    let cells: Vec<&str> = line.split(',').collect();
    let &["H", day, institution] = cells.as_slice() else { return Err(form) };
    if Timestamp::from_seoul_text(&format!("{day}000000")).is_none() {
        return Err(Why::Cell("the bank's day"));
    }
    // An institution's code is the beginning of its transactions' ids.
    if BankTranId::new(institution, 0).is_err() {
        return Err(Why::Cell("the institution's code"));
    }
    Ok((day.to_owned(), institution.to_owned()))
}

fn row(line: &str, institution: &str, number: u32) -> Result<Entry, Why> {
    let form = Why::Form("a row is R,<bank_tran_id>,<W or D>,<won>");
    let cells: Vec<&str> = line.split(',').collect();
    let &["R", id, direction, amount] = cells.as_slice() else { return Err(form) };
    if BankTranId::parse(id).is_err() {
        return Err(Why::Cell("the transaction's id"));
    }
    if !id.starts_with(institution) {
        return Err(Why::Stranger);
    }
    let id = id.as_bytes().try_into().map_err(|_| Why::Cell("the transaction's id"))?;
    let direction = Direction::parse(direction).ok_or(Why::Cell("the direction"))?;
    let amount = digits(amount).filter(|won| *won > 0).ok_or(Why::Cell("the amount"))?;
    Ok(Entry { id, line: number, direction, amount })
}

fn trailer(line: &str) -> Result<Sums, Why> {
    let form = Why::Form("a file ends with T,<rows>,<sum of W>,<sum of D>");
    let cells: Vec<&str> = line.split(',').collect();
    let &["T", rows, withdrawn, deposited] = cells.as_slice() else { return Err(form) };
    Ok(Sums {
        rows: digits(rows).ok_or(Why::Cell("the count of rows"))?,
        withdrawn: digits(withdrawn).ok_or(Why::Cell("the sum of W"))?,
        deposited: digits(deposited).ok_or(Why::Cell("the sum of D"))?,
    })
}

fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "H,20261129,M202600001\n";
    const ONE: &str = "R,M202600001U000000002,W,3000\n";
    const TWO: &str = "R,M202600001U000000001,D,200\r\n";

    fn read(text: &str) -> Result<BankFile, String> {
        BankFile::read(text.as_bytes()).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_file_is_read_and_its_transactions_found() {
        let file = read(&format!("{HEAD}{ONE}{TWO}T,2,3000,200\n")).unwrap();
        assert_eq!((file.day.as_str(), file.institution.as_str()), ("20261129", "M202600001"));
        let at = |id: &str, direction| {
            let entry = file.entries()[file.find(id, direction)?];
            assert_eq!(entry.id(), id);
            Some(entry.amount)
        };
        assert_eq!(at("M202600001U000000002", Direction::Withdrawal), Some(3_000));
        assert_eq!(at("M202600001U000000002", Direction::Deposit), None);
        assert_eq!(at("M202600001U000000001", Direction::Deposit), Some(200));
        assert_eq!(at("M202600001U000000003", Direction::Deposit), None);
        let other = read(&format!("{HEAD}T,0,0,0\n")).unwrap();
        assert!(other.entries().is_empty() && other.digest != file.digest);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let check = |text: &str, says: &str| assert_eq!(read(text).unwrap_err(), says, "{text}");
        let cut = "the file is cut, it ends without its line T: fetch it again";
        check("", &format!("line 1: {cut}"));
        check(HEAD, &format!("line 2: {cut}"));
        check(
            "R,M202600001U000000002,W,3000\n",
            "line 1: a file begins with H,<yyyyMMdd>,<institution code>",
        );
        check("H,20261131,M202600001\n", "line 1: the bank's day is not of its form");
        check("H,20261129,m202600001\n", "line 1: the institution's code is not of its form");
        let with = |rows: &str| format!("{HEAD}{rows}T,1,3000,0\n");
        let row = "line 2: a row is R,<bank_tran_id>,<W or D>,<won>";
        check(&with(&ONE.replace(",W", "")), row);
        check(&with("\n"), row);
        check(&with(&ONE.replace('W', "w")), "line 2: the direction is not of its form");
        for amount in ["0", "-1", "+1", "1.0", "", " 1", "9223372036854775808"] {
            let wrong = ONE.replace("3000", amount);
            check(&with(&wrong), "line 2: the amount is not of its form");
        }
        check(&with(&ONE.replace("U0", "X0")), "line 2: the transaction's id is not of its form");
        check(
            &with(&ONE.replace("M202600001U", "M202600002U")),
            "line 2: the transaction is not of the institution that the line H names",
        );
        check(
            &format!("{HEAD}{ONE}{TWO}{}T,3,3000,201\n", ONE.replace("W,3000", "D,1")),
            "line 4: the transaction stands in line 2 already",
        );
        check(
            &format!("{HEAD}{ONE}T,2,3000,0\n"),
            "line 3: the line T says 2 rows, the file has 1: fetch it again",
        );
        check(
            &format!("{HEAD}{ONE}T,1,3001,0\n"),
            "line 3: the line T says 3001 won of W, the file has 3000: fetch it again",
        );
        check(
            &format!("{HEAD}{ONE}T,1,3000,3000\n"),
            "line 3: the line T says 3000 won of D, the file has 0: fetch it again",
        );
        check(&format!("{HEAD}T,0,0,0\n\n"), "line 3: the file goes on after its line T");
        check(&format!("{HEAD}T,0,0,0\nx"), "line 3: the file goes on after its line T");
        let most = ONE.replace("3000", &i64::MAX.to_string());
        let sum = format!("{HEAD}{most}{}T,2,1,0\n", most.replace("02,", "01,"));
        check(&sum, "line 3: the amounts add up to more than can be counted");
        let long = format!("{HEAD}{}", "x".repeat(LINE_BYTES_MAX + 1));
        check(&long, "line 2: the line has more than 128 bytes");
    }

    /// Cut anywhere, a file is refused.
    #[test]
    fn a_file_that_is_cut_anywhere_is_refused() {
        let whole = format!("{HEAD}{ONE}{TWO}T,2,3000,200\n");
        assert!(read(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }
}

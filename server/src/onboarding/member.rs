//! Members whom a partner has taken on elsewhere, brought over with their registered bank accounts:
//! a file of JSON, a line a member.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::ops::Deref;
use std::path::Path;

use domain::AspId;
use serde::Deserialize;
use serde_json::json;
use store::tables::bank_accounts::{self, BankAccountState, NewBankAccount};
use store::tables::members::{self, NewMember};
use store::{Store, Tx};
use zeroize::Zeroizing;

use super::{Made, Refused, must_be, note, perform};
use crate::context::{Core, place};
use crate::keys::change::Change;
use crate::keys::{broken, of_keys};
use crate::operator::Mode;
use crate::production::secret_file::{self, SecretFileError};

/// Longest line, bytes.
const LINE_BYTES_MAX: u64 = 8 * 1024;
/// Members that are written in one transaction.
const BATCH: usize = 200;
/// Largest id of a member: the last whole number that every JSON reader has.
const USER_ID_MAX: i64 = (1 << 53) - 1;
/// Characters of a name at the most.
const NAME_CHARS_MAX: usize = 50;
/// Bank accounts of a member at the most.
const ACCOUNTS_MAX: usize = 10;

/// Why members are not imported. No sentence has anything of a member but the place of its line.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// It breaks off.
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// A line.
    #[error("line {0}: {1}; nothing was imported")]
    Line(usize, String),
    /// There is none.
    #[error("the file has no members")]
    Empty,
    /// A line has changed since it was checked.
    #[error("line {0} has changed while it was read: {1}; run it again, what is there is kept")]
    Changed(usize, String),
    /// A batch.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// How many members there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Written, or to be.
    pub written: u64,
    /// There already, and left as they are.
    pub there: u64,
}

/// A line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Member {
    user_id: i64,
    name: Personal,
    phone: Personal,
    birth_date: Personal,
    #[serde(default)]
    is_id_verified: bool,
    #[serde(default)]
    bank_accounts: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Account {
    bank_code: String,
    account_no: Personal,
    fintech_use_num: String,
    #[serde(default)]
    is_primary: bool,
}

/// A text about a person: wiped when it is dropped, and shown by nothing.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Personal(Zeroizing<String>);

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Personal(Zeroizing::new(text))
    }
}

impl Deref for Personal {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Imports a file: all of it is checked first, then it is written in batches. What is there already
/// is left as it is, so that it can be run again where it was broken off.
pub fn import(
    store: &Store,
    core: &Core,
    asp: &AspId,
    (path, mode): (&Path, Mode),
    change: &Change,
) -> Result<Imported, ImportError> {
    let mut lines = 0;
    each_line(path, |at, line| {
        parse(line).map_err(|why| ImportError::Line(at, why))?;
        lines += 1;
        Ok(())
    })?;
    if lines == 0 {
        return Err(ImportError::Empty);
    }
    let mut all = Imported::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut write = |batch: &mut Vec<Member>| -> Result<(), ImportError> {
        let members = std::mem::take(batch);
        // Those that were read long ago may have been retired since.
        let read = core.keys.reload_blocking(store, change.now);
        read.map_err(Refused::Keys)?;
        let (core, asp, change) = (core.clone(), asp.clone(), change.clone());
        let work = move |tx: &mut Tx<'_>| put_all(tx, &core, &asp, &members, &change);
        let Imported { written, there } = perform(store, mode, work)?;
        all.written += written;
        all.there += there;
        Ok(())
    };
    each_line(path, |at, line| {
        batch.push(parse(line).map_err(|why| ImportError::Changed(at, why))?);
        if batch.len() < BATCH { Ok(()) } else { write(&mut batch) }
    })?;
    if !batch.is_empty() {
        write(&mut batch)?;
    }
    Ok(all)
}

/// Goes through the lines that are not empty, with their numbers.
fn each_line(
    path: &Path,
    mut work: impl FnMut(usize, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut file = BufReader::new(secret_file::open(path)?);
    for at in 1.. {
        let mut line = Zeroizing::new(Vec::new());
        let of = <BufReader<File> as std::io::Read>::by_ref(&mut file);
        of.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.len() as u64 > LINE_BYTES_MAX {
            let why = format!("it is longer than {LINE_BYTES_MAX} bytes");
            return Err(ImportError::Line(at, why));
        }
        if !line.trim_ascii().is_empty() {
            work(at, &line)?;
        }
    }
    Ok(())
}

/// A line's member, or what is wrong with it, without any of its values.
fn parse(line: &[u8]) -> Result<Member, String> {
    let member: Member = serde_json::from_slice(line).map_err(|error| {
        let told = error.to_string();
        let missing = told.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        match missing {
            Some((field, _)) => format!("{field} is missing"),
            None => format!(
                "from column {} on it is not a member as docs/operations/members.md has one",
                error.column()
            ),
        }
    })?;
    member.wrong().map_or(Ok(member), |why| Err(why.to_owned()))
}

impl Member {
    fn wrong(&self) -> Option<&'static str> {
        let name = self.name.trim();
        let is_primary = |account: &&Account| account.is_primary;
        let rules = [
            (
                (1..=USER_ID_MAX).contains(&self.user_id),
                "userId is a whole number from 1 to 2^53-1",
            ),
            (
                name.len() == self.name.len()
                    && (1..=NAME_CHARS_MAX).contains(&name.chars().count())
                    && !name.contains(char::is_control),
                "name has 1 to 50 characters",
            ),
            (has_digits(&self.phone, 8, 15), "phone has 8 to 15 digits"),
            (is_date(&self.birth_date), "birthDate is a day, yyyyMMdd"),
            (self.bank_accounts.len() <= ACCOUNTS_MAX, "bankAccounts has 10 at the most"),
            (
                self.bank_accounts.iter().filter(is_primary).count() <= 1,
                "one of bankAccounts is isPrimary at the most",
            ),
        ];
        let accounts = self.bank_accounts.iter().flat_map(Account::rules);
        let mut broken = rules.into_iter().chain(accounts).filter(|(holds, _)| !holds);
        broken.next().map(|(_, why)| why)
    }
}

impl Account {
    fn rules(&self) -> [(bool, &'static str); 3] {
        let num = self.fintech_use_num.as_bytes();
        [
            (has_digits(&self.bank_code, 3, 3), "bankCode has 3 digits"),
            (has_digits(&self.account_no, 6, 20), "accountNo has 6 to 20 digits"),
            (
                num.len() == 24 && num.iter().all(u8::is_ascii_alphanumeric),
                "fintechUseNum has 24 letters and digits",
            ),
        ]
    }
}

fn has_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    has_digits(text, 8, 8) && jiff::civil::Date::strptime("%Y%m%d", text).is_ok()
}

fn put_all(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    members: &[Member],
    change: &Change,
) -> Made<Imported> {
    // The keys that they are sealed under are not changed meanwhile.
    Change::lock(tx)?;
    must_be(tx, asp)?;
    let mut all = Imported::default();
    for member in members {
        if put(tx, core, asp, member, change)? {
            all.written += 1;
        } else {
            all.there += 1;
        }
    }
    let more = json!({ "imported": all.written, "alreadyThere": all.there });
    note(tx, asp, change, ("members.imported", "members"), more)?;
    Ok(all)
}

/// Writes a member; `false` where there is one of this id.
fn put(tx: &mut Tx<'_>, core: &Core, asp: &AspId, member: &Member, change: &Change) -> Made<bool> {
    let row = member.user_id.to_string();
    let seal = |column, text: &str| -> Made<Vec<u8>> {
        let sealed = core.seal(place(asp, column, &row), text.as_bytes());
        of_keys(sealed.or_else(broken))
    };
    let new = NewMember {
        user_id: member.user_id,
        is_cancelled: false,
        name_sealed: &seal("member.name", &member.name)?,
        phone_sealed: &seal("member.phone", &member.phone)?,
        birth_date_sealed: &seal("member.birth_date", &member.birth_date)?,
        id_verified_at: member.is_id_verified.then_some(change.now),
        registered_at: change.now,
    };
    if !members::insert(tx, asp, &new)? {
        return Ok(false);
    }
    for (account, bank_account_id) in member.bank_accounts.iter().zip(1..) {
        let sealed = seal("bank_account.account_no", &account.account_no)?;
        let new = NewBankAccount {
            user_id: member.user_id,
            bank_account_id,
            state: BankAccountState::Registered,
            is_primary: account.is_primary || member.bank_accounts.len() == 1,
            bank_code: &account.bank_code,
            fintech_use_num: &account.fintech_use_num,
            account_no_sealed: &sealed,
            registered_at: change.now,
        };
        bank_accounts::insert(tx, asp, &new)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"userId":7,"name":"김코나","phone":"01012345678","birthDate":"19751112",
        "isIdVerified":true,"bankAccounts":[{"bankCode":"003","accountNo":"333015555557",
        "fintechUseNum":"100000000000000000000007","isPrimary":true}]}"#;

    #[test]
    fn what_is_wrong_is_told_without_any_value() {
        assert!(parse(LINE.as_bytes()).is_ok());
        for (from, to, told) in [
            (r#""userId":7"#, r#""userId":0"#, "userId is"),
            (r#""userId":7"#, r#""userId":9007199254740992"#, "userId is"),
            (r#""userId":7"#, r#""userId":"hush7""#, "from column"),
            (r#""name":"김코나","#, "", "name is missing"),
            ("김코나", " 김코나", "name has"),
            ("김코나", "", "name has"),
            ("01012345678", "010-1234-5678", "phone has"),
            ("19751112", "19750229", "birthDate is"),
            ("19751112", "1975111", "birthDate is"),
            ("\"003\"", "\"3\"", "bankCode has"),
            ("333015555557", "333-0155", "accountNo has"),
            ("100000000000000000000007", "1000", "fintechUseNum has"),
            ("isPrimary", "hush", "from column"),
            ("}]}", "}]", "from column"),
        ] {
            let line = LINE.replacen(from, to, 1);
            assert_ne!(line, LINE, "{from}");
            let why = parse(line.as_bytes()).err().unwrap();
            assert!(why.contains(told) && !why.contains("hush"), "{why}");
            assert!(!why.contains("김코나") && !why.contains("3330"), "{why}");
        }
    }
}

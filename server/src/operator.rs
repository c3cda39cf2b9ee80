//! Who does something by command, and what he may write about it: what stands in the operation
//! log stays there, so it has no card numbers.

use domain::{AspId, Timestamp};
use rustix::process::getuid;
use store::tables::partners;
use store::{Store, Tx, TxError};

use crate::delivery::work::{WorkError, seen};
use crate::op::{Done, NoRefusal};

/// Characters of a reason, and of what is evidence, at the most.
pub const TEXT_CHARS_MAX: usize = 200;
/// Characters of an actor's name at the most.
pub const ACTOR_CHARS_MAX: usize = 64;
/// Digits in a row that make a text look like a card number.
const DIGITS_MAX: usize = 12;

/// Whether something is done, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is done.
    Real,
    /// What would be done is told, and nothing is kept.
    Dry,
}

impl Mode {
    /// By a command's `--dry-run`.
    pub const fn dry_if(is_dry: bool) -> Self {
        if is_dry { Mode::Dry } else { Mode::Real }
    }
}

/// How a transaction ends that keeps nothing.
pub enum Ended<T, E> {
    /// It was refused.
    Refused(E),
    /// It was only tried.
    Tried(T),
}

/// Runs `work` in one transaction, which is kept where it is done and not only tried; `failed`
/// makes an error of what the store says. Blocks.
pub fn perform<T, E, F>(
    store: &Store,
    mode: Mode,
    mut work: F,
    failed: impl FnOnce(String) -> E,
) -> Result<T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let ended = store.write_blocking(move |tx: &mut Tx<'_>| match (work(tx), mode) {
        (Ok(done), Mode::Real) => Ok(done),
        (Ok(done), Mode::Dry) => Err(TxError::Refused(Ended::Tried(done))),
        (Err(TxError::Refused(error)), _) => Err(TxError::Refused(Ended::Refused(error))),
        (Err(TxError::Db(error)), _) => Err(TxError::Db(error)),
    });
    ended.or_else(|error| match error.refusal_or(|told| Ended::Refused(failed(told))) {
        Ended::Tried(done) => Ok(done),
        Ended::Refused(error) => Err(error),
    })
}

/// A reason, as it may stand in the log.
pub fn reason(text: &str) -> Result<String, String> {
    plain(text, "a reason")
}

/// What is given as evidence, as it may stand in the log.
pub fn evidence(text: &str) -> Result<String, String> {
    plain(text, "evidence")
}

fn plain(text: &str, what: &str) -> Result<String, String> {
    let text = text.trim();
    let is_long = text.chars().count() > TEXT_CHARS_MAX;
    if text.is_empty() || is_long || text.contains(char::is_control) {
        return Err(format!("{what} has 1 to {TEXT_CHARS_MAX} characters on one line"));
    }
    refuse_numbers(text, what)?;
    Ok(text.to_owned())
}

fn refuse_numbers(text: &str, what: &str) -> Result<(), String> {
    let mut digits = 0;
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > DIGITS_MAX {
            return Err(format!("{what} has no card number in it"));
        }
    }
    Ok(())
}

/// The name of whoever acts: small letters, so that one person is not two.
pub fn actor(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    let fits = (1..=ACTOR_CHARS_MAX).contains(&text.len()) && text.chars().all(is_part);
    if fits && text.contains(|c: char| c.is_ascii_alphanumeric()) {
        refuse_numbers(text, "an actor")?;
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "an actor has 1 to {ACTOR_CHARS_MAX} letters, digits, dots, hyphens, underscores and @, \
         such as kim or kim@example.com"
    ))
}

/// The user of the machine, whom nobody can choose by an option.
pub fn machine_user() -> String {
    format!("uid {}", getuid().as_raw())
}

/// A moment, as it is printed.
pub fn moment(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0);
    at.map_or_else(|_| "-".to_owned(), |at| format!("{at:.0}"))
}

/// Why partners are not found.
#[derive(Debug, thiserror::Error)]
pub enum PartnersError {
    /// There is no such partner.
    #[error("there is no partner {0}: look for a digit that is wrong")]
    Unknown(AspId),
    /// The database.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// This partner, or all of them, without the platform itself.
pub async fn partners_of(store: &Store, only: Option<&AspId>) -> Result<Vec<AspId>, PartnersError> {
    let read = |tx: &mut Tx<'_>| -> Done<Vec<AspId>, NoRefusal> { Ok(partners::all(tx)?) };
    let all = match seen(store, read).await? {
        Ok(all) => all,
        Err(never) => match never {},
    };
    match only {
        None => Ok(all),
        Some(asp) if all.contains(asp) => Ok(vec![asp.clone()]),
        Some(asp) => Err(PartnersError::Unknown(asp.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_one_name_however_it_is_written() {
        assert_eq!(actor("Kim@Example.com"), actor("kim@example.com"));
        let number = "9491-3394-0125-0765";
        for wrong in ["", " ", "kim lee", "...", "김", "a\n", number, &"x".repeat(65)] {
            assert!(actor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_has_no_card_number_and_no_second_line() {
        let right = evidence(" call 81 of 29.11. with the bank, M202600001U00000001A ");
        assert_eq!(right.unwrap(), "call 81 of 29.11. with the bank, M202600001U00000001A");
        let wrong = ["", "  ", "a\nb", "9491-3395 0000 1010", &"x".repeat(201)];
        for wrong in wrong {
            assert!(reason(wrong).is_err() && evidence(wrong).is_err(), "{wrong}");
        }
    }
}

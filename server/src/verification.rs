//! Whether somebody holds a card: by its number, expiry and CVC, as they stand on the plastic.
//!
//! Three digits are guessed in a thousand tries, so wrong ones are counted a card and the check of
//! a card locks. An unknown number, a wrong CVC or expiry, and a locked check cannot be told
//! apart: the same answer after the same statements. What is counted must be kept, so a caller
//! answers the refusal by [`Ruling::Refused`](crate::op::Ruling).

use std::hint::black_box;

use crypto::cvc::Cvc;
use crypto::pan::Pan;
use domain::{ApplyNo, CardAccountId, CardId, ServiceId, Timestamp};
use serde_json::json;
use store::Tx;
use store::tables::card_checks::{self, CardCheck};
use store::tables::log::{self, NewEntry};

use crate::cards;
use crate::op::{Cx, Done, OrStop, fault};

/// Wrong guesses in a row with which a card's check locks.
pub const FAILURES_MAX: i64 = 5;

/// Under this id guesses at numbers are counted that belong to no card: they take the statements
/// of other guesses, so that the time of an answer does not tell which numbers there are.
const NO_CARD: CardId = CardId(0);
/// Stands in for such a number and its expiry, where a CVC is computed all the same.
const DUMMY_PAYLOAD: &str = "000000000000000";
const DUMMY_EXPIRY_YYMM: &str = "3001";

/// What stands on a card, as a caller gives it. It has no `Debug`.
pub struct OnCard<'a> {
    /// Number, 16 digits.
    pub number: &'a str,
    /// Expiry, YYMM.
    pub expiry_yymm: &'a str,
    /// Card verification code, three digits.
    pub cvc: &'a str,
}

/// Plastic that belongs to no account yet.
pub struct Plastic {
    /// Its id.
    pub id: CardId,
    /// The product.
    pub service_id: ServiceId,
    /// Its PAR.
    pub par: String,
    /// The application that it was made for.
    pub apply_no: Option<ApplyNo>,
    /// Its expiry, YYMM.
    pub expiry_yymm: String,
    cvc_key_id: Option<i64>,
    given_cvc_sealed: Option<Vec<u8>>,
}

/// The plastic that belongs to no account yet and on which this stands; else `None`, and what was
/// wrong is counted.
pub fn unregistered<E>(cx: &Cx, tx: &mut Tx<'_>, on_card: &OnCard<'_>) -> Done<Option<Plastic>, E> {
    let found = find(cx, tx, on_card.number)?;
    let card = found.as_ref().map_or(NO_CARD, |plastic| plastic.id);
    let check = card_checks::claim(tx, &cx.call.asp, card)?;
    let is_right = is_right(cx, on_card, found.as_ref())?;
    let counted = Counted::of(cx, &check);
    if is_right && !counted.is_locked() {
        card_checks::clear(tx, &cx.call.asp, card)?;
        return Ok(found);
    }
    let guess = guess_mark(cx, card, on_card);
    let after = counted.after_wrong(&check, guess, cx.call.now);
    card_checks::put(tx, &cx.call.asp, card, &after)?;
    if let Some(plastic) = found
        && after != check
    {
        audit(cx, tx, &plastic, after.failures)?;
    }
    Ok(None)
}

/// As many looks for a number that there is not as for one that there is. By several keys the first
/// comes once more at the end: meanwhile the card may have been indexed by it anew.
fn find<E>(cx: &Cx, tx: &mut Tx<'_>, number: &str) -> Done<Option<Plastic>, E> {
    let indexes = cx.core.pan_indexes(&cx.call.asp, number).or_stop()?;
    let again = indexes.first().filter(|_| indexes.len() > 1);
    let mut found = None;
    for index in indexes.iter().chain(again) {
        let row = tx.query_opt(
            "SELECT card_id, service_id, par, expiry_yymm, cvc_key_id, given_cvc_sealed, account_id,
                 apply_no
             FROM card WHERE asp_id = $1 AND pan_index = $2 AND form = 'PHYSICAL'
                 AND ended_at IS NULL",
            &[cx.call.asp.as_str().into(), index.as_slice().into()],
        )?;
        let Some(row) = row else { continue };
        let account = row.opt_int(6)?.map(CardAccountId);
        let plastic = Plastic {
            id: CardId(row.int(0)?),
            service_id: ServiceId::new(row.text(1)?),
            par: row.text(2)?.to_owned(),
            apply_no: row.opt_text(7)?.map(ApplyNo::new),
            expiry_yymm: row.text(3)?.to_owned(),
            cvc_key_id: row.opt_int(4)?,
            given_cvc_sealed: row.opt_blob(5)?.map(<[u8]>::to_vec),
        };
        found = account.is_none().then_some(plastic);
    }
    Ok(found)
}

/// Compares all of it in any case; without plastic against the code of no card.
fn is_right<E>(cx: &Cx, on_card: &OnCard<'_>, plastic: Option<&Plastic>) -> Done<bool, E> {
    let (own, expiry) = match plastic {
        Some(plastic) => (own_cvc(cx, plastic, on_card.number)?, plastic.expiry_yymm.as_str()),
        None => {
            let dummy = Pan::from_payload(DUMMY_PAYLOAD).ok().or_stop()?;
            let key_id = cx.core.keys.ring().active_cvc_key().0;
            (cards::cvc(&cx.core, &dummy, DUMMY_EXPIRY_YYMM, key_id)?, DUMMY_EXPIRY_YYMM)
        }
    };
    let cvc_fits = Cvc::parse(on_card.cvc).is_ok_and(|guess| guess == own);
    let expiry_fits = expiry == on_card.expiry_yymm;
    Ok(black_box(cvc_fits) & black_box(expiry_fits) & plastic.is_some())
}

fn own_cvc<E>(cx: &Cx, plastic: &Plastic, number: &str) -> Done<Cvc, E> {
    let pan = Pan::parse(number).ok().or_stop()?;
    let card = (plastic.id, &pan, plastic.expiry_yymm.as_str());
    let given = plastic.given_cvc_sealed.as_deref();
    cards::stored_cvc(&cx.core, &cx.call.asp, card, (plastic.cvc_key_id, given))
}

/// Recognises a guess, so that one that is sent twice counts once. Who has the key that could
/// tell the guess from it has the keys that the CVCs are derived with, too.
fn guess_mark(cx: &Cx, card: CardId, on_card: &OnCard<'_>) -> Vec<u8> {
    let (asp, card) = (cx.call.asp.as_str().as_bytes(), card.0.to_be_bytes());
    let guess = [on_card.number.as_bytes(), on_card.expiry_yymm.as_bytes(), on_card.cvc.as_bytes()];
    let parts = [asp, &card, guess[0], guess[1], guess[2]];
    cx.core.keys.ring().digest_key().digest("card-check", &parts).to_vec()
}

/// How many wrong guesses count at a moment: they are forgotten once the last of them is as old
/// as a lock lasts, which ends a lock, too.
struct Counted(i64);

impl Counted {
    fn of(cx: &Cx, check: &CardCheck) -> Self {
        Counted::at(check, cx.call.now, cx.core.settings.card_check_lock_ms)
    }

    fn at(check: &CardCheck, now: Timestamp, lock_ms: u64) -> Self {
        let is_forgotten = check.failed_at.plus_ms(lock_ms) <= now;
        Counted(if is_forgotten { 0 } else { check.failures })
    }

    const fn is_locked(&self) -> bool {
        self.0 >= FAILURES_MAX
    }

    /// The count after a wrong guess. One at a locked check counts no more, and does not make the
    /// lock last; nor does the last one, sent again.
    fn after_wrong(&self, check: &CardCheck, guess: Vec<u8>, now: Timestamp) -> CardCheck {
        let is_again = self.0 > 0 && check.last_guess == guess;
        if self.is_locked() || is_again {
            return check.clone();
        }
        CardCheck { failures: self.0 + 1, failed_at: now, last_guess: guess }
    }
}

/// The row of the operation log. No call is recognised by it: that one was used up and another
/// was not would tell which numbers there are.
fn audit<E>(cx: &Cx, tx: &mut Tx<'_>, plastic: &Plastic, failures: i64) -> Done<(), E> {
    let event = if failures >= FAILURES_MAX { "card.check_locked" } else { "card.check_failed" };
    let entry = NewEntry {
        id: cx.core.supply.id(&cx.call.asp).or_stop()?,
        operation: cx.call.operation,
        event,
        code: "003_001",
        correlation_id: &cx.call.correlation_id,
        subject: &format!("card:{}", plastic.id),
        payload: &json!({ "par": plastic.par, "failures": failures }).to_string(),
        happened_at: cx.call.moment(),
        keys: None,
    };
    match log::insert(tx, &cx.call.asp, &entry)? {
        true => Ok(()),
        false => Err(fault("the log has the check's id already")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK_MS: u64 = 1_000;
    const LATER: Timestamp = Timestamp(10_000_000);

    fn wrong(check: &CardCheck, guess: u8, now: Timestamp) -> CardCheck {
        Counted::at(check, now, LOCK_MS).after_wrong(check, vec![guess], now)
    }

    fn fresh() -> CardCheck {
        CardCheck { failures: 0, failed_at: Timestamp(0), last_guess: Vec::new() }
    }

    #[test]
    fn the_fifth_wrong_guess_locks_and_no_other_counts() {
        let mut check = fresh();
        for guess in 1..=5 {
            assert!(!Counted::at(&check, LATER, LOCK_MS).is_locked(), "{guess}");
            check = wrong(&check, guess, LATER);
            assert_eq!(check.failures, i64::from(guess));
        }
        let soon = LATER.plus_ms(LOCK_MS - 1);
        assert!(Counted::at(&check, soon, LOCK_MS).is_locked());
        assert_eq!(wrong(&check, 6, soon), check, "the lock does not last longer for it");
    }

    #[test]
    fn what_is_old_counts_no_more() {
        let locked = CardCheck { failures: 5, failed_at: LATER, last_guess: vec![1] };
        let end = LATER.plus_ms(LOCK_MS);
        assert!(!Counted::at(&locked, end, LOCK_MS).is_locked());
        let again = wrong(&locked, 1, end);
        assert_eq!((again.failures, again.failed_at), (1, end));
    }

    #[test]
    fn the_same_guess_again_counts_once() {
        let once = wrong(&fresh(), 7, LATER);
        assert_eq!(wrong(&once, 7, LATER.plus_ms(1)), once);
        assert_eq!(wrong(&once, 8, LATER).failures, 2);
    }
}

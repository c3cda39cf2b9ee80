//! What answers about cards have in common: numbers in clear, and the row of the operation log
//! that says that they were told.

use contract::{Digits, UInt};
use crypto::pan::Pan;
use domain::card::CardState;
use domain::{Expiry, Timestamp};
use serde_json::json;
use store::Tx;
use store::tables::log::{self, NewEntry};

use crate::context::place;
use crate::op::{Cx, Done, OrStop, fault};

contract::choice! {
    /// State of a card; a mobile card and its plastic share it.
    pub enum Status {
        /// In use.
        Active = "ACTIVE",
        /// Reported lost.
        Suspended = "SUSPENDED",
        /// Ended for good.
        Terminated = "TERMINATED",
    }
}

/// What a card holds or may hold, won.
pub type Amount = UInt<0, 9_999_999_999>;
/// A member's id.
pub type MemberId = UInt<1, 9_999_999_999_999_999_999>;

impl From<CardState> for Status {
    fn from(state: CardState) -> Self {
        match state {
            CardState::Active => Status::Active,
            CardState::Suspended => Status::Suspended,
            CardState::Terminated => Status::Terminated,
        }
    }
}

/// An amount of won, as it is answered.
pub fn amount<E>(won: i64) -> Done<Amount, E> {
    u64::try_from(won).ok().and_then(UInt::new).or_stop()
}

/// A member's id, as it is answered.
pub fn member_id<E>(user_id: i64) -> Done<MemberId, E> {
    u64::try_from(user_id).ok().and_then(UInt::new).or_stop()
}

/// The last day of a card, yyyyMMdd.
pub fn last_day<E>(expiry: Expiry) -> Done<Digits<8>, E> {
    Digits::new(&expiry.last_day().to_string()).or_stop()
}

/// A moment in Korea, yyyyMMddHHmmss.
pub fn moment<E>(at: Timestamp) -> Done<Digits<14>, E> {
    let (day, time) = (at.business_day(), at.in_seoul().time());
    let text = format!("{day}{:02}{:02}{:02}", time.hour(), time.minute(), time.second());
    Digits::new(&text).or_stop()
}

/// The number of a card.
pub fn number<E>(cx: &Cx, card_id: i64, sealed: &[u8]) -> Done<Pan, E> {
    let row = card_id.to_string();
    let text = cx.core.open_text(place(&cx.call.asp, "card.pan", &row), sealed).or_stop()?;
    Pan::parse(text.expose()).ok().or_stop()
}

/// Writes that these cards' numbers were told, one row a call: who asked, and which cards, by PAR.
/// None where there were none to tell.
pub fn told<E>(cx: &Cx, tx: &mut Tx<'_>, subject: &str, pars: &[String]) -> Done<(), E> {
    if pars.is_empty() {
        return Ok(());
    }
    let call = &cx.call;
    let entry = NewEntry {
        id: cx.core.supply.id(&call.asp).or_stop()?,
        operation: call.operation,
        event: "card.number_told",
        code: "000_000",
        correlation_id: &call.correlation_id,
        subject,
        payload: &json!({ "pars": pars }).to_string(),
        happened_at: call.moment(),
        keys: None,
    };
    if log::insert(tx, &call.asp, &entry)? {
        return Ok(());
    }
    Err(fault("the log has the row's id already"))
}

//! Suspending a card on behalf of its member. It is the partner's own operation, by the same rules
//! and with the same event; beside it stands who did it and why.

use contract::{Text, UInt};
use crypto::par::Par;
use domain::UserId;
use domain::card::CardState;
use serde_json::json;
use store::tables::card_accounts::{self, CardKey};
use store::tables::counters;
use store::{Store, Tx, TxError};

use super::{Desk, has_partner};
use crate::context::Core;
use crate::delivery::reporting;
use crate::delivery::work::{self, WorkError};
use crate::op::{Cx, Done, OrStop, Ruling, Stop, Write, refuse};
use crate::operator::{self, Mode};
use crate::ops::prepaid_card::state::{Change, Error, Request, State};
use crate::supply::IDS;

/// The command, as the operation log names it.
const OPERATION: &str = "platen.card-suspend";

/// A card that is suspended now.
#[derive(Debug, Clone)]
pub struct Suspended {
    /// Its member.
    pub user_id: i64,
    /// Its account.
    pub account_id: i64,
    /// The PARs of the account's cards: all of them are suspended.
    pub pars: Vec<String>,
    /// Whether it was not before.
    pub has_changed: bool,
}

/// Why a card is not suspended.
#[derive(Debug, Clone, Copy)]
pub enum Refused {
    /// There is no such partner.
    NoPartner,
    /// The partner's operation refuses.
    ByRule(Error),
}

type Ended = operator::Ended<Suspended, Refused>;

/// Suspends the card of this PAR, with its twin.
pub async fn suspend(
    store: &Store,
    core: &Core,
    desk: &Desk,
    (par, mode): (&Par, Mode),
) -> Result<Result<Suspended, Refused>, WorkError> {
    let done = work::done(store, core, desk.at.real, || {
        let cx = reporting(core, &desk.asp, OPERATION, desk.at);
        let (desk, par) = (desk.clone(), par.clone());
        move |tx: &mut Tx<'_>| {
            let done = by_par(&cx, tx, &desk, &par)?;
            match mode {
                Mode::Real => Ok(done),
                Mode::Dry => refuse(Ended::Tried(done)),
            }
        }
    });
    Ok(match done.await? {
        Ok(done) | Err(Ended::Tried(done)) => Ok(done),
        Err(Ended::Refused(refused)) => Err(refused),
    })
}

fn by_par(cx: &Cx, tx: &mut Tx<'_>, desk: &Desk, par: &Par) -> Done<Suspended, Ended> {
    let asp = &cx.call.asp;
    if !has_partner(tx, asp)? {
        return refuse(Ended::Refused(Refused::NoPartner));
    }
    let unknown = || refuse(Ended::Refused(Refused::ByRule(Error::CannotFindPar)));
    let holder = tx.query_opt(
        "SELECT a.user_id FROM card c
         JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
         WHERE c.asp_id = $1 AND c.par = $2",
        &[asp.as_str().into(), par.as_str().into()],
    )?;
    let Some(holder) = holder else { return unknown() };
    let user = UserId(holder.int(0)?.unsigned_abs());
    // Claimed first, so that the state before is the one that is left.
    let before = card_accounts::claim(tx, asp, user, CardKey::Par(par.as_str()))?;
    let Some(before) = before else { return unknown() };
    // An id that goes back with the transaction: one that is tried leaves nothing.
    let id = counters::take(tx, asp, IDS, 1)?;
    cx.core.supply.lend(asp, IDS, id..id + 1);
    let request = Request {
        user_id: UInt::new(user.0).or_stop()?,
        par: Some(Text::new(par.as_str()).or_stop()?),
        card_no: None,
        status: Change::Suspend,
    };
    match State::run(cx, tx, &request).map_err(ended)? {
        Ruling::Answered(_) => {}
        Ruling::Refused(error) | Ruling::RefusedAt(error, _) => {
            return refuse(Ended::Refused(Refused::ByRule(error)));
        }
    }
    let done = Suspended {
        user_id: before.user_id,
        account_id: before.id.0,
        pars: card_accounts::pars(tx, asp, before.id)?,
        has_changed: before.state != CardState::Suspended,
    };
    let more = json!({
        "userId": done.user_id,
        "pars": done.pars,
        "hasChanged": done.has_changed,
    });
    let subject = done.account_id.to_string();
    desk.write_down(tx, (OPERATION, "customer.suspended"), &subject, more)?;
    Ok(done)
}

/// The end of the partner's operation as an end of this transaction.
fn ended(error: TxError<Stop<Error>>) -> TxError<Stop<Ended>> {
    let stop = match error {
        TxError::Db(error) => return TxError::Db(error),
        TxError::Refused(stop) => stop,
    };
    TxError::Refused(match stop {
        Stop::Refused(error, field) => Stop::Refused(Ended::Refused(Refused::ByRule(error)), field),
        Stop::Reused(code) => Stop::Reused(code),
        Stop::Refill(need) => Stop::Refill(need),
        Stop::CameFirst => Stop::CameFirst,
        Stop::UnknownKey => Stop::UnknownKey,
        Stop::Fault(message) => Stop::Fault(message),
    })
}

//! Looking up a member's cards.

use std::collections::BTreeSet;

use crypto::pan::{Pan, mask_numbers};
use crypto::par::Par;
use domain::{ApplyNo, UserId};
use serde::Serialize;
use serde_json::json;
use store::{DbError, Row, Store, Tx};

use super::story::{self, Chain, Line};
use super::{Desk, has_partner};
use crate::context::Core;
use crate::delivery::reporting;
use crate::delivery::work::{self, WorkError};
use crate::op::{Cx, Done, OrStop, refuse};
use crate::ops::platen::card_timeline::history::{self, Named, Of};
use crate::sandbox::given;

/// The command, as the operation log names it.
const OPERATION: &str = "platen.card-find";
/// Cards of a member that are told at the most, each with all that it has replaced.
const CHAINS_MAX: usize = 10;
/// Card accounts and applications of a member that are looked at: the newest ones.
const LOOKED_AT_MAX: i64 = 200;

/// What a card is looked for by.
#[derive(Debug, Clone)]
pub enum Key {
    /// All cards of a member.
    User(UserId),
    /// A payment account reference.
    Par(Par),
    /// An application.
    ApplyNo(ApplyNo),
    /// A number: found by its keyed hash.
    Number(Pan),
    /// The cards of a member whose numbers end so.
    Last4(UserId, String),
}

/// What was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lookup {
    /// The member.
    pub user_id: Option<i64>,
    /// Whether the membership stands: `ACTIVE` or `CANCELLED`.
    pub membership: Option<String>,
    /// The cards, each with all that it has replaced and that has replaced it.
    pub cards: Vec<Chain>,
    /// Card accounts and applications of the member that are not told, as there are too many.
    pub untold: usize,
    /// What was done with the member itself: the newest lines, the oldest of them first.
    pub of_member: Vec<Line>,
    /// Whether there may be older ones.
    pub has_more_of_member: bool,
}

/// There is no such partner.
#[derive(Debug, Clone, Copy)]
pub struct NoPartner;

/// Looks cards up and writes down that it was done, also where nothing was found. What is found is
/// told only once that is committed.
pub async fn lookup(
    store: &Store,
    core: &Core,
    desk: &Desk,
    key: &Key,
) -> Result<Result<Lookup, NoPartner>, WorkError> {
    work::done(store, core, desk.at.real, || {
        let cx = reporting(core, &desk.asp, OPERATION, desk.at);
        let (desk, key) = (desk.clone(), key.clone());
        move |tx: &mut Tx<'_>| {
            if !has_partner(tx, &desk.asp)? {
                return refuse(NoPartner);
            }
            let found = find(&cx, tx, &key)?;
            write_down(tx, &desk, &key, &found)?;
            Ok(found)
        }
    })
    .await
}

fn write_down(tx: &mut Tx<'_>, desk: &Desk, key: &Key, found: &Lookup) -> Result<(), DbError> {
    // A number that was given for a member's by mistake is a card's.
    let user = |user: &UserId| match found.user_id {
        Some(_) => user.0.to_string(),
        None => mask_numbers(&user.0.to_string()),
    };
    let (by, wanted) = match key {
        Key::User(id) => ("user", Some(user(id))),
        Key::Par(par) => ("par", Some(par.as_str().to_owned())),
        Key::ApplyNo(apply_no) => ("apply-no", Some(apply_no.to_string())),
        Key::Number(_) => ("number", None),
        Key::Last4(id, _) => ("last4", Some(user(id))),
    };
    let subject = found.user_id.map(|id| given::subject(UserId(id.unsigned_abs())));
    let more = json!({
        "lookedForBy": by,
        "lookedFor": wanted,
        "userId": found.user_id,
        "found": found.cards.len(),
    });
    let subject = subject.as_deref().unwrap_or("lookup");
    desk.write_down(tx, (OPERATION, "customer.looked_up"), subject, more)
}

fn find<E>(cx: &Cx, tx: &mut Tx<'_>, key: &Key) -> Done<Lookup, E> {
    let Some(user_id) = holder(cx, tx, key)? else { return Ok(Lookup::default()) };
    let Some(membership) = membership(cx, tx, user_id)? else { return Ok(Lookup::default()) };
    let subject = given::subject(UserId(user_id.unsigned_abs()));
    let mut beside = story::beside(cx, tx, &subject, 0)?;
    story::add_journals(cx, tx, &mut beside.lines)?;
    let mut lookup = Lookup {
        user_id: Some(user_id),
        membership: Some(membership),
        of_member: beside.lines,
        has_more_of_member: beside.was_cut,
        ..Lookup::default()
    };
    let mut seen = BTreeSet::new();
    for named in candidates(cx, tx, key, user_id)? {
        let account = named.account.map(|id| id.to_string());
        let subject = account.or_else(|| named.apply_no.clone());
        if subject.is_none_or(|subject| !seen.insert(subject)) {
            continue;
        }
        if lookup.cards.len() == CHAINS_MAX {
            lookup.untold += 1;
            continue;
        }
        let sources = history::of_named(cx, tx, user_id, named)?;
        let own = sources.iter().filter(|source| !matches!(source.of, Of::MainAccount(_)));
        seen.extend(own.map(|source| source.subject.clone()));
        lookup.cards.push(story::chain(cx, tx, &sources)?);
    }
    Ok(lookup)
}

/// The member who holds what is looked for.
fn holder<E>(cx: &Cx, tx: &mut Tx<'_>, key: &Key) -> Done<Option<i64>, E> {
    let asp = cx.call.asp.as_str();
    let user = |row: Option<Row>| Ok(row.map_or(Ok(None), |row| row.opt_int(0))?);
    match key {
        Key::User(id) | Key::Last4(id, _) => Ok(id.stored()),
        Key::ApplyNo(apply_no) => user(tx.query_opt(
            "SELECT user_id FROM application WHERE asp_id = $1 AND apply_no = $2",
            &[asp.into(), apply_no.as_str().into()],
        )?),
        Key::Par(par) => user(tx.query_opt(
            "SELECT COALESCE(a.user_id, p.user_id) FROM card c
             LEFT JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
             LEFT JOIN application p ON p.asp_id = c.asp_id AND p.apply_no = c.apply_no
             WHERE c.asp_id = $1 AND c.par = $2",
            &[asp.into(), par.as_str().into()],
        )?),
        Key::Number(pan) => {
            for index in cx.core.pan_indexes(&cx.call.asp, pan.reveal()).or_stop()? {
                let row = tx.query_opt(
                    "SELECT COALESCE(a.user_id, p.user_id) FROM card c
                     LEFT JOIN card_account a ON a.asp_id = c.asp_id
                         AND a.account_id = c.account_id
                     LEFT JOIN application p ON p.asp_id = c.asp_id AND p.apply_no = c.apply_no
                     WHERE c.asp_id = $1 AND c.pan_index = $2",
                    &[asp.into(), index.as_slice().into()],
                )?;
                if row.is_some() {
                    return user(row);
                }
            }
            Ok(None)
        }
    }
}

fn membership(cx: &Cx, tx: &mut Tx<'_>, user_id: i64) -> Result<Option<String>, DbError> {
    let row = tx.query_opt(
        "SELECT state FROM member WHERE asp_id = $1 AND user_id = $2",
        &[cx.call.asp.as_str().into(), user_id.into()],
    )?;
    row.map(|mut row| row.take_text(0)).transpose()
}

/// The cards that may be told: several of them may be of one chain.
fn candidates<E>(cx: &Cx, tx: &mut Tx<'_>, key: &Key, user_id: i64) -> Done<Vec<Named>, E> {
    let asp = cx.call.asp.as_str();
    let rows = match key {
        Key::User(_) => return of_member(cx, tx, user_id),
        Key::ApplyNo(apply_no) => {
            let apply_no = apply_no.to_string();
            let named = history::by_application(cx, tx, user_id, apply_no)?;
            return Ok(named.into_iter().collect());
        }
        Key::Par(par) => tx.query(
            "SELECT account_id, apply_no FROM card WHERE asp_id = $1 AND par = $2",
            &[asp.into(), par.as_str().into()],
        )?,
        Key::Number(pan) => {
            let mut rows = Vec::new();
            for index in cx.core.pan_indexes(&cx.call.asp, pan.reveal()).or_stop()? {
                rows.extend(tx.query_opt(
                    "SELECT account_id, apply_no FROM card WHERE asp_id = $1 AND pan_index = $2",
                    &[asp.into(), index.as_slice().into()],
                )?);
            }
            rows
        }
        Key::Last4(_, last4) => tx.query(
            "SELECT c.account_id, c.apply_no FROM card c WHERE c.asp_id = $1 AND c.card_id IN (
                 SELECT d.card_id FROM card d WHERE d.asp_id = $1 AND d.account_id IN (
                     SELECT a.account_id FROM card_account a
                     WHERE a.asp_id = $1 AND a.user_id = $2)
                 UNION ALL
                 SELECT p.physical_card_id FROM application p
                 WHERE p.asp_id = $1 AND p.user_id = $2)
                 AND c.pan_last4 = $3
             ORDER BY c.card_id DESC LIMIT $4",
            &[asp.into(), user_id.into(), last4.as_str().into(), LOOKED_AT_MAX.into()],
        )?,
    };
    let mut all = Vec::new();
    for mut row in rows {
        let (account, apply_no) = (row.opt_int(0)?, row.take_opt_text(1)?);
        match (account, apply_no) {
            (Some(account), apply_no) => all.push(Named { account: Some(account), apply_no }),
            // Plastic that is not registered yet.
            (None, Some(apply_no)) => {
                all.extend(history::by_application(cx, tx, user_id, apply_no)?);
            }
            (None, None) => {}
        }
    }
    Ok(all)
}

/// All accounts of a member, then the applications that may have opened none.
fn of_member<E>(cx: &Cx, tx: &mut Tx<'_>, user_id: i64) -> Done<Vec<Named>, E> {
    let keys = [cx.call.asp.as_str().into(), user_id.into(), LOOKED_AT_MAX.into()];
    let accounts = tx.query(
        "SELECT account_id FROM card_account WHERE asp_id = $1 AND account_id IN (
             SELECT a.account_id FROM card_account a WHERE a.asp_id = $1 AND a.user_id = $2)
         ORDER BY account_id DESC LIMIT $3",
        &keys,
    )?;
    let applications = tx.query(
        "SELECT apply_no FROM application
         WHERE asp_id = $1 AND old_account_id IS NULL AND apply_no IN (
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)
         ORDER BY apply_no DESC LIMIT $3",
        &keys,
    )?;
    let mut all = Vec::new();
    for row in accounts {
        all.push(Named { account: Some(row.int(0)?), apply_no: None });
    }
    for mut row in applications {
        let named = history::by_application(cx, tx, user_id, row.take_text(0)?)?;
        all.extend(named.filter(|named| named.account.is_none()));
    }
    Ok(all)
}

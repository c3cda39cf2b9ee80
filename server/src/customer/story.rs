//! A card with all that has happened to it: the partner's own timeline of it, what the log says
//! beside that, and the journals.

use std::collections::{BTreeSet, VecDeque};

use contract::Output;
use contract::output::emit_object;
use domain::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::{DbError, Row, Tx};

use crate::op::{Cx, Done, OrStop, fault};
use crate::ops::platen::card_timeline::entries::{self, Place};
use crate::ops::platen::card_timeline::history::{Of, Source};
use crate::ops::platen::events::Kind;

/// Entries that are read at once.
const PART: usize = 200;
/// Entries of a card that are read at the most.
const READ_MAX: usize = 2_000;
/// Lines of a card that are told: the newest ones.
const LINES_MAX: usize = 100;
/// Rows of a subject that are looked at beside the timeline: the newest ones.
const BESIDE_MAX: i64 = 100;
/// Postings of a journal that are told.
const POSTINGS_MAX: i64 = 20;

/// A card with all that it has replaced and that has replaced it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// Its generations, the oldest first.
    pub accounts: Vec<Account>,
    /// Its applications, the oldest first.
    pub applications: Vec<Application>,
    /// What has happened to it: the newest lines, the oldest of them first.
    pub timeline: Vec<Line>,
    /// Lines before these.
    pub earlier: usize,
    /// Whether there are more than were read.
    pub has_more: bool,
}

/// A generation of a card: what its mobile card and its plastic share.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Counts from 1 on.
    pub generation: usize,
    /// Its id.
    pub account_id: i64,
    /// Its state.
    pub state: String,
    /// What it holds, won.
    pub balance: i64,
    /// Its product.
    pub service_id: String,
    /// The product's name.
    pub product: Option<String>,
    /// Its cards, in the order in which they were made.
    pub cards: Vec<Card>,
}

/// A card: one of the twins.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Its id.
    pub card_id: i64,
    /// `MOBILE` or `PHYSICAL`.
    pub form: String,
    /// Its number, masked.
    pub masked_card_no: String,
    /// Its payment account reference.
    pub par: String,
    /// Its expiry, YYMM.
    pub expiry_date: String,
    /// Whether it ended before its account: lost on its way, or called off.
    pub has_ended: bool,
}

/// An application with its delivery.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Its number.
    pub card_apply_no: String,
    /// `ISSUE`, `REISSUE` or `RENEW`.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// Its fee, won.
    pub fee: i64,
    /// The state of its delivery, where there is one.
    pub delivery: Option<String>,
    /// Its plastic, until that is registered.
    pub plastic: Option<Card>,
}

/// Something that has happened.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When, and the row of the log that says so.
    #[serde(skip)]
    place: (Timestamp, i64),
    /// What is told of it.
    #[serde(flatten)]
    pub told: Value,
    /// Its journal.
    pub journal: Vec<Posting>,
}

/// A posting.
#[derive(Debug, Clone, Serialize)]
pub struct Posting {
    /// The account debited.
    pub debit: String,
    /// The account credited.
    pub credit: String,
    /// How much, won.
    pub amount: i64,
}

/// Lines of a subject, the oldest first.
pub(super) struct Beside {
    /// They.
    pub(super) lines: Vec<Line>,
    /// Whether there may be older ones.
    pub(super) was_cut: bool,
}

/// The card that these subjects tell of.
pub(super) fn chain<E>(cx: &Cx, tx: &mut Tx<'_>, sources: &[Source]) -> Done<Chain, E> {
    let (mut accounts, mut applications) = (Vec::new(), Vec::new());
    for source in sources {
        match &source.of {
            Of::Account => accounts.extend(account(cx, tx, source)?),
            Of::Application(_) => applications.extend(application(cx, tx, &source.subject)?),
            Of::MainAccount(_) => {}
        }
    }
    let (mut lines, mut count, mut has_more) = published(cx, tx, sources)?;
    let own = sources.iter().filter(|source| !matches!(source.of, Of::MainAccount(_)));
    let own = own.map(|source| (source.subject.clone(), source.since));
    let of_accounts = accounts.iter().flat_map(|account: &Account| &account.cards);
    let waiting = applications.iter().filter_map(|each: &Application| each.plastic.as_ref());
    let cards = of_accounts.chain(waiting).map(|card| (format!("card:{}", card.card_id), 0));
    for (subject, since) in own.chain(cards) {
        let beside = beside(cx, tx, &subject, since)?;
        count += beside.lines.len();
        has_more |= beside.was_cut;
        lines.extend(beside.lines);
    }
    // By time and row alone: entries of one row keep their order.
    lines.sort_by_key(|line| line.place);
    let earlier = lines.len().saturating_sub(LINES_MAX);
    let mut timeline = lines.split_off(earlier);
    add_journals(cx, tx, &mut timeline)?;
    Ok(Chain { accounts, applications, earlier: count - timeline.len(), timeline, has_more })
}

/// The newest entries of the timeline that the partner is told, how many there are in all, and
/// whether there are more than were counted.
fn published<E>(cx: &Cx, tx: &mut Tx<'_>, sources: &[Source]) -> Done<(Vec<Line>, usize, bool), E> {
    let (mut newest, mut count, mut from) = (VecDeque::new(), 0, Place::BEGINNING);
    let has_more = loop {
        let part = entries::part(cx, tx, sources, from, PART)?;
        count += part.entries.len();
        newest.extend(part.entries);
        newest.drain(..newest.len().saturating_sub(LINES_MAX));
        from = part.end;
        if !part.has_more || count >= READ_MAX {
            break part.has_more;
        }
    };
    let mut lines = Vec::new();
    for entry in newest {
        let mut text = String::new();
        emit_object(&mut text, |out| entry.write(out));
        let told: Value = serde_json::from_str(&text)
            .map_err(|error| fault(format!("an entry of the timeline: {error}")))?;
        let log_id: i64 = entry.event_id.as_str().parse().ok().or_stop()?;
        let row = tx.query_one(
            "SELECT happened_at + clock_shift_us FROM operation_log
             WHERE asp_id = $1 AND log_id = $2",
            &[cx.call.asp.as_str().into(), log_id.into()],
        )?;
        let place = (Timestamp(row.int(0)?), log_id);
        lines.push(Line { place, told, journal: Vec::new() });
    }
    Ok((lines, count, has_more))
}

/// What the log says of a subject that partners are not told.
pub(super) fn beside<E>(cx: &Cx, tx: &mut Tx<'_>, subject: &str, since: i64) -> Done<Beside, E> {
    let rows = tx.query(
        "SELECT log_id, event, payload, happened_at + clock_shift_us FROM operation_log
         WHERE asp_id = $1 AND happened_at + clock_shift_us >= $3 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)
         ORDER BY happened_at + clock_shift_us DESC, log_id DESC LIMIT $4",
        &[cx.call.asp.as_str().into(), subject.into(), since.into(), BESIDE_MAX.into()],
    )?;
    let was_cut = i64::try_from(rows.len()).unwrap_or(BESIDE_MAX) >= BESIDE_MAX;
    let mut lines = Vec::new();
    for row in rows.iter().rev().filter(|row| is_own(row)) {
        lines.push(own_line(row)?);
    }
    Ok(Beside { lines, was_cut })
}

fn is_own(row: &Row) -> bool {
    row.text(1).is_ok_and(|event| Kind::of(event).is_none())
}

/// A row that partners are not told. Of its payload who did it and why is told, where it was
/// somebody of ours.
fn own_line<E>(row: &Row) -> Done<Line, E> {
    let payload: Value = serde_json::from_str(row.text(2)?)
        .map_err(|error| fault(format!("the payload of a row of the log: {error}")))?;
    let (log_id, at) = (row.int(0)?, Timestamp(row.int(3)?));
    let mut told = json!({
        "eventId": log_id.to_string(),
        "type": row.text(1)?,
        "occurredAt": at.seoul_text(),
    });
    for name in ["by", "reason"] {
        if let Some(text) = payload.get(name).and_then(Value::as_str) {
            told[name] = text.into();
        }
    }
    Ok(Line { place: (at, log_id), told, journal: Vec::new() })
}

/// Adds to each line the journal of its row; of several lines of one row, to the first.
pub(super) fn add_journals(cx: &Cx, tx: &mut Tx<'_>, lines: &mut [Line]) -> Result<(), DbError> {
    let mut seen = BTreeSet::new();
    for line in lines.iter_mut().filter(|line| seen.insert(line.place.1)) {
        let rows = tx.query(
            "SELECT debit, credit, amount FROM posting WHERE asp_id = $1 AND log_id = $2
             ORDER BY line LIMIT $3",
            &[cx.call.asp.as_str().into(), line.place.1.into(), POSTINGS_MAX.into()],
        )?;
        for mut row in rows {
            let (debit, credit) = (row.take_text(0)?, row.take_text(1)?);
            line.journal.push(Posting { debit, credit, amount: row.int(2)? });
        }
    }
    Ok(())
}

fn account(cx: &Cx, tx: &mut Tx<'_>, source: &Source) -> Result<Option<Account>, DbError> {
    let asp = cx.call.asp.as_str();
    let Ok(account_id) = source.subject.parse::<i64>() else { return Ok(None) };
    let row = tx.query_opt(
        "SELECT a.state, a.balance, a.service_id, p.name FROM card_account a
         LEFT JOIN product p ON p.asp_id = a.asp_id AND p.service_id = a.service_id
         WHERE a.asp_id = $1 AND a.account_id = $2",
        &[asp.into(), account_id.into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let cards = tx.query(
        "SELECT card_id, form, pan_first6, pan_last4, par, expiry_yymm, ended_at IS NOT NULL
         FROM card WHERE asp_id = $1 AND card_id IN (
             SELECT c.card_id FROM card c WHERE c.asp_id = $1 AND c.account_id = $2)
         ORDER BY card_id",
        &[asp.into(), account_id.into()],
    )?;
    Ok(Some(Account {
        generation: source.generation,
        account_id,
        state: row.take_text(0)?,
        balance: row.int(1)?,
        service_id: row.take_text(2)?,
        product: row.take_opt_text(3)?,
        cards: cards.into_iter().map(card).collect::<Result<_, _>>()?,
    }))
}

fn card(mut row: Row) -> Result<Card, DbError> {
    Ok(Card {
        card_id: row.int(0)?,
        form: row.take_text(1)?,
        masked_card_no: format!("{}******{}", row.text(2)?, row.text(3)?),
        par: row.take_text(4)?,
        expiry_date: row.take_text(5)?,
        has_ended: row.boolean(6)?,
    })
}

fn application(cx: &Cx, tx: &mut Tx<'_>, apply_no: &str) -> Result<Option<Application>, DbError> {
    let keys = [cx.call.asp.as_str().into(), apply_no.into()];
    let row = tx.query_opt(
        "SELECT a.kind, a.state, a.fee, d.state FROM application a
         LEFT JOIN delivery d ON d.asp_id = a.asp_id AND d.apply_no = a.apply_no
         WHERE a.asp_id = $1 AND a.apply_no = $2",
        &keys,
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let plastic = tx.query_opt(
        "SELECT card_id, form, pan_first6, pan_last4, par, expiry_yymm, ended_at IS NOT NULL
         FROM card WHERE asp_id = $1 AND account_id IS NULL AND card_id = (
             SELECT a.physical_card_id FROM application a
             WHERE a.asp_id = $1 AND a.apply_no = $2)",
        &keys,
    )?;
    Ok(Some(Application {
        card_apply_no: apply_no.to_owned(),
        kind: row.take_text(0)?,
        state: row.take_text(1)?,
        fee: row.int(2)?,
        delivery: row.take_opt_text(3)?,
        plastic: plastic.map(card).transpose()?,
    }))
}

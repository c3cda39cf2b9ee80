//! Where the history of a card stands: the generations of its chain, and the subjects of the
//! operation log that tell of them.

use std::collections::{BTreeMap, VecDeque};

use domain::product::Waiver;
use store::tables::opt_parsed;
use store::{DbError, Row, Tx};

use crate::op::{Cx, Done, OrStop};

/// The most generations before the card that is named, and after it.
const GENERATIONS_MAX: usize = 50;
/// The most applications of a generation: the last ones.
const APPLICATIONS_MAX: i64 = 200;

/// A subject of the operation log, and what its rows tell of.
pub(crate) struct Source {
    /// The subject.
    pub(crate) subject: String,
    /// Rows that are older tell of something else (µs): an application's number is given again
    /// when a scenario is armed again.
    pub(crate) since: i64,
    /// The generation that its rows tell of, from 1 on.
    pub(crate) generation: usize,
    /// Its number, masked.
    pub(super) card: Option<String>,
    /// The number of its plastic, masked.
    pub(super) plastic: Option<String>,
    /// What the subject is.
    pub(crate) of: Of,
}

/// What a subject is.
pub(crate) enum Of {
    /// The account of a generation.
    Account,
    /// The account of which a generation is a sub card: with these PARs it ends with it.
    MainAccount(Vec<String>),
    /// An application.
    Application(Application),
}

/// An application of a generation.
pub(crate) struct Application {
    /// Why its fee was waived.
    pub(super) waiver: Option<Waiver>,
    /// The generation that it replaces: its number, masked.
    pub(super) replaced: Option<(usize, Option<String>)>,
    /// Whether it has opened the account of its generation.
    pub(super) has_opened: bool,
}

/// A generation: a card account with its cards.
#[derive(Default)]
struct Generation {
    account: i64,
    predecessor: Option<i64>,
    successor: Option<i64>,
    main: Option<i64>,
    mobile: Option<String>,
    plastic: Option<String>,
    pars: Vec<String>,
}

impl Generation {
    fn card(&self) -> Option<String> {
        self.mobile.clone().or_else(|| self.plastic.clone())
    }
}

/// The subjects that tell of the card of this number; `None` where the member has no such card.
pub(super) fn sources<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user_id: i64,
    number: &str,
) -> Done<Option<Vec<Source>>, E> {
    let Some(named) = find(cx, tx, user_id, number)? else { return Ok(None) };
    of_named(cx, tx, user_id, named).map(Some)
}

/// The subjects that tell of a card of the member's.
pub(crate) fn of_named<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user_id: i64,
    named: Named,
) -> Done<Vec<Source>, E> {
    let chain = match named.account {
        Some(account) => chain(cx, tx, user_id, account)?,
        None => Vec::new(),
    };
    let mut sources = Vec::new();
    let mut applications = BTreeMap::new();
    for (before, each) in chain.iter().enumerate() {
        sources.extend(of_account(before + 1, each));
        for row in applied(cx, tx, user_id, each.account)? {
            applications.insert(row.text(0)?.to_owned(), row);
        }
    }
    if let Some(apply_no) = named.apply_no
        && !applications.contains_key(&apply_no)
        && let Some(row) = application(cx, tx, user_id, &apply_no)?
    {
        applications.insert(apply_no, row);
    }
    for (apply_no, row) in applications {
        sources.push(of_application(cx, tx, &chain, apply_no, &row)?);
    }
    Ok(sources)
}

/// The card that was named.
pub(crate) struct Named {
    /// Its account, or the one that it is to replace.
    pub(crate) account: Option<i64>,
    /// The application that it was made for.
    pub(crate) apply_no: Option<String>,
}

fn find<E>(cx: &Cx, tx: &mut Tx<'_>, user_id: i64, number: &str) -> Done<Option<Named>, E> {
    let asp = &cx.call.asp;
    for index in cx.core.pan_indexes(asp, number).or_stop()? {
        let row = tx.query_opt(
            "SELECT account_id, apply_no FROM card WHERE asp_id = $1 AND pan_index = $2",
            &[asp.as_str().into(), index.as_slice().into()],
        )?;
        let Some(mut row) = row else { continue };
        let apply_no = row.take_opt_text(1)?;
        if let Some(account) = row.opt_int(0)? {
            let is_members = generation(cx, tx, user_id, account)?.is_some();
            return Ok(is_members.then_some(Named { account: Some(account), apply_no }));
        }
        // Plastic that is not registered yet: the member's, if its application is.
        let Some(apply_no) = apply_no else { return Ok(None) };
        return by_application(cx, tx, user_id, apply_no);
    }
    Ok(None)
}

/// The card that an application of the member's is about.
pub(crate) fn by_application<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user_id: i64,
    apply_no: String,
) -> Done<Option<Named>, E> {
    let Some(row) = application(cx, tx, user_id, &apply_no)? else { return Ok(None) };
    let mut account = None;
    for id in [row.opt_int(2)?, row.opt_int(1)?].into_iter().flatten() {
        if account.is_none() && generation(cx, tx, user_id, id)?.is_some() {
            account = Some(id);
        }
    }
    Ok(Some(Named { account, apply_no: Some(apply_no) }))
}

/// The generations of a chain, the oldest first.
fn chain(cx: &Cx, tx: &mut Tx<'_>, user_id: i64, account: i64) -> Result<Vec<Generation>, DbError> {
    let mut chain = VecDeque::new();
    let (mut before, mut after) = (None, None);
    if let Some(named) = generation(cx, tx, user_id, account)? {
        (before, after) = (named.predecessor, named.successor);
        chain.push_back(named);
    }
    for _ in 0..GENERATIONS_MAX {
        let Some(id) = before else { break };
        let Some(found) = generation(cx, tx, user_id, id)? else { break };
        before = found.predecessor;
        chain.push_front(found);
    }
    for _ in 0..GENERATIONS_MAX {
        let Some(id) = after else { break };
        let Some(found) = generation(cx, tx, user_id, id)? else { break };
        after = found.successor;
        chain.push_back(found);
    }
    for each in &mut chain {
        read_cards(cx, tx, each)?;
    }
    Ok(chain.into())
}

fn generation(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user_id: i64,
    account: i64,
) -> Result<Option<Generation>, DbError> {
    let row = tx.query_opt(
        "SELECT predecessor_id, successor_id, main_account_id FROM card_account
         WHERE asp_id = $1 AND account_id = $2 AND user_id = $3",
        &[cx.call.asp.as_str().into(), account.into(), user_id.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Generation {
        account,
        predecessor: row.opt_int(0)?,
        successor: row.opt_int(1)?,
        main: row.opt_int(2)?,
        ..Generation::default()
    }))
}

fn read_cards(cx: &Cx, tx: &mut Tx<'_>, generation: &mut Generation) -> Result<(), DbError> {
    let rows = tx.query(
        "SELECT pan_first6, pan_last4, form, par FROM card
         WHERE asp_id = $1 AND card_id IN (
             SELECT c.card_id FROM card c WHERE c.asp_id = $1 AND c.account_id = $2)
         ORDER BY card_id",
        &[cx.call.asp.as_str().into(), generation.account.into()],
    )?;
    for row in &rows {
        let place = match row.text(2)? {
            "MOBILE" => &mut generation.mobile,
            _ => &mut generation.plastic,
        };
        *place = Some(masked(row)?);
        generation.pars.push(row.text(3)?.to_owned());
    }
    Ok(())
}

/// The number of a card whose first six and last four digits the row begins with.
fn masked(row: &Row) -> Result<String, DbError> {
    Ok(format!("{}******{}", row.text(0)?, row.text(1)?))
}

/// The application of this number, if it is the member's: as [`applied`] has it.
fn application(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user_id: i64,
    apply_no: &str,
) -> Result<Option<Row>, DbError> {
    tx.query_opt(
        "SELECT apply_no, old_account_id, new_account_id, physical_card_id, applied_at, waiver
         FROM application WHERE asp_id = $1 AND apply_no = $2 AND user_id = $3",
        &[cx.call.asp.as_str().into(), apply_no.into(), user_id.into()],
    )
}

/// The applications that have opened an account or were to replace it.
fn applied(cx: &Cx, tx: &mut Tx<'_>, user_id: i64, account: i64) -> Result<Vec<Row>, DbError> {
    tx.query(
        "SELECT apply_no, old_account_id, new_account_id, physical_card_id, applied_at, waiver
         FROM application
         WHERE asp_id = $1 AND (old_account_id = $3 OR new_account_id = $3) AND apply_no IN (
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)
         ORDER BY apply_no DESC LIMIT $4",
        &[cx.call.asp.as_str().into(), user_id.into(), account.into(), APPLICATIONS_MAX.into()],
    )
}

fn of_account(number: usize, generation: &Generation) -> Vec<Source> {
    let source = |account: i64, of| Source {
        subject: account.to_string(),
        since: 0,
        generation: number,
        card: generation.card(),
        plastic: generation.plastic.clone(),
        of,
    };
    let own = source(generation.account, Of::Account);
    let main = |main| source(main, Of::MainAccount(generation.pars.clone()));
    std::iter::once(own).chain(generation.main.map(main)).collect()
}

fn of_application<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    chain: &[Generation],
    apply_no: String,
    row: &Row,
) -> Done<Source, E> {
    let place = |account: Option<i64>| {
        account.and_then(|id| chain.iter().position(|each| each.account == id))
    };
    let (old, new) = (place(row.opt_int(1)?), place(row.opt_int(2)?));
    let plastic = match row.opt_int(3)? {
        Some(card) => {
            let row = tx.query_opt(
                "SELECT pan_first6, pan_last4 FROM card WHERE asp_id = $1 AND card_id = $2",
                &[cx.call.asp.as_str().into(), card.into()],
            )?;
            row.as_ref().map(masked).transpose()?
        }
        None => None,
    };
    let old_card = old.and_then(|at| chain.get(at)).and_then(Generation::card);
    // The card that it made, else the plastic that is to become one, else the one that stays.
    let (generation, card) = match (new, &plastic) {
        (Some(at), _) => (at + 1, chain.get(at).and_then(Generation::card)),
        (None, Some(plastic)) => (old.map_or(1, |at| at + 2), Some(plastic.clone())),
        (None, None) => (old.map_or(1, |at| at + 1), old_card.clone()),
    };
    Ok(Source {
        subject: apply_no,
        since: row.int(4)?,
        generation,
        card,
        plastic,
        of: Of::Application(Application {
            waiver: opt_parsed(row, 5, Waiver::parse)?,
            replaced: old.map(|at| (at + 1, old_card)),
            has_opened: new.is_some(),
        }),
    })
}

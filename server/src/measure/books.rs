//! Holds the books to what must be true of them: every journal is whole, and a card account's
//! balance is the sum of its postings. What was sealed since the last look is looked at, a seal at
//! a time, so that it costs as much as has happened. How far it has come, and what it has found and
//! nobody has mended, stands in the database: several servers share it, and a new one goes on.

mod look;

use domain::{AspId, CardAccountId};
use serde::{Deserialize, Serialize};
use store::tables::{counters, partners};
use store::{DbError, Tx, WriteError};

use crate::audit::sealer::SEALS;
use crate::context::App;
use crate::facts::{fact_of, put_fact_of};
use crate::metrics::BooksOff;

/// Seals of a partner in one round.
const ROUND_SEALS_MAX: usize = 1_024;
/// Card accounts that are looked at on one snapshot.
const PAGE_ACCOUNTS: usize = 32;
/// Findings of each kind that are kept of a partner; further ones are logged alone.
const KEPT_MAX: usize = 100;
/// Name of the fact.
const FACT: &str = "books";

/// What is known of a partner's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Notes {
    /// The first seal that was not looked at.
    next_seal: i64,
    /// Journals that are not whole, by their row of the operation log.
    journals: Vec<i64>,
    /// Card accounts whose balance is not the sum of their postings.
    accounts: Vec<i64>,
}

impl Default for Notes {
    fn default() -> Self {
        Notes { next_seal: 1, journals: Vec::new(), accounts: Vec::new() }
    }
}

/// Looks at what is new, and again at what was wrong.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let mut all = BooksOff::default();
    for asp in app.store.read(|tx: &mut Tx<'_>| Ok(partners::all(tx)?)).await? {
        let off = of_partner(app, &asp).await?;
        all.journals += off.journals;
        all.accounts += off.accounts;
        all.won = all.won.saturating_add(off.won);
        all.unread_seals += off.unread_seals;
    }
    app.metrics.books(all);
    Ok(())
}

async fn of_partner(app: &App, asp: &AspId) -> Result<BooksOff, WriteError<()>> {
    let (kept, sealed) = read(app, asp).await?;
    let before: Notes =
        kept.as_deref().and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default();
    let mut now = Notes { next_seal: before.next_seal, ..Notes::default() };
    let mut won = 0_i64;
    for log_id in before.journals.iter().copied() {
        if !is_whole(app, asp, log_id).await? {
            now.journals.push(log_id);
        }
    }
    for (account, difference) in differing(app, asp, &before.accounts).await? {
        now.accounts.push(account);
        won = won.saturating_add(difference.saturating_abs());
    }
    for _ in 0..ROUND_SEALS_MAX {
        if now.next_seal >= sealed {
            break;
        }
        let found = look(app, asp, now.next_seal).await?;
        for log_id in found.journals {
            tracing::error!(partner = asp.as_str(), log_id, "a journal is not whole");
            note(&mut now.journals, log_id);
        }
        for (account, won_off) in differing(app, asp, &found.accounts).await? {
            let partner = asp.as_str();
            tracing::error!(partner, account, won_off, "a balance is not the sum of its postings");
            if note(&mut now.accounts, account) {
                won = won.saturating_add(won_off.saturating_abs());
            }
        }
        now.next_seal += 1;
    }
    let off = BooksOff {
        journals: length(&now.journals),
        accounts: length(&now.accounts),
        won,
        unread_seals: (sealed - now.next_seal).max(0),
    };
    if now != before {
        keep(app, asp, kept, &now).await?;
    }
    Ok(off)
}

fn length(found: &[i64]) -> i64 {
    i64::try_from(found.len()).unwrap_or(i64::MAX)
}

/// Keeps a finding; whether it is new.
fn note(kept: &mut Vec<i64>, found: i64) -> bool {
    let is_new = !kept.contains(&found) && kept.len() < KEPT_MAX;
    if is_new {
        kept.push(found);
    }
    is_new
}

/// What was kept, and the seal that is made next.
async fn read(app: &App, asp: &AspId) -> Result<(Option<String>, i64), WriteError<()>> {
    let asp = asp.clone();
    let read = move |tx: &mut Tx<'_>| {
        let kept = fact_of(tx, asp.as_str(), FACT)?;
        Ok((kept, counters::peek(tx, &asp, SEALS)?))
    };
    app.store.read(read).await
}

/// Keeps the notes, unless another server was faster: then its own count.
async fn keep(
    app: &App,
    asp: &AspId,
    before: Option<String>,
    notes: &Notes,
) -> Result<(), WriteError<()>> {
    let asp = asp.clone();
    let text = serde_json::to_string(notes).unwrap_or_default();
    let write = move |tx: &mut Tx<'_>| Ok(replace(tx, &asp, before.as_deref(), &text)?);
    app.store.write(write).await
}

fn replace(tx: &mut Tx<'_>, asp: &AspId, before: Option<&str>, text: &str) -> Result<(), DbError> {
    let Some(before) = before else {
        return put_fact_of(tx, asp.as_str(), FACT, text).map(drop);
    };
    tx.execute(
        "UPDATE platform_fact SET value = $4 WHERE asp_id = $1 AND name = $2 AND value = $3",
        &[asp.as_str().into(), FACT.into(), before.into(), text.into()],
    )?;
    Ok(())
}

/// What a seal's postings say.
async fn look(app: &App, asp: &AspId, seal_no: i64) -> Result<look::Seen, WriteError<()>> {
    let asp = asp.clone();
    app.store.read(move |tx: &mut Tx<'_>| Ok(look::seal(tx, &asp, seal_no)?)).await
}

async fn is_whole(app: &App, asp: &AspId, log_id: i64) -> Result<bool, WriteError<()>> {
    let asp = asp.clone();
    app.store.read(move |tx: &mut Tx<'_>| Ok(look::is_whole(tx, &asp, log_id)?)).await
}

/// Those of these accounts that differ, and by how much.
async fn differing(
    app: &App,
    asp: &AspId,
    accounts: &[i64],
) -> Result<Vec<(i64, i64)>, WriteError<()>> {
    let mut all = Vec::new();
    for page in accounts.chunks(PAGE_ACCOUNTS) {
        let (asp, page) = (asp.clone(), page.to_vec());
        // Balance and postings on one snapshot: a call that commits in between changes neither.
        let differ = app.store.read(move |tx: &mut Tx<'_>| {
            let mut differ = Vec::new();
            for account in &page {
                let difference = look::difference(tx, &asp, CardAccountId(*account))?;
                if difference != 0 {
                    differ.push((*account, difference));
                }
            }
            Ok(differ)
        });
        all.extend(differ.await?);
    }
    Ok(all)
}

//! `platen restore-fence`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use store::Tx;
use store::tables::reconciliation_cases::Kind;

use super::why::Acting;
use super::{Failure, Outcome, Platform, misused, runtime, say};
use crate::context::Core;
use crate::fence::{Fence, Margins, put};
use crate::op::{Done, NoRefusal};
use crate::operator::Mode;
use crate::reconciling::{Whose, open_ones, reconcile};
use crate::sandbox::clock;

/// Cases that are told at the most.
const CASES_MAX: usize = 1_000;
/// The most that a margin may be.
const MARGIN_MAX: i64 = 1_000_000_000;

/// Make a database that was put back from an older copy safe to go on with.
///
/// What was given out since the copy was made is not in it, and would be given out again: card
/// numbers, ids, numbers of orders at the bank. All of them are moved on by a margin, which must be
/// more than can have been given out since. Run it once after a database was put back, before any
/// server is started on it; a second time moves everything on once more. With the bank's files of
/// the days since (--bank), it tells the withdrawals that the bank has and the database has not:
/// each is a case for `platen reconcile cases`.
///
/// Examples:
///   platen restore-fence --by kim --reason "disk of db1 lost" --dry-run
///   platen restore-fence --by kim --reason "disk lost" --bank 20261129.csv --bank 20261130.csv
///   platen restore-fence --by kim --reason "drill" --ids 100000 --numbers 1000 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct RestoreFence {
    /// Ids, and orders at the bank, that can have been given out since.
    #[arg(long, value_name = "N", default_value_t = 10_000_000,
        value_parser = clap::value_parser!(i64).range(1..=MARGIN_MAX))]
    ids: i64,
    /// Card numbers of one range that can have been given out since.
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(i64).range(1..=MARGIN_MAX))]
    numbers: i64,
    /// A daily file of the bank since the copy was made; may be given several times.
    #[arg(long, value_name = "FILE")]
    bank: Vec<PathBuf>,
    /// Say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    platform: Platform,
}

impl RestoreFence {
    pub(super) fn run(self) -> Outcome {
        let change = match self.acting.change() {
            Ok(change) => change,
            Err(sentence) => return Ok(misused(&["restore-fence"], &sentence)),
        };
        let mode = Mode::dry_if(self.dry_run);
        let margins = Margins { ids: self.ids, numbers: self.numbers };
        let (store, core) = self.platform.open()?;
        let (fence, cases) = runtime()?.block_on(async {
            let write = move |tx: &mut Tx<'_>| -> Done<Fence, NoRefusal> {
                Ok(put(tx, margins, &change, mode)?)
            };
            let fence = store.write(write).await?;
            let cases = theirs(&store, &core, &self.bank, mode).await?;
            Ok::<_, Failure>((fence, cases))
        })?;
        store.close();
        if self.json {
            say(format_args!("{:#}", as_json(&fence, &cases, mode)));
        } else {
            tell(&fence, &cases, mode);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What the bank's files have and the database has not: what is open after they were read, or how
/// much would be.
enum Theirs {
    Cases(Vec<Whose>),
    WouldBe(u64),
}

async fn theirs(
    store: &store::Store,
    core: &Core,
    files: &[PathBuf],
    mode: Mode,
) -> Result<Theirs, Failure> {
    let mut would_be = 0;
    for file in files {
        let at = (clock::moment(store).await?, mode);
        would_be += reconcile(store, core, file, None, at).await?.counts.theirs_only;
    }
    if mode == Mode::Dry {
        return Ok(Theirs::WouldBe(would_be));
    }
    if files.is_empty() {
        return Ok(Theirs::Cases(Vec::new()));
    }
    let (mut cases, _) = open_ones(store, None, CASES_MAX).await?;
    cases.retain(|(_, case)| case.difference.kind == Kind::TheirsOnly);
    Ok(Theirs::Cases(cases))
}

fn as_json(fence: &Fence, theirs: &Theirs, mode: Mode) -> Value {
    let moved = fence.moved.iter().map(|moved| {
        json!({
            "partner": moved.partner.as_str(),
            "what": moved.what,
            "next": moved.next,
            "left": moved.left,
        })
    });
    let makers = fence.exchanges.iter().map(|exchange| {
        json!({
            "partner": exchange.partner.as_str(),
            "maker": exchange.maker,
            "nextFileTo": exchange.next_to,
            "nextFileFrom": exchange.next_from,
        })
    });
    let (count, cases) = match theirs {
        Theirs::WouldBe(count) => (*count, Vec::new()),
        Theirs::Cases(cases) => (cases.len() as u64, cases.iter().map(case_json).collect()),
    };
    json!({
        "dryRun": mode == Mode::Dry,
        "moved": moved.collect::<Vec<_>>(),
        "makers": makers.collect::<Vec<_>>(),
        "theirsOnly": count,
        "cases": cases,
    })
}

fn case_json((partner, case): &Whose) -> Value {
    json!({
        "partner": partner.as_str(),
        "case": case.id,
        "bankDay": case.bank_day,
        "bankTranId": case.difference.bank_tran_id,
        "amount": case.difference.theirs,
    })
}

fn tell(fence: &Fence, theirs: &Theirs, mode: Mode) {
    for moved in &fence.moved {
        let left = match moved.left {
            Some(0) => ", none is left: add a range",
            Some(_) | None => "",
        };
        let (partner, what, next) = (&moved.partner, &moved.what, moved.next);
        say(format_args!("{partner}: {what} goes on at {next}{left}"));
    }
    for it in &fence.exchanges {
        say(format_args!(
            "{}: ask card maker {} which files it has: the next to it is {}, the next from it {}",
            it.partner, it.maker, it.next_to, it.next_from
        ));
    }
    match theirs {
        Theirs::WouldBe(count) => say(format_args!("the bank has {count} that are not here")),
        Theirs::Cases(cases) => {
            for (partner, case) in cases {
                let won = case.difference.theirs.unwrap_or(0);
                let (id, day) = (&case.difference.bank_tran_id, &case.bank_day);
                say(format_args!("{partner}: the bank has {id} of {day}, {won} won: not here"));
            }
            say(format_args!("the bank has {} that are not here", cases.len()));
        }
    }
    if mode == Mode::Dry {
        say("nothing was written");
    }
}

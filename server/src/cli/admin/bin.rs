//! `platen admin bin`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::partner::Standing;
use domain::{AspId, ServiceId};
use serde_json::{Value, json};
use store::{Tx, TxError};

use super::{Common, Doing, asp, checked, done, opened, say_list, say_one, service, turn};
use crate::cli::{Outcome, say};
use crate::onboarding::{Made, Refused, look, perform, product};
use crate::operator::Mode;

/// Add, list, show, suspend and resume the ranges of card numbers of a product.
///
/// Examples:
///   platen admin bin add 94914155 --partner 000990000000001 --product 000990000100000 --by kim \
///     --reason "80 % are used"
///   platen admin bin list --partner 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Bin {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Add(Add),
    List(List),
    Show(Show),
    Suspend(Suspend),
    Resume(Resume),
}

/// Add a range of card numbers to a product. No range is taken away again.
///
/// Examples:
///   platen admin bin add 94914155 --partner 000990000000001 --product 000990000100000 --by kim \
///     --reason "80 % are used"
#[derive(Args)]
#[command(verbatim_doc_comment, visible_alias = "create")]
struct Add {
    /// The digits that its numbers begin with: 6 to 9, of no other range.
    #[arg(value_name = "DIGITS")]
    prefix: String,
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    /// The product.
    #[arg(long, value_name = "ID", value_parser = service)]
    product: ServiceId,
    #[command(flatten)]
    doing: Doing,
}

/// List a partner's ranges, and how much of each is used.
///
/// Examples:
///   platen admin bin list --partner 000990000000001 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Show a range, its product and how much of it is used.
///
/// Examples:
///   platen admin bin show 94914155 --partner 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    /// The digits that its numbers begin with.
    #[arg(value_name = "DIGITS")]
    prefix: String,
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Have a range give out no further numbers: the product's next one is used.
///
/// What a server has taken of it, up to 100 numbers each, it still gives out; applications that
/// have a number of it keep that. There is no discarding: numbers that were given out stay taken.
///
/// Examples:
///   platen admin bin suspend 94914155 --partner 000990000000001 --by kim --reason "a leak"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Have a suspended range give out numbers again.
///
/// Examples:
///   platen admin bin resume 94914155 --partner 000990000000001 --by kim --reason "cleared up"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Which range.
#[derive(Args)]
struct Which {
    /// The digits that its numbers begin with.
    #[arg(value_name = "DIGITS")]
    prefix: String,
    /// Its partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
}

impl Bin {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Add(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { which, doing }) => {
                set_state("suspend", &which, Standing::Suspended, &doing)
            }
            Command::Resume(Resume { which, doing }) => {
                set_state("resume", &which, Standing::Active, &doing)
            }
        }
    }
}

impl Add {
    fn run(self) -> Outcome {
        let change = match checked(&["admin", "bin", "add"], &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let (store, core) = opened(&self.doing.common)?;
        let (id, prefix) = (self.product.clone(), self.prefix.clone());
        let work = move |tx: &mut Tx<'_>| {
            product::add_bin(tx, &core, &self.partner, (&self.product, &self.prefix), &change)
        };
        let numbers = perform(&store, mode, work)?;
        store.close();
        if self.doing.common.json {
            say(json!({
                "serviceId": id.as_str(), "tokenBinNo": prefix, "numbers": numbers,
                "isDone": mode == Mode::Real,
            }));
        } else {
            done(mode, &format!("product {id} has {numbers} further numbers, from {prefix}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| all_of(tx, &self.partner))?;
        store.close();
        say_list(self.common.json, "ranges", &all, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let Show { prefix, partner, common } = self;
        let work = move |tx: &mut Tx<'_>| {
            let found = all_of(tx, &partner)?.into_iter().find(|(_, one)| one.prefix == prefix);
            found.ok_or_else(|| TxError::Refused(Refused::NoBin(partner.clone(), prefix.clone())))
        };
        let range = look(&store, work)?;
        store.close();
        say_one(common.json, &range, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, which: &Which, to: Standing, doing: &Doing) -> Outcome {
    let (asp, prefix) = (which.partner.clone(), which.prefix.clone());
    let what = format!("the range {prefix}");
    let shown = json!({ "tokenBinNo": prefix, "state": to.name() });
    turn(&["admin", "bin", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| product::set_bin(tx, &asp, (&prefix, to), &change)
    })
}

/// A partner's ranges with their products.
fn all_of(tx: &mut Tx<'_>, asp: &AspId) -> Made<Vec<(ServiceId, product::Range)>> {
    let mut all = Vec::new();
    for item in product::list(tx, asp, None)? {
        let id = item.product.service_id;
        for range in product::ranges(tx, asp, &id)? {
            all.push((id.clone(), range));
        }
    }
    Ok(all)
}

fn line((id, range): &(ServiceId, product::Range)) -> String {
    let (prefix, kind) = (&range.prefix, &range.kind);
    let (taken, all) = (range.taken, range.all);
    let suspended = if range.is_suspended { ", SUSPENDED" } else { "" };
    format!("{id}  {prefix:<9}  {kind:<5}  {taken} of {all} taken{suspended}")
}

fn as_json((id, range): &(ServiceId, product::Range)) -> Value {
    json!({
        "serviceId": id.as_str(),
        "tokenBinNo": range.prefix,
        "kind": range.kind,
        "taken": range.taken,
        "numbers": range.all,
        "isSuspended": range.is_suspended,
    })
}

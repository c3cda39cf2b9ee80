//! `platen admin bin`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::{AspId, ServiceId};
use serde_json::{Value, json};
use store::Tx;

use super::{Common, Doing, asp, checked, done, opened, service};
use crate::cli::{Outcome, say};
use crate::onboarding::{look, perform, product};
use crate::operator::Mode;

/// Add and list the ranges of card numbers of a product.
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

impl Bin {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Add(command) => command.run(),
            Command::List(command) => command.run(),
        }
    }
}

impl Add {
    fn run(self) -> Outcome {
        let (change, ()) = match checked(&["admin", "bin", "add"], &self.doing, Ok(())) {
            Ok(checked) => checked,
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
        let work = move |tx: &mut Tx<'_>| {
            let mut all = Vec::new();
            for item in product::list(tx, &self.partner, None)? {
                let id = item.product.service_id;
                for range in product::ranges(tx, &self.partner, &id)? {
                    all.push((id.clone(), range));
                }
            }
            Ok(all)
        };
        let all = look(&store, work)?;
        store.close();
        if self.common.json {
            let all: Vec<Value> = all.iter().map(as_json).collect();
            say(format_args!("{:#}", json!({ "ranges": all })));
            return Ok(ExitCode::SUCCESS);
        }
        for (id, range) in &all {
            let (prefix, kind) = (&range.prefix, &range.kind);
            let (taken, all) = (range.taken, range.all);
            say(format_args!("{id}  {prefix:<9}  {kind:<5}  {taken} of {all} taken"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json((id, range): &(ServiceId, product::Range)) -> Value {
    json!({
        "serviceId": id.as_str(),
        "tokenBinNo": range.prefix,
        "kind": range.kind,
        "taken": range.taken,
        "numbers": range.all,
    })
}

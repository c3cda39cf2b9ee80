//! `platen admin product`.

mod create;
mod sheet;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::product::ProductState;
use domain::{AspId, ServiceId};
use serde_json::json;
use store::Tx;

use super::{Common, Doing, asp, opened, say_list, service, turn};
use crate::cli::{Outcome, say};
use crate::onboarding::sheet::{Item, exported};
use crate::onboarding::{look, product};

/// Make, list, show, suspend, resume and discard products, and move them as sheets of TOML.
///
/// Examples:
///   platen admin product create --partner 000990000000001 --name Travel --bin 94914150 \
///     --issuance PRE_ISSUANCE --status ACTIVE --by kim --reason "contract 12"
///   platen admin product export --partner 000990000000001 > products.toml
///   platen admin product import products.toml --partner 000990000000001 --by kim \
///     --reason "from UAT" --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Product {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Create(Box<create::Create>),
    List(List),
    Show(Show),
    Suspend(Suspend),
    Resume(Resume),
    Discard(Discard),
    Export(sheet::Export),
    Import(sheet::Import),
}

/// List a partner's products.
///
/// Examples:
///   platen admin product list --partner 000990000000001 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Which product.
#[derive(Args)]
struct Which {
    /// The product.
    #[arg(value_name = "ID", value_parser = service)]
    product: ServiceId,
    /// Its partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
}

/// Show a product with its whole policy.
///
/// Examples:
///   platen admin product show 000990000100000 --partner 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// Take a product off offer for now. Its cards live on.
///
/// Examples:
///   platen admin product suspend 000990000100000 --partner 000990000000001 --by kim --reason "art"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Put a product on offer that was being set up or suspended.
///
/// Examples:
///   platen admin product resume 000990000100000 --partner 000990000000001 --by kim --reason "art"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Take a product off offer for good. Its cards live on.
///
/// Examples:
///   platen admin product discard 000990000100000 --partner 000990000000001 --by kim --reason "old"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

impl Product {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { which, doing }) => {
                set_state("suspend", &which, ProductState::Suspended, &doing)
            }
            Command::Resume(Resume { which, doing }) => {
                set_state("resume", &which, ProductState::Active, &doing)
            }
            Command::Discard(Discard { which, doing }) => {
                set_state("discard", &which, ProductState::Deleted, &doing)
            }
            Command::Export(command) => command.run(),
            Command::Import(command) => command.run(),
        }
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| product::list(tx, &self.partner, None))?;
        store.close();
        say_list(self.common.json, "products", &all, exported, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let Which { product: id, partner } = self.which;
        let found = look(&store, move |tx| product::list(tx, &partner, Some(&id)))?;
        store.close();
        if self.common.json {
            found.iter().for_each(|item| say(format_args!("{:#}", exported(item))));
        } else {
            say(crate::onboarding::sheet::written(&found)?.trim_end());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(item: &Item) -> String {
    let (product, bins) = (&item.product, item.bins.join(", "));
    let (id, state, name) = (&product.service_id, product.state.name(), &product.name);
    format!("{id}  {state:<9}  {name}, numbers from {bins}")
}

fn set_state(verb: &str, which: &Which, to: ProductState, doing: &Doing) -> Outcome {
    let (asp, id) = (which.partner.clone(), which.product.clone());
    let what = format!("product {id}");
    let shown = json!({ "serviceId": id.as_str(), "status": to.name() });
    turn(&["admin", "product", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| product::set_state(tx, &asp, (&id, to), &change)
    })
}

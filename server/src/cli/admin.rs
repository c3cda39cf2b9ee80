//! `platen admin`.

mod bank;
mod bin;
mod certificate;
mod key;
mod member;
mod partner;
mod product;
mod project;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use domain::{AspId, ServiceId};
use serde_json::{Value, json};
use store::tables::PLATFORM;
use store::{Store, Tx};

use super::why::{Acting, Trying, done};
use super::{Failure, Outcome, Platform, misused, say};
use crate::context::Core;
use crate::keys::change::Change;
use crate::onboarding::{Made, perform};
use crate::operator::Mode;

/// Characters of a partner's name, or a bank's, at the most.
const NAME_CHARS_MAX: usize = 80;
/// Digits of a partner's id.
const ASP_DIGITS: usize = 15;

/// Take partners on: partners, projects with their keys, products with their card numbers,
/// members, banks.
///
/// Every change is a row of the operation log with --by and --reason, and --dry-run tries it and
/// keeps nothing.
///
/// Examples:
///   platen admin partner create --asp-id 000990000000001 --name "Seoul Pay" --by kim \
///     --reason "contract 12"
///   platen admin project create --partner 000990000000001 --project 1 --kind uat \
///     --client-public-key partner.pem --by kim --reason "contract 12"
///   platen admin product import products.toml --partner 000990000000001 --by kim --reason "new"
///   platen admin partner suspend 000990000000001 --by kim --reason "invoice 7 unpaid"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Admin {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Partner(partner::Partner),
    Project(Box<project::Project>),
    Key(key::Key),
    Certificate(certificate::Certificate),
    Product(Box<product::Product>),
    Bin(bin::Bin),
    Bank(bank::Bank),
    Member(member::Member),
}

impl Admin {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Partner(command) => command.run(),
            Command::Project(command) => command.run(),
            Command::Product(command) => command.run(),
            Command::Bin(command) => command.run(),
            Command::Key(command) => command.run(),
            Command::Certificate(command) => command.run(),
            Command::Bank(command) => command.run(),
            Command::Member(command) => command.run(),
        }
    }
}

/// Where it is done, and how the answer looks.
#[derive(Args)]
struct Common {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

/// Who does it and why, and whether it is only tried.
#[derive(Args)]
struct Doing {
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    common: Common,
}

impl Doing {
    const fn mode(&self) -> Mode {
        self.trying.mode()
    }
}

/// Opens the database that a command works on.
fn opened(common: &Common) -> Result<(Store, Core), Failure> {
    common.platform.open()
}

/// Who and why; or the command's end where that is wrong.
fn checked(command: &[&str], doing: &Doing) -> Result<Change, ExitCode> {
    doing.acting.change().map_err(|sentence| misused(command, &sentence))
}

/// Prints a list: in JSON under a name, or a line each.
fn say_list<T>(
    is_json: bool,
    name: &str,
    all: &[T],
    as_json: impl Fn(&T) -> Value,
    line: impl Fn(&T) -> String,
) {
    if is_json {
        let all: Vec<Value> = all.iter().map(as_json).collect();
        say(format_args!("{:#}", json!({ name: all })));
    } else {
        all.iter().for_each(|one| say(line(one)));
    }
}

/// Prints one of such a list.
fn say_one<T>(is_json: bool, one: &T, as_json: impl Fn(&T) -> Value, line: impl Fn(&T) -> String) {
    if is_json {
        say(format_args!("{:#}", as_json(one)));
    } else {
        say(line(one));
    }
}

/// Changes the state of `what`, and says so: `shown` is what it is in JSON.
fn turn<F>(
    command: &[&str],
    doing: &Doing,
    (what, state, mut shown): (&str, &str, Value),
    work: impl FnOnce(Change, Core) -> F,
) -> Outcome
where
    F: FnMut(&mut Tx<'_>) -> Made<bool> + Send + 'static,
{
    let change = match checked(command, doing) {
        Ok(change) => change,
        Err(end) => return Ok(end),
    };
    let mode = doing.mode();
    let (store, core) = opened(&doing.common)?;
    let has_changed = perform(&store, mode, work(change, core))?;
    store.close();
    if doing.common.json {
        shown["hasChanged"] = has_changed.into();
        shown["isDone"] = (mode == Mode::Real).into();
        say(shown);
    } else if has_changed {
        done(mode, &format!("{what} is {state}"));
    } else {
        say(format_args!("{what} was {state} already"));
    }
    Ok(ExitCode::SUCCESS)
}

/// How keys are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Dotenv,
    Json,
}

/// What a partner is told once: each by its name in the environment and in JSON.
type Told = Vec<(&'static str, &'static str, String)>;

/// Prints what a partner is told.
fn tell(is_json: bool, told: Told) {
    if is_json {
        let all = told.into_iter().map(|(_, name, value)| (name.to_owned(), value.into()));
        return say(format_args!("{:#}", Value::Object(all.collect())));
    }
    for (name, _, value) in told {
        say(format_args!("{name}=\"{}\"", value.trim_end().replace('\n', "\\n")));
    }
}

/// A partner's name, or a bank's.
fn name(text: &str) -> Result<String, String> {
    crate::cli::name(text, NAME_CHARS_MAX)
}

/// A partner's id.
fn asp(text: &str) -> Result<AspId, String> {
    if text.len() != ASP_DIGITS || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(format!("a partner's id has {ASP_DIGITS} digits"));
    }
    if text == PLATFORM {
        return Err(format!("{PLATFORM} is the platform itself, and no partner"));
    }
    Ok(AspId::new(text))
}

/// A product's id.
fn service(text: &str) -> Result<ServiceId, String> {
    if text.len() != ASP_DIGITS || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(format!("a product's id has {ASP_DIGITS} digits"));
    }
    Ok(ServiceId::new(text))
}

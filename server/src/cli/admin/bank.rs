//! `platen admin bank`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::partner::Standing;
use serde_json::{Value, json};
use store::Tx;
use store::tables::banks::{self, Bank as Row};

use super::{Common, Doing, checked, done, name, opened, say_list, say_one, turn};
use crate::cli::{Outcome, say};
use crate::onboarding::{bank, look, perform};
use crate::operator::{Mode, moment};

/// Digits of a bank's code.
const CODE_DIGITS: usize = 3;
/// The command's name.
const CREATE: [&str; 3] = ["admin", "bank", "create"];

/// List banks that members' accounts are with, and say which of them takes no orders, as in its
/// nightly maintenance.
///
/// A bank that is not listed is taken as active. While one is suspended no fee is ordered from an
/// account there: it is refused with 003_051, as where the order never reached the bank. Orders
/// that were sent before are inquired about and settled; money that is to go back to an account
/// there waits.
///
/// Examples:
///   platen admin bank create 088 --name Shinhan --by kim --reason "for its maintenance"
///   platen admin bank suspend 088 --by kim --reason "maintenance 00:00 to 00:30"
///   platen admin bank list
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Bank {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Show(Show),
    Suspend(Suspend),
    Resume(Resume),
    Discard(Discard),
}

/// List a bank, active.
///
/// Examples:
///   platen admin bank create 088 --name Shinhan --by kim --reason "for its maintenance"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Create {
    /// Its code, 3 digits.
    #[arg(value_name = "CODE", value_parser = code)]
    code: String,
    /// Its name, up to 80 characters.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    #[command(flatten)]
    doing: Doing,
}

/// Print the banks that are listed.
///
/// Examples:
///   platen admin bank list --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// Show a bank.
///
/// Examples:
///   platen admin bank show 088
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    /// Its code.
    #[arg(value_name = "CODE", value_parser = code)]
    code: String,
    #[command(flatten)]
    common: Common,
}

/// Send no order to a bank for now.
///
/// Examples:
///   platen admin bank suspend 088 --by kim --reason "maintenance 00:00 to 00:30"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    /// Its code.
    #[arg(value_name = "CODE", value_parser = code)]
    code: String,
    #[command(flatten)]
    doing: Doing,
}

/// Send orders to a suspended bank again. Money that has waited goes back within a minute.
///
/// Examples:
///   platen admin bank resume 088 --by kim --reason "maintenance is over"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    /// Its code.
    #[arg(value_name = "CODE", value_parser = code)]
    code: String,
    #[command(flatten)]
    doing: Doing,
}

/// Send no order to a bank any more, for good. Money that is to go back to an account there goes to
/// the account that its member is charged from now, or waits until there is another one.
///
/// Examples:
///   platen admin bank discard 088 --by kim --reason "merged into 004"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    /// Its code.
    #[arg(value_name = "CODE", value_parser = code)]
    code: String,
    #[command(flatten)]
    doing: Doing,
}

fn code(text: &str) -> Result<String, String> {
    if text.len() != CODE_DIGITS || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(format!("a bank's code has {CODE_DIGITS} digits"));
    }
    Ok(text.to_owned())
}

impl Bank {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { code, doing }) => {
                set_state("suspend", &code, Standing::Suspended, &doing)
            }
            Command::Resume(Resume { code, doing }) => {
                set_state("resume", &code, Standing::Active, &doing)
            }
            Command::Discard(Discard { code, doing }) => {
                set_state("discard", &code, Standing::Discarded, &doing)
            }
        }
    }
}

impl Create {
    fn run(self) -> Outcome {
        let change = match checked(&CREATE, &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let (store, _) = opened(&self.doing.common)?;
        let (code, name) = (self.code.clone(), self.name.clone());
        perform(&store, mode, move |tx| bank::create(tx, (&code, &name), &change))?;
        store.close();
        if self.doing.common.json {
            say(json!({ "bankCode": self.code, "isDone": mode == Mode::Real }));
        } else {
            done(mode, &format!("bank {}, {}, is listed", self.code, self.name));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, |tx| Ok(banks::all(tx)?))?;
        store.close();
        say_list(self.common.json, "banks", &all, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let found = look(&store, move |tx| bank::show(tx, &self.code))?;
        store.close();
        say_one(self.common.json, &found, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, code: &str, to: Standing, doing: &Doing) -> Outcome {
    let (what, code) = (format!("bank {code}"), code.to_owned());
    let shown = json!({ "bankCode": code, "state": to.name() });
    turn(&["admin", "bank", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| bank::set_state(tx, (&code, to), &change)
    })
}

fn line(bank: &Row) -> String {
    let made = moment(bank.made_at);
    format!("{}  {:<9}  {}  listed {made}", bank.code, bank.state.name(), bank.name)
}

fn as_json(bank: &Row) -> Value {
    json!({
        "bankCode": bank.code,
        "name": bank.name,
        "state": bank.state.name(),
        "madeAt": moment(bank.made_at),
    })
}

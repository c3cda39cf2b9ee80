//! `platen keys`.

mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use crypto::keyring::KeyPurpose;
use domain::AspId;
use rustix::process::getuid;
use store::{Store, Tx};

use super::{Database, Failure, Outcome, say};
use crate::context::{Clock, Core};
use crate::keys::change::{self, Change};
use crate::keys::partner::{self, NewPair};
use crate::keys::reseal::{self, Resealed};
use crate::keys::{BEGIN_MS, KeysError, unwrapped};
use crate::sandbox::keys::{Credentials, rotate, rotate_master};
use crate::sandbox::run::open;
use crate::sandbox::{ASP_ID, PROJECT_ID};
use crate::settings::Settings;

/// Milliseconds in a second.
const SECOND_MS: u64 = 1_000;
/// Characters of a reason at the most.
const REASON_MAX: usize = 200;
/// Digits in a row that make a reason look like a card number.
const REASON_DIGITS_MAX: usize = 12;

/// List, rotate and retire keys, while servers run.
///
/// A rotated key makes new values from a moment on that every server has heard of before; what
/// the old one made stays readable until the old one is retired, which is refused as long as
/// anything depends on it. No command prints a key. Every change is a row of the operation log.
///
/// Examples:
///   platen keys list
///   platen keys rotate data_key --reason "yearly"
///   platen keys reseal data_key --reason "yearly"
///   platen keys retire data_key 1 --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    List(list::List),
    Rotate(Rotate),
    Reseal(Reseal),
    Retire(Retire),
}

/// What a key is for.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Purpose {
    /// Wraps all others.
    Master,
    /// Seals values at rest.
    DataKey,
    /// Finds cards by their numbers.
    Lookup,
    /// Makes CVCs.
    CardVerification,
    /// Makes card numbers of new ranges.
    Number,
    /// Recognises calls and access keys.
    Digest,
    /// Seals the operation log.
    Audit,
    /// A partner's pair for requests and answers.
    Crypto,
}

impl Purpose {
    /// The platform's own keys that a ring holds.
    const fn of_platform(self) -> Option<KeyPurpose> {
        match self {
            Purpose::DataKey => Some(KeyPurpose::DataKey),
            Purpose::Lookup => Some(KeyPurpose::Lookup),
            Purpose::CardVerification => Some(KeyPurpose::CardVerification),
            Purpose::Number => Some(KeyPurpose::Number),
            Purpose::Digest => Some(KeyPurpose::Digest),
            Purpose::Audit => Some(KeyPurpose::Audit),
            Purpose::Master | Purpose::Crypto => None,
        }
    }
}

/// Why something is changed.
#[derive(Args)]
struct Why {
    /// Why, for the operation log: up to 200 characters, no card numbers.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_MAX || text.contains(char::is_control) {
        return Err(format!("a reason has 1 to {REASON_MAX} characters on one line"));
    }
    let mut digits = 0;
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > REASON_DIGITS_MAX {
            return Err("a reason has no card number in it".to_owned());
        }
    }
    Ok(text.to_owned())
}

impl Why {
    fn change(&self) -> Change {
        let by = format!("uid {}", getuid().as_raw());
        Change { by, reason: self.reason.clone(), now: Clock.now() }
    }
}

/// Whose crypto key.
#[derive(Args)]
struct Partner {
    /// Of crypto keys: the partner.
    #[arg(long, value_name = "ASP", default_value = ASP_ID)]
    partner: String,
}

/// Put a new key in use.
///
/// A new key begins after a pause in which all servers read it; a new master key and a new crypto
/// key are there at once. A number key serves new number ranges alone. A project has two live
/// crypto keys at the most; in a sandbox `platen credentials` prints the new one.
///
/// Examples:
///   platen keys rotate lookup --reason "two years old"
///   platen keys rotate master --reason "an operator has left" --database /tmp/s.db
///   platen keys rotate crypto --partner 000170000000000 --project 1 --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Rotate {
    /// Which key.
    #[arg(value_name = "KEY")]
    purpose: Purpose,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    partner: Partner,
    /// Of crypto keys: the project.
    #[arg(long, value_name = "N", default_value_t = PROJECT_ID)]
    project: i64,
    /// When the new key begins, seconds from now; fewer than 30 are safe only where every server
    /// has its database and a right clock.
    #[arg(long, value_name = "SECONDS", default_value_t = BEGIN_MS / SECOND_MS,
        value_parser = clap::value_parser!(u64).range(3..=86_400))]
    active_in: u64,
    #[command(flatten)]
    database: Database,
}

/// Move what old keys made over to the key in use, in small batches, while servers run.
///
/// Of a data key: all sealed values are sealed anew. Of a lookup key: all cards are indexed anew.
/// It may be stopped and run again.
///
/// Examples:
///   platen keys reseal data_key --reason "yearly"
///   platen keys reseal lookup --reason "two years old"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Reseal {
    /// Which key.
    #[arg(value_name = "KEY", value_parser = ["data_key", "lookup"])]
    purpose: String,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    database: Database,
}

/// Retire an old key: it is gone for good.
///
/// Refused while the key makes new values, for a minute after, and as long as any row depends on
/// it. A digest key is needed for as long as calls of its time are remembered, an audit key for as
/// long as its seals are kept. Calls that name a retired crypto key are refused within seconds.
///
/// Examples:
///   platen keys retire data_key 1 --reason "yearly"
///   platen keys retire crypto 5f0c9e... --partner 000170000000000 --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Retire {
    /// Which kind of key.
    #[arg(value_name = "KEY")]
    purpose: Purpose,
    /// Its id, as `platen keys list` prints it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    partner: Partner,
    #[command(flatten)]
    database: Database,
}

impl Keys {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::List(command) => command.run(),
            Command::Rotate(command) => command.run(),
            Command::Reseal(command) => command.run(),
            Command::Retire(command) => command.run(),
        }
    }
}

fn opened(database: &Database) -> Result<(Store, Core), Failure> {
    Ok(open(&database.target()?, &Settings::default(), false)?)
}

impl Rotate {
    fn run(self) -> Outcome {
        let (store, core) = opened(&self.database)?;
        let change = self.why.change();
        match self.purpose {
            Purpose::Master => {
                let work = move |tx: &mut Tx<'_>| rotate_master(tx, &change);
                let generation = store.write_blocking(work).map_err(unwrapped)?;
                say(format_args!("master key {generation} wraps all keys"));
            }
            Purpose::Crypto => {
                let id = self.crypto(&store, &core, change)?;
                say(format_args!("crypto key {id} is live; the one before it serves as well"));
            }
            Purpose::DataKey
            | Purpose::Lookup
            | Purpose::CardVerification
            | Purpose::Number
            | Purpose::Digest
            | Purpose::Audit => {
                if let Some(purpose) = self.purpose.of_platform() {
                    let from = change.now.plus_ms(self.active_in * SECOND_MS);
                    let work = move |tx: &mut Tx<'_>| rotate(tx, purpose, from, &change);
                    let id = store.write_blocking(work).map_err(unwrapped)?;
                    let seconds = self.active_in;
                    say(format_args!("key {id} for {purpose} begins in {seconds} s"));
                }
            }
        }
        store.close();
        Ok(ExitCode::SUCCESS)
    }

    /// Makes a pair and gives it to the project; in a sandbox, to the developer as well.
    fn crypto(&self, store: &Store, core: &Core, change: Change) -> Result<String, KeysError> {
        let pair = NewPair::make()?;
        let id = pair.id.clone();
        let (asp, project) = (AspId::new(&self.partner.partner), self.project);
        let keys = core.keys.clone();
        let work = move |tx: &mut Tx<'_>| {
            let ring = keys.ring();
            partner::rotate(tx, &ring, &asp, project, &pair, &change)?;
            match (asp.as_str(), project) {
                (ASP_ID, PROJECT_ID) => Credentials::replace_pair(tx, &asp, &ring, &pair),
                _ => Ok(()),
            }
        };
        store.write_blocking(work).map_err(unwrapped)?;
        Ok(id)
    }
}

impl Reseal {
    fn run(self) -> Outcome {
        let (store, core) = opened(&self.database)?;
        let change = self.why.change();
        let Resealed { rows } = match self.purpose.as_str() {
            "lookup" => reseal::lookup(&store, &core, &change)?,
            _ => reseal::data(&store, &core, &change)?,
        };
        say(format_args!("{rows} values moved over to the key in use"));
        store.close();
        Ok(ExitCode::SUCCESS)
    }
}

impl Retire {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.database)?;
        let change = self.why.change();
        let id = self.id.clone();
        match (self.purpose, self.purpose.of_platform()) {
            (_, Some(purpose)) => {
                let number = || Failure(format!("`{id}` is no id of a key for {purpose}"));
                let id: i64 = self.id.parse().map_err(|_| number())?;
                let now = change.now;
                let check = move |tx: &mut Tx<'_>| change::may_retire(tx, purpose, id, now);
                store.read_blocking(check).map_err(unwrapped)?;
                let work = move |tx: &mut Tx<'_>| change::retire(tx, purpose, id, &change);
                store.write_blocking(work).map_err(unwrapped)?;
                say(format_args!("key {id} for {purpose} is retired"));
            }
            (Purpose::Crypto, None) => {
                let asp = AspId::new(&self.partner.partner);
                let work = move |tx: &mut Tx<'_>| partner::retire(tx, &asp, &self.id, &change);
                store.write_blocking(work).map_err(unwrapped)?;
                say(format_args!("crypto key {id} is retired"));
            }
            (_, None) => {
                return Err(Failure(
                    "a master key is retired by the one that takes its place: rotate it".to_owned(),
                ));
            }
        }
        store.close();
        Ok(ExitCode::SUCCESS)
    }
}

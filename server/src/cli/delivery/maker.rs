//! `platen delivery maker`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crypto::jwe::{KeyError, PublicKey};
use serde_json::{Value, json};
use store::{Tx, TxError, WriteError};

use super::{Common, Failure, Outcome, id};
use crate::cli::key_file::{cannot, pem};
use crate::cli::say;
use crate::cli::why::{Trying, done};
use crate::delivery::file::key_name;
use crate::delivery::makers::{self, Maker, NAME_CHARS_MAX};
use crate::op::{Done, NoRefusal};
use crate::operator::{Mode, perform};

/// Add and list card makers.
///
/// Examples:
///   platen delivery maker add --id M1 --name "Seoul Card" --key maker.pem
///   platen delivery maker list
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Makers {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Add(Add),
    List(List),
}

/// Add a card maker, or give one that there is a new name and key.
///
/// Files for it are encrypted to the key from then on, and files from it must name that key.
///
/// Examples:
///   platen delivery maker add --id M1 --name "Seoul Card" --key maker.pem
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Add {
    /// Its id: letters, digits and hyphens.
    #[arg(long, value_name = "ID", value_parser = id)]
    id: String,
    /// Its name, up to 100 characters.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// Its RSA public key, 2,048 to 4,096 bits: a PEM file with a block PUBLIC KEY.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    common: Common,
}

/// List the card makers.
///
/// Examples:
///   platen delivery maker list --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    #[command(flatten)]
    common: Common,
}

fn name(text: &str) -> Result<String, String> {
    crate::cli::name(text, NAME_CHARS_MAX)
}

impl Makers {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Add(command) => command.run(),
            Command::List(command) => command.run(),
        }
    }
}

fn failed(error: &WriteError<crate::op::Stop<NoRefusal>>) -> Failure {
    match error {
        WriteError::Unavailable(cause) => Failure(format!("the database failed: {cause}")),
        WriteError::Refused(_) => Failure("the database failed".to_owned()),
        WriteError::Fault(fault) => Failure(format!("the database failed: {}", fault.message())),
    }
}

impl Add {
    fn run(self) -> Outcome {
        let wrong = |error: KeyError| cannot(&self.key, &error);
        let key = PublicKey::from_spki_pem(&pem(&self.key)?).map_err(wrong)?;
        let der = key.to_spki_der().map_err(wrong)?;
        let (store, _) = self.common.platform.open()?;
        let (asp, id, named) = (self.common.asp()?, self.id.clone(), key_name(&der));
        let mode = self.trying.mode();
        let work = move |tx: &mut Tx<'_>| -> Result<(), TxError<String>> {
            Ok(makers::add(tx, &asp, &self.id, &self.name, &der)?)
        };
        perform(&store, mode, work, |told| told)
            .map_err(|told| Failure(format!("the database failed: {told}")))?;
        store.close();
        if self.common.json {
            say(json!({ "id": id, "key": named, "isDone": mode == Mode::Real }));
        } else {
            done(mode, &format!("card maker {id} with key {named}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = self.common.platform.open()?;
        let asp = self.common.asp()?;
        let work =
            move |tx: &mut Tx<'_>| -> Done<Vec<Maker>, NoRefusal> { Ok(makers::all(tx, &asp)?) };
        let all = store.read_blocking(work).map_err(|error| failed(&error))?;
        store.close();
        if self.common.json {
            let all: Vec<Value> = all.iter().map(as_json).collect();
            say(format_args!("{:#}", json!({ "makers": all })));
            return Ok(ExitCode::SUCCESS);
        }
        for maker in all {
            let (id, name, key) = (&maker.id, &maker.name, key_name(&maker.public_key));
            let (out, back) = (maker.next_sequence, maker.next_return_sequence);
            say(format_args!("{id}  {name}  next out {out}, next back {back}, key {key}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json(maker: &Maker) -> Value {
    json!({
        "id": maker.id,
        "name": maker.name,
        "key": key_name(&maker.public_key),
        "nextSequence": maker.next_sequence,
        "nextReturnSequence": maker.next_return_sequence,
    })
}

//! `platen credentials`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::AspId;
use store::{Target, Tx};

use super::{Database, Failure, Outcome, say};
use crate::sandbox::ASP_ID;
use crate::sandbox::keys::{self, unwrapped};
use crate::sandbox::run::open;
use crate::settings::Settings;

/// Print a sandbox project's keys.
///
/// Examples:
///   platen credentials > .env
///   platen credentials --format json --database /tmp/s.db
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Credentials {
    #[command(flatten)]
    database: Database,
    /// How they are printed.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Dotenv)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Dotenv,
    Json,
}

impl Credentials {
    pub(super) fn run(self) -> Outcome {
        let read = read(&self.database.target()?)?;
        match self.format {
            Format::Dotenv => {
                for (name, value) in read.variables() {
                    say(format_args!("{name}=\"{}\"", value.trim_end().replace('\n', "\\n")));
                }
            }
            Format::Json => say(format_args!("{:#}", read.to_json())),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The credentials that a sandbox's database holds.
pub(super) fn read(target: &Target) -> Result<keys::Credentials, Failure> {
    let (store, core) = open(target, &Settings::default(), false)?;
    let ring = core.keys.ring();
    let work = move |tx: &mut Tx<'_>| keys::Credentials::read(tx, &AspId::new(ASP_ID), &ring);
    Ok(store.read_blocking(work).map_err(unwrapped)?)
}

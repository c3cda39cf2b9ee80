//! `platen keys init` and `platen keys master`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::super::why::Acting;
use super::super::{Outcome, misused, say};
use crate::production::config::Config;
use crate::production::{init, master};
use crate::settings::SettingFlags;

/// Make an empty database that of a production platform, with its keys.
///
/// The schema is made, the database is marked PRODUCTION for ever, and all keys are made, wrapped
/// under the master key. Refused on a sandbox's database and on one that has its keys. Who did it
/// and why is a row of the operation log.
///
/// Examples:
///   platen keys init --config /etc/platen/platen.toml --by a.kim --reason "first start"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Init {
    /// The platform's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    acting: Acting,
}

impl Init {
    pub(super) fn run(self) -> Outcome {
        let change = match self.acting.change() {
            Ok(change) => change,
            Err(sentence) => return Ok(misused(&["keys", "init"], &sentence)),
        };
        let config = Config::read(&self.config, &SettingFlags::default())?;
        let keys = init(&config, change)?;
        say(format_args!("{} is a production platform's now, with {keys} keys", config.database()));
        Ok(ExitCode::SUCCESS)
    }
}

/// Make a new master key, in a new file that nobody else can read.
///
/// Without the master key nothing in the database can be read, by nobody: keep a copy of the file
/// where the database is not.
///
/// Examples:
///   platen keys master --out /etc/platen/master.key
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Master {
    /// The file; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Master {
    pub(super) fn run(self) -> Outcome {
        let id = master::make(&self.out)?;
        say(format_args!(
            "master key {id} is in {}: keep a copy away from the database",
            self.out.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

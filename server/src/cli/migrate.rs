//! `platen migrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use store::Target;
use store::moving::{MoveError, Reached};

use super::why::Acting;
use super::{Failure, Outcome, misused, say};
use crate::moving::{Compared, Kind, Moving, migrate};
use crate::operator::Mode;
use crate::production::config::Config;
use crate::production::master::Master;
use crate::sandbox::run::bank_file_beside;
use crate::settings::SettingFlags;

/// Move a whole platform into another database: from SQLite to PostgreSQL, or back.
///
/// Every row is copied into an empty database and then compared there, in both directions. From the
/// first row on the old database takes no writes: calls to servers that still run are answered as
/// unavailable. At the end the old one is fenced for ever: no server starts on it, and one that
/// runs can write no more. Interrupted, run it again: until its last moments the old database stays
/// in use, and what was half copied is opened by nobody. See docs/operations/scaling.md.
///
/// Examples:
///   platen migrate --config old.toml --to-config new.toml --by kim --reason "growing" --dry-run
///   platen migrate --config old.toml --to-config new.toml --by kim --reason "growing"
///   platen migrate --from sandbox.db --to postgres://platen@127.0.0.1/platen --by kim --reason test
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Migrate {
    /// A sandbox's database: SQLite file or postgres:// URL.
    #[arg(
        long,
        value_name = "PATH-or-URL",
        requires = "to",
        conflicts_with = "config",
        required_unless_present = "config"
    )]
    from: Option<String>,
    /// The empty database that it is moved into; a missing file is made.
    #[arg(long, value_name = "PATH-or-URL", requires = "from")]
    to: Option<String>,
    /// A production platform's configuration.
    #[arg(long, value_name = "FILE", requires = "to_config")]
    config: Option<PathBuf>,
    /// Its configuration from then on: another database, the same master key.
    #[arg(long, value_name = "FILE", requires = "config")]
    to_config: Option<PathBuf>,
    /// Tell what would be moved; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    acting: Acting,
}

/// Where from, where to, and what it is.
struct Ends {
    from: Target,
    to: Target,
    kind: Kind,
}

impl Migrate {
    pub(super) fn run(self) -> Outcome {
        let change = match self.acting.change() {
            Ok(change) => change,
            Err(sentence) => return Ok(misused(&["migrate"], &sentence)),
        };
        let ends = match self.ends()? {
            Ok(ends) => ends,
            Err(sentence) => return Ok(misused(&["migrate"], &sentence)),
        };
        let mode = Mode::dry_if(self.dry_run);
        let Ends { from, to, kind } = ends;
        let is_sandbox = matches!(kind, Kind::Sandbox);
        let is_told = !self.json;
        let on_step = Box::new(move |step: &Reached| tell_step(step, is_told));
        let moving = Moving { from: &from, to: &to, kind, change, on_step };
        let compared = migrate(moving, mode)?;
        if self.json {
            say(format_args!("{:#}", as_json(&compared, (&from, &to), mode)));
        } else {
            tell(&compared, (&from, &to), mode, is_sandbox);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The databases; within, a sentence where the command line is wrong.
    fn ends(&self) -> Result<Result<Ends, String>, Failure> {
        if let (Some(config), Some(to_config)) = (&self.config, &self.to_config) {
            let flags = SettingFlags::default();
            let (old, new) = (Config::read(config, &flags)?, Config::read(to_config, &flags)?);
            let kind = Kind::Production(Master::read(&new.master_key)?.master_of());
            return Ok(Ok(Ends { from: old.target()?, to: new.target()?, kind }));
        }
        let target = |text: &Option<String>, name: &str| {
            let parsed = Target::parse(text.as_deref().unwrap_or_default());
            parsed.map_err(|error| format!("{name}: {error}"))
        };
        let ends = target(&self.from, "--from").and_then(|from| {
            let to = target(&self.to, "--to")?;
            Ok(Ends { from, to, kind: Kind::Sandbox })
        });
        Ok(ends)
    }
}

fn tell_step(step: &Reached, is_told: bool) -> Result<(), MoveError> {
    if !is_told {
        return Ok(());
    }
    match step {
        Reached::Held => say("the old database takes no writes from now on"),
        Reached::Copied(table, rows) => say(format_args!("{table}: {rows} rows copied")),
        Reached::Compared(..) => {}
        Reached::Verified => say("every row was compared in both directions"),
        Reached::SourceGivenUp => say("the old database is fenced for ever"),
        Reached::Done => say("the new database is complete"),
    }
    Ok(())
}

fn as_json(compared: &[Compared], (from, to): (&Target, &Target), mode: Mode) -> serde_json::Value {
    let tables = compared
        .iter()
        .map(|one| json!({ "table": one.table, "rows": one.rows, "sha256": one.digest }));
    json!({
        "dryRun": mode == Mode::Dry,
        "from": from.to_string(),
        "to": to.to_string(),
        "rows": compared.iter().map(|one| one.rows).sum::<u64>(),
        "tables": tables.collect::<Vec<_>>(),
    })
}

fn tell(compared: &[Compared], (from, to): (&Target, &Target), mode: Mode, is_sandbox: bool) {
    for Compared { table, rows, digest } in compared {
        let digest = digest.as_deref().unwrap_or_default();
        say(format_args!("{table}: {rows} rows {digest}").to_string().trim_end());
    }
    let (tables, rows) = (compared.len(), compared.iter().map(|one| one.rows).sum::<u64>());
    match mode {
        Mode::Dry => {
            say(format_args!("{rows} rows of {tables} tables would be moved from {from} to {to}"));
            say("nothing was written");
        }
        Mode::Real => {
            say(format_args!("{rows} rows of {tables} tables are in {to}: start servers on it"));
        }
    }
    if is_sandbox && mode == Mode::Real {
        let file = bank_file_beside(from);
        say(format_args!("its simulated bank stays where it is: --bank-file {}", file.display()));
    }
}

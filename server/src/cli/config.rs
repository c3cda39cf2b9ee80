//! `platen config`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, Outcome, say};
use crate::context::Clock;
use crate::production::config::{self, Shown};
use crate::settings::SettingFlags;

/// Check and show the configuration of a production platform.
///
/// Examples:
///   platen config check --config /etc/platen/platen.toml
///   platen config show --config /etc/platen/platen.toml
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Check(Box<Check>),
    Show(Box<Show>),
}

/// Which configuration, and the flags that come before it.
#[derive(Args)]
struct Which {
    /// The platform's configuration (docs/reference/settings.md).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Say all that is wrong with a configuration.
///
/// Its text, the ranges of its settings, its addresses, and the files that it names: that they are
/// there, that nobody else reads a secret, that the certificate fits its key and has not expired.
/// Database and bank are not asked; a command or a descriptor that gives the master key neither.
/// Ends with 1 where anything is wrong.
///
/// Examples:
///   platen config check --config /etc/platen/platen.toml
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Check {
    #[command(flatten)]
    which: Which,
}

/// Print each setting with its value and where that comes from.
///
/// The sources are: flag, variable, file, default. Of secrets the files are shown alone.
///
/// Examples:
///   platen config show --config /etc/platen/platen.toml
///   platen config show --config /etc/platen/platen.toml --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

impl Config {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Check(command) => command.run(),
            Command::Show(command) => command.run(),
        }
    }
}

impl Check {
    fn run(self) -> Outcome {
        let Which { config, flags } = self.which;
        let shown = config.display();
        match config::Config::check(&config, &flags, Clock.now()) {
            Ok(()) => {
                say(format_args!("{shown} is right"));
                Ok(ExitCode::SUCCESS)
            }
            Err(problems) => {
                for problem in &problems.all {
                    say(problem);
                }
                let count = problems.all.len();
                let things = if count == 1 { "thing is" } else { "things are" };
                Err(Failure(format!("{count} {things} wrong with {shown}")))
            }
        }
    }
}

impl Show {
    fn run(self) -> Outcome {
        let config = config::Config::read(&self.which.config, &self.which.flags)?;
        if self.json {
            let all: Vec<Value> = config.shown.iter().map(as_json).collect();
            say(format_args!("{:#}", json!({ "settings": all })));
        } else {
            say(format_args!("{:<28} {:<9} VALUE", "SETTING", "SOURCE"));
            for Shown { name, value, source } in &config.shown {
                let value = value.as_deref().unwrap_or("(not set)");
                say(format_args!("{name:<28} {:<9} {value}", source.name()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json(shown: &Shown) -> Value {
    json!({ "name": shown.name, "value": shown.value, "source": shown.source.name() })
}

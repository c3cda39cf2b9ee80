//! `platen scenarios`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Outcome, no_operation, say};
use crate::ops::Operations;

/// Print the scenarios: what is asked and what is answered.
///
/// Members and card numbers are the same in every sandbox. In the JSON form a value that differs
/// from call to call stands as {"pattern": "..."}, a regular expression for it.
///
/// Examples:
///   platen scenarios
///   platen scenarios prepaid-card.reissue --format json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Scenarios {
    /// Of this operation alone.
    operation: Option<String>,
    /// How they are printed.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Scenarios {
    pub(super) fn run(self) -> Outcome {
        let operations = Operations::load()?;
        let entries = operations.registry().entries().iter();
        let wanted: Vec<_> = entries
            .filter(|entry| self.operation.as_deref().is_none_or(|id| id == entry.spec.id))
            .collect();
        if wanted.is_empty() {
            let id = self.operation.unwrap_or_default();
            return Err(no_operation(&operations, &id));
        }
        match self.format {
            Format::Json => {
                let all: Vec<Value> =
                    wanted.iter().flat_map(|entry| entry.scenarios_json()).collect();
                say(format_args!("{:#}", Value::from(all)));
            }
            Format::Text => {
                for entry in wanted {
                    say(format_args!("{}  POST {}", entry.spec.id, entry.spec.path));
                    for told in &entry.scenarios {
                        say(format_args!("  {:<26} {}  {}", told.name, told.code, told.title));
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

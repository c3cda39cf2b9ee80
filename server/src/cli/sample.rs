//! `platen sample`.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use contract::{Entry, Scenario};

use super::call::scenario;
use super::{Failure, Outcome, no_operation, say};
use crate::ops::Operations;
use crate::portal::samples;

/// Print a program that makes one signed and encrypted call.
///
/// It has nothing of yours in it: it reads the keys from credentials.json in its folder, and calls
/// the server that the variable PLATEN_URL names (http://127.0.0.1:8080 where it names none). How
/// it is run stands in its first lines.
///
/// Examples:
///   platen credentials --format json > credentials.json
///   platen sample prepaid-card.reissue --language node > call.mjs
///   platen sample prepaid-card.reissue --language java --scenario mobile-only > Call.java
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Sample {
    /// The operation's id (see `platen scenarios`).
    operation: String,
    /// The scenario whose request it sends [default: the first that succeeds].
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The language of the program.
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_parser = PossibleValuesParser::new(samples::languages())
    )]
    language: String,
}

impl Sample {
    pub(super) fn run(self) -> Outcome {
        let operations = Operations::load()?;
        let entry = operations
            .registry()
            .by_id(&self.operation)
            .ok_or_else(|| no_operation(&operations, &self.operation))?;
        let told = match &self.scenario {
            Some(name) => scenario(entry, name)?,
            None => first_success(entry)?,
        };
        let all = samples::of(entry, told);
        for sample in all.iter().filter(|sample| sample.language == self.language) {
            say(sample.code.trim_end());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn first_success(entry: &Entry) -> Result<&Scenario, Failure> {
    let found = entry.scenarios.iter().find(|scenario| scenario.status == 200);
    found.ok_or_else(|| Failure(format!("{} has no scenario that succeeds", entry.spec.id)))
}

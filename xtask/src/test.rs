//! `test`: every check and every test, in the order in which a mistake is cheapest to find.

mod steps;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::postgres::{Durability, Postgres};
use crate::tally::Tally;
use crate::tools::{self, Tool};
use crate::{Outcome, environment, say, usage};

use steps::STEPS;

/// Names a PostgreSQL server on which tests may create databases.
const POSTGRES_URL: &str = "PLATEN_TEST_POSTGRES";

/// Names the folder of PostgreSQL's programs, for tests that start servers of their own.
const POSTGRES_PROGRAMS: &str = "PLATEN_TEST_POSTGRES_PROGRAMS";

/// A step of `test`.
struct Step {
    /// What `--only` calls it.
    name: &'static str,
    /// What it does.
    doc: &'static str,
    /// What it needs beside Rust.
    needs: &'static [Tool],
    run: fn(&Bench) -> Result<Tally, Failed>,
}

/// Why a step failed, where its output has not told, and what was counted in it.
struct Failed {
    tally: Tally,
    reason: Option<String>,
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Failed { tally: Tally::default(), reason: Some(reason) }
    }
}

/// What the steps work with.
#[derive(Default)]
struct Bench {
    /// The programs found or installed.
    tools: Vec<(Tool, PathBuf)>,
    postgres_url: Option<String>,
    /// PostgreSQL's programs, where it was started from them.
    postgres_programs: Option<PathBuf>,
    /// Kept until the steps have ended.
    _postgres: Option<Postgres>,
}

impl Bench {
    /// Finds or installs what these steps need.
    fn prepare(steps: &[&Step]) -> Result<Self, String> {
        let mut bench = Bench::default();
        let mut needs: Vec<Tool> = Vec::new();
        for tool in steps.iter().flat_map(|step| step.needs) {
            if !needs.contains(tool) {
                needs.push(*tool);
            }
        }
        for tool in needs.iter().filter(|tool| **tool != Tool::Postgres) {
            bench.tools.push((*tool, tools::ensure(*tool)?));
        }
        if needs.contains(&Tool::Postgres) {
            if let Some(given) = environment::variable(POSTGRES_URL) {
                say::line(&format!("Using the PostgreSQL server that {POSTGRES_URL} names"));
                bench.postgres_url = Some(given.to_string_lossy().into_owned());
                return Ok(bench);
            }
            let programs = tools::ensure(Tool::Postgres)?;
            let server = Postgres::start(&programs, Durability::NotFlushed)?;
            bench.postgres_programs = Some(programs);
            say::line(&format!("Started PostgreSQL for the tests: {}", server.url()));
            bench.postgres_url = Some(server.url());
            bench._postgres = Some(server);
        }
        Ok(bench)
    }

    /// A program that the step needs.
    fn tool(&self, wanted: Tool) -> Result<&Path, String> {
        let found = self.tools.iter().find(|(tool, _)| *tool == wanted);
        let path = found.map(|(_, path)| path.as_path());
        path.ok_or_else(|| format!("the step does not say that it needs {}", wanted.name()))
    }
}

/// The steps, and how to have a PostgreSQL of one's own used.
pub(crate) fn details() -> Result<String, String> {
    let steps = STEPS.iter().map(|step| format!("  {:<12} {}", step.name, step.doc));
    let steps: Vec<String> = steps.collect();
    Ok(format!(
        "The steps, in their order; the first that fails ends the run:\n\n{}\n\n\
         {POSTGRES_URL}, where it is set, is the URL of the PostgreSQL server to be used,\n\
         on which databases may be created; else one is started in a temporary folder.",
        steps.join("\n")
    ))
}

pub(crate) fn command(arguments: &[&str]) -> Outcome {
    let steps = chosen(arguments)?;
    let bench = Bench::prepare(&steps)?;
    let begun = Instant::now();
    let mut sum = Tally::default();
    let mut failure = None;
    for step in steps {
        say::line(&format!("==> {}: {}", step.name, step.doc));
        let step_begun = Instant::now();
        let (tally, reason) = match (step.run)(&bench) {
            Ok(tally) => (tally.of_step(true), None),
            Err(failed) => (failed.tally.of_step(false), Some(failed.reason)),
        };
        sum += tally;
        let seconds = step_begun.elapsed().as_secs_f64();
        let end = if reason.is_none() { "passed" } else { "FAILED" };
        say::line(&format!("==> {} {end} after {seconds:.1} s", step.name));
        if let Some(reason) = reason {
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            failure = Some(format!("the step {} failed{reason}", step.name));
            break;
        }
    }
    drop(bench);
    say::line(&format!("All steps took {:.1} s", begun.elapsed().as_secs_f64()));
    if let Some(failure) = &failure {
        say::error(failure);
    }
    say::line(&sum.to_string());
    failure.map_or(Ok(()), |_| Err("not all tests passed".to_owned()))
}

fn chosen(arguments: &[&str]) -> Result<Vec<&'static Step>, String> {
    let name = match arguments {
        [] => return Ok(STEPS.iter().collect()),
        ["--only", name] => name,
        _ => return Err(usage("test")),
    };
    let step = STEPS.iter().find(|step| step.name == *name);
    step.map(|step| vec![step]).ok_or_else(|| {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        format!("`{name}` is no step; the steps are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_or_all_are_chosen() {
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        assert_eq!(chosen(&["--only", "fmt"]).unwrap()[0].name, "fmt");
        assert!(chosen(&["--only", "fmt", "clippy"]).is_err());
        assert!(
            chosen(&["--only", "nothing"]).err().unwrap().contains("tidy, fmt, alerts, clippy")
        );
    }
}

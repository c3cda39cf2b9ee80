//! `platen jobs`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bank::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, WithdrawAnswer,
    WithdrawOrder,
};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Logging, Outcome, Platform, runtime, say};
use crate::context::{App, Clock};
use crate::jobs::{Job, finish};
use crate::ops::Operations;
use crate::sandbox::clock;
use crate::settings::SettingFlags;

/// Run what has come due.
///
/// Examples:
///   platen jobs run
///   platen jobs run --job expiry --json
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Jobs {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Run(Box<Run>),
}

/// Run each job until nothing is left for it to do.
///
/// A server runs the jobs by itself; both may run at once. Ends with 1 where a job failed for a
/// partner. Jobs:
///   expiry    cards are told 60, 30 and 1 days ahead that they end, and expire
///   forget    remembered calls are forgotten after their window
///   erase     recipients of deliveries are erased
///   call-off  plastic that came back and nobody asks for is called off
///   delivery-files
///             files are exchanged with card makers, where --delivery-folder is given
///
/// Examples:
///   platen jobs run
///   platen jobs run --job expiry --json --database /tmp/s.db
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Run {
    /// This job alone.
    #[arg(long, value_name = "NAME", value_parser = job)]
    job: Option<Job>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    logging: Logging,
    #[command(flatten)]
    flags: SettingFlags,
}

fn job(name: &str) -> Result<Job, String> {
    let names = || Job::ALL.map(Job::name).join(", ");
    Job::parse(name).ok_or_else(|| format!("there is no such job; there are: {}", names()))
}

impl Jobs {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Run(command) => command.run(),
        }
    }
}

impl Run {
    fn run(self) -> Outcome {
        self.logging.start()?;
        let (store, core) = self.platform.open_with(&self.flags)?;
        let clock = Arc::new(Clock);
        let app = App::new(store, core, Operations::load()?, clock, Arc::new(NoBank))?;
        let reports = runtime()?.block_on(async {
            clock::refresh(&app).await?;
            let mut reports = Vec::new();
            for job in Job::ALL.into_iter().filter(|job| self.job.is_none_or(|it| it == *job)) {
                reports.push((job, finish(&app, job).await?));
            }
            Ok::<_, Failure>(reports)
        })?;
        app.store.close();
        if self.json {
            let all = reports.iter().map(|(job, report)| {
                json!({ "job": job.name(), "rows": report.rows, "failures": report.failures })
            });
            say(format_args!("{:#}", json!({ "jobs": all.collect::<Vec<_>>() })));
        } else {
            for (job, report) in &reports {
                let (job, rows, failures) = (job.name(), report.rows, report.failures);
                say(format_args!("{job}: {rows} rows, {failures} failures"));
            }
        }
        let has_failed = reports.iter().any(|(_, report)| report.failures > 0);
        Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// No bank: a job writes what is owed, and a server tells the bank.
struct NoBank;

const NO_BANK: &str = "a job asks no bank";

impl Bank for NoBank {
    fn withdraw(&self, _: &WithdrawOrder, _: Duration) -> BoxFuture<'_, WithdrawAnswer> {
        Box::pin(std::future::ready(WithdrawAnswer::NotSent))
    }

    fn deposit(&self, _: &DepositOrder, _: Duration) -> BoxFuture<'_, DepositAnswer> {
        Box::pin(std::future::ready(DepositAnswer::NotSent))
    }

    fn inquire(&self, _: &InquiryOrder, _: Duration) -> BoxFuture<'_, InquiryAnswer> {
        Box::pin(std::future::ready(InquiryAnswer::Unknown { why: NO_BANK.to_owned() }))
    }
}

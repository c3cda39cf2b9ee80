//! The command line.

mod admin;
mod audit;
mod backup;
mod bank_sim;
pub mod bench;
mod call;
mod caller;
mod card;
mod config;
mod credentials;
mod delivery;
mod demo;
mod fee;
mod jobs;
mod key_file;
mod keys;
mod migrate;
pub mod panics;
mod platform;
mod populate;
mod ready;
mod reconcile;
mod reference;
mod report;
mod restore_fence;
mod sample;
mod sandbox;
mod scenarios;
mod serve;
mod why;

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use store::Target;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::ops::Operations;
use crate::settings::{SettingFlags, Settings};
use platform::Platform;

/// The exit code where the command line is wrong, as clap has it.
const WRONG_USAGE: u8 = 2;

/// A prepaid-card issuing platform that speaks the KONA PLATE Open API.
///
/// Exit codes: 0 done; 1 it failed, or the answer was not the one expected; 2 the command line is
/// wrong; 3 `reconcile` has found differences.
#[derive(Parser)]
#[command(name = "platen", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type: a comment here would replace it.
#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Ready(ready::Ready),
    Config(config::Config),
    Demo(demo::Demo),
    Sandbox(Box<sandbox::Sandbox>),
    BankSim(bank_sim::BankSim),
    Credentials(credentials::Credentials),
    Scenarios(scenarios::Scenarios),
    Call(call::Call),
    Sample(sample::Sample),
    Populate(populate::Populate),
    Bench(bench::Bench),
    Admin(admin::Admin),
    Keys(keys::Keys),
    Audit(audit::Audit),
    Jobs(jobs::Jobs),
    Delivery(delivery::Delivery),
    Card(card::Card),
    Report(report::Report),
    Fee(fee::Fee),
    Reconcile(Box<reconcile::Reconcile>),
    Backup(backup::Backup),
    RestoreFence(Box<restore_fence::RestoreFence>),
    Migrate(Box<migrate::Migrate>),
    #[command(hide = true)]
    Reference(reference::Reference),
}

/// Why a command failed, as a sentence for its user.
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(error.to_string())
    }
}

type Outcome = Result<ExitCode, Failure>;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    panics::report();
    let outcome = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::Ready(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Sandbox(command) => command.run(),
        Command::BankSim(command) => command.run(),
        Command::Credentials(command) => command.run(),
        Command::Scenarios(command) => command.run(),
        Command::Call(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Populate(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Admin(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Jobs(command) => command.run(),
        Command::Delivery(command) => command.run(),
        Command::Card(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Fee(command) => command.run(),
        Command::Reconcile(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::RestoreFence(command) => command.run(),
        Command::Migrate(command) => command.run(),
        Command::Reference(command) => command.run(),
    };
    outcome.unwrap_or_else(|Failure(sentence)| {
        // There is nowhere else to say it.
        let _ = writeln!(std::io::stderr(), "platen: {sentence}");
        ExitCode::FAILURE
    })
}

/// Prints a line. A reader that has gone away is no failure.
fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// An amount of won, its thousands apart.
fn won(amount: i64) -> String {
    let digits = amount.unsigned_abs().to_string();
    let mut text = String::from(if amount < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Says what is wrong with the command line, for what clap cannot tell by itself, and as it does.
fn misused(command: &[&str], sentence: &str) -> ExitCode {
    let mut cli = Cli::command();
    cli.build();
    let found = command.iter().try_fold(&mut cli, |cli, name| cli.find_subcommand_mut(name));
    if let Some(command) = found {
        // There is nowhere else to say it.
        let _ = command.error(ErrorKind::ArgumentConflict, sentence).print();
    }
    ExitCode::from(WRONG_USAGE)
}

/// A name, as it may stand in a list: so many characters on one line.
fn name(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=chars_max).contains(&text.chars().count());
    if fits && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("a name has 1 to {chars_max} characters on one line"))
}

/// Which sandbox database.
#[derive(Args)]
struct Database {
    /// The sandbox's database: SQLite file or postgres:// URL.
    #[arg(long, value_name = "PATH-or-URL", default_value = "platen-data/sandbox.db")]
    database: String,
}

impl Database {
    fn target(&self) -> Result<Target, Failure> {
        Ok(Target::parse(&self.database)?)
    }
}

/// Logging.
#[derive(Args)]
struct Logging {
    /// How log lines look.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
    /// Where they go; what a command prints is on stdout in any case.
    #[arg(long, value_name = "STREAM", value_enum, default_value_t = LogTo::Stderr)]
    log_to: LogTo,
    /// What is logged: error, warn, info, debug, or a tracing filter.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

/// Settings and logging.
#[derive(Args)]
struct Common {
    /// TOML file with settings (docs/reference/settings.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    logging: Logging,
    #[command(flatten)]
    flags: SettingFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogTo {
    Stderr,
    Stdout,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

impl Common {
    fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::load(&self.flags, self.config.as_deref())?)
    }
}

impl Logging {
    fn start(&self) -> Result<(), Failure> {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log)
            .map_err(|error| Failure(format!("--log: {error}")))?;
        let writer = match self.log_to {
            LogTo::Stderr => BoxMakeWriter::new(std::io::stderr),
            LogTo::Stdout => BoxMakeWriter::new(std::io::stdout),
        };
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
        // A second start within one process keeps the first one's log.
        let _ = match self.log_format {
            LogFormat::Human => log.with_ansi(false).finish().with(filter_fn(is_safe)).try_init(),
            LogFormat::Json => {
                log.json().flatten_event(true).finish().with(filter_fn(is_safe)).try_init()
            }
        };
        Ok(())
    }
}

/// Whether a line may be logged, whatever `--log` asks for: below `info` the driver of PostgreSQL
/// logs the parameters of every statement.
fn is_safe(line: &tracing::Metadata<'_>) -> bool {
    !line.target().starts_with("tokio_postgres") || *line.level() <= tracing::Level::INFO
}

/// There is no such operation, but these.
fn no_operation(operations: &Operations, id: &str) -> Failure {
    let ids: Vec<_> = operations.handlers().iter().map(|handler| handler.entry.spec.id).collect();
    Failure(format!("there is no operation {id}; there are: {}", ids.join(", ")))
}

/// A runtime for a command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Ends with SIGTERM or SIGINT.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::{Cli, won};

    /// Commands that say why they are run, and have nothing to try.
    const NOTHING_TO_TRY: [(&str, &str); 2] = [
        ("keys init", "what it makes is the database itself: there is none to try it on"),
        ("card find", "it reads: its reason is for the log of who looked at whom"),
    ];
    /// Commands that change something without a reason given, and can be tried all the same.
    const TRIED_WITHOUT_A_REASON: [&str; 4] =
        ["reconcile", "delivery maker add", "delivery write", "delivery read"];

    /// Every command without commands of its own, and those that do something themselves.
    fn walk(command: &Command, path: &str, found: &mut Vec<(String, Vec<String>)>) {
        let options = command.get_arguments().filter_map(|arg| arg.get_long());
        found.push((path.trim_start().to_owned(), options.map(str::to_owned).collect()));
        for child in command.get_subcommands() {
            walk(child, &format!("{path} {}", child.get_name()), found);
        }
    }

    #[test]
    fn what_has_a_reason_can_be_tried() {
        let mut found = Vec::new();
        walk(&Cli::command(), "", &mut found);
        let has = |options: &[String], name: &str| options.iter().any(|option| option == name);
        let reasoned = found.iter().filter(|(_, options)| has(options, "reason")).count();
        assert!(reasoned > 30, "only {reasoned} commands have a reason");
        for (path, options) in &found {
            let is_listed = NOTHING_TO_TRY.iter().any(|(listed, _)| listed == path);
            let is_tried = has(options, "dry-run");
            let wanted = has(options, "reason") && !is_listed;
            let wanted = wanted || TRIED_WITHOUT_A_REASON.contains(&path.as_str());
            assert_eq!(is_tried, wanted, "`{path}`: --dry-run");
        }
        for (listed, _) in NOTHING_TO_TRY {
            assert!(found.iter().any(|(path, options)| path == listed && has(options, "reason")));
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (amount, text) in [
            (0, "0"),
            (999, "999"),
            (-1_000, "-1,000"),
            (123_456, "123,456"),
            (i64::MIN, "-9,223,372,036,854,775,808"),
        ] {
            assert_eq!(won(amount), text);
        }
    }
}

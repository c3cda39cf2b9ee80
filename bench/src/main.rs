//! Measures platen and prints a table: each figure is a ratio to what the machine allows, taken in
//! the same run. `cargo xtask bench` builds everything and runs it.
#![expect(clippy::float_arithmetic, reason = "figures are ratios, and no money")]

mod bare;
mod machine;
mod needs;
mod page;
mod pgbench;
mod plot;
mod record;
mod rows;
mod sandbox;

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser};

use crate::rows::{Bench, Part};
use crate::sandbox::Platen;

/// Measure platen on this machine.
#[derive(Parser)]
#[command(name = "platen-bench")]
enum Command {
    All(Box<Arguments>),
    Bare(bare::Arguments),
}

/// Measure everything: server on one core, load on another.
#[derive(Args)]
struct Arguments {
    /// The release build of `platen`.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    platen: PathBuf,
    /// A PostgreSQL server that flushes its log, on which databases may be made.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    #[arg(required_if_eq("only", "postgres"))]
    postgres: Option<String>,
    /// The `pgbench` of that server.
    #[arg(long, value_name = "FILE", default_value = "pgbench", hide_short_help = true)]
    pgbench: PathBuf,
    /// Cards of the large database, 1.2 GB of disk a million.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = of(20_000..=50_000_000))]
    cards: usize,
    /// Calls of one measurement.
    #[arg(long, value_name = "N", default_value_t = 8_000, value_parser = of(640..=100_000))]
    calls: usize,
    /// How often each comparison is made; the median counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = of(1..=20))]
    rounds: usize,
    /// Where the databases go, on the disk that is measured [default: the temporary folder].
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Measure this part alone.
    #[arg(long, value_name = "PART", value_enum)]
    only: Option<Part>,
    /// Write docs/performance.md and its pictures.
    #[arg(long, conflicts_with = "only")]
    write: bool,
}

/// Where the page goes, from the workspace's folder, in which xtask runs this.
const DOCS: &str = "docs";

/// Numbers within bounds.
fn of(range: RangeInclusive<u64>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(range)
}

/// Why it could not be measured, as a sentence.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut sentence = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            sentence = format!("{sentence}: {cause}");
            source = cause.source();
        }
        Failure(sentence)
    }
}

fn main() -> ExitCode {
    let measured = match Command::parse() {
        Command::All(arguments) => measure(&arguments),
        Command::Bare(arguments) => arguments.run(),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentence)) => {
            // There is nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "platen-bench: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line as soon as it is known.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone is no failure.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let needed = arguments.calls * arguments.rounds;
    if arguments.cards < needed {
        let sentence = format!("--cards must be at least --calls times --rounds: {needed}");
        return Err(Failure(sentence));
    }
    let docs = Path::new(DOCS);
    if arguments.write && !docs.is_dir() {
        return Err(Failure(format!("--write needs the folder {DOCS}, which is not here")));
    }
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let bench = Bench {
        platen: Platen(arguments.platen.clone()),
        folder: folder.path().to_owned(),
        calls: arguments.calls,
        rounds: arguments.rounds,
        large: arguments.cards,
        postgres: arguments.postgres.clone(),
        pgbench: arguments.pgbench.clone(),
        only: arguments.only,
    };
    let results = runtime()?.block_on(async {
        needs::check(&bench).await?;
        bench.run().await
    })?;
    let page = page::of(&results);
    say(&page);
    if arguments.write {
        std::fs::write(docs.join("performance.md"), page)?;
        std::fs::write(docs.join("latency.svg"), plot::latency(&results))?;
        std::fs::write(docs.join("throughput.svg"), plot::throughput(&results))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// With a program in platen's place that does nothing.
    fn parsed(arguments: &[&str]) -> Result<Box<Arguments>, clap::Error> {
        let command = ["platen-bench", "all", "--platen", "true"];
        match Command::try_parse_from(command.iter().chain(arguments))? {
            Command::All(arguments) => Ok(arguments),
            Command::Bare(_) => panic!("not asked for"),
        }
    }

    #[test]
    fn the_options_are_those_that_xtask_tells_of() {
        let mut command = Command::command();
        let all = command.find_subcommand_mut("all").unwrap();
        let all = all.clone().help_template("{options}").disable_help_flag(true);
        let told = all.term_width(100).render_help().to_string();
        assert_eq!(include_str!("options.txt"), told, "bench/src/options.txt should be:\n{told}");
    }

    #[test]
    fn numbers_have_bounds() {
        for (option, bounds) in
            [("--cards", 20_000..=50_000_000), ("--calls", 640..=100_000), ("--rounds", 1..=20)]
        {
            let takes = |value: u64| parsed(&[option, &value.to_string()]).is_ok();
            let (least, most) = (*bounds.start(), *bounds.end());
            assert!(takes(least) && takes(most), "{option}");
            assert!(!takes(least - 1) && !takes(most + 1), "{option}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(parsed(&["--only", "size", "--write"]).is_err());
        assert!(parsed(&["--only", "everything"]).is_err());
        assert!(parsed(&["--only", "postgres"]).is_err());
        assert!(parsed(&["--only", "postgres", "--postgres", "postgres://localhost/x"]).is_ok());
        let arguments = parsed(&["--cards", "20000", "--calls", "8000", "--rounds", "3"]).unwrap();
        let Failure(told) = measure(&arguments).unwrap_err();
        assert_eq!(told, "--cards must be at least --calls times --rounds: 24000");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let arguments = parsed(&["--folder", "/no/such/folder"]).unwrap();
        let Failure(told) = measure(&arguments).unwrap_err();
        assert!(told.contains("/no/such/folder") && told.lines().count() == 1, "{told}");
    }
}

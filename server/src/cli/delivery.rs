//! `platen delivery`.

mod maker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use serde_json::json;

use super::why::done;
use super::{Failure, Outcome, Platform, runtime, say};
use crate::delivery::writing::{Order, ROWS_MAX, unfinished};
use crate::delivery::{makers, reading, writing};
use crate::operator::Mode;
use crate::sandbox::clock;

/// Exchange files with card makers.
///
/// What is ordered goes to a card maker in numbered files; what became of it comes back in others.
///
/// Examples:
///   platen delivery maker add --id M1 --name "Seoul Card" --key maker.pem
///   platen delivery write --maker M1 --out outbox
///   platen delivery read inbox/M1-000001.csv
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Delivery {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Write(Write),
    Read(Read),
    Maker(maker::Makers),
}

/// Of whom, and whether to answer as JSON.
#[derive(Args)]
pub(super) struct Common {
    /// The partner; of a sandbox its own one where it is left out.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) platform: Platform,
}

impl Common {
    pub(super) fn asp(&self) -> Result<AspId, Failure> {
        self.platform.partner(self.partner.as_deref())
    }
}

/// Write the deliveries that are READY into a file for a card maker.
///
/// The rows are claimed for the file first, so that none is lost and none gets into two files: a
/// file whose writing was interrupted is written again with --again. Card data, and name, phone
/// and address of the recipient, are encrypted to the maker's key. Nothing is written where
/// nothing waits.
///
/// Examples:
///   platen delivery write --maker M1 --out outbox
///   platen delivery write --maker M1 --out outbox --again 12
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Write {
    /// The card maker.
    #[arg(long, value_name = "ID", value_parser = id)]
    maker: String,
    /// The folder that the file goes to; it must be there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Rows of the file at the most.
    #[arg(long, value_name = "N", default_value_t = ROWS_MAX,
        value_parser = clap::value_parser!(i64).range(1..=ROWS_MAX))]
    rows: i64,
    /// Write the file of this number again.
    #[arg(long, value_name = "SEQ", conflicts_with = "rows",
        value_parser = clap::value_parser!(i64).range(1..))]
    again: Option<i64>,
    /// Say how many deliveries the file would have, and write nothing; not with --again.
    #[arg(long, conflicts_with = "again")]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

fn id(text: &str) -> Result<String, String> {
    let wrong = || format!("an id has 1 to {} letters, digits and hyphens", makers::ID_CHARS_MAX);
    if makers::is_id(text) { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// Read a file that came back from a card maker.
///
/// All of it is checked first; a file that is refused changes nothing, and the line at fault is
/// told. Where reading is interrupted, read the same file again: it goes on.
///
/// Examples:
///   platen delivery read inbox/M1-000001.csv
///   platen delivery read inbox/M1-000001.csv --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Read {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check all of it, and apply nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl Delivery {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Write(command) => command.run(),
            Command::Read(command) => command.run(),
            Command::Maker(command) => command.run(),
        }
    }
}

impl Write {
    fn run(self) -> Outcome {
        if !self.out.is_dir() {
            return Err(Failure(format!("there is no folder {}", self.out.display())));
        }
        let (store, core) = self.common.platform.open()?;
        let (asp, maker) = (self.common.asp()?, self.maker);
        let folder = self.out;
        let runtime = runtime()?;
        let now = runtime.block_on(clock::moment(&store))?.business;
        let order = Order { asp, maker, folder, now };
        if self.dry_run {
            let rows = runtime.block_on(writing::tried(&store, &order, self.rows))?;
            store.close();
            if self.common.json {
                say(json!({ "rows": rows, "isDone": false }));
            } else {
                done(Mode::Dry, &format!("{rows} deliveries in a file"));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let (written, left) = runtime.block_on(async {
            let written = match self.again {
                Some(sequence) => writing::again(&store, &core, &order, sequence).await.map(Some),
                None => writing::write(&store, &core, &order, self.rows).await,
            }?;
            let left = unfinished(&store, &order.asp, &order.maker).await?;
            Ok::<_, Failure>((written, left))
        })?;
        store.close();
        match (&written, self.common.json) {
            (Some(written), true) => say(json!({
                "file": written.path.display().to_string(),
                "sequence": written.sequence,
                "rows": written.rows,
                "unfinished": left,
            })),
            (None, true) => say(json!({ "file": null, "rows": 0, "unfinished": left })),
            (Some(written), false) => {
                let (path, rows) = (written.path.display(), written.rows);
                say(format_args!("{rows} deliveries in {path}"));
            }
            (None, false) => say("no delivery waits to be written"),
        }
        if !self.common.json {
            for sequence in left {
                say(format_args!(
                    "file {sequence} was begun and not finished: write it with --again {sequence}"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Read {
    fn run(self) -> Outcome {
        let (store, core) = self.common.platform.open()?;
        let asp = self.common.asp()?;
        let read = runtime()?.block_on(async {
            let now = clock::moment(&store).await?;
            let (asp, file) = (&asp, &self.file);
            Ok::<_, Failure>(match self.dry_run {
                true => reading::checked(&store, asp, file, now).await?,
                false => reading::read(&store, &core, asp, file, now).await?,
            })
        })?;
        store.close();
        if self.dry_run {
            let (sequence, rows) = (read.sequence, read.rows);
            if self.common.json {
                say(json!({ "sequence": sequence, "rows": rows, "isDone": false }));
            } else {
                done(Mode::Dry, &format!("file {sequence}: {rows} rows, all of them right"));
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.common.json {
            say(json!({
                "sequence": read.sequence,
                "rows": read.rows,
                "changed": read.changed,
                "late": read.late,
                "known": read.known,
            }));
        } else {
            say(format_args!(
                "file {}: {} rows; {} changed a delivery, {} came too late, {} were known",
                read.sequence, read.rows, read.changed, read.late, read.known,
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

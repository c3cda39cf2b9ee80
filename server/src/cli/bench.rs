//! `platen bench`.

pub mod called;
mod load;
mod report;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use client::{Client, ClientError, Encryption, Prepared};
use crypto::jwe::Enc;
use serde_json::{Value, json};

use super::caller::{Server, nobody_at};
use super::{Failure, Outcome, runtime, say};
use crate::applying::example_address;
use crate::ops::BASE;
use called::{Called, Card, name};
use load::Load;
use report::{How, Report};

/// How long a call may take before it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Measure a running server: call it for each card once, as fast as it answers or at a given rate.
///
/// The cards come from `platen populate`: each is reissued, or what --operation says. All calls are
/// signed and encrypted before the clock starts, and all answers are opened after it has stopped,
/// so that the load costs this process little. A call's time runs from sending to its answer's last
/// byte; with --rate from the moment at which it was due, so that a server that falls behind is not
/// spared.
///
/// It exits 0 where every call was answered with 000_000, else 1.
///
/// Examples:
///   platen populate --cards 20000 --out cards.jsonl
///   platen bench --cards cards.jsonl
///   platen bench --cards cards.jsonl --skip 10000 --calls 5000 --rate 500 --format json
///   platen bench --cards cards.jsonl --operation list
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Bench {
    /// Members and cards as `platen populate` writes them, one JSON line each.
    #[arg(long, value_name = "FILE")]
    cards: PathBuf,
    /// What is called for each card.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Called::Reissue)]
    operation: Called,
    /// Leave out the first N cards: those of an earlier run are reissued already.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: usize,
    /// Calls, number [default: as many as there are cards].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    calls: Option<usize>,
    /// Callers at the same time, each on a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=4_096))]
    callers: u16,
    /// Calls a second that are sent, whether the server keeps up or not [default: each caller
    /// sends as soon as it is answered].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How request and answer are sent.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Encrypt::A256gcm)]
    encrypt: Encrypt,
    /// Order plastic too, delivered to an address [default: a mobile card alone]; for reissue and
    /// issue.
    #[arg(long)]
    plastic: bool,
    #[command(flatten)]
    server: Server,
    /// How the result is printed.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Encrypt {
    /// Plain both ways.
    No,
    /// A128GCM.
    A128gcm,
    /// A256GCM.
    A256gcm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("there is nothing to be measured".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("it is no whole number".to_owned()),
    }
}

impl Bench {
    pub(super) fn run(self) -> Outcome {
        if self.plastic && !self.operation.has_plastic() {
            let name = name(&self.operation);
            return Err(Failure(format!("--plastic is for reissue and issue: {name} orders none")));
        }
        let client = self.server.client()?.with_timeout(CALL_TIMEOUT);
        let prepared = self.prepare(&client)?;
        let load = Load { callers: usize::from(self.callers), rate: self.rate };
        let measured = runtime()?.block_on(load::run(&client, prepared, load))?;
        let is_nobody =
            |call: &load::Call| matches!(call.answer, Err(ClientError::CouldNotConnect { .. }));
        if measured.calls.iter().all(is_nobody) {
            return Err(nobody_at(&self.server.url));
        }
        let how = How {
            callers: self.callers,
            rate: self.rate,
            operation: name(&self.operation),
            encrypt: name(&self.encrypt),
            plastic: self.plastic,
        };
        let report = Report::of(&client, how, measured);
        match self.format {
            Format::Text => say(report.text().trim_end()),
            Format::Json => say(report.json()),
        }
        if report.is_clean() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Failure(format!("not every call succeeded: {}", report.codes())))
    }

    fn prepare(&self, client: &Client) -> Result<Vec<Prepared>, Failure> {
        let shown = self.cards.display();
        let cannot = |error: std::io::Error| Failure(format!("cannot read {shown}: {error}"));
        let file = File::open(&self.cards).map_err(cannot)?;
        let path = format!("{BASE}{}", self.operation.spec().path);
        let encryption = match self.encrypt {
            Encrypt::No => Encryption::Plain,
            Encrypt::A128gcm => Encryption::Encrypted(Enc::A128Gcm),
            Encrypt::A256gcm => Encryption::Encrypted(Enc::A256Gcm),
        };
        // Line by line: the file of ten million cards is not to be held in memory.
        let lines = BufReader::new(file).lines().enumerate().skip(self.skip);
        let lines = lines.take(self.calls.unwrap_or(usize::MAX));
        let prepared = lines.map(|(index, line)| {
            let card: Card = serde_json::from_str(&line.map_err(cannot)?).map_err(|_| {
                let number = index + 1;
                Failure(format!("line {number} of {shown} is not as `platen populate` writes it"))
            })?;
            let body = self.body(&card).to_string();
            Ok(client.prepare(&path, &body, encryption, None)?)
        });
        let prepared = prepared.collect::<Result<Vec<_>, Failure>>()?;
        let (wanted, found) = (self.calls.unwrap_or(1), prepared.len());
        if found < wanted {
            let skip = self.skip;
            return Err(Failure(format!(
                "{shown} has {found} cards after the first {skip}, and {wanted} are asked for: \
                 fill the sandbox with `platen populate --cards N --out FILE`"
            )));
        }
        Ok(prepared)
    }

    fn body(&self, card: &Card) -> Value {
        let mut body = self.operation.body(card);
        if self.plastic {
            body["isDeliveryRequired"] = json!(true);
            body["userInfo"]["addressInfo"] = example_address();
        }
        body
    }
}

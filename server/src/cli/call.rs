//! `platen call`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use client::{Client, ClientError, Encryption, Exchange};
use contract::scenario::Scenario;
use contract::{Entry, Spec};
use crypto::jwe::Enc;

use super::caller::{Server, documented, nobody_at};
use super::{Failure, Outcome, no_operation, runtime, say};
use crate::ops::{BASE, Operations};

/// Make one signed and encrypted call.
///
/// Prints the answer in clear. With --scenario the scenario is armed first, and the exit code is 0
/// where the answer is the documented one; with --data it is 0 where the answer is 000_000. It is
/// 1 for any other answer, and for none.
///
/// Examples:
///   platen call prepaid-card.reissue --scenario reissued
///   platen call prepaid-card.state --data '{"userId":1,"cardNo":"...","status":"SUSPEND"}'
///   platen call prepaid-card.reissue --data @request.json --correlation-id 261122120000-0a1b2c3
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Call {
    /// The operation's id (see `platen scenarios`).
    operation: String,
    /// Arm this scenario and send its request.
    #[arg(long, value_name = "NAME", required_unless_present = "data", conflicts_with = "data")]
    scenario: Option<String>,
    /// Send this JSON, or the contents of a file: @FILE.
    #[arg(long, value_name = "JSON|@FILE")]
    data: Option<String>,
    #[command(flatten)]
    server: Server,
    /// The call's number, to send the same call again [default: a new one].
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Whether the request is encrypted [default: as the operation documents].
    #[arg(long, value_name = "HOW", value_enum)]
    encrypt: Option<Encrypt>,
    /// Print what was sent and received as well.
    #[arg(long)]
    verbose: bool,
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

impl Call {
    pub(super) fn run(self) -> Outcome {
        let operations = Operations::load()?;
        let handler = operations
            .by_id(&self.operation)
            .ok_or_else(|| no_operation(&operations, &self.operation))?;
        let entry = &handler.entry;
        let scenario = self.scenario.as_deref().map(|name| scenario(entry, name)).transpose()?;
        let body = match scenario {
            Some(told) => told.request.to_string(),
            None => self.data()?,
        };
        let client = self.server.client()?;
        let exchange = runtime()?.block_on(async {
            if let Some(told) = scenario {
                arm(&self.server.url, &self.operation, told.name).await?;
            }
            self.send(&client, entry.spec, &body).await
        })?;
        say(&exchange.body_clear);
        let wanted = scenario.map_or("000_000", |told| told.code);
        let got = exchange.code.as_deref().unwrap_or("no code");
        if got == wanted {
            Ok(ExitCode::SUCCESS)
        } else if scenario.is_some() {
            Err(Failure(format!("expected {wanted}, got {got}")))
        } else {
            Ok(ExitCode::FAILURE)
        }
    }

    /// The request that --data names; the command line has it wherever it has no --scenario.
    fn data(&self) -> Result<String, Failure> {
        let data = self.data.as_deref().unwrap_or_default();
        match data.strip_prefix('@') {
            None => Ok(data.to_owned()),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure(format!("cannot read {path}: {error}"))),
        }
    }

    async fn send(&self, client: &Client, spec: &Spec, body: &str) -> Result<Exchange, Failure> {
        let encryption = match self.encrypt {
            Some(Encrypt::No) => Encryption::Plain,
            Some(Encrypt::A128gcm) => Encryption::Encrypted(Enc::A128Gcm),
            Some(Encrypt::A256gcm) => Encryption::Encrypted(Enc::A256Gcm),
            None => documented(spec),
        };
        let path = format!("{BASE}{}", spec.path);
        let prepared = client.prepare(&path, body, encryption, self.correlation_id.as_deref())?;
        if self.verbose {
            say(format_args!("POST {}", prepared.url));
            for (name, value) in &prepared.headers {
                say(format_args!("{name}: {value}"));
            }
            say(format_args!("\n{}\n", prepared.body_sent));
        }
        let exchange = client.send(&prepared).await.map_err(|error| {
            let is_away = matches!(error, ClientError::CouldNotConnect { .. });
            if is_away { nobody_at(&self.server.url) } else { error.into() }
        })?;
        if self.verbose {
            say(format_args!("HTTP {}", exchange.status));
            say(format_args!("{}\n", exchange.body_received));
        }
        Ok(exchange)
    }
}

/// The operation's scenario of this name.
pub(super) fn scenario<'a>(entry: &'a Entry, name: &str) -> Result<&'a Scenario, Failure> {
    entry.scenarios.iter().find(|told| told.name == name).ok_or_else(|| {
        let id = entry.spec.id;
        Failure(format!("{id} has no scenario {name}; `platen scenarios {id}` lists those it has"))
    })
}

/// Arms a scenario of a running sandbox.
async fn arm(url: &str, operation: &str, name: &str) -> Result<(), Failure> {
    let base = url.trim_end_matches('/');
    let address = format!("{base}/sandbox/v1/scenarios/{operation}/{name}/arm");
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let answer = http.post(&address).header("Content-Type", "application/json").body("{}");
    let answer = answer
        .send()
        .await
        .map_err(|error| if error.is_connect() { nobody_at(url) } else { error.into() })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let reason = answer.text().await.unwrap_or_default();
    Err(Failure(format!("the scenario could not be armed: HTTP {status}: {reason}")))
}

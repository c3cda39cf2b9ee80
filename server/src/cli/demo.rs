//! `platen demo`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Args;
use client::Client;
use store::Target;
use tokio::sync::oneshot;

use super::caller::{documented, of_sandbox};
use super::{Failure, Outcome, credentials, runtime, say};
use crate::context::Clock;
use crate::ops::{BASE, Operations};
use crate::sandbox::run::{Start, bank_file_beside, start};
use crate::settings::Settings;

const OPERATION: &str = "prepaid-card.reissue";
const SCENARIO: &str = "reissued";

/// Show one reissue, signed and encrypted, in a fresh sandbox.
///
/// Starts a sandbox and its bank in a temporary folder, makes one call over HTTP, prints it as it
/// was sent and in clear, and takes everything down again.
///
/// Example:
///   platen demo
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Demo {}

impl Demo {
    #[expect(clippy::unused_self, reason = "the same form as the other commands")]
    pub(super) fn run(self) -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = Target::Sqlite(folder.path().join("sandbox.db"));
        runtime()?.block_on(async {
            let with = Start {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                bank_file: bank_file_beside(&target),
                bank_url: None,
                settings: Settings::default(),
                target: target.clone(),
            };
            let running = start(with).await?;
            let url = format!("http://{}", running.address);
            let (stop, stopped) = oneshot::channel::<()>();
            let serving = tokio::spawn(running.serve(async {
                // Whatever happens to the sender: the demonstration is over.
                let _ = stopped.await;
            }));
            let shown = show(&url, &target).await;
            drop(stop);
            serving.await?;
            shown
        })
    }
}

async fn show(url: &str, target: &Target) -> Outcome {
    let operations = Operations::load()?;
    let missing = || Failure("the demonstration's scenario is missing".to_owned());
    let entry = &operations.by_id(OPERATION).ok_or_else(missing)?.entry;
    let told = entry.scenarios.iter().find(|told| told.name == SCENARIO).ok_or_else(missing)?;
    let kept = {
        let target = target.clone();
        tokio::task::block_in_place(move || credentials::read(&target))?
    };
    let client = Client::new(url, of_sandbox(&kept)?, || Clock.now().0 / 1_000)?;
    let body = format!("{:#}", told.request);
    let path = format!("{BASE}{}", entry.spec.path);
    let prepared = client.prepare(&path, &body, documented(entry.spec), None)?;
    say("A member has lost a card. Its reissue costs 3,000 won, drawn from the member's bank\n\
         account; the new mobile card comes at once, its plastic by mail.\n");
    say(format_args!("── the request in clear\n{body}\n"));
    say(format_args!("── as sent: encrypted and signed\nPOST {}", prepared.url));
    for (name, value) in &prepared.headers {
        say(format_args!("{name}: {value}"));
    }
    say(format_args!("\n{}\n", prepared.body_sent));
    let exchange = client.send(&prepared).await?;
    let took = exchange.elapsed.as_millis();
    say(format_args!("── the answer as received: HTTP {} after {took} ms", exchange.status));
    say(format_args!("{}\n", exchange.body_received));
    let clear = exchange.json().map(|json| format!("{json:#}"));
    say(format_args!("── the answer in clear\n{}\n", clear.as_deref().unwrap_or("not JSON")));
    if exchange.code.as_deref() == Some("000_000") {
        say("Next: `platen sandbox`, and `platen call prepaid-card.reissue --scenario reissued`.");
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure("the reissue was not answered with 000_000".to_owned()))
    }
}

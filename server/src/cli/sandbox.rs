//! `platen sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Common, Database, Outcome, runtime, say, stop_signal};
use crate::sandbox::run::{Start, bank_file_beside, start};
use crate::settings::Switch;

/// Serve the API and the developer portal over seeded data, with a simulated bank.
///
/// A new database is created and seeded, with every scenario armed; one that is there is kept, and
/// given what is new in this version. Its keys lie in it and protect nothing.
///
/// Examples:
///   platen sandbox
///   platen sandbox --listen 127.0.0.1:0 --database /tmp/s.db
///   platen sandbox --database postgres://platen@127.0.0.1/platen
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Sandbox {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    database: Database,
    /// Attach to this bank instead of starting a simulator.
    #[arg(long, value_name = "URL")]
    bank: Option<String>,
    /// File of the bank simulator [default: bank.db beside the database].
    #[arg(long, value_name = "FILE", conflicts_with = "bank")]
    bank_file: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Sandbox {
    pub(super) fn run(self) -> Outcome {
        self.common.logging.start()?;
        let target = self.database.target()?;
        let bank_file = self.bank_file.clone().unwrap_or_else(|| bank_file_beside(&target));
        let with = Start {
            listen: self.listen,
            target,
            bank_url: self.bank.clone(),
            bank_file,
            settings: self.common.settings()?,
        };
        let portal = with.settings.portal;
        runtime()?.block_on(async move {
            // Listened for from the beginning: seeding may take a while.
            let stop = tokio::spawn(stop_signal());
            let running = start(with).await?;
            let address = running.address;
            say(format_args!("listening on http://{address}"));
            if portal == Switch::On {
                say(format_args!("developer portal: http://{address}/"));
            }
            say(format_args!(
                "a sandbox: its keys lie in its database and protect nothing\n\
                 credentials: platen credentials --database {database}\n\
                 try: platen call prepaid-card.reissue --scenario reissued \
                 --url http://{address} --database {database}",
                database = self.database.database,
            ));
            running
                .serve(async {
                    // A listener for signals that failed is a signal to stop.
                    let _ = stop.await;
                })
                .await;
            Ok(ExitCode::SUCCESS)
        })
    }
}

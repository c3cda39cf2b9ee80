//! `platen serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Logging, Outcome, runtime, say, stop_signal};
use crate::production::config::Config;
use crate::production::notify;
use crate::production::run::{Accept, start};
use crate::settings::SettingFlags;

/// Serve the API in production.
///
/// Everything stands in one file; see docs/operations/serve.md. Nothing is made up: where a key,
/// the database or a setting is missing, it says which and ends. Metrics, state and the developer
/// portal are on an address of their own. A certificate that changes is taken up while calls run.
///
/// Examples:
///   platen serve --config /etc/platen/platen.toml
///   platen serve --config /etc/platen/platen.toml --log-format json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Serve {
    /// The platform's configuration (docs/reference/settings.md).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Start although the operation log was sealed at a time to come: the clock that sealed it was
    /// ahead.
    #[arg(long)]
    accept_clock: bool,
    #[command(flatten)]
    logging: Logging,
    #[command(flatten)]
    flags: SettingFlags,
}

impl Serve {
    pub(super) fn run(self) -> Outcome {
        self.logging.start()?;
        let config = Config::read(&self.config, &self.flags)?;
        runtime()?.block_on(async move {
            // Listened for from the beginning: a migration may take a while.
            let stop = tokio::spawn(stop_signal());
            let accept = if self.accept_clock { Accept::Clock } else { Accept::Nothing };
            let running = start(&config, accept).await?;
            say(format_args!("listening on {}", running.url));
            say(format_args!("admin: {}", running.admin_url));
            // What comes before it is served waits in the listener's queue.
            notify::tell(notify::READY);
            running
                .serve(async {
                    // A listener for signals that failed is a signal to stop.
                    let _ = stop.await;
                    notify::tell(notify::STOPPING);
                })
                .await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

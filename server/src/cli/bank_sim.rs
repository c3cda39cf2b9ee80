//! `platen bank-sim`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use bank::sim::{SimOptions, TOKEN_SECONDS_DEFAULT, ready_line, serve};
use clap::Args;

use super::{Logging, Outcome, runtime, say, stop_signal};
use crate::context::Clock;

/// Serve a bank to test against.
///
/// It speaks the open-banking transfers withdraw and deposit, holds accounts with money in a file
/// of its own, and keeps a ledger of what it took and gave. A sandbox starts one by itself; one
/// that you start stays at its address, is not stopped with the sandbox, and can be stopped alone,
/// to see fees without it.
///
/// Examples:
///   platen bank-sim
///   platen bank-sim --listen 127.0.0.1:9100 --data /tmp/bank.db
///   platen sandbox --bank http://127.0.0.1:9100
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct BankSim {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Its file, created when missing; one simulator a file.
    #[arg(long, value_name = "FILE", default_value = "platen-data/bank.db")]
    data: PathBuf,
    #[command(flatten)]
    logging: Logging,
}

impl BankSim {
    pub(super) fn run(self) -> Outcome {
        self.logging.start()?;
        let options = SimOptions {
            listen: self.listen,
            data: self.data,
            token_seconds: TOKEN_SECONDS_DEFAULT,
            clock: || Clock.now().0,
            on_ready: Box::new(|address| say(ready_line(address))),
        };
        runtime()?.block_on(serve(options, stop_signal()))?;
        Ok(ExitCode::SUCCESS)
    }
}

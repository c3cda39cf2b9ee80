//! The simulator's process: start, serve, stop.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use store::Store;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::file::{self, FileError};
use super::lock::DataLock;
use super::tokens::Tokens;
use super::wire::{CutListener, Wire};
use super::{admin_api, bank_api};

/// The life of a bearer token unless options say otherwise: a day.
pub const TOKEN_SECONDS_DEFAULT: u32 = 24 * 3_600;
const BODY_BYTES_MAX: usize = 64 * 1024;
/// After the order to stop, for calls that are being answered.
const STOP_GRACE: Duration = Duration::from_millis(700);

/// How to run a simulator.
pub struct SimOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Its file, created when it is missing. The files of its lock and of its address lie beside.
    pub data: PathBuf,
    /// Life of a bearer token, seconds; see [`TOKEN_SECONDS_DEFAULT`].
    pub token_seconds: u32,
    /// The time, µs since 1970 UTC.
    pub clock: fn() -> i64,
    /// Called once, when it is ready, with its address; [`ready_line`] words it.
    pub on_ready: Box<dyn FnOnce(SocketAddr) + Send>,
}

/// Why a simulator did not start or go on.
#[derive(Debug, Error)]
pub enum SimError {
    /// Another one runs on the file.
    #[error(
        "{} is in use by {}", data.display(),
        running.map_or("a bank simulator that is just starting".to_owned(), |(address, pid)| {
            format!("the bank simulator on http://{address} (process {pid})")
        })
    )]
    InUse {
        /// The file.
        data: PathBuf,
        /// The other one's address and process, if it has told.
        running: Option<(SocketAddr, u32)>,
    },
    /// The lock's file cannot be used.
    #[error("{} cannot be locked: {source}", data.display())]
    Lock {
        /// The data file.
        data: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The data file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The address cannot be written down beside the file, or serving ended.
    #[error("the bank simulator failed: {0}")]
    Io(#[from] io::Error),
}

/// What every handler has.
pub(super) struct Sim {
    pub(super) store: Store,
    pub(super) instance: String,
    pub(super) tokens: Tokens,
    clock: fn() -> i64,
    stopping: watch::Receiver<bool>,
}

impl Sim {
    pub(super) fn now_us(&self) -> i64 {
        (self.clock)()
    }

    /// Whether the time passed; else the simulator stops.
    pub(super) async fn passes(&self, time: Duration) -> bool {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}

impl fmt::Debug for SimOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimOptions")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("token_seconds", &self.token_seconds)
            .finish_non_exhaustive()
    }
}

/// What a simulator's process prints when it is ready.
#[must_use]
pub fn ready_line(address: SocketAddr) -> String {
    format!("bank simulator on http://{address}")
}

/// Serves until `shutdown` ends, and for a second more at the most.
///
/// # Errors
/// Another simulator runs on the file, the file or the address cannot be used, or serving failed.
pub async fn serve(
    options: SimOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), SimError> {
    let lock = DataLock::take(&options.data)?;
    let store = file::open(&options.data)?;
    let instance = file::claim_instance(&store).await?;
    let listen = options.listen;
    let listener = TcpListener::bind(listen);
    let listener = listener.await.map_err(|source| SimError::Listen { listen, source })?;
    let address = listener.local_addr()?;
    lock.announce(address, &instance)?;

    let (stop, stopping) = watch::channel(false);
    let sim = Arc::new(Sim {
        store: store.clone(),
        instance,
        tokens: Tokens::new(options.token_seconds),
        clock: options.clock,
        stopping: stopping.clone(),
    });
    let app = Router::new()
        .merge(bank_api::routes())
        .merge(admin_api::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(sim)
        .into_make_service_with_connect_info::<Wire>();
    let server = axum::serve(CutListener(listener), app).with_graceful_shutdown(async move {
        shutdown.await;
        stop.send_replace(true);
    });
    (options.on_ready)(address);
    let served = tokio::select! {
        served = server.into_future() => served,
        () = grace(stopping) => Ok(()),
    };
    store.close();
    Ok(served?)
}

async fn grace(mut stopping: watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_ok() {
        tokio::time::sleep(STOP_GRACE).await;
    } else {
        // The server holds the sender: it ends first.
        std::future::pending::<()>().await;
    }
}

//! A production server from its configuration to its ready line and its end.

use std::net::SocketAddr;
use std::sync::Arc;

use bank::Bank;
use contract::openapi;
use contract::registry::Contradictions;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::clock::{self, ClockError};
use super::config::{BankError, Config, Front};
use super::tls::{self, Certificate, TlsError};
use super::{Opened, ProductionError, open};
use crate::context::{App, Clock};
use crate::http::{self, Door, Served};
use crate::ops::{BASE, Operations};
use crate::portal::Mode;
use crate::running::{self, Background};
use crate::spans;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Database, master key, keys.
    #[error(transparent)]
    Platform(#[from] ProductionError),
    /// The bank.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No more threads are to be had.
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
    /// The registry of operations contradicts itself.
    #[error("the operations contradict each other:\n{0}")]
    Registry(#[from] Contradictions),
}

/// A server that listens and is ready to serve.
pub struct Running {
    /// Where callers reach it: `https://…`, or `http://…`.
    pub url: String,
    /// Where its operators do.
    pub admin_url: String,
    served: Served,
    api: TcpListener,
    admin: TcpListener,
    certificate: Option<Arc<Certificate>>,
}

async fn listen(on: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(on).await.map_err(|error| StartError::Listen(on, error))?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(on, error))?;
    Ok((listener, address))
}

/// What is taken for right although it does not look so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Nothing.
    Nothing,
    /// The machine's clock.
    Clock,
}

/// Opens everything that the configuration names.
pub async fn start(config: &Config, accept: Accept) -> Result<Running, StartError> {
    let operations = Operations::load()?;
    let (certificate, scheme) = match &config.front {
        Front::Tls(files) => (Some(Certificate::read(files, Clock.now())?), "https"),
        Front::Proxy | Front::Nothing => (None, "http"),
    };
    let bank: Arc<dyn Bank> = Arc::new(config.bank()?);
    let (api, address) = listen(config.listen).await?;
    let (admin, admin_address) = listen(config.admin_listen).await?;
    let Opened { store, core, .. } = open(config)?;
    match accept {
        Accept::Nothing => clock::check(&store, Clock.now())?,
        Accept::Clock => tracing::warn!("the clock is taken as it is"),
    }
    let app = App::new(store, core, operations, Arc::new(Clock), bank);
    let app = Arc::new(app.map_err(StartError::Threads)?);
    let document = openapi::document(app.operations.registry(), &[BASE, "/"]);
    let document = document.to_pretty_json().unwrap_or_default();
    let served = running::served(app, document.into(), Mode::Production);
    Ok(Running {
        url: format!("{scheme}://{address}"),
        admin_url: format!("http://{admin_address}"),
        served,
        api,
        admin,
        certificate,
    })
}

impl Running {
    /// Serves until `stop`; then running calls end, while operators see that it is not ready any
    /// more, and the database is closed.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), TlsError> {
        let app = Arc::clone(&self.served.app);
        let tls = self.certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let background =
            Background::start(&app).and(tls::watch(self.certificate, Arc::clone(&app)));
        let api = Door { listener: self.api, tls, router: http::api_router(self.served.clone()) };
        let admin = Door {
            listener: self.admin,
            tls: None,
            router: http::admin_router(self.served.clone()),
        };
        // Nothing is sent: that the other end is gone says it.
        let (open, closed) = oneshot::channel::<()>();
        let callers = async {
            http::serve(api, &self.served, stop).await;
            drop(open);
        };
        let operators = http::serve(admin, &self.served, async {
            let _ = closed.await;
        });
        tokio::join!(callers, operators);
        spans::export::flush(&app).await;
        drop(background);
        // Blocks, when nothing is left to be served.
        app.store.close();
        Ok(())
    }
}

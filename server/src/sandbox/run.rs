//! A sandbox from its database to its ready line and its end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bank::Bank;
use contract::openapi;
use contract::registry::Contradictions;
use store::schema::MIGRATIONS;
use store::{OpenError, Options, Store, Target};
use tokio::net::TcpListener;

use super::api::{self, Sandbox};
use super::bank::{BankError, INSTITUTION_CODE, SandboxBank};
use super::calls::Calls;
use super::clock;
use super::keys::{self, SandboxError};
use super::seed::{self, SeedError};
use super::seeded::Seeded;
use crate::context::{App, Clock, Core};
use crate::http::{self, Door, Served};
use crate::ops::{BASE, Operations};
use crate::pipeline::observe::Observer;
use crate::portal::Mode;
use crate::running::{self, Background};
use crate::settings::{Settings, Switch};
use crate::spans;
use crate::supply::Supply;

/// What a sandbox is started with.
pub struct Start {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Its database.
    pub target: Target,
    /// A bank to attach to; without it, a simulator on the bank file.
    pub bank_url: Option<String>,
    /// The simulator's file.
    pub bank_file: PathBuf,
    /// Settings in force.
    pub settings: Settings,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No more threads are to be had.
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
    /// It is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The bank.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The registry of operations contradicts itself.
    #[error("the operations contradict each other:\n{0}")]
    Registry(#[from] Contradictions),
    /// The sandbox's clock could not be read.
    #[error("the sandbox's clock could not be read")]
    Clock,
    /// The data could not be written.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

/// A sandbox that listens and is ready to serve.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    listener: TcpListener,
    served: Served,
    bank: SandboxBank,
    calls: Arc<Calls>,
}

/// Where the simulator's file lies for a database: beside it; for one on PostgreSQL in the working
/// folder, named after it, so that two sandboxes do not share a bank.
pub fn bank_file_beside(target: &Target) -> PathBuf {
    match target {
        Target::Sqlite(path) => path.parent().unwrap_or(Path::new(".")).join("bank.db"),
        Target::Postgres(url) => {
            let path = url.split('?').next().unwrap_or_default();
            let name = path.rsplit_once('/').map_or("", |(_, name)| name);
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            PathBuf::from("platen-data").join(format!("bank-{name}.db"))
        }
    }
}

/// Opens a sandbox's database.
pub fn open(
    target: &Target,
    settings: &Settings,
    may_create: bool,
) -> Result<(Store, Core), StartError> {
    if !may_create
        && let Target::Sqlite(path) = target
        && !path.exists()
    {
        return Err(SandboxError::Missing(path.clone()).into());
    }
    open_with(target, settings, running::options(settings), may_create)
}

/// As [`open`], with limits of the store's own: a test makes it fail through them.
pub fn open_with(
    target: &Target,
    settings: &Settings,
    options: Options,
    may_create: bool,
) -> Result<(Store, Core), StartError> {
    let store = Store::open(target, MIGRATIONS, options)?;
    let core = Core {
        keys: keys::open(&store, may_create)?,
        supply: Arc::new(Supply::default()),
        settings: Arc::new(settings.clone()),
        institution_code: INSTITUTION_CODE.into(),
    };
    Ok((store, core))
}

/// Opens or makes the sandbox, its bank and its data.
pub async fn start(start: Start) -> Result<Running, StartError> {
    let operations = Operations::load()?;
    let listener = TcpListener::bind(start.listen).await;
    let listener = listener.map_err(|error| StartError::Listen(start.listen, error))?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(start.listen, error))?;
    let (store, core) = open(&start.target, &start.settings, true)?;
    let bank = match &start.bank_url {
        Some(url) => SandboxBank::attach(url, &start.settings)?,
        None => SandboxBank::on_file(&start.bank_file, &start.settings).await?,
    };
    let connector = Arc::clone(&bank.connector) as Arc<dyn Bank>;
    let app = App::new(store, core, operations, Arc::new(Clock), connector);
    let calls = Arc::new(Calls::default());
    // Masking each call costs as much as a small one: for its log alone.
    let observer = match start.settings.portal {
        Switch::On => Some(Arc::clone(&calls) as Arc<dyn Observer>),
        Switch::Off => None,
    };
    let app = Arc::new(App { observer, ..app.map_err(StartError::Threads)? });
    if let Err(error) = fill(&app, &bank).await {
        bank.stop().await;
        return Err(error);
    }
    let mut document = openapi::document(app.operations.registry(), &[BASE, "/"]);
    api::document(&mut document);
    let openapi = document.to_pretty_json().unwrap_or_default().into();
    let served = running::served(app, openapi, Mode::Sandbox);
    Ok(Running { address, listener, served, bank, calls })
}

/// Seeds what is new, to this database or since the version that made it; what it has got stays as
/// it is.
async fn fill(app: &Arc<App>, bank: &SandboxBank) -> Result<(), StartError> {
    clock::refresh(app).await.map_err(|_| StartError::Clock)?;
    let seeded = Seeded::find(app).await?;
    seed::base(app).await?;
    Ok(seed::members(app, &bank.admin, seeded).await?)
}

impl Running {
    /// Serves until `stop`; then running calls end, the bank that was started is stopped and the
    /// database closed.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let app = Arc::clone(&self.served.app);
        let store = app.store.clone();
        let background = Background::start(&app).and(clock::run(Arc::clone(&app)));
        let (bank, calls) = (self.bank.admin.clone(), Arc::clone(&self.calls));
        let sandbox = Sandbox { app, bank, calls };
        let mut routes = api::routes(sandbox.clone());
        if self.address.ip().is_loopback() {
            let own_host = axum::middleware::from_fn(http::only_own_host);
            routes = routes.merge(api::told(sandbox)).layer(own_host);
        }
        let router = http::router(self.served.clone(), Some(routes));
        let stop = async move {
            stop.await;
            // A stream has no end of its own, and the server waits for its answers.
            self.calls.end_streams();
        };
        let door = Door { listener: self.listener, tls: None, router };
        http::serve(door, &self.served, stop).await;
        spans::export::flush(&self.served.app).await;
        drop(background);
        self.bank.stop().await;
        // Blocks, when nothing is left to be served.
        store.close();
    }

    /// The server, for tests within the process.
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.served.app)
    }
}

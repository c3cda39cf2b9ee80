//! What a sandbox and a production server have in common while they run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use store::Options;
use tokio::task::JoinHandle;

use crate::context::App;
use crate::fee::recovery;
use crate::http::Served;
use crate::portal::{Mode, Pages};
use crate::settings::{Settings, Switch};

/// The limits of the store that the settings say.
pub fn options(settings: &Settings) -> Options {
    Options {
        postgres_workers: usize::try_from(settings.postgres_workers).unwrap_or(1).max(1),
        wait_ms_max: settings.database_wait_ms_max,
        connect_ms_max: settings.database_connect_ms_max,
        statement_ms_max: settings.database_statement_ms_max,
        ..Options::default()
    }
}

/// What is served of this server: ready, with its portal where that is on.
pub fn served(app: Arc<App>, openapi: Arc<str>, mode: Mode) -> Served {
    let portal = match app.core.settings.portal {
        Switch::On => Some(Arc::new(Pages::render(&app.operations, mode))),
        Switch::Off => None,
    };
    Served { app, ready: Arc::new(AtomicBool::new(true)), openapi, portal }
}

/// The work that a server does beside calls. It ends with this value.
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Starts it.
    pub fn start(app: &Arc<App>) -> Self {
        Background(vec![
            tokio::spawn(recovery::run(Arc::clone(app))),
            tokio::spawn(crate::keys::run(Arc::clone(app))),
            tokio::spawn(crate::measure::run(Arc::clone(app))),
            tokio::spawn(crate::audit::sealer::run(Arc::clone(app))),
            tokio::spawn(crate::jobs::run(Arc::clone(app))),
            tokio::spawn(crate::spans::export::run(Arc::clone(app))),
        ])
    }

    /// Does this as well.
    pub fn and(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.0.push(tokio::spawn(work));
        self
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

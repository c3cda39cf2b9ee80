//! The sandbox's bank: the simulator in a process of its own, found again by its file, started
//! where none runs, or attached to by its address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bank::sim::{Admin, AdminError, find_running};
use bank::{ClientSecret, Config, ConfigError, Gateway, OpenBanking};
use bank::{RefusalCause, default_not_found_codes, default_token_rejected_codes};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::settings::Settings;

/// The sandbox's institution code: the first ten characters of its bank transaction ids.
pub const INSTITUTION_CODE: &str = "M202600001";
/// Accounts whose pseudonym begins so are registered through a gateway where nobody listens.
const UNREACHABLE_PREFIX: &str = "9";
const UNREACHABLE: &str = "http://127.0.0.1:1";
/// How long a simulator may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why there is no bank.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The simulator's process.
    #[error("the bank simulator could not be started: {0}")]
    Start(std::io::Error),
    /// It ended at once, or did not become ready.
    #[error("the bank simulator on {0} did not become ready; its log is in {1}")]
    NotReady(PathBuf, PathBuf),
    /// None is there to be asked.
    #[error("no bank simulator runs on {0}: start the sandbox, or name the bank with --bank URL")]
    NoneRuns(PathBuf),
    /// The connector.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The table of its codes.
    #[error("bank_codes: {0}")]
    Codes(#[from] bank::CodesError),
    /// Its own operations.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// A bank that the sandbox can use.
pub struct SandboxBank {
    /// Speaks open banking to it.
    pub connector: Arc<OpenBanking>,
    /// Sets accounts and behaviour.
    pub admin: Admin,
    started: Option<Child>,
}

impl SandboxBank {
    /// Attaches to the bank at `url`.
    pub fn attach(url: &str, settings: &Settings) -> Result<Self, BankError> {
        let codes = settings.bank_codes()?;
        let connector = Arc::new(OpenBanking::new(config(url, codes))?);
        Ok(SandboxBank { connector, admin: Admin::of_url(url)?, started: None })
    }

    /// Finds the simulator that runs on `file`, or starts one.
    pub async fn on_file(file: &Path, settings: &Settings) -> Result<Self, BankError> {
        if let Some(address) = find_running(file).await {
            return Self::attach(&format!("http://{address}"), settings);
        }
        let (child, address) = start(file).await?;
        let mut bank = Self::attach(&format!("http://{address}"), settings)?;
        bank.started = child;
        Ok(bank)
    }

    /// Attaches to the bank at `url`, or to the simulator that runs on `file`; starts none.
    pub async fn running(
        url: Option<&str>,
        file: &Path,
        settings: &Settings,
    ) -> Result<Self, BankError> {
        let url = match url {
            Some(url) => url.to_owned(),
            None => match find_running(file).await {
                Some(address) => format!("http://{address}"),
                None => return Err(BankError::NoneRuns(file.to_owned())),
            },
        };
        Self::attach(&url, settings)
    }

    /// Stops the simulator, where this sandbox has started it.
    pub async fn stop(self) {
        let Some(mut child) = self.started else { return };
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            tracing::warn!("the bank simulator did not stop in time");
        }
    }
}

fn config(url: &str, codes: BTreeMap<String, RefusalCause>) -> Config {
    let prefix = UNREACHABLE_PREFIX.to_owned();
    Config {
        base_url: url.trim_end_matches('/').to_owned(),
        gateways: vec![Gateway { fintech_prefix: prefix, base_url: UNREACHABLE.to_owned() }],
        client_id: "platen-sandbox".to_owned(),
        client_secret: ClientSecret::new("sandbox".to_owned()),
        institution_code: INSTITUTION_CODE.to_owned(),
        contract_account: "9990000000001".to_owned(),
        deposit_passphrase: None,
        receiver: None,
        codes,
        not_found_codes: default_not_found_codes(),
        token_rejected_codes: default_token_rejected_codes(),
    }
}

/// Starts a simulator in a process of its own; it outlives a sandbox that is killed. Another
/// sandbox may start one at the same time: then that one is found.
async fn start(file: &Path) -> Result<(Option<Child>, SocketAddr), BankError> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(BankError::Start)?;
    }
    let log_path = file.with_extension("log");
    let log = std::fs::File::create(&log_path).map_err(BankError::Start)?;
    let program = std::env::current_exe().map_err(BankError::Start)?;
    let mut child = Command::new(program)
        .arg("bank-sim")
        .args(["--listen", "127.0.0.1:0"])
        .arg("--data")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(BankError::Start)?;
    let mut ours = true;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        if let Some(address) = find_running(file).await {
            return Ok((ours.then_some(child), address));
        }
        if matches!(child.try_wait(), Ok(Some(_))) {
            ours = false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    // It may have ended by itself.
    let _ = child.start_kill();
    Err(BankError::NotReady(file.to_owned(), log_path))
}

//! One simulator a file, and how to find it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::admin_client::Admin;
use super::file;
use super::serve::SimError;

const FIND_TIMEOUT: Duration = Duration::from_millis(500);

/// Held as long as the simulator runs; the system lets go of it with the process.
pub(super) struct DataLock {
    data: PathBuf,
    _held: File,
}

/// What stands in the file of the address.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Announcement {
    pub(super) address: SocketAddr,
    pub(super) pid: u32,
    pub(super) instance: String,
}

impl DataLock {
    pub(super) fn take(data: &Path) -> Result<Self, SimError> {
        let failed = |source| SimError::Lock { data: data.to_owned(), source };
        if let Some(folder) = data.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let path = beside(data, ".lock");
        let file = File::options().create(true).truncate(false).write(true).open(path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let running = announced(data).map(|running| (running.address, running.pid));
                return Err(SimError::InUse { data: data.to_owned(), running });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let lock = Self { data: data.to_owned(), _held: file };
        // A killed process leaves its address.
        lock.withdraw();
        Ok(lock)
    }

    /// Writes down where the simulator is, for [`find_running`].
    pub(super) fn announce(&self, bound: SocketAddr, instance: &str) -> io::Result<()> {
        let announcement = Announcement {
            address: reachable(bound),
            pid: std::process::id(),
            instance: instance.to_owned(),
        };
        let draft = beside(&self.data, ".addr.new");
        fs::write(&draft, serde_json::to_vec(&announcement)?)?;
        fs::rename(draft, beside(&self.data, ".addr"))
    }

    fn withdraw(&self) {
        if let Err(error) = fs::remove_file(beside(&self.data, ".addr"))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the simulator's address cannot be withdrawn");
        }
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The address of the simulator that runs on this file, if one does.
///
/// One that still has a file that was removed or replaced since is not the one on this file.
pub async fn find_running(data: &Path) -> Option<SocketAddr> {
    let announced = announced(data)?;
    if file::instance(data).await.ok()?? != announced.instance {
        return None;
    }
    let admin = Admin::new(announced.address).ok()?;
    let identity = tokio::time::timeout(FIND_TIMEOUT, admin.identity()).await.ok()?.ok()?;
    (identity.instance == announced.instance).then_some(announced.address)
}

fn announced(data: &Path) -> Option<Announcement> {
    serde_json::from_slice(&fs::read(beside(data, ".addr")).ok()?).ok()
}

fn beside(data: &Path, suffix: &str) -> PathBuf {
    let mut path = data.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// "Every interface" is no address to call.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, bound.port())
}

//! What a service manager is told of the server: systemd's `sd_notify`, a datagram of lines.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;

use crate::settings::notify_socket;

/// Calls are answered from now on.
pub const READY: &str = "READY=1";
/// No more calls are taken; those that run end.
pub const STOPPING: &str = "STOPPING=1";

/// Tells the service manager, where there is one that wants to know. It is not waited for, and
/// that it cannot be told is no reason not to serve.
pub fn tell(state: &str) {
    let Some(socket) = notify_socket() else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, state, "the service manager could not be told");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    connect(&datagram, socket)?;
    datagram.send(state.as_bytes()).map(drop)
}

/// A path, or after an `@` a name that is in no folder, which Linux alone has.
#[cfg(target_os = "linux")]
fn connect(datagram: &UnixDatagram, socket: &OsStr) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::SocketAddr;
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => datagram.connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => datagram.connect(socket),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(datagram: &UnixDatagram, socket: &OsStr) -> io::Result<()> {
    datagram.connect(socket)
}

//! A way to PostgreSQL that can be bad in every way a network can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use store::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the way does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// New connections are reset.
    Refuse,
    /// New connections are accepted; nothing is carried.
    BlackHole,
    /// Every piece takes this long.
    Delay(Duration),
    /// Whenever so many bytes went this way, their connection is reset in the middle.
    Reset(Way, usize),
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// The way.
pub struct Proxy {
    /// The database by this way.
    pub target: Target,
    mode: watch::Sender<Mode>,
    /// Counts the times that all connections were cut.
    cuts: watch::Sender<usize>,
    /// How many connections were reset in the middle.
    pub resets: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

/// What a connection knows.
#[derive(Clone)]
struct Line {
    mode: watch::Receiver<Mode>,
    cuts: watch::Receiver<usize>,
    carried: Arc<AtomicUsize>,
    resets: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn before(target: &Target) -> Self {
        let Target::Postgres(url) = target else { panic!("PostgreSQL was asked for") };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let start = url.find('@').map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
        let end = start + url[start..].find('/').unwrap();
        let far = url[start..end].to_owned();
        let target = Target::Postgres(format!("{}{own}{}", &url[..start], &url[end..]));
        let (mode, is_mode) = watch::channel(Mode::Pass);
        let (cuts, is_cut) = watch::channel(0);
        let resets = Arc::new(AtomicUsize::new(0));
        let line =
            Line { mode: is_mode, cuts: is_cut, carried: Arc::default(), resets: resets.clone() };
        let listening = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(line.clone().serve(near, far.clone()));
            }
        });
        Proxy { target, mode, cuts, resets, listening }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Resets every connection that there is.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Line {
    async fn serve(mut self, mut near: TcpStream, far: String) {
        if *self.mode.borrow() == Mode::Refuse {
            return reset(&near);
        }
        self.cuts.mark_unchanged();
        let mut cuts = self.cuts.clone();
        let passing = self.mode.clone().wait_for(|mode| *mode != Mode::BlackHole).await.is_ok();
        let Ok(mut server) = TcpStream::connect(far).await else { return };
        if !passing {
            return;
        }
        let is_reset = {
            let ((from_near, to_near), (from_server, to_server)) = (near.split(), server.split());
            tokio::select! {
                is_reset = self.clone().carry(from_near, to_server, Way::ToServer) => is_reset,
                is_reset = self.clone().carry(from_server, to_near, Way::ToClient) => is_reset,
                _ = cuts.changed() => true,
            }
        };
        if is_reset {
            reset(&near);
            reset(&server);
        }
    }

    /// Carries pieces one way; true: the connection is to be reset.
    async fn carry(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, way: Way) -> bool {
        let mut buffer = [0; 4_096];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else { return false };
            let mode = *self.mode.wait_for(|mode| *mode != Mode::BlackHole).await.unwrap();
            let mut piece = &buffer[..read];
            let mut is_last = false;
            match mode {
                Mode::Delay(pause) => tokio::time::sleep(pause).await,
                Mode::Reset(its_way, most) if its_way == way => {
                    let before = self.carried.fetch_add(read, Ordering::Relaxed) % most;
                    if before + read >= most {
                        piece = &piece[..most - before];
                        is_last = true;
                    }
                }
                Mode::Pass | Mode::Refuse | Mode::BlackHole | Mode::Reset(..) => {}
            }
            if to.write_all(piece).await.is_err() {
                return false;
            }
            if is_last {
                self.resets.fetch_add(1, Ordering::Relaxed);
                return true;
            }
        }
    }
}

/// Closes without a goodbye.
fn reset(stream: &TcpStream) {
    // It may be gone already.
    let _ = stream.set_zero_linger();
}

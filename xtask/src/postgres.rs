//! A PostgreSQL server of the tests' own: in a temporary folder, on a free port, and gone with
//! xtask however that ends.

mod owner;

use std::fs::{self, DirBuilder};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Outcome, environment, run, say};
use owner::Owner;

/// More than all test threads together open.
const CONNECTIONS_MAX: u32 = 300;
/// Another program may take the free port before PostgreSQL does.
const STARTS_MAX: u32 = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);
const ENDED_WITHIN: Duration = Duration::from_secs(30);
const POLL_PAUSE: Duration = Duration::from_millis(50);

/// Runs the server until its input ends. That is a pipe from xtask, which the system closes even
/// where xtask is killed. The script is in a process group of its own, which Ctrl-C does not reach.
const WATCHDOG: &str = r#"
"$1/postgres" -D "$2/data" >"$2/log" 2>&1 </dev/null &
cat >/dev/null
kill -INT "$!" 2>/dev/null
wait "$!"
rm -rf "$2"
"#;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// It does, as in production.
    Flushed,
    /// It does not: what is written need not outlive the machine.
    NotFlushed,
}

/// A running server; ends when dropped.
pub(crate) struct Postgres {
    watchdog: Child,
    input: Option<ChildStdin>,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts one with the programs of this folder.
    pub(crate) fn start(programs: &Path, durability: Durability) -> Result<Self, String> {
        let mut problem = String::new();
        for attempt in 1..=STARTS_MAX {
            match Self::try_start(programs, attempt, durability) {
                Ok(server) => return Ok(server),
                Err(error) => problem = error,
            }
        }
        Err(format!("PostgreSQL does not start: {problem}"))
    }

    fn try_start(programs: &Path, attempt: u32, durability: Durability) -> Result<Self, String> {
        let name = format!("platen-test-{}-{attempt}", std::process::id());
        let folder = environment::temporary_folder().join(name);
        let owner = Owner::find()?;
        let port = free_port()?;
        let failed = |error| format!("cannot use the folder {}: {error}", folder.display());
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        if let Some(Owner { user, group }) = owner {
            chown(&folder, Some(user), Some(group)).map_err(failed)?;
        }
        let started = initialize(programs, &folder, port, owner, durability)
            .and_then(|()| watch(programs, &folder, owner));
        let mut watchdog = started.inspect_err(|_| {
            let _ = fs::remove_dir_all(&folder);
        })?;
        let input = watchdog.stdin.take();
        let server = Postgres { watchdog, input, folder, port };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Its address, for a user that may create databases.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&self) -> Outcome {
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if is_ready(&self.folder.join("data/postmaster.pid")) {
                return Ok(());
            }
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("FATAL:") {
                return Err(log);
            }
            thread::sleep(POLL_PAUSE);
        }
        Err(format!("not ready after {} s", READY_WITHIN.as_secs()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.input.take());
        let begun = Instant::now();
        while begun.elapsed() < ENDED_WITHIN {
            if !matches!(self.watchdog.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL_PAUSE);
        }
        let left = format!("PostgreSQL does not stop; its folder is {}", self.folder.display());
        say::error(&left);
    }
}

/// The eighth line of this file tells how far the server is.
fn is_ready(pid_file: &Path) -> bool {
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    text.lines().nth(7).is_some_and(|status| status.trim() == "ready")
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|bound| bound.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// Lets nobody in but programs on this machine, and has no socket file.
fn initialize(
    programs: &Path,
    folder: &Path,
    port: u16,
    owner: Option<Owner>,
    durability: Durability,
) -> Outcome {
    let mut initdb = run::command(&programs.join("initdb"));
    initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
    initdb.args(["--no-sync", "-D"]).arg(folder.join("data"));
    run::output(owned(&mut initdb, folder, owner))?;
    let flushing = match durability {
        Durability::Flushed => "",
        Durability::NotFlushed => "fsync = off\nfull_page_writes = off\n",
    };
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
         max_connections = {CONNECTIONS_MAX}\n{flushing}logging_collector = off\n"
    );
    let file = folder.join("data/postgresql.auto.conf");
    fs::write(&file, settings).map_err(|error| format!("{}: {error}", file.display()))
}

fn watch(programs: &Path, folder: &Path, owner: Option<Owner>) -> Result<Child, String> {
    let mut shell = run::command(Path::new("/bin/sh"));
    shell.args(["-c", WATCHDOG, "postgres-of-the-tests"]).arg(programs).arg(folder);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let child = owned(&mut shell, folder, owner).spawn();
    child.map_err(|error| format!("cannot run /bin/sh: {error}"))
}

/// The command as the folder's owner, who may be unable to read the workspace.
fn owned<'a>(command: &'a mut Command, folder: &Path, owner: Option<Owner>) -> &'a mut Command {
    command.current_dir(folder);
    match owner {
        Some(Owner { user, group }) => command.gid(group).uid(user),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_file_says_so() {
        let file = environment::temporary_folder()
            .join(format!("platen-xtask-pid-{}", std::process::id()));
        for (status, ready) in [("starting\n", false), ("ready   \n", true), ("", false)] {
            fs::write(&file, format!("1\n/d\n2\n3\n\n127.0.0.1\n4 5\n{status}")).unwrap();
            assert_eq!(is_ready(&file), ready, "{status}");
        }
        fs::remove_file(&file).unwrap();
        assert!(!is_ready(&file));
    }
}

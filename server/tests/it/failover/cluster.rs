//! PostgreSQL servers of a test's own. Each ends with the test's process, however that ends.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use store::testing::run;
use tempfile::TempDir;

/// Runs the server until its input ends, which the system closes where the test is killed.
const WATCHDOG: &str = r#"
"$1/postgres" -D "$2/data" >"$2/log" 2>&1 </dev/null &
cat >/dev/null
kill -INT "$!" 2>/dev/null
wait "$!"
"#;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the standby calls itself.
const STANDBY: &str = "standby";

/// A server with its folder.
pub struct Cluster {
    pub port: u16,
    programs: PathBuf,
    watchdog: Child,
    input: Option<ChildStdin>,
    /// Dropped last, when the server has ended.
    folder: TempDir,
}

/// PostgreSQL refuses root: the user that stands in for it.
fn owner() -> Option<(u32, u32)> {
    if !getuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| ["postgres", "nobody"].contains(&fields[0]));
    let fields = found.unwrap();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn owned_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    if let Some((user, group)) = owner() {
        chown(folder.path(), Some(user), Some(group)).unwrap();
    }
    folder
}

fn owned(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((user, group)) = owner() {
        command.gid(group).uid(user);
    }
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A folder with the data of a new server.
fn initialised(programs: &Path) -> TempDir {
    let folder = owned_folder();
    let mut initdb = owned(&programs.join("initdb"), folder.path());
    initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
    succeed(initdb.args(["--no-sync", "-D"]).arg(folder.path().join("data")));
    folder
}

impl Cluster {
    /// A server that may have standbys.
    pub fn primary(programs: &Path) -> Self {
        Self::start(programs, initialised(programs), "")
    }

    /// A server that lets nobody in but by TLS, with this certificate and its key.
    pub fn secured(programs: &Path, certificate: &str, key: &str) -> Self {
        let folder = initialised(programs);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = folder.path().join("data").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = owner() {
                chown(&path, Some(user), Some(group)).unwrap();
            }
        }
        let hosts = folder.path().join("data/pg_hba.conf");
        fs::write(hosts, "hostssl all all 127.0.0.1/32 trust\n").unwrap();
        Self::start(programs, folder, "ssl = on\n")
    }

    /// Another one that follows it.
    pub fn standby(&self, programs: &Path) -> Self {
        let folder = owned_folder();
        let mut copy = owned(&programs.join("pg_basebackup"), folder.path());
        let from =
            format!("host=127.0.0.1 port={} user=postgres application_name={STANDBY}", self.port);
        copy.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", &from, "-D"]);
        succeed(copy.arg(folder.path().join("data")));
        Self::start(programs, folder, "")
    }

    fn start(programs: &Path, folder: TempDir, more: &str) -> Self {
        let port = free_port();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 60\nlogging_collector = off\nsynchronous_commit = on\n{more}"
        );
        // What pg_basebackup has written of its primary stands in the other file.
        let file = folder.path().join("data/postgresql.conf");
        fs::write(&file, settings).unwrap();
        let mut shell = owned(Path::new("/bin/sh"), folder.path());
        shell.args(["-c", WATCHDOG, "postgres-of-a-test"]).arg(programs).arg(folder.path());
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut watchdog = shell.spawn().unwrap();
        let input = watchdog.stdin.take();
        let programs = programs.to_owned();
        let cluster = Cluster { port, programs, watchdog, input, folder };
        cluster.wait("it is ready", || {
            let pid_file = fs::read_to_string(cluster.folder.path().join("data/postmaster.pid"));
            pid_file.is_ok_and(|text| {
                text.lines()
                    .nth(7)
                    .is_some_and(|status| ["ready", "standby"].contains(&status.trim()))
            })
        });
        cluster
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "not so after a while: {what}: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// From now on no commit is acknowledged before the standby has it on its disk.
    pub fn wait_for_standby(&self) {
        let url = self.url("postgres");
        run(&url, &format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")).unwrap();
        run(&url, "SELECT pg_reload_conf()").unwrap();
        self.wait("the standby is synchronous", || {
            // A query that fails where it is not so.
            let sql = "SELECT 1 / COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            run(&url, sql).is_ok()
        });
    }

    /// Kills every process of it at once, as a machine that is lost does.
    pub fn kill(self) {
        let pid_file = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let postmaster: i32 = pid_file.lines().next().unwrap().parse().unwrap();
        let of = |pid| Pid::from_raw(pid).unwrap();
        kill_process(of(postmaster), Signal::STOP).unwrap();
        for child in children(postmaster) {
            // It may have ended.
            let _ = kill_process(of(child), Signal::KILL);
        }
        kill_process(of(postmaster), Signal::KILL).unwrap();
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        let mut promote = owned(&self.programs.join("pg_ctl"), self.folder.path());
        succeed(promote.args(["promote", "-w", "-D"]).arg(self.folder.path().join("data")));
    }
}

fn children(of: i32) -> Vec<i32> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid) == Some(of)).collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.input.take());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if !matches!(self.watchdog.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

//! The binary as its users start it. What a test starts ends with the test, by its process id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use client::{Client, Credentials};
use platen::context::Clock;
use rustix::process::{Pid, Signal, kill_process};
use store::Target;

/// How long a process may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command of the binary, away from the environment's settings.
pub fn platen(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_platen"));
    command.args(args).stdin(Stdio::null()).env_remove("PLATEN_FEE_DEADLINE_MS");
    command
}

/// Variables of the environment.
pub type Variables = [(&'static str, PathBuf)];

/// Runs a command to its end.
pub fn run(args: &[&str]) -> Output {
    run_with(args, &[])
}

/// As [`run`], with these variables.
pub fn run_with(args: &[&str], variables: &Variables) -> Output {
    platen(args).envs(variables.iter().cloned()).output().unwrap()
}

/// Standard output of a command that must succeed.
pub fn stdout_of(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A running server: a sandbox or a bank simulator.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    /// All that it has printed and logged goes here: `NAME.out` and `NAME.err`.
    pub log: PathBuf,
    /// `http://address`, or `https://address`.
    pub url: String,
}

impl Server {
    /// Starts it and waits until it is ready; its log goes into `folder`.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    /// As [`Self::start`], with these variables.
    pub fn start_with(folder: &Path, args: &[&str], variables: &Variables) -> Self {
        let mut command = platen(args);
        command.envs(variables.iter().cloned());
        Self::start_as(command, folder, args[0])
    }

    /// As [`Self::start`], by a command that ends up as one of ours, whose log has this name.
    pub fn start_as(mut command: Command, folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.err"));
        let err = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(err).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Server { child, lines, log, url: String::new() };
        let Ok(line) = server.lines.recv_timeout(PATIENCE) else {
            panic!("{name} is not ready: {}", server.logged());
        };
        let at = line.find("http").unwrap();
        line[at..].clone_into(&mut server.url);
        server
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -HUP`.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// What it printed after its first line.
    pub fn printed(&self) -> String {
        let mut text = String::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// What it logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`, and its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not stop: {}", self.logged());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The most memory that it has had resident, bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory that it has resident, bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Files that it has open, connections among them.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends a bank simulator that outlives the sandbox that started it.
pub struct BankGuard(pub PathBuf);

impl BankGuard {
    /// The simulator's process, if one runs on the file.
    pub fn pid(&self) -> Option<i32> {
        let mut path = self.0.clone().into_os_string();
        path.push(".addr");
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let pid = i32::try_from(told["pid"].as_i64()?).ok()?;
        // The number may have gone to another process since.
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let file = self.0.to_str()?;
        String::from_utf8_lossy(&line).split('\0').any(|arg| arg == file).then_some(pid)
    }

    /// Waits until no simulator runs on the file.
    pub fn is_gone(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(3);
        while self.pid().is_some() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

impl Drop for BankGuard {
    fn drop(&mut self) {
        if let Some(pid) = self.pid().and_then(Pid::from_raw) {
            // It may have ended.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The credentials of a sandbox's database, as the command prints them.
pub fn credentials(database: &str) -> Credentials {
    let text = stdout_of(&["credentials", "--database", database, "--format", "json"]);
    Credentials::from_json(&text).unwrap()
}

/// A client of a sandbox.
pub fn client(url: &str, credentials: &Credentials) -> Client {
    Client::new(url, credentials.clone(), || Clock.now().0 / 1_000).unwrap()
}

/// A path as an argument.
/// What `--database` is given for a database.
pub fn database_arg(target: &Target) -> String {
    match target {
        Target::Sqlite(path) => arg(path).to_owned(),
        Target::Postgres(url) => url.clone(),
    }
}

pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

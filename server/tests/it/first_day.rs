//! docs/operations/first-day.md, as an operator would go through it: each of its commands is run,
//! in its order, and what it prints is held to what the page says.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use store::Target;
use store::testing::engines;
use tempfile::TempDir;

use crate::process::database_arg;
use crate::serve::without_password;

const PAGE: &str = include_str!("../../../docs/operations/first-day.md");
/// Begins the part that PostgreSQL does by its own tools.
const OF_SQLITE: &str = "## 9. ";
/// Commands of the page; fewer would mean that it is not read as it is meant.
const COMMANDS_MIN: usize = 40;

/// A command with what it prints; `…` stands for anything.
struct Line {
    command: String,
    printed: String,
}

fn lines(page: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut is_within = false;
    for line in page.lines() {
        match (is_within, line.strip_prefix("$ "), line.strip_prefix("> "), lines.last_mut()) {
            (_, _, _, _) if line.starts_with("```") => is_within = line == "```console",
            (false, ..) => {}
            (true, Some(command), ..) => {
                lines.push(Line { command: command.to_owned(), printed: String::new() });
            }
            (true, None, Some(more), Some(last)) => last.command += &format!("\n{more}"),
            (true, None, _, Some(last)) => last.printed += &format!("{line}\n"),
            (true, None, _, None) => panic!("{line} is printed by nothing"),
        }
    }
    lines
}

/// Whether a text is what stands there.
fn is_like(text: &str, wanted: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Ends what the page has left running, if a test breaks off.
struct Folder(TempDir);

impl Drop for Folder {
    fn drop(&mut self) {
        for name in ["platen.pid", "bank.pid"] {
            if let Ok(pid) = fs::read_to_string(self.0.path().join(name)) {
                let _ = Command::new("kill").arg(pid.trim()).stderr(Stdio::null()).status();
            }
        }
    }
}

/// The page, with addresses of its own and this database.
fn page_for(target: &Target, folder: &Path) -> String {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut page = PAGE.to_owned();
    for (listener, port) in listeners.iter().zip(["9100", "8443", "8081"]) {
        let free = listener.local_addr().unwrap().port();
        page = page.replace(&format!(":{port}"), &format!(":{free}"));
    }
    match target {
        Target::Sqlite(_) => page,
        Target::Postgres(_) => {
            let (bare, password) = without_password(&database_arg(target));
            let file = folder.join("password");
            fs::write(&file, password.unwrap_or_else(|| "asked for by nobody".to_owned())).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&file, mode).unwrap();
            let own = format!("database = \"{bare}\"\n> database_password_file = \"password\"");
            let (before, after) = page.split_once(OF_SQLITE).unwrap();
            let (_, after) = after.split_once("\n## ").unwrap();
            format!("{before}## {after}").replace("database = \"platen.db\"", &own)
        }
    }
}

/// What a command prints. Output goes to a file: what stays in the background may keep it.
fn run(folder: &Path, command: &str) -> (bool, String, String) {
    let file = |name: &str| fs::File::create(folder.join(name)).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_platen")).parent().unwrap();
    let mut path = OsString::from(binary);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let status = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(file(".out"))
        .stderr(file(".err"))
        .status();
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    (status.unwrap().success(), text(".out"), text(".err"))
}

#[test]
fn an_operator_goes_by_the_page() {
    for database in engines() {
        let folder = Folder(TempDir::new().unwrap());
        let path = folder.0.path();
        let lines = lines(&page_for(database.target(), path));
        assert!(lines.len() > COMMANDS_MIN, "{}", lines.len());
        for Line { command, printed } in &lines {
            let (is_done, out, err) = run(path, command);
            let log = fs::read_to_string(path.join("platen.log")).unwrap_or_default();
            assert!(is_done, "{command}\n{out}\n{err}\n{log}");
            assert!(is_like(out.trim_end(), printed.trim_end()), "{command}\n{out}\n{printed}");
        }
    }
}

#[test]
fn a_page_is_held_to_its_word() {
    let all = lines("text\n```console\n$ a \\\n>   b\nprinted\n$ c\n```\n$ not this\n");
    let told: Vec<_> =
        all.iter().map(|line| (line.command.as_str(), line.printed.as_str())).collect();
    assert_eq!(told, [("a \\\n  b", "printed\n"), ("c", "")]);
    for (text, wanted, fits) in [
        ("ready", "ready", true),
        ("ready now", "ready", false),
        ("key 7 begins", "key … begins", true),
        ("key 7 ends", "key … begins", false),
        ("a\nb\nc", "…", true),
        ("a1b2", "a…b…", true),
        ("b2", "a…b…", false),
    ] {
        assert_eq!(is_like(text, wanted), fits, "{text} {wanted}");
    }
}

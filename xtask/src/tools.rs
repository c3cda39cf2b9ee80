//! Programs that the tests need beside Rust: found, else installed through the system's package
//! manager.

mod install;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{environment, run, say};

/// The oldest Node whose test runner can do what the tests need: major and minor version.
const NODE_MIN: (u32, u32) = (18, 15);

/// The oldest JDK that the samples in Java say they run on.
const JDK_MIN: u32 = 17;

/// The oldest OpenSSL that the samples for curl say they run on.
const OPENSSL_MIN: u32 = 3;

/// What the tests in Python need of it.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// What Chromium is called in `PATH`.
const CHROMIUM_NAMES: &[&str] =
    &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Where macOS has it.
const CHROMIUM_APPLICATIONS: &[&str] = &[
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Where packages put SoftHSM's module.
const SOFTHSM_MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// A program that the tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// PostgreSQL's server: `initdb` and `postgres`.
    Postgres,
    /// Node.
    Node,
    /// Node's package manager.
    Npm,
    /// A Java development kit: `java`, with the compiler behind it.
    Jdk,
    /// Python, with `venv`.
    Python,
    /// curl.
    Curl,
    /// OpenSSL's command line.
    OpenSsl,
    /// Chromium, or a browser that is built of it.
    Chromium,
    /// Prometheus' checker of rules.
    Promtool,
    /// SoftHSM, a PKCS#11 token in software: its module, with `softhsm2-util` in `PATH`.
    SoftHsm,
}

impl Tool {
    /// What it is called where it is asked for.
    pub(crate) fn name(self) -> String {
        match self {
            Tool::Postgres => "the PostgreSQL server (initdb and postgres)".to_owned(),
            Tool::Node => format!("Node {}.{} or newer", NODE_MIN.0, NODE_MIN.1),
            Tool::Npm => "npm".to_owned(),
            Tool::Jdk => format!("a JDK {JDK_MIN} or newer (java and javac)"),
            Tool::Python => "Python 3.11 or newer, with venv".to_owned(),
            Tool::Curl => "curl".to_owned(),
            Tool::OpenSsl => format!("OpenSSL {OPENSSL_MIN} or newer"),
            Tool::Chromium => "Chromium".to_owned(),
            Tool::Promtool => "promtool, of Prometheus".to_owned(),
            Tool::SoftHsm => "SoftHSM 2 (softhsm2-util and libsofthsm2.so)".to_owned(),
        }
    }

    fn find(self) -> Option<PathBuf> {
        match self {
            Tool::Postgres => postgres_folders().into_iter().find(|folder| has_server(folder)),
            Tool::Node => ["node", "nodejs"]
                .iter()
                .filter_map(|name| environment::find_program(name))
                .find(|node| is_new_enough(node)),
            Tool::Npm => environment::find_program("npm"),
            Tool::Jdk => {
                // A runtime without the compiler has `java` alone.
                let javac = environment::find_program("javac")?;
                let version = printed_version(&javac, "--version")?;
                environment::find_program("java").filter(|_| version >= JDK_MIN)
            }
            Tool::Python => environment::find_program("python3").filter(|python| {
                run::output(run::command(python).args(["-c", PYTHON_CHECK])).is_ok()
            }),
            Tool::Curl => environment::find_program("curl"),
            Tool::OpenSsl => {
                let openssl = environment::find_program("openssl")?;
                let printed = run::output(run::command(&openssl).arg("version")).ok()?;
                Some(openssl).filter(|_| is_openssl_new_enough(&printed))
            }
            Tool::Chromium => CHROMIUM_NAMES
                .iter()
                .filter_map(|name| environment::find_program(name))
                .chain(CHROMIUM_APPLICATIONS.iter().map(PathBuf::from))
                .find(|file| file.is_file()),
            Tool::Promtool => environment::find_program("promtool").or_else(|| {
                Some(install::unpacked_folder().join("usr/bin/promtool"))
                    .filter(|file| file.is_file())
            }),
            Tool::SoftHsm => {
                environment::find_program("softhsm2-util")?;
                SOFTHSM_MODULES.iter().map(PathBuf::from).find(|file| file.is_file())
            }
        }
    }
}

/// Where a tool is: the folder of PostgreSQL's programs, or the program. Installs it if missing.
pub(crate) fn ensure(tool: Tool) -> Result<PathBuf, String> {
    if let Some(found) = tool.find() {
        return Ok(found);
    }
    let name = tool.name();
    say::line(&format!("The tests need {name}, which is not here."));
    let by_hand = format!("install {name} and run this again");
    install::install(tool).map_err(|reason| format!("{reason}: {by_hand}"))?;
    tool.find().ok_or_else(|| {
        format!("the package manager has no fitting version, or it is nowhere in PATH: {by_hand}")
    })
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// Folders that may hold PostgreSQL's programs: those of `PATH`, then where packages put them,
/// the newest version first.
fn postgres_folders() -> Vec<PathBuf> {
    let in_path = environment::find_program("initdb");
    let mut folders: Vec<PathBuf> =
        in_path.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/usr/libexec", "postgresql"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ] {
        let mut versions = below(Path::new(parent), prefix);
        versions.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
        folders.extend(versions.iter().flat_map(|folder| [folder.join("bin"), folder.clone()]));
    }
    folders
}

fn below(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| file_name(path).starts_with(prefix)).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The numbers in a folder's name.
fn version(folder: &Path) -> Vec<u32> {
    numbers(&file_name(folder)).collect()
}

fn numbers(text: &str) -> impl Iterator<Item = u32> {
    let words = text.split(|letter: char| !letter.is_ascii_digit());
    words.filter_map(|word| word.parse().ok())
}

/// The first number that a program prints of its version.
fn printed_version(program: &Path, option: &str) -> Option<u32> {
    let printed = run::output(run::command(program).arg(option)).ok()?;
    numbers(&printed).next()
}

/// LibreSSL, which some systems call openssl, can do less.
fn is_openssl_new_enough(printed: &str) -> bool {
    printed.starts_with("OpenSSL ")
        && numbers(printed).next().is_some_and(|version| version >= OPENSSL_MIN)
}

fn is_new_enough(node: &Path) -> bool {
    run::output(run::command(node).arg("--version")).is_ok_and(|printed| at_least_min(&printed))
}

fn at_least_min(printed: &str) -> bool {
    let mut numbers = numbers(printed);
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= NODE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_folders_come_later() {
        let mut names = ["9.6", "17", "postgresql@15", "postgresql", "16"];
        names.sort_by_key(|name| version(Path::new(name)));
        assert_eq!(names, ["postgresql", "9.6", "postgresql@15", "16", "17"]);
    }

    #[test]
    fn an_old_node_is_not_taken() {
        for (printed, is_taken) in [
            ("v20.20.2\n", true),
            ("v18.15.0", true),
            ("v18.14.9", false),
            ("v12.22.9", false),
            ("", false),
        ] {
            assert_eq!(at_least_min(printed), is_taken, "{printed}");
        }
    }

    #[test]
    fn another_openssl_is_not_taken() {
        assert!(is_openssl_new_enough("OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19)"));
        assert!(!is_openssl_new_enough("OpenSSL 1.1.1w  11 Sep 2023"));
        assert!(!is_openssl_new_enough("LibreSSL 3.3.6"));
    }
}

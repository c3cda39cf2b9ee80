//! The system's package manager.

use std::fs;
use std::path::{Path, PathBuf};

use super::Tool;
use crate::{Outcome, environment, run, say};

/// How apt learns of the packages that there are.
const APT_UPDATE: [&str; 2] = ["apt-get", "update"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Apk,
    Brew,
}

impl Manager {
    const ALL: [Manager; 4] = [Manager::Apt, Manager::Dnf, Manager::Apk, Manager::Brew];

    fn program(self) -> &'static str {
        match self {
            Manager::Apt => "apt-get",
            Manager::Dnf => "dnf",
            Manager::Apk => "apk",
            Manager::Brew => "brew",
        }
    }

    fn package(self, tool: Tool) -> &'static str {
        match (self, tool) {
            (Manager::Apt | Manager::Apk | Manager::Brew, Tool::Postgres) => "postgresql",
            (Manager::Dnf, Tool::Postgres) => "postgresql-server",
            (Manager::Apt | Manager::Dnf | Manager::Apk, Tool::Node) => "nodejs",
            (Manager::Brew, Tool::Node | Tool::Npm) => "node",
            (Manager::Apt | Manager::Apk, Tool::Npm) => "npm",
            (Manager::Dnf, Tool::Npm) => "nodejs-npm",
            (Manager::Apt, Tool::Jdk) => "default-jdk-headless",
            (Manager::Dnf, Tool::Jdk) => "java-latest-openjdk-devel",
            (Manager::Apk, Tool::Jdk) => "openjdk17-jdk",
            (Manager::Brew, Tool::Jdk) => "openjdk",
            (Manager::Apt, Tool::Python) => "python3-venv",
            (Manager::Dnf | Manager::Apk, Tool::Python) => "python3",
            (Manager::Brew, Tool::Python) => "python",
            (Manager::Apt | Manager::Dnf | Manager::Apk | Manager::Brew, Tool::Curl) => "curl",
            (Manager::Apt | Manager::Dnf | Manager::Apk, Tool::OpenSsl) => "openssl",
            (Manager::Brew, Tool::OpenSsl) => "openssl@3",
            (Manager::Apt | Manager::Dnf | Manager::Apk, Tool::Chromium) => "chromium",
            (Manager::Brew, Tool::Chromium) => "google-chrome",
            (Manager::Apt | Manager::Apk | Manager::Brew, Tool::Promtool) => "prometheus",
            (Manager::Dnf, Tool::Promtool) => "golang-github-prometheus",
            (Manager::Apt, Tool::SoftHsm) => "softhsm2",
            (Manager::Dnf | Manager::Apk | Manager::Brew, Tool::SoftHsm) => "softhsm",
        }
    }

    /// The commands that install a package, without asking anything.
    fn commands(self, package: &'static str) -> Vec<Vec<&'static str>> {
        match self {
            Manager::Apt => vec![
                APT_UPDATE.to_vec(),
                vec![
                    "env",
                    "DEBIAN_FRONTEND=noninteractive",
                    "apt-get",
                    "install",
                    "--yes",
                    "--no-install-recommends",
                    package,
                ],
            ],
            Manager::Dnf => vec![vec!["dnf", "install", "--assumeyes", package]],
            Manager::Apk => vec![vec!["apk", "add", "--update-cache", package]],
            Manager::Brew => vec![vec!["brew", "install", package]],
        }
    }
}

/// Who runs the package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// The user as is: root, or a package manager that wants no root.
    Own,
    /// The user through sudo.
    Sudo,
}

fn rights(manager: Manager, user_id: &str, sudo: Option<&Path>) -> Result<Rights, String> {
    match manager {
        Manager::Brew => Ok(Rights::Own),
        Manager::Apt | Manager::Dnf | Manager::Apk => match sudo {
            _ if user_id == "0" => Ok(Rights::Own),
            Some(_) => Ok(Rights::Sudo),
            None => Err(format!("{} needs root, and there is no sudo", manager.program())),
        },
    }
}

/// Installs a tool; the error is the reason why that cannot be.
pub(super) fn install(tool: Tool) -> Outcome {
    let manager = Manager::ALL
        .into_iter()
        .find(|manager| environment::find_program(manager.program()).is_some())
        .ok_or("there is no apt-get, dnf, apk or brew to install it with")?;
    let user_id = run::output(run::command(Path::new("id")).arg("-u"))?;
    let sudo = environment::find_program("sudo");
    let rights = rights(manager, user_id.trim(), sudo.as_deref())?;
    let package = manager.package(tool);
    // Installed, Debian's package would start its service.
    let is_unpacked = manager == Manager::Apt && tool == Tool::Promtool;
    let commands = if is_unpacked { vec![APT_UPDATE.to_vec()] } else { manager.commands(package) };
    for words in commands {
        let words = match rights {
            Rights::Own => words,
            Rights::Sudo => [vec!["sudo", "-n"], words].concat(),
        };
        let typed = words.join(" ");
        say::line(&format!("Running `{typed}`"));
        let [program, arguments @ ..] = words.as_slice() else { continue };
        let status = run::command(Path::new(program)).args(arguments).status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("`{typed}` failed ({status})")),
            Err(error) => return Err(format!("`{typed}` cannot be run ({error})")),
        }
    }
    if is_unpacked { unpack(package) } else { Ok(()) }
}

/// Where a package lies that is only unpacked.
pub(super) fn unpacked_folder() -> PathBuf {
    environment::target_folder().join("unpacked")
}

/// Fetches a package of Debian's and unpacks it: nothing is installed, and no service is started.
fn unpack(package: &str) -> Outcome {
    let folder = unpacked_folder();
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let script = format!("apt-get download {package} && dpkg-deb --extract {package}_*.deb .");
    say::line(&format!("Running `{script}` in {}", folder.display()));
    run::succeed(run::command(Path::new("sh")).args(["-c", &script]).current_dir(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_installs_what_it_calls_the_package() {
        for manager in Manager::ALL {
            for tool in [
                Tool::Postgres,
                Tool::Node,
                Tool::Npm,
                Tool::Jdk,
                Tool::Python,
                Tool::Curl,
                Tool::OpenSsl,
                Tool::Chromium,
                Tool::Promtool,
                Tool::SoftHsm,
            ] {
                let package = manager.package(tool);
                let commands = manager.commands(package);
                assert_eq!(commands.last().unwrap().last(), Some(&package), "{manager:?}");
            }
        }
    }

    #[test]
    fn sudo_is_used_where_root_is_needed_and_missing() {
        let sudo = Some(Path::new("/usr/bin/sudo"));
        assert_eq!(rights(Manager::Apt, "0", None), Ok(Rights::Own));
        assert_eq!(rights(Manager::Apt, "1000", sudo), Ok(Rights::Sudo));
        assert_eq!(rights(Manager::Brew, "501", sudo), Ok(Rights::Own));
        let refused = rights(Manager::Apk, "1000", None).unwrap_err();
        assert_eq!(refused, "apk needs root, and there is no sudo");
    }
}

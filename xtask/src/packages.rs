//! Packages of other languages that tests need, as their lock files name them, in `target`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, environment, run, say};

/// Exact versions and hashes of the packages of Python.
const PYTHON_LOCK: &str = "tests/openapi/requirements.txt";

/// A copy of the lock file whose packages a folder holds.
const INSTALLED: &str = "installed.lock";

/// The Python that has the packages.
pub(crate) fn python(python: &Path) -> Result<PathBuf, String> {
    let folder = environment::target_folder().join("python");
    let own = folder.join("bin").join("python");
    unless_installed(&folder, PYTHON_LOCK, || {
        run::succeed(run::command(python).args(["-m", "venv"]).arg(&folder))?;
        let mut pip = run::command(&own);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run::succeed(pip.args(["--require-hashes", "--requirement", PYTHON_LOCK]))
    })?;
    Ok(own)
}

/// The folder in which Node's `node_modules` is for `tests/{name}`.
pub(crate) fn npm(npm: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = environment::target_folder().join("npm").join(name);
    let [manifest, lock] = ["package.json", "package-lock.json"];
    let of_tests = |file: &str| format!("tests/{name}/{file}");
    unless_installed(&folder, &of_tests(lock), || {
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for file in [manifest, lock] {
            let from = of_tests(file);
            let copied = fs::copy(environment::root().join(&from), folder.join(file));
            copied.map_err(|error| format!("cannot copy {from}: {error}"))?;
        }
        let mut command = run::command(npm);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        run::succeed(command.current_dir(&folder))
    })?;
    Ok(folder)
}

/// Makes the folder anew unless it holds what the lock file names.
fn unless_installed(folder: &Path, lock: &str, install: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = fs::read(environment::root().join(lock));
    let wanted = wanted.map_err(|error| format!("{lock}: {error}"))?;
    let mark = folder.join(INSTALLED);
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say::line(&format!("Installing the packages of {lock} into {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    install()?;
    fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_stays_and_what_failed_is_tried_again() {
        let folder = environment::target_folder().join("packages-test");
        let _ = fs::remove_dir_all(&folder);
        let make = || fs::create_dir_all(&folder).map_err(|error| error.to_string());
        let lock = "Cargo.lock";
        assert!(unless_installed(&folder, lock, || Err("no network".to_owned())).is_err());
        unless_installed(&folder, lock, make).unwrap();
        unless_installed(&folder, lock, || Err("again".to_owned())).unwrap();
        fs::write(folder.join(INSTALLED), "another").unwrap();
        assert!(unless_installed(&folder, lock, || Err("again".to_owned())).is_err());
        assert!(!folder.exists());
    }
}

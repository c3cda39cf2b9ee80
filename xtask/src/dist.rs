//! `dist`: what an operator installs, in `target/dist`: a static binary, one that needs the
//! system's C library, a Debian package of the latter, and the SHA-256 of each.

mod binary;
mod debian;
mod depends;
mod manual;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::{Outcome, environment, run, say, usage};

use binary::Flavour;
pub(crate) use debian::trial;

/// When nobody says when the sources were last changed: the first of January 1980, before which
/// some archives know no time.
const EPOCH_UNKNOWN: &str = "315532800";

/// What can be asked for.
pub(crate) fn details() -> Result<String, String> {
    let flavours = Flavour::ALL.map(|one| format!("  {:<8} {}", one.name(), one.doc()));
    Ok(format!(
        "The parts, all of them unless one is named:\n\n{}\n  {:<8} {}\n\n\
         The static binary needs its target and a compiler of C for it:\n\
         `rustup target add {}` and, on Debian, `apt install musl-tools`.\n\
         Builds of one commit by one compiler are meant to be the same, byte for byte.",
        flavours.join("\n"),
        debian::NAME,
        debian::DOC,
        Flavour::Static.target(),
    ))
}

pub(crate) fn command(arguments: &[&str]) -> Outcome {
    let part = match arguments {
        [] => None,
        [part] if is_part(part) => Some(*part),
        _ => return Err(usage("dist")),
    };
    let wanted = |name: &str| part.is_none_or(|part| part == name);
    let folder = environment::target_folder().join("dist");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (version, epoch) = (version()?, epoch());
    let mut made = Vec::new();
    for flavour in Flavour::ALL {
        let is_packed = flavour == Flavour::Ordinary && wanted(debian::NAME);
        if !wanted(flavour.name()) && !is_packed {
            continue;
        }
        let begun = Instant::now();
        let binary = binary::build(flavour, &epoch)?;
        let took = begun.elapsed().as_secs();
        let file = folder.join(format!("platen-{version}-{}", flavour.target()));
        binary::slim(&binary, &file)?;
        say::line(&format!("{}, built in {took} s", told(&file)?));
        made.push(file.clone());
        if is_packed {
            let package = debian::pack(&file, &folder, (&version, &epoch), debian::LEVEL)?;
            say::line(&told(&package)?);
            made.push(package);
        }
    }
    sums(&folder, &made)
}

fn is_part(name: &str) -> bool {
    name == debian::NAME || Flavour::ALL.iter().any(|flavour| flavour.name() == name)
}

/// A file's name and size.
fn told(file: &Path) -> Result<String, String> {
    let failed = |error| format!("{}: {error}", file.display());
    let bytes = fs::metadata(file).map_err(failed)?.len();
    Ok(format!("{}: {bytes} bytes", file.display()))
}

/// The version of the product, as the workspace says it.
fn version() -> Result<String, String> {
    let path = environment::root().join("Cargo.toml");
    let text = fs::read_to_string(path).map_err(|error| format!("Cargo.toml: {error}"))?;
    let of_package = text.split("[workspace.package]").nth(1).unwrap_or_default();
    let line = of_package.lines().find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
    version.ok_or_else(|| "Cargo.toml: the workspace's packages have no version".to_owned())
}

/// When the sources were last changed, seconds since 1970: as SOURCE_DATE_EPOCH says, else the
/// last commit.
fn epoch() -> String {
    if let Some(given) = environment::variable("SOURCE_DATE_EPOCH") {
        return given.to_string_lossy().into_owned();
    }
    let mut git = run::command(Path::new("git"));
    let asked = run::output(git.args(["log", "-1", "--format=%ct"]));
    asked.map_or_else(|_| EPOCH_UNKNOWN.to_owned(), |seconds| seconds.trim().to_owned())
}

/// Writes SHA256SUMS anew, of all that lies in the folder beside it.
fn sums(folder: &Path, made: &[PathBuf]) -> Outcome {
    let mut names: Vec<String> = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("platen") && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort();
    let mut command = run::command(Path::new("sha256sum"));
    let text = run::output(command.current_dir(folder).args(&names))?;
    let file = folder.join("SHA256SUMS");
    fs::write(&file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    let of_made = |line: &&str| made.iter().any(|path| path.ends_with(last_word(line)));
    text.lines().filter(of_made).for_each(say::line);
    Ok(())
}

fn last_word(line: &str) -> &str {
    line.split_whitespace().next_back().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_and_others_are_not() {
        assert!(is_part("static") && is_part("deb") && is_part("ordinary"));
        assert!(command(&["rpm"]).is_err() && command(&["deb", "static"]).is_err());
    }

    #[test]
    fn the_version_is_the_workspaces() {
        let version = version().unwrap();
        let numbers = version.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
        assert_eq!(numbers, 3, "{version}");
    }
}

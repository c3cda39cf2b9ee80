//! The Debian package, and the trial of one.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tally::Tally;
use crate::{Outcome, environment, run, say};

use super::binary::slim;
use super::tree::Layout;
use super::{depends, epoch, manual, version};

/// What the part is called.
pub(super) const NAME: &str = "deb";

/// What it is.
pub(super) const DOC: &str = "the ordinary binary as a Debian package";

/// Who is asked about the package; whoever gives it to others puts in an address of their own.
const MAINTAINER: &str = "platen maintainers <maintainers@platen.invalid>";

/// How hard a package is compressed that is only tried, and one that is kept.
const TRIAL_LEVEL: &str = "-z1";
pub(super) const LEVEL: &str = "-z6";

/// The package manager's own programs.
const DPKG_DEB: &str = "dpkg-deb";

/// The configuration, which an operator changes and an upgrade keeps.
const SAMPLE: &str = "etc/platen/platen.toml";

/// Scripts that the package manager runs.
const SCRIPTS: &[&str] = &["postinst", "prerm", "postrm"];

const DESCRIPTION: &str = "prepaid-card issuing platform
 A server that issues, reissues and delivers prepaid cards for partners who call
 it over a signed and encrypted HTTP API, and the commands of its operators. Its
 data is in SQLite or in PostgreSQL. Nothing is started when it is installed.";

/// Packs a binary into `folder`, and says where the package is.
pub(super) fn pack(
    binary: &Path,
    folder: &Path,
    (version, epoch): (&str, &str),
    level: &str,
) -> Result<PathBuf, String> {
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(format!("xtask does not know what Debian calls {other}")),
    };
    let mut layout = Layout::begin(folder.join("tree"))?;
    installed(&mut layout, binary, version, epoch)?;
    let mut needs = depends::of_binary(binary)?;
    // Authorities' certificates: the bank is called over TLS.
    needs.splice(0..0, ["adduser", "ca-certificates"].map(str::to_owned));
    let control = format!(
        "Package: platen\nVersion: {version}\nArchitecture: {architecture}\n\
         Maintainer: {MAINTAINER}\nInstalled-Size: {}\nDepends: {}\nSection: net\n\
         Priority: optional\nDescription: {DESCRIPTION}\n",
        layout.kilobytes()?,
        needs.join(", "),
    );
    layout.control("control", &control, 0o644)?;
    layout.control("conffiles", &format!("/{SAMPLE}\n"), 0o644)?;
    let mut md5sum = run::command(Path::new("md5sum"));
    let sums = run::output(md5sum.current_dir(&layout.folder).args(&layout.files))?;
    layout.control("md5sums", &sums, 0o644)?;
    for script in SCRIPTS {
        let text = read(&format!("packaging/debian/{script}"))?;
        layout.control(script, &text, 0o755)?;
    }
    let package = folder.join(format!("platen_{version}_{architecture}.deb"));
    let mut build = run::command(Path::new(DPKG_DEB));
    // Compressed by several threads, it would come out otherwise on another number of cores.
    build.env("SOURCE_DATE_EPOCH", epoch).env("DPKG_DEB_THREADS_MAX", "1");
    build.args(["--root-owner-group", "-Zxz", level, "--build"]).arg(&layout.folder).arg(&package);
    run::output(&mut build)?;
    fs::remove_dir_all(&layout.folder).map_err(|error| error.to_string())?;
    Ok(package)
}

/// All that is installed.
fn installed(layout: &mut Layout, binary: &Path, version: &str, epoch: &str) -> Outcome {
    let program = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    layout.put("usr/bin/platen", &program, 0o755)?;
    let unit = read("docs/operations/platen.service")?;
    layout.put("usr/lib/systemd/system/platen.service", unit.as_bytes(), 0o644)?;
    layout.put(SAMPLE, read("docs/operations/platen.toml")?.as_bytes(), 0o644)?;
    let page = gzip(layout, manual::page(binary, version)?.as_bytes())?;
    layout.put("usr/share/man/man1/platen.1.gz", &page, 0o644)?;
    let copyright = read("packaging/debian/copyright")?;
    layout.put("usr/share/doc/platen/copyright", copyright.as_bytes(), 0o644)?;
    let changes = gzip(layout, changelog(version, epoch)?.as_bytes())?;
    layout.put("usr/share/doc/platen/changelog.gz", &changes, 0o644)?;
    // The documents lie beside it instead of in a folder of theirs.
    let readme = read("README.md")?.replace("](docs/", "](");
    layout.put("usr/share/doc/platen/README.md", readme.as_bytes(), 0o644)?;
    documents(layout, "docs", "usr/share/doc/platen")
}

/// The documents of a folder, and of those in it.
fn documents(layout: &mut Layout, from: &str, to: &str) -> Outcome {
    let folder = environment::root().join(from);
    let failed = |error| format!("{from}: {error}");
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
        if entry.path().is_dir() {
            documents(layout, &from, &to)?;
        } else {
            let contents = fs::read(entry.path()).map_err(failed)?;
            layout.put(&to, &contents, 0o644)?;
        }
    }
    Ok(())
}

/// One entry: what was changed is told by the documents and the history of the sources.
fn changelog(version: &str, epoch: &str) -> Result<String, String> {
    let mut date = run::command(Path::new("date"));
    date.env("LC_ALL", "C").args(["--utc", "-R", "-d", &format!("@{epoch}")]);
    let date = run::output(&mut date)?;
    Ok(format!(
        "platen ({version}) stable; urgency=medium\n\n  * This release.\n\n -- {MAINTAINER}  {}\n",
        date.trim()
    ))
}

/// Compressed, without the time at which that was done.
fn gzip(layout: &Layout, text: &[u8]) -> Result<Vec<u8>, String> {
    let file = layout.folder.with_file_name("compressed");
    let failed = |error| format!("{}: {error}", file.display());
    fs::write(&file, text).map_err(failed)?;
    run::output(run::command(Path::new("gzip")).args(["-9", "-n", "-f"]).arg(&file))?;
    let file = file.with_extension("gz");
    let compressed = fs::read(&file).map_err(failed)?;
    fs::remove_file(&file).map_err(failed)?;
    Ok(compressed)
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(environment::root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// Packs a binary twice, looks at the package, unpacks it and runs what is in it. Where there is no
/// `dpkg-deb` there is nothing to be tried: on such a system nobody installs the package.
pub(crate) fn trial(binary: &Path) -> Result<Tally, String> {
    if environment::find_program(DPKG_DEB).is_none() {
        say::line("There is no dpkg-deb here: the Debian package is not tried.");
        return Ok(Tally::default());
    }
    let folder = environment::target_folder().join("dist-trial");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (version, epoch) = (version()?, epoch());
    let program = folder.join("platen");
    slim(binary, &program)?;
    let package = pack(&program, &folder, (&version, &epoch), TRIAL_LEVEL)?;
    let first = fs::read(&package).map_err(|error| error.to_string())?;
    pack(&program, &folder, (&version, &epoch), TRIAL_LEVEL)?;
    let second = fs::read(&package).map_err(|error| error.to_string())?;
    let mut checks = vec![("packed again it is the same", first == second)];
    checks.extend(looked_at(&package, &version)?);
    let unpacked = folder.join("unpacked");
    let _ = fs::remove_dir_all(&unpacked);
    run::output(dpkg_deb("--extract", &package).arg(&unpacked))?;
    checks.extend(started(&unpacked, &version)?);
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut tally = Tally::default();
    for (what, is_so) in checks {
        say::line(&format!("{} {what}", if is_so { "ok    " } else { "BROKEN" }));
        tally += Tally::default().of_step(is_so);
    }
    Ok(tally)
}

fn dpkg_deb(option: &str, package: &Path) -> std::process::Command {
    let mut command = run::command(Path::new(DPKG_DEB));
    command.arg(option).arg(package);
    command
}

type Checks = Vec<(&'static str, bool)>;

/// What the package manager sees of it.
fn looked_at(package: &Path, version: &str) -> Result<Checks, String> {
    let info = run::output(&mut dpkg_deb("--info", package))?;
    let contents = run::output(&mut dpkg_deb("--contents", package))?;
    let has = |mode: &str, path: &str| {
        let mut lines = contents.lines().filter(|line| line.ends_with(&format!(" ./{path}")));
        lines.next().is_some_and(|line| line.starts_with(&format!("{mode} root/root ")))
    };
    let files = [
        "usr/lib/systemd/system/platen.service",
        SAMPLE,
        "usr/share/doc/platen/copyright",
        "usr/share/doc/platen/README.md",
        "usr/share/doc/platen/operations/install.md",
        "usr/share/man/man1/platen.1.gz",
    ];
    let plain = |line: &str| !line.starts_with("-rws") && !line.starts_with("-rwxrws");
    Ok(vec![
        ("its version is the workspace's", info.contains(&format!(" Version: {version}\n"))),
        (
            "it says what it depends on",
            info.contains(" Depends: adduser, ca-certificates, libc6 (>= "),
        ),
        ("its scripts are there", SCRIPTS.iter().all(|script| info.contains(script))),
        ("its configuration is kept", info.contains("conffiles")),
        ("the program can be run", has("-rwxr-xr-x", "usr/bin/platen")),
        ("all else can be read alone", files.iter().all(|path| has("-rw-r--r--", path))),
        ("nothing gains rights", contents.lines().all(plain)),
    ])
}

/// What the unpacked program does. The sample names secrets that nobody has yet.
fn started(unpacked: &Path, version: &str) -> Result<Checks, String> {
    let program = unpacked.join("usr/bin/platen");
    let told = run::output(run::command(&program).arg("--version"))?;
    let mut check = run::command(&program);
    let sample = unpacked.join(SAMPLE);
    let output = check.args(["config", "check", "--config"]).arg(sample).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_missing = |path: &str| said.lines().any(|line| line.contains(path));
    let secrets = ["master.key", "secrets/bank-client", "secrets/database", "tls/"];
    Ok(vec![
        ("the program says its version", told == format!("platen {version}\n")),
        ("an unconfigured platform is refused", output.status.code() == Some(1)),
        ("it says each secret that is missing", secrets.into_iter().all(is_missing)),
    ])
}

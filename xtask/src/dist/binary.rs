//! The binaries: the server in its release profile, free of this machine's paths.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

use crate::{Outcome, environment, run};

/// What stands between flags in `CARGO_ENCODED_RUSTFLAGS`.
const BETWEEN_FLAGS: &str = "\u{1f}";

/// How a binary is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// With musl inside, for any Linux, and for a container that has nothing else.
    Static,
    /// On the system's glibc, with every feature.
    Ordinary,
}

impl Flavour {
    /// Both.
    pub(super) const ALL: [Flavour; 2] = [Flavour::Static, Flavour::Ordinary];

    /// What it is called on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Flavour::Static => "static",
            Flavour::Ordinary => "ordinary",
        }
    }

    /// What it is.
    pub(super) fn doc(self) -> &'static str {
        match self {
            Flavour::Static => "the server as one static file",
            Flavour::Ordinary => "the server on the system's C library",
        }
    }

    /// What the compiler calls it.
    pub(super) fn target(self) -> String {
        match self {
            Flavour::Static => format!("{ARCH}-unknown-linux-musl"),
            Flavour::Ordinary => format!("{ARCH}-unknown-linux-gnu"),
        }
    }

    /// A static program cannot load a shared object: it is built without what would.
    fn features(self) -> &'static [&'static str] {
        match self {
            Flavour::Static => &["--no-default-features"],
            Flavour::Ordinary => &[],
        }
    }
}

/// Builds it, and says where it is.
pub(super) fn build(flavour: Flavour, epoch: &str) -> Result<PathBuf, String> {
    let target = flavour.target();
    let sysroot = run::output(run::command(Path::new("rustc")).args(["--print", "sysroot"]))?;
    let sysroot = PathBuf::from(sysroot.trim());
    if !sysroot.join("lib/rustlib").join(&target).is_dir() {
        return Err(format!(
            "the compiler has no target {target}: run `rustup target add {target}`, or name \
             another part (`cargo xtask dist --help`)"
        ));
    }
    if flavour == Flavour::Static && environment::find_program("musl-gcc").is_none() {
        return Err("there is no musl-gcc, which compiles SQLite and the cryptography: install \
             it (Debian: `apt install musl-tools`)"
            .to_owned());
    }
    let moved = moved(&sysroot);
    let rust: Vec<String> =
        moved.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    let c: Vec<String> =
        moved.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    let mut cargo = run::cargo(&["build", "--release", "--locked", "--package", "platen"]);
    cargo.args(["--target", &target]).args(flavour.features());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust.join(BETWEEN_FLAGS));
    cargo.env("CFLAGS", c.join(" ")).env("SOURCE_DATE_EPOCH", epoch);
    run::succeed(&mut cargo)?;
    Ok(environment::target_folder().join(target).join("release/platen"))
}

/// Copies a binary without its symbols, which go to a file beside it, with `.debug` at its end: a
/// debugger finds it there, and nobody else needs it.
pub(super) fn slim(binary: &Path, to: &Path) -> Outcome {
    let debug = PathBuf::from(format!("{}.debug", to.display()));
    let objcopy = || run::command(Path::new("objcopy"));
    let mut kept = objcopy();
    kept.args(["--only-keep-debug", "--compress-debug-sections"]).arg(binary).arg(&debug);
    run::output(&mut kept)?;
    let link = format!("--add-gnu-debuglink={}", debug.display());
    run::output(objcopy().args(["--strip-all", &link]).arg(binary).arg(to))?;
    Ok(())
}

/// This machine's folders, and what they are called in the binary.
fn moved(sysroot: &Path) -> Vec<(String, &'static str)> {
    let home = environment::variable("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = environment::variable("CARGO_HOME").map(PathBuf::from);
    let folders = [
        (environment::root(), "/usr/src/platen"),
        (cargo.unwrap_or_else(|| home.join(".cargo")), "/usr/src/cargo"),
        (sysroot.to_owned(), "/usr/src/rust"),
    ];
    folders.into_iter().map(|(folder, name)| (folder.display().to_string(), name)).collect()
}

//! `bench`: builds what is measured and measures it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::postgres::{Durability, Postgres};
use crate::tools::{self, Tool};
use crate::{Outcome, environment, run, unknown_option};

/// What the program says of its options, which go to it as they are.
const OPTIONS: &str = include_str!("../../bench/src/options.txt");

/// The options.
pub(crate) fn details() -> Result<String, String> {
    Ok(OPTIONS.to_owned())
}

/// Measures, on a PostgreSQL of its own.
pub(crate) fn command(arguments: &[&str]) -> Outcome {
    if let Some(unknown) = unknown_option(OPTIONS, arguments) {
        return Err(format!("`{unknown}` is no option of bench: `cargo xtask bench --help`"));
    }
    let build = ["build", "--release", "--locked", "--package", "platen", "--package", "bench"];
    run::succeed(&mut run::cargo(&build))?;
    let programs = tools::ensure(Tool::Postgres)?;
    let server = Postgres::start(&programs, Durability::Flushed)?;
    let platen = environment::release_binary();
    let mut bench = run::command(&platen.with_file_name("platen-bench"));
    bench.arg("all").arg("--platen").arg(&platen).args(["--postgres", &server.url()]);
    bench.arg("--pgbench").arg(pgbench(&programs)?).args(arguments);
    run::succeed(&mut bench)
}

/// Beside the server's other programs, or where links to those lead.
fn pgbench(programs: &Path) -> Result<PathBuf, String> {
    let linked = fs::canonicalize(programs.join("postgres")).ok();
    let folders = [Some(programs), linked.as_deref().and_then(Path::parent)];
    let mut beside = folders.into_iter().flatten().map(|folder| folder.join("pgbench"));
    let found = beside.find(|file| file.is_file());
    let found = found.or_else(|| environment::find_program("pgbench"));
    found.ok_or_else(|| "the PostgreSQL that is here has no pgbench".to_owned())
}

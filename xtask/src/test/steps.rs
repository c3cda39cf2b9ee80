//! The steps of `test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Bench, Failed, POSTGRES_URL, Step};
use crate::pages::{self, Printer};
use crate::tally::Tally;
use crate::tools::Tool;
use crate::{environment, run, tidy};

/// Where the tests in JavaScript are.
const NODE_TESTS: &str = "tests/node";

/// All steps in their order.
pub(super) const STEPS: &[Step] = &[
    Step { name: "tidy", doc: "house rules", needs: None, run: tidy },
    Step {
        name: "fmt",
        doc: "the layout of all Rust code",
        needs: None,
        run: |_| step(&mut run::cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        name: "clippy",
        doc: "lints",
        needs: None,
        run: |_| {
            let arguments =
                ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            step(&mut run::cargo(&arguments))
        },
    },
    Step { name: "fuzz", doc: "the fuzz targets compile", needs: None, run: fuzz },
    Step {
        name: "rust",
        doc: "the tests of all crates, on SQLite and PostgreSQL",
        needs: Some(Tool::Postgres),
        run: rust,
    },
    Step {
        name: "simulation",
        doc: "ten thousand steps of the simulation (the build of the tests)",
        needs: None,
        run: |_| {
            // As the step before builds it, so that nothing is built again.
            let arguments = ["test", "--workspace", "--locked", "--test", "it", "--"];
            let chosen = ["--ignored", "--exact", "cli::ten_thousand_steps_hold"];
            let tally = step(run::cargo(&arguments).args(chosen))?;
            match tally.passed {
                0 => Err(Failed::from("the simulation's test was not found".to_owned())),
                _ => Ok(tally),
            }
        },
    },
    Step {
        name: "release",
        doc: "the release build of the server",
        needs: None,
        run: |_| step(&mut run::cargo(&["build", "--release", "--locked", "--package", "platen"])),
    },
    Step {
        name: "reference",
        doc: "docs/reference says what the code says (the release build)",
        needs: None,
        run: |_| {
            pages::check(&Printer::Binary(environment::release_binary()))?;
            Ok(Tally::default())
        },
    },
    Step {
        name: "node",
        doc: "a partner's program in JavaScript against the release build",
        needs: Some(Tool::Node),
        run: node,
    },
];

/// A step that is one command, whose output tells why it failed.
fn step(command: &mut Command) -> Result<Tally, Failed> {
    match run::counted(command)? {
        (tally, true) => Ok(tally),
        (tally, false) => Err(Failed { tally, reason: Some(run::shown(command)) }),
    }
}

fn tidy(_: &Bench) -> Result<Tally, Failed> {
    let tally = tidy::check()?;
    if tally.failed > 0 {
        return Err(Failed { tally, reason: None });
    }
    Ok(tally)
}

/// In a workspace of its own, which no other step builds; what it depends on is in the main
/// workspace's folder already. As nothing is linked, libFuzzer itself need not be compiled.
fn fuzz(_: &Bench) -> Result<Tally, Failed> {
    let mut check = run::cargo(&["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    check.arg("--target-dir").arg(environment::target_folder());
    step(check.env("CUSTOM_LIBFUZZER_PATH", "not/linked/libfuzzer.a"))
}

fn rust(bench: &Bench) -> Result<Tally, Failed> {
    let mut cargo = run::cargo(&["test", "--workspace", "--locked"]);
    if let Some(url) = &bench.postgres_url {
        cargo.env(POSTGRES_URL, url).env("PLATEN_TEST_POSTGRES_REQUIRED", "1");
    }
    step(&mut cargo)
}

fn node(bench: &Bench) -> Result<Tally, Failed> {
    let node = bench.node.as_deref().unwrap_or(Path::new("node"));
    let mut command = run::command(node);
    command.args(["--test", "--test-reporter=spec"]).args(node_tests()?);
    command.env("PLATEN_BIN", environment::release_binary());
    step(&mut command)
}

/// The files by name: versions of Node differ in how they take a folder.
fn node_tests() -> Result<Vec<PathBuf>, String> {
    let folder = environment::root().join(NODE_TESTS);
    let entries = fs::read_dir(&folder).map_err(|error| format!("{NODE_TESTS}: {error}"))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut tests: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    tests.sort();
    if tests.is_empty() { Err(format!("{NODE_TESTS} has no tests")) } else { Ok(tests) }
}

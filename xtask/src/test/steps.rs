//! The steps of `test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Bench, Failed, POSTGRES_PROGRAMS, POSTGRES_URL, Step};
use crate::pages::{self, Printer};
use crate::tally::Tally;
use crate::tools::Tool;
use crate::{dist, environment, packages, run, tidy};

/// Where the tests in JavaScript are.
const NODE_TESTS: &str = "tests/node";

/// The alerts.
const RULES: &str = "docs/operations/alerts.yml";

/// The cases in which they fire and in which they do not.
const RULES_CASES: &str = "docs/operations/alerts.test.yml";

/// All steps in their order.
pub(super) const STEPS: &[Step] = &[
    Step { name: "tidy", doc: "house rules", needs: &[], run: tidy },
    Step {
        name: "fmt",
        doc: "the layout of all Rust code",
        needs: &[],
        run: |_| step(&mut run::cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        name: "alerts",
        doc: "the rules of docs/operations, with Prometheus' promtool",
        needs: &[Tool::Promtool],
        run: alerts,
    },
    Step {
        name: "clippy",
        doc: "lints",
        needs: &[],
        run: |_| {
            let arguments =
                ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            step(&mut run::cargo(&arguments))
        },
    },
    Step { name: "fuzz", doc: "the fuzz targets compile", needs: &[], run: fuzz },
    Step {
        name: "rust",
        doc: "the tests of all crates, on SQLite and PostgreSQL, with keys in SoftHSM",
        needs: &[Tool::Postgres, Tool::SoftHsm, Tool::Curl, Tool::OpenSsl],
        run: rust,
    },
    Step {
        name: "simulation",
        doc: "ten thousand steps of the simulation (the build of the tests)",
        needs: &[],
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
        needs: &[],
        run: |_| step(&mut run::cargo(&["build", "--release", "--locked", "--package", "platen"])),
    },
    Step {
        name: "reference",
        doc: "docs/reference says what the code says (the release build)",
        needs: &[],
        run: |_| {
            pages::check(&Printer::Binary(environment::release_binary()))?;
            Ok(Tally::default())
        },
    },
    Step {
        name: "dist",
        doc: "the Debian package of the release build: packed, looked at, unpacked, started",
        needs: &[],
        run: dist,
    },
    Step {
        name: "node",
        doc: "a partner's program in JavaScript against the release build",
        needs: &[Tool::Node],
        run: |bench| node(bench, NODE_TESTS, &[]),
    },
    Step {
        name: "samples",
        doc: "the code that the portal gives away, in every language (the release build)",
        needs: &[Tool::Node, Tool::Jdk, Tool::Python, Tool::Curl, Tool::OpenSsl],
        run: samples,
    },
    Step {
        name: "machines",
        doc: "openapi.json and the Postman collection with other people's tools",
        needs: &[Tool::Node, Tool::Npm, Tool::Python],
        run: machines,
    },
    Step {
        name: "browser",
        doc: "the developer portal of the release build in Chromium",
        needs: &[Tool::Node, Tool::Npm, Tool::Chromium],
        run: browser,
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

fn dist(_: &Bench) -> Result<Tally, Failed> {
    let tally = dist::trial(&environment::release_binary())?;
    if tally.failed > 0 {
        return Err(Failed { tally, reason: None });
    }
    Ok(tally)
}

/// The rules are read, then their cases are run. What they ask for is held against a server's
/// metrics by the tests of the server.
fn alerts(bench: &Bench) -> Result<Tally, Failed> {
    let promtool = bench.tool(Tool::Promtool)?;
    run::succeed(run::command(promtool).args(["check", "rules", RULES]))?;
    run::succeed(run::command(promtool).args(["test", "rules", RULES_CASES]))?;
    Ok(Tally::default())
}

/// In a workspace of its own, which no other step builds; what it depends on is in the main
/// workspace's folder already. As nothing is linked, libFuzzer itself need not be compiled.
fn fuzz(_: &Bench) -> Result<Tally, Failed> {
    let mut check = run::cargo(&["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    check.arg("--target-dir").arg(environment::target_folder());
    step(check.env("CUSTOM_LIBFUZZER_PATH", "not/linked/libfuzzer.a"))
}

/// Tests at once: twice as many as the smallest machine has cores, since most of them wait for a
/// bank that is late, a lock or a clock.
const TEST_THREADS: &str = "4";

fn rust(bench: &Bench) -> Result<Tally, Failed> {
    let mut cargo = run::cargo(&["test", "--workspace", "--locked"]);
    if environment::variable("RUST_TEST_THREADS").is_none() {
        cargo.env("RUST_TEST_THREADS", TEST_THREADS);
    }
    if let Some(url) = &bench.postgres_url {
        cargo.env(POSTGRES_URL, url).env("PLATEN_TEST_POSTGRES_REQUIRED", "1");
    }
    if let Some(programs) = &bench.postgres_programs {
        cargo.env(POSTGRES_PROGRAMS, programs);
    }
    let module = bench.tool(Tool::SoftHsm)?;
    cargo.env("PLATEN_TEST_PKCS11_MODULE", module).env("PLATEN_TEST_PKCS11_MODULE_REQUIRED", "1");
    step(&mut cargo)
}

/// The tests in JavaScript of a folder, with these variables.
fn node(bench: &Bench, folder: &str, variables: &[(&str, &Path)]) -> Result<Tally, Failed> {
    let mut command = run::command(bench.tool(Tool::Node)?);
    command.args(["--test", "--test-reporter=spec"]).args(node_tests(folder)?);
    command.env("PLATEN_BIN", environment::release_binary());
    command.envs(variables.iter().copied());
    step(&mut command)
}

fn samples(bench: &Bench) -> Result<Tally, Failed> {
    let java = bench.tool(Tool::Jdk)?;
    let python = packages::python(bench.tool(Tool::Python)?)?;
    node(bench, "tests/samples", &[("PLATEN_JAVA", java), ("PLATEN_PYTHON", python.as_path())])
}

fn machines(bench: &Bench) -> Result<Tally, Failed> {
    let python = packages::python(bench.tool(Tool::Python)?)?;
    let mut tally = node(bench, "tests/openapi", &[("PLATEN_PYTHON", python.as_path())])?;
    let npm = packages::npm(bench.tool(Tool::Npm)?, "postman")?;
    tally += node(bench, "tests/postman", &[("PLATEN_NPM", npm.as_path())])?;
    Ok(tally)
}

fn browser(bench: &Bench) -> Result<Tally, Failed> {
    let npm = packages::npm(bench.tool(Tool::Npm)?, "browser")?;
    let chromium = bench.tool(Tool::Chromium)?;
    let variables = [("PLATEN_NPM", npm.as_path()), ("PLATEN_CHROMIUM", chromium)];
    node(bench, "tests/browser", &variables)
}

/// The files by name: versions of Node differ in how they take a folder.
fn node_tests(folder: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(environment::root().join(folder));
    let entries = entries.map_err(|error| format!("{folder}: {error}"))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut tests: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    tests.sort();
    if tests.is_empty() { Err(format!("{folder} has no tests")) } else { Ok(tests) }
}

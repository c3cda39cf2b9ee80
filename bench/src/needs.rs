//! What a run needs, looked for before anything is measured: a run takes minutes.

use std::path::Path;
use std::process::Command;

use crate::machine::{LOAD_CORE, SERVER_CORE, output, pinned};
use crate::rows::{Bench, Part};
use crate::{Failure, pgbench};

/// Fails where something is missing.
pub(crate) async fn check(bench: &Bench) -> Result<(), Failure> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err(Failure("two cores are needed: one for the server, one for the load".into()));
    }
    found("`taskset` to keep server and load apart", Command::new("taskset").arg("--version"))?;
    for core in [SERVER_CORE, LOAD_CORE] {
        found(&format!("core {core}"), &mut pinned(core, "true"))?;
    }
    runs("the release build of platen", &bench.platen.0, "--version")?;
    if bench.wants(Part::Limits) {
        runs("`openssl` to measure RSA", Path::new("openssl"), "version")?;
    }
    if let Some(server) = bench.server() {
        runs("`pgbench`", &bench.pgbench, "--version")?;
        pgbench::answers(server).await?;
    }
    Ok(())
}

fn runs(what: &str, program: &Path, argument: &str) -> Result<(), Failure> {
    found(what, pinned(SERVER_CORE, program).arg(argument))
}

fn found(what: &str, command: &mut Command) -> Result<(), Failure> {
    let failed = |Failure(problem)| Failure(format!("a run needs {what}: {problem}"));
    output(command).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_in_a_line() {
        let missing = found("`taskset`", &mut Command::new("/no/such/taskset"));
        let Failure(told) = missing.unwrap_err();
        assert!(told.starts_with("a run needs `taskset`: /no/such/taskset: "), "{told}");
        let silent =
            crate::runtime().unwrap().block_on(pgbench::answers("postgres://127.0.0.1:1/postgres"));
        let Failure(told) = silent.unwrap_err();
        assert!(told.starts_with("no PostgreSQL answers at the URL of --postgres: "), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

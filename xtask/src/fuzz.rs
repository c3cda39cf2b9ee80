//! `fuzz`: makes up inputs for what strangers' bytes reach. What reaches new code is kept in
//! `fuzz/corpus`, which the server's tests run.

use std::fs;

use crate::{Outcome, environment, run, say, usage};

/// The fuzz targets, a file each.
const TARGETS: &str = "fuzz/fuzz_targets";
/// How long a target runs where nothing else is said.
const SECONDS_DEFAULT: u64 = 600;

/// What to run, and how long each.
#[derive(Debug, PartialEq, Eq)]
struct Plan<'a> {
    target: Option<&'a str>,
    seconds: u64,
}

fn plan<'a>(arguments: &[&'a str]) -> Option<Plan<'a>> {
    let (target, rest) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (Some(*first), rest),
        Some(_) | None => (None, arguments),
    };
    let seconds = match rest {
        [] => Some(SECONDS_DEFAULT),
        ["--seconds", number] => number.parse().ok().filter(|seconds| *seconds > 0),
        _ => None,
    };
    seconds.map(|seconds| Plan { target, seconds })
}

/// The targets, and what a run leaves.
pub(crate) fn details() -> Result<String, String> {
    let targets = targets()?.join(", ");
    Ok(format!(
        "Targets: {targets}; without TARGET, one after the other.\n\n  \
         --seconds N  for each of them [default: {SECONDS_DEFAULT}]\n\n\
         A target fails by a panic; the input is left in fuzz/artifacts. Inputs that reach new\n\
         code are kept in fuzz/corpus, which the server's tests run. cargo-fuzz is installed\n\
         where it is missing."
    ))
}

pub(crate) fn command(arguments: &[&str]) -> Outcome {
    let Plan { target, seconds } = plan(arguments).ok_or_else(|| usage("fuzz"))?;
    let mut targets = targets()?;
    if let Some(chosen) = target {
        if !targets.iter().any(|name| name == chosen) {
            let names = targets.join(", ");
            return Err(format!("`{chosen}` is no fuzz target; the targets are {names}"));
        }
        targets = vec![chosen.to_owned()];
    }
    if run::output(&mut run::cargo(&["fuzz", "--version"])).is_err() {
        say::line("cargo-fuzz is not here; cargo installs it");
        run::succeed(&mut run::cargo(&["install", "cargo-fuzz", "--locked"]))?;
    }
    for target in targets {
        let time = format!("-max_total_time={seconds}");
        // Without a sanitizer the stable toolchain will do; there is no unsafe code of ours.
        let common = ["--sanitizer", "none", target.as_str(), "--"];
        let run = [&["fuzz", "run"], &common[..], &[&time, "-print_final_stats=1"]].concat();
        run::succeed(&mut run::cargo(&run))?;
        // One input for each place in the code, not for each number of times that it is reached.
        let minimise = [&["fuzz", "cmin"], &common[..], &["-use_counters=0"]].concat();
        run::succeed(&mut run::cargo(&minimise))?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>, String> {
    let folder = environment::root().join(TARGETS);
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let stem = |entry: fs::DirEntry| Some(entry.path().file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok().and_then(stem)).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_may_be_given() {
        let all = |seconds| Some(Plan { target: None, seconds });
        assert_eq!(plan(&[]), all(SECONDS_DEFAULT));
        assert_eq!(plan(&["--seconds", "5"]), all(5));
        let one = Plan { target: Some("jwe"), seconds: 7 };
        assert_eq!(plan(&["jwe", "--seconds", "7"]), Some(one));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["jwe", "json"], &["--all"]] {
            assert_eq!(plan(wrong), None);
        }
    }

    #[test]
    fn every_target_has_a_corpus_and_a_place_in_the_manifest() {
        let manifest = fs::read_to_string(environment::root().join("fuzz/Cargo.toml")).unwrap();
        let names = targets().unwrap();
        assert!(!names.is_empty());
        for name in names {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(environment::root().join("fuzz/corpus").join(&name).is_dir(), "{name}");
        }
        assert!(command(&["no-such-target"]).unwrap_err().contains("headers, json, jwe"));
    }
}

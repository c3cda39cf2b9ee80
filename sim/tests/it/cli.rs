use std::process::{Command, Output};

fn sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output().unwrap()
}

#[test]
fn the_impossible_is_refused_in_one_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let used = folder.path().join("used.db");
    std::fs::write(&used, "somebody's").unwrap();
    let used = used.to_str().unwrap();
    let file_as_folder = format!("{used}/world.db");
    for (arguments, said) in [
        (&["--seed", "one"][..], "--seed must be a whole number"),
        (&["--seed", "-1"], "--seed must be a whole number"),
        (&["--seed", "18446744073709551616"], "--seed must be a whole number"),
        (&["--steps", "0"], "--steps must be at least 1"),
        (&["--steps"], "--steps has no value"),
        (&["--fast", "yes"], "`--fast` is no option"),
        (&["--steps", "5", "--database", used], "is there already"),
        (&["--steps", "5", "--database", &file_as_folder], "used.db"),
    ] {
        let output = sim(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(told.contains(said) && told.lines().count() == 1, "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read(used).unwrap(), b"somebody's");
}

#[test]
fn each_option_that_is_told_of_is_taken() {
    let told = String::from_utf8(sim(&["--help"]).stdout).unwrap();
    let options: Vec<&str> = told.split_whitespace().filter(|it| it.starts_with("--")).collect();
    assert_eq!(options, ["--seed", "--steps", "--database"]);
    for option in options {
        let said = sim(&[option, "7", "--steps", "0"]).stderr;
        assert_eq!(String::from_utf8(said).unwrap(), "--steps must be at least 1\n", "{option}");
    }
}

#[test]
fn a_run_prints_what_it_has_seen_and_leaves_no_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("world.db");
    let output = sim(&["--seed", "5", "--steps", "150", "--database", file.to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.starts_with("150 steps, 1 worlds, trace "), "{printed}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[ignore = "a step of its own: cargo xtask test --only simulation"]
fn ten_thousand_steps_hold() {
    let output = sim(&["--steps", "10000"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("10000 steps, 2 worlds, "), "{printed}");
}

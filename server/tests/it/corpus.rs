//! The inputs that fuzzing found worth keeping, run through the same checks: `fuzz/src` says what
//! must hold of any bytes, `fuzz/corpus` are the bytes, `cargo xtask fuzz` makes up more of them.

use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

/// Fewest inputs that a check has: a corpus that is not found would pass any check.
const INPUTS_MIN: usize = 10;

#[test]
fn every_kept_input_passes_its_check() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, check) in fuzz::CHECKS {
        let files: Vec<_> = corpus.join(name).read_dir().unwrap().collect();
        assert!(files.len() >= INPUTS_MIN, "{name} has {} inputs", files.len());
        for file in files {
            let path = file.unwrap().path();
            println!("{}", path.display());
            check(&std::fs::read(path).unwrap());
        }
    }
}

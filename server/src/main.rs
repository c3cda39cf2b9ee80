//! The `platen` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    platen::cli::main()
}

//! `platen backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use store::Target;

use super::{Failure, Outcome, Platform, say};

/// Copy a SQLite database while servers work on it.
///
/// The copy is of one moment, is read through before it gets its name, and is for its owner alone.
/// Servers go on; their log grows meanwhile. The master key is not in it: keep that elsewhere. A
/// PostgreSQL database is copied by its own tools (docs/operations/backup.md). To go on from a
/// copy, put it in the place of the database and run `platen restore-fence` before any server.
///
/// Examples:
///   platen backup --out /backup/platen-20261129.db
///   platen backup --out copy.db --config /etc/platen/platen.toml --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Backup {
    /// The copy; there must be no such file yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

impl Backup {
    pub(super) fn run(self) -> Outcome {
        let Target::Sqlite(from) = self.platform.target()? else {
            return Err(Failure(
                "a PostgreSQL database is copied by pg_basebackup and its archived log: see \
                 docs/operations/backup.md"
                    .to_owned(),
            ));
        };
        let bytes = store::backup(&from, &self.out)?;
        let out = self.out.display();
        if self.json {
            say(json!({ "file": out.to_string(), "bytes": bytes }));
        } else {
            say(format_args!("{out}: {bytes} bytes, read through"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

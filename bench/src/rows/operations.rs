//! Issue, list and state change beside what RSA and SQL allow.

use platen::cli::bench::called::Called;

use super::{Bench, Results};
use crate::Failure;

/// Each with its name on the page.
const CALLED: [(Called, &str); 3] =
    [(Called::Issue, "issue"), (Called::List, "list"), (Called::State, "state change")];

impl Bench {
    /// Each operation as a reissue is measured.
    pub(super) fn operations(&self, results: &mut Results) -> Result<(), Failure> {
        for (called, name) in CALLED {
            let encrypted = format!("encrypted {name}, SQLite, one server core");
            let plain = format!("plain {name}, durable, SQLite");
            results.rows.extend(self.shares(called, name)?.rows(&encrypted, &plain));
        }
        Ok(())
    }
}

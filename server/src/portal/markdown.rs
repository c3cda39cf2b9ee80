//! An operation's page as Markdown.

use contract::Entry;

/// The page.
pub fn page(entry: &Entry) -> String {
    format!("# {}\n\n{}\n", entry.spec.title, entry.spec.about)
}

//! `/llms.txt`.

use contract::Registry;

/// The text.
pub fn text(_: &Registry) -> String {
    "# platen\n".to_owned()
}

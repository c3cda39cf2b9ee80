//! The chain of the operation log: rows are sealed in batches after they are committed, each seal
//! on the one before it, by a key that lies in no row. See docs/adr/0006-the-log-is-sealed.md.

pub mod content;
pub mod sealer;
pub mod verify;

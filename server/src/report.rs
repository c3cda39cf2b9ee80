//! What the platform tells its operator and a supervisor, from the books.

pub mod float;

//! The seam through which a test makes the engine fail.

use std::fmt;
use std::sync::Arc;

use crate::error::Cause;

/// Where the seam is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before a statement of a closure: the statement fails.
    Statement,
    /// Before a COMMIT: it is not sent, everything in it is rolled back.
    Commit,
    /// After a COMMIT, before a job's answer: the caller does not learn that it was committed.
    Answer,
}

/// Asked at every [`Point`] on the thread that gets there; a cause makes it fail. A lost
/// connection ([`Cause::Away`]) on PostgreSQL is tried again once, as a real one.
#[derive(Clone)]
pub struct FaultSeam(Arc<dyn Fn(Point) -> Option<Cause> + Send + Sync>);

impl FaultSeam {
    /// A seam that asks `decide`.
    pub fn new(decide: impl Fn(Point) -> Option<Cause> + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    pub(crate) fn at(seam: Option<&Self>, point: Point) -> Option<Cause> {
        seam.and_then(|seam| (seam.0)(point))
    }
}

impl fmt::Debug for FaultSeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultSeam")
    }
}

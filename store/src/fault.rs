//! The seam through which a test makes the engine fail, and a measurement sees its statements.

use std::fmt;
use std::sync::Arc;

use crate::error::Cause;
use crate::value::Value;

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
pub struct FaultSeam {
    decide: Arc<dyn Fn(Point) -> Option<Cause> + Send + Sync>,
    observe: Option<Arc<Observe>>,
}

type Observe = dyn Fn(&'static str, &[Value<'_>]) + Send + Sync;

impl FaultSeam {
    /// A seam that asks `decide`.
    pub fn new(decide: impl Fn(Point) -> Option<Cause> + Send + Sync + 'static) -> Self {
        Self { decide: Arc::new(decide), observe: None }
    }

    /// The same, and shows `observe` every statement of static text with its parameters.
    #[must_use]
    pub fn observing(
        self,
        observe: impl Fn(&'static str, &[Value<'_>]) + Send + Sync + 'static,
    ) -> Self {
        Self { observe: Some(Arc::new(observe)), ..self }
    }

    pub(crate) fn at(seam: Option<&Self>, point: Point) -> Option<Cause> {
        seam.and_then(|seam| (seam.decide)(point))
    }

    pub(crate) fn show(seam: Option<&Self>, sql: &'static str, params: &[Value<'_>]) {
        if let Some(observe) = seam.and_then(|seam| seam.observe.as_ref()) {
            observe(sql, params);
        }
    }
}

impl fmt::Debug for FaultSeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultSeam")
    }
}

//! What is noted in a database that is moved, or moved into. A mark stands among the migrations
//! under a version that no release has: whoever opens the database sees it first.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;

/// The platform was moved away.
pub(crate) const MOVED: i64 = i64::MAX;
/// A copy that is not complete.
pub(crate) const INCOMPLETE: i64 = i64::MAX - 1;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Rows are missing, or were not compared yet.
    Copying,
    /// It is whole; the source may have been given up for it.
    Verified,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "COPYING",
            Self::Verified => "VERIFIED",
        }
    }
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Of a source.
    Moved {
        /// The move's id.
        id: String,
        /// Where to, without a password.
        to: String,
    },
    /// Of a target.
    Incomplete {
        /// How far it is.
        stage: Stage,
        /// The move's id.
        id: String,
        /// Where from, without a password.
        from: String,
    },
}

impl Mark {
    /// The mark of the database, if it has one.
    pub(crate) fn read(tx: &mut Tx<'_>) -> Result<Option<Self>, DbError> {
        let found = tx.query_opt(
            "SELECT version, name FROM schema_migration WHERE version IN ($1, $2)",
            &[MOVED.into(), INCOMPLETE.into()],
        )?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(Self::parse(row.int(0)?, row.text(1)?)))
    }

    fn parse(version: i64, name: &str) -> Self {
        let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
        if version == MOVED {
            return Self::Moved { id: first.to_owned(), to: rest.to_owned() };
        }
        let (id, from) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_verified = first == Stage::Verified.as_str();
        let stage = if is_verified { Stage::Verified } else { Stage::Copying };
        Self::Incomplete { stage, id: id.to_owned(), from: from.to_owned() }
    }

    /// Puts it in the place of another one.
    pub(crate) fn put(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let (version, name) = match self {
            Self::Moved { id, to } => (MOVED, format!("{id} {to}")),
            Self::Incomplete { stage, id, from } => {
                (INCOMPLETE, format!("{} {id} {from}", stage.as_str()))
            }
        };
        tx.execute(
            "INSERT INTO schema_migration (version, name) VALUES ($1, $2)
             ON CONFLICT (version) DO UPDATE SET name = $2",
            &[version.into(), Value::Text(&name)],
        )?;
        Ok(())
    }

    /// Takes a copy's mark away: from now on it may be opened.
    pub(crate) fn take_away(tx: &mut Tx<'_>) -> Result<(), DbError> {
        tx.execute("DELETE FROM schema_migration WHERE version = $1", &[INCOMPLETE.into()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_put() {
        let place = "/a folder/with spaces.db".to_owned();
        for mark in [
            Mark::Moved { id: "1a".to_owned(), to: place.clone() },
            Mark::Incomplete { stage: Stage::Copying, id: "1a".to_owned(), from: place.clone() },
            Mark::Incomplete { stage: Stage::Verified, id: "1a".to_owned(), from: place },
        ] {
            let name = match &mark {
                Mark::Moved { id, to } => (MOVED, format!("{id} {to}")),
                Mark::Incomplete { stage, id, from } => {
                    (INCOMPLETE, format!("{} {id} {from}", stage.as_str()))
                }
            };
            assert_eq!(Mark::parse(name.0, &name.1), mark);
        }
    }
}

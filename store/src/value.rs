//! What a statement's parameter can be.

use std::fmt;

/// A parameter of a statement, borrowed from the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// For a BIGINT.
    Int(i64),
    /// For a TEXT.
    Text(&'a str),
    /// For a BYTEA.
    Blob(&'a [u8]),
    /// For a BOOLEAN; SQLite stores 0 or 1.
    Bool(bool),
    /// For any type.
    Null,
}

/// A parameter that outlives the caller's. It has no `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Owned {
    /// For a BIGINT.
    Int(i64),
    /// For a TEXT.
    Text(String),
    /// For a BYTEA.
    Blob(Vec<u8>),
    /// For a BOOLEAN.
    Bool(bool),
    /// For any type.
    Null,
}

impl From<&Value<'_>> for Owned {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Int(value) => Self::Int(value),
            Value::Text(value) => Self::Text(value.to_owned()),
            Value::Blob(value) => Self::Blob(value.to_owned()),
            Value::Bool(value) => Self::Bool(value),
            Value::Null => Self::Null,
        }
    }
}

impl<'a> From<&'a Owned> for Value<'a> {
    fn from(value: &'a Owned) -> Self {
        match value {
            Owned::Int(value) => Self::Int(*value),
            Owned::Text(value) => Self::Text(value),
            Owned::Blob(value) => Self::Blob(value),
            Owned::Bool(value) => Self::Bool(*value),
            Owned::Null => Self::Null,
        }
    }
}

impl Value<'_> {
    /// What the value is, for messages: never its content.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Text(_) => "a text",
            Self::Blob(_) => "a blob",
            Self::Bool(_) => "a boolean",
            Self::Null => "NULL",
        }
    }
}

/// Prints the kind alone: a parameter may be a secret.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The parameters of a statement, each anything that is `Into<Value>`: `params![id, &name]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*] as &[$crate::Value<'_>]
    };
}

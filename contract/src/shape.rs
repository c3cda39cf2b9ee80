//! The shapes of values on the wire. A limit lives on its type, so that a value that exists is a
//! value within its limits; none of them prints what a caller sent.

mod list;

use std::fmt;

pub use self::list::List;
use crate::field::Field;
use crate::input::{Invalid, Reader};
use crate::json::Json;

/// What kind of value a field holds, with its limits: what documentation and OpenAPI print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string of `min` to `max` characters.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// A string of exactly `len` decimal digits.
    Digits {
        /// Number of digits.
        len: usize,
    },
    /// A whole number.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// `true` or `false`.
    Boolean,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An object with fields of its own.
    Object,
    /// An array.
    List {
        /// What each of its items is.
        item: &'static Kind,
        /// Fewest items.
        min: usize,
        /// Most items; `None` where the operation alone limits them.
        max: Option<usize>,
    },
}

impl Kind {
    /// What the items of a list are, and those of a list in it; any other kind itself.
    pub fn innermost(self) -> Kind {
        let mut kind = self;
        while let Kind::List { item, .. } = kind {
            kind = *item;
        }
        kind
    }

    /// The type, as documentation prints it.
    pub fn type_word(self) -> &'static str {
        match self {
            Kind::Text { .. } | Kind::Digits { .. } | Kind::Choice(_) => "string",
            Kind::Integer { .. } => "number",
            Kind::Boolean => "boolean",
            Kind::Object => "object",
            Kind::List { item, .. } => match item {
                Kind::Text { .. } | Kind::Digits { .. } | Kind::Choice(_) => "array of strings",
                Kind::Integer { .. } => "array of numbers",
                Kind::Boolean => "array of booleans",
                Kind::Object => "array of objects",
                Kind::List { .. } => "array of arrays",
            },
        }
    }

    /// The path at which the fields of such a value stand, if it has any: `[]` for each item.
    pub(crate) fn path_of_fields(self, path: &str) -> String {
        match self {
            Kind::List { item, .. } => item.path_of_fields(&format!("{path}[]")),
            Kind::Text { .. }
            | Kind::Digits { .. }
            | Kind::Integer { .. }
            | Kind::Boolean
            | Kind::Choice(_)
            | Kind::Object => path.to_owned(),
        }
    }
}

/// A value that a request field can hold.
pub trait Value: Sized + PartialEq {
    /// Its kind and limits.
    const KIND: Kind;

    /// Takes it from the JSON found at the reader's place.
    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid>;

    /// The fields of an object, by paths below its own.
    fn children() -> Vec<Field> {
        Vec::new()
    }

    /// The value as a flag that other fields' conditions may name.
    fn as_flag(&self) -> Option<bool> {
        None
    }
}

/// A value that a response field can hold.
pub trait Emit {
    /// Its kind and limits.
    const KIND: Kind;

    /// Its JSON text.
    fn emit(&self, out: &mut String);

    /// The fields of an object or of a list's items, by paths below its own.
    fn children() -> Vec<Field> {
        Vec::new()
    }
}

/// A string of exactly `N` decimal digits: card numbers, zip codes, application numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits<const N: usize>(String);

impl<const N: usize> Digits<N> {
    /// Takes a text that is `N` ASCII digits.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() == N && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A string of `MIN` to `MAX` characters (Unicode scalar values, not bytes).
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Takes a text within the limits.
    pub fn new(text: &str) -> Option<Self> {
        let length = text.chars().count();
        (MIN..=MAX).contains(&length).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UInt<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> UInt<MIN, MAX> {
    /// Takes a number within the limits.
    pub fn new(value: u64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<const N: usize> fmt::Debug for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digits<{N}>(..)")
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text<{MIN}, {MAX}>(..)")
    }
}

impl<const N: usize> Value for Digits<N> {
    const KIND: Kind = Kind::Digits { len: N };

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        let Json::String(text) = node else { return Err(at.invalid()) };
        Self::new(text).ok_or_else(|| at.invalid())
    }
}

impl<const MIN: usize, const MAX: usize> Value for Text<MIN, MAX> {
    const KIND: Kind = Kind::Text { min: MIN, max: MAX };

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        let Json::String(text) = node else { return Err(at.invalid()) };
        Self::new(text).ok_or_else(|| at.invalid())
    }
}

impl<const MIN: u64, const MAX: u64> Value for UInt<MIN, MAX> {
    const KIND: Kind = Kind::Integer { min: MIN, max: MAX };

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        let Json::Unsigned(value) = node else { return Err(at.invalid()) };
        Self::new(*value).ok_or_else(|| at.invalid())
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        let Json::Bool(value) = node else { return Err(at.invalid()) };
        Ok(*value)
    }

    fn as_flag(&self) -> Option<bool> {
        Some(*self)
    }
}

impl<const N: usize> Emit for Digits<N> {
    const KIND: Kind = Kind::Digits { len: N };

    fn emit(&self, out: &mut String) {
        emit_string(&self.0, out);
    }
}

impl<const MIN: usize, const MAX: usize> Emit for Text<MIN, MAX> {
    const KIND: Kind = Kind::Text { min: MIN, max: MAX };

    fn emit(&self, out: &mut String) {
        emit_string(&self.0, out);
    }
}

impl<const MIN: u64, const MAX: u64> Emit for UInt<MIN, MAX> {
    const KIND: Kind = Kind::Integer { min: MIN, max: MAX };

    fn emit(&self, out: &mut String) {
        out.push_str(&self.0.to_string());
    }
}

impl Emit for bool {
    const KIND: Kind = Kind::Boolean;

    fn emit(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

/// Appends `text` as a JSON string.
pub fn emit_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Defines an enum whose variants are strings on the wire.
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// The string on the wire.
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }
        }

        impl $crate::shape::Emit for $name {
            const KIND: $crate::Kind = $crate::Kind::Choice(&[$($text),+]);

            fn emit(&self, out: &mut String) {
                $crate::shape::emit_string(self.word(), out);
            }
        }

        impl $crate::shape::Value for $name {
            const KIND: $crate::Kind = $crate::Kind::Choice(&[$($text),+]);

            fn parse(
                node: &$crate::Json,
                at: &$crate::input::Reader<'_>,
            ) -> Result<Self, $crate::Invalid> {
                let $crate::Json::String(text) = node else { return Err(at.invalid()) };
                match text.as_str() {
                    $( $text => Ok(Self::$variant), )+
                    _ => Err(at.invalid()),
                }
            }
        }
    };
}

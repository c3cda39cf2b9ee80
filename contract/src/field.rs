//! A field: where it stands, whether it must be there, and what it means.

use std::fmt;

use crate::json::Json;
use crate::shape::Kind;

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out; `null` is the same as leaving it out.
    Optional,
    /// It must where the boolean field named is true; else it is neither read nor checked.
    When(&'static str),
    /// It must unless the field named is given.
    Unless(&'static str),
    /// It may be left out where the field named is given.
    Either(&'static str),
}

impl Need {
    /// The word that documentation prints.
    pub fn word(self) -> &'static str {
        match self {
            Need::Required => "Required",
            Need::Optional => "Optional",
            Need::When(_) | Need::Unless(_) | Need::Either(_) => "Conditional",
        }
    }

    /// The field that the condition names, by its path beside this one.
    fn depends_on(self) -> Option<&'static str> {
        match self {
            Need::Required | Need::Optional => None,
            Need::When(other) | Need::Unless(other) | Need::Either(other) => Some(other),
        }
    }
}

/// Who may see what a field holds, beside the call itself: it decides what a log may show of it.
/// In order: the most private comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privacy {
    /// Anyone who may see the call; of a card number, its ends.
    Open,
    /// About a person: nobody; its length may be told.
    Personal,
    /// It proves that somebody holds a card, such as a CVC: nobody.
    Secret,
}

/// The value taken where a field is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A string.
    Word(&'static str),
    /// An object without members.
    Empty,
}

impl Preset {
    /// The flag that it is.
    pub(crate) fn as_flag(self) -> Option<bool> {
        match self {
            Preset::Flag(flag) => Some(flag),
            Preset::Number(_) | Preset::Word(_) | Preset::Empty => None,
        }
    }

    /// As if it had been sent.
    pub(crate) fn json(self) -> Json {
        match self {
            Preset::Flag(flag) => Json::Bool(flag),
            Preset::Number(number) => Json::Unsigned(number),
            Preset::Word(word) => Json::String(word.to_owned()),
            Preset::Empty => Json::Object(Vec::new()),
        }
    }

    /// Whether a field of this kind can have it.
    pub(crate) fn fits(self, kind: Kind) -> bool {
        match (self, kind) {
            (Preset::Flag(_), Kind::Boolean) | (Preset::Empty, Kind::Object) => true,
            (Preset::Number(number), Kind::Integer { min, max }) => (min..=max).contains(&number),
            (Preset::Word(word), Kind::Choice(words)) => words.contains(&word),
            (Preset::Word(word), Kind::Text { min, max }) => {
                (min..=max).contains(&word.chars().count())
            }
            (Preset::Word(word), Kind::Digits { len }) => {
                word.len() == len && word.bytes().all(|byte| byte.is_ascii_digit())
            }
            (Preset::Flag(_) | Preset::Number(_) | Preset::Word(_) | Preset::Empty, _) => false,
        }
    }
}

impl From<bool> for Preset {
    fn from(flag: bool) -> Self {
        Preset::Flag(flag)
    }
}

impl From<u64> for Preset {
    fn from(number: u64) -> Self {
        Preset::Number(number)
    }
}

impl From<&'static str> for Preset {
    fn from(word: &'static str) -> Self {
        Preset::Word(word)
    }
}

impl From<Preset> for serde_json::Value {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Flag(flag) => flag.into(),
            Preset::Number(number) => number.into(),
            Preset::Word(word) => word.into(),
            Preset::Empty => serde_json::Map::new().into(),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Preset::Flag(flag) => flag.fmt(f),
            Preset::Number(number) => number.fmt(f),
            Preset::Word(word) => word.fmt(f),
            Preset::Empty => f.write_str("{}"),
        }
    }
}

/// A response field's name in its object, and who may see it. See [`out`].
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// Its name.
    pub name: &'static str,
    /// Who may see it.
    pub privacy: Privacy,
}

/// A response field of this name. Where anyone may see it, the name alone says the same.
pub const fn out(name: &'static str) -> Out {
    Out { name, privacy: Privacy::Open }
}

impl Out {
    /// It is about a person; so is all that it holds.
    pub const fn personal(mut self) -> Self {
        self.privacy = Privacy::Personal;
        self
    }

    /// It proves that somebody holds a card; so does all that it holds.
    pub const fn secret(mut self) -> Self {
        self.privacy = Privacy::Secret;
        self
    }
}

impl From<&'static str> for Out {
    fn from(name: &'static str) -> Self {
        out(name)
    }
}

/// Where a request field stands and whether it must be there. See [`at`].
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Path from the body's root (or from the enclosing object), dots between members.
    pub path: &'static str,
    /// A second path where clients are seen to put the same field.
    pub also_at: Option<&'static str>,
    /// The name that an error message carries; the path where none is given.
    pub wire_name: Option<&'static str>,
    /// Whether it must be there.
    pub need: Need,
    /// The value taken where the field is left out, as documentation prints it.
    pub default: Option<Preset>,
    /// Who may see it.
    pub privacy: Privacy,
}

/// A required field at `path`.
pub const fn at(path: &'static str) -> Place {
    let (need, privacy) = (Need::Required, Privacy::Open);
    Place { path, also_at: None, wire_name: None, need, default: None, privacy }
}

impl Place {
    /// The name that an error message carries instead of the path.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.wire_name = Some(name);
        self
    }

    /// Taken from this path too; two different values are refused.
    pub const fn or_at(mut self, path: &'static str) -> Self {
        self.also_at = Some(path);
        self
    }

    /// It is about a person.
    pub const fn personal(mut self) -> Self {
        self.privacy = Privacy::Personal;
        self
    }

    /// It proves that somebody holds a card.
    pub const fn secret(mut self) -> Self {
        self.privacy = Privacy::Secret;
        self
    }

    /// It may be left out.
    pub const fn optional(mut self) -> Self {
        self.need = Need::Optional;
        self
    }

    /// It may be left out, and then has this value: a boolean, a whole number, a string, or, of an
    /// object whose own fields all may be left out, [`Preset::Empty`].
    pub fn or_default(mut self, value: impl Into<Preset>) -> Self {
        self.need = Need::Optional;
        self.default = Some(value.into());
        self
    }

    /// Required where the boolean field at `flag`, declared before, is true; else not read.
    pub const fn when(mut self, flag: &'static str) -> Self {
        self.need = Need::When(flag);
        self
    }

    /// Required unless the field at `other`, declared before, is given.
    pub const fn unless(mut self, other: &'static str) -> Self {
        self.need = Need::Unless(other);
        self
    }

    /// May be left out where `other`, declared after with [`Place::unless`], is given.
    pub const fn either(mut self, other: &'static str) -> Self {
        self.need = Need::Either(other);
        self
    }
}

/// A field as documentation, OpenAPI and boundary tests see it.
#[derive(Debug, Clone)]
pub struct Field {
    /// Path from the body's root, dots between members, `[]` behind a list whose items hold it.
    pub path: String,
    /// A second path where it is taken too.
    pub also_at: Option<String>,
    /// The name that an error message carries.
    pub wire_name: String,
    /// Whether that name is one of its own and not its path.
    is_named: bool,
    /// What kind of value, with limits.
    pub kind: Kind,
    /// Whether it must be there.
    pub need: Need,
    /// The path of the field that a condition names.
    pub depends_on: Option<String>,
    /// The value taken where it is left out.
    pub default: Option<Preset>,
    /// Who may see it.
    pub privacy: Privacy,
    /// What it means.
    pub doc: String,
}

impl Field {
    pub(crate) fn new(place: Place, kind: Kind, doc: &str) -> Self {
        Field {
            path: place.path.to_owned(),
            also_at: place.also_at.map(str::to_owned),
            wire_name: place.wire_name.unwrap_or(place.path).to_owned(),
            is_named: place.wire_name.is_some(),
            kind,
            need: place.need,
            depends_on: place.need.depends_on().map(str::to_owned),
            default: place.default,
            privacy: place.privacy,
            doc: doc.trim().to_owned(),
        }
    }

    /// The same field below `prefix`.
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        let below = |path: &str| format!("{prefix}.{path}");
        if !self.is_named {
            self.wire_name = below(&self.path);
        }
        self.path = below(&self.path);
        self.also_at = self.also_at.as_deref().map(below);
        self.depends_on = self.depends_on.as_deref().map(below);
        self
    }

    /// The condition as a sentence, for a conditional field.
    pub fn condition(&self) -> Option<String> {
        let other = self.depends_on.as_deref()?;
        Some(match self.need {
            Need::When(_) => format!("Required where {other} is true; else ignored."),
            Need::Required | Need::Optional | Need::Unless(_) | Need::Either(_) => {
                format!("Required unless {other} is given.")
            }
        })
    }

    /// The path of the object, or of the list of objects, that holds it; `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.path.rsplit_once('.').map(|(parent, _)| parent.trim_end_matches("[]"))
    }

    /// Its path without brackets: what an address may end with, and just as unique.
    pub fn id(&self) -> String {
        self.path.replace("[]", "")
    }

    /// The last member of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit_once('.').map_or(self.path.as_str(), |(_, name)| name)
    }
}

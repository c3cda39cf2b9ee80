//! All operations that this build has. A registry that contradicts itself is refused at start-up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use crate::errors::{Code, ErrorSet};
use crate::field::{Field, Need, Preset};
use crate::input::Input;
use crate::output::Output;
use crate::scenario::{self, Scenario};
use crate::shape::Kind;
use crate::spec::Spec;

/// The code of a field at fault, which every operation can return.
pub const INVALID_INPUT_CODE: &str = "000_002";

/// One operation's definition, as data.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its head.
    pub spec: &'static Spec,
    /// Request fields.
    pub request: Vec<Field>,
    /// Response fields.
    pub response: Vec<Field>,
    /// Refusals in order of precedence.
    pub errors: Vec<&'static Code>,
    /// Examples.
    pub scenarios: Vec<Scenario>,
}

impl Entry {
    /// An entry from an operation's types.
    pub fn of<I: Input, O: Output, E: ErrorSet>(
        spec: &'static Spec,
        scenarios: Vec<Scenario>,
    ) -> Self {
        Entry {
            spec,
            request: I::fields(),
            response: O::fields(),
            errors: E::ALL.iter().map(|error| error.code()).collect(),
            scenarios,
        }
    }

    /// The scenarios as `platen scenarios --format json` prints them: a value that differs from
    /// call to call stands as `{"pattern": "..."}`, a regular expression for the whole value.
    pub fn scenarios_json(&self) -> Vec<Value> {
        let pattern = |kind: Kind| json!({ "pattern": kind.pattern() });
        let each = |scenario: &Scenario| {
            json!({
                "operation": self.spec.id,
                "name": scenario.name,
                "title": scenario.title,
                "method": "POST",
                "path": self.spec.path,
                "requestEncrypted": self.spec.request_encrypted,
                "responseEncrypted": self.spec.response_encrypted,
                "request": scenario.request,
                "expect": {
                    "status": scenario.status,
                    "code": scenario.code,
                    "response": scenario.expected_body(&self.response, &pattern),
                },
            })
        };
        self.scenarios.iter().map(each).collect()
    }
}

impl Kind {
    /// A regular expression for a whole value of this kind, as text; empty for an object or a
    /// list.
    pub fn pattern(self) -> String {
        match self {
            Kind::Text { min, max } if min == max => format!("^.{{{min}}}$"),
            Kind::Text { min, max } => format!("^.{{{min},{max}}}$"),
            Kind::Digits { len } => format!("^[0-9]{{{len}}}$"),
            Kind::Integer { .. } => "^[0-9]+$".to_owned(),
            Kind::Boolean => "^(true|false)$".to_owned(),
            Kind::Choice(values) => format!("^({})$", values.join("|")),
            Kind::Object | Kind::List { .. } => String::new(),
        }
    }
}

/// All operations, in the order of the navigation.
#[derive(Debug)]
pub struct Registry {
    entries: Vec<Entry>,
}

/// What is wrong with a registry, a sentence each.
#[derive(Debug, PartialEq, Eq)]
pub struct Contradictions(pub Vec<String>);

impl fmt::Display for Contradictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Contradictions {}

impl Registry {
    /// Checks the entries against each other and themselves.
    pub fn new(entries: Vec<Entry>) -> Result<Self, Contradictions> {
        let mut wrong = Vec::new();
        let mut ids = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for entry in &entries {
            let id = entry.spec.id;
            if !ids.insert(id) {
                wrong.push(format!("{id}: the id is used twice"));
            }
            if !paths.insert(entry.spec.path) {
                wrong.push(format!("{id}: the path {} is used twice", entry.spec.path));
            }
            if !["/api/", "/platen/"].iter().any(|base| entry.spec.path.starts_with(base)) {
                let path = entry.spec.path;
                wrong.push(format!("{id}: the path {path} is neither below /api/ nor /platen/"));
            }
            check_fields(entry, &mut wrong);
            check_codes(entry, &mut wrong);
        }
        if wrong.is_empty() { Ok(Registry { entries }) } else { Err(Contradictions(wrong)) }
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this id.
    pub fn by_id(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.spec.id == id)
    }
}

fn check_fields(entry: &Entry, wrong: &mut Vec<String>) {
    let id = entry.spec.id;
    for (direction, fields) in [("request", &entry.request), ("response", &entry.response)] {
        let mut paths = BTreeSet::new();
        for field in fields {
            if field.doc.is_empty() {
                wrong.push(format!("{id}: {direction} field {} has no doc", field.path));
            }
            if !paths.insert(field.path.as_str()) {
                wrong.push(format!("{id}: {direction} field {} is defined twice", field.path));
            }
            let parent_is_object = |parent| {
                fields.iter().any(|other| other.path == parent && holds_fields(other, field))
            };
            if field.parent().is_some_and(|parent| !parent_is_object(parent)) {
                wrong.push(format!("{id}: {direction} field {} has no object", field.path));
            }
            if field.default.is_some_and(|default| !default.fits(field.kind)) {
                wrong.push(format!("{id}: the default of {} is out of its limits", field.path));
            }
            let is_missed = |other: &&Field| {
                let below = other.parent() == Some(field.path.as_str());
                below && other.need == Need::Required
            };
            if field.default == Some(Preset::Empty)
                && let Some(missed) = fields.iter().find(is_missed)
            {
                wrong.push(format!("{id}: the default of {} lacks {}", field.path, missed.path));
            }
            if let Some(other) = &field.depends_on
                && !fields.iter().any(|field| field.path == *other)
            {
                wrong.push(format!("{id}: the condition of {} names no field", field.path));
            }
        }
    }
}

/// Whether `inner` stands in an object, or in the items of a list, as `outer` is one.
fn holds_fields(outer: &Field, inner: &Field) -> bool {
    let above = inner.path.rsplit_once('.').map(|(above, _)| above);
    outer.kind.innermost() == Kind::Object
        && above == Some(outer.kind.path_of_fields(&outer.path).as_str())
}

fn check_codes(entry: &Entry, wrong: &mut Vec<String>) {
    let id = entry.spec.id;
    let mut shown: BTreeMap<&str, bool> = BTreeMap::new();
    for code in &entry.errors {
        if shown.insert(code.code, false).is_some() {
            wrong.push(format!("{id}: {} is listed twice", code.code));
        }
    }
    if !shown.contains_key(INVALID_INPUT_CODE) {
        wrong.push(format!("{id}: {INVALID_INPUT_CODE} is not listed"));
    }
    shown.insert("000_000", false);
    let mut names = BTreeSet::new();
    for scenario in &entry.scenarios {
        if !names.insert(scenario.name) {
            wrong.push(format!("{id}: scenario {} is defined twice", scenario.name));
        }
        match shown.get_mut(scenario.code) {
            Some(seen) => *seen = true,
            None => wrong.push(format!(
                "{id}: scenario {} expects {}, which the operation cannot return",
                scenario.name, scenario.code
            )),
        }
        let code = entry.errors.iter().find(|code| code.code == scenario.code);
        if code.is_some_and(|code| code.http != scenario.status) {
            wrong.push(format!("{id}: scenario {} expects another status", scenario.name));
        }
        let unknown = |name: &&&str| {
            let path = scenario::named_path(name);
            let field = entry.response.iter().find(|field| path.as_ref() == Some(&field.path));
            let is_list = |field: &Field| matches!(field.kind, Kind::List { .. });
            field.is_none_or(|field| name.contains('*') && !is_list(field))
        };
        if let Some(name) = scenario.fields.iter().find(unknown) {
            wrong.push(format!("{id}: scenario {} expects the unknown {name}", scenario.name));
        }
    }
    let unshown = shown.iter().filter(|(code, seen)| !**seen && !code.starts_with("000_9"));
    wrong.extend(unshown.map(|(code, _)| format!("{id}: no scenario shows {code}")));
}

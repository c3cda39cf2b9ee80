//! A named example of an operation: it seeds the sandbox, is the portal's test data, and runs as
//! a test on both engines.

use serde_json::{Map, Value, json};

use crate::field::{Field, Need};
use crate::shape::Kind;

/// Request and expected answer of a scenario. What is given before it stands in the server.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name within the operation: lower-case words joined by `-`.
    pub name: &'static str,
    /// Its title, as the reference prints it where it does.
    pub title: &'static str,
    /// The request body in clear.
    pub request: Value,
    /// Expected HTTP status.
    pub status: u16,
    /// Expected code.
    pub code: &'static str,
    /// Expected description.
    pub description: String,
    /// The fields that a success carries beside `response`, by name. What an object or an item
    /// always holds comes with it; what it may hold is named by its path, `list[].object.field` in
    /// every item, `list[1].object.field` in the second. A list has one item, or so many as stand
    /// behind a star, `list*0`.
    pub fields: &'static [&'static str],
}

impl Scenario {
    /// The expected answer in clear, each value that differs from call to call as `shown` tells it
    /// by its kind: never an object or a list.
    pub fn expected_body(&self, fields: &[Field], shown: &dyn Fn(Kind) -> Value) -> Value {
        let head = json!({ "code": self.code, "description": self.description });
        let mut body = Map::from_iter([("response".to_owned(), head)]);
        let expected = Expected { fields, named: self.fields, shown };
        body.extend(expected.members(None, ""));
        Value::Object(body)
    }
}

/// Builds an answer from fields and the names of those that are expected.
struct Expected<'a> {
    fields: &'a [Field],
    named: &'a [&'a str],
    shown: &'a dyn Fn(Kind) -> Value,
}

impl Expected<'_> {
    /// The members of what stands at `parent`, whose place in this answer is `place`.
    fn members(&self, parent: Option<&str>, place: &str) -> Map<String, Value> {
        let children = self.fields.iter().filter(|field| field.parent() == parent);
        let at = |field: &Field| match parent {
            None => field.path.clone(),
            Some(_) => format!("{place}.{}", field.name()),
        };
        let told = children.map(|field| (field, at(field))).filter(|(field, place)| {
            let is_always_there = parent.is_some() && field.need == Need::Required;
            is_always_there || self.named.iter().any(|name| is_on_the_way(name, place))
        });
        told.map(|(field, place)| (field.name().to_owned(), self.value(field, field.kind, &place)))
            .collect()
    }

    fn value(&self, field: &Field, kind: Kind, place: &str) -> Value {
        match kind {
            Kind::Object => self.members(Some(&field.path), place).into(),
            Kind::List { item, .. } => {
                let items = 0..self.count(place);
                items.map(|at| self.value(field, *item, &format!("{place}[{at}]"))).collect()
            }
            Kind::Text { .. }
            | Kind::Digits { .. }
            | Kind::Integer { .. }
            | Kind::Boolean
            | Kind::Choice(_) => (self.shown)(kind),
        }
    }

    /// How many items the list has.
    fn count(&self, place: &str) -> usize {
        let counted = self.named.iter().filter_map(|name| name.split_once('*'));
        let mut counts = counted.filter(|(name, _)| is_on_the_way(name, place));
        counts.find_map(|(_, count)| count.parse().ok()).unwrap_or(1)
    }
}

/// The path of the field that a scenario names, as the field has it; `None` where the name has no
/// such form.
pub(crate) fn named_path(name: &str) -> Option<String> {
    let (path, count) = name.split_once('*').map_or((name, None), |(path, n)| (path, Some(n)));
    if count.is_some_and(|count| count.parse::<usize>().is_err()) {
        return None;
    }
    let step = |step: &str| match step.split_once('[') {
        None => Some(step.to_owned()),
        Some((name, index)) => {
            let index = index.strip_suffix(']')?;
            let is_index = index.is_empty() || index.parse::<usize>().is_ok();
            is_index.then(|| format!("{name}[]"))
        }
    };
    let steps: Option<Vec<String>> = path.split('.').map(step).collect();
    Some(steps?.join("."))
}

/// Whether `place` is the field that is named, or holds it.
fn is_on_the_way(name: &str, place: &str) -> bool {
    let path = name.split_once('*').map_or(name, |(path, _)| path);
    let mut named = path.split('.');
    place.split('.').all(|step| {
        named.next().is_some_and(|name| {
            let (name, wanted) = name.split_once('[').unwrap_or((name, "]"));
            let (step, index) = step.split_once('[').unwrap_or((step, "]"));
            name == step && (wanted == "]" || index == "]" || wanted == index)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_its_field_and_of_what_holds_it() {
        for place in ["list", "list[0].object", "list[7].object.field"] {
            assert!(is_on_the_way("list[].object.field", place), "{place}");
            assert_eq!(is_on_the_way("list[7].object.field*2", place), place != "list[0].object");
        }
        for place in ["lis", "list[0].other", "list[0].object.field.more"] {
            assert!(!is_on_the_way("list[].object.field", place), "{place}");
        }
    }

    #[test]
    fn a_name_is_the_path_of_a_field() {
        assert_eq!(named_path("list[12].inner[].a*3").as_deref(), Some("list[].inner[].a"));
        assert_eq!(named_path("cardApplyNo").as_deref(), Some("cardApplyNo"));
        for name in ["list*", "list*many", "list[x].a", "list[1.a"] {
            assert_eq!(named_path(name), None, "{name}");
        }
    }
}

//! Every operation's request, taken from the registry: an operation that is added is covered.

use std::sync::LazyLock;

use contract::field::Need;
use contract::{Field, Json, Kind};
use platen::op::Handler;
use platen::ops::Operations;
use serde_json::{Value, json};

use super::json::DEPTH_MAX;

static OPERATIONS: LazyLock<Operations> = LazyLock::new(|| Operations::load().unwrap());

/// The first byte chooses the operation; its highest bit, whether the rest is the body's text or
/// changes to an example's body.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let handlers = OPERATIONS.handlers();
    let handler = &handlers[usize::from(choice & 0x7f) % handlers.len()];
    if choice & 0x80 == 0 {
        parse(handler, rest);
    } else if let Some((example, changes)) = rest.split_first() {
        let scenarios = &handler.scenarios;
        let example = &scenarios[usize::from(*example) % scenarios.len()];
        let body = changed(handler, example.told.request.clone(), changes);
        parse(handler, body.to_string().as_bytes());
    }
}

/// What is taken is within its limits; what is not is refused by the name of one of its fields.
fn parse(handler: &Handler, text: &[u8]) {
    let Ok(body) = Json::parse_object(text, DEPTH_MAX) else { return };
    let fields = &handler.entry.request;
    match handler.check(&body) {
        Ok(()) => {
            let read = fields.iter().filter(|field| is_read(fields, field, &body));
            read.for_each(|field| assert_taken(field, &body));
        }
        Err(invalid) => {
            let is_told = fields.iter().any(|field| field.wire_name == invalid.field);
            assert!(is_told, "{} is no field of {}", invalid.field, handler.entry.spec.id);
        }
    }
}

/// Whether the field is looked at in this body: a condition may leave it out, and what is below.
fn is_read(fields: &[Field], field: &Field, body: &Json) -> bool {
    let parent = fields.iter().find(|other| Some(other.path.as_str()) == field.parent());
    let flag = field.depends_on.as_deref().filter(|_| matches!(field.need, Need::When(_)));
    // A condition within an item is the item's own.
    let is_of_item = field.path.contains("[]") && field.depends_on.is_some();
    !is_of_item
        && parent.is_none_or(|parent| {
            is_read(fields, parent, body) && !find(body, &parent.path).is_empty()
        })
        && flag.is_none_or(|flag| find(body, flag) == [&Json::Bool(true)])
}

fn assert_taken(field: &Field, body: &Json) {
    let places = [Some(&field.path), field.also_at.as_ref()];
    let found: Vec<&Json> =
        places.into_iter().flatten().flat_map(|path| find(body, path)).collect();
    let must_be_there = match field.need {
        Need::Required | Need::When(_) => true,
        Need::Unless(_) => {
            field.depends_on.as_deref().is_none_or(|path| find(body, path).is_empty())
        }
        Need::Optional | Need::Either(_) => false,
    };
    let holders = match field.path.rsplit_once('.') {
        Some((above, _)) if above.contains("[]") => find(body, above).len(),
        Some(_) | None => 1,
    };
    assert!(found.len() >= holders || !must_be_there, "{} was left out", field.path);
    assert!(found.iter().all(|value| fits(value, field.kind)), "{} is out of limits", field.path);
}

/// What stands at a path: in each item of the lists on the way.
fn find<'a>(body: &'a Json, path: &str) -> Vec<&'a Json> {
    path.split('.').fold(vec![body], |nodes, step| {
        let (name, lists) = split(step);
        let members = nodes.into_iter().filter_map(|node| node.member(name).unwrap());
        (0..lists).fold(members.collect(), |nodes: Vec<&Json>, _| {
            nodes.into_iter().flat_map(items).collect()
        })
    })
}

/// A step's name, and how many lists in each other follow it.
fn split(step: &str) -> (&str, usize) {
    let name = step.trim_end_matches("[]");
    (name, (step.len() - name.len()) / 2)
}

fn items(node: &Json) -> &[Json] {
    if let Json::Array(items) = node { items } else { &[] }
}

fn fits(value: &Json, kind: Kind) -> bool {
    match (kind, value) {
        (Kind::Text { min, max }, Json::String(text)) => {
            (min..=max).contains(&text.chars().count())
        }
        (Kind::Digits { len }, Json::String(text)) => {
            text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())
        }
        (Kind::Integer { min, max }, Json::Unsigned(number)) => (min..=max).contains(number),
        (Kind::Boolean, Json::Bool(_)) | (Kind::Object, Json::Object(_)) => true,
        (Kind::Choice(names), Json::String(text)) => names.contains(&text.as_str()),
        (Kind::List { item, min, max }, Json::Array(items)) => {
            let is_within = items.len() >= min && max.is_none_or(|max| items.len() <= max);
            is_within && items.iter().all(|each| fits(each, *item))
        }
        _ => false,
    }
}

/// Changes a body: a field, what to do to it, how much of what follows is its new value.
fn changed(handler: &Handler, mut body: Value, mut changes: &[u8]) -> Value {
    let fields = &handler.entry.request;
    while let [field, what, length, rest @ ..] = changes {
        let (value, after) = rest.split_at(usize::from(*length).min(rest.len()));
        changes = after;
        let field = &fields[usize::from(*field) % fields.len()];
        let path = match &field.also_at {
            Some(second) if what & 0x80 != 0 => second,
            Some(_) | None => &field.path,
        };
        put(&mut body, path, what & 0x7f, value);
    }
    body
}

fn put(body: &mut Value, path: &str, what: u8, bytes: &[u8]) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut steps = parent.split('.').filter(|step| !step.is_empty());
    let found = steps.try_fold(body, |node, step| {
        let (name, lists) = split(step);
        (0..lists).try_fold(node.get_mut(name)?, |node, _| node.get_mut(0))
    });
    let Some(Value::Object(parent)) = found else { return };
    let number = bytes.iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let count = usize::try_from(number % 300).unwrap();
    let value = match what % 11 {
        0 => {
            parent.shift_remove(name);
            return;
        }
        1 => Value::Null,
        2 => json!(String::from_utf8_lossy(bytes)),
        3 => json!(number),
        4 => json!(-0.5),
        5 => json!(number % 2 == 1),
        6 => json!({}),
        7 if number % 2 == 0 => json!([number]),
        7 => json!(vec!["0".repeat(count % 40); 1 + count % 5]),
        8 => json!("가".repeat(count)),
        9 => json!(number.to_string()),
        _ => json!("0".repeat(count)),
    };
    parent.insert(name.to_owned(), value);
}

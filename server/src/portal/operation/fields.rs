//! The parameters of request and response, as a tree.

use contract::{Field, Kind, Need};
use maud::{Markup, html};

use crate::portal::layout::{Frame, anchor, lang_of};

/// Which way a body goes: its fields' ids begin with the name.
pub(super) struct Direction(&'static str);

/// To the platform.
pub(super) const REQUEST: Direction = Direction("request");
/// From the platform.
pub(super) const RESPONSE: Direction = Direction("response");

/// All fields, each object with its own below it.
pub(super) fn tree(
    frame: &Frame<'_>,
    direction: &Direction,
    fields: &[Field],
    is_encrypted: bool,
) -> Markup {
    let words = frame.words();
    html! {
        @if is_encrypted {
            p.encryption {
                a.badge.encrypted href=(frame.path("/guides/encryption")) { (words.encrypted) }
                " " (words.encrypted_help)
            }
        }
        @if fields.is_empty() { p { (words.no_fields) } }
        (below(frame, direction, fields, None))
    }
}

fn below(
    frame: &Frame<'_>,
    direction: &Direction,
    fields: &[Field],
    parent: Option<&str>,
) -> Markup {
    let children: Vec<&Field> = fields.iter().filter(|field| field.parent() == parent).collect();
    if children.is_empty() {
        return Markup::default();
    }
    html! {
        ul.fields {
            @for field in children {
                li.field #{ (direction.0) "-" (field.id()) } {
                    (one(frame, direction, field))
                    (below(frame, direction, fields, Some(&field.path)))
                }
            }
        }
    }
}

/// A text in which what stands between backticks is code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn one(frame: &Frame<'_>, direction: &Direction, field: &Field) -> Markup {
    let words = frame.words();
    let id = format!("{}-{}", direction.0, field.id());
    html! {
        p.field-head {
            code.name { (field.name()) } " "
            span.type { (field.kind.type_word()) } " "
            span.need.(field.need.word().to_lowercase()) { (words.need(field.need)) }
            @for limit in limits(frame, field.kind) { " " span.limit { (limit) } }
            (anchor(frame, &id, &field.path))
        }
        @if let Some(condition) = condition(frame, field) { p.condition { (condition) } }
        p.doc lang=[lang_of(frame, &field.doc)] { (with_code(&field.doc)) }
        @let values = values(field.kind);
        @if !values.is_empty() || field.default.is_some() {
            dl {
                @if let Some(default) = field.default {
                    dt { (words.default) }
                    dd { code { (default) } }
                }
                @if !values.is_empty() {
                    dt { (words.values) }
                    @for value in values { dd { code { (value) } } }
                }
            }
        }
        @if let Some(other) = &field.also_at {
            p.also { (words.also_at) " " code { (other) } }
        }
        @if field.wire_name != field.path {
            p.also { (words.wire_name) " " code { (field.wire_name) } }
        }
    }
}

fn limits(frame: &Frame<'_>, kind: Kind) -> Vec<String> {
    let words = frame.words();
    let between = |min: &dyn ToString, max: &dyn ToString| {
        let (min, max) = (min.to_string(), max.to_string());
        vec![format!("{}: {min}", words.min), format!("{}: {max}", words.max)]
    };
    match kind {
        Kind::Text { min, max } if min == max => vec![format!("{}: {min}", words.length)],
        Kind::Text { min, max } => between(&min, &max),
        Kind::Digits { len } => {
            vec![format!("{}: {len}", words.length), words.digits_only.to_owned()]
        }
        Kind::Integer { min, max } => between(&min, &max),
        Kind::Boolean | Kind::Choice(_) | Kind::Object => Vec::new(),
        Kind::List { item, min, max } => {
            let counts = [(words.items_min, (min > 0).then_some(min)), (words.items_max, max)];
            let told = counts.into_iter().filter_map(|(word, count)| Some((word, count?)));
            let told = told.map(|(word, count)| format!("{word}: {count}"));
            told.chain(limits(frame, *item)).collect()
        }
    }
}

fn values(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Boolean => &["true", "false"],
        Kind::Choice(values) => values,
        Kind::Text { .. } | Kind::Digits { .. } | Kind::Integer { .. } | Kind::Object => &[],
        Kind::List { item, .. } => values(*item),
    }
}

/// The condition of a conditional field, with the field that it names as code.
fn condition(frame: &Frame<'_>, field: &Field) -> Option<Markup> {
    let words = frame.words();
    let other = field.depends_on.as_deref()?;
    let sentence = match field.need {
        Need::When(_) => words.required_when,
        Need::Unless(_) | Need::Either(_) => words.required_unless,
        Need::Required | Need::Optional => return None,
    };
    let (before, after) = sentence.split_once("{}").unwrap_or((sentence, ""));
    Some(html! { (before) code { (other) } (after) })
}

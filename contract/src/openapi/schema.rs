//! JSON schemas from fields: the tree that their dotted paths describe.

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{
    ArrayBuilder, KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
};

use crate::field::{Field, Need};
use crate::shape::Kind;

/// A JWE in compact serialization: five base64url parts.
const JWE_PATTERN: &str = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$";

/// Which side sends the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// A caller: `null` is the same as leaving a field out.
    Caller,
    /// platen: never sends `null`.
    Platen,
}

/// Why a field stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is its own path.
    First,
    /// Clients are seen to put it there too.
    Second,
}

/// A member of an object, with the members that it, or each of its items, holds itself.
#[derive(Default)]
struct Node<'a> {
    field: Option<(&'a Field, Role)>,
    members: Vec<(String, Node<'a>)>,
}

/// The schema of a request body in clear. Unknown members are ignored, so it stays open.
pub fn request(fields: &[Field]) -> Schema {
    let mut root = Node::default();
    for field in fields {
        root.put(&field.path, field, Role::First);
    }
    for field in fields {
        let Some(second) = &field.also_at else { continue };
        root.put(second, field, Role::Second);
        for inner in fields {
            if let Some(rest) = inner.path.strip_prefix(&field.path)
                && rest.starts_with(['.', '['])
            {
                root.put(&format!("{second}{rest}"), inner, Role::First);
            }
        }
    }
    root.object(object(), Side::Caller).into()
}

/// The schema of a success in clear: the head and the fields beside it.
pub fn success(message: &str, fields: &[Field]) -> Schema {
    let mut root = Node::default();
    for field in fields {
        root.put(&field.path, field, Role::First);
    }
    let body = object().property("response", head(&["000_000"], message)).required("response");
    root.object(body, Side::Platen).into()
}

/// The schema of a refusal: the head alone, with one of `codes`.
pub fn refusal(codes: &[&str], message: &str) -> Schema {
    object().property("response", head(codes, message)).required("response").into()
}

/// The envelope of an encrypted body.
pub fn encrypted() -> Schema {
    let jwe = text()
        .description(Some(
            "JWE compact serialization of the whole body in clear: RSA-OAEP-256 with A128GCM or \
             A256GCM.",
        ))
        .pattern(Some(JWE_PATTERN));
    closed()
        .description(Some("An encrypted body: encData and nothing beside it."))
        .property("encData", jwe)
        .required("encData")
        .into()
}

/// A value of this kind; what an object or a list holds is not told.
pub fn of(kind: Kind) -> ObjectBuilder {
    of_kind(kind, false)
}

/// An object.
pub fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// An object with no members but those that are put into it.
pub fn closed() -> ObjectBuilder {
    object().additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}

/// A list of such objects.
pub fn list(item: ObjectBuilder) -> Schema {
    ArrayBuilder::new().items(item).into()
}

/// A string.
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A value of this kind, for an example; what an object or a list holds is not filled in.
pub(super) fn sample(kind: Kind) -> Value {
    let cycle = |letters: &str, len| letters.chars().cycle().take(len).collect::<String>();
    match kind {
        Kind::Text { min, .. } => cycle("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min.max(1)).into(),
        Kind::Digits { len } => cycle("1234567890", len).into(),
        Kind::Integer { min, .. } => min.into(),
        Kind::Boolean => true.into(),
        Kind::Choice(values) => values.first().copied().unwrap_or_default().into(),
        Kind::Object => Value::Object(serde_json::Map::new()),
        Kind::List { .. } => Value::Array(Vec::new()),
    }
}

fn head(codes: &[&str], message: &str) -> ObjectBuilder {
    let code = text().enum_values(Some(codes.iter().copied()));
    let description = text()
        .description(Some("The code's message; where a field is at fault, it ends with its name."))
        .examples([message]);
    object()
        .property("code", code)
        .required("code")
        .property("description", description)
        .required("description")
}

impl<'a> Node<'a> {
    /// Puts a field at `path`, unless another one stands there.
    fn put(&mut self, path: &str, field: &'a Field, role: Role) {
        let mut node = self;
        for step in path.split('.') {
            node = node.member(step.trim_end_matches("[]"));
        }
        node.field.get_or_insert((field, role));
    }

    fn member(&mut self, name: &str) -> &mut Node<'a> {
        let found = self.members.iter().position(|(known, _)| known == name);
        let place = found.unwrap_or(self.members.len());
        if found.is_none() {
            self.members.push((name.to_owned(), Node::default()));
        }
        &mut self.members[place].1
    }

    fn object(&self, mut object: ObjectBuilder, side: Side) -> ObjectBuilder {
        for (name, member) in &self.members {
            object = object.property(name, member.schema(side));
            if member.required() {
                object = object.required(name);
            }
        }
        object
    }

    /// Whether it must be there, whatever else is: not where it may stand at a second path.
    fn required(&self) -> bool {
        self.field.is_some_and(|(field, role)| {
            role == Role::First && field.need == Need::Required && field.also_at.is_none()
        })
    }

    fn schema(&self, side: Side) -> RefOr<Schema> {
        let or_null = side == Side::Caller && !self.required();
        let Some((field, role)) = self.field else {
            return self.object(of_kind(Kind::Object, or_null), side).into();
        };
        let told = Some(description(field, role));
        let default = field.default.filter(|_| role == Role::First).map(Value::from);
        match field.kind {
            Kind::List { item, min, max } => {
                let list = self.list(*item, min, max, side).description(told).default(default);
                list.schema_type(type_of(Type::Array, or_null)).into()
            }
            kind @ (Kind::Object
            | Kind::Text { .. }
            | Kind::Digits { .. }
            | Kind::Integer { .. }
            | Kind::Boolean
            | Kind::Choice(_)) => {
                let value = self.object(of_kind(kind, or_null), side);
                value.description(told).default(default).into()
            }
        }
    }

    /// A list: its members are those of each item.
    fn list(&self, item: Kind, min: usize, max: Option<usize>, side: Side) -> ArrayBuilder {
        let items: RefOr<Schema> = match item {
            Kind::List { item, min, max } => self.list(*item, min, max, side).into(),
            Kind::Object
            | Kind::Text { .. }
            | Kind::Digits { .. }
            | Kind::Integer { .. }
            | Kind::Boolean
            | Kind::Choice(_) => self.object(of_kind(item, false), side).into(),
        };
        let min = (min > 0).then_some(min);
        ArrayBuilder::new().items(items).min_items(min).max_items(max)
    }
}

fn type_of(kind: Type, or_null: bool) -> SchemaType {
    if or_null { [kind, Type::Null].into_iter().collect() } else { SchemaType::new(kind) }
}

fn of_kind(kind: Kind, or_null: bool) -> ObjectBuilder {
    let typed = |kind: Type| ObjectBuilder::new().schema_type(type_of(kind, or_null));
    match kind {
        Kind::Text { min, max } => typed(Type::String).min_length(Some(min)).max_length(Some(max)),
        Kind::Digits { len } => typed(Type::String)
            .min_length(Some(len))
            .max_length(Some(len))
            .pattern(Some(kind.pattern())),
        Kind::Integer { min, max } => typed(Type::Integer)
            .format(i64::try_from(max).is_ok().then_some(INT64))
            .minimum(Some(min))
            .maximum(Some(max)),
        Kind::Boolean => typed(Type::Boolean),
        Kind::Choice(values) => {
            let null = or_null.then_some(Value::Null);
            let values = values.iter().map(|value| Value::from(*value)).chain(null);
            typed(Type::String).enum_values(Some(values))
        }
        Kind::Object => typed(Type::Object),
        Kind::List { .. } => typed(Type::Array),
    }
}

/// The format of an integer that fits it; there is none for larger ones.
const INT64: SchemaFormat = SchemaFormat::KnownFormat(KnownFormat::Int64);

/// The largest integer that a double holds exactly, with all below it.
const DOUBLE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// What a reader of JSON has to know about an integer that may be larger than a double holds.
fn big_integer(kind: Kind) -> Option<String> {
    let Kind::Integer { max, .. } = kind else { return None };
    let digits = max.to_string().len();
    (max > DOUBLE_INTEGER_MAX).then(|| format!("Up to {digits} digits: use a big integer."))
}

fn description(field: &Field, role: Role) -> String {
    let lines: Vec<&str> = field.doc.lines().map(str::trim).collect();
    let mut sentences = vec![lines.join("\n")];
    sentences.extend(big_integer(field.kind.innermost()));
    match role {
        Role::First => {
            sentences.extend(field.condition());
            sentences.extend(field.also_at.as_ref().map(|second| {
                format!("Taken from {second} too; two different values are refused.")
            }));
        }
        Role::Second => sentences.push(format!("The same as {}, taken here too.", field.path)),
    }
    sentences.join(" ")
}

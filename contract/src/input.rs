//! Reading a request: each field by its definition, the first one at fault named.

use std::cell::RefCell;

use crate::field::{Field, Need, Place, Preset};
use crate::json::Json;
use crate::shape::{Kind, Value};

/// The first field at fault, by the name that the wire message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field's wire name.
    pub field: String,
}

/// A request body: its fields, and itself from JSON. Implemented by [`input!`](crate::input!).
pub trait Input: Sized {
    /// Its fields in the order of their definition, objects before what they hold.
    fn fields() -> Vec<Field>;

    /// Reads every field; stops at the first one at fault.
    fn read(at: &Reader<'_>) -> Result<Self, Invalid>;

    /// Reads a whole request body.
    fn from_json(body: &Json) -> Result<Self, Invalid> {
        Self::read(&Reader::root(body))
    }
}

/// Stands for an object whose fields are defined by paths of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object;

impl Value for Object {
    const KIND: Kind = Kind::Object;

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        if let Json::Object(_) = node { Ok(Object) } else { Err(at.invalid()) }
    }
}

/// A place in the body: a node, and the wire name of what stands there.
pub struct Reader<'a> {
    node: &'a Json,
    path: String,
    wire_name: String,
    seen: RefCell<Vec<Seen>>,
}

/// A field already read, for the conditions of later ones.
struct Seen {
    path: &'static str,
    flag: Option<bool>,
}

impl<'a> Reader<'a> {
    fn root(node: &'a Json) -> Self {
        Self::new(node, String::new(), String::new())
    }

    fn new(node: &'a Json, path: String, wire_name: String) -> Self {
        Reader { node, path, wire_name, seen: RefCell::new(Vec::new()) }
    }

    /// What stands here is at fault.
    pub fn invalid(&self) -> Invalid {
        Invalid { field: self.wire_name.clone() }
    }

    /// The place of an item of the list that stands here.
    pub(crate) fn item<'b>(&self, node: &'b Json) -> Reader<'b> {
        Reader::new(node, format!("{}[]", self.path), self.wire_name.clone())
    }

    /// Reads the field at `place`.
    pub fn take<M: Member>(&self, place: Place) -> Result<M, Invalid> {
        M::take(self, place)
    }

    /// The value at `place`; `None` where it is left out and may be.
    fn find<T: Value>(&self, place: Place) -> Result<Option<T>, Invalid> {
        if let Need::When(flag) = place.need
            && !self.flag(flag)
        {
            return Ok(None);
        }
        let mut value = self.find_at(place, place.path)?;
        if let Some(second) = place.also_at {
            value = match (value, self.find_at::<T>(place, second)?) {
                (Some(one), Some(other)) if one != other => {
                    return Err(Invalid { field: self.name_of(place) });
                }
                (one, other) => one.or(other),
            };
        }
        let missing = value.is_none()
            && match place.need {
                Need::Required | Need::When(_) => true,
                Need::Optional | Need::Either(_) => false,
                Need::Unless(other) => !self.was_given(other),
            };
        if missing {
            return Err(Invalid { field: self.name_of(place) });
        }
        let default = place.default.and_then(Preset::as_flag);
        let flag = value.as_ref().and_then(T::as_flag).or(default);
        if value.is_some() || place.default.is_some() {
            self.seen.borrow_mut().push(Seen { path: place.path, flag });
        }
        Ok(value)
    }

    fn find_at<T: Value>(&self, place: Place, path: &str) -> Result<Option<T>, Invalid> {
        let name = self.name_of(place);
        let mut node = self.node;
        for step in path.split('.') {
            match node.member(step) {
                Err(_) => return Err(Invalid { field: name }),
                Ok(None) => return Ok(None),
                Ok(Some(next)) => node = next,
            }
        }
        T::parse(node, &Reader::new(node, self.path_of(place), name)).map(Some)
    }

    /// The value of a field that was left out and has one for that.
    fn preset<T: Value>(&self, place: Place) -> Option<T> {
        let node = place.default?.json();
        T::parse(&node, &Reader::new(&node, self.path_of(place), self.name_of(place))).ok()
    }

    fn path_of(&self, place: Place) -> String {
        if self.path.is_empty() {
            return place.path.to_owned();
        }
        format!("{}.{}", self.path, place.path)
    }

    fn name_of(&self, place: Place) -> String {
        place.wire_name.map_or_else(|| self.path_of(place), str::to_owned)
    }

    fn flag(&self, path: &str) -> bool {
        self.seen.borrow().iter().any(|seen| seen.path == path && seen.flag == Some(true))
    }

    fn was_given(&self, path: &str) -> bool {
        self.seen.borrow().iter().any(|seen| seen.path == path)
    }
}

/// A field of a request struct: `T` must be there, `Option<T>` may be left out.
pub trait Member: Sized {
    /// Its documentation.
    fn describe(place: Place, doc: &str) -> Vec<Field>;
    /// Its value.
    fn take(at: &Reader<'_>, place: Place) -> Result<Self, Invalid>;
}

impl<T: Value> Member for T {
    fn describe(place: Place, doc: &str) -> Vec<Field> {
        let mut fields = vec![Field::new(place, T::KIND, doc)];
        let above = T::KIND.path_of_fields(place.path);
        fields.extend(T::children().into_iter().map(|child| child.below(&above)));
        fields
    }

    fn take(at: &Reader<'_>, place: Place) -> Result<Self, Invalid> {
        at.find(place)?
            .or_else(|| at.preset(place))
            .ok_or_else(|| Invalid { field: at.name_of(place) })
    }
}

impl<T: Value> Member for Option<T> {
    fn describe(place: Place, doc: &str) -> Vec<Field> {
        T::describe(place, doc)
    }

    fn take(at: &Reader<'_>, place: Place) -> Result<Self, Invalid> {
        at.find(place)
    }
}

/// Defines a request (or an object within one): a struct, its fields' documentation, its parser.
/// Each field is `name: Type = place`, with a doc comment that the portal and OpenAPI print.
#[macro_export]
macro_rules! input {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $ty:ty = $place:expr ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $doc])+ pub $field: $ty ),+ }

        impl $crate::Input for $name {
            fn fields() -> Vec<$crate::Field> {
                let mut fields = Vec::new();
                $( fields.extend(<$ty as $crate::input::Member>::describe(
                    $place, concat!($($doc, "\n"),+))); )+
                fields
            }

            fn read(at: &$crate::input::Reader<'_>) -> Result<Self, $crate::Invalid> {
                $( let $field: $ty = at.take($place)?; )+
                Ok(Self { $($field),+ })
            }
        }

        impl $crate::shape::Value for $name {
            const KIND: $crate::Kind = $crate::Kind::Object;

            fn parse(
                node: &$crate::Json,
                at: &$crate::input::Reader<'_>,
            ) -> Result<Self, $crate::Invalid> {
                <$crate::Object as $crate::shape::Value>::parse(node, at)?;
                <Self as $crate::Input>::read(at)
            }

            fn children() -> Vec<$crate::Field> {
                <Self as $crate::Input>::fields()
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro makes public types")]
mod tests {
    use super::*;
    use crate::field::at;
    use crate::shape::{Digits, Text, UInt};

    input! {
        /// An address.
        pub struct Address {
            /// Street.
            street: Text<1, 4> = at("street"),
            /// Zip.
            zip: Digits<5> = at("zip"),
        }
    }

    input! {
        /// A request.
        pub struct Request {
            /// The user.
            user: Object = at("user"),
            /// Its id.
            id: UInt<1, 9_999_999_999_999_999_999> = at("user.id").named("id"),
            /// Deliver?
            deliver: bool = at("deliver").or_at("user.deliver").or_default(true),
            /// Where to.
            address: Option<Address> = at("user.address").or_at("address").when("deliver"),
            /// Either this
            par: Option<Text<2, 2>> = at("par").either("card"),
            /// or that.
            card: Option<Digits<3>> = at("card").unless("par"),
        }
    }

    fn read(text: &str) -> Result<Request, String> {
        let json = Json::parse_object(text.as_bytes(), 8).unwrap();
        Request::from_json(&json).map_err(|invalid| invalid.field)
    }

    const NO_DELIVERY: &str = r#""deliver":false,"par":"Q1""#;

    #[test]
    fn the_first_field_at_fault_is_named() {
        let cases = [
            (r#"{}"#, "user"),
            (r#"{"user":1}"#, "user"),
            (r#"{"user":null}"#, "user"),
            (r#"{"user":{}}"#, "id"),
            (r#"{"user":{"id":0}}"#, "id"),
            (r#"{"user":{"id":"1"}}"#, "id"),
            (r#"{"user":{"id":1,"id":1}}"#, "id"),
            (r#"{"user":{"id":10000000000000000000}}"#, "id"),
            (r#"{"user":{"id":1},"user":{"id":1}}"#, "user"),
            (r#"{"user":{"id":1}}"#, "user.address"),
            (r#"{"user":{"id":1},"deliver":"yes"}"#, "deliver"),
            (r#"{"user":{"id":1,"deliver":false},"deliver":true}"#, "deliver"),
            (r#"{"user":{"id":1,"address":[]}}"#, "user.address"),
            (r#"{"user":{"id":1,"address":{"street":"s"}}}"#, "user.address.zip"),
            (r#"{"user":{"id":1},"address":{"street":"","zip":"12345"}}"#, "user.address.street"),
            (r#"{"user":{"id":1},"deliver":false}"#, "card"),
            (r#"{"user":{"id":1},"deliver":false,"card":"12x"}"#, "card"),
        ];
        for (text, field) in cases {
            assert_eq!(read(text).unwrap_err(), field, "{text}");
        }
    }

    #[test]
    fn both_places_of_a_field_are_taken() {
        let address = r#""address":{"street":"가나다라","zip":"01234"}"#;
        let id = r#""id":9999999999999999999"#;
        let here = format!(r#"{{"user":{{{id},{address}}},"par":"Q1"}}"#);
        let there = format!(r#"{{"user":{{{id}}},{address},"par":"Q1"}}"#);
        assert_eq!(read(&here), read(&there));
        assert!(read(&here).unwrap().address.is_some());
    }

    #[test]
    fn an_address_is_not_even_read_without_delivery() {
        let text = format!(r#"{{"user":{{"id":1,"address":7}},{NO_DELIVERY}}}"#);
        assert_eq!(read(&text).unwrap().address, None);
    }

    #[test]
    fn unknown_fields_are_ignored_even_repeated() {
        let text = format!(r#"{{"user":{{"id":1,"x":1,"x":2}},"y":[],{NO_DELIVERY}}}"#);
        assert!(read(&text).is_ok());
    }

    #[test]
    fn documentation_has_every_field_below_its_object() {
        let paths: Vec<String> = Request::fields().into_iter().map(|field| field.path).collect();
        let expected = [
            "user",
            "user.id",
            "deliver",
            "user.address",
            "user.address.street",
            "user.address.zip",
            "par",
            "card",
        ];
        assert_eq!(paths, expected);
    }
}

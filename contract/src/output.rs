//! Writing a response: `{"response": {"code", "description"}, ...fields}`.

use crate::field::{Field, Need, Out, at};
use crate::shape::{Emit, emit_string};

/// A response body. Implemented by [`output!`](crate::output!).
pub trait Output {
    /// Its fields in the order of their definition.
    fn fields() -> Vec<Field>;

    /// Appends its members, each preceded by a comma. A field that is `None` is left out.
    fn write(&self, out: &mut String);
}

/// The whole body of a success.
pub fn success_body(message: &str, fields: &dyn Fn(&mut String)) -> String {
    let mut out = head("000_000", message);
    fields(&mut out);
    out.push('}');
    out
}

/// The whole body of a refusal or failure.
pub fn error_body(code: &str, description: &str) -> String {
    let mut out = head(code, description);
    out.push('}');
    out
}

fn head(code: &str, description: &str) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"response\":{\"code\":");
    emit_string(code, &mut out);
    out.push_str(",\"description\":");
    emit_string(description, &mut out);
    out.push('}');
    out
}

/// A field of a response struct: `T` is always there, `Option<T>` may be left out.
pub trait OutputMember {
    /// Its documentation, with that of what it holds.
    fn describe(out: Out, doc: &str) -> Vec<Field>;
    /// Appends it, preceded by a comma.
    fn append(&self, name: &str, out: &mut String);
}

impl<T: Emit> OutputMember for T {
    fn describe(out: Out, doc: &str) -> Vec<Field> {
        let mut field = Field::new(at(out.name), T::KIND, doc);
        field.privacy = out.privacy;
        let above = T::KIND.path_of_fields(out.name);
        let below = T::children().into_iter().map(|child| child.below(&above));
        std::iter::once(field).chain(below).collect()
    }

    fn append(&self, name: &str, out: &mut String) {
        out.push(',');
        emit_string(name, out);
        out.push(':');
        self.emit(out);
    }
}

impl<T: Emit> OutputMember for Option<T> {
    fn describe(out: Out, doc: &str) -> Vec<Field> {
        let mut fields = T::describe(out, doc);
        fields.iter_mut().take(1).for_each(|field| field.need = Need::Optional);
        fields
    }

    fn append(&self, name: &str, out: &mut String) {
        if let Some(value) = self {
            value.append(name, out);
        }
    }
}

/// The object with the members that `write` appends, each preceded by a comma.
pub fn emit_object(out: &mut String, write: impl FnOnce(&mut String)) {
    let start = out.len();
    write(out);
    if out.len() == start {
        out.push('{');
    } else {
        // In place of the first comma.
        out.replace_range(start..=start, "{");
    }
    out.push('}');
}

/// Defines a response, or an object or list item within one: a struct, its fields' documentation,
/// its writer. Each field is `name: Type = "wireName"`, or `= out("wireName")` with who may see
/// it. A type is one of [`shape`](crate::shape), `bool`, a [`choice!`](crate::choice!), another
/// `output!`, a `Vec` of these; in an `Option` it may be left out.
#[macro_export]
macro_rules! output {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $ty:ty = $wire:expr ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $doc])+ pub $field: $ty ),* }

        impl $crate::Output for $name {
            fn fields() -> Vec<$crate::Field> {
                let fields: Vec<Vec<$crate::Field>> =
                    vec![ $( <$ty as $crate::output::OutputMember>::describe(
                        $crate::field::Out::from($wire), concat!($($doc, "\n"),+)) ),* ];
                fields.concat()
            }

            fn write(&self, out: &mut String) {
                let _ = &out;
                $( $crate::output::OutputMember::append(
                    &self.$field, $crate::field::Out::from($wire).name, out); )*
            }
        }

        impl $crate::shape::Emit for $name {
            const KIND: $crate::Kind = $crate::Kind::Object;

            fn emit(&self, out: &mut String) {
                $crate::output::emit_object(out, |out| $crate::Output::write(self, out));
            }

            fn children() -> Vec<$crate::Field> {
                <Self as $crate::Output>::fields()
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro makes public types")]
mod tests {
    use super::*;
    use crate::choice;
    use crate::field::{Privacy, out};
    use crate::shape::{Digits, Kind, List, Text, UInt};

    choice! {
        /// Where it stands.
        pub enum Status {
            /// Done.
            Done = "DONE",
            /// Said to be "open".
            Open = "\"OPEN\"",
        }
    }

    output! {
        /// An answer.
        pub struct Answer {
            /// Number.
            number: Digits<3> = "number",
            /// Note.
            note: Option<Text<1, 9>> = "note",
        }
    }

    output! {
        /// What may be all left out.
        pub struct Digital {
            /// Name.
            name: Option<Text<1, 9>> = out("name").personal(),
            /// CVC.
            cvc: Option<Digits<3>> = out("cvc").secret(),
        }
    }

    output! {
        /// An item.
        pub struct Issued {
            /// Note, first of all, that may be left out.
            note: Option<Text<1, 9>> = "note",
            /// In the phone.
            digital: Option<Digital> = "digital",
            /// Where it stands.
            status: Status = "status",
            /// Points.
            points: Vec<Digital> = "points",
        }
    }

    output! {
        /// An answer with all shapes.
        pub struct Shapes {
            /// Items.
            list: Vec<Issued> = "issuedCardList",
            /// One of them.
            first: Issued = "first",
            /// PARs.
            pars: Vec<Text<1, 9>> = "pars",
            /// Numbers.
            numbers: Option<List<UInt<0, 9>, 1, 2>> = "numbers",
            /// Named?
            is_named: bool = "isNamed",
        }
    }

    output! {
        /// Nothing.
        pub struct Nothing {}
    }

    fn written(output: &impl Output) -> String {
        let mut text = String::new();
        output.write(&mut text);
        text
    }

    fn issued() -> Issued {
        Issued { note: None, digital: None, status: Status::Done, points: Vec::new() }
    }

    #[test]
    fn none_is_left_out_and_text_is_escaped() {
        let mut answer = Answer { number: Digits::new("012").unwrap(), note: None };
        let body = success_body("Success.", &|out| answer.write(out));
        let head = r#"{"response":{"code":"000_000","description":"Success."},"number":"012""#;
        assert_eq!(body, format!("{head}}}"));
        answer.note = Text::new("a\"\n");
        let body = success_body("Success.", &|out| answer.write(out));
        assert_eq!(body, format!("{head},\"note\":\"a\\\"\\n\"}}"));
    }

    #[test]
    fn empty_lists_and_objects_stay_and_none_is_left_out_of_what_holds_it() {
        let empty = Shapes {
            list: Vec::new(),
            first: issued(),
            pars: Vec::new(),
            numbers: None,
            is_named: false,
        };
        assert_eq!(
            written(&empty),
            concat!(
                r#","issuedCardList":[],"first":{"status":"DONE","points":[]},"#,
                r#""pars":[],"isNamed":false"#
            )
        );
        assert_eq!(written(&Nothing {}), "");
        let mut text = String::new();
        Emit::emit(&vec![Nothing {}, Nothing {}], &mut text);
        assert_eq!(text, "[{},{}]");
    }

    #[test]
    fn items_and_what_they_hold_are_escaped() {
        let named = |name: &str| Digital { name: Text::new(name), cvc: None };
        let full = Issued {
            note: Text::new("\\\"\u{7}"),
            digital: Some(named("가,\"")),
            status: Status::Open,
            points: vec![named("{"), Digital { name: None, cvc: Digits::new("012") }],
        };
        let shapes = Shapes {
            list: vec![full, issued()],
            first: Issued { digital: Some(Digital { name: None, cvc: None }), ..issued() },
            pars: ["a\"", ",", "]"].iter().filter_map(|par| Text::new(par)).collect(),
            numbers: List::new([0, 9].into_iter().filter_map(UInt::new).collect()),
            is_named: true,
        };
        let text = written(&shapes);
        assert_eq!(
            text,
            concat!(
                r#","issuedCardList":[{"note":"\\\"\u0007","digital":{"name":"가,\""},"#,
                r#""status":"\"OPEN\"","points":[{"name":"{"},{"cvc":"012"}]},"#,
                r#"{"status":"DONE","points":[]}],"#,
                r#""first":{"digital":{},"status":"DONE","points":[]},"#,
                r#""pars":["a\"",",","]"],"numbers":[0,9],"isNamed":true"#
            )
        );
        let body = success_body("Success.", &|out| shapes.write(out));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["issuedCardList"][0]["digital"]["name"], "가,\"");
    }

    #[test]
    fn fields_of_items_are_described_below_their_list() {
        let fields = Shapes::fields();
        let told: Vec<(&str, &str, &str)> = fields
            .iter()
            .map(|field| (field.path.as_str(), field.kind.type_word(), field.need.word()))
            .collect();
        let expected = [
            ("issuedCardList", "array of objects", "Required"),
            ("issuedCardList[].note", "string", "Optional"),
            ("issuedCardList[].digital", "object", "Optional"),
            ("issuedCardList[].digital.name", "string", "Optional"),
            ("issuedCardList[].digital.cvc", "string", "Optional"),
            ("issuedCardList[].status", "string", "Required"),
            ("issuedCardList[].points", "array of objects", "Required"),
            ("issuedCardList[].points[].name", "string", "Optional"),
            ("issuedCardList[].points[].cvc", "string", "Optional"),
        ];
        assert_eq!(told[..9], expected);
        let inner = told.iter().position(|(path, ..)| *path == "first.points[].name");
        assert_eq!(inner, Some(16));
        assert_eq!(fields[16].parent(), Some("first.points"));
        assert_eq!((fields[16].name(), fields[16].id().as_str()), ("name", "first.points.name"));
        assert_eq!(
            told[18..],
            [
                ("pars", "array of strings", "Required"),
                ("numbers", "array of numbers", "Optional"),
                ("isNamed", "boolean", "Required"),
            ]
        );
        let item = &Kind::Integer { min: 0, max: 9 };
        assert_eq!(fields[19].kind, Kind::List { item, min: 1, max: Some(2) });
        assert_eq!(fields[3].privacy, Privacy::Personal);
        assert_eq!(fields[8].privacy, Privacy::Secret);
        assert_eq!(fields[1].privacy, Privacy::Open);
    }
}

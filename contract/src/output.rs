//! Writing a response: `{"response": {"code", "description"}, ...fields}`.

use crate::field::{Field, Place};
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
    /// Its documentation.
    fn field(place: Place, doc: &str) -> Field;
    /// Appends it, preceded by a comma.
    fn write(&self, name: &str, out: &mut String);
}

impl<T: Emit> OutputMember for T {
    fn field(place: Place, doc: &str) -> Field {
        Field::new(place, T::KIND, doc)
    }

    fn write(&self, name: &str, out: &mut String) {
        out.push(',');
        emit_string(name, out);
        out.push(':');
        self.emit(out);
    }
}

impl<T: Emit> OutputMember for Option<T> {
    fn field(place: Place, doc: &str) -> Field {
        Field::new(place.optional(), T::KIND, doc)
    }

    fn write(&self, name: &str, out: &mut String) {
        if let Some(value) = self {
            OutputMember::write(value, name, out);
        }
    }
}

/// Defines a response: a struct, its fields' documentation, its writer.
#[macro_export]
macro_rules! output {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $ty:ty = $wire:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $doc])+ pub $field: $ty ),* }

        impl $crate::Output for $name {
            fn fields() -> Vec<$crate::Field> {
                vec![ $( <$ty as $crate::output::OutputMember>::field(
                    $crate::at($wire), concat!($($doc, "\n"),+)) ),* ]
            }

            fn write(&self, out: &mut String) {
                let _ = &out;
                $( $crate::output::OutputMember::write(&self.$field, $wire, out); )*
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro makes public types")]
mod tests {
    use super::*;
    use crate::shape::{Digits, Text};

    output! {
        /// An answer.
        pub struct Answer {
            /// Number.
            number: Digits<3> = "number",
            /// Note.
            note: Option<Text<1, 9>> = "note",
        }
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
}

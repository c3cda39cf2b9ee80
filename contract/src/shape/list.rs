//! Arrays: bounded ones that callers send, and those that platen answers.

use super::{Emit, Kind, Value};
use crate::field::Field;
use crate::input::{Invalid, Reader};
use crate::json::Json;

/// An array of `MIN` to `MAX` items. An item that is no `T` is the list's fault, by the list's
/// name; a field of an item is named by its own path, such as `list[].field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// Takes so many items.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (MIN..=MAX).contains(&items.len()).then_some(Self(items))
    }

    /// The items, in the order sent.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Value, const MIN: usize, const MAX: usize> Value for List<T, MIN, MAX> {
    const KIND: Kind = Kind::List { item: &T::KIND, min: MIN, max: Some(MAX) };

    fn parse(node: &Json, at: &Reader<'_>) -> Result<Self, Invalid> {
        let Json::Array(items) = node else { return Err(at.invalid()) };
        // More are not even read.
        if !(MIN..=MAX).contains(&items.len()) {
            return Err(at.invalid());
        }
        let read = items.iter().map(|item| T::parse(item, &at.item(item)));
        read.collect::<Result<_, _>>().map(Self)
    }

    fn children() -> Vec<Field> {
        T::children()
    }
}

impl<T: Emit, const MIN: usize, const MAX: usize> Emit for List<T, MIN, MAX> {
    const KIND: Kind = Kind::List { item: &T::KIND, min: MIN, max: Some(MAX) };

    fn emit(&self, out: &mut String) {
        emit_items(&self.0, out);
    }

    fn children() -> Vec<Field> {
        T::children()
    }
}

impl<T: Emit> Emit for Vec<T> {
    const KIND: Kind = Kind::List { item: &T::KIND, min: 0, max: None };

    fn emit(&self, out: &mut String) {
        emit_items(self, out);
    }

    fn children() -> Vec<Field> {
        T::children()
    }
}

fn emit_items<T: Emit>(items: &[T], out: &mut String) {
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        item.emit(out);
    }
    out.push(']');
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro makes public types")]
mod tests {
    use super::*;
    use crate::field::{Preset, at};
    use crate::input;
    use crate::input::Input;
    use crate::shape::{Digits, Text, UInt};

    input! {
        /// An item.
        pub struct Term {
            /// Its id.
            id: UInt<1, 9> = at("tcId"),
            /// Words.
            words: Option<List<Text<1, 3>, 0, 2>> = at("words").optional(),
            /// Of another name.
            other: Option<Digits<2>> = at("other").named("otherNo").optional(),
        }
    }

    input! {
        /// A page.
        pub struct Page {
            /// Which.
            page: UInt<0, 99> = at("page").or_default(0),
            /// How many.
            size: UInt<1, 100> = at("pageSize").or_default(20),
        }
    }

    input! {
        /// A request.
        pub struct Request {
            /// Products.
            ids: List<Digits<3>, 1, 3> = at("serviceIdList"),
            /// Terms.
            terms: Option<List<Term, 1, 2>> = at("user.tcList").or_at("tcList").optional(),
            /// A page.
            page: Page = at("pageRequest").or_default(Preset::Empty),
        }
    }

    fn read(text: &str) -> Result<Request, String> {
        let json = Json::parse_object(text.as_bytes(), 8).unwrap();
        Request::from_json(&json).map_err(|invalid| invalid.field)
    }

    #[test]
    fn a_list_is_at_fault_for_its_length_and_for_its_items() {
        let wrong = [
            "null",
            "{}",
            "\"123\"",
            "1",
            "true",
            "[]",
            "[null]",
            "[\"12\"]",
            "[\"123\",123]",
            "[[\"123\"]]",
            r#"["123","123","123","123"]"#,
        ];
        for list in wrong {
            let said = read(&format!(r#"{{"serviceIdList":{list}}}"#));
            assert_eq!(said.unwrap_err(), "serviceIdList", "{list}");
        }
        assert_eq!(read("{}").unwrap_err(), "serviceIdList");
        assert_eq!(
            read(r#"{"serviceIdList":["1"],"serviceIdList":["123"]}"#).unwrap_err(),
            "serviceIdList"
        );
        for (list, count) in [(r#"["123"]"#, 1), (r#"["123","456","123"]"#, 3)] {
            let read = read(&format!(r#"{{"serviceIdList":{list}}}"#)).unwrap();
            assert_eq!(read.ids.as_slice().len(), count);
            assert_eq!(read.ids.as_slice()[0].as_str(), "123");
            assert_eq!(read.terms, None);
        }
    }

    #[test]
    fn a_field_of_an_item_is_named_by_its_own_path() {
        let cases = [
            ("[]", "user.tcList"),
            ("[1]", "user.tcList"),
            ("[null]", "user.tcList"),
            ("[{}]", "user.tcList[].tcId"),
            (r#"[{"tcId":1},{"tcId":0}]"#, "user.tcList[].tcId"),
            (r#"[{"tcId":1,"tcId":1}]"#, "user.tcList[].tcId"),
            (r#"[{"tcId":1,"words":["abcd"]}]"#, "user.tcList[].words"),
            (r#"[{"tcId":1,"words":["a","b","c"]}]"#, "user.tcList[].words"),
            (r#"[{"tcId":1,"other":"x"}]"#, "otherNo"),
        ];
        let names: Vec<String> =
            Request::fields().into_iter().map(|field| field.wire_name).collect();
        for (list, field) in cases {
            for body in [format!(r#""user":{{"tcList":{list}}}"#), format!(r#""tcList":{list}"#)] {
                let said = read(&format!(r#"{{"serviceIdList":["123"],{body}}}"#));
                assert_eq!(said.unwrap_err(), field, "{body}");
            }
            assert!(names.iter().any(|name| name == field), "{field}");
        }
        let body = r#"{"serviceIdList":["123"],"tcList":[{"tcId":1,"words":[]},{"tcId":9}]}"#;
        let terms = read(body).unwrap().terms.unwrap();
        assert_eq!(terms.as_slice()[0].words, List::new(Vec::new()));
        assert_eq!(terms.as_slice()[1].id.get(), 9);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let page = |rest: &str| {
            let read = read(&format!(r#"{{"serviceIdList":["123"]{rest}}}"#))?;
            Ok((read.page.page.get(), read.page.size.get()))
        };
        for rest in ["", r#","pageRequest":null"#, r#","pageRequest":{}"#] {
            assert_eq!(page(rest), Ok((0, 20)), "{rest}");
        }
        assert_eq!(page(r#","pageRequest":{"page":3,"pageSize":null}"#), Ok((3, 20)));
        for (size, field) in [("0", "pageRequest.pageSize"), ("\"20\"", "pageRequest.pageSize")] {
            let said = page(&format!(r#","pageRequest":{{"pageSize":{size}}}"#));
            assert_eq!(said, Err(field.to_owned()));
        }
        assert_eq!(page(r#","pageRequest":[]"#), Err("pageRequest".to_owned()));
    }

    #[test]
    fn documentation_has_the_fields_of_items() {
        let paths: Vec<String> = Request::fields().into_iter().map(|field| field.path).collect();
        let expected = [
            "serviceIdList",
            "user.tcList",
            "user.tcList[].tcId",
            "user.tcList[].words",
            "user.tcList[].other",
            "pageRequest",
            "pageRequest.page",
            "pageRequest.pageSize",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_a_caller_sent_is_not_printed() {
        let list: Option<List<Digits<3>, 1, 3>> =
            Digits::new("123").and_then(|one| List::new(vec![one]));
        let list = list.unwrap();
        assert!(!format!("{list:?}").contains("123"));
    }
}

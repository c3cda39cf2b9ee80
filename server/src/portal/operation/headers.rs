//! The headers of request and response.

use contract::headers::{self, Header};
use maud::{Markup, html};

use crate::portal::layout::{Frame, anchor, lang_of};

/// Those of the request.
pub(super) fn request(frame: &Frame<'_>) -> Markup {
    list(frame, "header", headers::REQUEST)
}

/// Those of the response.
pub(super) fn response(frame: &Frame<'_>) -> Markup {
    list(frame, "response-header", headers::RESPONSE)
}

fn list(frame: &Frame<'_>, prefix: &str, headers: &[Header]) -> Markup {
    html! { ul.fields { @for header in headers { (row(frame, prefix, header)) } } }
}

fn row(frame: &Frame<'_>, prefix: &str, header: &Header) -> Markup {
    let words = frame.words();
    let id = format!("{prefix}-{}", header.name);
    html! {
        li.field #(id) {
            p.field-head {
                code.name { (header.name) } " "
                span.type { "string" } " "
                span.need.(header.need.word().to_lowercase()) { (words.header_need(header.need)) }
                " "
                span.limit { (words.length) ": " (header.len) }
                (anchor(frame, &id, header.name))
            }
            @if let Some(condition) = words.header_condition(header.need) {
                p.condition { (condition) }
            }
            p.doc lang=[lang_of(frame, header.doc)] { (header.doc) }
            dl {
                dt { (words.form) }
                dd { code lang=[lang_of(frame, header.form)] { (header.form) } }
                dt { (words.example) }
                dd { code { (header.example) } }
            }
            @if header.name == headers::TRAN_TOKEN.name {
                p { a href=(frame.path("/guides/token")) { (words.token_guide) } }
            }
        }
    }
}

//! The page's head: title, version, method and path, what the operation does.

use contract::Entry;
use maud::{Markup, html};

use crate::portal::layout::{Frame, lang_of, operation_path};

/// The head.
pub(super) fn head(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let (words, spec) = (frame.words(), entry.spec);
    let page = operation_path(entry);
    html! {
        header.head {
            p.group lang=[lang_of(frame, spec.group)] { (spec.group) }
            h1 {
                span lang=[lang_of(frame, spec.title)] { (spec.title) } " "
                span.badge { (words.sync) }
            }
            details.versions {
                summary { (words.version) ": " (spec.version) }
                ul { li { a href=(frame.path(&page)) aria-current="true" { (spec.version) } } }
            }
            p.endpoint {
                span.method { "POST" } " "
                code #path data-copy { (spec.path) }
            }
            p.about lang=[lang_of(frame, spec.about)] { (spec.about) }
            p.links {
                code { (spec.id) } " · "
                a href={ (frame.path(&page)) ".md" } { (words.as_markdown) }
            }
        }
    }
}

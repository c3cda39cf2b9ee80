//! The codes that an operation can return, success first, then in order of precedence.

use contract::{Code, Entry, Origin, pipeline};
use maud::{Markup, html};

use crate::portal::layout::{Frame, anchor, lang_of, said};

/// Codes that are shown before the rest is folded.
const SHOWN_MAX: usize = 10;

/// Codes, and how to get at the rest.
pub(super) fn section(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let words = frame.words();
    let success = Code::new("000_000", entry.spec.success_message, words.success)
        .http(200)
        .action(contract::Action::None);
    let (shown, folded) = match entry.errors.len() {
        count if count >= SHOWN_MAX => entry.errors.split_at(SHOWN_MAX - 1),
        _ => (entry.errors.as_slice(), &[][..]),
    };
    let shown: Vec<&Code> = std::iter::once(&success).chain(shown.iter().copied()).collect();
    html! {
        p { (words.codes_about) }
        (table(frame, &shown, words.response_codes))
        @if !folded.is_empty() {
            details.more {
                summary { (words.show_all) " (" (entry.errors.len() + 1) ")" }
                (table(frame, folded, words.show_all))
            }
        }
        (of_the_pipeline(frame))
    }
}

fn table(frame: &Frame<'_>, codes: &[&Code], name: &str) -> Markup {
    let words = frame.words();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.codes {
                thead {
                    tr {
                        th scope="col" { "HTTP, " (words.code) }
                        th scope="col" { (words.message) }
                        th scope="col" { (words.meaning) }
                        th scope="col" { (words.what_to_do) }
                    }
                }
                tbody { @for code in codes { (row(frame, code)) } }
            }
        }
    }
}

fn row(frame: &Frame<'_>, code: &Code) -> Markup {
    let words = frame.words();
    let id = format!("code-{}", code.code);
    let class = if code.http < 300 { "ok" } else { "refused" };
    html! {
        tr #(id) {
            th scope="row" data-label=(words.code) {
                span.status.(class) { (code.http) } " "
                code { (code.code) } (anchor(frame, &id, code.code)) (origin(frame, Some(code)))
            }
            td data-label=(words.message) { (said(frame, code.message)) }
            td data-label=(words.meaning) lang=[lang_of(frame, code.meaning)] { (code.meaning) }
            td data-label=(words.what_to_do) { (words.advice(code.action)) }
        }
    }
}

/// A mark where the code, or its use here, is the platform's own choice.
pub(in crate::portal) fn origin(frame: &Frame<'_>, code: Option<&Code>) -> Markup {
    let words = frame.words();
    let mark = match code.map(|code| code.origin) {
        None | Some(Origin::Documented) => return Markup::default(),
        Some(Origin::AssignedUse) => words.assigned_use,
        Some(Origin::Assigned) => words.assigned,
    };
    html! { " " span.badge.assigned { (mark) } }
}

fn of_the_pipeline(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let errors = frame.path("/errors");
    html! {
        details.pipeline {
            summary { (words.pipeline) " (000_9xx, " (pipeline::ALL.len()) ")" }
            p { (words.pipeline_about) }
            ul {
                @for code in pipeline::ALL {
                    li {
                        a href={ (errors) "#code-" (code.code) } { code { (code.code) } }
                        " " span.status { (code.http) } " " (said(frame, code.message))
                    }
                }
            }
        }
    }
}

//! The first page: what this is, how to begin, and every operation.

use contract::Entry;
use maud::{Markup, html};

use super::Mode;
use super::coverage;
use super::layout::{self, Frame, Page, guide_path, lang_of, operation_path, said};
use crate::op::Operation;
use crate::ops::prepaid_card::reissue::Reissue;

fn body(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    html! {
        main.home #main tabindex="-1" {
            h1 { (words.promise) }
            p.lead { (words.promise_more) }
            @match frame.mode {
                Mode::Sandbox => (begin(frame)),
                Mode::Production => {},
            }
            section #guides {
                h2 { (words.guides) }
                ul.cards {
                    @for guide in frame.guides {
                        li {
                            a href=(frame.path(&guide_path(guide.name))) {
                                strong { (guide.title) }
                                span { (guide.summary) }
                            }
                        }
                    }
                }
            }
            section #operations {
                h2 { (words.operations) }
                p { (coverage::sentence(frame)) " " a href=(frame.path("/coverage")) {
                    (words.coverage)
                } }
                @for (group, entries) in frame.groups() {
                    h3 lang=[lang_of(frame, group)] { (group) }
                    ul.operations { @for entry in entries { (operation(frame, entry)) } }
                }
            }
        }
    }
}

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let (title, description) = (words.developers, words.promise_more);
    let body = body(frame);
    layout::page(frame, Page { title, description, path: "/", scripts: &[], body })
}

fn begin(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let first = frame.entries().find(|entry| entry.spec.id == Reissue::SPEC.id);
    let first = first.and_then(|entry| Some((entry.spec.id, entry.scenarios.first()?)));
    html! {
        section.begin #begin {
            h2 { (words.begin) }
            @if let Some((id, scenario)) = first {
                p { (words.begin_start) }
                pre tabindex="0" data-copy { code { "platen sandbox" } }
                p { (words.begin_call) }
                pre tabindex="0" data-copy {
                    code { "platen call " (id) " --scenario " (scenario.name) }
                }
            }
            p {
                a.button href=(frame.path("/guides/first-call")) { (words.begin_guide) }
            }
        }
    }
}

fn operation(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let spec = entry.spec;
    html! {
        li {
            a href=(frame.path(&operation_path(entry))) { (said(frame, spec.title)) }
            p.endpoint { span.method { "POST" } " " code { (spec.path) } }
            p.about lang=[lang_of(frame, spec.about)] { (spec.about) }
        }
    }
}

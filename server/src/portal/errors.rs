//! Every code of every operation and of the pipeline, by code.

use std::collections::BTreeMap;

use contract::{Code, Entry, pipeline};
use maud::{Markup, html};

use super::layout::{self, Frame, Page, anchor, lang_of, operation_path, said};
use super::operation::codes;

/// A code as the operations use it that give it one message and one meaning.
struct Use<'a> {
    code: &'a Code,
    entries: Vec<&'a Entry>,
}

/// Codes that begin alike are of one class.
type Classes<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<Use<'a>>>>;

fn classes<'a>(frame: &Frame<'a>) -> Classes<'a> {
    let mut classes = Classes::new();
    for entry in frame.entries() {
        for code in &entry.errors {
            let class = classes.entry(class_of(code.code)).or_default();
            let uses = class.entry(code.code).or_default();
            match uses.iter_mut().find(|other| is_same(other.code, code)) {
                Some(other) => other.entries.push(entry),
                None => uses.push(Use { code, entries: vec![entry] }),
            }
        }
    }
    classes
}

/// Whether a reader would read the same of both.
fn is_same(one: &Code, other: &Code) -> bool {
    let Code { http, message, meaning, action, .. } = *one;
    (http, message, meaning, action) == (other.http, other.message, other.meaning, other.action)
}

fn class_of(code: &str) -> &str {
    code.split('_').next().unwrap_or(code)
}

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.errors) }
            p.lead { (words.errors_about) }
            p { a href=(frame.path("/guides/errors")) { (words.errors_guide) } }
            @for (class, codes) in classes(frame) { (class_section(frame, class, &codes)) }
            (of_the_pipeline(frame))
        }
    };
    let (title, description) = (words.errors, words.errors_about);
    layout::page(frame, Page { title, description, path: "/errors", scripts: &[], body })
}

fn class_section(frame: &Frame<'_>, class: &str, all: &BTreeMap<&str, Vec<Use<'_>>>) -> Markup {
    let id = format!("class-{class}");
    let name = frame.words().class_of(class);
    html! {
        section #(id) {
            h2 { (class) " · " (name) (anchor(frame, &id, class)) }
            @for (code, uses) in all {
                article.code #{ "code-" (code) } {
                    h3 { code { (code) } (anchor(frame, &format!("code-{code}"), code)) }
                    @for each in uses { (one_use(frame, each)) }
                }
            }
        }
    }
}

fn one_use(frame: &Frame<'_>, each: &Use<'_>) -> Markup {
    let words = frame.words();
    html! {
        (described(frame, each.code))
        p.returned-by {
            (words.returned_by) " "
            @for (index, entry) in each.entries.iter().enumerate() {
                @if index > 0 { ", " }
                @let page = frame.path(&operation_path(entry));
                a href={ (page) "#code-" (each.code.code) } { (said(frame, entry.spec.title)) }
                @let own = entry.errors.iter().find(|code| code.code == each.code.code);
                (codes::origin(frame, own.copied()))
            }
        }
    }
}

fn of_the_pipeline(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    html! {
        section #pipeline {
            h2 { "000_9xx · " (words.pipeline) (anchor(frame, "pipeline", words.pipeline)) }
            p { (words.pipeline_about) }
            @for code in pipeline::ALL {
                article.code #{ "code-" (code.code) } {
                    @let id = format!("code-{}", code.code);
                    h3 { code { (code.code) } (anchor(frame, &id, code.code)) }
                    (described(frame, code))
                }
            }
        }
    }
}

fn described(frame: &Frame<'_>, code: &Code) -> Markup {
    let words = frame.words();
    html! {
        p.message { span.status { "HTTP " (code.http) } " " q lang=[lang_of(frame, code.message)] {
            (code.message)
        } }
        p.meaning lang=[lang_of(frame, code.meaning)] { (code.meaning) }
        p.advice { strong { (words.what_to_do) ":" } " " (words.advice(code.action)) }
    }
}

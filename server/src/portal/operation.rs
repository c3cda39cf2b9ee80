//! The page of an operation, a file a section.

pub(super) mod codes;
mod fields;
mod header;
mod headers;
mod samples;
mod test_data;

use maud::{Markup, html};
use serde_json::Value;

use super::layout::{self, Frame, Page, anchor};
use super::{Mode, Subject, life};

/// A section of the page: its id, its title, what is in it.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// The page.
pub(super) fn page(frame: &Frame<'_>, subject: &Subject) -> String {
    let spec = subject.entry.spec;
    let sections = sections(frame, subject);
    let body = html! {
        main #main tabindex="-1" data-operation=(spec.id) data-path=(spec.path)
            data-request-encrypted=(spec.request_encrypted)
            data-response-encrypted=(spec.response_encrypted) {
            article.operation {
                (header::head(frame, &subject.entry))
                (contents(frame, &sections))
                @for section in &sections { (show(frame, section)) }
            }
            (call(frame, subject))
        }
    };
    let scripts: &[&str] = match frame.mode {
        Mode::Sandbox => &["try-it.js"],
        Mode::Production => &[],
    };
    let path = layout::operation_path(&subject.entry);
    let page = Page { title: spec.title, description: spec.about, path: &path, scripts, body };
    layout::page(frame, page)
}

fn sections(frame: &Frame<'_>, subject: &Subject) -> Vec<Section> {
    let words = frame.words();
    let Subject { entry, changes } = subject;
    let spec = entry.spec;
    let section = |id, title, body| Section { id, title, body };
    let mut all = vec![
        section("request-headers", words.request_headers, headers::request(frame)),
        section(
            "request-parameters",
            words.request_parameters,
            fields::tree(frame, &fields::REQUEST, &entry.request, spec.request_encrypted),
        ),
        section("response-headers", words.response_headers, headers::response(frame)),
        section(
            "response-parameters",
            words.response_parameters,
            fields::tree(frame, &fields::RESPONSE, &entry.response, spec.response_encrypted),
        ),
        section("response-codes", words.response_codes, codes::section(frame, entry)),
    ];
    if !entry.scenarios.is_empty() {
        all.push(section("test-data", words.test_data, test_data::section(frame, entry)));
    }
    all.extend(life::of(frame, changes).map(|body| section("life", words.life, body)));
    all
}

fn contents(frame: &Frame<'_>, sections: &[Section]) -> Markup {
    html! {
        nav.contents aria-label=(frame.words().on_this_page) {
            ul {
                @for section in sections {
                    li { a href={ "#" (section.id) } { (section.title) } }
                }
            }
        }
    }
}

fn show(frame: &Frame<'_>, section: &Section) -> Markup {
    html! {
        section #(section.id) {
            h2 { (section.title) (anchor(frame, section.id, section.title)) }
            (section.body)
        }
    }
}

/// What stands beside the text: the call to be tried, and the code of it.
fn call(frame: &Frame<'_>, subject: &Subject) -> Markup {
    let words = frame.words();
    match frame.mode {
        Mode::Production => Markup::default(),
        Mode::Sandbox => html! {
            aside.call aria-label=(words.call) {
                noscript { p.note { (words.try_needs_script) } }
                section #try-it hidden data-try-it {}
                (samples::section(frame, &subject.entry))
                script #scenarios type="application/json" {
                    (layout::data(&Value::from(subject.entry.scenarios_json()).to_string()))
                }
            }
        },
    }
}

//! What the search box looks through: a small index that the browser keeps.

use contract::{Field, headers, pipeline};
use serde_json::{Value, json};

use super::lang::Lang;
use super::layout::{Frame, guide_path, operation_path};

/// The address of a language's index.
pub(super) fn address(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "/search.en.json",
        Lang::Ko => "/search.ko.json",
    }
}

/// An array of what can be found: kind, title, text and address.
pub(super) fn index(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let mut found = Vec::new();
    for entry in frame.entries() {
        let page = frame.path(&operation_path(entry));
        let spec = entry.spec;
        let text = format!("{} {} {}", spec.id, spec.path, spec.about);
        found.push(item("operation", spec.title, &text, &page));
        found.extend(fields(&page, "request", spec.title, &entry.request));
        found.extend(fields(&page, "response", spec.title, &entry.response));
        for code in &entry.errors {
            let title = format!("{} {}", code.code, code.message);
            let text = format!("{} · {}", spec.title, code.meaning);
            found.push(item("code", &title, &text, &format!("{page}#code-{}", code.code)));
        }
    }
    let errors = frame.path("/errors");
    for code in pipeline::ALL {
        let title = format!("{} {}", code.code, code.message);
        found.push(item("code", &title, code.meaning, &format!("{errors}#code-{}", code.code)));
    }
    if let Some(first) = frame.entries().next() {
        let page = frame.path(&operation_path(first));
        for header in headers::REQUEST {
            let address = format!("{page}#header-{}", header.name);
            found.push(item("header", header.name, header.doc, &address));
        }
    }
    for guide in frame.guides {
        let address = frame.path(&guide_path(guide.name));
        found.push(item("guide", guide.title, guide.summary, &address));
    }
    for (path, title, text) in [
        ("/errors", words.errors, words.errors_about),
        ("/coverage", words.coverage, words.coverage_about),
        ("/changelog", words.changelog, words.changelog_about),
    ] {
        found.push(item("page", title, text, &frame.path(path)));
    }
    Value::from(found).to_string()
}

fn fields(page: &str, direction: &str, of: &str, fields: &[Field]) -> Vec<Value> {
    let one = |field: &Field| {
        let text = format!("{of} · {}", field.doc);
        item("field", &field.path, &text, &format!("{page}#{direction}-{}", field.id()))
    };
    fields.iter().map(one).collect()
}

fn item(kind: &str, title: &str, text: &str, url: &str) -> Value {
    json!({ "kind": kind, "title": title, "text": text, "url": url })
}

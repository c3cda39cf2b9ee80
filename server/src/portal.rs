//! The developer portal: pages made from the registry alone. Every page is rendered and compressed
//! once, at start; serving one is a look-up.

mod assets;
mod changelog;
mod coverage;
mod errors;
pub mod guides;
mod home;
pub mod lang;
mod layout;
mod life;
pub mod llms;
mod log;
pub mod markdown;
mod operation;
pub mod postman;
mod reply;
pub mod samples;
mod search;

use std::collections::HashMap;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use contract::{Entry, Registry};

use crate::op::Changes;
use crate::ops::{BASE, Operations};
use guides::Guide;
use lang::Lang;
use layout::Frame;
use reply::{Age, Document, Kind};

pub use coverage::{EXTENSIONS, Title, titles};

/// Whose portal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A sandbox's: calls can be tried, and examples show its data.
    Sandbox,
    /// A production server's: nothing of a sandbox is in it.
    Production,
}

/// An operation as its page shows it.
struct Subject {
    /// Its definition; without examples where they would show a sandbox's data.
    entry: Entry,
    /// Which transitions it can bring about.
    changes: Changes,
}

/// All pages, by their addresses.
pub struct Pages {
    documents: HashMap<String, Document>,
    not_found: [(Lang, Document); 2],
}

impl Pages {
    /// Renders all pages.
    pub fn render(operations: &Operations, mode: Mode) -> Self {
        let subjects: Vec<Subject> =
            operations.handlers().iter().map(|handler| Subject::new(handler, mode)).collect();
        let registry = operations.registry();
        let guides = Lang::ALL.map(|lang| (lang, guides::all(lang, registry)));
        let frames = guides.each_ref().map(|(lang, guides)| Frame {
            lang: *lang,
            mode,
            subjects: &subjects,
            guides,
        });
        let mut documents = HashMap::new();
        for frame in &frames {
            add_pages(&mut documents, frame, registry);
            put(&mut documents, search::address(frame.lang), Kind::Json, search::index(frame));
        }
        let [english, _] = &frames;
        add_texts(&mut documents, english, registry);
        for asset in assets::all() {
            let address = format!("/assets/{}", asset.name);
            let document = Document::new(asset.kind, asset.body.clone(), Age::Versioned);
            documents.insert(address, document);
        }
        let not_found = frames.each_ref().map(|frame| {
            (frame.lang, Document::new(Kind::Html, layout::not_found(frame), Age::Checked))
        });
        Pages { documents, not_found }
    }

    /// The addresses of all pages and files.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// Answers what asks for a page; `None` where it is not for the portal: a call, or another
    /// method than GET and HEAD.
    pub fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        let path = uri.path();
        if !(method == Method::GET || method == Method::HEAD) || is_of_the_api(path) {
            return None;
        }
        if let Some(document) = self.documents.get(path) {
            return Some(document.answer(StatusCode::OK, uri.query(), headers));
        }
        if let Some(other) = self.with_other_ending(path) {
            let to = [(header::LOCATION, other)];
            return Some((StatusCode::PERMANENT_REDIRECT, to).into_response());
        }
        let lang = Lang::of_path(path);
        let page = self.not_found.iter().find(|(of, _)| *of == lang);
        page.map(|(_, document)| document.answer(StatusCode::NOT_FOUND, None, headers))
    }

    /// The page that is meant where a slash at the end is missing or too many.
    fn with_other_ending(&self, path: &str) -> Option<String> {
        let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
        self.documents.contains_key(&other).then_some(other)
    }
}

impl Subject {
    fn new(handler: &crate::op::Handler, mode: Mode) -> Self {
        let mut entry = handler.entry.clone();
        match mode {
            Mode::Sandbox => {}
            Mode::Production => entry.scenarios.clear(),
        }
        Subject { entry, changes: handler.changes }
    }
}

/// Whether a path is one of calls, which the pipeline answers whatever the method.
fn is_of_the_api(path: &str) -> bool {
    let bare = path.strip_prefix(BASE).unwrap_or(path);
    let rest = bare.strip_prefix("/api/v").or_else(|| bare.strip_prefix("/platen/v"));
    let version = rest.and_then(|rest| rest.chars().next());
    bare.len() < path.len()
        || version.is_some_and(|digit| digit.is_ascii_digit())
        || path.starts_with("/sandbox/")
}

fn put(documents: &mut HashMap<String, Document>, address: &str, kind: Kind, text: String) {
    documents.insert(address.to_owned(), Document::new(kind, text, Age::Checked));
}

fn add_pages(documents: &mut HashMap<String, Document>, frame: &Frame<'_>, registry: &Registry) {
    let mut add = |path: &str, html: String| {
        put(documents, &frame.lang.path(path), Kind::Html, html);
    };
    add("/", home::page(frame));
    for subject in frame.subjects {
        add(&layout::operation_path(&subject.entry), operation::page(frame, subject));
    }
    for guide in frame.guides {
        add(&layout::guide_path(guide.name), guide_page(frame, guide));
    }
    add("/errors", errors::page(frame));
    add("/coverage", coverage::page(frame));
    add("/changelog", changelog::page(frame, registry));
    add("/log", log::page(frame));
}

fn guide_page(frame: &Frame<'_>, guide: &Guide) -> String {
    let body = maud::html! {
        main #main tabindex="-1" {
            article.guide {
                h1 { (guide.title) }
                p.lead { (guide.summary) }
                (guide.body)
            }
        }
    };
    let page = layout::Page {
        title: guide.title,
        description: guide.summary,
        path: &layout::guide_path(guide.name),
        scripts: &[],
        body,
    };
    layout::page(frame, page)
}

/// What is for machines, the same in every language.
fn add_texts(documents: &mut HashMap<String, Document>, frame: &Frame<'_>, registry: &Registry) {
    for Subject { entry, .. } in frame.subjects {
        let text = markdown::page(entry);
        for lang in Lang::ALL {
            let address = lang.path(&format!("{}.md", layout::operation_path(entry)));
            put(documents, &address, Kind::Markdown, text.clone());
        }
    }
    put(documents, "/llms.txt", Kind::Text, llms::text(registry, frame.guides));
    match frame.mode {
        Mode::Sandbox => {
            let collection = postman::collection(registry).to_string();
            put(documents, "/postman.json", Kind::Json, collection);
        }
        Mode::Production => {}
    }
}

//! The frame of every page: head, top bar, navigation, footer.

use contract::Entry;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::guides::Guide;
use super::lang::{Lang, Words};
use super::{Mode, Subject, assets, search};

/// What all pages of a language share.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// The language.
    pub(super) lang: Lang,
    /// Whose portal it is.
    pub(super) mode: Mode,
    /// All operations, in the order of the navigation.
    pub(super) subjects: &'a [Subject],
    /// All guides, in the order in which they are read.
    pub(super) guides: &'a [Guide],
}

/// A page.
pub(super) struct Page<'a> {
    /// Its title, without the portal's name.
    pub(super) title: &'a str,
    /// What it is about, for search engines.
    pub(super) description: &'a str,
    /// Its address, without the language; empty where it has none of its own.
    pub(super) path: &'a str,
    /// The modules that it loads beside those of every page.
    pub(super) scripts: &'a [&'a str],
    /// Its `main`.
    pub(super) body: Markup,
}

impl Page<'_> {
    /// Where it is, or the first page.
    fn address(&self, lang: Lang) -> String {
        lang.path(if self.path.is_empty() { "/" } else { self.path })
    }
}

/// The modules of every page.
const SCRIPTS: [&str; 2] = ["page.js", "search.js"];

impl<'a> Frame<'a> {
    /// The portal's own words.
    pub(super) fn words(&self) -> &'static Words {
        self.lang.words()
    }

    /// The address of a page in this language.
    pub(super) fn path(&self, path: &str) -> String {
        self.lang.path(path)
    }

    /// The operations by the groups of the navigation, both in its order.
    pub(super) fn groups(&self) -> Vec<(&'static str, Vec<&'a Entry>)> {
        let mut groups: Vec<(&str, Vec<&Entry>)> = Vec::new();
        for Subject { entry, .. } in self.subjects {
            let group = entry.spec.group;
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, entries)) => entries.push(entry),
                None => groups.push((group, vec![entry])),
            }
        }
        groups
    }

    /// The definitions of all operations.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.subjects.iter().map(|subject| &subject.entry)
    }
}

/// The address of an operation's page, without the language.
pub(super) fn operation_path(entry: &Entry) -> String {
    format!("/api/{}", entry.spec.id)
}

/// The address of a guide, without the language.
pub(super) fn guide_path(name: &str) -> String {
    format!("/guides/{name}")
}

/// A whole page.
pub(super) fn page(frame: &Frame<'_>, page: Page<'_>) -> String {
    let words = frame.words();
    let markup = html! {
        (DOCTYPE)
        html lang=(frame.lang.code()) data-theme="auto" {
            (head(&page))
            body {
                a.skip href="#main" { (words.skip) }
                (top(frame, &page))
                div.frame {
                    details.menu { summary { (words.menu) } }
                    (navigation(frame, page.path))
                    (page.body)
                }
                (footer(frame))
                script #words type="application/json" { (data(frame.lang.of(assets::WORDS))) }
            }
        }
    };
    markup.into_string()
}

/// JSON within a page: nothing in it can end the element.
pub(super) fn data(json: &str) -> PreEscaped<String> {
    PreEscaped(json.replace('<', "\\u003c"))
}

/// A link to the place that it stands at, seen where it is pointed at or focused.
pub(super) fn anchor(frame: &Frame<'_>, id: &str, name: &str) -> Markup {
    let label = format!("{}: {name}", frame.words().link_to);
    html! { a.anchor href={ "#" (id) } aria-label=(label) { "#" } }
}

/// The language of a text that is not in the page's.
pub(super) fn lang_of(frame: &Frame<'_>, text: &str) -> Option<&'static str> {
    let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
    let lang = if text.chars().any(is_hangul) { Lang::Ko } else { Lang::En };
    (lang != frame.lang).then(|| lang.code())
}

/// A paragraph's text with the language that it is in.
pub(super) fn said(frame: &Frame<'_>, text: &str) -> Markup {
    match lang_of(frame, text) {
        None => html! { (text) },
        Some(lang) => html! { span lang=(lang) { (text) } },
    }
}

fn head(page: &Page<'_>) -> Markup {
    let title = format!("{} · platen", page.title);
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            meta name="description" content=(page.description);
            link rel="icon" type="image/svg+xml" href=(assets::url("icon.svg"));
            script src=(assets::url("theme.js")) {}
            link rel="stylesheet" href=(assets::url("style.css"));
            @for lang in Lang::ALL {
                link rel="alternate" hreflang=(lang.code()) href=(page.address(lang));
            }
            @for script in SCRIPTS.iter().chain(page.scripts) {
                script type="module" src=(assets::url(script)) {}
            }
        }
    }
}

fn top(frame: &Frame<'_>, page: &Page<'_>) -> Markup {
    let words = frame.words();
    let other = frame.lang.other();
    html! {
        header.top {
            a.brand href=(frame.path("/")) { "platen " span { (words.developers) } }
            div.search #search data-search=(search::address(frame.lang)) hidden {}
            div.switches {
                a.language lang=(other.code()) hreflang=(other.code())
                    href=(page.address(other)) { (other.name()) }
                button.theme type="button" data-theme-switch hidden { (words.theme) }
            }
        }
    }
}

fn navigation(frame: &Frame<'_>, current: &str) -> Markup {
    let words = frame.words();
    html! {
        nav.side aria-label=(words.navigation) {
            ul {
                (link(frame, current, "/", words.home))
                @match frame.mode {
                    Mode::Sandbox => (link(frame, current, "/log", words.log)),
                    Mode::Production => {},
                }
            }
            p.part { (words.guides) }
            ul {
                @for guide in frame.guides {
                    (link(frame, current, &guide_path(guide.name), guide.title))
                }
            }
            @for (group, entries) in frame.groups() {
                p.part lang=[lang_of(frame, group)] { (group) }
                ul {
                    @for entry in entries {
                        (link(frame, current, &operation_path(entry), entry.spec.title))
                    }
                }
            }
            p.part { (words.reference) }
            ul {
                (link(frame, current, "/errors", words.errors))
                (link(frame, current, "/coverage", words.coverage))
                (link(frame, current, "/changelog", words.changelog))
            }
        }
    }
}

fn link(frame: &Frame<'_>, current: &str, path: &str, title: &str) -> Markup {
    let is_current = (path == current).then_some("page");
    html! {
        li { a href=(frame.path(path)) aria-current=[is_current] { (said(frame, title)) } }
    }
}

fn footer(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    html! {
        footer {
            p { (words.for_machines) }
            ul {
                li { a href="/openapi.json" { "OpenAPI 3.1" } }
                @match frame.mode {
                    Mode::Sandbox => li { a href="/postman.json" { "Postman" } },
                    Mode::Production => {},
                }
                li { a href="/llms.txt" { "llms.txt" } }
            }
        }
    }
}

/// The page of an address at which nothing is.
pub(super) fn not_found(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.not_found) }
            p { (words.not_found_help) }
            p { a href=(frame.path("/")) { (words.home) } }
        }
    };
    let title = words.not_found;
    page(frame, Page { title, description: title, path: "", scripts: &[], body })
}

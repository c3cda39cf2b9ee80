//! How a guide is written: its structure once, its words as pairs of English and Korean.
//!
//! Words have a little markup: `` `code` ``, `**strong**`, `[text](address)`, and `@000_902`, which
//! links a code to the error reference. Addresses within the portal are given without language.

use contract::{Entry, Registry, Scenario};
use maud::{Markup, html};

use crate::ops::BASE;
use crate::portal::lang::Lang;

/// Words in English and in Korean.
pub(super) type Both<'a> = (&'a str, &'a str);

/// Characters of a code: `NNN_NNN`.
const CODE_CHARS: usize = 7;
/// Addresses that are the same in every language.
const FOR_MACHINES: [&str; 5] =
    ["/openapi.json", "/postman.json", "/llms.txt", "/healthz", "/readyz"];

/// Makes a correlation id, in a shell.
pub(super) const NEW_ID: &str = "ID=$(date -u +%y%m%d%H%M%S)-$(openssl rand -hex 4 | cut -c1-7)";

/// What a guide is written with.
pub(super) struct Writer<'a> {
    /// The language.
    pub(super) lang: Lang,
    /// All operations.
    pub(super) registry: &'a Registry,
    /// The operation of the examples.
    pub(super) entry: &'a Entry,
    /// The scenario of the examples.
    pub(super) scenario: &'a Scenario,
    /// The scenario's request, as it is sent.
    pub(super) request: String,
}

impl<'a> Writer<'a> {
    /// Takes the registry's first operation and scenario for the examples.
    pub(super) fn new(lang: Lang, registry: &'a Registry) -> Option<Self> {
        let entry = registry.entries().first()?;
        let scenario = entry.scenarios.first()?;
        let request = scenario.request.to_string();
        Some(Writer { lang, registry, entry, scenario, request })
    }

    /// The words of the language, without markup.
    pub(super) fn word<'w>(&self, words: Both<'w>) -> &'w str {
        match self.lang {
            Lang::En => words.0,
            Lang::Ko => words.1,
        }
    }

    /// Words with their markup.
    pub(super) fn say(&self, words: Both<'_>) -> Markup {
        inline(self.lang, self.word(words))
    }

    /// A paragraph.
    pub(super) fn p(&self, words: Both<'_>) -> Markup {
        html! { p { (self.say(words)) } }
    }

    /// A remark that must not be passed over.
    pub(super) fn note(&self, words: Both<'_>) -> Markup {
        html! { p.note { (self.say(words)) } }
    }

    /// A section, by which it can be linked to.
    pub(super) fn section(&self, id: &str, title: Both<'_>, body: Markup) -> Markup {
        html! { section id=(id) { h2 { (self.word(title)) } (body) } }
    }

    /// Points in no order.
    pub(super) fn list(&self, items: &[Both<'_>]) -> Markup {
        html! { ul { @for item in items { li { (self.say(*item)) } } } }
    }

    /// Steps in their order.
    pub(super) fn steps(&self, items: &[Both<'_>]) -> Markup {
        html! { ol { @for item in items { li { (self.say(*item)) } } } }
    }

    /// A table.
    pub(super) fn table(&self, heads: &[Both<'_>], rows: &[Vec<Markup>]) -> Markup {
        let label: Vec<&str> = heads.iter().map(|head| self.word(*head)).collect();
        html! {
            div.scroll tabindex="0" role="group" aria-label=(label.join(", ")) {
                table {
                    thead { tr { @for head in heads { th scope="col" { (self.word(*head)) } } } }
                    tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
                }
            }
        }
    }

    /// A table of words alone.
    pub(super) fn table_of(&self, heads: &[Both<'_>], rows: &[&[Both<'_>]]) -> Markup {
        let cells = |row: &&[Both<'_>]| row.iter().map(|cell| self.say(*cell)).collect();
        self.table(heads, &rows.iter().map(cells).collect::<Vec<Vec<Markup>>>())
    }

    /// A code, linked to the error reference.
    pub(super) fn code(&self, code: &str) -> Markup {
        let address = self.lang.path(&format!("/errors#code-{code}"));
        html! { a href=(address) { code { (code) } } }
    }

    /// Where the operation of the examples is called.
    pub(super) fn path(&self) -> String {
        format!("{BASE}{}", self.entry.spec.path)
    }

    /// Id of the operation of the examples, and name of their scenario.
    pub(super) fn names(&self) -> (&'static str, &'static str) {
        (self.entry.spec.id, self.scenario.name)
    }
}

/// Text to be copied: commands (`sh`), a program or a message.
pub(super) fn block(language: &str, text: &str) -> Markup {
    html! { pre tabindex="0" data-copy { code class={ "language-" (language) } { (text) } } }
}

/// A word of code.
pub(super) fn mono(text: &str) -> Markup {
    html! { code { (text) } }
}

/// Renders the markup of words.
pub(super) fn inline(lang: Lang, text: &str) -> Markup {
    let Some(at) = text.find(['`', '*', '[', '@']) else { return html! { (text) } };
    let (before, rest) = text.split_at(at);
    let (marked, after) = marked(lang, rest);
    html! { (before) (marked) (inline(lang, after)) }
}

/// What the text begins with, and the rest. A mark that marks nothing stands for itself.
fn marked(lang: Lang, text: &str) -> (Markup, &str) {
    let between = |open: &str, close: &str| text.strip_prefix(open)?.split_once(close);
    if let Some((code, after)) = between("`", "`") {
        return (mono(code), after);
    }
    if let Some((strong, after)) = between("**", "**") {
        return (html! { strong { (inline(lang, strong)) } }, after);
    }
    if let Some((name, rest)) = between("[", "](")
        && let Some((address, after)) = rest.split_once(')')
    {
        let address = localized(lang, address);
        return (html! { a href=(address) { (inline(lang, name)) } }, after);
    }
    if let Some(rest) = text.strip_prefix('@')
        && let Some((code, after)) = rest.split_at_checked(CODE_CHARS)
        && code.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        let address = localized(lang, &format!("/errors#code-{code}"));
        return (html! { a href=(address) { code { (code) } } }, after);
    }
    let (first, after) = text.split_at_checked(1).unwrap_or((text, ""));
    (html! { (first) }, after)
}

fn localized(lang: Lang, address: &str) -> String {
    if address.starts_with('/') && !FOR_MACHINES.contains(&address) {
        lang.path(address)
    } else {
        address.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(inline(Lang::Ko, text).into_string(), expect);
    }

    #[test]
    fn marks_become_html() {
        check("a `b<c` **d**", "a <code>b&lt;c</code> <strong>d</strong>");
        check("[`x` y](/errors)", "<a href=\"/ko/errors\"><code>x</code> y</a>");
        check("[x](#y)[z](/openapi.json)", "<a href=\"#y\">x</a><a href=\"/openapi.json\">z</a>");
        check("@000_902은", "<a href=\"/ko/errors#code-000_902\"><code>000_902</code></a>은");
    }

    #[test]
    fn a_mark_that_marks_nothing_stands_for_itself() {
        for text in ["`", "a * b", "[1] (2)", "@", "me@host", "@000", "@카드카드카드", "**"] {
            check(text, text);
        }
    }
}

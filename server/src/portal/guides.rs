//! The guides.

use contract::Registry;
use maud::Markup;

use super::lang::Lang;

/// A guide in one language.
pub struct Guide {
    /// Its name in addresses: `/guides/{name}`.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// Its sections.
    pub body: Markup,
}

/// All guides, in the order in which they are read.
pub fn all(_: Lang, _: &Registry) -> Vec<Guide> {
    let names = ["first-call", "token", "encryption", "errors"];
    let guide = |name| Guide { name, title: name, summary: name, body: Markup::default() };
    names.into_iter().map(guide).collect()
}

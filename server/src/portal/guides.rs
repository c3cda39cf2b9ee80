//! The guides. Each is written once, with its words in both languages side by side; what the code
//! decides (headers, codes, limits, lengths, signatures) is taken from it when a page is rendered.

mod changelog;
mod credentials;
mod encryption;
mod errors;
mod events;
mod examples;
mod first_call;
mod headers;
mod idempotency;
mod jwe_mistakes;
mod production;
mod sandbox;
mod token;
mod writer;

pub use changelog::changelog;
use contract::Registry;
use maud::Markup;

use super::lang::Lang;
use writer::Writer;

/// A guide in one language.
pub struct Guide {
    /// Its name in addresses: `/guides/{name}`.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// Its sections, each with a heading of the second level and an id.
    pub body: Markup,
}

/// A guide in both languages.
struct Draft {
    name: &'static str,
    title: (&'static str, &'static str),
    summary: (&'static str, &'static str),
    body: fn(&Writer<'_>) -> Markup,
}

/// In the order in which they are read.
const DRAFTS: [Draft; 10] = [
    first_call::DRAFT,
    headers::DRAFT,
    token::DRAFT,
    encryption::DRAFT,
    errors::DRAFT,
    idempotency::DRAFT,
    events::DRAFT,
    sandbox::DRAFT,
    credentials::DRAFT,
    production::DRAFT,
];

/// All guides, in the order in which they are read. The examples are those of the registry's first
/// operation: without one there are no guides.
pub fn all(lang: Lang, registry: &Registry) -> Vec<Guide> {
    let Some(writer) = Writer::new(lang, registry) else { return Vec::new() };
    let guide = |draft: &Draft| Guide {
        name: draft.name,
        title: writer.word(draft.title),
        summary: writer.word(draft.summary),
        body: (draft.body)(&writer),
    };
    DRAFTS.iter().map(guide).collect()
}

#[cfg(test)]
mod tests;

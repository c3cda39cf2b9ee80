//! What was added to the API and what changed in it.

use contract::Registry;
use maud::html;

use super::guides;
use super::layout::{self, Frame, Page};

/// The page.
pub(super) fn page(frame: &Frame<'_>, registry: &Registry) -> String {
    let words = frame.words();
    let body = html! {
        main #main tabindex="-1" {
            article.guide {
                h1 { (words.changelog) }
                p.lead { (words.changelog_about) }
                (guides::changelog(frame.lang, registry))
            }
        }
    };
    let (title, description) = (words.changelog, words.changelog_about);
    layout::page(frame, Page { title, description, path: "/changelog", scripts: &[], body })
}

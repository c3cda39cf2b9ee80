//! The page of the sandbox's log of calls; its script fills it.

use maud::html;

use super::layout::{self, Frame, Page};

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.log) }
            p.lead { (words.log_about) }
            noscript { p.note { (words.log_needs_script) } }
            section #log data-log hidden {}
        }
    };
    let (title, description) = (words.log, words.log_about);
    layout::page(frame, Page { title, description, path: "/log", scripts: &["log.js"], body })
}

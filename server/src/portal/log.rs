//! The page of the sandbox's log of calls; its script fills it. Elsewhere it says where the log is.

use maud::html;

use super::Mode;
use super::layout::{self, Frame, Page};

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.log) }
            p.lead { (words.log_about) }
            @match frame.mode {
                Mode::Sandbox => {
                    noscript { p.note { (words.log_needs_script) } }
                    section #log data-log hidden {}
                }
                Mode::Production => p { (words.log_elsewhere) },
            }
        }
    };
    let scripts: &[&str] = match frame.mode {
        Mode::Sandbox => &["log.js"],
        Mode::Production => &[],
    };
    let (title, description) = (words.log, words.log_about);
    layout::page(frame, Page { title, description, path: "/log", scripts, body })
}

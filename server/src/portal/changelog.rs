//! What was added to the API and what changed in it.

use maud::html;

use super::lang::Both;
use super::layout::{self, Frame, Page, operation_path, said};

/// What came on a day.
struct Change {
    /// `yyyy-mm-dd`.
    date: &'static str,
    what: Both,
    /// The operations that it is about.
    operations: &'static [&'static str],
}

/// Newest first.
const CHANGES: &[Change] = &[
    Change {
        date: "2026-11-24",
        what: ("Added: inquiry of a card that is not registered yet.", "추가: 미등록 카드 조회"),
        operations: &["prepaid-card.unregistered-info"],
    },
    Change {
        date: "2026-11-22",
        what: (
            "Added: reissue of a lost card, and change of a card's state.",
            "추가: 분실 카드 재발급, 카드 상태 변경",
        ),
        operations: &["prepaid-card.reissue", "prepaid-card.state"],
    },
];

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let entry = |id: &&str| frame.entries().find(|entry| entry.spec.id == *id);
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.changelog) }
            p.lead { (words.changelog_about) }
            p { (words.changelog_order) }
            @for change in CHANGES {
                section #{ "changed-" (change.date) } {
                    h2 { time datetime=(change.date) { (change.date) } }
                    p { (frame.lang.of(change.what)) }
                    ul {
                        @for entry in change.operations.iter().filter_map(entry) {
                            li {
                                a href=(frame.path(&operation_path(entry))) {
                                    (said(frame, entry.spec.title))
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    let (title, description) = (words.changelog, words.changelog_about);
    layout::page(frame, Page { title, description, path: "/changelog", scripts: &[], body })
}

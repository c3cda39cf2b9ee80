//! What of the reference works here: each of its titles, in its order.

use maud::{Markup, html};

use super::layout::{self, Frame, Page, lang_of, operation_path, said};

/// A title of the reference's navigation.
#[derive(Debug, Clone, Copy)]
pub struct Title {
    /// The group in which it stands.
    pub group: &'static str,
    /// The operation's id, built or not.
    pub id: &'static str,
    /// The title.
    pub title: &'static str,
    /// The id of an earlier title that is the same call.
    pub same_as: Option<&'static str>,
}

/// The group of what platen has beyond the reference: its operations are none of the titles.
pub const EXTENSIONS: &str = "platen extensions";

/// Group, id, title and the id that it is the same as, or `-`; one title a line.
const TITLES: &str = include_str!("coverage.tsv");

/// All titles, in the reference's order.
pub fn titles() -> impl Iterator<Item = Title> {
    TITLES.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let (group, id, title) = (cells.next()?, cells.next()?, cells.next()?);
        let same_as = cells.next().filter(|cell| *cell != "-");
        Some(Title { group, id, title, same_as })
    })
}

impl Title {
    /// The operation that answers it, where it is built.
    fn entry<'a>(&self, frame: &Frame<'a>) -> Option<&'a contract::Entry> {
        let id = self.same_as.unwrap_or(self.id);
        frame.entries().find(|entry| entry.spec.id == id)
    }
}

/// How many titles work, as a sentence.
pub(super) fn sentence(frame: &Frame<'_>) -> String {
    let (mut all, mut working) = (0_usize, 0_usize);
    for title in titles() {
        all += 1;
        working += usize::from(title.entry(frame).is_some());
    }
    let sentence = frame.words().coverage_count;
    sentence.replace("{all}", &all.to_string()).replace("{working}", &working.to_string())
}

/// The page.
pub(super) fn page(frame: &Frame<'_>) -> String {
    let words = frame.words();
    let mut groups: Vec<(&str, Vec<Title>)> = Vec::new();
    for title in titles() {
        match groups.last_mut() {
            Some((group, titles)) if *group == title.group => titles.push(title),
            Some(_) | None => groups.push((title.group, vec![title])),
        }
    }
    let body = html! {
        main #main tabindex="-1" {
            h1 { (words.coverage) }
            p.lead { (sentence(frame)) }
            p { (words.coverage_about) }
            @for (group, titles) in &groups { (group_section(frame, group, titles)) }
            (extensions(frame))
        }
    };
    let (title, description) = (words.coverage, words.coverage_about);
    layout::page(frame, Page { title, description, path: "/coverage", scripts: &[], body })
}

fn group_section(frame: &Frame<'_>, group: &str, titles: &[Title]) -> Markup {
    let words = frame.words();
    let id = format!("group-{}", group.to_lowercase().replace(' ', "-"));
    html! {
        section #(id) {
            h2 { span lang=[lang_of(frame, group)] { (group) } (layout::anchor(frame, &id, group)) }
            div.scroll tabindex="0" role="region" aria-label=(group) {
                table.coverage {
                    thead {
                        tr {
                            th scope="col" { (words.title) }
                            th scope="col" { (words.operation) }
                            th scope="col" { (words.here) }
                        }
                    }
                    tbody { @for title in titles { (row(frame, title)) } }
                }
            }
        }
    }
}

/// What is no title of the reference.
fn extensions(frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let id = "group-platen-extensions";
    html! {
        section #(id) {
            h2 {
                span lang=[lang_of(frame, EXTENSIONS)] { (EXTENSIONS) }
                (layout::anchor(frame, id, EXTENSIONS))
            }
            p { (words.extensions_about) }
            ul {
                @for entry in frame.entries().filter(|entry| entry.spec.group == EXTENSIONS) {
                    li {
                        a href=(frame.path(&operation_path(entry))) {
                            (said(frame, entry.spec.title))
                        }
                        " " code { (entry.spec.id) }
                    }
                }
            }
        }
    }
}

fn row(frame: &Frame<'_>, title: &Title) -> Markup {
    let words = frame.words();
    let entry = title.entry(frame);
    html! {
        tr class=[entry.map(|_| "works")] {
            th scope="row" { (said(frame, title.title)) }
            td { code { (title.id) } }
            td {
                @match entry {
                    Some(entry) => {
                        a href=(frame.path(&operation_path(entry))) { (words.works) }
                    }
                    None => (words.not_built),
                }
                @if let Some(same) = title.same_as {
                    " · " (words.same_as) " " code { (same) }
                }
            }
        }
    }
}

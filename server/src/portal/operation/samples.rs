//! Code to copy: the first example of the operation, in each language.

use contract::Entry;
use maud::{Markup, html};

use crate::portal::layout::{Frame, anchor};
use crate::portal::samples;

/// A tab a language; the tabs are radio buttons, so that they need no script.
pub(super) fn section(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let words = frame.words();
    let samples = entry.scenarios.first().map(|scenario| samples::of(entry, scenario));
    let samples = samples.unwrap_or_default();
    if samples.is_empty() {
        return Markup::default();
    }
    html! {
        section #code {
            h2 { (words.code_to_copy) (anchor(frame, "code", words.code_to_copy)) }
            p { (words.code_to_copy_about) }
            div.tabs role="group" aria-label=(words.code_to_copy) {
                @for (index, sample) in samples.iter().enumerate() {
                    @let id = format!("sample-{}", sample.language);
                    input type="radio" name="sample" id=(id) value=(sample.language)
                        checked[index == 0];
                    label for=(id) { (sample.label) }
                    div.panel {
                        p.file { code { (sample.file) } }
                        pre tabindex="0" data-copy {
                            code class={ "language-" (sample.language) } { (sample.code) }
                        }
                    }
                }
            }
        }
    }
}

//! Code to copy: the first example of the operation, in each language. A script puts the call that
//! is on the screen into its place.

use contract::Entry;
use maud::{Markup, html};
use serde_json::json;

use crate::portal::layout::{Frame, anchor};
use crate::portal::samples::{self, Sample};

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
                            code class={ "language-" (sample.language) } { (code(sample)) }
                        }
                    }
                }
            }
        }
    }
}

/// The program, with marks around what differs from call to call.
fn code(sample: &Sample) -> Markup {
    let Sample { code, scenario, body, indent, escapes, .. } = sample;
    html! {
        (code[..scenario.start])
        span data-title { (code[scenario.clone()]) }
        (code[scenario.end..body.start])
        span data-escapes=(json!(escapes)) data-indent=(indent) { (code[body.clone()]) }
        (code[body.end..])
    }
}

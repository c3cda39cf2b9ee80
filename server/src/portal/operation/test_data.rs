//! Test data: each scenario with its request and what is answered.

use contract::{Entry, Scenario};
use maud::{Markup, html};
use serde_json::Value;

use crate::portal::layout::{Frame, anchor, said};

/// All scenarios, each behind its title.
pub(super) fn section(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let answers = entry.scenarios_json();
    html! {
        p { (frame.words().test_data_about) }
        @for (scenario, told) in entry.scenarios.iter().zip(&answers) {
            (one(frame, scenario, &told["expect"]["response"]))
        }
    }
}

fn one(frame: &Frame<'_>, scenario: &Scenario, answer: &Value) -> Markup {
    let words = frame.words();
    let id = format!("scenario-{}", scenario.name);
    let class = if scenario.status < 300 { "ok" } else { "refused" };
    // The reference's titles begin with the status, which stands before them here.
    let title = scenario.title.strip_prefix(&format!("{} - ", scenario.status));
    let title = title.unwrap_or(scenario.title);
    html! {
        details.scenario #(id) data-scenario=(scenario.name) {
            summary {
                span.status.(class) { (scenario.status) } " "
                (said(frame, title)) " " code { (scenario.code) }
            }
            p { code { (scenario.name) } (anchor(frame, &id, scenario.name)) }
            p.part { (words.request) }
            (json(&scenario.request))
            p.part { (words.response) ": HTTP " (scenario.status) }
            (json(answer))
        }
    }
}

fn json(value: &Value) -> Markup {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    html! { pre tabindex="0" data-copy { code.language-json { (text) } } }
}

//! Code to copy: one call of one scenario, signed and encrypted for real, in several languages.
//!
//! One template a language, for every operation. In it a line `{{request}}`, `{{plain}}`,
//! `{{response}}`, `{{key}}` or `{{keyless}}` begins lines that stand where the request is
//! encrypted or in clear, where the response is encrypted, and where either is or neither;
//! `{{end}}` ends them. `{{title}}`, `{{scenario}}`, `{{path}}` and `{{body}}` are filled in.

use std::ops::Range;

use contract::{Entry, Scenario, Spec};
use serde_json::Value;

use crate::ops::BASE;

/// A program that makes one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its language, as an option or a part of an address names it.
    pub language: &'static str,
    /// Its language, as a reader knows it.
    pub label: &'static str,
    /// The file that it is to be saved as; its first lines say how it is run.
    pub file: &'static str,
    /// The program.
    pub code: String,
    /// Where in it the scenario is named.
    pub scenario: Range<usize>,
    /// Where in it the request stands.
    pub body: Range<usize>,
    /// What stands before each further line of the request.
    pub indent: String,
    /// What gives way in a request, and to what, in this order.
    pub escapes: &'static [(&'static str, &'static str)],
}

/// How a language writes a long text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literal {
    /// A text block: backslashes are doubled.
    TextBlock,
    /// Between back quotes, where `${` would begin an expression.
    Template,
    /// A raw string between three quotes.
    ThreeQuotes,
    /// A document within the script.
    Here,
}

struct Language {
    name: &'static str,
    label: &'static str,
    file: &'static str,
    template: &'static str,
    literal: Literal,
}

const ALL: [Language; 4] = [
    Language {
        name: "node",
        label: "Node",
        file: "call.mjs",
        template: include_str!("samples/call.mjs"),
        literal: Literal::Template,
    },
    Language {
        name: "java",
        label: "Java",
        file: "Call.java",
        template: include_str!("samples/Call.java"),
        literal: Literal::TextBlock,
    },
    Language {
        name: "python",
        label: "Python",
        file: "call.py",
        template: include_str!("samples/call.py"),
        literal: Literal::ThreeQuotes,
    },
    Language {
        name: "curl",
        label: "curl",
        file: "call.sh",
        template: include_str!("samples/call.sh"),
        literal: Literal::Here,
    },
];

/// The languages, by the names that [`Sample::language`] has.
pub fn languages() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|language| language.name)
}

/// The scenario's call in every language.
pub fn of(entry: &Entry, scenario: &Scenario) -> Vec<Sample> {
    ALL.iter().map(|language| render(language, entry.spec, scenario)).collect()
}

fn render(language: &Language, spec: &Spec, scenario: &Scenario) -> Sample {
    let path = format!("{BASE}{}", spec.path);
    let body = language.literal.of(&scenario.request);
    let named = format!("{} ({})", scenario.title, scenario.name);
    let mut sample = Sample {
        language: language.name,
        label: language.label,
        file: language.file,
        code: String::with_capacity(language.template.len() + body.len()),
        scenario: 0..0,
        body: 0..0,
        indent: String::new(),
        escapes: language.literal.escapes(),
    };
    let mut is_wanted = true;
    for line in language.template.lines() {
        if let Some(condition) = condition(spec, line) {
            is_wanted = condition;
            continue;
        }
        if is_wanted {
            let title = format!("{}: {}", spec.id, spec.title);
            let mut filled = line.replace("{{title}}", &title).replace("{{path}}", &path);
            let begins = sample.code.len();
            if let Some(at) = put(&mut filled, "{{scenario}}", &named) {
                sample.scenario = begins + at..begins + at + named.len();
            }
            let indent = &line[..line.len() - line.trim_start().len()];
            let indented = body.replace('\n', &format!("\n{indent}"));
            if let Some(at) = put(&mut filled, "{{body}}", &indented) {
                sample.body = begins + at..begins + at + indented.len();
                indent.clone_into(&mut sample.indent);
            }
            sample.code.push_str(&filled);
            sample.code.push('\n');
        }
    }
    sample
}

/// Puts a text where its mark stands; where that was.
fn put(line: &mut String, mark: &str, text: &str) -> Option<usize> {
    let at = line.find(mark)?;
    line.replace_range(at..at + mark.len(), text);
    Some(at)
}

/// Whether the lines that this one begins are wanted; `None` where it begins none.
fn condition(spec: &Spec, line: &str) -> Option<bool> {
    let has_key = spec.request_encrypted || spec.response_encrypted;
    match line {
        "{{request}}" => Some(spec.request_encrypted),
        "{{plain}}" => Some(!spec.request_encrypted),
        "{{response}}" => Some(spec.response_encrypted),
        "{{key}}" => Some(has_key),
        "{{keyless}}" => Some(!has_key),
        "{{end}}" => Some(true),
        _ => None,
    }
}

impl Literal {
    /// The body as text of the language.
    fn of(self, body: &Value) -> String {
        let give = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        self.escapes().iter().fold(format!("{body:#}"), give)
    }

    /// What has to give way. JSON's own escape of it stands there, so that what is sent stays the
    /// same JSON.
    const fn escapes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Literal::TextBlock => &[("\\", r"\\")],
            Literal::Template => &[("`", r"\u0060"), ("${", r"\u0024{")],
            Literal::ThreeQuotes => &[("'", r"\u0027")],
            Literal::Here => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operations;
    use serde_json::json;

    #[test]
    fn every_operation_and_scenario_has_a_sample_in_every_language() {
        let operations = Operations::load().unwrap();
        for entry in operations.registry().entries() {
            for scenario in &entry.scenarios {
                let samples = of(entry, scenario);
                let names: Vec<_> = samples.iter().map(|sample| sample.language).collect();
                assert_eq!(names, languages().collect::<Vec<_>>());
                for sample in samples {
                    let Sample { language, code, .. } = &sample;
                    let what = format!("{} {} {language}", entry.spec.id, scenario.name);
                    assert!(code[sample.scenario.clone()].starts_with(scenario.title), "{what}");
                    let body = &code[sample.body.clone()];
                    assert!(body.starts_with('{') && body.ends_with('}'), "{what}: {body}");
                    assert!(!code.contains("{{"), "{what}: a placeholder is left");
                    assert!(code.contains(entry.spec.path), "{what}");
                    let encrypts = code.contains("encrypt(");
                    assert_eq!(encrypts, entry.spec.request_encrypted, "{what}");
                    let names_key = code.contains("X-KM-Crypto-Key-Id");
                    let has_key = entry.spec.request_encrypted || entry.spec.response_encrypted;
                    assert_eq!(names_key, has_key, "{what}");
                }
            }
        }
    }

    #[test]
    fn the_body_stands_in_the_code_as_it_is() {
        let body = json!({ "id": 9_999_999_999_999_999_999_u64, "name": "서울" });
        for language in &ALL {
            let text = language.literal.of(&body);
            assert_eq!(text, "{\n  \"id\": 9999999999999999999,\n  \"name\": \"서울\"\n}");
        }
    }

    #[test]
    fn a_text_that_would_end_the_literal_is_escaped_and_stays_the_same_json() {
        let body = json!({ "a": "`${x}` ''' \\ \" \n" });
        for language in &ALL {
            let text = language.literal.of(&body);
            let read = match language.literal {
                Literal::TextBlock => text.replace(r"\\", r"\"),
                Literal::Template => {
                    assert!(!text.contains('`') && !text.contains("${"));
                    text
                }
                Literal::ThreeQuotes => {
                    assert!(!text.contains('\''));
                    text
                }
                Literal::Here => text,
            };
            assert_eq!(serde_json::from_str::<Value>(&read).unwrap(), body, "{}", language.name);
        }
    }

    #[test]
    fn lines_stand_where_their_condition_holds() {
        let operations = Operations::load().unwrap();
        let entry = operations.registry().by_id("prepaid-card.state").unwrap();
        let spec = Spec { response_encrypted: true, ..*entry.spec };
        let language = Language {
            template: "{{request}}\na\n{{end}}\n{{response}}\nb\n{{end}}\n{{plain}}\nc\n{{end}}\n\
                       {{key}}\nd\n{{end}}\n{{keyless}}\ne\n{{end}}\n  {{path}}\n",
            ..ALL[0]
        };
        let Sample { code, .. } = render(&language, &spec, &entry.scenarios[0]);
        assert_eq!(code, "b\nc\nd\n  /open-api/api/v1/card/status\n");
    }
}

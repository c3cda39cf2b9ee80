//! An operation's page as Markdown, for programs that read and for people who paste.

use std::fmt::Write as _;

use contract::headers::{self, Header};
use contract::registry::Entry;
use contract::{Action, Code, Field, Kind, Origin, pipeline};

use super::samples;
use crate::ops::BASE;

/// The language of the program on the page.
const SAMPLE_LANGUAGE: &str = "node";

/// The page.
pub fn page(entry: &Entry) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, entry);
    out
}

fn write_page(out: &mut String, entry: &Entry) -> std::fmt::Result {
    let spec = entry.spec;
    writeln!(out, "# {}\n", spec.title)?;
    writeln!(out, "`POST {BASE}{}`\n", spec.path)?;
    writeln!(out, "- Operation: `{}`", spec.id)?;
    writeln!(out, "- Group: {}", spec.group)?;
    writeln!(out, "- Version: {}", spec.version)?;
    writeln!(out, "- Sync: the answer comes with the call")?;
    for title in spec.same_as {
        writeln!(out, "- Also listed as: {title}")?;
    }
    writeln!(out, "\n{}\n", spec.about)?;
    let with_key = spec.request_encrypted || spec.response_encrypted;
    let all = headers::REQUEST.iter();
    let sent: Vec<&Header> =
        all.filter(|header| with_key || **header != headers::CRYPTO_KEY_ID).collect();
    write_headers(out, "Request headers", &sent)?;
    write_fields(out, "Request parameters", &entry.request, spec.request_encrypted)?;
    let all = headers::RESPONSE.iter();
    let sent: Vec<&Header> = all
        .filter(|header| spec.response_encrypted || header.name != headers::CRYPTO_KEY_ID.name)
        .collect();
    write_headers(out, "Response headers", &sent)?;
    write_fields(out, "Response parameters", &entry.response, spec.response_encrypted)?;
    write_codes(out, entry)?;
    write_scenarios(out, entry)?;
    write_sample(out, entry)
}

fn write_headers(out: &mut String, title: &str, all: &[&Header]) -> std::fmt::Result {
    writeln!(out, "## {title}\n")?;
    writeln!(out, "| header | length | need | form | meaning |\n|---|---|---|---|---|")?;
    for header in all {
        let Header { name, len, need, form, doc, .. } = header;
        let condition = need.condition().map(|text| format!(" {text}")).unwrap_or_default();
        let (need, doc) = (need.word(), cell(&format!("{doc}{condition}")));
        writeln!(out, "| `{name}` | {len} | {need} | {} | {doc} |", cell(form))?;
    }
    writeln!(out)
}

fn write_fields(
    out: &mut String,
    title: &str,
    fields: &[Field],
    is_encrypted: bool,
) -> std::fmt::Result {
    writeln!(out, "## {title}\n")?;
    if is_encrypted {
        writeln!(out, "Encrypted: the whole body in clear is inside `encData`.\n")?;
    }
    if fields.is_empty() {
        return writeln!(out, "None beside `response`.\n");
    }
    writeln!(out, "| field | type | need | limits | meaning |\n|---|---|---|---|---|")?;
    for field in fields {
        let mut sentences = vec![field.doc.clone()];
        sentences.extend(field.condition());
        sentences.extend(field.default.map(|value| format!("Default: {value}.")));
        sentences.extend(field.also_at.as_ref().map(|second| format!("Taken at `{second}` too.")));
        let (path, need) = (&field.path, field.need.word());
        let (kind, limits) = (field.kind.type_word(), limits(field.kind));
        writeln!(
            out,
            "| `{path}` | {kind} | {need} | {limits} | {} |",
            cell(&sentences.join(" "))
        )?;
    }
    writeln!(out)
}

fn limits(kind: Kind) -> String {
    match kind {
        Kind::Text { min, max } if min == max => format!("{min} characters"),
        Kind::Text { min, max } => format!("{min} to {max} characters"),
        Kind::Digits { len } => format!("{len} digits"),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Choice(values) => {
            values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Boolean => "`true`, `false`".to_owned(),
        Kind::Object => String::new(),
        Kind::List { item, min, max } => {
            let count = match max {
                Some(max) => format!("{min} to {max} items"),
                None if min > 0 => format!("{min} items or more"),
                None => String::new(),
            };
            let all = [count, limits(*item)];
            all.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", each ")
        }
    }
}

fn write_codes(out: &mut String, entry: &Entry) -> std::fmt::Result {
    writeln!(out, "## Response codes\n")?;
    writeln!(
        out,
        "Refusals stand in order of precedence: of several that apply, the first comes.\n"
    )?;
    let head = "| HTTP | code | message | meaning | what to do |\n|---|---|---|---|---|";
    let message = cell(entry.spec.success_message);
    writeln!(out, "{head}\n| 200 | `000_000` | {message} | Success. | Nothing to do. |")?;
    for code in &entry.errors {
        write_code(out, code)?;
    }
    writeln!(out, "\nFrom the platform around the operation, always in clear:\n\n{head}")?;
    let own = |code: &Code| entry.errors.iter().any(|other| other.code == code.code);
    for code in pipeline::ALL.iter().filter(|code| !own(code)) {
        write_code(out, code)?;
    }
    writeln!(out)
}

fn write_code(out: &mut String, code: &Code) -> std::fmt::Result {
    let Code { code, http, message, meaning, action, origin } = code;
    let mark = match origin {
        Origin::Documented => "",
        Origin::AssignedUse => " (the reference's code; its use here is assigned by platen)",
        Origin::Assigned => " (assigned by platen)",
    };
    let what = match action {
        Action::AskMember => {
            "Ask the member. Something about the member or the card has to \
                              change first."
        }
        Action::None
        | Action::MendRequest
        | Action::NewCallLater
        | Action::SameCallAgain
        | Action::CallOperator => action.advice(),
    };
    let (message, meaning) = (cell(message), cell(meaning));
    writeln!(out, "| {http} | `{code}` | {message} | {meaning}{mark} | {what} |")
}

fn write_scenarios(out: &mut String, entry: &Entry) -> std::fmt::Result {
    writeln!(out, "## Test data\n")?;
    let id = entry.spec.id;
    writeln!(
        out,
        "Each scenario has a member, card and bank account of its own in every sandbox. Before it \
         is called again, `POST /sandbox/v1/scenarios/{id}/NAME/arm` puts them back. A value that \
         differs from call to call stands as a regular expression for it.\n"
    )?;
    for (scenario, told) in entry.scenarios.iter().zip(entry.scenarios_json()) {
        writeln!(out, "### {}\n", scenario.title)?;
        writeln!(out, "Scenario `{}`. Request:\n", scenario.name)?;
        writeln!(out, "```json\n{:#}\n```\n", scenario.request)?;
        writeln!(out, "Answer, HTTP {}:\n", scenario.status)?;
        writeln!(out, "```json\n{:#}\n```\n", told["expect"]["response"])?;
    }
    Ok(())
}

fn write_sample(out: &mut String, entry: &Entry) -> std::fmt::Result {
    let Some(scenario) = entry.scenarios.first() else { return Ok(()) };
    let others: Vec<_> = samples::languages().filter(|name| *name != SAMPLE_LANGUAGE).collect();
    writeln!(out, "## Code\n")?;
    writeln!(
        out,
        "`platen sample {} --language {SAMPLE_LANGUAGE}` prints this program; there are {} too.\n",
        entry.spec.id,
        others.join(", ")
    )?;
    let all = samples::of(entry, scenario);
    for sample in all.iter().filter(|sample| sample.language == SAMPLE_LANGUAGE) {
        writeln!(out, "```js\n{}\n```", sample.code.trim_end())?;
    }
    Ok(())
}

/// A text as a cell of a table: one line, without a bar that would end it.
fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operations;

    #[test]
    fn the_page_has_every_fact_of_the_registry() {
        let operations = Operations::load().unwrap();
        for entry in operations.registry().entries() {
            let page = page(entry);
            let mut facts = vec![entry.spec.title, entry.spec.about, entry.spec.path];
            facts.extend(entry.errors.iter().flat_map(|code| [code.code, code.message]));
            facts.extend(entry.scenarios.iter().flat_map(|each| [each.name, each.title]));
            facts.extend(pipeline::ALL.iter().map(|code| code.code));
            facts.extend(entry.request.iter().chain(&entry.response).map(|field| &*field.path));
            for fact in facts {
                assert!(page.contains(fact), "{}: {fact}", entry.spec.id);
            }
        }
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        let operations = Operations::load().unwrap();
        for entry in operations.registry().entries() {
            let page = page(entry);
            let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
            assert!(rows.len() > 30);
            for row in rows {
                let bars = row.replace("\\|", "").matches('|').count();
                assert_eq!(bars, 6, "{row}");
            }
        }
    }

    #[test]
    fn the_key_s_header_stands_where_something_is_encrypted() {
        let operations = Operations::load().unwrap();
        for (id, expected) in [("prepaid-card.reissue", true), ("prepaid-card.state", false)] {
            let page = page(operations.registry().by_id(id).unwrap());
            assert_eq!(page.contains("| `X-KM-Crypto-Key-Id`"), expected, "{id}");
        }
    }

    #[test]
    fn a_cell_is_one_line() {
        assert_eq!(cell("a\n  b|c"), "a b\\|c");
    }
}

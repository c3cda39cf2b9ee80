//! The responses of an operation, one for each HTTP status that it can have.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::{ENCRYPTED, JSON, schema};
use crate::errors::Code;
use crate::headers;
use crate::pipeline;
use crate::registry::Entry;
use crate::scenario::Scenario;

/// The codes of one HTTP status, the operation's before the pipeline's.
type ByStatus = BTreeMap<u16, Vec<&'static Code>>;

/// Stands above the list of codes.
const CODES_SENTENCE: &str = "`response.code` is one of these; behind each stand its message, what \
                              it means, and what to do.";

/// The component that answers for the pipeline alone.
pub(super) fn pipeline_name(status: u16) -> String {
    format!("Pipeline{status}")
}

/// The responses that operations share: those of the pipeline, by status.
pub(super) fn of_pipeline() -> impl Iterator<Item = (u16, Response)> {
    by_status(pipeline::ALL.iter())
        .into_iter()
        .map(|(status, codes)| (status, response(&codes, Vec::new(), Encryption::Never)))
}

/// The responses of an operation, by status.
pub(super) fn of_entry(entry: &Entry, success: &str) -> BTreeMap<String, RefOr<Response>> {
    let own = |code: &Code| entry.errors.iter().any(|other| other.code == code.code);
    let shared = pipeline::ALL.iter().filter(|code| !own(code));
    let mut all = BTreeMap::new();
    all.insert("200".to_owned(), of_success(entry, success).into());
    for (status, codes) in by_status(entry.errors.iter().copied().chain(shared)) {
        let answer = if codes.iter().any(|code| own(code)) {
            response(&codes, examples(entry, status), refusal_encryption(entry, &codes)).into()
        } else {
            Ref::from_response_name(pipeline_name(status)).into()
        };
        all.insert(status.to_string(), answer);
    }
    all
}

/// A body in clear or in its envelope. `anyOf`, because a schema in clear stays open.
pub(super) fn content(clear: impl Into<RefOr<Schema>>, encryption: Encryption) -> ContentBuilder {
    let clear = match encryption {
        Encryption::Never => clear.into(),
        Encryption::Possible => RefOr::T(
            AnyOfBuilder::new().item(clear).item(Ref::from_schema_name(ENCRYPTED)).build().into(),
        ),
    };
    ContentBuilder::new().schema(Some(clear))
}

/// Whether a body may come encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Always in clear.
    Never,
    /// In clear or in its envelope.
    Possible,
}

impl Encryption {
    pub(super) fn possible_if(possible: bool) -> Self {
        if possible { Encryption::Possible } else { Encryption::Never }
    }
}

/// A named example from a scenario.
pub(super) fn example(scenario: &Scenario, value: Value) -> (&'static str, Example) {
    (scenario.name, ExampleBuilder::new().summary(scenario.title).value(Some(value)).build())
}

fn by_status(codes: impl Iterator<Item = &'static Code>) -> ByStatus {
    let mut all = ByStatus::new();
    for code in codes {
        all.entry(code.http).or_default().push(code);
    }
    all
}

/// The pipeline's codes are always sent in clear.
fn refusal_encryption(entry: &Entry, codes: &[&Code]) -> Encryption {
    let own = codes.iter().any(|code| !code.code.starts_with("000_9"));
    Encryption::possible_if(entry.spec.response_encrypted && own)
}

fn of_success(entry: &Entry, schema_name: &str) -> Response {
    let encryption = Encryption::possible_if(entry.spec.response_encrypted);
    let content = content(Ref::from_schema_name(schema_name), encryption);
    let description = format!("`000_000` {}", entry.spec.success_message);
    build(&description, content.examples_from_iter(examples(entry, 200)).build(), encryption)
}

fn response(
    codes: &[&Code],
    examples: Vec<(&'static str, Example)>,
    encryption: Encryption,
) -> Response {
    let names: Vec<&str> = codes.iter().map(|code| code.code).collect();
    let lines: Vec<String> = codes.iter().map(|code| line(code)).collect();
    let message = codes.first().map_or("", |code| code.message);
    let content = content(schema::refusal(&names, message), encryption);
    let description = format!("{CODES_SENTENCE}\n\n{}", lines.join("\n"));
    build(&description, content.examples_from_iter(examples).build(), encryption)
}

fn line(code: &Code) -> String {
    let Code { code, message, meaning, action, .. } = code;
    format!("- `{code}` → {message} → {meaning} → {}", action.advice())
}

fn build(description: &str, content: Content, encryption: Encryption) -> Response {
    let named = |name: &str| Ref::new(format!("#/components/headers/{name}"));
    let mut response = ResponseBuilder::new().description(description).content(JSON, content);
    for header in headers::RESPONSE {
        let sent = match header.need {
            headers::HeaderNeed::Always | headers::HeaderNeed::ExceptCallbacks => true,
            headers::HeaderNeed::WhereEncrypted => encryption == Encryption::Possible,
        };
        if sent {
            response = response.header_ref(header.name, named(header.name));
        }
    }
    response.build()
}

fn examples(entry: &Entry, status: u16) -> Vec<(&'static str, Example)> {
    let with_status = entry.scenarios.iter().filter(|scenario| scenario.status == status);
    with_status.map(|scenario| example(scenario, example_answer(entry, scenario))).collect()
}

/// The scenario's answer, a made-up value in each field that differs from call to call.
pub fn example_answer(entry: &Entry, scenario: &Scenario) -> Value {
    scenario.expected_body(&entry.response, &schema::sample)
}

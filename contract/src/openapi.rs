//! OpenAPI 3.1 from the registry, through a typed model of it.

mod answers;
mod plain;
pub mod schema;

use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{
    Components, ComponentsBuilder, HeaderBuilder, Info, InfoBuilder, License, ObjectBuilder,
    OpenApiBuilder, Paths, Ref, Required, Server, Tag,
};
pub use utoipa::openapi::{HttpMethod, OpenApi, PathItem, Schema};

pub use self::answers::example_answer;
pub use self::plain::{PlainPath, PlainResponse, add_plain_path};
use crate::errors::{Action, Code, Origin};
use crate::headers::{self, Header, HeaderNeed};
use crate::pipeline;
use crate::registry::{Entry, Registry};
use crate::spec::Spec;

/// The media type of every body.
const JSON: &str = "application/json";

/// The component of the envelope.
const ENCRYPTED: &str = "Encrypted";

/// On an operation: its own codes, in order of precedence.
pub const CODES_EXTENSION: &str = "x-platen-codes";

/// On the document: the codes that any operation can answer with, before, around or below it.
pub const PIPELINE_CODES_EXTENSION: &str = "x-platen-pipeline-codes";

/// What the platform is, and how a call is made.
const ABOUT: &str = include_str!("openapi/info.md");

/// The document of all operations, at these servers. The same registry gives the same text.
pub fn document(registry: &Registry, servers: &[&str]) -> OpenApi {
    let mut paths = Paths::new();
    let mut tags: Vec<Tag> = Vec::new();
    for entry in registry.entries() {
        let spec = entry.spec;
        paths.add_path_operation(spec.path, vec![HttpMethod::Post], operation(entry));
        if !tags.iter().any(|tag| tag.name == spec.group) {
            tags.push(Tag::new(spec.group));
        }
    }
    let mut document = OpenApiBuilder::new()
        .info(info())
        .servers(Some(servers.iter().copied().map(server)))
        .paths(paths)
        .components(Some(components(registry)))
        .tags(Some(tags))
        .build();
    // One extension an object: the model keeps several in no fixed order.
    let codes = codes(pipeline::ALL.iter());
    document.extensions =
        Some(ExtensionsBuilder::new().add(PIPELINE_CODES_EXTENSION, codes).build());
    document
}

/// A server. A path is appended to its URL as it is, so that the URL ends without a slash: `/` is
/// the empty reference, the root of where the document lies.
fn server(url: &str) -> Server {
    Server::new(url.trim_end_matches('/'))
}

fn info() -> Info {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    InfoBuilder::new()
        .title("platen")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT.trim_end()))
        .license(Some(license))
        .build()
}

fn components(registry: &Registry) -> Components {
    let mut components = ComponentsBuilder::new().schema(ENCRYPTED, schema::encrypted());
    for header in headers::REQUEST {
        components = components.parameter(header.name, parameter(header));
    }
    for header in headers::RESPONSE {
        let object = HeaderBuilder::new()
            .schema(Some(header_schema(header)))
            .description(Some(header_description(header)));
        components = components.header(header.name, object.build());
    }
    for (status, response) in answers::of_pipeline() {
        components = components.response(answers::pipeline_name(status), response);
    }
    for entry in registry.entries() {
        let success = schema::success(entry.spec.success_message, &entry.response);
        components = components
            .schema(schema_name(entry.spec, "Request"), schema::request(&entry.request))
            .schema(schema_name(entry.spec, "Response"), success);
    }
    components.build()
}

fn parameter(header: &Header) -> Parameter {
    let required = match header.need {
        HeaderNeed::Always | HeaderNeed::ExceptCallbacks => Required::True,
        HeaderNeed::WhereEncrypted => Required::False,
    };
    ParameterBuilder::new()
        .name(header.name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(header_description(header)))
        .schema(Some(header_schema(header)))
        .build()
}

fn header_description(header: &Header) -> String {
    let condition = header.need.condition().map(|text| format!(" {text}")).unwrap_or_default();
    format!("{}{condition} Form: {}.", header.doc, header.form)
}

fn header_schema(header: &Header) -> ObjectBuilder {
    schema::text()
        .min_length(Some(header.len_min))
        .max_length(Some(header.len_max))
        .pattern(Some(header.pattern()))
        .examples([header.example])
}

fn operation(entry: &Entry) -> Operation {
    let spec = entry.spec;
    let mut operation = OperationBuilder::new()
        .operation_id(Some(spec.id))
        .summary(Some(spec.title))
        .description(Some(spec.about))
        .tag(spec.group)
        .request_body(Some(request_body(entry)))
        .extensions(Some(
            ExtensionsBuilder::new()
                .add(CODES_EXTENSION, codes(entry.errors.iter().copied()))
                .build(),
        ));
    for header in headers::REQUEST {
        let encrypted = spec.request_encrypted || spec.response_encrypted;
        if encrypted || header.need != HeaderNeed::WhereEncrypted {
            let place = format!("#/components/parameters/{}", header.name);
            operation = operation.parameter_ref(Ref::new(place));
        }
    }
    for (status, response) in answers::of_entry(entry, &schema_name(spec, "Response")) {
        operation = operation.response(status, response);
    }
    operation.build()
}

fn request_body(entry: &Entry) -> RequestBody {
    let clear = Ref::from_schema_name(schema_name(entry.spec, "Request"));
    let encryption = answers::Encryption::possible_if(entry.spec.request_encrypted);
    let examples =
        entry.scenarios.iter().map(|scenario| answers::example(scenario, scenario.request.clone()));
    let content = answers::content(clear, encryption).examples_from_iter(examples);
    RequestBodyBuilder::new().content(JSON, content.build()).required(Some(Required::True)).build()
}

/// The name of an operation's component: its id's words, each with a capital, and `suffix`.
fn schema_name(spec: &Spec, suffix: &str) -> String {
    let words = spec.id.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    words.map(capital).chain([suffix.to_owned()]).collect::<Vec<String>>().concat()
}

fn codes(codes: impl Iterator<Item = &'static Code>) -> Value {
    codes
        .map(|code| {
            json!({
                "code": code.code,
                "httpStatus": code.http,
                "message": code.message,
                "meaning": code.meaning,
                "action": action_word(code.action),
                "advice": code.action.advice(),
                "origin": origin_word(code.origin),
            })
        })
        .collect()
}

fn action_word(action: Action) -> &'static str {
    match action {
        Action::None => "none",
        Action::MendRequest => "mendRequest",
        Action::AskMember => "askMember",
        Action::NewCallLater => "newCallLater",
        Action::SameCallAgain => "sameCallAgain",
        Action::CallOperator => "callOperator",
    }
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Documented => "documented",
        Origin::AssignedUse => "assignedUse",
        Origin::Assigned => "assigned",
    }
}

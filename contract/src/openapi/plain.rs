//! Paths beside the operations: plain JSON, without the protocol's headers and envelope.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, OpenApi, PathItem, RefOr, Required, ResponseBuilder, Schema, Tag,
};

use super::{JSON, schema, server};

/// A path of platen's own, below `/` alone.
pub struct PlainPath<'a> {
    /// Its method.
    pub method: HttpMethod,
    /// Its path, with `{name}` for each of [`PlainPath::path_params`].
    pub path: &'a str,
    /// Its operation id, unique.
    pub id: &'a str,
    /// What it does, in a few words.
    pub summary: &'a str,
    /// What it does.
    pub description: &'a str,
    /// The group in which it stands.
    pub tag: &'a str,
    /// Name and meaning of each parameter in the path.
    pub path_params: &'a [(&'a str, &'a str)],
    /// Name and meaning of each parameter in the query; none is required.
    pub query_params: &'a [(&'a str, &'a str)],
    /// The request's JSON; `None` where there is no body.
    pub request: Option<Schema>,
    /// What it can answer.
    pub responses: Vec<PlainResponse<'a>>,
}

/// One answer of a [`PlainPath`].
pub struct PlainResponse<'a> {
    /// HTTP status.
    pub status: u16,
    /// When it comes.
    pub description: &'a str,
    /// Its JSON; `None` where there is no body.
    pub body: Option<Schema>,
}

/// Adds a path beside the operations. Several methods of one path are added one by one.
pub fn add_plain_path(doc: &mut OpenApi, plain: PlainPath<'_>) {
    let tags = doc.tags.get_or_insert_default();
    if !tags.iter().any(|tag| tag.name == plain.tag) {
        tags.push(Tag::new(plain.tag));
    }
    let mut operation = OperationBuilder::new()
        .operation_id(Some(plain.id))
        .summary(Some(plain.summary))
        .description(Some(plain.description))
        .tag(plain.tag)
        .servers(Some([server("/")]));
    let in_path = plain.path_params.iter().map(|it| (it, ParameterIn::Path, Required::True));
    let in_query = plain.query_params.iter().map(|it| (it, ParameterIn::Query, Required::False));
    for ((name, meaning), place, required) in in_path.chain(in_query) {
        let parameter = ParameterBuilder::new()
            .name(*name)
            .parameter_in(place)
            .required(required)
            .description(Some(*meaning))
            .schema(Some(schema::text()));
        operation = operation.parameter(parameter);
    }
    if let Some(request) = plain.request {
        let content = ContentBuilder::new().schema(Some(RefOr::T(request))).build();
        let body = RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    for PlainResponse { status, description, body } in plain.responses {
        let mut response = ResponseBuilder::new().description(description);
        if let Some(body) = body {
            let content = ContentBuilder::new().schema(Some(RefOr::T(body))).build();
            response = response.content(JSON, content);
        }
        operation = operation.response(status.to_string(), response);
    }
    let item = PathItem::new(plain.method, operation);
    doc.paths.paths.entry(plain.path.to_owned()).or_default().merge_operations(item);
}

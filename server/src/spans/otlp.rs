//! OTLP's JSON: numbers of 64 bits as text, ids as hex (opentelemetry-proto 1, `trace.proto`).

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{Ended, Kind, Parent, Part};

/// The name under which a collector sees the server.
const SERVICE: &str = "platen";

/// STATUS_CODE_ERROR.
const FAILED: u8 = 2;

/// The body of one request.
pub(super) fn body(calls: &[Ended]) -> Value {
    let spans: Vec<Value> = calls.iter().flat_map(spans).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", SERVICE),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ] },
        "scopeSpans": [{
            "scope": { "name": SERVICE, "version": env!("CARGO_PKG_VERSION") },
            "spans": spans,
        }],
    }] })
}

fn spans(call: &Ended) -> impl Iterator<Item = Value> + '_ {
    std::iter::once(whole(call)).chain(call.parts.iter().map(|each| part(call, each)))
}

fn whole(call: &Ended) -> Value {
    let told = &call.told;
    let mut attributes = vec![
        text("platen.operation", told.operation),
        text("platen.code", told.code),
        json!({
            "key": "http.response.status_code",
            "value": { "intValue": told.status.to_string() },
        }),
    ];
    attributes.extend(told.partner.as_deref().map(|id| text("platen.partner", id)));
    attributes.extend(told.correlation_id.as_deref().map(|id| text("platen.correlation_id", id)));
    let links: Vec<Value> = call.parent.iter().map(link).collect();
    // What a caller does wrong is no failure of the server.
    let status = if told.status >= 500 { json!({ "code": FAILED }) } else { json!({}) };
    json!({
        "traceId": HEXLOWER.encode(&call.trace),
        "spanId": HEXLOWER.encode(&call.id),
        "name": told.operation,
        "kind": number(Kind::Server),
        "startTimeUnixNano": call.at_ns.to_string(),
        "endTimeUnixNano": call.at_ns.saturating_add(call.took_ns).to_string(),
        "attributes": attributes,
        "links": links,
        "status": status,
    })
}

fn part(call: &Ended, part: &Part) -> Value {
    let at = |since: u64| call.at_ns.saturating_add(since).to_string();
    let status =
        if part.is_cut_off { json!({ "code": FAILED, "message": "given up" }) } else { json!({}) };
    json!({
        "traceId": HEXLOWER.encode(&call.trace),
        "spanId": HEXLOWER.encode(&part.id),
        "parentSpanId": HEXLOWER.encode(&part.parent),
        "name": part.name,
        "kind": number(part.kind),
        "startTimeUnixNano": at(part.begun_ns),
        "endTimeUnixNano": at(part.ended_ns),
        "status": status,
    })
}

fn link(parent: &Parent) -> Value {
    json!({
        "traceId": HEXLOWER.encode(&parent.trace),
        "spanId": HEXLOWER.encode(&parent.span),
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

const fn number(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    }
}

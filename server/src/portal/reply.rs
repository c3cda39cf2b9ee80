//! A document as it lies in memory, ready to be sent.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// No script, style, picture or connection but the server's own; nothing inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Compressing less is not worth a header.
const COMPRESSED_BYTES_MIN: usize = 512;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Css,
    JavaScript,
    Svg,
    Json,
    Markdown,
    Text,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Kind::Html => "text/html; charset=utf-8",
            Kind::Css => "text/css; charset=utf-8",
            Kind::JavaScript => "text/javascript; charset=utf-8",
            Kind::Svg => "image/svg+xml",
            Kind::Json => "application/json",
            Kind::Markdown => "text/markdown; charset=utf-8",
            Kind::Text => "text/plain; charset=utf-8",
        }
    }
}

/// How long a browser may keep a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It asks each time whether it is still the same.
    Checked,
    /// For ever, where it was asked for with its hash; else as [`Age::Checked`].
    Versioned,
}

/// A document with all that its answers need.
pub(super) struct Document {
    kind: Kind,
    age: Age,
    plain: Bytes,
    gzip: Option<Bytes>,
    hash: String,
}

/// Tells one text from another; no secret depends on it.
pub(super) fn hash(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}

impl Document {
    /// Compresses the text and names it by its hash.
    pub(super) fn new(kind: Kind, text: String, age: Age) -> Self {
        let hash = hash(&text);
        let plain = Bytes::from(text);
        Document { kind, age, gzip: gzip(&plain), plain, hash }
    }

    /// The answer to a request for it.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Response {
        let is_known = status == StatusCode::OK && self.is_known_to(headers);
        let mut response = match (&self.gzip, is_known) {
            (_, true) => Response::new(Body::empty()),
            (Some(gzip), false) if takes_gzip(headers) => {
                let mut response = Response::new(Body::from(gzip.clone()));
                put(&mut response, header::CONTENT_ENCODING, "gzip");
                response
            }
            (Some(_) | None, false) => Response::new(Body::from(self.plain.clone())),
        };
        *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { status };
        let version = query.and_then(|query| query.strip_prefix("v="));
        let is_versioned = self.age == Age::Versioned && version == Some(self.hash.as_str());
        let age = if is_versioned { "max-age=31536000, immutable" } else { "no-cache" };
        put(&mut response, header::CACHE_CONTROL, age);
        put(&mut response, header::CONTENT_TYPE, self.kind.content_type());
        put(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
        put(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        put(&mut response, header::REFERRER_POLICY, "no-referrer");
        put(&mut response, header::VARY, "accept-encoding");
        if let Ok(tag) = HeaderValue::from_str(&self.tag()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }

    /// Weak: the same document compressed is the same document.
    fn tag(&self) -> String {
        format!("W/\"{}\"", self.hash)
    }

    fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let strong = format!("\"{}\"", self.hash);
        parts(headers, &header::IF_NONE_MATCH)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == strong)
    }
}

fn put(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// The parts of a header that is a list.
fn parts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    parts(headers, &header::ACCEPT_ENCODING).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let is_gzip = pieces.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_refused = pieces.any(|piece| {
            let weight = piece.strip_prefix("q=").unwrap_or("1");
            weight.bytes().all(|byte| byte == b'0' || byte == b'.')
        });
        is_gzip && !is_refused
    })
}

fn gzip(plain: &Bytes) -> Option<Bytes> {
    if plain.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < plain.len()).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        takes_gzip(&headers)
    }

    #[test]
    fn gzip_is_sent_to_those_that_take_it() {
        for value in ["gzip", "br, gzip", "deflate,GZIP;q=0.5", "gzip; q=1.0"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.000", "identity", "gzipped"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let document = Document::new(Kind::Text, "x".repeat(2_000), Age::Versioned);
        let is_known = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            document.answer(StatusCode::OK, None, &headers).status() == StatusCode::NOT_MODIFIED
        };
        let tag = document.tag();
        assert!(is_known(&tag) && is_known("*") && is_known(&format!("\"a\", {tag}")));
        assert!(is_known(&format!("\"{}\"", document.hash)));
        assert!(!is_known("\"a\"") && !is_known("") && !is_known(&document.hash));
    }

    #[test]
    fn it_is_kept_for_ever_under_its_hash_alone() {
        let document = Document::new(Kind::Text, String::new(), Age::Versioned);
        let age = |query: Option<&str>| {
            let answer = document.answer(StatusCode::OK, query, &HeaderMap::new());
            answer.headers()[header::CACHE_CONTROL].clone()
        };
        assert_eq!(age(Some(&format!("v={}", document.hash))), "max-age=31536000, immutable");
        assert_eq!(age(Some("v=1")), "no-cache");
        assert_eq!(age(None), "no-cache");
    }
}

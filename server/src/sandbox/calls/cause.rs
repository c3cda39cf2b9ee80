//! Why a call ended as it did, as a sentence for its developer.

use contract::headers::{self, Header};
use contract::json::NotAnObject;
use contract::{Entry, Kind, pipeline};
use crypto::tran_token::TranToken;

use super::mask::Masked;
use super::record::{header, rfc3339};
use crate::context::App;
use crate::ops::BASE;
use crate::pipeline::observe::{End, Reason, Seen, Step};

/// The sentence.
pub(super) fn cause(app: &App, seen: &Seen, end: &End<'_>, entry: Option<&Entry>) -> Masked {
    let sentence = match end.step {
        Step::Headers => of_head(seen, end),
        Step::Body => of_body(app, seen, end),
        Step::Token => of_token(app, seen, end),
        Step::Key => of_key(seen, end),
        Step::Decryption => of_decryption(seen, end),
        Step::Fields => of_field(seen, entry),
        Step::Operation => of_operation(seen, end, entry),
        Step::Done => "The operation was done.".to_owned(),
    };
    Masked::text(&sentence)
}

fn is(end: &End<'_>, code: &contract::Code) -> bool {
    end.code == code.code
}

/// What a code means, where nothing else is known.
fn meaning(end: &End<'_>) -> String {
    let code = pipeline::ALL.iter().find(|code| code.code == end.code);
    code.map_or("", |code| code.meaning).to_owned()
}

fn quoted(text: &str) -> String {
    format!("`{}`", Masked::value(text).as_str())
}

fn of_head(seen: &Seen, end: &End<'_>) -> String {
    if is(end, &pipeline::UNKNOWN_OPERATION) {
        let path = super::query::percent_decoded(&seen.path);
        return format!(
            "No operation has the path {}. A call goes to {BASE} and the operation's path, without \
             a slash at its end.",
            quoted(&path)
        );
    }
    if is(end, &pipeline::METHOD_NOT_ALLOWED) {
        let method = quoted(seen.method.as_str());
        return format!("The method was {method}; every operation is called with POST.");
    }
    let named = |header: &&Header| seen.fault.as_deref() == Some(header.name);
    match headers::REQUEST.iter().find(named) {
        Some(header) => of_header(seen, header),
        None => meaning(end),
    }
}

fn of_header(seen: &Seen, header: &Header) -> String {
    let Header { name, form, len_min, len_max, example, .. } = header;
    let mut values = seen.headers.get_all(*name).iter();
    let (first, second) = (values.next(), values.next());
    let text = first.and_then(|value| value.to_str().ok()).map(str::trim);
    match (first, text) {
        (None, _) => format!("The header {name} is missing. Its form: {form}."),
        (Some(_), Some("")) => format!("The header {name} is empty. Its form: {form}."),
        (Some(_), _) if second.is_some() => format!("The header {name} is there twice."),
        (Some(_), Some(text)) if !(*len_min..=*len_max).contains(&text.len()) => format!(
            "The header {name} has {} characters; {len_min} to {len_max} are taken. Its form: \
             {form}.",
            text.len()
        ),
        (Some(_), Some(text)) if header.accepts(text) => {
            format!("The header {name} has the right form but names no date and time there is.")
        }
        (Some(_), _) => {
            format!("The header {name} is not of its form: {form}. An example: {example}")
        }
    }
}

fn of_body(app: &App, seen: &Seen, end: &End<'_>) -> String {
    let settings = &app.core.settings;
    if is(end, &pipeline::BODY_TOO_LARGE) {
        return format!("The body is longer than {} bytes.", settings.body_limit_bytes);
    }
    if is(end, &pipeline::UNSUPPORTED_MEDIA_TYPE) {
        let sent = header(seen, "content-type").unwrap_or_default();
        return format!("Content-Type is {}; it must be application/json.", quoted(sent));
    }
    let body = match &seen.decrypted {
        Some(_) => "What was decrypted",
        None => "The body",
    };
    match seen.reason {
        Some(Reason::Json(NotAnObject::Empty)) => format!("{body} is empty."),
        Some(Reason::Json(NotAnObject::Malformed)) => format!(
            "{body} is not JSON: cut off, misspelt, not UTF-8, or nested more than {} deep.",
            settings.json_depth_max
        ),
        Some(Reason::Json(NotAnObject::OtherKind)) => format!("{body} is JSON, but no object."),
        Some(Reason::Jwe(_) | Reason::Envelope) | None => meaning(end),
    }
}

fn of_token(app: &App, seen: &Seen, end: &End<'_>) -> String {
    let partner = quoted(header(seen, "x-km-user-aspid").unwrap_or_default());
    let Some(project) = &seen.project else {
        return if is(end, &pipeline::AUTHENTICATION_FAILED) {
            format!("unknown partner or access key: partner {partner} has no such project.")
        } else {
            meaning(end)
        };
    };
    if is(end, &pipeline::AUTHENTICATION_FAILED) {
        let token = header(seen, "x-km-tran-token").map(TranToken::parse);
        return match token {
            Some(Ok(_)) => format!(
                "token does not fit the body: it must be over the {} bytes as they were sent, \
                 under the secret key's text.",
                seen.body.as_ref().map_or(0, |body| body.len())
            ),
            Some(Err(malformed)) => format!("malformed token: {malformed}"),
            None => "malformed token: it is not text.".to_owned(),
        };
    }
    if is(end, &pipeline::TRAN_TIME_OUT_OF_WINDOW)
        && let Some(said) = seen.tran_time
    {
        let now = app.clock.now();
        let off_s = said.0.abs_diff(now.0) / 1_000_000;
        let side = if said < now { "behind" } else { "ahead of" };
        return format!(
            "X-KM-Tran-Time in its zone is {}, {off_s} s {side} the platform's clock; {} s are \
             taken.",
            rfc3339(said),
            project.tran_time_window_ms / 1_000
        );
    }
    meaning(end)
}

fn of_key(seen: &Seen, end: &End<'_>) -> String {
    if is(end, &pipeline::CRYPTO_KEY_ID_MISSING) {
        return "The body is encrypted and the header X-KM-Crypto-Key-Id is missing.".to_owned();
    }
    if is(end, &pipeline::CRYPTO_KEY_UNKNOWN)
        && let Some(project) = &seen.project
    {
        let mut live: Vec<&str> = project.crypto_keys.keys().map(String::as_str).collect();
        live.sort_unstable();
        let sent = quoted(header(seen, "x-km-crypto-key-id").unwrap_or_default());
        return format!(
            "X-KM-Crypto-Key-Id is {sent}; the project's live keys: {}.",
            live.join(", ")
        );
    }
    meaning(end)
}

fn of_decryption(seen: &Seen, end: &End<'_>) -> String {
    match seen.reason {
        Some(Reason::Jwe(error)) => error.to_string(),
        Some(Reason::Envelope) => {
            "encData must be a string, and the only member of the body.".to_owned()
        }
        Some(Reason::Json(_)) | None => meaning(end),
    }
}

fn of_field(seen: &Seen, entry: Option<&Entry>) -> String {
    let name = seen.fault.as_deref().unwrap_or_default();
    let fields = entry.map_or(&[][..], |entry| entry.request.as_slice());
    match fields.iter().find(|field| field.wire_name == name) {
        Some(field) => {
            let condition = field.condition().map_or_else(String::new, |text| format!(" {text}"));
            let need = field.need.word().to_lowercase();
            format!(
                "The field {} is missing, there twice, or not {}. It is {need}.{condition}",
                field.path,
                kind(field.kind)
            )
        }
        None => format!("The field {name} is at fault."),
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text { min, max } => format!("a string of {min} to {max} characters"),
        Kind::Digits { len } => format!("a string of {len} digits"),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Object => "an object".to_owned(),
        Kind::List { item, min, max } => {
            let count = match max {
                Some(max) => format!("{min} to {max}"),
                None => format!("{min} or more"),
            };
            format!("a list of {count} items, each {}", self::kind(*item))
        }
    }
}

fn of_operation(seen: &Seen, end: &End<'_>, entry: Option<&Entry>) -> String {
    if let Some(name) = &seen.fault {
        return format!(
            "The field {name} is of its form, but the operation does not take its value."
        );
    }
    let errors = entry.map_or(&[][..], |entry| entry.errors.as_slice());
    match errors.iter().find(|code| code.code == end.code) {
        Some(code) => code.meaning.to_owned(),
        None => meaning(end),
    }
}

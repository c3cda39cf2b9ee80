//! JSON as it was sent, token by token: what frames it stays, each value is shown as its field
//! allows. It need not be well-formed; what is no token is told by its length.

use contract::{Field, Kind, Privacy};
use serde_json::value::RawValue;

use super::Masked;

/// Objects and arrays in each other so deep that fields are no longer told apart.
const DEPTH_MAX: usize = 64;

/// What fields of a body may be shown, by the operation's definition and by their names.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    fields: &'a [Field],
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// With its numbers masked, where it is a code and no free text.
    Value,
    /// Digits of another length than a card number's.
    Digits(usize),
    /// Our own words.
    Own,
    /// An encrypted text.
    Cipher,
    /// By its length.
    Personal,
    /// Not at all.
    Secret,
}

/// A masked JSON text.
pub struct Shown {
    /// The text.
    pub text: Masked,
    /// Whether more of it would have come.
    pub is_cut: bool,
}

impl Shown {
    /// The JSON that it is; a text that was cut or is not JSON as a string.
    pub fn json(self) -> Option<Box<RawValue>> {
        let text = self.text.0;
        if !self.is_cut
            && let Ok(raw) = serde_json::from_str::<Box<RawValue>>(&text)
        {
            return Some(raw);
        }
        serde_json::value::to_raw_value(&text).ok()
    }
}

impl<'a> Rules<'a> {
    /// Those of a request with these fields.
    pub const fn request(fields: &'a [Field]) -> Self {
        Rules { fields, side: Side::Request }
    }

    /// Those of an answer with these fields.
    pub const fn response(fields: &'a [Field]) -> Self {
        Rules { fields, side: Side::Response }
    }

    /// Masks a body, of whose masked text so many bytes are kept.
    pub fn mask(self, body: &[u8], bytes_max: usize) -> Shown {
        let text = String::from_utf8_lossy(body);
        let masking =
            Masking { rules: self, rest: &text, out: String::new(), levels: Vec::new(), key: None };
        masking.run(bytes_max)
    }

    fn care(self, path: &str) -> Care {
        let name = path.rsplit('.').next().unwrap_or_default();
        let by_name = care_of_name(&name.to_ascii_lowercase());
        if by_name != Care::Value {
            return by_name;
        }
        if self.side == Side::Response && ["response.code", "response.description"].contains(&path)
        {
            return Care::Own;
        }
        if self.side == Side::Request && path == "encData" {
            return Care::Cipher;
        }
        self.field(path).map_or(Care::Value, care_of_field)
    }

    /// The field that stands at a path, without the brackets of lists; else the most private one
    /// of its name.
    fn field(self, path: &str) -> Option<&'a Field> {
        let is_it = |field: &&Field| {
            is_at(&field.path, path) || field.also_at.as_deref().is_some_and(|at| is_at(at, path))
        };
        let name = path.rsplit('.').next().unwrap_or_default();
        let named = |field: &&Field| field.name() == name;
        let most_private = || self.fields.iter().filter(named).max_by_key(|field| field.privacy);
        self.fields.iter().find(is_it).or_else(most_private)
    }
}

fn care_of_field(field: &Field) -> Care {
    match (field.privacy, field.kind.innermost()) {
        // Of a few words that there are, the length tells which.
        (Privacy::Personal, Kind::Choice(_) | Kind::Boolean) | (Privacy::Secret, _) => Care::Secret,
        (Privacy::Personal, _) => Care::Personal,
        (Privacy::Open, Kind::Digits { len }) if len != super::NUMBER_DIGITS => Care::Digits(len),
        (
            Privacy::Open,
            Kind::Digits { .. }
            | Kind::Text { .. }
            | Kind::Integer { .. }
            | Kind::Boolean
            | Kind::Choice(_)
            | Kind::Object
            | Kind::List { .. },
        ) => Care::Value,
    }
}

/// Whether a field's path, without the brackets of its lists, is this one.
fn is_at(field: &str, path: &str) -> bool {
    let mut steps = path.split('.');
    field.split('.').all(|step| steps.next() == Some(step.trim_end_matches("[]")))
        && steps.next().is_none()
}

/// What a name says, wherever the field stands and whether any operation has it.
fn care_of_name(name: &str) -> Care {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["cvc", "cvv", "cvn", "securitycode", "secret", "privatekey", "passw"])
        || ["pin", "csc", "pwd"].contains(&name)
        // Of two words, the length tells which.
        || ["gender", "sex"].contains(&name)
    {
        return Care::Secret;
    }
    let personal = ["name", "phone", "address", "addr", "birth", "zip", "mail", "resident"];
    let account = ["accountno", "accountnum", "bankaccount", "mobileno", "mobilenum"];
    let short = ["ci", "di", "rrn", "hp", "ssn"];
    if has(&personal) || has(&account) || name.starts_with("tel") || short.contains(&name) {
        return Care::Personal;
    }
    Care::Value
}

/// An object or an array that is not closed yet.
struct Level {
    path: String,
    inherited: Care,
}

struct Masking<'a> {
    rules: Rules<'a>,
    rest: &'a str,
    out: String,
    levels: Vec<Level>,
    /// The name before the value that comes.
    key: Option<String>,
}

impl<'a> Masking<'a> {
    fn run(mut self, bytes_max: usize) -> Shown {
        while let Some(first) = self.rest.chars().next() {
            if self.out.len() > bytes_max {
                return Shown { text: Masked(self.out).cut(bytes_max), is_cut: true };
            }
            match first {
                ' ' | '\t' | '\r' | '\n' | ':' => self.frame(first),
                ',' => {
                    self.frame(first);
                    self.key = None;
                }
                '{' | '[' => {
                    let (path, inherited) = (self.path(), self.care());
                    self.levels.push(Level { path, inherited });
                    self.key = None;
                    self.frame(first);
                }
                '}' | ']' => {
                    self.levels.pop();
                    self.key = None;
                    self.frame(first);
                }
                '"' => self.string(),
                _ => self.word(),
            }
        }
        let is_cut = self.out.len() > bytes_max;
        Shown { text: Masked(self.out).cut(bytes_max), is_cut }
    }

    fn frame(&mut self, character: char) {
        self.out.push(character);
        self.take(character.len_utf8());
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// Where the value that comes stands.
    fn path(&self) -> String {
        let parent = self.levels.last().map_or("", |level| level.path.as_str());
        match &self.key {
            Some(key) if parent.is_empty() => key.clone(),
            Some(key) if self.levels.len() < DEPTH_MAX => format!("{parent}.{key}"),
            Some(_) | None => parent.to_owned(),
        }
    }

    /// How the value that comes is shown: what holds for an object holds for all in it.
    fn care(&self) -> Care {
        let inherited = self.levels.last().map_or(Care::Value, |level| level.inherited);
        if self.levels.len() > DEPTH_MAX {
            return Care::Personal;
        }
        match inherited {
            Care::Personal | Care::Secret => inherited,
            Care::Value | Care::Digits(_) | Care::Own | Care::Cipher => {
                self.rules.care(&self.path())
            }
        }
    }

    fn string(&mut self) {
        let mut is_escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        let Some((end, _)) = end else {
            let all = self.take(self.rest.len());
            let length = Masked::length(all);
            return self.out.push_str(&length.0);
        };
        let token = self.take(end + 1);
        let text = serde_json::from_str::<String>(token).map_err(|_| Masked::length(token));
        let is_key = self.rest.trim_ascii_start().starts_with(':');
        let shown = match (text, is_key) {
            (Ok(text), true) => {
                let shown = Masked::value(&text);
                self.key = Some(text);
                shown
            }
            (Ok(text), false) => self.value(&text),
            (Err(length), _) => length,
        };
        self.quoted(&shown);
    }

    fn value(&self, text: &str) -> Masked {
        match self.care() {
            Care::Value => Masked::value(text),
            Care::Digits(len) => {
                let is_it = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
                if is_it { Masked(text.to_owned()) } else { Masked::value(text) }
            }
            Care::Own => Masked::text(text),
            Care::Cipher => Masked::cipher_text(text).unwrap_or_else(|| Masked::length(text)),
            Care::Personal => Masked::length(text),
            Care::Secret => Masked("***".to_owned()),
        }
    }

    /// Whether not even `true` or `false` is shown, by the field or by what holds it. A name alone
    /// says nothing of a flag: it may well be `isNamed`.
    fn hides_flags(&self) -> bool {
        let inherited = self.levels.last().map_or(Care::Value, |level| level.inherited);
        let field = self.rules.field(&self.path());
        let is_open = field.is_none_or(|field| field.privacy == Privacy::Open);
        !is_open || [Care::Personal, Care::Secret].contains(&inherited)
    }

    fn quoted(&mut self, text: &Masked) {
        self.out.push_str(&serde_json::Value::from(text.as_str()).to_string());
    }

    /// A number, `true`, `false`, `null`, or what is no token.
    fn word(&mut self) {
        let end = self.rest.find(|c: char| " \t\r\n{}[],:\"".contains(c));
        let word = self.take(end.unwrap_or(self.rest.len()));
        if end.is_none() {
            // Cut off: of a number's beginning nothing says that it is one.
            return self.out.push_str(&Masked::length(word).0);
        }
        if word == "null" || (["true", "false"].contains(&word) && !self.hides_flags()) {
            return self.out.push_str(word);
        }
        if serde_json::from_str::<&RawValue>(word).is_err() {
            return self.out.push_str(&Masked::length(word).0);
        }
        let is_flag = ["true", "false"].contains(&word);
        let shown = if is_flag { Masked("***".to_owned()) } else { self.value(word) };
        if shown.as_str() == word { self.out.push_str(word) } else { self.quoted(&shown) }
    }
}

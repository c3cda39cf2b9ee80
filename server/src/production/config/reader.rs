//! Reads the keys of a configuration by their names and gathers what is wrong with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Shown;
use super::keys::{KEYS, Key, Need};
use crate::settings::{Settings, Source};

/// Descriptors that have another use: standard output and error.
const DESCRIPTORS_TAKEN: [i64; 2] = [1, 2];

pub(super) struct Reader {
    given: BTreeMap<String, Value>,
    folder: PathBuf,
    pub(super) problems: Vec<String>,
}

impl Reader {
    /// A reader of the keys in a file's table, and the lines that are settings.
    pub(super) fn new(table: Table, path: &Path) -> (Self, Table) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut reader = Reader { given: BTreeMap::new(), folder, problems: Vec::new() };
        let mut lines = Table::new();
        for (name, value) in table {
            match (Settings::NAMES.contains(&name.as_str()), is_table(&name), value) {
                (true, _, value) => drop(lines.insert(name, value)),
                (false, true, Value::Table(within)) => {
                    for (inner, value) in within {
                        reader.take(format!("{name}.{inner}"), value);
                    }
                }
                (false, _, value) => reader.take(name, value),
            }
        }
        for Key { name, .. } in KEYS.iter().filter(|key| key.need == Need::Required) {
            if !reader.has(name) {
                reader.wrong(&format!("{name} is missing"));
            }
        }
        (reader, lines)
    }

    fn take(&mut self, name: String, value: Value) {
        if KEYS.iter().any(|key| key.name == name) {
            self.given.insert(name, value);
        } else if is_table(&name) {
            self.wrong(&format!("{name} is a table: write [{name}] above its keys"));
        } else {
            self.wrong(&format!("`{name}` is no setting"));
        }
    }

    /// Notes what is wrong.
    pub(super) fn wrong(&mut self, sentence: &str) {
        self.problems.push(sentence.to_owned());
    }

    /// Whether it is in the file, right or wrong.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A text; its default where it is not given.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.given.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
            Some(_) => {
                self.wrong(&format!("{name} must be a text between quotation marks"));
                None
            }
            None => KEYS.iter().find(|key| key.name == name).and_then(|key| match key.need {
                Need::Default(value) => Some(value.to_owned()),
                Need::Required | Need::Optional => None,
            }),
        }
    }

    /// A path, from the file's own folder.
    pub(super) fn path(&mut self, name: &str) -> Option<PathBuf> {
        let text = self.text(name)?;
        Some(self.beside(Path::new(&text)))
    }

    /// A path, as it is meant within the file. None stays none.
    pub(super) fn beside(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { PathBuf::new() } else { self.folder.join(path) }
    }

    /// An address with a port.
    pub(super) fn address(&mut self, name: &str) -> SocketAddr {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let Some(text) = self.text(name) else { return nowhere };
        text.parse().unwrap_or_else(|_| {
            self.wrong(&format!("{name} cannot be `{text}`: give an IP address and a port"));
            nowhere
        })
    }

    /// Whether something is so.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.given.get(name) {
            Some(Value::Boolean(is_so)) => *is_so,
            Some(_) => {
                self.wrong(&format!("{name} must be true or false"));
                false
            }
            None => false,
        }
    }

    /// A number of a descriptor.
    pub(super) fn descriptor(&mut self, name: &str) -> Option<u32> {
        let number = self.given.get(name)?.as_integer();
        let number = number.filter(|number| !DESCRIPTORS_TAKEN.contains(number));
        let number = number.and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.wrong(&format!("{name} must be the number of a descriptor, and not 1 or 2"));
        }
        number
    }

    /// A command's name and arguments.
    pub(super) fn words(&mut self, name: &str) -> Option<Vec<String>> {
        let words = self.given.get(name)?.as_array().and_then(|words| {
            words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let words = words.filter(|words| words.first().is_some_and(|name| !name.is_empty()));
        if words.is_none() {
            self.wrong(&format!("{name} must be a list of texts, the first one the program"));
        }
        words
    }

    /// So many paths.
    pub(super) fn paths(&mut self, name: &str, count: usize) -> Option<Vec<PathBuf>> {
        let paths = self.given.get(name)?.as_array().filter(|paths| paths.len() == count);
        let paths = paths.and_then(|paths| {
            let path = |text: &str| (!text.is_empty()).then(|| self.beside(Path::new(text)));
            paths.iter().map(|text| text.as_str().and_then(path)).collect::<Option<Vec<_>>>()
        });
        if paths.is_none() {
            self.wrong(&format!("{name} must be a list of {count} paths"));
        }
        paths
    }

    /// Tables of texts, all with these keys and no others.
    pub(super) fn tables<const N: usize>(
        &mut self,
        name: &str,
        keys: [&str; N],
    ) -> Vec<[String; N]> {
        let Some(value) = self.given.get(name) else { return Vec::new() };
        let read = |value: &Value| {
            let table = value.as_table().filter(|table| table.len() == N)?;
            let texts = keys.iter().map(|key| Some(table.get(*key)?.as_str()?.to_owned()));
            texts.collect::<Option<Vec<_>>>()?.try_into().ok()
        };
        let tables = value.as_array().and_then(|all| all.iter().map(read).collect());
        tables.unwrap_or_else(|| {
            let keys = keys.join(" and ");
            self.wrong(&format!(
                "{name} must be tables [[{name}]] with the texts {keys}, no other"
            ));
            Vec::new()
        })
    }

    /// A text, or a list of them.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.given.get(name)?;
        let texts = match (value.as_str(), value.as_array()) {
            (Some(text), _) => Some(vec![text.to_owned()]),
            (None, Some(texts)) => {
                texts.iter().map(|text| text.as_str().map(str::to_owned)).collect()
            }
            (None, None) => None,
        };
        let texts = texts.filter(|texts: &Vec<String>| !texts.is_empty());
        if texts.is_none() {
            self.wrong(&format!(
                "{name} must be a text between quotation marks, or a list of them"
            ));
        }
        texts
    }

    /// All keys, with what the file says.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let shown = KEYS.iter().map(|Key { name, need, .. }| {
            let (value, source) = match (self.given.get(*name), need) {
                (Some(Value::String(text)), _) => (Some(text.clone()), Source::File),
                (Some(value), _) => (serde_json::to_string(value).ok(), Source::File),
                (None, Need::Default(value)) => (Some((*value).to_owned()), Source::Default),
                (None, Need::Required | Need::Optional) => (None, Source::Default),
            };
            Shown { name: (*name).to_owned(), value, source }
        });
        shown.collect()
    }
}

/// Whether keys are within a table of this name.
fn is_table(name: &str) -> bool {
    let own = |key: &Key| key.name.split_once('.').is_some_and(|(table, _)| table == name);
    KEYS.iter().any(own)
}

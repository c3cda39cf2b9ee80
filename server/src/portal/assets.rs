//! The files that pages load, embedded in the binary.

use std::sync::LazyLock;

use super::reply::{Kind, hash};

/// A file.
pub(super) struct Asset {
    /// Its name below `/assets/`.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its text; a module names the modules that it imports by their hashes.
    pub(super) body: String,
    /// Tells it from other versions of itself.
    hash: String,
}

macro_rules! files {
    ($($kind:ident $name:literal,)+) => {
        const FILES: &[(Kind, &str, &str)] =
            &[ $( (Kind::$kind, $name, include_str!(concat!("assets/", $name))) ),+ ];
    };
}

// A file stands behind those that it imports.
files! {
    Svg "icon.svg",
    Css "style.css",
    JavaScript "theme.js",
    JavaScript "json.js",
    JavaScript "dom.js",
    JavaScript "wire.js",
    JavaScript "views.js",
    JavaScript "live.js",
    JavaScript "page.js",
    JavaScript "search.js",
    JavaScript "try-it.js",
    JavaScript "log.js",
}

static ALL: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let mut all: Vec<Asset> = Vec::new();
    for (kind, name, text) in FILES {
        let import = |text: String, other: &Asset| {
            let (import, versioned) = (format!("'./{}'", other.name), url_of(other));
            text.replace(&import, &format!("'{versioned}'"))
        };
        let body = all.iter().fold((*text).to_owned(), import);
        all.push(Asset { name, kind: *kind, hash: hash(&body), body });
    }
    all
});

/// All files.
pub(super) fn all() -> &'static [Asset] {
    &ALL
}

fn url_of(asset: &Asset) -> String {
    format!("/assets/{}?v={}", asset.name, asset.hash)
}

/// The address of a file, by which a browser may keep it for ever. The address alone where there
/// is no such file, which the test of links finds.
pub(super) fn url(name: &str) -> String {
    let found = ALL.iter().find(|asset| asset.name == name);
    found.map_or_else(|| format!("/assets/{name}"), url_of)
}

/// The words that scripts show, by their names.
pub(super) const WORDS: (&str, &str) =
    (include_str!("assets/words.en.json"), include_str!("assets/words.ko.json"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_import_each_other_by_hash() {
        for asset in all().iter().filter(|asset| asset.kind == Kind::JavaScript) {
            assert!(!asset.body.contains("from './"), "{}: an import without its hash", asset.name);
        }
    }

    /// What runs in the browser is small enough to be read.
    #[test]
    fn scripts_are_few_lines() {
        const LINES_MAX: usize = 1_500;
        let scripts = all().iter().filter(|asset| asset.kind == Kind::JavaScript);
        let lines: usize = scripts.map(|script| script.body.lines().count()).sum();
        assert!(lines < LINES_MAX, "{lines}");
    }

    #[test]
    fn scripts_have_the_same_words_in_both_languages() {
        let names = |text: &str| -> Vec<String> {
            let words: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(text).unwrap();
            words.keys().cloned().collect()
        };
        assert_eq!(names(WORDS.0), names(WORDS.1));
    }
}

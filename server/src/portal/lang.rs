//! The portal's languages.

/// A language of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Korean.
    Ko,
}

impl Lang {
    /// The address of a page in this language.
    pub fn path(self, path: &str) -> String {
        match self {
            Lang::En => path.to_owned(),
            Lang::Ko => format!("/ko{path}"),
        }
    }
}

//! Which database to open.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::config::{Config, Host};

use crate::error::OpenError;
use crate::postgres::address;

/// Which database to open. `Display` and `Debug` leave a password out.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A file, created when it is missing.
    Sqlite(PathBuf),
    /// A `postgres://` URL. With `sslmode=verify-full&sslrootcert=FILE` the connection is encrypted,
    /// and the server's certificate must name its host and be signed by one of the file's.
    Postgres(String),
}

impl Target {
    /// Reads `postgres://…`, `postgresql://…` or the path of a file.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        let refused = |reason: &str| Err(OpenError::Target(reason.to_owned()));
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The parser's own reason may quote the URL, password and all.
            return match address::read(text) {
                Ok(_) => Ok(Self::Postgres(text.to_owned())),
                Err(reason) => refused(reason),
            };
        }
        if text.is_empty() || text.contains("://") || text.starts_with(":memory:") {
            return refused("give a postgres:// URL or the path of a file");
        }
        Ok(Self::Sqlite(PathBuf::from(text)))
    }

    /// Whether a password stands in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(url) => {
                address::read(url).is_ok_and(|read| read.config.get_password().is_some())
            }
        }
    }

    /// This database with a password; a file needs none.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(path.clone()),
            Self::Postgres(url) => {
                let mark = if url.contains('?') { '&' } else { '?' };
                let mut url = format!("{url}{mark}password=");
                for byte in password.bytes() {
                    match byte {
                        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
                        _ => url.push_str(&format!("%{byte:02X}")),
                    }
                }
                Self::Postgres(url)
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => match address::read(url) {
                Ok(read) => write_server(f, &read.config),
                Err(_) => f.write_str("postgres://"),
            },
        }
    }
}

fn write_server(f: &mut fmt::Formatter<'_>, config: &Config) -> fmt::Result {
    f.write_str("postgres://")?;
    if let Some(user) = config.get_user() {
        write!(f, "{user}@")?;
    }
    for (index, host) in config.get_hosts().iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        match host {
            Host::Tcp(name) => write!(f, "{comma}{name}")?,
            Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
        }
        let ports = config.get_ports();
        if let Some(port) = ports.get(index).or_else(|| ports.first()) {
            write!(f, ":{port}")?;
        }
    }
    write!(f, "/{}", config.get_dbname().unwrap_or_default())
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_hides_the_password() {
        let target = Target::parse("postgres://ann:s3cret@db.example:5433/platen").unwrap();
        assert_eq!(target.to_string(), "postgres://ann@db.example:5433/platen");
        assert!(!format!("{target:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_is_put_in_as_it_is() {
        for url in ["postgres://ann@db.example/platen", "postgres://ann@h/p?connect_timeout=3"] {
            let bare = Target::parse(url).unwrap();
            assert!(!bare.has_password());
            let password = "a &=%?#/@:+é";
            let Target::Postgres(with) = bare.with_password(password) else { panic!("{url}") };
            let config = with.parse::<Config>().unwrap();
            assert_eq!(config.get_password(), Some(password.as_bytes()));
            let target = Target::parse(&with).unwrap();
            assert!(target.has_password());
            assert_eq!(target.to_string(), bare.to_string());
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_being_quoted() {
        for text in ["postgres://ann:s3cret@db:port/x", "mysql://s3cret", ":memory:", ""] {
            let error = Target::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}

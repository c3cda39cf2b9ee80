//! A `postgres://` URL: what the driver reads of it, and what is for TLS.

use std::path::PathBuf;

use tokio_postgres::config::{Config, SslMode};

/// Where a server is, and how it proves who it is.
pub(crate) struct Address {
    pub(crate) config: Config,
    /// The certificates that it must be signed by; none: the connection is in clear.
    pub(crate) root_certificates: Option<PathBuf>,
}

/// Why a URL cannot be used, as a sentence that does not quote it: a password may stand in it.
const UNREADABLE: &str = "the postgres:// URL cannot be read";
/// Encryption to whoever answers protects nothing.
const NOT_PROVED: &str = "sslmode=require and sslmode=verify-full need sslrootcert=FILE, the \
                          certificates that the server's must be signed by";
const CONTRADICTION: &str = "sslrootcert goes with sslmode=verify-full alone";

/// Reads a URL. `sslrootcert` and `sslmode=verify-full`, which the driver does not know, are as
/// libpq has them; `require` is as strict.
pub(crate) fn read(url: &str) -> Result<Address, &'static str> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut kept, mut root_certificates, mut is_asked) = (Vec::new(), None, false);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) => {
                root_certificates = Some(PathBuf::from(decoded(path).ok_or(UNREADABLE)?));
            }
            Some(("sslmode", "verify-full" | "require")) => is_asked = true,
            Some(_) | None => kept.push(pair),
        }
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    let text = format!("{base}{mark}{}", kept.join("&"));
    let mut config = text.parse::<Config>().map_err(|_| UNREADABLE)?;
    match (is_asked, root_certificates.is_some()) {
        (true, false) => return Err(NOT_PROVED),
        (false, true) => return Err(CONTRADICTION),
        (true, true) => {
            config.ssl_mode(SslMode::Require);
        }
        (false, false) => {
            config.ssl_mode(SslMode::Disable);
        }
    }
    Ok(Address { config, root_certificates })
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?.to_owned();
        bytes.push(u8::from_str_radix(&digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_asked_for_with_its_certificates_or_not_at_all() {
        let read = |query: &str| read(&format!("postgres://ann@a:1,b:2/p?{query}"));
        let clear = read("connect_timeout=3").unwrap();
        assert_eq!(clear.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(clear.root_certificates, None);
        for mode in ["require", "verify-full"] {
            let query = format!("sslmode={mode}&connect_timeout=3&sslrootcert=/a%20b/ca.pem");
            let secured = read(&query).unwrap();
            assert_eq!(secured.config.get_ssl_mode(), SslMode::Require);
            assert_eq!(secured.root_certificates, Some(PathBuf::from("/a b/ca.pem")));
            assert_eq!(secured.config.get_hosts().len(), 2);
            assert!(secured.config.get_connect_timeout().is_some());
            assert_eq!(read(&format!("sslmode={mode}")).err(), Some(NOT_PROVED));
        }
        assert_eq!(read("sslrootcert=ca.pem").err(), Some(CONTRADICTION));
        assert_eq!(read("sslmode=strange").err(), Some(UNREADABLE));
        assert_eq!(read("sslmode=require&sslrootcert=%4").err(), Some(UNREADABLE));
    }
}

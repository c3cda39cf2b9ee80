//! The tran token.

use contract::headers::TRAN_TOKEN;
use crypto::secret::Secret;
use crypto::tran_token::{TokenKey, TranToken};

/// What parses has the documented form, verifies nothing by itself, and its time can be issued
/// again; what is issued verifies for its own body alone.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(token) = TranToken::parse(text) else { return };
    assert!(TRAN_TOKEN.accepts(text));
    let key = TokenKey::new(&Secret::new("secret".to_owned()));
    let body = &data[..data.len() / 2];
    let own = key.issue(token.time_digits(), body);
    assert_eq!(token.verify(&key, body), own == text);
    let issued = TranToken::parse(&own).unwrap();
    assert!(issued.verify(&key, body) && !issued.verify(&key, data));
    assert_eq!(issued.time_digits(), token.time_digits());
}

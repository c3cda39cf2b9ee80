//! The worked examples: computed by the platform's own code when a page is rendered, from inputs
//! that are plainly examples.

use contract::headers;
use crypto::jwe::{self, Enc, PrivateKey};
use crypto::secret::Secret;
use crypto::tran_token::TokenKey;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};

/// The text whose hexadecimal form is the examples' secret key.
const SECRET_TEXT: &str = "this is an example, not a secret";
/// The examples' private key. It was made for this page and is printed on it.
pub(super) const PRIVATE_KEY: &str = include_str!("example_private_key.pem");
/// How the example is encrypted.
pub(super) const ENC: Enc = Enc::A128Gcm;

/// The examples' secret key: 64 hexadecimal digits, as a real one.
pub(super) fn secret_key() -> String {
    HEXLOWER.encode(SECRET_TEXT.as_bytes())
}

/// The time in the examples' token.
pub(super) fn token_time() -> &'static str {
    headers::TRAN_TOKEN.example.split(':').nth(1).unwrap_or_default()
}

/// A signature and how it comes about.
pub(super) struct Signed {
    /// The whole token.
    pub(super) token: String,
    /// Base64 of the HMAC: the last part of the token.
    pub(super) mac: String,
    /// The HMAC in hexadecimal digits.
    pub(super) mac_hex: String,
}

/// Signs a body with the examples' secret key.
pub(super) fn sign(body: &[u8]) -> Signed {
    signed_by(&secret_key(), body)
}

/// What comes of taking the secret for what its hexadecimal digits stand for.
pub(super) fn sign_with_decoded_secret(body: &[u8]) -> Signed {
    signed_by(SECRET_TEXT, body)
}

fn signed_by(secret: &str, body: &[u8]) -> Signed {
    let key = TokenKey::new(&Secret::new(secret.to_owned()));
    let token = key.issue(token_time(), body);
    let mac = token.rsplit(':').next().unwrap_or_default().to_owned();
    let mac_hex = HEXLOWER.encode(&BASE64.decode(mac.as_bytes()).unwrap_or_default());
    Signed { token, mac, mac_hex }
}

/// An encrypted body and its parts.
pub(super) struct Sealed {
    /// The public half of [`PRIVATE_KEY`].
    pub(super) public_key: String,
    /// The JWE.
    pub(super) compact: String,
    /// Its five parts as they stand in it.
    pub(super) parts: [String; 5],
    /// The parts as bytes.
    pub(super) bytes: [Vec<u8>; 5],
}

impl Sealed {
    /// Encrypts a body for the holder of the examples' private key. Content key and IV are drawn
    /// anew each time, as they must be.
    pub(super) fn of(clear: &str) -> Option<Self> {
        let key = PrivateKey::from_pkcs8_pem(PRIVATE_KEY).ok()?;
        let compact = jwe::encrypt(clear.as_bytes(), &key.public_key(), ENC).ok()?;
        let parts: Vec<String> = compact.split('.').map(str::to_owned).collect();
        let parts: [String; 5] = parts.try_into().ok()?;
        let bytes = parts
            .each_ref()
            .map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default());
        Some(Sealed { public_key: key.public_key_pem().ok()?, compact, parts, bytes })
    }

    /// The body as it is sent, and signed.
    pub(super) fn envelope(&self) -> String {
        format!("{{\"encData\":\"{}\"}}", self.compact)
    }
}

/// The first bytes of a text in hexadecimal digits, in pairs.
pub(super) fn hex_start(bytes: &[u8], count: usize) -> String {
    let pairs: Vec<String> = bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

//! What a partner is given for a project, as `platen credentials` prints it.

use std::collections::BTreeMap;
use std::fmt;

use crypto::jwe::{KeyError, PrivateKey, PublicKey};
use crypto::secret::Secret;
use serde_json::Value;

use crate::dotenv;

/// A project's credentials.
#[derive(Clone)]
pub struct Credentials {
    /// The partner's id, 15 digits.
    pub asp_id: String,
    /// The access key, 40 characters: names the secret key in the headers.
    pub access_key: String,
    /// The secret key, which signs.
    pub secret_key: Secret<String>,
    /// Names the two keys below, 32 hex digits.
    pub crypto_key_id: String,
    /// Encrypts requests.
    pub server_public_key: PublicKey,
    /// Decrypts answers.
    pub client_private_key: PrivateKey,
}

/// Why a text holds no credentials. Names what is at fault, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The text is no dotenv file.
    #[error("Line {0} of the credentials is not NAME=value.")]
    Line(usize),
    /// The text is no JSON object.
    #[error("The credentials are not a JSON object.")]
    Json,
    /// A variable or member is not there, or empty.
    #[error("The credentials have no {0}.")]
    Missing(&'static str),
    /// A key is not accepted.
    #[error("The credentials' {name} is not accepted: {source}")]
    Key {
        /// The variable or member.
        name: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// Names of the six values in one of the two forms.
struct Names {
    asp_id: &'static str,
    access_key: &'static str,
    secret_key: &'static str,
    crypto_key_id: &'static str,
    server_public_key: &'static str,
    client_private_key: &'static str,
}

const DOTENV: Names = Names {
    asp_id: "PLATEN_ASP_ID",
    access_key: "PLATEN_ACCESS_KEY",
    secret_key: "PLATEN_SECRET_KEY",
    crypto_key_id: "PLATEN_CRYPTO_KEY_ID",
    server_public_key: "PLATEN_SERVER_PUBLIC_KEY",
    client_private_key: "PLATEN_CLIENT_PRIVATE_KEY",
};

const JSON: Names = Names {
    asp_id: "aspId",
    access_key: "accessKey",
    secret_key: "secretKey",
    crypto_key_id: "cryptoKeyId",
    server_public_key: "serverPublicKey",
    client_private_key: "clientPrivateKey",
};

impl Credentials {
    /// Reads `PLATEN_ASP_ID=...` and so on; values may be quoted, keys with `\n` for line ends.
    pub fn from_dotenv(text: &str) -> Result<Self, CredentialsError> {
        let variables = dotenv::parse(text).map_err(CredentialsError::Line)?;
        Self::read(&DOTENV, &variables)
    }

    /// Reads `{"aspId": ...}` and so on; other members are passed over.
    pub fn from_json(text: &str) -> Result<Self, CredentialsError> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Err(CredentialsError::Json);
        };
        let members = object
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .map(|(name, value)| (name, Secret::new(value.to_owned())))
            .collect();
        Self::read(&JSON, &members)
    }

    fn read(
        names: &Names,
        values: &BTreeMap<&str, Secret<String>>,
    ) -> Result<Self, CredentialsError> {
        let get = |name: &'static str| {
            let value = values.get(name).filter(|value| !value.expose().is_empty());
            value.ok_or(CredentialsError::Missing(name))
        };
        let key = |name| move |source| CredentialsError::Key { name, source };
        Ok(Self {
            asp_id: get(names.asp_id)?.expose().clone(),
            access_key: get(names.access_key)?.expose().clone(),
            secret_key: get(names.secret_key)?.clone(),
            crypto_key_id: get(names.crypto_key_id)?.expose().clone(),
            server_public_key: PublicKey::from_spki_pem(get(names.server_public_key)?.expose())
                .map_err(key(names.server_public_key))?,
            client_private_key: PrivateKey::from_pkcs8_pem(get(names.client_private_key)?.expose())
                .map_err(key(names.client_private_key))?,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("asp_id", &self.asp_id)
            .field("crypto_key_id", &self.crypto_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

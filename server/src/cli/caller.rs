//! What the commands that call a server share: where it is, and as whom they call.

use std::path::PathBuf;

use clap::Args;
use client::{Client, Credentials, Encryption};
use contract::Spec;
use crypto::jwe::{Enc, PrivateKey, PublicKey};
use crypto::secret::Secret;

use super::{Database, Failure, credentials};
use crate::context::Clock;
use crate::sandbox::{ASP_ID, keys};

/// A server, and the credentials to call it with.
#[derive(Args)]
pub(super) struct Server {
    /// Where the sandbox listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) url: String,
    #[command(flatten)]
    database: Database,
    /// Credentials as `platen credentials` prints them (dotenv or JSON), instead of the database.
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    credentials: Option<PathBuf>,
}

impl Server {
    /// A client of it.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.url, self.credentials()?, || Clock.now().0 / 1_000)?)
    }

    fn credentials(&self) -> Result<Credentials, Failure> {
        let Some(path) = &self.credentials else {
            return of_sandbox(&credentials::read(&self.database.target()?)?);
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))?;
        Ok(if text.trim_start().starts_with('{') {
            Credentials::from_json(&text)?
        } else {
            Credentials::from_dotenv(&text)?
        })
    }
}

/// Nobody listens there.
pub(super) fn nobody_at(url: &str) -> Failure {
    Failure(format!("no sandbox answers at {url}; start one with `platen sandbox`"))
}

/// How the operation's page says that it is called.
pub(super) fn documented(spec: &Spec) -> Encryption {
    if spec.request_encrypted {
        Encryption::Encrypted(Enc::A256Gcm)
    } else if spec.response_encrypted {
        Encryption::AnswerOnly
    } else {
        Encryption::Plain
    }
}

/// The client's form of a sandbox's credentials.
pub(super) fn of_sandbox(kept: &keys::Credentials) -> Result<Credentials, Failure> {
    Ok(Credentials {
        asp_id: ASP_ID.to_owned(),
        access_key: kept.access_key.clone(),
        secret_key: Secret::new(kept.secret_key.clone()),
        crypto_key_id: kept.crypto_key_id.clone(),
        server_public_key: PublicKey::from_spki_pem(&kept.server_public_key)?,
        client_private_key: PrivateKey::from_pkcs8_pem(&kept.client_private_key)?,
    })
}

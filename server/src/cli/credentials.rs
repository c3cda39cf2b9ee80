//! `platen credentials`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::AspId;
use serde_json::json;
use store::{Target, Tx};

use super::{Database, Failure, Outcome, say};
use crate::sandbox::ASP_ID;
use crate::sandbox::keys::{self, unwrapped};
use crate::sandbox::run::open;
use crate::settings::Settings;

/// Print a sandbox project's keys.
///
/// Examples:
///   platen credentials > .env
///   platen credentials --format json --database /tmp/s.db
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Credentials {
    #[command(flatten)]
    database: Database,
    /// How they are printed.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Dotenv)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Dotenv,
    Json,
}

impl Credentials {
    pub(super) fn run(self) -> Outcome {
        let read = read(&self.database.target()?)?;
        let fields = [
            ("PLATEN_ASP_ID", "aspId", ASP_ID),
            ("PLATEN_ACCESS_KEY", "accessKey", &read.access_key),
            ("PLATEN_SECRET_KEY", "secretKey", &read.secret_key),
            ("PLATEN_CRYPTO_KEY_ID", "cryptoKeyId", &read.crypto_key_id),
            ("PLATEN_SERVER_PUBLIC_KEY", "serverPublicKey", &read.server_public_key),
            ("PLATEN_CLIENT_PRIVATE_KEY", "clientPrivateKey", &read.client_private_key),
        ];
        match self.format {
            Format::Dotenv => {
                for (name, _, value) in fields {
                    say(format_args!("{name}=\"{}\"", value.trim_end().replace('\n', "\\n")));
                }
            }
            Format::Json => {
                let object: serde_json::Map<_, _> = fields
                    .iter()
                    .map(|(_, key, value)| ((*key).to_owned(), json!(value)))
                    .collect();
                say(format_args!("{:#}", serde_json::Value::Object(object)));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The credentials that a sandbox's database holds.
pub(super) fn read(target: &Target) -> Result<keys::Credentials, Failure> {
    let (store, core) = open(target, &Settings::default(), false)?;
    let ring = core.keys.ring();
    let work = move |tx: &mut Tx<'_>| keys::Credentials::read(tx, &AspId::new(ASP_ID), &ring);
    Ok(store.read_blocking(work).map_err(unwrapped)?)
}

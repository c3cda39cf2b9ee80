//! Settings of the connector.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use super::is_success_code;
use crate::{BankTranId, RefusalCause};

/// How to reach the bank, and what its codes mean.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the API without a path, `https://…`; of a simulator `http://…`.
    pub base_url: String,
    /// Other gateways, by account.
    pub gateways: Vec<Gateway>,
    /// Our id at the bank.
    pub client_id: String,
    /// The secret to it.
    pub client_secret: ClientSecret,
    /// Our institution's code, 10 characters: the first part of each order's id.
    pub institution_code: String,
    /// The contract account that the fees arrive at, and are given back from (`cntr_account_num`).
    pub contract_account: String,
    /// The passphrase that the bank wants with each deposit (`wd_pass_phrase`). Where none was
    /// agreed, deposits say `NONE`.
    pub deposit_passphrase: Option<ClientSecret>,
    /// Whom a withdrawal names as the final receiver, where the bank wants it.
    pub receiver: Option<Receiver>,
    /// The codes that are refusals. Any other code leaves an order unknown.
    pub codes: BTreeMap<String, RefusalCause>,
    /// The codes by which an inquiry says that there is no such order.
    pub not_found_codes: BTreeSet<String>,
    /// The codes by which the bank says that it executed nothing, as the token is not valid.
    pub token_rejected_codes: BTreeSet<String>,
}

/// A gateway beside the first one: the accounts registered through it are reached there only.
///
/// The longest prefix wins. It gives its own bearer tokens, for the same client.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// How the numbers (`fintech_use_num`) begin that this gateway gave out.
    pub fintech_prefix: String,
    /// Its address, as in [`Config::base_url`].
    pub base_url: String,
}

/// The account that the money is meant for in the end.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Its holder.
    pub name: String,
    /// Its bank, 3 digits.
    pub bank_code: String,
    /// Its number.
    pub account_num: String,
}

/// A secret that we, the client, share with the bank. It does not print.
#[derive(Clone)]
pub struct ClientSecret(String);

/// What is wrong with a [`Config`].
#[derive(Debug, Error)]
pub enum ConfigError {
    /// An address.
    #[error("`{0}` is not an http or https address without a path")]
    BaseUrl(String),
    /// The institution's code.
    #[error("an institution code is 10 characters of 0-9 and A-Z")]
    InstitutionCode,
    /// A gateway for every account.
    #[error("a gateway needs a prefix: base_url is for all other accounts")]
    GatewayPrefix,
    /// A list with an empty code, or one that would make an executed order look like another.
    #[error("code `{0}` is empty or says that the order was executed; it cannot be listed")]
    Code(String),
    /// The HTTP client.
    #[error(
        "the HTTP client cannot be built: {0}; are the certificates of authorities here, as \
         Debian's package ca-certificates has them?"
    )]
    Http(#[source] reqwest::Error),
}

impl ClientSecret {
    /// Wraps the secret.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

impl Config {
    /// Every address that orders go to.
    pub(super) fn base_urls(&self) -> impl Iterator<Item = &str> {
        let others = self.gateways.iter().map(|gateway| gateway.base_url.as_str());
        [self.base_url.as_str()].into_iter().chain(others)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = self.base_urls().find(|url| !is_base_url(url)) {
            return Err(ConfigError::BaseUrl(url.to_owned()));
        }
        if BankTranId::new(&self.institution_code, 0).is_err() {
            return Err(ConfigError::InstitutionCode);
        }
        if self.gateways.iter().any(|gateway| gateway.fintech_prefix.is_empty()) {
            return Err(ConfigError::GatewayPrefix);
        }
        let listed =
            self.codes.keys().chain(&self.not_found_codes).chain(&self.token_rejected_codes);
        match listed.into_iter().find(|code| code.is_empty() || is_success_code(code)) {
            Some(code) => Err(ConfigError::Code(code.clone())),
            None => Ok(()),
        }
    }
}

fn is_base_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

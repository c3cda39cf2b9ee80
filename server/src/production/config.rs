//! The configuration of a production platform: one TOML file with every setting and what production
//! needs besides. Secrets stand in files of their own; the configuration names them.

mod keys;
mod reader;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use bank::{
    ClientSecret, Gateway, OpenBanking, Receiver, default_not_found_codes,
    default_token_rejected_codes,
};
use crypto::token::{TokenError, is_label};
use domain::Timestamp;
use store::{OpenError, Target};

use super::master::{LINES_MAX, Pkcs11, Source as MasterSource, Sources, shares};
use super::secret_file::{self, SecretFileError};
use super::tls::{self, TlsFiles};
use crate::settings::{Loaded, SettingFlags, Settings, Source};
use reader::Reader;

pub use keys::reference;

/// Why a configuration cannot be used: all that is wrong with it.
#[derive(Debug, thiserror::Error)]
pub struct Problems {
    path: PathBuf,
    /// What is wrong, a sentence each.
    pub all: Vec<String>,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot be used: {}", self.path.display(), self.all.join("; "))
    }
}

/// What stands between callers and the API's listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Front {
    /// TLS of our own.
    Tls(TlsFiles),
    /// A proxy that ends TLS.
    Proxy,
    /// Nothing: callers are on this machine.
    Nothing,
}

/// The bank, as the configuration names it.
#[derive(Debug, Clone)]
pub struct BankConfig {
    url: String,
    gateways: Vec<Gateway>,
    client_id: String,
    client_secret_file: PathBuf,
    institution_code: String,
    contract_account: String,
    deposit_passphrase_file: Option<PathBuf>,
    receiver: Option<Receiver>,
}

/// A value, as `platen config show` tells it.
pub struct Shown {
    /// The setting.
    pub name: String,
    /// Its value; none where it is not set.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// A configuration.
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where metrics, state and portal are.
    pub admin_listen: SocketAddr,
    /// What stands before the API.
    pub front: Front,
    /// Where the master key comes from.
    pub master_key: Sources,
    /// Settings in force.
    pub settings: Settings,
    /// Everything, with its source.
    pub shown: Vec<Shown>,
    /// Without its password.
    database: Target,
    database_password_file: Option<PathBuf>,
    bank: BankConfig,
}

/// Why the bank's connector cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// A secret.
    #[error("bank: {0}")]
    Secret(#[from] SecretFileError),
    /// The connector's own reason.
    #[error("bank: {0}")]
    Config(#[from] bank::ConfigError),
    /// The table of its codes.
    #[error("bank_codes: {0}")]
    Codes(#[from] bank::CodesError),
}

impl Config {
    /// Reads a configuration that can be used as far as its text goes.
    pub fn read(path: &Path, flags: &SettingFlags) -> Result<Self, Problems> {
        let (config, all) = Self::draft(path, flags)?;
        if all.is_empty() { Ok(config) } else { Err(Problems { path: path.to_owned(), all }) }
    }

    /// All that can be seen to be wrong without a database, a bank or a listener.
    pub fn check(path: &Path, flags: &SettingFlags, now: Timestamp) -> Result<(), Problems> {
        let (config, mut all) = Self::draft(path, flags)?;
        all.extend(config.wrong_files(now));
        if all.is_empty() { Ok(()) } else { Err(Problems { path: path.to_owned(), all }) }
    }

    /// A configuration and what is wrong with its text. What is missing is empty in it.
    fn draft(path: &Path, flags: &SettingFlags) -> Result<(Self, Vec<String>), Problems> {
        let whole = |sentence| Problems { path: path.to_owned(), all: vec![sentence] };
        let text = std::fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
        let table = text.parse::<toml::Table>().map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start));
            let line = line.map_or(1, |before| before.matches('\n').count() + 1);
            whole(format!("line {line}: {}", error.message()))
        })?;
        let (mut reader, lines) = Reader::new(table, path);
        let (Loaded { settings, sources, problems }, wrong) = Settings::from_lines(flags, lines);
        reader.problems.extend(wrong);
        reader.problems.extend(problems.iter().map(ToString::to_string));
        let mut shown = reader.shown();
        let values = settings.values().into_iter().zip(sources);
        shown.extend(values.map(|((name, value), source)| Shown {
            name: name.to_owned(),
            value: Some(value),
            source,
        }));
        let config = Config {
            path: path.to_owned(),
            listen: reader.address("listen"),
            admin_listen: reader.address("admin_listen"),
            front: front(&mut reader),
            master_key: master_key(&mut reader),
            settings,
            shown,
            database: database(&mut reader),
            database_password_file: reader.path("database_password_file"),
            bank: bank(&mut reader),
        };
        config.addresses(&mut reader.problems);
        Ok((config, reader.problems))
    }

    /// What is wrong with where it listens.
    fn addresses(&self, problems: &mut Vec<String>) {
        if self.front == Front::Nothing && !self.listen.ip().is_loopback() {
            problems.push(format!(
                "listen is {}, which others reach, and nothing encrypts: set tls.certificate and \
                 tls.private_key, or behind_proxy = true where a proxy does",
                self.listen
            ));
        }
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            problems.push(format!("listen and admin_listen are both {}", self.listen));
        }
    }

    /// What is wrong with the files that it names.
    fn wrong_files(&self, now: Timestamp) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut note = |problem: Option<String>| wrong.extend(problem);
        if let Some(path) = &self.database_password_file {
            let text = secret_file::text(path).err();
            note(text.map(|error| format!("database_password_file: {error}")));
        }
        self.master_key.wrong().into_iter().for_each(|error| note(Some(told(error))));
        match &self.front {
            Front::Tls(files) => note(tls::check(files, now).err().map(told)),
            Front::Proxy | Front::Nothing => {}
        }
        if self.bank.is_complete() {
            note(self.bank().err().map(told));
        }
        wrong
    }

    /// The database, with its password.
    pub fn target(&self) -> Result<Target, SecretFileError> {
        let Some(path) = &self.database_password_file else { return Ok(self.database.clone()) };
        Ok(self.database.with_password(secret_file::text(path)?.expose()))
    }

    /// The database, as it can be shown.
    pub const fn database(&self) -> &Target {
        &self.database
    }

    /// The first part of each order's id at the bank.
    pub fn institution_code(&self) -> &str {
        &self.bank.institution_code
    }

    /// The connector to the bank.
    pub fn bank(&self) -> Result<OpenBanking, BankError> {
        let secret = |path: &Path| {
            secret_file::text(path).map(|text| ClientSecret::new(text.expose().clone()))
        };
        let bank = &self.bank;
        let passphrase = bank.deposit_passphrase_file.as_deref().map(secret).transpose()?;
        Ok(OpenBanking::new(bank::Config {
            base_url: bank.url.trim_end_matches('/').to_owned(),
            gateways: bank.gateways.clone(),
            client_id: bank.client_id.clone(),
            client_secret: secret(&bank.client_secret_file)?,
            institution_code: bank.institution_code.clone(),
            contract_account: bank.contract_account.clone(),
            deposit_passphrase: passphrase,
            receiver: bank.receiver.clone(),
            codes: self.settings.bank_codes()?,
            not_found_codes: default_not_found_codes(),
            token_rejected_codes: default_token_rejected_codes(),
        })?)
    }
}

impl BankConfig {
    fn is_complete(&self) -> bool {
        let texts = [&self.url, &self.client_id, &self.institution_code, &self.contract_account];
        texts.iter().all(|text| !text.is_empty()) && !self.client_secret_file.as_os_str().is_empty()
    }
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}

fn front(reader: &mut Reader) -> Front {
    let files = (reader.path("tls.certificate"), reader.path("tls.private_key"));
    match (files, reader.flag("behind_proxy")) {
        ((Some(certificate), Some(private_key)), false) => {
            Front::Tls(TlsFiles { certificate, private_key })
        }
        ((None, None), true) => Front::Proxy,
        ((None, None), false) => Front::Nothing,
        ((_, _), true) => {
            reader.wrong("behind_proxy says that a proxy encrypts, and tls that we do: keep one");
            Front::Proxy
        }
        ((_, _), false) => {
            reader.wrong("tls needs both certificate and private_key");
            // Already refused; not to be refused for its address as well.
            Front::Proxy
        }
    }
}

fn database(reader: &mut Reader) -> Target {
    let target = match reader.text("database") {
        Some(text) => Target::parse(&text),
        None => Ok(Target::Sqlite(PathBuf::new())),
    };
    let has_file = reader.has("database_password_file");
    match target {
        Ok(Target::Sqlite(path)) => {
            if has_file {
                reader.wrong("database_password_file goes with a postgres:// database alone");
            }
            Target::Sqlite(reader.beside(&path))
        }
        Ok(target) => {
            if target.has_password() {
                reader.wrong(
                    "database has a password in it, which this file is no place for: take it out \
                     and name a database_password_file",
                );
            }
            target
        }
        Err(OpenError::Target(reason)) => {
            reader.wrong(&format!("database: {reason}"));
            Target::Sqlite(PathBuf::new())
        }
        Err(error) => {
            reader.wrong(&format!("database: {error}"));
            Target::Sqlite(PathBuf::new())
        }
    }
}

fn master_key(reader: &mut Reader) -> Sources {
    let file = reader.path("master_key.file").map(MasterSource::File);
    let descriptor = reader.descriptor("master_key.descriptor").map(MasterSource::Descriptor);
    let command = reader.words("master_key.command").map(MasterSource::Command);
    let shares = reader.paths("master_key.shares", shares::NEEDED).map(MasterSource::Shares);
    let mut given: Vec<_> = [file, descriptor, command, shares].into_iter().flatten().collect();
    let named = ["file", "descriptor", "command", "shares"];
    let named = named.iter().filter(|name| reader.has(&format!("master_key.{name}"))).count();
    let in_token = reader.has("master_key.pkcs11");
    if named > 1 || (named == 0 && !in_token) {
        let how = if named == 0 { "is missing" } else { "is given more than once" };
        reader.wrong(&format!(
            "master_key {how}: name one of file, descriptor, command and pkcs11, or pkcs11 beside \
             another while one master key takes the other's place"
        ));
    }
    let mut labels = reader.texts("master_key.pkcs11").unwrap_or_default();
    if labels.len() > LINES_MAX || !labels.iter().all(|label| is_label(label)) {
        reader
            .wrong("master_key.pkcs11 has 1 to 8 labels, each of 1 to 32 of a-z, 0-9 and hyphens");
        // They are not looked for as well.
        labels.clear();
    }
    let pkcs11 = pkcs11(reader);
    if in_token && pkcs11.is_none() {
        reader.wrong("master_key.pkcs11 names a key in a token: give [pkcs11] with all its keys");
    }
    Sources { text: given.pop(), labels, pkcs11 }
}

fn pkcs11(reader: &mut Reader) -> Option<Pkcs11> {
    let names = ["pkcs11.module", "pkcs11.token", "pkcs11.pin_file"];
    if !names.iter().any(|name| reader.has(name)) {
        return None;
    }
    if !cfg!(feature = "pkcs11") {
        reader.wrong(&format!("[pkcs11]: {}", TokenError::NotBuilt));
        return None;
    }
    let (module, pin_file) = (reader.path(names[0]), reader.path(names[2]));
    match (module, reader.text(names[1]), pin_file) {
        (Some(module), Some(token), Some(pin_file)) => Some(Pkcs11 { module, token, pin_file }),
        (_, _, _) => {
            reader.wrong("pkcs11 needs all of module, token and pin_file");
            None
        }
    }
}

fn bank(reader: &mut Reader) -> BankConfig {
    let url = reader.text("bank.url").unwrap_or_default();
    if !url.is_empty() && !url.starts_with("https://") && !is_on_loopback(&url) {
        reader.wrong("bank.url must be https://, unless the bank is on this machine");
    }
    let gateways = gateways(reader);
    let receiver = [
        reader.text("bank.receiver_name"),
        reader.text("bank.receiver_bank_code"),
        reader.text("bank.receiver_account"),
    ];
    let receiver = match receiver {
        [Some(name), Some(bank_code), Some(account_num)] => {
            Some(Receiver { name, bank_code, account_num })
        }
        [None, None, None] => None,
        [_, _, _] => {
            reader.wrong("bank needs all of receiver_name, receiver_bank_code, receiver_account");
            None
        }
    };
    BankConfig {
        url,
        gateways,
        client_id: reader.text("bank.client_id").unwrap_or_default(),
        client_secret_file: reader.path("bank.client_secret_file").unwrap_or_default(),
        institution_code: reader.text("bank.institution_code").unwrap_or_default(),
        contract_account: reader.text("bank.contract_account").unwrap_or_default(),
        deposit_passphrase_file: reader.path("bank.deposit_passphrase_file"),
        receiver,
    }
}

fn gateways(reader: &mut Reader) -> Vec<Gateway> {
    let mut gateways: Vec<Gateway> = Vec::new();
    for [fintech_prefix, url] in reader.tables("bank.gateways", ["fintech_prefix", "url"]) {
        if !url.starts_with("https://") && !is_on_loopback(&url) {
            let who = format!("bank.gateways: the url of `{fintech_prefix}`");
            reader.wrong(&format!("{who} must be https://, unless it is on this machine"));
        }
        if gateways.iter().any(|other| other.fintech_prefix == fintech_prefix) {
            reader.wrong(&format!("bank.gateways has the prefix `{fintech_prefix}` twice"));
        }
        let base_url = url.trim_end_matches('/').to_owned();
        gateways.push(Gateway { fintech_prefix, base_url });
    }
    gateways
}

fn is_on_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

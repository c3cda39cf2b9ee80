//! Every setting in one place: name, default, meaning. A setting comes from a flag, else from
//! `PLATEN_<NAME>`, else from the TOML file, else from its default; `docs/reference/settings.md`
//! is made from here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use bank::{CodesError, RefusalCause, codes_from_pairs, default_codes};

use crate::production::config as production;
use crate::spans;

/// A day, milliseconds: also the longest time that a setting of milliseconds may be.
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The largest number that a setting may be.
const NUMBER_MAX: u64 = 1_000_000_000;
/// Settings for which 0 means something.
const MAY_BE_NOTHING: [&str; 8] = [
    "cpu_threads",
    "vat_basis_points",
    "fee_recovery_margin_ms",
    "drain_ms",
    "rate_limit_per_second",
    "rate_limit_burst",
    "trusted_proxies",
    "otlp_sample_ratio",
];

/// The connector's own table, as text.
fn default_bank_codes() -> String {
    let pairs = default_codes();
    let pairs = pairs.iter().map(|(code, cause)| format!("{code}={}", cause.name()));
    pairs.collect::<Vec<_>>().join(",")
}

/// A setting as documentation sees it.
#[derive(Debug, Clone)]
pub struct SettingDoc {
    /// Its name in the TOML file.
    pub name: &'static str,
    /// Its default.
    pub default: String,
    /// What it means, with its unit.
    pub doc: &'static str,
}

/// Whether something is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// A text that is no [`Switch`].
#[derive(Debug, thiserror::Error)]
#[error("it is either `on` or `off`")]
pub struct NoSwitch;

impl FromStr for Switch {
    type Err = NoSwitch;

    fn from_str(text: &str) -> Result<Self, NoSwitch> {
        match text {
            "on" => Ok(Switch::On),
            "off" => Ok(Switch::Off),
            _ => Err(NoSwitch),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Switch::On => "on",
            Switch::Off => "off",
        })
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a name that is no setting.
    #[error("the settings file {path} is wrong: {reason}")]
    Toml {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable is not of its setting's form.
    #[error("the variable {name} cannot be `{value}`: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// A number that no server can run with.
    #[error("{name} is {number}, but must be from {least} to {most}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        number: u64,
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A fee would be given up while its order may still be on its way.
    #[error(
        "bank_order_lifetime_ms must be at least fee_deadline_ms + fee_recovery_margin_ms: an \
         order that is still on its way would be taken for one that never arrived"
    )]
    OrderLifetime,
    /// Where traces are to be sent.
    #[error(
        "otlp_endpoint must be http:// or https:// with a host and a port alone, without a path, a \
         user or a password"
    )]
    Endpoint,
    /// A table of bank codes.
    #[error("bank_codes: {0}")]
    BankCodes(#[from] CodesError),
}

macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident : $ty:ty = $default:expr; )+) => {
        /// The settings in force.
        #[derive(Debug, Clone)]
        pub struct Settings { $( $(#[doc = $doc])+ pub $name: $ty, )+ }

        /// Settings as flags.
        #[derive(Debug, Clone, Default, clap::Args)]
        #[command(next_help_heading = "Settings")]
        pub struct SettingFlags { $(
            $(#[doc = $doc])+
            #[arg(long, value_name = "VALUE", hide_short_help = true)]
            pub $name: Option<$ty>,
        )+ }

        #[derive(Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct SettingFile { $( $name: Option<$ty>, )+ }

        impl Default for Settings {
            fn default() -> Self {
                Settings { $( $name: $default.into(), )+ }
            }
        }

        impl Settings {
            /// All settings, for documentation.
            pub fn docs() -> Vec<SettingDoc> {
                let default = Self::default();
                vec![ $( SettingDoc {
                    name: stringify!($name),
                    default: default.$name.to_string(),
                    doc: concat!($($doc),+),
                } ),+ ]
            }

            /// The names of all settings.
            pub const NAMES: &'static [&'static str] = &[ $( stringify!($name) ),+ ];

            /// The settings from flags, variables and what a file says.
            fn layered(flags: &SettingFlags, file: SettingFile) -> Loaded {
                let default = Self::default();
                let (mut sources, mut problems) = (Vec::new(), Vec::new());
                let settings = Settings { $( $name: {
                    let name = stringify!($name);
                    let given = (flags.$name.clone(), file.$name);
                    let (value, source) = layer(name, given, default.$name, &mut problems);
                    sources.push(source);
                    value
                }, )+ };
                problems.extend(settings.problems());
                Loaded { settings, sources, problems }
            }

            /// Each setting's name and value.
            pub fn values(&self) -> Vec<(&'static str, String)> {
                vec![ $( (stringify!($name), self.$name.to_string()) ),+ ]
            }
        }
    };
}

settings! {
    /// Longest request body, bytes.
    body_limit_bytes: u64 = 65_536_u64;
    /// Deepest nesting of a request body's JSON, levels.
    json_depth_max: u64 = 16_u64;
    /// How long a connection may take to send a request's head, or stay idle between requests,
    /// milliseconds.
    header_timeout_ms: u64 = 30_000_u64;
    /// How long a request's body may take to arrive, milliseconds.
    body_timeout_ms: u64 = 10_000_u64;
    /// How long a caller may leave an answer unread before its connection is closed, milliseconds.
    write_timeout_ms: u64 = 10_000_u64;
    /// Connections open at the same time; further ones wait to be accepted.
    connections_max: u64 = 4_096_u64;
    /// Request headers, number.
    headers_max: u64 = 64_u64;
    /// Bytes buffered for a request's head: at least 8,192, a smaller value is taken for that.
    head_bytes_max: u64 = 32_768_u64;
    /// Calls that a partner may make a second, on the average, at each server; 0: as many as it
    /// likes.
    rate_limit_per_second: u64 = 0_u64;
    /// Calls that a partner may make at once after a pause, number; 0: those of a second.
    rate_limit_burst: u64 = 0_u64;
    /// Proxies in front of a server, number: so many entries of X-Forwarded-For, from the right,
    /// are believed, and a project's allow-list is held against the last of them; 0: against the
    /// connection's own address.
    trusted_proxies: u64 = 0_u64;
    /// How long the caller of an operation with a fee waits for the bank, milliseconds.
    fee_deadline_ms: u64 = 5_000_u64;
    /// How long after that deadline recovery asks the bank, so that servers whose clocks differ
    /// do not ask too early, milliseconds.
    fee_recovery_margin_ms: u64 = 2_000_u64;
    /// How often recovery looks for unanswered fees, milliseconds.
    fee_recovery_interval_ms: u64 = 1_000_u64;
    /// How long recovery waits for an answer to an inquiry, milliseconds.
    fee_inquiry_timeout_ms: u64 = 5_000_u64;
    /// How long after an order the bank may still execute it: before, "no such order" means
    /// nothing; after, it means that nothing was taken, milliseconds. It must be at least
    /// `fee_deadline_ms` + `fee_recovery_margin_ms`.
    bank_order_lifetime_ms: u64 = 10_000_u64;
    /// What the bank's codes mean: pairs `code=refusal`, separated by commas; a code that is not
    /// listed is no final answer. Refusals: invalid_account, owner_mismatch, withdraw_failed,
    /// insufficient_balance, terms_not_agreed, message_error, other.
    bank_codes: String = default_bank_codes();
    /// Tax rate within fees, hundredths of a percent.
    vat_basis_points: u64 = 1_000_u64;
    /// How long a card's check by expiry and CVC stays locked after five wrong guesses, and how
    /// long after the last of fewer they count, milliseconds.
    card_check_lock_ms: u64 = DAY_MS;
    /// How long a stopping server lets running calls go on, milliseconds.
    drain_ms: u64 = 10_000_u64;
    /// How long a partner's keys and policy may be used before they are read again, milliseconds.
    directory_ttl_ms: u64 = 5_000_u64;
    /// How often new rows of the operation log are sealed into its chain, milliseconds.
    audit_seal_interval_ms: u64 = 300_u64;
    /// How often the jobs look for what has come due (cards that expire, addresses to erase),
    /// milliseconds.
    jobs_interval_ms: u64 = 60_000_u64;
    /// How long the recipient of a delivery is kept after it has come to its end, days.
    recipient_kept_days: u64 = 30_u64;
    /// How long plastic that came back waits for the partner's word before it is called off, days.
    returned_kept_days: u64 = 90_u64;
    /// How long nothing may be heard of plastic that is under way before its partner may give it
    /// up, days.
    delivery_silent_days: u64 = 30_u64;
    /// Folder in which servers exchange files with card makers: what is ordered is written to
    /// `<folder>/<partner>/<maker>/out`, and what lies in `in` as `*.csv` is read. Empty: files are
    /// written and read by `platen delivery` alone.
    delivery_folder: String = String::new();
    /// Database: PostgreSQL connections, number.
    postgres_workers: u64 = 8_u64;
    /// Database: how long PostgreSQL may take to let a connection in, milliseconds.
    database_connect_ms_max: u64 = 3_000_u64;
    /// Database: how long PostgreSQL may work on a statement, milliseconds. Where it says nothing
    /// for two seconds longer, the connection is given up.
    database_statement_ms_max: u64 = 8_000_u64;
    /// Database: how long a call may wait for its turn, in all attempts at a transaction
    /// together, milliseconds.
    database_wait_ms_max: u64 = 10_000_u64;
    /// The developer portal at `/`, and the log of a sandbox's calls: `on` or `off`. A production
    /// server's has no Try It!, no log and no data of a sandbox.
    portal: Switch = Switch::On;
    /// Collector of traces by OpenTelemetry's OTLP over HTTP with JSON, as its address without the
    /// path: `http://127.0.0.1:4318`. Empty: none are gathered.
    otlp_endpoint: String = String::new();
    /// Calls of which a trace is sent, of a million; which, does not depend on the caller.
    otlp_sample_ratio: u64 = 10_000_u64;
    /// Threads that decrypt (RSA), number; 0: one a core.
    cpu_threads: u64 = 0_u64;
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// A variable of the environment.
    Variable,
    /// The file.
    File,
    /// Nobody has given it.
    Default,
}

impl Source {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Flag => "flag",
            Source::Variable => "variable",
            Source::File => "file",
            Source::Default => "default",
        }
    }
}

/// Settings with what is to be said about them.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each comes from, in the order of [`Settings::NAMES`].
    pub sources: Vec<Source>,
    /// Why they cannot be used.
    pub problems: Vec<SettingsError>,
}

/// A value from the first place that has it: a flag, a variable, the file.
fn layer<T>(
    name: &str,
    (flag, file): (Option<T>, Option<T>),
    default: T,
    problems: &mut Vec<SettingsError>,
) -> (T, Source)
where
    T: FromStr<Err: fmt::Display>,
{
    let variable = variable(name).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    match (flag, variable, file) {
        (Some(value), _, _) => (value, Source::Flag),
        (None, Some(value), _) => (value, Source::Variable),
        (None, None, Some(value)) => (value, Source::File),
        (None, None, None) => (default, Source::Default),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
fn variable<T>(name: &str) -> Result<Option<T>, SettingsError>
where
    T: FromStr<Err: fmt::Display>,
{
    let name = format!("PLATEN_{}", name.to_uppercase());
    let Ok(value) = std::env::var(&name) else { return Ok(None) };
    match value.trim().parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => {
            let reason = error.to_string();
            Err(SettingsError::Variable { name, value, reason })
        }
    }
}

/// The socket on which a service manager wants to be told when the server is ready.
pub fn notify_socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
}

fn read_file(path: Option<&Path>) -> Result<SettingFile, SettingsError> {
    let Some(path) = path else { return Ok(SettingFile::default()) };
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::File { path: shown(), source })?;
    toml::from_str(&text)
        .map_err(|error| SettingsError::Toml { path: shown(), reason: error.to_string() })
}

impl Settings {
    /// The settings from flags, variables and a file.
    pub fn load(flags: &SettingFlags, file: Option<&Path>) -> Result<Self, SettingsError> {
        let Loaded { settings, problems, .. } = Self::layered(flags, read_file(file)?);
        problems.into_iter().next().map_or(Ok(settings), Err)
    }

    /// The settings from flags, variables and the lines of a file that are settings. What is wrong
    /// with a line is told, and the line passed over.
    pub fn from_lines(flags: &SettingFlags, lines: toml::Table) -> (Loaded, Vec<String>) {
        let (mut file, mut wrong) = (toml::Table::new(), Vec::new());
        for (name, value) in lines {
            let line = toml::Table::from_iter([(name.clone(), value.clone())]);
            match line.try_into::<SettingFile>() {
                Ok(_) => drop(file.insert(name, value)),
                Err(error) => wrong.push(format!("{name}: {}", error.message())),
            }
        }
        // Each line was read before.
        (Self::layered(flags, file.try_into().unwrap_or_default()), wrong)
    }

    /// What no server can run with.
    fn problems(&self) -> Vec<SettingsError> {
        let mut problems: Vec<SettingsError> =
            self.bank_codes().err().into_iter().map(Into::into).collect();
        for (name, value) in self.values() {
            let Ok(number) = value.parse::<u64>() else { continue };
            let is_time = name.ends_with("_ms") || name.ends_with("_ms_max");
            let most = match name {
                "otlp_sample_ratio" => 1_000_000,
                _ if is_time => DAY_MS,
                _ => NUMBER_MAX,
            };
            let least = u64::from(!MAY_BE_NOTHING.contains(&name));
            if !(least..=most).contains(&number) {
                problems.push(SettingsError::Range { name, number, least, most });
            }
        }
        problems.extend(
            spans::endpoint_at_fault(&self.otlp_endpoint).then_some(SettingsError::Endpoint),
        );
        let given_up = self.fee_deadline_ms.saturating_add(self.fee_recovery_margin_ms);
        if self.bank_order_lifetime_ms < given_up {
            problems.push(SettingsError::OrderLifetime);
        }
        problems
    }

    /// What the bank's codes mean.
    pub fn bank_codes(&self) -> Result<BTreeMap<String, RefusalCause>, CodesError> {
        codes_from_pairs(&self.bank_codes)
    }
}

/// `docs/reference/settings.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings\n\nMade from `server/src/settings.rs`. A setting can be given in three places, \
         the first that is there counts:\n\n\
         1. a flag: `--body-limit-bytes 131072`;\n\
         2. a variable of the environment: `PLATEN_BODY_LIMIT_BYTES=131072`;\n\
         3. a line of the TOML file that `--config` names: `body_limit_bytes = 131072`.\n\n\
         | name | default | meaning |\n|---|---|---|\n",
    );
    for setting in Settings::docs() {
        let row =
            format!("| `{}` | {} | {} |\n", setting.name, setting.default, setting.doc.trim());
        page.push_str(&row);
    }
    page.push_str(&production::reference());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(change: impl FnOnce(&mut SettingFlags)) -> Result<Settings, String> {
        let mut flags = SettingFlags::default();
        change(&mut flags);
        Settings::load(&flags, None).map_err(|error| error.to_string())
    }

    #[test]
    fn what_no_server_can_run_with_is_refused() {
        assert!(load(|_| ()).is_ok());
        assert!(load(|flags| flags.cpu_threads = Some(0)).is_ok());
        let wrong = load(|flags| flags.fee_deadline_ms = Some(u64::MAX)).unwrap_err();
        assert!(wrong.starts_with("fee_deadline_ms is 18446744073709551615"), "{wrong}");
        assert!(load(|flags| flags.json_depth_max = Some(0)).is_err());
        assert!(load(|flags| flags.bank_order_lifetime_ms = Some(6_999)).is_err());
        assert!(load(|flags| flags.bank_codes = Some("412=nonsense".to_owned())).is_err());
    }
}

//! `platen keys init` and `platen keys master`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};

use super::super::why::Acting;
use super::super::{Outcome, misused, say};
use crate::production::config::Config;
use crate::production::init;
use crate::production::master::{self, MasterError, shares};
use crate::settings::SettingFlags;

/// Make an empty database that of a production platform, with its keys.
///
/// The schema is made, the database is marked PRODUCTION for ever, and all keys are made, wrapped
/// under the master key. Refused on a sandbox's database and on one that has its keys. Who did it
/// and why is a row of the operation log.
///
/// Examples:
///   platen keys init --config /etc/platen/platen.toml --by a.kim --reason "first start"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Init {
    /// The platform's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    acting: Acting,
}

impl Init {
    pub(super) fn run(self) -> Outcome {
        let change = match self.acting.change() {
            Ok(change) => change,
            Err(sentence) => return Ok(misused(&["keys", "init"], &sentence)),
        };
        let config = Config::read(&self.config, &SettingFlags::default())?;
        let keys = init(&config, change)?;
        say(format_args!("{} is a production platform's now, with {keys} keys", config.database()));
        Ok(ExitCode::SUCCESS)
    }
}

/// Make a new master key, in a new file that nobody else can read, or in a token.
///
/// Without the master key nothing in the database can be read, by nobody: keep a copy of the file
/// where the database is not. With --shares no file ever holds it: of its three shares, which three
/// people keep, any two are enough for a server, and one says nothing. A key in a token never
/// leaves it: see that the token has a copy.
///
/// Examples:
///   platen keys master --out /etc/platen/master.key
///   platen keys master --shares /media/kim/share /media/lee/share /media/park/share
///   platen keys master --shares s1 s2 s3 --of /etc/platen/master.key
///   platen keys master --join /media/kim/share /media/park/share --out /etc/platen/master.key
///   platen keys master --pkcs11 master-2026 --config /etc/platen/platen.toml
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("holder").required(true).args(["out", "shares", "pkcs11"])))]
pub(super) struct Master {
    /// The file; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The files of its three shares instead; they must not be there yet.
    #[arg(long, num_args = 3, value_names = ["FILE", "FILE", "FILE"])]
    shares: Option<Vec<PathBuf>>,
    /// Make the shares of the key in this file, and no new key.
    #[arg(long, value_name = "FILE", requires = "shares")]
    of: Option<PathBuf>,
    /// Write the key of these two shares into the file, and no new key.
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"], requires = "out")]
    join: Option<Vec<PathBuf>>,
    /// The label of an AES-256 key that is made in the token of [pkcs11], and is the master key's
    /// id as well: 1 to 32 of a-z, 0-9 and hyphens. The token must not have it yet.
    #[arg(long, value_name = "LABEL", requires = "config")]
    pkcs11: Option<String>,
    /// The platform's configuration, which names the token.
    #[arg(long, value_name = "FILE", requires = "pkcs11")]
    config: Option<PathBuf>,
}

impl Master {
    pub(super) fn run(self) -> Outcome {
        let shares = self.shares.map(<[PathBuf; 3]>::try_from).and_then(Result::ok);
        if let Some(paths) = shares {
            let id = match &self.of {
                Some(file) => master::share(file, &paths)?,
                None => shares::make(&paths)?,
            };
            say(format_args!(
                "the shares of master key {id} are in {}: give each to another person; two of them \
                 are the key",
                paths.each_ref().map(|path| path.display().to_string()).join(", ")
            ));
        }
        if let Some(out) = &self.out {
            let id = match self.join {
                Some(paths) => shares::join(paths, out)?,
                None => master::make(out)?,
            };
            let out = out.display();
            say(format_args!("master key {id} is in {out}: keep a copy away from the database"));
        }
        if let (Some(label), Some(path)) = (&self.pkcs11, &self.config) {
            let config = Config::read(path, &SettingFlags::default())?;
            let token = config.master_key.token()?.ok_or(MasterError::NoToken)?;
            token.make_master(label)?;
            let token = token.label();
            say(format_args!(
                "master key {label} is in the token `{token}`: see that the token has a copy"
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

//! Which platform an operator's command works on: a production platform or a sandbox.

use std::path::PathBuf;

use bank::OpenBanking;
use clap::Args;
use domain::AspId;
use store::{Store, Target};

use super::{Database, Failure};
use crate::context::Core;
use crate::production::config::Config;
use crate::production::{self, Opened};
use crate::sandbox::ASP_ID;
use crate::sandbox::run::open;
use crate::settings::{SettingFlags, Settings};

/// The platform.
#[derive(Args)]
pub(super) struct Platform {
    /// A production platform's configuration; without it, the sandbox of --database.
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    config: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

impl Platform {
    /// Whether it is a production platform.
    pub(super) const fn is_production(&self) -> bool {
        self.config.is_some()
    }

    /// The partner that is named. A sandbox has one that need not be.
    pub(super) fn partner(&self, named: Option<&str>) -> Result<AspId, Failure> {
        match named {
            Some(asp) => Ok(AspId::new(asp)),
            None if self.is_production() => Err(Failure(
                "which partner is meant: give --partner (`platen admin partner list` tells which \
                 there are)"
                    .to_owned(),
            )),
            None => Ok(AspId::new(ASP_ID)),
        }
    }

    /// The bank of a production platform; `None` where it is a sandbox.
    pub(super) fn bank(&self, flags: &SettingFlags) -> Result<Option<OpenBanking>, Failure> {
        let Some(path) = &self.config else { return Ok(None) };
        Ok(Some(Config::read(path, flags)?.bank()?))
    }

    /// Where its database is.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        match &self.config {
            Some(path) => Ok(Config::read(path, &SettingFlags::default())?.target()?),
            None => self.database.target(),
        }
    }

    /// Opens its database.
    pub(super) fn open(&self) -> Result<(Store, Core), Failure> {
        self.open_with(&SettingFlags::default())
    }

    /// Opens its database, under settings of which some are given as flags.
    pub(super) fn open_with(&self, flags: &SettingFlags) -> Result<(Store, Core), Failure> {
        match self.production(flags)? {
            Some(Opened { store, core, .. }) => Ok((store, core)),
            None => {
                let settings = Settings::load(flags, None)?;
                Ok(open(&self.database.target()?, &settings, false)?)
            }
        }
    }

    /// Opens a production platform's database; `None` where it is a sandbox.
    pub(super) fn production(&self, flags: &SettingFlags) -> Result<Option<Opened>, Failure> {
        let Some(path) = &self.config else { return Ok(None) };
        Ok(Some(production::open(&Config::read(path, flags)?)?))
    }
}

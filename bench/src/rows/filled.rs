//! Sandboxes with cards to be reissued.

use std::path::{Path, PathBuf};
use std::time::Duration;

use platen::cli::bench::called::Called;

use super::Bench;
use crate::Failure;
use crate::sandbox::{Load, Sandbox};

/// A sandbox that is filled and stopped.
pub(super) struct Filled {
    pub(super) database: String,
    pub(super) cards: PathBuf,
    log: PathBuf,
    bank: Vec<String>,
    /// How long that took.
    pub(super) populated_in: Duration,
}

impl Bench {
    /// A sandbox on a new SQLite database with this many cards to be reissued.
    pub(super) fn filled(
        &self,
        name: &str,
        cards: usize,
        more: &[&str],
    ) -> Result<Filled, Failure> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        let database = folder.join("sandbox.db");
        self.fill(&folder, &database.to_string_lossy(), cards, more)
    }

    pub(super) fn fill(
        &self,
        folder: &Path,
        database: &str,
        cards: usize,
        more: &[&str],
    ) -> Result<Filled, Failure> {
        let (file, log) = (folder.join("cards.jsonl"), folder.join("log"));
        let bank = folder.join("bank.db").to_string_lossy().into_owned();
        let bank = ["--bank-file".to_owned(), bank];
        let bank: Vec<&str> = bank.iter().map(String::as_str).collect();
        // Made by its first start.
        self.platen.start(database, &log, &bank)?.stop()?;
        let options: Vec<&str> = bank.iter().chain(more).copied().collect();
        let populated_in = self.platen.populate(database, cards, &file, &options)?;
        let bank = bank.iter().map(|part| (*part).to_owned()).collect();
        Ok(Filled { database: database.to_owned(), cards: file, log, bank, populated_in })
    }

    pub(super) fn start(&self, filled: &Filled) -> Result<Sandbox, Failure> {
        self.start_with(filled, &[])
    }

    /// With more options than those of every sandbox.
    pub(super) fn start_with(&self, filled: &Filled, more: &[&str]) -> Result<Sandbox, Failure> {
        let bank = filled.bank.iter().map(String::as_str);
        let options: Vec<&str> = bank.chain(more.iter().copied()).collect();
        self.platen.start(&filled.database, &filled.log, &options)
    }

    pub(super) fn load<'a>(&self, filled: &'a Filled, skip: usize, encrypt: &'a str) -> Load<'a> {
        Load {
            cards: &filled.cards,
            skip,
            calls: self.calls,
            encrypt,
            rate: None,
            called: Called::Reissue,
        }
    }
}

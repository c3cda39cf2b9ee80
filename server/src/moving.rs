//! A platform's database is moved into another one: whose it may be, what is written down about it,
//! and a digest of every table. How it is moved knows the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::digest::Sha256;
use data_encoding::HEXLOWER;
use domain::AspId;
use serde_json::json;
use store::moving::{Counted, Move, MoveError, Mover, Reached, Side, plan, run};
use store::schema::MIGRATIONS;
use store::tables::PLATFORM;
use store::tables::log::Moment;
use store::{Target, Tx, TxError};

use crate::facts::{MODE, PRODUCTION, SANDBOX, fact};
use crate::keys::change::{Change, Deed};
use crate::keys::{MasterOf, rows};
use crate::operator::Mode;

/// What the operation log calls the command.
const OPERATION: &str = "platen.migrate";
/// Bytes of a move's id.
const ID_BYTES: usize = 8;

/// What kind of platform is moved.
pub enum Kind {
    /// A sandbox, whose keys are all in it.
    Sandbox,
    /// A production platform, with the master key that the target's servers will have.
    Production(Arc<MasterOf>),
}

/// A table of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over all rows in the order of their keys, in hex, the same on either engine; none
    /// where nothing was copied yet.
    pub digest: Option<String>,
}

/// A move.
pub struct Moving<'a> {
    /// The database that is moved.
    pub from: &'a Target,
    /// Where it is moved to.
    pub to: &'a Target,
    /// What it holds.
    pub kind: Kind,
    /// Who moves it and why.
    pub change: Change,
    /// Told after each step; an error ends the move there.
    pub on_step: OnStep<'a>,
}

/// What is told of each step.
pub type OnStep<'a> = Box<dyn FnMut(&Reached) -> Result<(), MoveError> + 'a>;

/// Moves the platform, or only tells what would be moved. Every table, by name.
pub fn migrate(moving: Moving<'_>, mode: Mode) -> Result<Vec<Compared>, MoveError> {
    let id = HEXLOWER.encode(&crypto::random::bytes::<ID_BYTES>());
    let of = Move { from: moving.from, to: moving.to, migrations: MIGRATIONS, id };
    let (sums, digests) = (Sums::default(), BTreeMap::new());
    let mut watch = Watch { moving, sums, digests, rows: 0 };
    let counted = match mode {
        Mode::Dry => plan(&of, &mut watch)?,
        Mode::Real => run(&of, &mut watch)?,
    };
    Ok(watch.compared(counted))
}

/// The rows of the table that is being compared, on both sides.
#[derive(Default)]
struct Sums {
    source: Sha256,
    target: Sha256,
}

struct Watch<'a> {
    moving: Moving<'a>,
    sums: Sums,
    /// Of the tables that were compared.
    digests: BTreeMap<String, String>,
    rows: u64,
}

impl Watch<'_> {
    fn compared(mut self, counted: Vec<Counted>) -> Vec<Compared> {
        let each = counted.into_iter().map(|(table, rows)| {
            let digest = self.digests.remove(&table);
            Compared { table, rows, digest }
        });
        each.collect()
    }

    /// The digest of the table, which both sides must come to.
    fn end_table(&mut self, table: &str, rows: u64) -> Result<(), MoveError> {
        let Sums { source, target } = std::mem::take(&mut self.sums);
        let (source, target) = (source.finish(), target.finish());
        if source != target {
            let what = "the digests of both sides differ";
            return Err(MoveError::Differs { table: table.to_owned(), what });
        }
        self.rows += rows;
        self.digests.insert(table.to_owned(), HEXLOWER.encode(&target));
        Ok(())
    }

    /// Whether the target's servers will be able to open the keys.
    fn opens_keys(&self, tx: &mut Tx<'_>) -> Result<(), MoveError> {
        let Kind::Production(master_of) = &self.moving.kind else { return Ok(()) };
        let found = rows::read(tx).and_then(|found| master_of(tx, &found));
        found.map(drop).map_err(|error| match error {
            TxError::Refused(error) => MoveError::Refused(format!("--to-config: {error}")),
            TxError::Db(error) => error.into(),
        })
    }
}

impl Mover for Watch<'_> {
    fn check(&mut self, tx: &mut Tx<'_>) -> Result<(), MoveError> {
        let (wanted, instead) = match self.moving.kind {
            Kind::Sandbox => (SANDBOX, "--config and --to-config"),
            Kind::Production(_) => (PRODUCTION, "--from and --to"),
        };
        let from = self.moving.from;
        match fact(tx, MODE)? {
            Some(mode) if mode == wanted => self.opens_keys(tx),
            Some(mode) => Err(MoveError::Refused(format!(
                "the database {from} is marked {mode}: name it by {instead}"
            ))),
            None => Err(MoveError::NoPlatform(from.to_string())),
        }
    }

    fn row(&mut self, _: &str, side: Side, bytes: &[u8]) {
        match side {
            Side::Source => self.sums.source.update(bytes),
            Side::Target => self.sums.target.update(bytes),
        }
    }

    fn complete(&mut self, tx: &mut Tx<'_>) -> Result<(), MoveError> {
        let Moving { from, change, .. } = &self.moving;
        let more = json!({ "from": from.to_string(), "rows": self.rows });
        let at = Moment::plain(change.now);
        let deed = Deed { operation: OPERATION, event: "platform.moved", subject: "database", at };
        Ok(change.write_down(tx, &AspId::new(PLATFORM), deed, more)?)
    }

    fn reached(&mut self, step: Reached) -> Result<(), MoveError> {
        if let Reached::Compared(table, rows) = &step {
            self.end_table(table, *rows)?;
        }
        (self.moving.on_step)(&step)
    }
}

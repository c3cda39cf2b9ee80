//! `platen populate`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bank::sim::{Account, file};
use clap::Args;
use serde_json::json;

use super::{Database, Failure, Outcome, runtime};
use crate::sandbox::clock;
use crate::sandbox::populate::{at_bank, take_users, write};
use crate::sandbox::run::{bank_file_beside, open};
use crate::sandbox::world::products::{FREE, ORDINARY, ORDINARY_WITH_FEE, WITH_FEES};
use crate::settings::Settings;

/// Fill a sandbox with members whose cards are ready to be reissued.
///
/// Each member has a bank account and one suspended card with some balance. Without options the
/// card is of a pre-issuance product that allows mobile only and asks no fee. The sandbox may be
/// stopped or running, and populated again and again. One JSON line a member goes to the file:
/// {"userId":60000000000,"cardNo":"9491401..."}
///
/// Examples:
///   platen populate --cards 1000 --database /tmp/s.db --out cards.jsonl
///   platen populate --cards 1000 --database /tmp/s.db --out cards.jsonl --fee
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Populate {
    /// How many members.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=50_000_000))]
    cards: i64,
    #[command(flatten)]
    database: Database,
    /// Where the JSON lines go; an existing file is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Of a product with reissue fees; the bank simulator's file gets the accounts.
    #[arg(long)]
    fee: bool,
    /// Of an ordinary product: the mobile card follows the registration of the plastic.
    #[arg(long)]
    ordinary: bool,
    /// The bank simulator's file [default: bank.db beside the database].
    #[arg(long, value_name = "FILE")]
    bank_file: Option<PathBuf>,
}

impl Populate {
    pub(super) fn run(self) -> Outcome {
        let target = self.database.target()?;
        let (store, core) = open(&target, &Settings::default(), false)?;
        let bank_file = self.bank_file.clone().unwrap_or_else(|| bank_file_beside(&target));
        let product = match (self.fee, self.ordinary) {
            (false, false) => FREE,
            (true, false) => WITH_FEES,
            (false, true) => ORDINARY,
            (true, true) => ORDINARY_WITH_FEE,
        };
        let cannot = |error: std::io::Error| {
            Failure(format!("cannot write {}: {error}", self.out.display()))
        };
        let mut out = BufWriter::new(File::create(&self.out).map_err(cannot)?);
        let runtime = runtime()?;
        // By the sandbox's own clock: in years that have passed there, cards would be long expired.
        let now = runtime.block_on(clock::moment(&store))?;
        let mut left = self.cards;
        while left > 0 {
            let users = take_users(&store, left)?;
            left -= users.end - users.start;
            if self.fee {
                // Before the members: whoever can be asked for a fee is known to the bank, even
                // where the command is cut short.
                let accounts: Vec<Account> = users.clone().map(at_bank).collect();
                runtime.block_on(file::put_accounts(&bank_file, &accounts))?;
            }
            for member in write(&store, &core, product, users, now)? {
                let line = json!({ "userId": member.user_id, "cardNo": member.card_no });
                writeln!(out, "{line}").map_err(cannot)?;
            }
        }
        out.flush().map_err(cannot)?;
        store.close();
        Ok(ExitCode::SUCCESS)
    }
}

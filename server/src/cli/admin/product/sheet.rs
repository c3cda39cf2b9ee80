//! `platen admin product export` and `import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::AspId;
use serde_json::{Value, json};
use store::Tx;

use crate::cli::admin::{Common, Doing, asp, checked, done, opened};
use crate::cli::{Failure, Outcome, say};
use crate::onboarding::sheet::{self, exported};
use crate::onboarding::{look, perform, product};
use crate::operator::Mode;

/// Longest sheet that is read, bytes.
const SHEET_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Write a partner's products with policy and ranges as a sheet of TOML.
///
/// Examples:
///   platen admin product export --partner 000990000000001 > products.toml
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Export {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Make a partner's products as a sheet says.
///
/// The whole sheet is checked and written at once, or nothing of it. A product that there is gets
/// the sheet's policy and further ranges; what the sheet does not name stays as it is. The fields
/// are those of admin.product-create, with serviceId and bins.
///
/// Examples:
///   platen admin product import products.toml --partner 000990000000001 --by kim \
///     --reason "from UAT" --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Import {
    /// The sheet.
    #[arg(value_name = "FILE")]
    sheet: PathBuf,
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    doing: Doing,
}

impl Export {
    pub(super) fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| product::list(tx, &self.partner, None))?;
        store.close();
        if self.common.json {
            let all: Vec<Value> = all.iter().map(exported).collect();
            say(format_args!("{:#}", json!({ "products": all })));
        } else {
            say(sheet::written(&all)?.trim_end());
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Import {
    pub(super) fn run(self) -> Outcome {
        let change = match checked(&["admin", "product", "import"], &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let cannot = |error: &dyn std::fmt::Display| {
            Failure(format!("the sheet {} cannot be read: {error}", self.sheet.display()))
        };
        if std::fs::metadata(&self.sheet).map_err(|error| cannot(&error))?.len() > SHEET_BYTES_MAX {
            return Err(cannot(&"it is longer than 4 MiB"));
        }
        let text = std::fs::read_to_string(&self.sheet).map_err(|error| cannot(&error))?;
        let items = sheet::read(&text)?;
        let mode = self.doing.mode();
        let (store, core) = opened(&self.doing.common)?;
        let work =
            move |tx: &mut Tx<'_>| product::import(tx, &core, &self.partner, &items, &change);
        let became = perform(&store, mode, work)?;
        store.close();
        if self.doing.common.json {
            let all = became
                .iter()
                .map(|(id, became)| json!({ "serviceId": id.as_str(), "became": became.name() }));
            let all: Vec<Value> = all.collect();
            say(format_args!("{:#}", json!({ "products": all, "isDone": mode == Mode::Real })));
            return Ok(ExitCode::SUCCESS);
        }
        for (id, became) in &became {
            done(mode, &format!("product {id} {}", became.name()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

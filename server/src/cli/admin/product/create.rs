//! `platen admin product create`.

use std::process::ExitCode;

use clap::Args;
use domain::{AspId, ServiceId};
use serde_json::{Map, Value, json};
use store::Tx;

use crate::cli::admin::{Doing, asp, checked, done, opened};
use crate::cli::{Outcome, say};
use crate::onboarding::sheet::{self, exported};
use crate::onboarding::{perform, product};
use crate::operator::Mode;

/// Stands for the id of a product that has none yet.
const NO_ID: &str = "new";

/// Make a product with a range of card numbers. Its id is the partner's next one.
///
/// What has no option here is as admin.product-create has it where it is left out; a sheet can say
/// all of it: `platen admin product import`.
///
/// Examples:
///   platen admin product create --partner 000990000000001 --name Travel --bin 94914150 \
///     --issuance PRE_ISSUANCE --status ACTIVE --reissue-fee 3000 --by kim --reason "contract 12"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Create {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    /// Its name, up to 80 characters.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The digits that its card numbers begin with: 6 to 9, of no other range.
    #[arg(long, value_name = "DIGITS")]
    bin: String,
    /// When the mobile card is issued: at the request, or when its plastic is registered.
    #[arg(long, value_parser = ["PRE_ISSUANCE", "ORDINARY"])]
    issuance: String,
    /// VOID: being set up; ACTIVE: on offer at once.
    #[arg(long, value_parser = ["VOID", "ACTIVE"], default_value = "VOID")]
    status: String,
    /// Whether a mobile card may come without plastic.
    #[arg(long, value_parser = ["ALLOWED", "REFUSED"], default_value = "REFUSED")]
    mobile_only: String,
    /// Whether its cards pay abroad.
    #[arg(long, value_parser = ["YES", "NO"], default_value = "NO")]
    pays_abroad: String,
    /// Months for which its cards are valid, 1 to 240.
    #[arg(long, value_name = "N", default_value_t = 60)]
    months: u64,
    /// Where the picture of the card is.
    #[arg(long, value_name = "URL")]
    image_url: Option<String>,
    /// Fee of a first card with plastic, won, tax included.
    #[arg(long, value_name = "WON", default_value_t = 0)]
    issue_fee: u64,
    /// Fee of a reissue with plastic, won, tax included.
    #[arg(long, value_name = "WON", default_value_t = 0)]
    reissue_fee: u64,
    /// Fee of a renewal, won, tax included.
    #[arg(long, value_name = "WON", default_value_t = 0)]
    renewal_fee: u64,
    #[command(flatten)]
    doing: Doing,
}

impl Create {
    fn table(&self) -> Value {
        let mut table: Map<String, Value> = Map::new();
        let mut put = |name: &str, value: Value| table.insert(name.to_owned(), value);
        put("serviceName", self.name.as_str().into());
        put("issuance", self.issuance.as_str().into());
        put("status", self.status.as_str().into());
        put("mobileOnly", self.mobile_only.as_str().into());
        put("paysAbroad", self.pays_abroad.as_str().into());
        put("effectiveDurationMonth", self.months.into());
        put("bins", json!([self.bin]));
        put(
            "fees",
            json!({
                "issue": self.issue_fee,
                "reissue": self.reissue_fee,
                "renewal": self.renewal_fee,
            }),
        );
        if let Some(image_url) = &self.image_url {
            put("imageUrl", image_url.as_str().into());
        }
        Value::Object(table)
    }

    pub(super) fn run(self) -> Outcome {
        let change = match checked(&["admin", "product", "create"], &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let item = sheet::item(&ServiceId::new(NO_ID), self.table())?;
        let (store, core) = opened(&self.doing.common)?;
        let (asp, new) = (self.partner.clone(), item.clone());
        let work = move |tx: &mut Tx<'_>| product::create(tx, &core, &asp, &new, &change);
        let id = perform(&store, mode, work)?;
        store.close();
        if self.doing.common.json {
            let mut shown = exported(&item);
            shown["serviceId"] = id.as_str().into();
            shown["isDone"] = (mode == Mode::Real).into();
            say(format_args!("{shown:#}"));
        } else {
            let (name, bin) = (&self.name, &self.bin);
            done(mode, &format!("product {id}, {name}, has card numbers from {bin}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

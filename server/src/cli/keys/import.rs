//! `platen keys import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crypto::component::{CheckValue, Component};
use store::Tx;

use super::super::why::{Acting, Trying, done};
use super::super::{Failure, Outcome, Platform, misused};
use super::{SECOND_MS, moment};
use crate::keys::import::{Entered, Imported};
use crate::keys::{BEGIN_MS, perform};
use crate::production::secret_file;

/// Take a card verification key over from another system, in two components.
///
/// Two people enter one each, from a file that nobody else may read: 32 hexadecimal digits. The key
/// is one XOR the other. A check value is the first 6 digits of a block of zeros that the
/// component, or the key, has encrypted by 3DES. The first component waits a day, sealed; with the
/// second one the key is whole and begins as after `platen keys rotate`. Cards that have their CVC
/// by another key keep it.
///
/// Examples:
///   platen keys import card_verification --component a.component --check-value 33F9CB \
///     --by a.kim --reason "cards of the old system" --config platen.toml
///   platen keys import card_verification --component b.component --check-value 3D1B50 \
///     --key-check-value 08D7B4 --by b.lee --reason "cards of the old system" --config platen.toml
///   platen keys import card_verification --withdraw --by a.kim --reason "wrong envelope"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Import {
    /// Which key.
    #[arg(value_name = "KEY", value_parser = ["card_verification"])]
    purpose: String,
    /// The secret file with the component.
    #[arg(long, value_name = "FILE", required_unless_present = "withdraw")]
    component: Option<PathBuf>,
    /// The component's check value, 6 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = check_value,
        required_unless_present = "withdraw")]
    check_value: Option<CheckValue>,
    /// With the second component: the check value of the key.
    #[arg(long, value_name = "HEX", value_parser = check_value)]
    key_check_value: Option<CheckValue>,
    /// When the key begins, once it is whole: 3 to 86400 seconds from then; without it, 30. Fewer
    /// are safe only where every server has its database and a right clock.
    #[arg(long, value_name = "SECONDS", default_value_t = BEGIN_MS / SECOND_MS,
        hide_default_value = true, value_parser = clap::value_parser!(u64).range(3..=86_400))]
    active_in: u64,
    /// Take the component that waits away.
    #[arg(long, conflicts_with_all = ["component", "check_value", "key_check_value"])]
    withdraw: bool,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    platform: Platform,
}

fn check_value(text: &str) -> Result<CheckValue, String> {
    CheckValue::parse(text).map_err(|error| error.to_string())
}

impl Import {
    pub(super) fn run(self) -> Outcome {
        let change = match self.acting.change() {
            Ok(change) => change,
            Err(sentence) => return Ok(misused(&["keys", "import"], &sentence)),
        };
        let mode = self.trying.mode();
        let active_from = change.now.plus_ms(self.active_in * SECOND_MS);
        let entered = match (&self.component, self.check_value) {
            (Some(path), Some(check_value)) => {
                let text = secret_file::text(path)?;
                let component = Component::parse(text.expose());
                let component =
                    component.map_err(|error| Failure(format!("{}: {error}", path.display())))?;
                let key_check_value = self.key_check_value;
                Some(Entered { component, check_value, key_check_value, active_from })
            }
            (_, None) | (None, _) => None,
        };
        let (store, core) = self.platform.open()?;
        let keys = core.keys;
        let work = move |tx: &mut Tx<'_>| match &entered {
            Some(entered) => keys.import(tx, entered, &change).map(Some),
            None => keys.withdraw_component(tx, &change).map(|()| None),
        };
        let imported = perform(&store, mode, work)?;
        store.close();
        let told = match imported {
            None => "the component that waited is taken away".to_owned(),
            Some(Imported::Waits(until)) => {
                format!("the component waits for another person's until {}", moment(until))
            }
            Some(Imported::Whole(id)) => format!(
                "key {id} for card_verification is whole and begins in {} s, at {}",
                self.active_in,
                moment(active_from)
            ),
        };
        done(mode, &told);
        Ok(ExitCode::SUCCESS)
    }
}

//! `platen card suspend`.

use std::process::ExitCode;

use clap::Args;
use contract::ErrorSet;
use crypto::par::Par;
use domain::AspId;
use serde_json::json;

use super::{Opened, no_partner, opened};
use crate::cli::delivery::Common;
use crate::cli::why::Acting;
use crate::cli::{Failure, Outcome, misused, say};
use crate::customer::suspend::{Refused, suspend};
use crate::operator::Mode;
use crate::ops::prepaid_card::state::Error;

/// The command's name.
const NAME: [&str; 2] = ["card", "suspend"];

/// Suspend a card on behalf of its member, who reports it lost.
///
/// By the rules of the partner's own SUSPEND: mobile card and plastic are suspended together, and
/// the partner's feed of events tells of it. A card that is suspended already stays so. Only the
/// partner resumes a card.
///
/// Examples:
///   platen card suspend --par Q1019AD0D8A5C0E6F2B7A1C9D3E --by kim --reason "lost" --dry-run
///   platen card suspend --par Q1019AD0D8A5C0E6F2B7A1C9D3E --by kim --reason "lost, by telephone"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Suspend {
    /// The payment account reference of either twin, as `platen card find` tells it.
    #[arg(long, value_name = "PAR")]
    par: String,
    #[command(flatten)]
    acting: Acting,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl Suspend {
    pub(super) fn run(self) -> Outcome {
        let par = Par::parse(&self.par).map_err(|error| format!("--par: {error}"));
        let (par, change) = match (par, self.acting.change()) {
            (Ok(par), Ok(change)) => (par, change),
            (Err(sentence), _) | (_, Err(sentence)) => return Ok(misused(&NAME, &sentence)),
        };
        let mode = Mode::dry_if(self.dry_run);
        let Opened { store, core, desk, runtime } = opened(&self.common, change)?;
        let done = runtime.block_on(suspend(&store, &core, &desk, (&par, mode)));
        store.close();
        let done = done?.map_err(|refused| sentence(refused, &desk.asp))?;
        if self.common.json {
            say(json!({
                "userId": done.user_id,
                "pars": done.pars,
                "hasChanged": done.has_changed,
                "isDone": mode == Mode::Real,
            }));
            return Ok(ExitCode::SUCCESS);
        }
        let (user, pars) = (done.user_id, done.pars.join(", "));
        say(match (done.has_changed, mode) {
            (true, Mode::Real) => format!("suspended: member {user}, cards {pars}"),
            (true, Mode::Dry) => format!("would be suspended: member {user}, cards {pars}"),
            (false, Mode::Real | Mode::Dry) => {
                format!("suspended already: member {user}, cards {pars}")
            }
        });
        Ok(ExitCode::SUCCESS)
    }
}

fn sentence(refused: Refused, asp: &AspId) -> Failure {
    let error = match refused {
        Refused::NoPartner => return no_partner(asp),
        Refused::ByRule(error) => error,
    };
    Failure(match error {
        Error::CannotFindPar => {
            format!("partner {asp} has no card of this PAR: look for it with `platen card find`")
        }
        Error::WalletUserNotFound => {
            "the member's membership is cancelled, and the partner's rules suspend no card then"
                .to_owned()
        }
        Error::AlreadyTerminated => {
            "the card has ended for good, and there is nothing to suspend: look for the one that \
             replaced it with `platen card find --par`"
                .to_owned()
        }
        Error::InvalidInput
        | Error::InvalidCardInfo
        | Error::FeeInProgress
        | Error::ReissueInProgress => {
            let code = error.code();
            format!("the card cannot be suspended: {} ({})", code.message, code.code)
        }
    })
}

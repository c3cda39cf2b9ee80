//! What is called to measure it: for the command, and for what is measured beside it.

use clap::ValueEnum;
use contract::Spec;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::op::Operation as _;
use crate::ops::prepaid_card::{issue::Issue, list::List, reissue::Reissue, state::State};
use crate::sandbox::world::products::FREE;

/// A line of the file that `platen populate` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The member.
    pub user_id: u64,
    /// The card's number, in clear: a sandbox's test data.
    pub card_no: String,
}

/// What is called for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Called {
    /// The card is reissued.
    Reissue,
    /// Its member gets a further card, of the product that asks no fee.
    Issue,
    /// The member's cards are listed.
    List,
    /// The card's stop is lifted; populated cards are stopped.
    State,
}

impl Called {
    /// As `--operation` names it.
    pub fn name(self) -> String {
        name(&self)
    }

    /// The operation.
    pub fn spec(self) -> &'static Spec {
        match self {
            Called::Reissue => const { &Reissue::SPEC },
            Called::Issue => const { &Issue::SPEC },
            Called::List => const { &List::SPEC },
            Called::State => const { &State::SPEC },
        }
    }

    /// Whether it can order plastic.
    pub fn has_plastic(self) -> bool {
        match self {
            Called::Reissue | Called::Issue => true,
            Called::List | Called::State => false,
        }
    }

    /// The request: of a mobile card alone, where a card is asked for.
    pub fn body(self, card: &Card) -> Value {
        let Card { user_id, card_no } = card;
        match self {
            Called::Reissue => json!({
                "userInfo": { "userId": user_id },
                "cardInfo": { "oldCardNo": card_no },
                "isDeliveryRequired": false,
            }),
            Called::Issue => json!({
                "userInfo": { "userId": user_id },
                "serviceId": FREE.service_id().as_str(),
                "isDeliveryRequired": false,
            }),
            Called::List => json!({ "userId": user_id }),
            Called::State => json!({ "userId": user_id, "cardNo": card_no, "status": "RESUME" }),
        }
    }
}

/// As the command line names it.
pub(super) fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

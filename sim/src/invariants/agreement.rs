//! That a card, its twin, its application and its delivery say the same.

use store::Image;

use crate::broken::{Check, hold};
use crate::mirror::Mirror;

/// An application with all that hangs on it.
struct Whole<'m> {
    row: &'m Image,
    state: &'m str,
    /// The account that was opened for it.
    opened: Option<&'m Image>,
    /// The account that it replaces.
    old: Option<&'m Image>,
    mobile: Option<&'m Image>,
    plastic: Option<&'m Image>,
    delivery: Option<&'m Image>,
    /// The fee that goes back.
    owed: Option<&'m Image>,
}

impl<'m> Whole<'m> {
    fn of(mirror: &'m Mirror, row: &'m Image) -> Self {
        let asp = row.text("asp_id").unwrap_or_default();
        let by_id = |table: &str, column: &str| {
            let id = row.int(column)?;
            mirror.row(table, &format!("{asp}/{id}"))
        };
        let of_it = |table: &str| mirror.row(table, &row.key());
        Whole {
            row,
            state: row.text("state").unwrap_or_default(),
            opened: by_id("card_account", "new_account_id"),
            old: by_id("card_account", "old_account_id"),
            mobile: by_id("card", "mobile_card_id"),
            plastic: by_id("card", "physical_card_id"),
            delivery: of_it("delivery"),
            owed: of_it("fee_return"),
        }
    }

    fn agrees(&self, is: bool, what: &str) -> Check {
        hold("all-say-the-same", is, || format!("{} is {}: {what}", self.row.key(), self.state))
    }

    fn is(&self, states: &[&str]) -> bool {
        states.contains(&self.state)
    }
}

/// An application, its cards, its delivery and its fee agree.
pub fn of_application(mirror: &Mirror, row: &Image) -> Check {
    let whole = Whole::of(mirror, row);
    accounts(&whole)?;
    plastic(&whole)?;
    money(&whole)
}

fn accounts(whole: &Whole<'_>) -> Check {
    let is_issued = whole.is(&["DIGITAL_ISSUED", "PHYSICAL_ISSUED"]);
    let new = whole.row.int("new_account_id");
    let joined = whole.mobile.is_some_and(|card| card.int("account_id") == new);
    whole.agrees(!is_issued || (whole.opened.is_some() && joined), "where is its mobile card?")?;
    let is_cancelled = whole.is(&["CANCELLED"]);
    whole
        .agrees(is_issued || is_cancelled || whole.opened.is_none(), "it has opened an account")?;
    let has_ended = whole.opened.is_none_or(|account| account.text("state") == Some("TERMINATED"));
    whole.agrees(!is_cancelled || has_ended, "its card lives on")?;
    let is_open = whole.is(&["READY", "COST_PAYING", "COST_PAID"]);
    let Some(old) = whole.old else {
        return whole.agrees(whole.row.int("holds_old_card") == Some(0), "it holds no card");
    };
    let holds = whole.row.int("holds_old_card") == Some(1);
    whole.agrees(holds == is_open, "does it hold its old card?")?;
    let is_replaced = is_issued && old.int("successor_id") == new;
    let is_over = old.text("state") == Some("TERMINATED") && old.int("balance") == Some(0);
    whole.agrees(!is_issued || (is_replaced && is_over), "its old card was not replaced")?;
    let is_its_heirs = old.int("successor_id").is_some() && old.int("successor_id") == new;
    whole.agrees(is_issued || !is_its_heirs, "its old card was replaced")?;
    whole.agrees(!is_open || old.int("successor_id").is_none(), "another replaced its old card")?;
    // While its fee is charged, it may be ended by hand.
    let is_waiting = whole.is(&["READY", "COST_PAID"]);
    let has_ended = old.text("state") == Some("TERMINATED");
    whole.agrees(!is_waiting || !has_ended, "its old card has ended and its money with it")
}

fn plastic(whole: &Whole<'_>) -> Check {
    let account = whole.plastic.and_then(|card| card.int("account_id"));
    let is_ended = whole.plastic.is_some_and(|card| card.int("ended_at").is_some());
    let is_registered = whole.is(&["PHYSICAL_ISSUED"]);
    let new = whole.row.int("new_account_id");
    whole.agrees(is_registered == account.is_some(), "is its plastic registered?")?;
    whole.agrees(!is_registered || account == new, "its plastic is of another account")?;
    whole.agrees(!is_registered || !is_ended, "its plastic has ended")?;
    let Some(delivery) = whole.delivery else { return Ok(()) };
    let ordered = delivery.int("card_id") == whole.row.int("physical_card_id");
    whole.agrees(ordered, "another plastic is on its way")?;
    let way = delivery.text("state").unwrap_or_default();
    let has_ended = delivery.int("ended_at").is_some();
    whole.agrees(["ARRIVAL", "CANCEL", "ETC"].contains(&way) == has_ended, "when did it end?")?;
    match way {
        "CANCEL" => {
            whole.agrees(is_ended, "its plastic was called off and lives on")?;
            whole.agrees(!whole.is(&["READY", "COST_PAID"]), "it waits for what never comes")
        }
        "ARRIVAL" => whole.agrees(!is_ended, "its plastic has arrived and ended"),
        "ETC" => Ok(()),
        "LOST" => whole.agrees(false, "no other plastic goes out for what was lost"),
        _ => {
            whole.agrees(!is_ended, "plastic is on its way that has ended")?;
            whole.agrees(!whole.is(&["CANCELLED"]), "its plastic is on its way")?;
            whole.agrees(!is_registered, "what was registered has arrived")
        }
    }
}

fn money(whole: &Whole<'_>) -> Check {
    let goes_back = whole.owed.map(|owed| owed.text("state").unwrap_or_default());
    whole.agrees(
        whole.is(&["RETURN_DUE"]) == (goes_back == Some("DUE") && not_settled(whole)),
        "is its fee owed back?",
    )?;
    whole.agrees(
        whole.is(&["RETURNED"]) == (goes_back == Some("RETURNED") && not_settled(whole)),
        "was its fee given back?",
    )?;
    let Some(owed) = whole.owed else { return Ok(()) };
    let amount = owed.int("amount");
    whole.agrees(amount == whole.row.int("fee"), "another amount than its fee goes back")?;
    let has_order = whole.row.text("bank_tran_id").is_some();
    whole.agrees(has_order, "what was never taken goes back")
}

fn not_settled(whole: &Whole<'_>) -> bool {
    whole.owed.is_some_and(|owed| owed.text("reason") == Some("NOT_SETTLED"))
}

/// A card that belongs to an account is of the same product, and does not end before it.
pub fn of_card(mirror: &Mirror, card: &Image) -> Check {
    let Some(account) = card.int("account_id") else { return Ok(()) };
    let asp = card.text("asp_id").unwrap_or_default();
    let account = mirror.row("card_account", &format!("{asp}/{account}"));
    let same = |column| account.is_some_and(|it| it.text(column) == card.text(column));
    hold("all-say-the-same", same("service_id"), || {
        format!("of which product is {}?", card.key())
    })?;
    let ends = account.and_then(|account| account.text("expiry_yymm"));
    hold("all-say-the-same", ends <= card.text("expiry_yymm"), || {
        format!("card {} ends before its account", card.key())
    })
}

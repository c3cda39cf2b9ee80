//! What was found, as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::{say, won};
use crate::customer::lookup::Lookup;
use crate::customer::{Card, Chain, Line};

/// What stands in a line's own places.
const PLACED: [&str; 5] = ["eventId", "type", "occurredAt", "generation", "maskedCardNo"];

/// Prints it.
pub(super) fn lookup(found: &Lookup) {
    if let (Some(id), Some(membership)) = (found.user_id, &found.membership) {
        say(format_args!("member {id}, membership {membership}"));
    }
    for (place, each) in (1_usize..).zip(&found.cards) {
        say(format_args!("\ncard {place} of {}", found.cards.len()));
        chain(each);
    }
    if found.untold > 0 {
        let untold = found.untold;
        say(format_args!("\nand {untold} more of the member: find them by --par or --apply-no"));
    }
    if !found.of_member.is_empty() {
        let older = if found.has_more_of_member { "; there may be older ones" } else { "" };
        say(format_args!("\nof the member{older}"));
        found.of_member.iter().for_each(line);
    }
}

fn chain(chain: &Chain) {
    for account in &chain.accounts {
        let (generation, id, state) = (account.generation, account.account_id, &account.state);
        let product = account.product.as_deref().unwrap_or("-");
        let (balance, service_id) = (won(account.balance), &account.service_id);
        say(format_args!(
            "  generation {generation}: account {id}, {state}, {balance} won, {product} \
             ({service_id})"
        ));
        account.cards.iter().for_each(card);
    }
    for each in &chain.applications {
        let (no, kind, state) = (&each.card_apply_no, &each.kind, &each.state);
        let delivery = each.delivery.as_deref().unwrap_or("none");
        let fee = won(each.fee);
        say(format_args!(
            "  application {no}: {kind}, {state}, fee {fee} won, delivery {delivery}"
        ));
        each.plastic.iter().for_each(card);
    }
    let more = if chain.has_more { ", and more that were not read" } else { "" };
    match chain.earlier {
        0 => say(format_args!("  what has happened, in Korean time{more}")),
        earlier => {
            say(format_args!(
                "  what has happened, in Korean time; and {earlier} more before{more}"
            ));
        }
    }
    chain.timeline.iter().for_each(line);
}

fn card(card: &Card) {
    let (form, number, par) = (&card.form, &card.masked_card_no, &card.par);
    let expiry = &card.expiry_date;
    let ended = if card.has_ended { ", ended" } else { "" };
    say(format_args!("    {form:<8} {number} {par} expires {expiry} (YYMM){ended}"));
}

fn line(line: &Line) {
    let text = |name: &str| line.told.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut said = format!("    {} {}", moment(text("occurredAt")), text("type"));
    if let Some(generation) = line.told.get("generation") {
        let _ = write!(said, " of generation {generation}");
    }
    let number = text("maskedCardNo");
    if !number.is_empty() {
        let _ = write!(said, " {number}");
    }
    for (name, value) in line.told.as_object().into_iter().flatten() {
        if !PLACED.contains(&name.as_str()) {
            let _ = match value {
                Value::String(text) => write!(said, ", {name} {text}"),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => write!(said, ", {name} {value}"),
            };
        }
    }
    say(said);
    for posting in &line.journal {
        let (debit, credit, amount) = (&posting.debit, &posting.credit, won(posting.amount));
        say(format_args!("        debit {debit}, credit {credit}: {amount} won"));
    }
}

/// `yyyy-MM-dd HH:mm:ss` of a `yyyyMMddHHmmss`.
fn moment(text: &str) -> String {
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (day, time) =
        ([part(0, 4), part(4, 6), part(6, 8)], [part(8, 10), part(10, 12), part(12, 14)]);
    format!("{} {}", day.join("-"), time.join(":"))
}

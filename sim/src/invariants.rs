//! What must hold of the rows and of the bank, whatever happened. Each rule has a name, which a
//! failure prints.

pub mod agreement;

use store::{Change, Ended, Image, Ran};

use crate::bank::{Order, OrderId, SimBank};
use crate::broken::{Check, hold};
use crate::explain::Model;
use crate::mirror::{Mirror, order_of};
use crate::model::{CLEARING, Partner};

/// Accounts in a chain of reissues: a longer one would be a circle.
const CHAIN_MAX: usize = 10_000;

/// Checks what a job has touched.
pub fn on_touched(mirror: &Mirror, bank: &SimBank, changes: &[Change]) -> Check {
    for change in changes {
        let Some(row) = change.row() else { continue };
        // As it is in the end: a job may change a row twice.
        let row = mirror.row(row.table(), &row.key()).unwrap_or(row);
        match row.table() {
            "card_account" => {
                balance_is_derived(mirror, row)?;
                one_live_pair(mirror, row)?;
            }
            "posting" => posting_moves(row)?,
            "application" => {
                order_is_fixed(change)?;
                fee_and_card(mirror, bank, row)?;
                one_open_application(mirror, row)?;
                agreement::of_application(mirror, row)?;
            }
            "delivery" | "fee_return" | "card" => {
                let no = row.text("apply_no").unwrap_or_default();
                let asp = row.text("asp_id").unwrap_or_default();
                if let Some(application) = mirror.row("application", &format!("{asp}/{no}")) {
                    agreement::of_application(mirror, application)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks all rows.
pub fn on_everything(mirror: &Mirror, bank: &SimBank, model: &Model) -> Check {
    for account in mirror.rows("card_account") {
        balance_is_derived(mirror, account)?;
        one_live_pair(mirror, account)?;
    }
    for posting in mirror.rows("posting") {
        posting_moves(posting)?;
    }
    for application in mirror.rows("application") {
        fee_and_card(mirror, bank, application)?;
        one_open_application(mirror, application)?;
        agreement::of_application(mirror, application)?;
    }
    for card in mirror.rows("card") {
        agreement::of_card(mirror, card)?;
    }
    for (id, order) in bank.orders() {
        one_withdrawal(mirror, &id, &order)?;
    }
    model.iter().try_for_each(|(asp, partner)| {
        one_deposit(bank, partner)?;
        books_agree(mirror, asp, partner)
    })
}

/// Once no fee is open: what the bank has taken is what our books say.
pub fn bank_agrees(mirror: &Mirror, bank: &SimBank, partners: &[String]) -> Check {
    let booked = partners.iter().map(|asp| mirror.derived(asp, CLEARING));
    let booked = -booked.sum::<i64>();
    let orders = bank.orders();
    let known = orders.iter().filter(|(id, order)| !is_unknown_breach(mirror, id, order));
    let taken = known.map(|(_, order)| order.taken()).sum::<i64>();
    hold("the-bank-agrees", booked == taken, || {
        format!("the bank has taken {taken} won, the books say {booked}")
    })
}

/// An order that the bank executed against its promise, and whose answer died with a process.
fn is_unknown_breach(mirror: &Mirror, id: &OrderId, order: &Order) -> bool {
    let keys = mirror.applications_of(id, order.kind).iter();
    let rows = keys.filter_map(|key| mirror.row("application", key));
    let mut failed = rows.filter(|row| row.text("state") == Some("COST_PAY_FAILED"));
    order.is_breach && failed.next().is_some()
}

/// The balance of a card account is the sum of its postings.
pub fn balance_is_derived(mirror: &Mirror, account: &Image) -> Check {
    let (asp, id) = (account.text("asp_id").unwrap_or_default(), account.int("account_id"));
    let key = format!("card:{}", id.unwrap_or(0));
    let (balance, derived) = (account.int("balance"), mirror.derived(asp, &key));
    hold("balance-is-derived", balance == Some(derived), || {
        format!("{key} of {asp} holds {balance:?}, its postings say {derived}")
    })
}

/// What each account of the ledger holds by all its postings follows from what the model says has
/// become of every card and every fee, whatever was posted on the way there.
pub fn books_agree(mirror: &Mirror, asp: &str, partner: &Partner) -> Check {
    let mut books = partner.books();
    for (account, held) in mirror.ledger(asp) {
        let expected = books.remove(account).unwrap_or(0);
        hold("the-ledger-is-the-models", held == expected, || {
            format!("{account} of {asp} holds {held} by its postings, {expected} by the model")
        })?;
    }
    let unposted = books.into_iter().find(|(_, held)| *held != 0);
    hold("the-ledger-is-the-models", unposted.is_none(), || {
        format!("nothing was posted of {unposted:?} of {asp}")
    })
}

/// A posting moves an amount from one account to another.
pub fn posting_moves(posting: &Image) -> Check {
    let moves = posting.text("debit") != posting.text("credit");
    hold("a-posting-moves-an-amount", moves && posting.int("amount") > Some(0), || {
        format!("posting {} moves nothing", posting.key())
    })
}

/// Of a chain of reissues, one account at the most is not ended; its links go both ways.
pub fn one_live_pair(mirror: &Mirror, account: &Image) -> Check {
    let asp = account.text("asp_id").unwrap_or_default();
    let find = |id: Option<i64>| mirror.row("card_account", &format!("{asp}/{}", id?));
    let mut first = account;
    let mut live = 0;
    for _ in 0..CHAIN_MAX {
        let Some(before) = find(first.int("predecessor_id")) else { break };
        first = before;
    }
    let mut next = Some(first);
    while let Some(each) = next {
        live += u32::from(each.text("state") != Some("TERMINATED"));
        next = find(each.int("successor_id"));
        if let Some(after) = next {
            let back = after.int("predecessor_id");
            hold("links-go-both-ways", back == each.int("account_id"), || {
                format!("{} is not the predecessor of {}", each.key(), after.key())
            })?;
        }
    }
    hold("one-live-pair", live <= 1, || format!("{live} live accounts around {}", account.key()))
}

/// What is fixed before the order is sent stays as it is.
pub fn order_is_fixed(change: &Change) -> Check {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return Ok(()) };
    let changed = after.changed_since(before);
    let may = [
        "state",
        "holds_old_card",
        "refusal",
        "api_tran_id",
        "settled_at",
        "deadline_at",
        "recipient_sealed",
        // Another plastic for one that was lost, or any for one that none was made for.
        "physical_card_id",
        "physical_number",
    ];
    // Where the mobile card follows the plastic, it is not reserved before.
    let later = ["new_account_id", "mobile_card_id", "mobile_number"];
    let may_come = |name: &str| later.contains(&name) && before.int("new_account_id").is_none();
    let other = changed.iter().find(|name| !may.contains(name) && !may_come(name));
    hold("what-was-promised-stays", other.is_none(), || {
        format!("{other:?} of application {} changed", after.key())
    })
}

/// One open application at the most holds a card.
pub fn one_open_application(mirror: &Mirror, application: &Image) -> Check {
    let open = mirror.open_beside(application);
    hold("one-open-application", open <= 1, || {
        format!("{open} hold the card that {} replaces", application.key())
    })
}

/// No card without its fee, no fee without a card or a return.
pub fn fee_and_card(mirror: &Mirror, bank: &SimBank, application: &Image) -> Check {
    let asp = application.text("asp_id").unwrap_or_default();
    let id = order_of(application);
    let order = id.as_ref().and_then(|id| bank.order(id));
    let taken = order.as_ref().map_or(0, |order| order.executed);
    let key = application.key();
    hold("one-withdrawal", taken <= 1, || format!("{taken} withdrawals for {key}"))?;
    let is_due = application.int("fee") > Some(0);
    hold("a-fee-has-an-order", is_due == id.is_some(), || format!("{key} has order {id:?}"))?;
    let made = |column| {
        let card = application.int(column)?;
        mirror.row("card", &format!("{asp}/{card}"))
    };
    let cards = [made("mobile_card_id"), made("physical_card_id")];
    let cards = cards.iter().flatten().count();
    match application.text("state").unwrap_or_default() {
        // What it had issued has ended with it.
        "CANCELLED" => hold("no-card-without-its-fee", !is_due || taken == 1, || {
            format!("{key} was settled once, its fee was not taken")
        }),
        "DIGITAL_ISSUED" | "PHYSICAL_ISSUED" | "COST_PAID" | "READY" => {
            hold("no-card-without-its-fee", !is_due || taken == 1, || {
                format!("{key} is settled, its fee was not taken")
            })?;
            hold("no-fee-without-a-card-or-a-return", cards > 0, || {
                format!("{key} is settled and has no card")
            })
        }
        state => {
            hold("no-card-without-its-fee", cards == 0, || {
                format!("{key} is {state}, has a card")
            })?;
            let is_breach = order.is_some_and(|order| order.is_breach);
            let may_be_taken = state != "COST_PAY_FAILED" || is_breach;
            hold("no-fee-without-a-card-or-a-return", taken == 0 || may_be_taken, || {
                format!("{key} is {state}, its fee was taken")
            })?;
            let goes_back = ["RETURN_DUE", "RETURNED"].contains(&state);
            hold("no-return-without-a-fee", !goes_back || taken == 1, || {
                format!("{key} is to be given back what was never taken")
            })
        }
    }
}

/// An order that the bank has is one application's, for its fee, from its account or back to it.
pub fn one_withdrawal(mirror: &Mirror, id: &OrderId, order: &Order) -> Check {
    let keys = mirror.applications_of(id, order.kind);
    hold("one-withdrawal", keys.len() == 1 && order.executed <= 1, || {
        format!("order {} was made for {} applications, done {}", id.0, keys.len(), order.executed)
    })?;
    let Some(row) = keys.first().and_then(|key| mirror.row("application", key)) else {
        return Ok(());
    };
    let (asp, user) = (row.text("asp_id").unwrap_or_default(), row.int("user_id").unwrap_or(0));
    let account = row.int("bank_account_id").unwrap_or(0);
    let account = mirror.row("bank_account", &format!("{asp}/{user}/{account}"));
    let account = account.and_then(|account| account.text("fintech_use_num"));
    let fits = account == Some(&order.account) && row.int("fee") == Some(order.amount);
    hold("one-withdrawal", fits, || format!("order {} is not what {} promised", id.0, row.key()))
}

/// A fee is given back once, by however many orders it was tried.
pub fn one_deposit(bank: &SimBank, partner: &Partner) -> Check {
    for (no, application) in &partner.applications {
        let orders = application.deposits.iter().filter_map(|id| bank.order(id));
        let given: u32 = orders.map(|order| order.executed).sum();
        hold("one-deposit", given <= 1, || {
            format!("the fee of {no} was given back {given} times")
        })?;
    }
    Ok(())
}

/// A job that refused, or that the database failed, changed no row.
pub fn refused_changed_nothing(ran: &Ran) -> Check {
    hold(
        "a-refused-call-changed-no-row",
        ran.ended == Ended::Done || ran.changes.is_empty(),
        || {
            let tables: Vec<&str> =
                ran.changes.iter().filter_map(|change| Some(change.row()?.table())).collect();
            format!("a job that ended {:?} changed {}", ran.ended, tables.join(", "))
        },
    )
}

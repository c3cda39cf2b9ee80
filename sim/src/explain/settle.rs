//! How a fee ends, and what a replacement writes: with a fee or without.

use bank::RefusalCause;
use domain::AspId;
use platen::context::place;
use store::Image;

use super::{Around, Job, Model, Want, hold, remembered, row_is};
use crate::bank::{Done, ORDER_LIFETIME_MS};
use crate::broken::{Check, broken};
use crate::model::{
    Account, AppState, Application, CLEARING, CallKey, Card, CardState, Memory, Partner, SUCCESS,
    tax_within,
};

/// The code and the stored word of a refusal.
const fn refusal(cause: RefusalCause) -> (&'static str, &'static str) {
    match cause {
        RefusalCause::InvalidAccount => ("003_052", "INVALID_ACCOUNT"),
        RefusalCause::OwnerMismatch => ("003_053", "OWNER_MISMATCH"),
        RefusalCause::WithdrawFailed => ("003_054", "WITHDRAW_FAILED"),
        RefusalCause::InsufficientBalance => ("003_056", "INSUFFICIENT_BALANCE"),
        RefusalCause::TermsNotAgreed => ("003_057", "TERMS_NOT_AGREED"),
        RefusalCause::MessageError => ("003_058", "MESSAGE_ERROR"),
        RefusalCause::Other => ("003_059", "OTHER"),
    }
}

pub(super) fn settled(
    model: &mut Model,
    around: &Around<'_>,
    job: &Job<'_>,
    (old, new): (&Image, &Image),
) -> Check<&'static str> {
    let asp = new.text("asp_id").unwrap_or_default();
    let no = new.text("apply_no").unwrap_or_default().to_owned();
    let Some(partner) = model.get_mut(asp) else { return broken("model-agrees", "no partner") };
    let Some(application) = partner.applications.get(&no).cloned() else {
        return broken("model-agrees", format!("application {no} is not known"));
    };
    row_is("model-agrees", old, &[("state", Want::Text(application.state.text()))])?;
    let order = application.order.as_ref().and_then(|id| around.bank.order(id));
    // What the bank took against its promise may have been given up just before.
    let is_breach = order.as_ref().is_some_and(|order| order.is_breach);
    let gives_up = is_breach && new.text("state") == Some(AppState::PayFailed.text());
    let is_taken = order.as_ref().is_some_and(|order| order.done == Done::Executed) && !gives_up;
    let account = partner.accounts.get(&application.account).map(|account| account.state);
    let is_paying = application.state == AppState::Paying;
    let to = match (is_taken, account, application.is_pre_issuance) {
        (false, ..) => AppState::PayFailed,
        (true, Some(CardState::Suspended), true) if is_paying => AppState::Digital,
        (true, Some(CardState::Suspended), false) if is_paying => AppState::Paid,
        (true, ..) => AppState::ReturnDue,
    };
    row_is("the-bank-decides", new, &[("state", Want::Text(to.text()))])?;
    hold("model-agrees", application.state != to, || format!("{no} is {to:?} already"))?;
    let code = match to {
        AppState::PayFailed => failed(around, job, (&no, &application), new)?,
        AppState::ReturnDue => owed(job, &application)?,
        AppState::Digital | AppState::Paid | AppState::Ready | AppState::Paying => {
            replaced(partner, around, job, (&no, &application), new)?;
            SUCCESS
        }
    };
    let [log] = job.logs[..] else { return broken("an-effect-is-remembered", "not one log row") };
    let more = [("code", Want::Text(code)), ("subject", Want::Text(&no))];
    let key = CallKey { replay: application.replay.clone(), strict: application.strict.clone() };
    let correlation = new.text("correlation_id").unwrap_or_default();
    if is_paying {
        remembered(log, &key, correlation, &more)?;
        let at_us = log.int("happened_at").unwrap_or(0);
        let memory = Memory { code: code.to_owned(), subject: no.clone(), at_us };
        partner.remember(&key, memory);
    } else {
        // Of an application that had been refused, the refusal stays the call's outcome.
        row_is("an-effect-is-remembered", log, &more)?;
    }
    partner.paying.remove(&no);
    if !to.is_open() && partner.open.get(&application.account) == Some(&no) {
        partner.open.remove(&application.account);
    }
    if let Some(application) = partner.applications.get_mut(&no) {
        application.state = to;
        if to == AppState::PayFailed {
            application.refusal = Some(code);
        }
    }
    Ok(to.text())
}

/// A refused fee: nothing but the application and its log row, and the mark of the claim.
fn failed(
    around: &Around<'_>,
    job: &Job<'_>,
    (no, application): (&str, &Application),
    new: &Image,
) -> Check<&'static str> {
    let alone = job.opened.is_empty() && job.accounts.is_empty() && job.cards.is_empty();
    let alone = alone && job.deliveries.is_empty() && job.postings.is_empty();
    hold("a-refused-fee-changed-only-its-application", alone, || format!("{no} changed more"))?;
    let Some(id) = &application.order else { return broken("a-fee-has-an-order", no) };
    let lifetime_us = i64::try_from(ORDER_LIFETIME_MS * 1_000).unwrap_or(0);
    let is_over = around.now_us > application.applied_us + lifetime_us;
    let given_up = is_over && new.text("refusal") == Some("NETWORK_ISSUE");
    let order = around.bank.order(id).filter(|order| !(order.is_breach && given_up));
    let (code, word) = match order.map(|order| order.done) {
        Some(Done::Refused(cause)) => refusal(cause),
        Some(Done::Executed) => return broken("the-bank-decides", format!("{no} was taken")),
        None if is_over || around.bank.was_not_sent(id) => ("003_051", "NETWORK_ISSUE"),
        None => return broken("the-bank-decides", format!("{no} may still be taken")),
    };
    row_is(
        "the-bank-decides",
        new,
        &[
            ("refusal", Want::Text(word)),
            ("holds_old_card", Want::Int(0)),
            ("recipient_sealed", Want::Null),
        ],
    )?;
    Ok(code)
}

fn owed(job: &Job<'_>, application: &Application) -> Check<&'static str> {
    let alone = job.opened.is_empty() && job.accounts.is_empty() && job.cards.is_empty();
    hold("unexplained-change", alone && job.deliveries.is_empty(), || {
        "a fee was owed back, and more".to_owned()
    })?;
    let (fee, vat) = (application.fee, tax_within(application.fee));
    journal_is(
        job,
        &[
            (CLEARING, "fee-income", fee - vat),
            (CLEARING, "vat-payable", vat),
            ("fee-income", "return-payable", fee - vat),
            ("vat-payable", "return-payable", vat),
        ],
    )?;
    Ok("003_059")
}

/// The new pair, the end of the old one, the plastic on its way and the journal.
pub(super) fn replaced(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &Job<'_>,
    (no, application): (&str, &Application),
    row: &Image,
) -> Check {
    let Some(old) = partner.accounts.get(&application.account).cloned() else {
        return broken("model-agrees", "the old account is not known");
    };
    let (fee, vat) = (application.fee, tax_within(application.fee));
    let mut journal = vec![
        (CLEARING.to_owned(), "fee-income".to_owned(), fee - vat),
        (CLEARING.to_owned(), "vat-payable".to_owned(), vat),
    ];
    if application.is_pre_issuance {
        let new_id = row.int("new_account_id").unwrap_or(0);
        succeeded(job, application, (&old, new_id), row)?;
        let (from, to) = (format!("card:{}", application.account), format!("card:{new_id}"));
        journal.push((from, to, old.balance));
        let new = Account { state: CardState::Active, successor: None, ..old };
        let service = row.text("service_id").unwrap_or_default().to_owned();
        partner.accounts.insert(new_id, Account { service, ..new });
        if let Some(ended) = partner.accounts.get_mut(&application.account) {
            ended.state = CardState::Terminated;
            ended.balance = 0;
            ended.successor = Some(new_id);
        }
    } else {
        let untouched = job.opened.is_empty() && job.accounts.is_empty();
        hold("ordinary-waits-for-its-plastic", untouched, || format!("{no} moved a balance"))?;
    }
    let expected: Vec<(&str, &str, i64)> =
        journal.iter().map(|(debit, credit, amount)| (&**debit, &**credit, *amount)).collect();
    journal_is(job, &expected)?;
    cards_made(partner, around, job, (no, application), row)
}

/// The old account has ended and the new one has what it had.
fn succeeded(
    job: &Job<'_>,
    application: &Application,
    (old, new_id): (&Account, i64),
    row: &Image,
) -> Check {
    let ([opened], [(before, ended)]) = (&job.opened[..], &job.accounts[..]) else {
        return broken("model-predicts-effects", "not one account opened and one ended");
    };
    let same = |column| before.int(column).map_or(Want::Null, Want::Int);
    row_is(
        "model-predicts-effects",
        opened,
        &[
            ("account_id", Want::Int(new_id)),
            ("user_id", Want::Int(i64::try_from(old.user).unwrap_or(-1))),
            ("service_id", Want::Text(row.text("service_id").unwrap_or_default())),
            ("state", Want::Text("ACTIVE")),
            ("balance", Want::Int(old.balance)),
            ("predecessor_id", Want::Int(application.account)),
            ("successor_id", Want::Null),
            ("balance_limit", same("balance_limit")),
            ("is_named", same("is_named")),
            ("is_main", same("is_main")),
        ],
    )?;
    row_is(
        "model-predicts-effects",
        ended,
        &[
            ("account_id", Want::Int(application.account)),
            ("state", Want::Text("TERMINATED")),
            ("balance", Want::Int(0)),
            ("successor_id", Want::Int(new_id)),
            ("is_main", Want::Int(0)),
        ],
    )
}

/// The cards of an application, with new numbers, and the delivery of its plastic.
fn cards_made(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &Job<'_>,
    (no, application): (&str, &Application),
    row: &Image,
) -> Check {
    let (mobile, physical) = (row.int("mobile_card_id"), row.int("physical_card_id"));
    let wanted = usize::from(mobile.is_some()) + usize::from(physical.is_some());
    let delivered = job.deliveries.len() == usize::from(physical.is_some());
    hold("model-predicts-effects", job.cards.len() == wanted && delivered, || {
        format!("{} cards and {} deliveries for {no}", job.cards.len(), job.deliveries.len())
    })?;
    for card in &job.cards {
        let id = card.int("card_id");
        let is_physical = id == physical;
        hold("model-predicts-effects", is_physical || id == mobile, || "a third card".to_owned())?;
        let account = row.int("new_account_id").filter(|_| !is_physical);
        row_is(
            "model-predicts-effects",
            card,
            &[
                ("account_id", account.map_or(Want::Null, Want::Int)),
                ("form", Want::Text(if is_physical { "PHYSICAL" } else { "MOBILE" })),
                ("apply_no", Want::Text(no)),
                ("service_id", Want::Text(row.text("service_id").unwrap_or_default())),
            ],
        )?;
        let place = add_card(partner, around, card)?;
        if let Some(member) = partner.members.get_mut(&application.user) {
            member.cards.push(place);
        }
        if !is_physical && let Some(application) = partner.applications.get_mut(no) {
            application.mobile = Some(place);
        }
    }
    Ok(())
}

/// Adds a card to the model; no number and no PAR is given twice.
pub(crate) fn add_card(partner: &mut Partner, around: &Around<'_>, card: &Image) -> Check<usize> {
    let asp = AspId::new(card.text("asp_id").unwrap_or_default());
    let id = card.int("card_id").unwrap_or(0).to_string();
    let sealed = card.blob("pan_sealed").unwrap_or_default();
    let Ok(number) = around.core.open_text(place(&asp, "card.pan", &id), sealed) else {
        return broken("a-number-can-be-read", format!("card {id}"));
    };
    let card = Card {
        account: card.int("account_id"),
        number: number.expose().to_owned(),
        par: card.text("par").unwrap_or_default().to_owned(),
    };
    let is_new = !partner.by_number.contains_key(&card.number);
    hold("a-number-is-given-once", is_new && !partner.by_par.contains_key(&card.par), || {
        format!("that of card {id} was given before")
    })?;
    Ok(partner.add_card(card))
}

/// The postings of a job are these and no others.
fn journal_is(job: &Job<'_>, expected: &[(&str, &str, i64)]) -> Check {
    let mut found: Vec<(&str, &str, i64)> = job
        .postings
        .iter()
        .filter_map(|row| Some((row.text("debit")?, row.text("credit")?, row.int("amount")?)))
        .collect();
    let mut expected: Vec<_> = expected.iter().copied().filter(|(.., won)| *won != 0).collect();
    found.sort_unstable();
    expected.sort_unstable();
    hold("the-journal-is-the-models", found == expected, || {
        format!("posted {found:?}, not {expected:?}")
    })
}

//! What calls do that charge nothing: one job each.

use store::Image;

use super::deliver::{arrived, called_off_by_call, resent, said_is, stopped};
use super::job::{Pair, only_changed};
use super::parts::{
    NewCard, Opening, account, account_ended, application, fee_owed, mobile_issued,
};
use super::{Around, Job, Model, Want, caller, not_done_before, remembered, row_is};
use crate::broken::{Check, broken};
use crate::model::{
    AppState, Card, CardState, Fee, Memory, Month, Partner, Registration, SUCCESS, Verdict, Way,
};

/// A call, as what it does knows it.
#[derive(Clone, Copy)]
struct By {
    operation: &'static str,
    user: u64,
    now_us: i64,
}

/// What a call has done, as the log remembers it.
struct Deed {
    event: &'static str,
    subject: String,
    /// Answers that may tell a number so far.
    may_be_told: u32,
}

impl Deed {
    fn of(event: &'static str, subject: impl ToString) -> Self {
        Deed { event, subject: subject.to_string(), may_be_told: 0 }
    }
}

/// A call was done, and this row remembers it.
pub(super) fn done(
    model: &mut Model,
    around: &Around<'_>,
    job: &mut Job<'_>,
    log: &Image,
) -> Check<&'static str> {
    let (partner, spec) = caller(model, around, log)?;
    let now_us = log.int("happened_at").unwrap_or(0);
    not_done_before(partner, &spec, now_us)?;
    let operation = spec.operation;
    let by = By { operation, user: spec.ask.user(), now_us };
    let deed = match partner.decide(&spec.ask, &spec.key.replay, now_us) {
        Verdict::Change(id, state) => changed(partner, job, id, state)?,
        Verdict::Discard(id) => discarded(partner, job, id, by)?,
        Verdict::Register(plastic, how) => registered(partner, around, job, (plastic, how), by)?,
        Verdict::Cancel(no) => cancelled(partner, job, &no, by)?,
        Verdict::Resend(no) => {
            resent(partner, job, &no, now_us)?;
            said_is(log, Way::Ready)?;
            Deed::of("delivery.changed", no)
        }
        Verdict::CallOff(no) => {
            called_off_by_call(partner, job, &no, now_us)?;
            said_is(log, Way::Cancel)?;
            Deed::of("delivery.changed", no)
        }
        verdict @ (Verdict::Refuse(_) | Verdict::Await | Verdict::Grant(_) | Verdict::Stay) => {
            let seen = format!("{verdict:?}, but {operation} was done");
            return broken("model-predicts-effects", seen);
        }
    };
    remembered(
        log,
        &spec.key,
        &spec.correlation,
        &[
            ("operation", Want::Text(operation)),
            ("event", Want::Text(deed.event)),
            ("code", Want::Text(SUCCESS)),
            ("subject", Want::Text(&deed.subject)),
        ],
    )?;
    let Deed { event, subject, may_be_told } = deed;
    let code = SUCCESS.to_owned();
    partner.remember(&spec.key, Memory { operation, code, subject, at_us: now_us, may_be_told });
    Ok(match event {
        "delivery.changed" => operation,
        _ => event,
    })
}

/// A card's state changes.
fn changed(partner: &mut Partner, job: &mut Job<'_>, id: i64, state: CardState) -> Check<Deed> {
    let pair = job.account(id)?;
    row_is("model-predicts-effects", pair.1, &[("state", Want::Text(state.text()))])?;
    only_changed(pair, &["state", "version"])?;
    account(partner, id)?.state = state;
    let event = if state == CardState::Active { "card.resumed" } else { "card.suspended" };
    Ok(Deed::of(event, id))
}

/// A card ends for good, and the plastic that was to join it.
fn discarded(partner: &mut Partner, job: &mut Job<'_>, id: i64, by: By) -> Check<Deed> {
    account_ended(partner, job, id)?;
    let awaited = partner.applications.iter();
    let awaited = awaited.filter(|(_, it)| it.opened == Some(id) && it.state == AppState::Digital);
    let awaited: Vec<String> = awaited.map(|(no, _)| no.clone()).collect();
    for no in &awaited {
        stopped(partner, job, (no, by.operation), by.now_us)?;
    }
    Ok(Deed::of("card.discarded", id))
}

/// An application is taken back with all that came of it.
fn cancelled(partner: &mut Partner, job: &mut Job<'_>, no: &str, by: By) -> Check<Deed> {
    let pair = job.application(no)?;
    row_is(
        "model-predicts-effects",
        pair.1,
        &[
            ("state", Want::Text("CANCELLED")),
            ("holds_old_card", Want::Int(0)),
            ("recipient_sealed", Want::Null),
            ("settled_at", Want::Int(by.now_us)),
        ],
    )?;
    only_changed(pair, &["state", "holds_old_card", "recipient_sealed", "settled_at"])?;
    let application = application(partner, no)?;
    let (old, opened, money) = (application.account, application.opened, application.money);
    application.state = AppState::Cancelled;
    let mut deed = Deed::of("application.cancelled", no);
    if let Some(opened) = opened {
        account_ended(partner, job, opened)?;
        deed.may_be_told = told(job, by.operation, no)?;
    }
    stopped(partner, job, (no, by.operation), by.now_us)?;
    if money == Fee::Taken {
        fee_owed(partner, job, no, "CANCELLED")?;
    }
    partner.let_go(old, no);
    Ok(deed)
}

/// The log says that a number is told.
fn told(job: &mut Job<'_>, operation: &str, subject: &str) -> Check<u32> {
    let log = job.log("card.number_told", subject)?;
    let wanted = [("operation", Want::Text(operation)), ("replay_key", Want::Null)];
    row_is("an-effect-is-remembered", log, &wanted)?;
    Ok(1)
}

/// Plastic is registered: it belongs to an account from now on.
fn registered(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (place, how): (usize, Registration),
    by: By,
) -> Check<Deed> {
    let Some(card) = partner.cards.get(place).cloned() else {
        return broken("model-agrees", "plastic is not known");
    };
    // What was guessed of it before is forgotten.
    let is = |pair: &(Option<&Image>, Option<&Image>)| {
        pair.0.is_some_and(|row| row.int("card_id") == Some(card.id)) && pair.1.is_none()
    };
    let had_guesses = card.plastic.as_ref().is_some_and(|plastic| plastic.guesses.0 > 0);
    if Job::take(&mut job.guesses, is).is_some() != had_guesses {
        return broken("model-predicts-effects", format!("guesses at card {}", card.id));
    }
    let mut deed = Deed::of("card.registered", "");
    let account = match how {
        Registration::Link(no) => {
            let Some(opened) = application(partner, &no)?.opened else {
                return broken("model-agrees", format!("{no} has no account"));
            };
            completed(partner, job, (&no, place, card.id), by)?;
            deed.may_be_told = told(job, by.operation, &no)?;
            deed.subject = no;
            opened
        }
        Registration::IssueMobile(no) => {
            let row = completed(partner, job, (&no, place, card.id), by)?;
            mobile_issued(partner, around, job, (&no, row), card.expiry)?;
            let kind = application(partner, &no)?.kind;
            let log = job.log(kind.event(true), &no)?;
            let wanted = [("operation", Want::Text(by.operation)), ("replay_key", Want::Null)];
            row_is("an-effect-is-remembered", log, &wanted)?;
            deed.may_be_told = 1;
            deed.subject = no;
            row.int("new_account_id").unwrap_or(0)
        }
        Registration::Open => {
            let opened = opened_for(partner, around, job, (&card, by.user))?;
            deed.may_be_told = 1;
            deed.subject = opened.to_string();
            opened
        }
    };
    owned(partner, job, (place, account, card.expiry), by)?;
    Ok(deed)
}

/// The application that awaited the plastic has all that it was made for.
fn completed<'a>(
    partner: &mut Partner,
    job: &mut Job<'a>,
    (no, place, card): (&str, usize, i64),
    by: By,
) -> Check<&'a Image> {
    let pair = job.application(no)?;
    row_is(
        "model-predicts-effects",
        pair.1,
        &[
            ("state", Want::Text("PHYSICAL_ISSUED")),
            ("holds_old_card", Want::Int(0)),
            ("physical_card_id", Want::Int(card)),
        ],
    )?;
    let plastic = ["state", "holds_old_card", "physical_card_id", "physical_number"];
    let mobile = ["new_account_id", "mobile_card_id", "mobile_number"];
    let may: Vec<&str> = match application(partner, no)?.opened {
        Some(_) => plastic.to_vec(),
        None => plastic.into_iter().chain(mobile).collect(),
    };
    only_changed(pair, &may)?;
    arrived(partner, job, (no, by.operation), by.now_us)?;
    let application = application(partner, no)?;
    let old = application.account;
    (application.state, application.plastic) = (AppState::Physical, Some(place));
    partner.let_go(old, no);
    Ok(pair.1)
}

/// An account with a mobile card is opened for plastic that was made for nobody.
fn opened_for(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (card, user): (&Card, u64),
) -> Check<i64> {
    let Some(row) = job.opened.first().copied() else {
        return broken("model-predicts-effects", "no account is opened");
    };
    let id = row.int("account_id").unwrap_or(0);
    let opening = Opening { id, user, service: &card.service, expiry: card.expiry };
    opening.opened(partner, job)?;
    let mobile = job.made.first().and_then(|row| row.int("card_id")).unwrap_or(0);
    let (service, expiry) = (card.service.clone(), card.expiry);
    let made = NewCard { id: mobile, account: Some(id), form: "MOBILE", no: None, service, expiry };
    made.made(partner, around, job)?;
    Ok(id)
}

/// The plastic is the account's; both end with whichever of its cards ends first.
fn owned(
    partner: &mut Partner,
    job: &mut Job<'_>,
    (place, id, expiry): (usize, i64, Month),
    by: By,
) -> Check {
    let Some(card) = partner.cards.get_mut(place) else {
        return broken("model-agrees", "plastic is not known");
    };
    let is = |pair: &Pair<'_>| pair.1.int("card_id") == Some(card.id);
    let Some(pair) = Job::take(&mut job.plastics, is) else {
        return broken("model-predicts-effects", format!("plastic {} is nobody's", card.id));
    };
    let wanted = [("account_id", Want::Int(id)), ("registered_at", Want::Int(by.now_us))];
    row_is("model-predicts-effects", pair.1, &wanted)?;
    only_changed(pair, &["account_id", "registered_at"])?;
    card.account = Some(id);
    if let Some(plastic) = &mut card.plastic {
        plastic.guesses = (0, 0);
    }
    let member = partner.members.get_mut(&by.user);
    if let Some(member) = member.filter(|member| !member.cards.contains(&place)) {
        member.cards.push(place);
    }
    let account = account(partner, id)?;
    if expiry >= account.expiry {
        return Ok(());
    }
    account.expiry = expiry;
    let pair = job.account(id)?;
    row_is("model-predicts-effects", pair.1, &[("expiry_yymm", Want::Text(&expiry.yymm()))])?;
    only_changed(pair, &["expiry_yymm", "version"])
}

//! What callers ask for: mostly what may succeed, now and then what cannot.

use crate::explain::Model;
use crate::model::{
    AppState, Application, Ask, Card, CardState, Member, OnCard, Partner, Way, Wish,
};
use crate::rng::Rng;

/// A number that is nobody's.
const STRAY_NUMBER: &str = "9491339099999990";
/// An application that there is not.
const STRAY_APPLICATION: &str = "2026030100000000000000";
/// A product that there is not.
const STRAY_PRODUCT: &str = "000170000002099";

/// What a call of this partner's asks for.
pub(super) fn ask(rng: &mut Rng, model: &Model, partner: &Partner, now_us: i64) -> Option<Ask> {
    let members: Vec<u64> = partner.members.keys().copied().collect();
    let own = rng.pick(&members).copied()?;
    let member = partner.members.get(&own)?;
    let user = if rng.percent(1) { own + 1 } else { own };
    match rng.weighed(&[8, 62, 12, 18]) {
        0 => Some(issue(rng, partner, user)),
        1 => Some(of_card(rng, (model, partner), (user, member), now_us)),
        2 => register(rng, (model, partner), (user, member)),
        _ => Some(of_application(rng, model, (partner, member), user)),
    }
}

fn issue(rng: &mut Rng, partner: &Partner, user: u64) -> Ask {
    let services: Vec<&String> = partner.products.keys().collect();
    let service = rng.pick(&services).filter(|_| rng.percent(97));
    let service = service.map_or(STRAY_PRODUCT, |service| service).to_owned();
    Ask::Issue { user, service, plastic: wish(rng) }
}

fn wish(rng: &mut Rng) -> Wish {
    if rng.percent(40) { Wish::Unwanted } else { Wish::Wanted }
}

/// Something about a card: a reissue, a renewal, a change of its state, its end.
fn of_card(
    rng: &mut Rng,
    (model, partner): (&Model, &Partner),
    (user, member): (u64, &Member),
    now_us: i64,
) -> Ask {
    let card = card_of(rng, partner, &member.cards);
    let (number, par) = match card {
        Some(card) => (card.number.clone(), card.par.clone()),
        None => (STRAY_NUMBER.to_owned(), format!("Q1{:025X}", rng.bits())),
    };
    let account = card.and_then(|card| partner.accounts.get(&card.account?));
    let number = wrong_number(rng, model, number);
    // The largest that a request may hold, where all of them take it.
    let huge = if rng.percent(1) { 9_999_999_999_999_999_999 } else { user };
    let is_suspended = account.is_some_and(|it| it.state == CardState::Suspended);
    if rng.percent(if is_suspended { 55 } else { 30 }) {
        return Ask::Reissue { user: huge, number, plastic: wish(rng) };
    }
    let ends_soon = account.is_some_and(|it| (0..=30).contains(&it.expiry.days_left(now_us)));
    if rng.percent(if ends_soon { 40 } else { 8 }) {
        return Ask::Renew { user: huge, number };
    }
    let par = if rng.percent(3) { format!("Q1{:025X}", rng.bits()) } else { par };
    let is_empty = account.is_some_and(|it| it.balance == 0);
    if rng.percent(if is_empty { 15 } else { 5 }) {
        return Ask::Discard { user, par };
    }
    let suspends = if is_suspended { 45 } else { 85 };
    let to = if rng.percent(suspends) { CardState::Suspended } else { CardState::Active };
    let (number, par) = match rng.below(10) {
        0..=5 => (Some(number), None),
        6..=8 => (None, Some(par)),
        _ => (Some(number), Some(par)),
    };
    Ask::State { user: huge, number, par, to }
}

/// Plastic is registered by what stands on it: that which an application awaits, that which was
/// made for nobody, or any.
fn register(
    rng: &mut Rng,
    (model, partner): (&Model, &Partner),
    (user, member): (u64, &Member),
) -> Option<Ask> {
    let awaited: Vec<(&String, usize)> = recent(partner, member)
        .filter_map(|(no, application)| Some((no, application.plastic?)))
        .collect();
    let stock: Vec<usize> = (0..partner.cards.len())
        .filter(|place| {
            let plastic = partner.cards.get(*place).and_then(|card| card.plastic.as_ref());
            plastic.is_some_and(|plastic| plastic.made_for.is_none())
        })
        .collect();
    let (no, place) = match rng.weighed(&[70, 20, 10]) {
        0 => rng.pick(&awaited).map(|(no, place)| (Some((*no).clone()), *place))?,
        1 => (None, rng.pick(&stock).copied()?),
        _ => (None, rng.below(partner.cards.len())),
    };
    let card = partner.cards.get(place)?;
    let mut on_card = OnCard {
        number: wrong_number(rng, model, card.number.clone()),
        yymm: card.expiry.yymm(),
        cvc: card.plastic.as_ref().map_or("123", |plastic| &plastic.cvc).to_owned(),
    };
    // Who has guessed once goes on guessing.
    let guesses = card.plastic.as_ref().map_or(0, |plastic| plastic.guesses.0);
    if rng.percent(if guesses > 0 { 60 } else { 4 }) {
        let cvc = on_card.cvc.parse::<u64>().unwrap_or(0) + 1 + rng.below(999) as u64;
        on_card.cvc = format!("{:03}", cvc % 1_000);
    } else if rng.percent(2) {
        on_card.yymm = card.expiry.plus(1).yymm();
    }
    let mobile_only: Vec<&String> = recent(partner, member)
        .filter(|(_, it)| it.state == AppState::Digital && it.plastic.is_none())
        .map(|(no, _)| no)
        .collect();
    let no = match rng.below(10) {
        0 => Some(STRAY_APPLICATION.to_owned()),
        1..=3 => rng.pick(&mobile_only).map(|no| (*no).clone()).or(no),
        4..=6 => no,
        _ => None,
    };
    Some(Ask::Register { user, on_card, no })
}

/// Something about an application: it is taken back, or its plastic goes out again or not at all.
fn of_application(
    rng: &mut Rng,
    model: &Model,
    (partner, member): (&Partner, &Member),
    user: u64,
) -> Ask {
    let own: Vec<&String> = recent(partner, member).map(|(no, _)| no).collect();
    let returned = recent(partner, member).find(|(_, it)| {
        let way = it.delivery.map(|delivery| delivery.way);
        way == Some(Way::Return) || (rng.percent(20) && way.is_some_and(Way::is_end))
    });
    let others = model.values().nth(rng.below(model.len()));
    let any = others.and_then(|partner| partner.applications.keys().next());
    let no = match rng.below(40) {
        0 => any,
        1 => None,
        _ => rng.pick(&own).copied(),
    };
    let no = no.map_or(STRAY_APPLICATION, |no| no).to_owned();
    match (returned, rng.below(10)) {
        (Some((no, _)), 0..=3) => Ask::Resend { user, no: no.clone() },
        (Some((no, _)), 4..=6) => Ask::CallOff { user, no: no.clone() },
        (None, 0) => Ask::Resend { user, no },
        (None, 1) => Ask::CallOff { user, no },
        (Some(_) | None, _) => Ask::Cancel { user, no },
    }
}

/// The member's last applications, the newest first.
fn recent<'p>(
    partner: &'p Partner,
    member: &'p Member,
) -> impl Iterator<Item = (&'p String, &'p Application)> {
    let newest = member.applications.iter().rev().take(6);
    newest.filter_map(|no| Some((no, partner.applications.get(no)?)))
}

/// Mostly one of the newest cards, and one that has not ended.
fn card_of<'p>(rng: &mut Rng, partner: &'p Partner, cards: &[usize]) -> Option<&'p Card> {
    let mut found = None;
    for _ in 0..4 {
        let index = if rng.percent(75) {
            cards.len().saturating_sub(1 + rng.below(3))
        } else {
            rng.below(cards.len())
        };
        found = cards.get(index).and_then(|place| partner.cards.get(*place));
        let account = found.and_then(|card| partner.accounts.get(&card.account?));
        let is_live = account.is_some_and(|account| account.state != CardState::Terminated);
        if is_live || rng.percent(15) {
            break;
        }
    }
    found
}

/// Now and then a number that is nobody's, has a wrong check digit or is another partner's.
fn wrong_number(rng: &mut Rng, model: &Model, number: String) -> String {
    match rng.below(100) {
        0 => STRAY_NUMBER.to_owned(),
        1 => {
            let last = number.bytes().last().map_or(b'0', |digit| (digit - b'0' + 1) % 10 + b'0');
            format!("{}{}", &number[..15], char::from(last))
        }
        2..=3 => {
            let other = model.values().nth(rng.below(model.len()));
            let cards = other.map_or(&[][..], |partner| &partner.cards);
            rng.pick(cards).map_or(number, |card| card.number.clone())
        }
        _ => number,
    }
}

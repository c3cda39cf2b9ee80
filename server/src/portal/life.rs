//! The life of a card, of the application for it and of its delivery, from the transition tables
//! of the rules: as a picture, and as a table that says the same.

mod picture;

use domain::application::{self, Event};
use domain::card::{self, CardEvent, CardState};
use domain::delivery::{self, DeliveryState};
use maud::{Markup, html};

use super::lang::Both;
use super::layout::Frame;
use crate::op::Changes;

/// One way from states to a state.
struct Step {
    /// Where it begins, by the states' places.
    from: Vec<usize>,
    /// Where it ends.
    to: usize,
    /// What happens.
    what: Both,
    /// Whether the operation of the page brings it about.
    by: By,
}

/// Who brings a step about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    ThisOperation,
    Others,
}

impl By {
    fn this(is_this: bool) -> Self {
        if is_this { By::ThisOperation } else { By::Others }
    }
}

/// The states of one thing, and its steps.
struct Life {
    /// Its name in ids.
    name: &'static str,
    title: Both,
    states: Vec<&'static str>,
    /// Where it begins by the operation of the page.
    begins: Option<usize>,
    /// The ordinary way, where it is not the longest one.
    ordinary: Vec<usize>,
    steps: Vec<Step>,
}

/// The lives that an operation changes; nothing where it changes none.
pub(super) fn of(frame: &Frame<'_>, changes: &Changes) -> Option<Markup> {
    let mut lives = Vec::new();
    if !changes.card.is_empty() {
        lives.push(card(changes));
    }
    if !changes.application.is_empty() {
        lives.push(application(changes));
    }
    if !changes.delivery.is_empty() {
        lives.push(delivery(changes));
    }
    let shown = || html! { @for life in &lives { (show(frame, life)) } };
    (!lives.is_empty()).then(shown)
}

fn show(frame: &Frame<'_>, life: &Life) -> Markup {
    let words = frame.words();
    let title = frame.lang.of(life.title);
    html! {
        h3 { (title) }
        div.scroll tabindex="0" role="region" aria-label=(title) {
            (picture::draw(frame, life))
        }
        div.scroll tabindex="0" role="region" aria-label={ (title) ": " (words.life_steps) } {
            table.life {
                thead {
                    tr {
                        th scope="col" { "#" }
                        th scope="col" { (words.life_from) }
                        th scope="col" { (words.life_to) }
                        th scope="col" { (words.life_what) }
                    }
                }
                tbody {
                    @for (index, step) in life.steps.iter().enumerate() {
                        tr class=[(step.by == By::ThisOperation).then_some("on")] {
                            td { (index + 1) }
                            td { code { (names(life, &step.from)) } }
                            td { code { (names(life, &[step.to])) } }
                            td {
                                (frame.lang.of(step.what))
                                @if step.by == By::ThisOperation {
                                    " " span.badge.on { (words.by_this) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if life.name == "delivery" { p { (words.delivery_skips) } }
    }
}

fn names(life: &Life, states: &[usize]) -> String {
    let names: Vec<&str> =
        states.iter().filter_map(|state| life.states.get(*state).copied()).collect();
    names.join(", ")
}

/// The steps of a table: a row a state, a column an event. What stays as it is is no step.
fn steps<S: Copy + PartialEq, E: Copy + PartialEq>(
    (states, events): (&[S], &[E]),
    next: impl Fn(S, E) -> Option<S>,
    what: impl Fn(E) -> Both,
    mine: &[E],
) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for event in events {
        for (to, after) in states.iter().enumerate() {
            let leads = |state: &S| state != after && next(*state, *event) == Some(*after);
            let from: Vec<usize> = places(states, leads);
            if !from.is_empty() {
                let by = By::this(mine.contains(event));
                steps.push(Step { from, to, what: what(*event), by });
            }
        }
    }
    steps.sort_by_key(|step| step.from.first().copied());
    steps
}

fn places<S>(states: &[S], is: impl Fn(&S) -> bool) -> Vec<usize> {
    states.iter().enumerate().filter(|(_, state)| is(state)).map(|(place, _)| place).collect()
}

fn card(changes: &Changes) -> Life {
    Life {
        name: "card",
        title: ("The card", "카드"),
        states: CardState::ALL.iter().map(|state| state.name()).collect(),
        begins: None,
        ordinary: Vec::new(),
        steps: steps((CardState::ALL, CardEvent::ALL), card::next, card_step, changes.card),
    }
}

fn card_step(event: CardEvent) -> Both {
    match event {
        CardEvent::Suspend => ("The member reports the loss", "회원이 분실을 신고합니다"),
        CardEvent::Resume => ("The member withdraws the report", "회원이 분실 신고를 해제합니다"),
        CardEvent::Replace => {
            ("Its balance has moved to a new card", "잔액이 새 카드로 이전되었습니다")
        }
        CardEvent::Discard => ("The member discards it", "회원이 카드를 해지합니다"),
    }
}

fn application(changes: &Changes) -> Life {
    let states = application::State::ALL;
    Life {
        name: "application",
        title: ("The application for a card", "카드 신청"),
        states: states.iter().map(|state| state.name()).collect(),
        begins: Some(0),
        ordinary: Vec::new(),
        steps: steps(
            (states, Event::ALL),
            application::next,
            application_step,
            changes.application,
        ),
    }
}

fn application_step(event: Event) -> Both {
    match event {
        Event::ChargeFee => ("The bank is asked for the fee", "은행에 수수료 출금을 요청합니다"),
        Event::FeeTaken => ("The bank took the fee", "은행이 수수료를 출금했습니다"),
        Event::FeeRefused => ("The bank refused the fee", "은행이 수수료 출금을 거절했습니다"),
        Event::IssueMobile => ("The mobile card is issued", "모바일 카드가 발급됩니다"),
        Event::RegisterPhysical => ("The plastic is registered", "실물 카드가 등록됩니다"),
        Event::Cancel => ("The member cancels", "회원이 신청을 취소합니다"),
        Event::GiveBack => ("The fee is given back", "수수료가 반환됩니다"),
    }
}

fn delivery(changes: &Changes) -> Life {
    let states = DeliveryState::ALL;
    // Of the ordinary way the picture shows the next step alone: each may be skipped.
    let shown = |state: DeliveryState, event: delivery::Event| {
        let after = delivery::next(state, event)?;
        let is_ordinary = states.iter().any(|each| each.following() == Some(after));
        let is_next = state.following().is_none_or(|next| next == after);
        (!is_ordinary || is_next).then_some(after)
    };
    let events = delivery::Event::ALL;
    Life {
        name: "delivery",
        title: ("The delivery", "배송"),
        states: states.iter().map(|state| state.name()).collect(),
        begins: changes.delivery.contains(&delivery::Event::Order).then_some(0),
        ordinary: places(states, |state| {
            *state == DeliveryState::Ready
                || states.iter().any(|each| each.following() == Some(*state))
        }),
        steps: steps((states, events), shown, delivery_step, changes.delivery),
    }
}

fn delivery_step(event: delivery::Event) -> Both {
    use delivery::Event as E;
    match event {
        E::Order => ("It is ordered", "배송이 접수되었습니다"),
        E::Receipt => ("The card maker has the order", "카드 제작사가 주문을 접수했습니다"),
        E::PreShipping => ("The card is being made ready", "카드 발송을 준비하고 있습니다"),
        E::Shipping => ("It is on its way", "배송 중입니다"),
        E::Arrival => ("It is delivered", "배송이 완료되었습니다"),
        E::Lost => ("It is lost in transit", "배송 중 분실되었습니다"),
        E::Return => ("It came back", "반송되었습니다"),
        E::Cancel => ("It is called off", "배송이 취소되었습니다"),
        E::Etc => ("It ended otherwise", "그 밖의 사유로 종료되었습니다"),
        E::SendAgain => ("It is sent again", "다시 발송합니다"),
        E::Replace => ("A new plastic goes out", "새 실물 카드를 발송합니다"),
        E::Register => ("Its plastic is registered", "실물 카드가 등록되었습니다"),
        E::GiveUp => ("The partner gives it up", "제휴사가 배송을 포기합니다"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(life: &Life) -> Vec<String> {
        let step =
            |step: &Step| format!("{} > {}", names(life, &step.from), names(life, &[step.to]));
        life.steps.iter().map(step).collect()
    }

    #[test]
    fn each_way_of_the_tables_is_a_step() {
        let reissued = Changes { card: &[CardEvent::Replace], ..Changes::NONE };
        let life = card(&reissued);
        let expected = [
            "ACTIVE > SUSPENDED",
            "ACTIVE, SUSPENDED > TERMINATED",
            "ACTIVE, SUSPENDED > TERMINATED",
            "SUSPENDED > ACTIVE",
        ];
        assert_eq!(told(&life), expected);
        let mine: Vec<bool> = life.steps.iter().map(|step| step.by == By::ThisOperation).collect();
        assert_eq!(mine, [false, true, false, false]);
        let application = application(&Changes::NONE);
        assert!(told(&application).contains(&"READY, COST_PAID > DIGITAL_ISSUED".to_owned()));
        assert_eq!(application.steps.iter().map(|step| step.from.len()).sum::<usize>(), 11);
        let delivery = told(&delivery(&Changes::NONE));
        let expected = [
            "READY > RECEIPT",
            "READY, RECEIPT, PRE_SHIPPING, SHIPPING > LOST",
            "READY, RECEIPT, PRE_SHIPPING, SHIPPING > RETURN",
            "READY, RECEIPT, PRE_SHIPPING, SHIPPING, RETURN > CANCEL",
            "READY, RECEIPT, PRE_SHIPPING, SHIPPING > ETC",
            "READY, RECEIPT, PRE_SHIPPING, SHIPPING, ARRIVAL, RETURN, ETC > CANCEL",
            "RECEIPT > PRE_SHIPPING",
            "PRE_SHIPPING > SHIPPING",
            "SHIPPING > ARRIVAL",
            "SHIPPING, RETURN > ARRIVAL",
            "LOST > READY",
            "RETURN > READY",
        ];
        assert_eq!(delivery, expected);
    }
}

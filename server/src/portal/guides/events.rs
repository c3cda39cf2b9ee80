use contract::catalogue;
use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, Writer, block, mono};
use crate::ops::platen::events::{KEPT_DAYS, Kind};

pub(super) const DRAFT: Draft = Draft {
    name: "events",
    title: ("Events", "이벤트"),
    summary: (
        "What has happened to your cards, applications, deliveries and fees, read as a feed.",
        "카드, 신청, 배송, 수수료에 일어난 일을 피드로 조회하는 방법을 설명합니다.",
    ),
    body,
};

/// An answer, in clear.
const EXAMPLE: &str = r#"{
  "response": { "code": "000_000", "description": "Success" },
  "events": [
    {
      "eventId": "48213",
      "type": "card.expiry_notice",
      "occurredAt": "20310801000107",
      "userId": 50000000742,
      "pars": ["Q1A0000000000000000000002E6"],
      "expiryDate": "3108",
      "lastDay": "20310831",
      "daysAhead": 30
    }
  ],
  "cursor": "…",
  "hasMore": false
}"#;

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("why", ("What they are for", "용도"), why(w)))
        (w.section("loop", ("Reading the feed", "피드 읽기"), reading(w)))
        (w.section("promises", ("What you can rely on", "보장 사항"), promises(w)))
        (w.section("kinds", ("Kinds of events", "이벤트 종류"), kinds(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
    }
}

fn why(w: &Writer<'_>) -> Markup {
    w.p((
        "Much happens without a call of yours: a card expires, a carrier brings plastic back, a \
         fee is settled after its caller has given up. Ask for [events](/api/platen.events) now \
         and then, and you know. What has happened to one card, its [timeline]\
         (/api/platen.card-timeline) tells.",
        "제휴사의 호출 없이도 카드가 만료되거나, 실물카드가 반송되거나, 호출이 끝난 뒤에 비용 처리가 완료될 수 \
         있습니다. [이벤트 API](/api/platen.events)를 주기적으로 호출하면 이러한 변화를 알 수 있습니다. 카드 한 \
         장의 전체 이력은 [타임라인 API](/api/platen.card-timeline)로 조회합니다.",
    ))
}

fn reading(w: &Writer<'_>) -> Markup {
    html! {
        (w.steps(&[
            (
                "Call without `cursor`: the feed begins with the oldest event that is kept.",
                "`cursor` 없이 호출하면 보관 중인 가장 오래된 이벤트부터 시작합니다.",
            ),
            (
                "Do what each event asks for. Leave out an `eventId` that you have done before.",
                "이벤트를 차례로 처리합니다. 이미 처리한 `eventId`는 건너뜁니다.",
            ),
            (
                "Store the answer's `cursor` together with what you did.",
                "처리 결과와 함께 응답의 `cursor`를 저장합니다.",
            ),
            (
                "Call again with it: at once where `hasMore` is true, else after some seconds.",
                "저장한 `cursor`로 다시 호출합니다. `hasMore`가 true이면 즉시, 아니면 수 초 뒤에 호출합니다.",
            ),
        ]))
        (block("json", "{ \"cursor\": \"…\", \"limit\": 100 }"))
        (w.p(("An answer:", "응답 예:")))
        (block("json", EXAMPLE))
    }
}

fn promises(w: &Writer<'_>) -> Markup {
    let old = catalogue::EVENTS_CURSOR_TOO_OLD.code;
    w.list(&[
        (
            "**Nothing is left out.** The feed has the order in which the operation log is sealed. \
             An event enters it a moment after it has happened, always at its end.",
            "**누락이 없습니다.** 피드는 작업 로그가 봉인된 순서를 따르며, 이벤트는 발생 직후 항상 피드의 끝에 \
             추가됩니다.",
        ),
        (
            "**At least once.** Where you call again with an old cursor, you get the same events \
             in the same order.",
            "**최소 한 번 전달됩니다.** 이전 커서로 다시 호출하면 같은 이벤트가 같은 순서로 반환됩니다.",
        ),
        (
            "The order is that of the seals, not of `occurredAt`: events of nearly the same moment \
             may stand either way.",
            "순서는 `occurredAt`이 아니라 봉인 순서입니다. 거의 동시에 일어난 이벤트는 순서가 바뀔 수 \
             있습니다.",
        ),
        (
            &format!(
                "A cursor is good for {KEPT_DAYS} days after it was given; an older one is refused \
                 with @{old}. It belongs to one partner and means nothing to another."
            ),
            &format!(
                "커서는 발급 후 {KEPT_DAYS}일 동안 유효하며, 그 이후에는 @{old}로 거절됩니다. 커서는 해당 \
                 제휴사만 사용할 수 있습니다."
            ),
        ),
        (
            "An answer may be empty and say `hasMore`: what lies there is the platform's own.",
            "플랫폼 내부 기록만 있는 구간에서는 이벤트가 비어 있어도 `hasMore`가 true일 수 있습니다.",
        ),
        (
            "Cards are named by PAR, never by number. Times are of Korea, `yyyyMMddHHmmss`; in a \
             sandbox, of its [own clock](/guides/sandbox#clock).",
            "카드는 카드번호가 아닌 PAR로 표시됩니다. 시각은 한국 시각 `yyyyMMddHHmmss`이며, 샌드박스에서는 \
             [업무 시계](/guides/sandbox#clock)를 따릅니다.",
        ),
    ])
}

fn kinds(w: &Writer<'_>) -> Markup {
    let row = |kind: &Kind| vec![mono(kind.word()), w.say(meaning(*kind))];
    let heads = [("Type", "유형"), ("What has happened", "설명")];
    html! {
        (w.table(&heads, &Kind::ALL.iter().map(row).collect::<Vec<_>>()))
        (w.p((
            "A fee has no event of its own when it is taken: the event of its card or application \
             says so in `fee`. Take kinds that you do not know for nothing: there may be more.",
            "수수료가 출금되면 별도의 이벤트 없이 해당 카드 또는 신청 이벤트의 `fee`로 표시됩니다. 알 수 없는 \
             유형은 무시하십시오. 이후 추가될 수 있습니다.",
        )))
    }
}

/// What an event of this kind says.
fn meaning(kind: Kind) -> Both<'static> {
    match kind {
        Kind::CardIssued => ("A first card was issued.", "신규 카드가 발급되었습니다."),
        Kind::CardIssueApplied => (
            "A first card was applied for; its mobile card comes with the plastic.",
            "신규 카드가 신청되었습니다. 모바일카드는 실물카드 등록 후 발급됩니다.",
        ),
        Kind::CardReissued => (
            "A card was replaced; its balance has moved.",
            "카드가 재발급되고 잔액이 이전되었습니다.",
        ),
        Kind::CardReissueApplied => (
            "A replacement was applied for; its mobile card comes with the plastic.",
            "재발급이 신청되었습니다. 모바일카드는 실물카드 등록 후 발급됩니다.",
        ),
        Kind::CardRenewed => {
            ("A card was renewed; its balance has moved.", "카드가 갱신되고 잔액이 이전되었습니다.")
        }
        Kind::CardRenewalApplied => (
            "A renewal was applied for; its mobile card comes with the plastic.",
            "갱신이 신청되었습니다. 모바일카드는 실물카드 등록 후 발급됩니다.",
        ),
        Kind::CardRegistered => ("A plastic was registered.", "실물카드가 등록되었습니다."),
        Kind::CardSuspended => ("A card was reported lost.", "카드 분실이 신고되었습니다."),
        Kind::CardResumed => ("The report was withdrawn.", "분실 신고가 해제되었습니다."),
        Kind::CardDefectReported => (
            "The plastic of a card was reported defective, for this `reason`.",
            "실물카드의 불량이 신고되었습니다. 사유는 `reason`에 있습니다.",
        ),
        Kind::CardDiscarded => ("A card was discarded.", "카드가 해지되었습니다."),
        Kind::CardExpiryNotice => (
            "A card ends 60, 30 or 1 days ahead (`daysAhead`); from 30 on it may be renewed.",
            "카드 만료 60일, 30일, 1일 전입니다(`daysAhead`). 30일 전부터 갱신할 수 있습니다.",
        ),
        Kind::CardExpired => (
            "A card has expired. Its money is still its member's: it may be reported lost and \
             reissued, or discarded.",
            "카드가 만료되었습니다. 잔액은 회원의 것이므로 분실 신고 후 재발급하거나 해지할 수 있습니다.",
        ),
        Kind::ApplicationCancelled => ("An application was cancelled.", "신청이 취소되었습니다."),
        Kind::DeliveryChanged => {
            ("A delivery has the state in `state`.", "배송 상태가 `state`로 변경되었습니다.")
        }
        Kind::FeeRefused => ("The bank refused a fee.", "은행이 수수료 출금을 거절했습니다."),
        Kind::FeeReturnDue => {
            ("A fee is owed back to the member.", "수수료를 회원에게 반환해야 합니다.")
        }
        Kind::FeeReturned => ("A fee was given back.", "수수료가 반환되었습니다."),
    }
}

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("You see", "결과"), ("Mend it", "해결 방법")];
    w.table_of(
        &heads,
        &[
            &[
                (
                    "The cursor is stored before the events are done.",
                    "이벤트를 처리하기 전에 커서를 저장",
                ),
                ("Events are lost when your process dies.", "프로세스가 중단되면 이벤트 유실"),
                ("Store it with what you did.", "처리 결과와 함께 저장하십시오."),
            ],
            &[
                ("An event is done twice.", "같은 이벤트를 두 번 처리"),
                ("A member is told twice.", "회원에게 중복 안내"),
                ("Remember each `eventId`.", "처리한 `eventId`를 기록하십시오."),
            ],
        ],
    )
}

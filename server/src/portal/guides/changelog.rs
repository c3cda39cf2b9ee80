use maud::{Markup, html};

use super::writer::{Both, inline};
use crate::portal::lang::Lang;

/// What changed on a day.
struct Day {
    /// `yyyy-MM-dd`.
    date: &'static str,
    changes: &'static [Both<'static>],
}

/// Newest first.
const DAYS: [Day; 2] = [
    Day {
        date: "2026-11-24",
        changes: &[
            (
                "**New:** [Unregistered card inquiry](/api/prepaid-card.unregistered-info). Five \
                 wrong guesses lock a card's check for a day.",
                "**추가:** [미등록 카드 조회](/api/prepaid-card.unregistered-info). 정보를 5회 잘못 \
                 입력하면 해당 카드의 조회가 하루 동안 제한됩니다.",
            ),
            (
                "**New:** @000_917 (HTTP 429) with `Retry-After`, where a partner's calls are \
                 limited.",
                "**추가:** 호출 제한 초과 시 @000_917(HTTP 429)과 `Retry-After` 반환",
            ),
            (
                "**New:** crypto keys are rotated while calls go on: `platen keys`. See \
                 [rotation](/guides/credentials#rotation).",
                "**추가:** 무중단 암호화 키 교체(`platen keys`). \
                 [암호화 키 교체](/guides/credentials#rotation)를 참고하십시오.",
            ),
        ],
    },
    Day {
        date: "2026-11-22",
        changes: &[
            (
                "**New:** API v1 with [reissuance of a prepaid card](/api/prepaid-card.reissue) \
                 and [modification of the card's state](/api/prepaid-card.state).",
                "**추가:** API v1. [선불카드 재발급](/api/prepaid-card.reissue), \
                 [카드 상태 변경](/api/prepaid-card.state)",
            ),
            (
                "**New:** the seven [request headers](/guides/headers), \
                 [signatures](/guides/token) and [encryption](/guides/encryption) of every call; \
                 codes 000_9xx around the operations ([error reference](/errors)).",
                "**추가:** 공통 [요청 헤더](/guides/headers) 7종, [서명](/guides/token), \
                 [암호화](/guides/encryption), 공통 코드 000_9xx([오류 코드](/errors))",
            ),
            (
                "**New:** [sandbox](/guides/sandbox) with scenarios, a bank whose behaviour can be \
                 chosen, and deliveries, under `/sandbox/v1/`.",
                "**추가:** [샌드박스](/guides/sandbox). 시나리오, 은행 동작 설정, 배송 상태 변경을 \
                 `/sandbox/v1/`에서 제공",
            ),
            (
                "**New:** [`/openapi.json`](/openapi.json) describes every operation with its \
                 codes.",
                "**추가:** 모든 API와 코드를 기술한 [`/openapi.json`](/openapi.json)",
            ),
        ],
    },
];

/// The changes of the API, a section a day, newest first.
pub fn changelog(lang: Lang) -> Markup {
    html! {
        @for day in DAYS {
            section id=(day.date) {
                h2 { time datetime=(day.date) { (day.date) } }
                ul {
                    @for words in day.changes {
                        li { (inline(lang, of(*words, lang))) }
                    }
                }
            }
        }
    }
}

fn of(words: Both<'static>, lang: Lang) -> &'static str {
    match lang {
        Lang::En => words.0,
        Lang::Ko => words.1,
    }
}

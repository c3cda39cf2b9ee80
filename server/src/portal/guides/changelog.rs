use std::collections::BTreeSet;

use contract::Registry;
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
const DAYS: [Day; 3] = [
    Day {
        date: "2026-11-25",
        changes: &[
            (
                "**New:** what happens to cards, deliveries and fees is told as a feed of \
                 [events](/guides/events).",
                "**추가:** 카드, 배송, 수수료의 변경 사항을 제공하는 [이벤트](/guides/events) 피드",
            ),
            (
                "**New:** the [sandbox](/guides/sandbox) moves its clock of business forward, so \
                 that cards expire within a test, and reads what stands on delivered plastic.",
                "**추가:** [샌드박스](/guides/sandbox)에서 업무 시각을 앞으로 이동하여 카드 만료를 \
                 테스트하고, 배송된 실물카드의 정보를 조회",
            ),
        ],
    },
    Day {
        date: "2026-11-24",
        changes: &[
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

/// The changes of the API, a section a day, newest first: operations by the day on which they were
/// added, then what else changed.
pub fn changelog(lang: Lang, registry: &Registry) -> Markup {
    let added = registry.entries().iter().map(|entry| entry.spec.since);
    let days: BTreeSet<&str> = DAYS.iter().map(|day| day.date).chain(added).collect();
    let new = of(("New:", "추가:"), lang);
    html! {
        @for date in days.into_iter().rev() {
            section id=(date) {
                h2 { time datetime=(date) { (date) } }
                ul {
                    @for entry in registry.entries().iter().filter(|it| it.spec.since == date) {
                        @let page = lang.path(&format!("/api/{}", entry.spec.id));
                        li { strong { (new) } " " a href=(page) { (entry.spec.title) } }
                    }
                    @for day in DAYS.iter().filter(|day| day.date == date) {
                        @for words in day.changes {
                            li { (inline(lang, of(*words, lang))) }
                        }
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

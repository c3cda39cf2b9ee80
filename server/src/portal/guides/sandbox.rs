use bank::sim::{Behaviour, DELAY_MS_MAX};
use bank::{RefusalCause, default_codes};
use contract::openapi::OpenApi;
use contract::{Code, Entry, catalogue};
use domain::delivery::DeliveryState;
use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, Writer, block, mono};
use crate::sandbox::api;
use crate::sandbox::clock::AHEAD_DAYS_MAX;
use crate::sandbox::published::{MEMBERS, PHYSICAL_CARDS};

pub(super) const DRAFT: Draft = Draft {
    name: "sandbox",
    title: ("Sandbox and bank behaviour", "샌드박스와 은행 동작 설정"),
    summary: (
        "Scenarios, a bank that does what you tell it, deliveries, and thousands of members.",
        "시나리오, 은행 동작 설정, 배송 상태 변경, 대량 회원 생성 방법을 설명합니다.",
    ),
    body,
};

/// Where a sandbox listens by default.
const BASE: &str = "http://127.0.0.1:8080/sandbox/v1";

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("what", ("What it is", "샌드박스란"), what(w)))
        (w.section("scenarios", ("Scenarios", "시나리오"), scenarios(w)))
        (w.section("bank", ("How the bank behaves", "은행 동작 설정"), bank(w)))
        (w.section("refusals", ("What the bank's codes lead to", "은행 코드와 응답 코드"), refusals(w)))
        (w.section("deliveries", ("Deliveries", "배송"), deliveries(w)))
        (w.section("clock", ("The clock", "시계"), clock(w)))
        (w.section("populate", ("Many members", "대량 회원 생성"), populate(w)))
        (w.section("addresses", ("All its addresses", "샌드박스 주소 목록"), addresses(w)))
        (w.section("limits", ("What it is not", "제한 사항"), limits(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
    }
}

fn what(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "A sandbox is the platform itself over made-up data: the code that answers you is the \
             code that will answer in production. Only the bank is simulated, in a process of its \
             own. Nothing leaves your machine.",
            "샌드박스는 가상 데이터로 동작하는 실제 플랫폼입니다. 운영 환경과 동일한 코드가 응답하며, \
             은행만 별도 프로세스로 시뮬레이션합니다. 데이터는 외부로 전송되지 않습니다.",
        )))
        (block("sh", "platen sandbox                                      # port 8080\n\
             platen sandbox --listen 127.0.0.1:9000 --database /tmp/s.db\n\
             platen sandbox --database postgres://platen@127.0.0.1/platen"))
        (w.p((
            &format!(
                "Besides the scenarios there are the reference's published {} members and {} \
                 physical cards. Everything is kept in the database until you delete it; a new \
                 database is filled anew.",
                MEMBERS.len(), PHYSICAL_CARDS.len()
            ),
            &format!(
                "시나리오 외에 참조 문서에 공개된 회원 {}명과 실물카드 {}장이 등록되어 있습니다. 데이터는 \
                 삭제할 때까지 데이터베이스에 보관되며, 새 데이터베이스는 초기 데이터로 다시 채워집니다.",
                MEMBERS.len(), PHYSICAL_CARDS.len()
            ),
        )))
    }
}

/// The member of the examples' request.
pub(super) fn member(w: &Writer<'_>) -> Option<u64> {
    let request = &w.scenario.request;
    request.pointer("/userInfo/userId").or_else(|| request.pointer("/userId"))?.as_u64()
}

fn scenarios(w: &Writer<'_>) -> Markup {
    let (id, scenario) = w.names();
    let heads = [("Operation", "API"), ("Scenarios", "시나리오")];
    let row = |entry: &Entry| {
        let address = w.lang.path(&format!("/api/{}", entry.spec.id));
        let each = entry.scenarios.iter().map(|told| html! { (mono(told.name)) " " });
        vec![html! { a href=(address) { (entry.spec.id) } }, html! { @for name in each { (name) } }]
    };
    html! {
        (w.p((
            "A scenario is an example that is true: its request, sent to its operation, gets its \
             code. Each has a member, a card and a bank account of its own, with the same numbers \
             in every sandbox, so you may write them into your tests.",
            "시나리오는 실제로 동작하는 예제입니다. 시나리오의 요청을 해당 API로 보내면 지정된 코드가 \
             반환됩니다. 시나리오마다 전용 회원, 카드, 은행 계좌가 있고 모든 샌드박스에서 번호가 \
             동일하므로 테스트 코드에 그대로 사용할 수 있습니다.",
        )))
        (w.table(&heads, &w.registry.entries().iter().map(row).collect::<Vec<_>>()))
        (block("sh", &format!(
            "platen scenarios                      # all, with their codes\n\
             platen scenarios {id} --format json   # requests and expected answers\n\
             platen call {id} --scenario {scenario}"
        )))
        (w.p((
            "A reissue changes its card, so a scenario is good for one call. **Arm** it to put its \
             data back. `platen call --scenario` and Try It! do that by themselves.",
            "재발급하면 카드 상태가 바뀌므로 시나리오는 한 번만 사용할 수 있습니다. **arm**을 실행하면 \
             데이터가 초기 상태로 돌아갑니다. `platen call --scenario`와 Try It!은 이를 자동으로 \
             수행합니다.",
        )))
        (block("sh", &format!("curl -X POST {BASE}/scenarios/{id}/{scenario}/arm")))
        (w.p((
            "Do not arm a scenario while a call of it runs.",
            "해당 시나리오의 호출이 처리되는 동안에는 arm을 실행하지 마십시오.",
        )))
    }
}

/// What a behaviour of the bank leads to for the caller of a reissue with a fee.
fn behaviour(behaviour: &Behaviour) -> (Both<'static>, Both<'static>) {
    match behaviour {
        Behaviour::Answer => (
            ("Takes the money and says so.", "출금 후 정상 응답합니다."),
            (
                "`000_000`; @003_056 if the account is short of it",
                "`000_000`, 잔액 부족 시 @003_056",
            ),
        ),
        Behaviour::Refuse(_) => (
            (
                "Refuses with this code of the bank, 1 to 8 letters and digits.",
                "지정한 은행 코드(영문·숫자 1~8자)로 거절합니다.",
            ),
            (
                "[See below](#refusals). A code that is not listed is no final answer: @003_055",
                "[아래 표 참고](#refusals). 목록에 없는 코드는 최종 응답이 아니므로 @003_055",
            ),
        ),
        Behaviour::TakeSilently => (
            (
                "Takes the money and never says so; when it is asked later, it tells.",
                "출금하고 응답하지 않습니다. 이후 조회하면 결과를 알려줍니다.",
            ),
            (
                "@003_055 after 5 s; the same call some seconds later: `000_000`",
                "5초 후 @003_055, 수 초 뒤 같은 호출은 `000_000`",
            ),
        ),
        Behaviour::Hold => (
            (
                "Decides nothing, until another behaviour is set.",
                "다른 동작을 설정할 때까지 아무것도 결정하지 않습니다.",
            ),
            ("@003_055, for as long as it lasts", "설정이 유지되는 동안 @003_055"),
        ),
        Behaviour::Delay(_) => (
            (
                "Takes the money, and says so after this many milliseconds only.",
                "출금하고 지정한 밀리초가 지난 뒤에 응답합니다.",
            ),
            (
                "Within 5 s `000_000`; else @003_055 first",
                "5초 이내이면 `000_000`, 초과하면 먼저 @003_055",
            ),
        ),
        Behaviour::Disconnect => (
            ("Cuts the connection and takes nothing.", "출금하지 않고 연결을 끊습니다."),
            (
                "@003_055 until it is certain that nothing was taken, then @003_051",
                "출금되지 않았음이 확인될 때까지 @003_055, 이후 @003_051",
            ),
        ),
        Behaviour::Error500 => (
            (
                "Takes the money and answers HTTP 500; when it is asked later, it tells.",
                "출금하고 HTTP 500으로 응답합니다. 이후 조회하면 결과를 알려줍니다.",
            ),
            ("@003_055, then `000_000`", "@003_055, 이후 `000_000`"),
        ),
    }
}

fn bank(w: &Writer<'_>) -> Markup {
    let all = [
        Behaviour::Answer,
        Behaviour::Refuse("412".to_owned()),
        Behaviour::TakeSilently,
        Behaviour::Hold,
        Behaviour::Delay(3_000),
        Behaviour::Disconnect,
        Behaviour::Error500,
    ];
    let row = |each: &Behaviour| {
        let (what, then) = behaviour(each);
        vec![mono(&each.to_string()), w.say(what), w.say(then)]
    };
    let heads = [("Behaviour", "동작"), ("The bank", "은행"), ("You get", "호출 결과")];
    let user = member(w).unwrap_or_default();
    html! {
        (w.p((
            "A fee is drawn from the member's bank account. Choose how that account's bank \
             behaves:",
            "비용은 회원의 은행 계좌에서 출금됩니다. 해당 계좌의 은행 동작을 설정할 수 있습니다.",
        )))
        (block("sh", &format!(
            "curl -X POST -H 'Content-Type: application/json' \\\n  \
             -d '{{\"behaviour\":\"refuse:412\",\"scope\":\"next\"}}' \\\n  \
             {BASE}/members/{user}/bank-behaviour"
        )))
        (w.table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
        (w.list(&[
            (
                "`scope` `account`, the default: until it is set again, or the scenario is armed. \
                 `next`: for the next order alone.",
                "`scope`가 `account`(기본값)이면 다시 설정하거나 시나리오를 arm할 때까지, `next`이면 다음 \
                 출금 한 건에만 적용됩니다.",
            ),
            (
                &format!("`delay` takes up to {DELAY_MS_MAX} ms."),
                &format!("`delay`는 최대 {DELAY_MS_MAX}ms까지 지정할 수 있습니다."),
            ),
            (
                "Where no fee is due, the bank is not asked, and none of this matters.",
                "비용이 없는 경우 은행에 요청하지 않으므로 영향이 없습니다.",
            ),
        ]))
    }
}

fn code_of(cause: RefusalCause) -> &'static Code {
    match cause {
        RefusalCause::InvalidAccount => &catalogue::FEE_INVALID_BANK_ACCOUNT,
        RefusalCause::OwnerMismatch => &catalogue::FEE_OWNER_MISMATCH,
        RefusalCause::WithdrawFailed => &catalogue::FEE_WITHDRAW_FAILURE,
        RefusalCause::InsufficientBalance => &catalogue::FEE_INSUFFICIENT_BALANCE,
        RefusalCause::TermsNotAgreed => &catalogue::FEE_TERMS_NOT_AGREED,
        RefusalCause::MessageError => &catalogue::FEE_MESSAGE_ERROR,
        RefusalCause::Other => &catalogue::FEE_FAILED,
    }
}

fn refusals(w: &Writer<'_>) -> Markup {
    let codes = default_codes();
    let row = |cause: RefusalCause| {
        let all = codes.iter().filter(|(_, each)| **each == cause);
        let code = code_of(cause);
        vec![
            html! { @for (each, _) in all { (mono(each)) " " } },
            w.code(code.code),
            html! { span lang="en" { (code.message) } },
        ]
    };
    let heads = [("Bank's code", "은행 코드"), ("Code", "응답 코드"), ("Message", "메시지")];
    html! {
        (w.p((
            "Which code of the bank means what is a setting of the platform (`bank_codes`). These \
             are its defaults:",
            "은행 코드의 의미는 플랫폼 설정(`bank_codes`)으로 정합니다. 기본값은 다음과 같습니다.",
        )))
        (w.table(&heads, &RefusalCause::ALL.map(row)))
    }
}

fn delivery(state: DeliveryState) -> Both<'static> {
    match state {
        DeliveryState::Ready => ("Ordered", "주문됨"),
        DeliveryState::Receipt => ("The card maker has the order", "카드 제작사 접수"),
        DeliveryState::PreShipping => ("The card is being made ready", "발송 준비"),
        DeliveryState::Shipping => ("On its way", "배송 중"),
        DeliveryState::Arrival => ("Delivered", "배송 완료"),
        DeliveryState::Lost => ("Lost in transit", "분실"),
        DeliveryState::Return => ("Came back", "반송"),
        DeliveryState::Cancel => ("Called off", "취소"),
        DeliveryState::Etc => ("Ended otherwise", "기타 종료"),
    }
}

fn deliveries(w: &Writer<'_>) -> Markup {
    let all = DeliveryState::ALL;
    let row = |state: &DeliveryState| {
        let next = all.iter().filter(|next| state.may_become(**next));
        vec![
            mono(state.name()),
            w.say(delivery(*state)),
            html! { @for next in next { (mono(next.name())) " " } },
        ]
    };
    let heads = [("State", "상태"), ("Meaning", "설명"), ("May become", "변경 가능한 상태")];
    html! {
        (w.p((
            "The plastic of a card is delivered. A sandbox has no postman: you move a delivery on, \
             by the `cardApplyNo` of the answer. Without a body it goes to the next state.",
            "실물카드는 배송됩니다. 샌드박스에서는 응답의 `cardApplyNo`로 배송 상태를 직접 변경합니다. \
             본문 없이 호출하면 다음 상태로 진행됩니다.",
        )))
        (block("sh", &format!(
            "NO=…    # cardApplyNo\n\
             curl -X POST {BASE}/deliveries/$NO/advance\n\
             curl -X POST -H 'Content-Type: application/json' -d '{{\"state\":\"SHIPPING\"}}' \\\n \
              {BASE}/deliveries/$NO/advance"
        )))
        (w.table(&heads, &all.iter().map(row).collect::<Vec<_>>()))
        (w.p((
            "Once it is in ARRIVAL, read what its holder would read off it, and register the card. \
             For a LOST card another one goes out at once, with another number.",
            "`ARRIVAL`이 되면 소지자가 카드에서 읽는 정보를 조회하여 실물카드를 등록할 수 있습니다. `LOST`가 \
             되면 번호가 다른 새 카드가 즉시 발송됩니다.",
        )))
        (block("sh", &format!("curl {BASE}/deliveries/$NO/plastic")))
    }
}

fn clock(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "Cards expire, fees can be cancelled until the day ends, addresses are erased after a \
             month. To see it within a test, move the clock of business forward:",
            "카드 만료, 당일 취소 마감, 한 달 뒤의 주소 파기처럼 시간이 지나야 일어나는 일은 업무 시계를 \
             앞으로 옮겨 확인할 수 있습니다.",
        )))
        (block("sh", &format!(
            "curl {BASE}/clock\n\
             curl -X POST -H 'Content-Type: application/json' -d '{{\"forwardDays\":31}}' \\\n  \
              {BASE}/clock\n\
             curl -X POST -H 'Content-Type: application/json' \\\n  \
              -d '{{\"forwardTo\":\"20310831235959\"}}' {BASE}/clock"
        )))
        (w.list(&[
            (
                &format!(
                    "It goes forward only, by {AHEAD_DAYS_MAX} days in all. It stays so over a \
                     restart, and every server on the database follows within a second. To go \
                     back, begin with a new database."
                ),
                &format!(
                    "앞으로만 이동하며 합계 {AHEAD_DAYS_MAX}일까지 가능합니다. 재시작해도 유지되고, 같은 \
                     데이터베이스를 사용하는 모든 서버에 1초 이내에 반영됩니다. 되돌리려면 새 데이터베이스로 \
                     시작하십시오."
                ),
            ),
            (
                "What is about calls stays by the real clock: send the real time in \
                 `X-KM-Tran-Time`. The same call again is still recognised, keys and seals are as \
                 they were.",
                "호출 처리는 실제 시계를 따릅니다. `X-KM-Tran-Time`에는 실제 시각을 보내십시오. 동일 호출의 \
                 재전송 인식, 키, 봉인은 영향을 받지 않습니다.",
            ),
            (
                "What has come due is done by jobs, once a minute. `platen jobs run` does it at \
                 once.",
                "시간이 되어 처리할 일은 1분마다 작업(job)이 수행합니다. `platen jobs run`을 실행하면 즉시 \
                 처리됩니다.",
            ),
            (
                "An order at the bank is as old as the real clock says: a fee that is being \
                 charged meanwhile is not given up for it.",
                "은행에 보낸 주문의 경과 시간은 실제 시계로 판단합니다. 출금 처리 중에 시계를 옮겨도 \
                 실패로 처리되지 않습니다.",
            ),
            (
                "Every move stands in the operation log. Scenarios keep their numbers; arm one to \
                 have its card valid again.",
                "이동 내역은 모두 작업 로그에 기록됩니다. 시나리오의 번호는 그대로이며, arm을 실행하면 유효한 \
                 카드가 다시 준비됩니다.",
            ),
        ]))
    }
}

fn populate(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "For load tests: members with one suspended card each, ready to be reissued. The \
             sandbox may run meanwhile. With `--fee` the product asks for a fee, with `--ordinary` \
             the mobile card follows the plastic.",
            "부하 테스트용으로 재발급이 가능한 정지 상태의 카드를 1장씩 보유한 회원을 생성합니다. \
             샌드박스 실행 중에도 사용할 수 있습니다. `--fee`는 비용이 있는 상품, `--ordinary`는 실물카드 \
             등록 후 모바일카드가 발급되는 상품을 사용합니다.",
        )))
        (block("sh", "platen populate --cards 1000 --out cards.jsonl\nhead -1 cards.jsonl"))
        (w.p((
            "Each line has a `userId` and a `cardNo`.",
            "각 행에는 `userId`와 `cardNo`가 있습니다.",
        )))
    }
}

fn addresses(w: &Writer<'_>) -> Markup {
    let mut document = OpenApi::default();
    api::document(&mut document);
    let rows = document.paths.paths.iter().flat_map(|(path, item)| {
        let methods = [("GET", item.get.as_ref()), ("POST", item.post.as_ref())];
        methods.into_iter().filter_map(move |(method, operation)| {
            let summary = operation?.summary.as_deref().unwrap_or_default();
            Some(vec![mono(method), mono(path), html! { span lang="en" { (summary) } }])
        })
    });
    let heads = [("Method", "메서드"), ("Path", "경로"), ("What", "설명")];
    html! {
        (w.p((
            "Plain JSON, unsigned. [`/openapi.json`](/openapi.json) describes their bodies.",
            "서명이 필요 없는 평문 JSON입니다. 본문 형식은 [`/openapi.json`](/openapi.json)을 \
             참고하십시오.",
        )))
        (w.table(&heads, &rows.collect::<Vec<_>>()))
        (w.p((
            "A refusal here is `{\"error\": \"a sentence\"}` with HTTP 400, 404 or 503.",
            "오류는 HTTP 400, 404, 503과 함께 `{\"error\": \"설명\"}` 형식으로 반환됩니다.",
        )))
    }
}

fn limits(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "**Its keys protect nothing.** They lie in its own database, which is marked as a \
             sandbox for ever. Never put real data in.",
            "**샌드박스 키는 아무것도 보호하지 않습니다.** 키가 샌드박스 데이터베이스 안에 저장되며, 해당 \
             데이터베이스는 영구히 샌드박스로 표시됩니다. 실제 데이터를 절대 입력하지 마십시오.",
        ),
        (
            "It has one partner and one project, which takes plain requests, a time that is off by \
             up to a day, and a correlation id twice.",
            "제휴사와 프로젝트가 하나씩 있으며, 평문 요청, 최대 하루의 시각 오차, Correlation ID 재사용을 \
             허용합니다.",
        ),
        (
            "On a loopback address its own operations answer to loopback names alone, so that a \
             web page elsewhere cannot use them through your browser. To reach it from another \
             machine, use an SSH tunnel.",
            "루프백 주소에서 실행하면 샌드박스 전용 주소는 루프백 호스트명으로만 접근할 수 있어, 외부 웹 \
             페이지가 브라우저를 통해 이용할 수 없습니다. 다른 장비에서 접속하려면 SSH 터널을 \
             사용하십시오.",
        ),
        (
            "No limit of calls, unless you set one: `--rate-limit-per-second 5`.",
            "호출 제한은 기본적으로 없으며 설정할 수 있습니다. `--rate-limit-per-second 5`",
        ),
        (
            "No callbacks are sent: read [events](/guides/events).",
            "콜백은 전송되지 않습니다. [이벤트](/guides/events)를 조회하십시오.",
        ),
    ])
}

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("You see", "결과"), ("Mend it", "해결 방법")];
    w.table_of(
        &heads,
        &[
            &[
                (
                    "A scenario is called a second time without arming.",
                    "arm 없이 시나리오를 다시 호출",
                ),
                ("@003_018 instead of its code", "지정된 코드 대신 @003_018"),
                ("Arm it before each call.", "호출 전에 매번 arm을 실행하십시오."),
            ],
            &[
                (
                    "curl sends a body without naming JSON.",
                    "curl에서 JSON Content-Type 없이 본문 전송",
                ),
                (
                    "HTTP 400 `Content-Type must be application/json.`",
                    "HTTP 400 `Content-Type must be application/json.`",
                ),
                ("`-H 'Content-Type: application/json'`", "`-H 'Content-Type: application/json'`"),
            ],
            &[
                ("A behaviour is set and left there.", "설정한 은행 동작을 그대로 둠"),
                ("The next test fails with the bank's code.", "다음 테스트가 은행 코드로 실패"),
                (
                    "`\"scope\":\"next\"`, or arm the scenario: that sets it back.",
                    "`\"scope\":\"next\"`를 사용하거나 시나리오를 arm하여 초기화하십시오.",
                ),
            ],
        ],
    )
}

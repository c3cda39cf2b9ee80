use std::collections::BTreeSet;

use contract::{Action, Code, pipeline};
use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, Writer, block, mono};

pub(super) const DRAFT: Draft = Draft {
    name: "errors",
    title: ("Errors and retries", "오류와 재시도"),
    summary: (
        "How to read an answer, what to do about each kind of code, and what may be sent again.",
        "응답을 해석하는 방법, 코드 유형별 조치, 재시도 가능 여부를 설명합니다.",
    ),
    body,
};

const ACTIONS: [Action; 6] = [
    Action::None,
    Action::MendRequest,
    Action::AskMember,
    Action::NewCallLater,
    Action::SameCallAgain,
    Action::CallOperator,
];

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("read", ("Read an answer", "응답 해석"), read(w)))
        (w.section("codes", ("What codes are made of", "코드 체계"), codes(w)))
        (w.section("actions", ("What to do, by kind", "유형별 조치"), actions(w)))
        (w.section("retry", ("What may be sent again", "재시도 판단표"), retry(w)))
        (w.section("rules", ("Rules for retries", "재시도 규칙"), rules(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
    }
}

fn read(w: &Writer<'_>) -> Markup {
    let invalid = w.entry.errors.first().map_or_else(String::new, |code| {
        contract::output::error_body(code.code, &code.description(Some("userId")))
    });
    let field = w.entry.request.iter().find(|field| field.path.ends_with("userId"));
    let anchor = field.map_or_else(String::new, |field| format!("#request-{}", field.path));
    let field = format!("/api/{}{anchor}", w.entry.spec.id);
    html! {
        (w.steps(&[
            (
                "No answer at all (time-out, connection cut): nothing is known. Send the **same** \
                 call again.",
                "응답이 전혀 없는 경우(타임아웃, 연결 끊김): 처리 결과를 알 수 없습니다. **같은** \
                 호출을 다시 보내십시오.",
            ),
            (
                "The body has `encData`: [open it](/guides/encryption#answer). Otherwise it is \
                 plain, whatever you asked for.",
                "본문에 `encData`가 있으면 [복호화](/guides/encryption#answer)하고, 없으면 평문으로 \
                 처리합니다.",
            ),
            (
                "Read `response.code`. `000_000` is success, and comes with HTTP 200 alone.",
                "`response.code`를 확인합니다. `000_000`이 성공이며 항상 HTTP 200으로 반환됩니다.",
            ),
            (
                "Any other code is a refusal, and `response` is all there is. Decide by the \
                 **code**. The HTTP status is a coarser word for the same.",
                "그 외의 코드는 모두 거절이며 본문에는 `response`만 포함됩니다. **코드**를 기준으로 \
                 처리하십시오. HTTP 상태는 이를 넓게 분류한 값입니다.",
            ),
            (
                &format!(
                    "`description` is for people and logs. Its wording may change; do not compare \
                     it. With @000_901 it ends with the header at fault, with @000_002 with the \
                     field, whose limits stand on the [operation's page]({field}):"
                ),
                &format!(
                    "`description`은 사람이 읽거나 로그에 남기기 위한 문구입니다. 바뀔 수 있으므로 \
                     비교에 사용하지 마십시오. @000_901은 문제가 된 헤더명으로, @000_002는 필드명으로 \
                     끝납니다. 필드의 제한은 [API 페이지]({field})에 있습니다."
                ),
            ),
        ]))
        (block("json", &invalid))
    }
}

fn codes(w: &Writer<'_>) -> Markup {
    let heads = [("Code", "코드"), ("From", "발생 위치"), ("HTTP", "HTTP")];
    let statuses = |wanted: &dyn Fn(&&Code) -> bool| {
        let codes = pipeline::ALL.iter().chain(operation_codes(w)).filter(wanted);
        let all: BTreeSet<String> = codes.map(|code| code.http.to_string()).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    };
    let is_ours = |code: &&Code| code.code.starts_with("000_9");
    let ours = statuses(&is_ours);
    let others = statuses(&|code| !is_ours(code));
    html! {
        (w.table(&heads, &[
            vec![
                mono("000_000"),
                w.say(("It worked.", "정상 처리")),
                html! { "200" },
            ],
            vec![
                mono("000_9xx"),
                w.say((
                    "Before, around or below the operation: headers, signature, encryption, \
                     limits, outages. Always in clear. Platen's own codes.",
                    "API 처리 이전 또는 외부: 헤더, 서명, 암호화, 호출 제한, 장애. 항상 평문으로 \
                     반환되며 platen이 정의한 코드입니다.",
                )),
                html! { (ours) },
            ],
            vec![
                w.say(("all others", "그 외")),
                w.say((
                    "The operation: the member, the card, the bank. Each operation's page lists \
                     its own, in the order in which they are checked.",
                    "API 처리 결과: 회원, 카드, 은행. API 페이지마다 반환 가능한 코드가 검사 순서대로 \
                     나열되어 있습니다.",
                )),
                html! { (others) },
            ],
        ]))
        (w.p((
            "One code can have another message in another operation. All of them: \
             [error reference](/errors).",
            "같은 코드라도 API에 따라 메시지가 다를 수 있습니다. 전체 목록은 \
             [오류 코드](/errors)를 참고하십시오.",
        )))
    }
}

fn operation_codes(w: &Writer<'_>) -> impl Iterator<Item = &'static Code> {
    w.registry.entries().iter().flat_map(|entry| entry.errors.iter().copied())
}

/// Name of an action, and what a program does about it.
fn about(action: Action) -> (Both<'static>, Both<'static>) {
    match action {
        Action::None => (("Nothing", "조치 없음"), (action.advice(), "추가 조치가 필요 없습니다.")),
        Action::MendRequest => (
            ("Mend the request", "요청 수정"),
            (
                "The request is wrong: the same again is refused again. Correct it; it is then \
                 another call. Tell your own developers, not the member.",
                "요청이 잘못되어 그대로 다시 보내도 거절됩니다. 수정하여 새로 호출하십시오. 회원이 아닌 \
                 개발 담당자에게 알려야 합니다.",
            ),
        ),
        Action::AskMember => (
            ("Ask the member", "회원 확인"),
            (
                "The request is right, but something about the member, the card or the account has \
                 to change first. Show the member what; afterwards make a new call.",
                "요청은 올바르지만 회원, 카드 또는 계좌 상태가 먼저 바뀌어야 합니다. 회원에게 안내하고 \
                 이후 새로 호출하십시오.",
            ),
        ),
        Action::NewCallLater => (
            ("A new call later", "나중에 새로 호출"),
            (
                "It did not work this time and nothing was taken. Wait, then make a new call with \
                 a new correlation id.",
                "이번에는 실패했으며 출금 등은 발생하지 않았습니다. 잠시 후 새 Correlation ID로 새로 \
                 호출하십시오.",
            ),
        ),
        Action::SameCallAgain => (
            ("The same call again", "같은 호출 재전송"),
            (
                "The outcome is open, or the platform is busy. Send the same correlation id and \
                 body until you get another code. Nothing happens twice.",
                "결과가 아직 확정되지 않았거나 일시적으로 처리할 수 없는 상태입니다. 다른 코드를 받을 \
                 때까지 같은 Correlation ID와 본문으로 재전송하십시오. 중복 처리되지 않습니다.",
            ),
        ),
        Action::CallOperator => (
            ("Call the operator", "운영자 문의"),
            (
                "Neither you nor the member can mend it. Tell the operator the correlation id.",
                "제휴사나 회원이 해결할 수 없습니다. Correlation ID와 함께 운영자에게 문의하십시오.",
            ),
        ),
    }
}

fn actions(w: &Writer<'_>) -> Markup {
    let heads = [("Kind", "유형"), ("What to do", "조치"), ("Codes", "코드")];
    let row = |action: Action| {
        let (name, what) = about(action);
        let with = |code: &&Code| code.action == action;
        let all = pipeline::ALL.iter().chain(operation_codes(w)).filter(with);
        let codes: BTreeSet<&str> = all.map(|code| code.code).collect();
        let codes: Vec<Markup> = match action {
            Action::None => vec![mono("000_000")],
            Action::MendRequest
            | Action::AskMember
            | Action::NewCallLater
            | Action::SameCallAgain
            | Action::CallOperator => codes.into_iter().map(|code| w.code(code)).collect(),
        };
        vec![
            html! { strong { (w.word(name)) } },
            w.say(what),
            html! { @for code in codes { (code) " " } },
        ]
    };
    html! {
        (w.p((
            "Every code has one of six kinds. Handle the kinds, and single codes only where you \
             have something particular to say:",
            "모든 코드는 여섯 가지 유형 중 하나에 속합니다. 유형별로 처리하고, 별도 안내가 필요한 \
             코드만 개별적으로 처리하십시오.",
        )))
        (w.table(&heads, &ACTIONS.map(row)))
    }
}

const YES: Both<'static> = ("**Yes**", "**예**");
const NO: Both<'static> = ("No", "아니요");

/// What happened, whether the same call may be sent again, and what to do.
const RETRY: &[&[Both<'static>]] = &[
    &[
        (
            "No answer, connection cut, an answer that is not the platform's (502, 504).",
            "응답 없음, 연결 끊김, 플랫폼이 아닌 중계 장비의 응답(502, 504)",
        ),
        YES,
        (
            "At once, then after 1, 2, 4, 8 s. It may have been done: only the same call \
                 tells.",
            "즉시, 이후 1, 2, 4, 8초 간격으로 재전송하십시오. 이미 처리되었을 수 있으며 같은 \
                 호출로만 결과를 확인할 수 있습니다.",
        ),
    ],
    &[
        ("@000_997, HTTP 503", "@000_997, HTTP 503"),
        YES,
        ("After 1, 2, 4, 8 s.", "1, 2, 4, 8초 간격으로 재전송하십시오."),
    ],
    &[
        ("@000_917, HTTP 429", "@000_917, HTTP 429"),
        YES,
        ("After `Retry-After` seconds.", "`Retry-After`에 표시된 초가 지난 뒤 재전송하십시오."),
    ],
    &[
        ("@003_055: the bank has not answered.", "@003_055: 은행 응답 대기 중"),
        YES,
        (
            "Every few seconds, until another code comes: success with the card's data, or the \
                 bank's reason. With **another** correlation id you only hear 003_055 again, and \
                 never get the answer of this call.",
            "다른 코드를 받을 때까지 수 초 간격으로 재전송하십시오. 카드 정보를 포함한 성공 또는 \
                 은행의 거절 사유가 반환됩니다. **다른** Correlation ID로는 003_055만 반복되며 이 호출의 \
                 결과를 받을 수 없습니다.",
        ),
    ],
    &[
        (
            "@003_051, @003_054, @003_059: the fee was not charged.",
            "@003_051, @003_054, @003_059: 비용이 부과되지 않음",
        ),
        NO,
        (
            "The same call is answered the same for a day. Try later with a **new** \
                 correlation id.",
            "같은 호출에는 하루 동안 같은 응답이 반환됩니다. 나중에 **새** Correlation ID로 \
                 호출하십시오.",
        ),
    ],
    &[
        (
            "@000_916, HTTP 408: the body did not arrive.",
            "@000_916, HTTP 408: 본문이 제때 도착하지 않음",
        ),
        ("Yes, or a new one", "예(새 호출도 가능)"),
        (
            "Nothing was done. Look at your network and at `Content-Length`.",
            "처리된 내용이 없습니다. 네트워크와 `Content-Length`를 확인하십시오.",
        ),
    ],
    &[
        ("@000_999, HTTP 500", "@000_999, HTTP 500"),
        YES,
        (
            "Once or twice; then tell the operator. Never as a new call: the first may have \
                 been done.",
            "한두 번 재전송한 뒤 운영자에게 문의하십시오. 첫 호출이 처리되었을 수 있으므로 새 \
                 호출로 보내면 안 됩니다.",
        ),
    ],
    &[
        (
            "@000_901 to @000_915 and @000_002: the request is wrong.",
            "@000_901~@000_915 및 @000_002: 잘못된 요청",
        ),
        NO,
        (
            "Mend it. Nothing was done, so the same correlation id may be used; not with \
                 @000_915, which asks for a new one.",
            "요청을 수정하십시오. 처리된 내용이 없으므로 같은 Correlation ID를 사용할 수 있습니다. \
                 단, @000_915는 새 Correlation ID가 필요합니다.",
        ),
    ],
    &[
        ("Every other refusal of an operation.", "그 밖의 API 거절"),
        NO,
        ("What its [kind](#actions) says.", "[유형별 조치](#actions)를 따르십시오."),
    ],
];

fn retry(w: &Writer<'_>) -> Markup {
    let heads = [
        ("What happened", "상황"),
        ("Same call again?", "같은 호출을 재전송해도 되는가"),
        ("Then", "처리 방법"),
    ];
    w.table_of(&heads, RETRY)
}

fn rules(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "**Same call** means: the same operation, correlation id and body in clear, byte for \
             byte. Encrypt and sign it anew, with the time of now. See \
             [Idempotency](/guides/idempotency).",
            "**같은 호출**이란 API, Correlation ID, 평문 본문이 바이트 단위까지 동일한 호출입니다. \
             암호화와 서명은 현재 시각으로 다시 수행하십시오. [멱등성](/guides/idempotency)을 \
             참고하십시오.",
        ),
        (
            "Wait longer each time, and add some chance, so that your servers do not all come back \
             together.",
            "재시도 간격을 점차 늘리고 임의의 편차를 더해 여러 서버의 재시도가 몰리지 않게 하십시오.",
        ),
        (
            "Wait for an answer at least 15 s: a call that needs the bank waits for it up to 5 s.",
            "응답 타임아웃은 15초 이상으로 설정하십시오. 은행이 필요한 호출은 최대 5초간 은행 응답을 \
             기다립니다.",
        ),
        (
            "Give up after some minutes, keep correlation id and body, and come back within 24 \
             hours.",
            "수 분 뒤에도 실패하면 중단하되 Correlation ID와 본문을 보관하고 24시간 안에 다시 \
             시도하십시오.",
        ),
    ])
}

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("What comes of it", "결과")];
    w.table_of(&heads, &[
        &[
            (
                "A new correlation id for each retry.",
                "재시도할 때마다 새 Correlation ID 사용",
            ),
            (
                "The first call was done, the second is refused (@003_018), and the new card's \
                 number never reaches you.",
                "첫 호출이 처리된 뒤 두 번째 호출이 거절되어(@003_018) 새 카드번호를 받을 수 없습니다.",
            ),
        ],
        &[
            ("Every HTTP 400 is retried.", "모든 HTTP 400을 재시도"),
            (
                "Most refusals are final. Decide by code.",
                "대부분의 거절은 최종 결과입니다. 코드로 판단하십시오.",
            ),
        ],
        &[
            (
                "003_055 is shown to the member as a failure.",
                "003_055를 회원에게 실패로 안내",
            ),
            (
                "The fee may be taken and the card issued a second later. Say that it is being \
                 worked on.",
                "직후에 비용이 출금되고 카드가 발급될 수 있습니다. 처리 중으로 안내하십시오.",
            ),
        ],
        &[
            ("The answer is decrypted blindly.", "응답을 무조건 복호화"),
            (
                "Codes of 000_9xx are plain, and your own error hides theirs.",
                "000_9xx는 평문이므로 복호화 오류가 실제 원인을 가립니다.",
            ),
        ],
    ])
}

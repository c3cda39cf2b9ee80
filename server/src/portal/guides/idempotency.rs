use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, NEW_ID, Writer, block};

pub(super) const DRAFT: Draft = Draft {
    name: "idempotency",
    title: ("Idempotency", "멱등성"),
    summary: (
        "Send a call twice and it is done once: what counts as the same call, and for how long.",
        "같은 호출을 두 번 보내도 한 번만 처리됩니다. 같은 호출의 기준과 유효 기간을 설명합니다.",
    ),
    body,
};

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("promise", ("The promise", "보장 내용"), promise(w)))
        (w.section("same", ("What makes a call the same", "같은 호출의 기준"), same(w)))
        (w.section("remembered", ("What is remembered", "기억하는 호출"), remembered(w)))
        (w.section("sequence", ("A sequence", "처리 흐름"), sequence(w)))
        (w.section("try", ("Try it", "직접 확인하기"), try_it(w)))
        (w.section("strict", ("Same id, another body", "같은 ID, 다른 본문"), strict(w)))
        (w.section("encrypted", ("An encrypted text is single-use", "암호문의 일회성"), encrypted(w)))
        (w.section("rules", ("What your code should do", "구현 지침"), rules(w)))
    }
}

fn promise(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "Networks lose answers. So that you may always ask again, a call that changed \
             something is remembered: the same call gets the same outcome, and nothing happens \
             twice. No fee is drawn twice, no second card is made, even where a server died in \
             between.",
            "네트워크에서는 응답이 유실될 수 있습니다. 안심하고 다시 요청할 수 있도록, 상태를 변경한 \
             호출은 기억됩니다. 같은 호출에는 같은 결과가 반환되고 중복 처리되지 않습니다. 처리 도중 \
             서버가 중단되더라도 비용이 두 번 출금되거나 카드가 두 번 발급되지 않습니다.",
        )))
        (w.p((
            "There is no header of its own for this: the [correlation id](/guides/headers) and the \
             body do it.",
            "별도의 헤더는 없습니다. [Correlation ID](/guides/headers)와 본문으로 판단합니다.",
        )))
    }
}

fn same(w: &Writer<'_>) -> Markup {
    let heads = [("Part of the call", "호출의 구성"), ("Must be the same", "동일해야 하는가")];
    let yes = ("**Yes**", "**예**");
    let no = ("No", "아니요");
    html! {
        (w.table_of(&heads, &[
            &[("Partner (`X-KM-User-AspId`)", "제휴사(`X-KM-User-AspId`)"), yes],
            &[
                (
                    "Operation; with or without `/open-api` before its path is one",
                    "API(경로 앞의 `/open-api` 유무는 무관)",
                ),
                yes,
            ],
            &[("`X-KM-Correlation-Id`", "`X-KM-Correlation-Id`"), yes],
            &[
                (
                    "Body **in clear**, byte for byte: order of fields and spaces count",
                    "**평문** 본문(바이트 단위, 필드 순서와 공백 포함)",
                ),
                yes,
            ],
            &[
                (
                    "The encrypted text: encrypting again gives other bytes",
                    "암호문(다시 암호화하면 값이 달라짐)",
                ),
                no,
            ],
            &[("Token, time, zone", "토큰, 시각, 시간대"), no],
            &[
                (
                    "Crypto key id, access key, encrypted or plain",
                    "암호화 키 ID, Access Key, 암호화 여부",
                ),
                no,
            ],
            &[("Server, connection", "서버, 연결"), no],
        ]))
        (w.p((
            "It holds for **24 hours** after the call, in a sandbox; the operator sets it for each \
             project. After that the same call is a new one, and only the operation's own checks \
             stand: a card that was reissued cannot be reissued again (@003_018).",
            "샌드박스에서는 호출 후 **24시간** 동안 유효하며, 운영자가 프로젝트별로 설정합니다. 이후에는 \
             새로운 호출로 처리되어 API 자체의 검사만 적용됩니다. 예를 들어 이미 재발급된 카드는 다시 \
             재발급할 수 없습니다(@003_018).",
        )))
    }
}

fn remembered(w: &Writer<'_>) -> Markup {
    let heads = [("The first call", "첫 호출"), ("The same call again", "같은 호출 재전송 시")];
    w.table_of(&heads, &[
        &[
            ("Succeeded and changed something", "성공하여 상태가 변경됨"),
            (
                "The same success, card number and CVC included. It is built anew from what was \
                 done, and encrypted afresh.",
                "카드번호와 CVC를 포함한 같은 성공 응답. 처리 내역으로 응답을 다시 만들고 새로 \
                 암호화합니다.",
            ),
        ],
        &[
            (
                "The bank refused the fee (@003_051 to @003_059)",
                "은행이 비용 출금을 거절(@003_051~@003_059)",
            ),
            (
                "The same refusal; the bank is not asked again. To try anew, use a new correlation \
                 id.",
                "같은 거절. 은행에 다시 요청하지 않습니다. 다시 시도하려면 새 Correlation ID를 \
                 사용하십시오.",
            ),
        ],
        &[
            ("The bank has not answered (@003_055)", "은행 응답 대기(@003_055)"),
            (
                "Waits up to 5 s for the outcome; then the outcome, or @003_055 again.",
                "최대 5초간 결과를 기다린 뒤 확정된 결과 또는 다시 @003_055를 반환합니다.",
            ),
        ],
        &[
            ("Is still running", "아직 처리 중"),
            (
                "Waits for it, within a bound, and gets its answer.",
                "정해진 시간 내에서 첫 호출을 기다려 그 응답을 반환합니다.",
            ),
        ],
        &[
            (
                "Was refused by a check (member, card, state, field)",
                "검사에서 거절(회원, 카드, 상태, 필드)",
            ),
            (
                "Nothing was written and nothing is remembered: it is decided anew.",
                "기록된 내용이 없으므로 새로 판단합니다.",
            ),
        ],
        &[
            (
                "Failed before the operation (000_9xx)",
                "API 처리 전에 실패(000_9xx)",
            ),
            ("Decided anew.", "새로 판단합니다."),
        ],
        &[
            (
                "Changed nothing: an inquiry, or a card that was in the wanted state already",
                "변경 없음: 조회, 또는 이미 요청한 상태인 카드",
            ),
            ("Decided anew.", "새로 판단합니다."),
        ],
    ])
}

const NONE: Both<'static> = ("", "");

/// What you, the platform and the bank do, one after the other.
const SEQUENCE: &[&[Both<'static>]] = &[
    &[
        (
            "Reissue, correlation id `261122120000-0a1b2c3`",
            "재발급 요청, Correlation ID `261122120000-0a1b2c3`",
        ),
        (
            "Checks; writes the application and a fixed transaction number for the bank",
            "검사 후 신청 내역과 은행 거래 고유번호를 저장",
        ),
        NONE,
    ],
    &[NONE, ("Asks for the fee", "비용 출금 요청"), ("Takes it, and is silent", "출금 후 무응답")],
    &[("Gets @003_055", "@003_055 수신"), ("Goes on asking", "결과를 계속 조회"), NONE],
    &[NONE, ("Asks by the same number", "같은 고유번호로 조회"), ("“Taken”", "“출금 완료”")],
    &[
        NONE,
        (
            "Issues the card, moves the balance, records the call: in one transaction",
            "카드 발급, 잔액 이전, 호출 기록을 하나의 트랜잭션으로 처리",
        ),
        NONE,
    ],
    &[
        ("The same call again, `261122120000-0a1b2c3`", "같은 호출 재전송, `261122120000-0a1b2c3`"),
        ("Finds it; does nothing", "기록을 확인하고 추가 처리 없음"),
        NONE,
    ],
    &[
        ("Gets `000_000` with the new card's number", "새 카드번호와 함께 `000_000` 수신"),
        NONE,
        NONE,
    ],
];

fn sequence(w: &Writer<'_>) -> Markup {
    let heads = [("You", "제휴사"), ("Platform", "플랫폼"), ("Bank", "은행")];
    w.table_of(&heads, SEQUENCE)
}

fn try_it(w: &Writer<'_>) -> Markup {
    let (id, scenario) = w.names();
    let user = super::sandbox::member(w).unwrap_or_default();
    let base = "http://127.0.0.1:8080/sandbox/v1";
    let behave = |how: &str| {
        format!(
            "curl -X POST -H 'Content-Type: application/json' -d '{{\"behaviour\":\"{how}\"}}' \
              \\\n {base}/members/{user}/bank-behaviour"
        )
    };
    let call = format!("platen call {id} --data @request.json --correlation-id $ID");
    let commands = format!(
        "{NEW_ID}\ncurl -X POST {base}/scenarios/{id}/{scenario}/arm\n{}\n\
         printf '%s' '{}' > request.json\n{call}      # 003_055\n\
         {}\nsleep 10\n{call}      # 000_000",
        behave("hold"),
        w.request,
        behave("answer")
    );
    html! {
        (w.p((
            "With a [bank that does not decide](/guides/sandbox#bank) and then does:",
            "[은행이 응답하지 않다가](/guides/sandbox#bank) 응답하는 경우를 확인할 수 있습니다.",
        )))
        (block("sh", &commands))
    }
}

fn strict(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "Lenient, as in a sandbox: the same correlation id with another body is another call, \
             and is done.",
            "lenient(샌드박스 기본값): 본문이 다르면 같은 Correlation ID라도 별개의 호출로 처리합니다.",
        ),
        (
            "Strict, a setting of the project: it is refused with @000_915 once a call with this \
             id has changed something. This finds ids that a client uses twice by mistake.",
            "strict(프로젝트 설정): 해당 ID로 상태를 변경한 호출이 있으면 @000_915로 거절합니다. \
             클라이언트의 ID 중복 사용 오류를 찾을 수 있습니다.",
        ),
    ])
}

fn encrypted(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "The token covers neither time nor headers. Somebody who has captured a call could \
             send it again with a new time and a new correlation id. Against that the encrypted \
             text itself is used up by the call that changed something: under another correlation \
             id it gets @000_914, for as long as the window of `X-KM-Tran-Time` lasts (a day in a \
             sandbox). Under its own correlation id it is the same call, and answered.",
            "토큰은 시각과 헤더를 보호하지 않으므로, 호출을 가로챈 공격자가 시각과 Correlation ID를 \
             바꿔 다시 보낼 수 있습니다. 이를 막기 위해 상태를 변경한 호출의 암호문은 한 번만 사용할 수 \
             있습니다. 다른 Correlation ID로 보내면 `X-KM-Tran-Time` 허용 범위(샌드박스는 하루) 동안 \
             @000_914가 반환됩니다. 같은 Correlation ID로 보내면 같은 호출로 간주하여 응답합니다.",
        )))
        (w.note((
            "A **plain** call that was captured and sent with a new correlation id cannot be told \
             from a new call. Encrypt in production, have the project refuse plain requests \
             (@000_913), and use TLS.",
            "**평문** 호출을 가로채 새 Correlation ID로 보내면 새 호출과 구별할 수 없습니다. 운영 \
             환경에서는 암호화하고, 프로젝트에서 평문을 거부(@000_913)하도록 설정하며, TLS를 \
             사용하십시오.",
        )))
    }
}

fn rules(w: &Writer<'_>) -> Markup {
    w.steps(&[
        (
            "Store correlation id and body in clear **before** you send. Bodies hold card numbers: \
             store them sealed.",
            "전송 **전에** Correlation ID와 평문 본문을 저장하십시오. 본문에는 카드번호가 포함되므로 \
             암호화하여 저장해야 합니다.",
        ),
        (
            "One correlation id for one wish of one member. The member presses the button twice: \
             the same id. The member tries again tomorrow: a new one.",
            "회원의 요청 하나에 Correlation ID 하나를 사용하십시오. 버튼을 두 번 누르면 같은 ID, 다음 날 \
             다시 시도하면 새 ID입니다.",
        ),
        (
            "Repeat from the stored bytes; do not build the body anew.",
            "재전송할 때는 본문을 다시 만들지 말고 저장한 바이트를 사용하십시오.",
        ),
        (
            "Stop when a final code has come, and store it: `000_000` or a refusal other than \
             those in the [table of retries](/guides/errors#retry).",
            "최종 코드를 받으면 중단하고 저장하십시오. `000_000`, 또는 \
             [재시도 판단표](/guides/errors#retry)에 없는 거절 코드가 최종 결과입니다.",
        ),
    ])
}

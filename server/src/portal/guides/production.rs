use contract::Entry;
use maud::{Markup, html};

use super::Draft;
use super::writer::{Writer, mono};

pub(super) const DRAFT: Draft = Draft {
    name: "production",
    title: ("Going to production", "운영 환경 준비"),
    summary: (
        "What is built today and what is not, and what to prepare on your side.",
        "현재 구현된 범위와 미구현 범위, 제휴사가 준비할 사항을 안내합니다.",
    ),
    body,
};

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("today", ("Where it stands", "현재 상태"), today(w)))
        (w.section("built", ("What is built", "구현된 기능"), built(w)))
        (w.section("missing", ("What is not built", "미구현 기능"), missing(w)))
        (w.section("differs", ("What will differ from a sandbox", "샌드박스와의 차이"), differs(w)))
        (w.section("prepare", ("Prepare your side", "제휴사 점검 목록"), prepare(w)))
    }
}

fn today(w: &Writer<'_>) -> Markup {
    html! {
        (w.note((
            "**There is no production server yet.** The command that will run one, `serve`, does \
             not exist. What you can run today is the sandbox. Build and test against it; do not \
             put real members, cards or money into it.",
            "**운영 서버는 아직 제공되지 않습니다.** 운영 서버를 실행할 `serve` 명령은 구현되지 않았으며, \
             현재는 샌드박스만 실행할 수 있습니다. 샌드박스에서 개발과 테스트를 진행하고, 실제 회원·카드·자금 \
             정보는 입력하지 마십시오.",
        )))
        (w.p((
            "The way of a call is the same code in both: what you write against the sandbox, its \
             signatures, encryption, codes and repeats, stays as it is.",
            "호출 처리 코드는 두 환경이 동일합니다. 샌드박스에서 구현한 서명, 암호화, 코드 처리, 재시도는 \
             그대로 사용할 수 있습니다.",
        )))
    }
}

fn built(w: &Writer<'_>) -> Markup {
    let row = |entry: &Entry| {
        let address = w.lang.path(&format!("/api/{}", entry.spec.id));
        vec![
            html! { a href=(address) { (entry.spec.id) } },
            mono(entry.spec.path),
            html! { span lang="en" { (entry.spec.title) } },
        ]
    };
    let heads = [("Operation", "API"), ("Path", "경로"), ("Title", "명칭")];
    html! {
        (w.p((
            "The operations of this build:",
            "현재 빌드에서 제공하는 API는 다음과 같습니다.",
        )))
        (w.table(&heads, &w.registry.entries().iter().map(row).collect::<Vec<_>>()))
        (w.p(("And around them:", "이 밖에 다음 기능이 구현되어 있습니다.")))
        (w.list(&[
            (
                "SQLite and PostgreSQL; several servers on one database.",
                "SQLite와 PostgreSQL, 하나의 데이터베이스를 사용하는 다중 서버 구성",
            ),
            (
                "Card numbers and personal data sealed at rest; CVCs never stored.",
                "카드번호와 개인정보의 저장 시 암호화, CVC 미저장",
            ),
            (
                "Keys that are rotated while calls go on; a sealed operation log that can be \
                 verified (`platen audit verify`).",
                "무중단 키 교체, 위변조를 검증할 수 있는 작업 로그(`platen audit verify`)",
            ),
            (
                "Limits of calls for each partner, time-outs and bounds on every input.",
                "제휴사별 호출 제한, 모든 입력에 대한 타임아웃과 크기 제한",
            ),
            (
                "`/healthz`, `/readyz` and `/metrics` for operators.",
                "운영자용 `/healthz`, `/readyz`, `/metrics`",
            ),
        ]))
    }
}

fn missing(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "`serve`: the production server, with the master key outside the database. Key \
             commands work on sandbox databases alone until then.",
            "`serve`: 마스터 키를 데이터베이스 외부에 보관하는 운영 서버. 그때까지 키 관리 명령은 샌드박스 \
             데이터베이스에서만 동작합니다.",
        ),
        (
            "The other operations of the reference: [coverage](/coverage) lists all titles. A call \
             of one is answered with @000_905.",
            "참조 문서의 나머지 API: [제공 범위](/coverage)에서 전체 목록을 확인할 수 있습니다. 호출하면 \
             @000_905가 반환됩니다.",
        ),
        (
            "Callbacks to you: none is sent. Read [events](/guides/events) instead.",
            "콜백: 전송되지 않습니다. [이벤트](/guides/events)를 조회하십시오.",
        ),
        (
            "Registering partners, projects and products, and changing access and secret keys, by \
             command.",
            "제휴사·프로젝트·상품 등록 및 Access Key·Secret Key 교체 명령",
        ),
        (
            "Erasure of personal data other than the recipients of deliveries.",
            "배송 수령인 외의 개인정보 파기",
        ),
        (
            "TLS: it ends in front of the platform, at a proxy of the operator.",
            "TLS: 플랫폼 앞단의 프록시에서 처리해야 합니다.",
        ),
    ])
}

fn differs(w: &Writer<'_>) -> Markup {
    let heads = [
        ("What", "항목"),
        ("Sandbox", "샌드박스"),
        ("Production: a setting of your project", "운영 환경(프로젝트별 설정)"),
    ];
    w.table_of(
        &heads,
        &[
            &[
                ("Plain request where encryption is asked for", "암호화 대상 API의 평문 요청"),
                ("Taken", "허용"),
                ("Can be refused: @000_913", "거부 가능: @000_913"),
            ],
            &[
                ("Time of the call", "요청 시각"),
                ("May be off by a day", "하루까지 허용"),
                ("A narrower window: @000_903", "더 좁은 범위: @000_903"),
            ],
            &[
                ("Correlation id used twice", "Correlation ID 재사용"),
                ("Taken", "허용"),
                ("Can be refused: @000_915", "거부 가능: @000_915"),
            ],
            &[
                ("Calls a second", "초당 호출 수"),
                ("No limit", "제한 없음"),
                ("Can be limited, for each partner: @000_917", "제휴사별로 제한 가능: @000_917"),
            ],
            &[
                ("Bank", "은행"),
                ("A simulator that does what you say", "동작을 설정할 수 있는 시뮬레이터"),
                ("Open banking, at its own speed", "실제 오픈뱅킹"),
            ],
            &[
                ("`/sandbox/v1/`, Try It!, log of calls", "`/sandbox/v1/`, Try It!, 호출 로그"),
                ("There", "제공"),
                ("Absent", "미제공"),
            ],
        ],
    )
}

fn prepare(w: &Writer<'_>) -> Markup {
    w.steps(&[
        (
            "Encrypt every operation that asks for it; do not rely on plain requests.",
            "암호화 대상 API는 모두 암호화하고 평문 허용에 의존하지 마십시오.",
        ),
        (
            "Keep your clocks right (NTP), and send the zone that you mean.",
            "서버 시각을 NTP로 동기화하고 정확한 시간대를 전송하십시오.",
        ),
        (
            "Use a new correlation id for each transaction, stored before the call. See \
             [Idempotency](/guides/idempotency#rules).",
            "거래마다 새 Correlation ID를 사용하고 호출 전에 저장하십시오. \
             [멱등성](/guides/idempotency#rules)을 참고하십시오.",
        ),
        (
            "Handle the [six kinds of codes](/guides/errors#actions), and retry as the \
             [table](/guides/errors#retry) says.",
            "[여섯 가지 코드 유형](/guides/errors#actions)을 처리하고 \
             [판단표](/guides/errors#retry)에 따라 재시도하십시오.",
        ),
        (
            "Run every scenario in your own tests, and every [behaviour of the \
             bank](/guides/sandbox#bank).",
            "모든 시나리오와 모든 [은행 동작](/guides/sandbox#bank)을 자체 테스트에 포함하십시오.",
        ),
        (
            "Practise a [rotation of keys](/guides/credentials#rotation) while calls go on.",
            "호출이 계속되는 상태에서 [키 교체](/guides/credentials#rotation)를 연습하십시오.",
        ),
        (
            "Keep secrets in a vault, and card numbers and CVCs out of logs.",
            "비밀 정보는 안전한 저장소에 보관하고 카드번호와 CVC를 로그에 남기지 마십시오.",
        ),
        (
            "Tell your operator the addresses that you call from, and whom to reach at night.",
            "호출에 사용하는 IP 주소와 야간 연락처를 운영자에게 전달하십시오.",
        ),
    ])
}

use contract::headers::{self, Header, HeaderNeed, REQUEST, RESPONSE};
use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, Writer, block, mono};

pub(super) const DRAFT: Draft = Draft {
    name: "headers",
    title: ("Request headers", "요청 헤더"),
    summary: (
        "The seven headers of every call: what each says, its form, and how to make it.",
        "모든 호출에 사용하는 7개 헤더의 의미, 형식, 생성 방법을 설명합니다.",
    ),
    body,
};

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("request", ("Headers of a request", "요청 헤더 목록"), request(w)))
        (w.section("make", ("Make them, step by step", "헤더 생성 순서"), make(w)))
        (w.section("example", ("A worked example", "예제"), example(w)))
        (w.section("limits", ("What is taken", "허용 범위"), limits(w)))
        (w.section("response", ("Headers of a response", "응답 헤더"), response(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
    }
}

/// What a header means, and `None` for one that this page does not know yet.
pub(super) fn meaning(header: &Header) -> Option<Both<'static>> {
    let korean = if header.name == headers::ASP_ID.name {
        "계약 시 부여된 제휴사 ID입니다."
    } else if header.name == headers::CORRELATION_ID.name {
        "거래를 추적하는 번호로, 거래마다 새로 생성합니다. 응답에도 그대로 반환됩니다."
    } else if header.name == headers::ACCESS_KEY.name {
        "프로젝트의 Access Key입니다."
    } else if header.name == headers::CRYPTO_KEY_ID.name {
        "프로젝트의 암호화 키 ID입니다. 암호화된 요청을 복호화하고 응답을 암호화할 키를 지정합니다."
    } else if header.name == headers::TRAN_TOKEN.name {
        "전송하는 본문의 서명입니다. 본문을 암호화한 경우 `encData` 전문 전체를 서명합니다."
    } else if header.name == headers::TRAN_TIME.name {
        "`X-KM-Time-Zone` 기준의 클라이언트 요청 시각입니다."
    } else if header.name == headers::TIME_ZONE.name {
        "`X-KM-Tran-Time`의 시간대입니다."
    } else {
        return None;
    };
    Some((header.doc, korean))
}

fn need(need: HeaderNeed) -> Both<'static> {
    match need {
        HeaderNeed::Always => ("Always", "필수"),
        HeaderNeed::ExceptCallbacks => ("Always, but not on callbacks", "필수(콜백 제외)"),
        HeaderNeed::WhereEncrypted => (
            "Where the request or the response is encrypted",
            "요청 또는 응답을 암호화하는 경우 필수",
        ),
    }
}

fn request(w: &Writer<'_>) -> Markup {
    let page = w.lang.path(&format!("/api/{}", w.entry.spec.id));
    let row = |header: &Header| {
        let address = format!("{page}#header-{}", header.name);
        vec![
            html! { a id={ "header-" (header.name) } href=(address) { (mono(header.name)) } },
            w.say(need(header.need)),
            html! { (header.len) },
            mono(header.example),
            w.say(meaning(header).unwrap_or((header.doc, header.doc))),
        ]
    };
    let heads = [
        ("Header", "헤더"),
        ("Needed", "필수 여부"),
        ("Length", "길이"),
        ("Example", "예시"),
        ("Meaning", "설명"),
    ];
    html! {
        (w.table(&heads, &REQUEST.iter().map(row).collect::<Vec<_>>()))
        (w.p((
            "Besides these, send `Content-Type: application/json`. Every call is a POST.",
            "이 밖에 `Content-Type: application/json`을 함께 보내십시오. 모든 호출은 POST입니다.",
        )))
        (w.note((
            "The reference prints a length of 66 for the token. Its own samples have 67 \
             characters, and so has ours.",
            "참조 문서에는 토큰 길이가 66으로 표기되어 있으나, 해당 문서의 예시를 포함한 실제 \
             길이는 67자입니다.",
        )))
    }
}

fn make(w: &Writer<'_>) -> Markup {
    let (asp, access) = (headers::ASP_ID.name, headers::ACCESS_KEY.name);
    w.steps(&[
        (
            &format!("Take `{asp}` and `{access}` from your [credentials](/guides/credentials)."),
            &format!("[인증 정보](/guides/credentials)에서 `{asp}`와 `{access}` 값을 확인합니다."),
        ),
        (
            "Take the time once, in one zone. `X-KM-Tran-Time` is that time; so are the first \
             digits of the correlation id and of the token.",
            "하나의 시간대를 기준으로 현재 시각을 한 번만 구합니다. 이 시각을 `X-KM-Tran-Time`, \
             Correlation ID의 앞부분, 토큰의 시각에 함께 사용합니다.",
        ),
        (
            "Make the correlation id: the time as `yyMMddHHmmss`, a hyphen and 7 random \
             hexadecimal digits. Store it before you send: you need it if no answer comes.",
            "Correlation ID를 생성합니다. `yyMMddHHmmss` 형식의 시각, 하이픈, 임의의 16진수 \
             7자리로 구성됩니다. 응답을 받지 못했을 때 필요하므로 전송 전에 저장하십시오.",
        ),
        (
            "Write the body. Encrypt it where the operation asks for that, and then name the key \
             in `X-KM-Crypto-Key-Id`. See [Message encryption](/guides/encryption).",
            "본문을 작성합니다. API가 암호화를 요구하면 암호화하고 `X-KM-Crypto-Key-Id`에 키 ID를 \
             지정합니다. [메시지 암호화](/guides/encryption)를 참고하십시오.",
        ),
        (
            "Sign the body as it now is. Nothing may change it afterwards. See \
             [Signing](/guides/token).",
            "완성된 본문을 그대로 서명합니다. 서명한 뒤에는 본문을 변경하면 안 됩니다. \
             [서명](/guides/token)을 참고하십시오.",
        ),
    ])
}

fn example(w: &Writer<'_>) -> Markup {
    let token = super::examples::sign(w.request.as_bytes()).token;
    let line = |header: &Header| {
        let value = if header.name == headers::TRAN_TOKEN.name { &token } else { header.example };
        format!("{}: {value}\n", header.name)
    };
    let lines: String = REQUEST.iter().map(line).collect();
    let path = w.path();
    html! {
        (w.p((
            "A plain call with the keys of the examples. The token is the real one of this body; \
             [its guide](/guides/token#example) shows how it comes about.",
            "예제 키를 사용한 평문 호출입니다. 토큰은 이 본문으로 실제 계산한 값이며, 계산 과정은 \
             [토큰 가이드](/guides/token#example)에서 확인할 수 있습니다.",
        )))
        (block("http", &format!(
            "POST {path}\nContent-Type: application/json\n{lines}\n{}", w.request
        )))
    }
}

fn limits(w: &Writer<'_>) -> Markup {
    let row = |header: &Header| {
        vec![
            mono(header.name),
            html! { (header.len_min) "–" (header.len_max) },
            mono(&header.pattern()),
        ]
    };
    let heads = [("Header", "헤더"), ("Characters taken", "허용 길이"), ("Pattern", "패턴")];
    html! {
        (w.p((
            "The table above is what platen sends and what you should send. Where nothing is at \
             stake, platen takes more, because real clients send more. A header that is missing, \
             outside these limits or sent twice is answered with @000_901, which ends with its \
             name. One exception: a token of a wrong form gets @000_902, as a wrong one does.",
            "위 표는 platen이 전송하는 형식이자 권장 형식입니다. 보안에 영향이 없는 항목은 실제 \
             클라이언트의 편차를 고려해 더 넓은 범위를 허용합니다. 헤더가 누락되거나, 범위를 \
             벗어나거나, 중복 전송되면 @000_901이 반환되며 메시지 끝에 해당 헤더명이 표시됩니다. 단, \
             토큰의 형식이 잘못된 경우에는 값이 틀린 경우와 동일하게 @000_902가 반환됩니다.",
        )))
        (w.table(&heads, &REQUEST.iter().map(row).collect::<Vec<_>>()))
    }
}

fn response(w: &Writer<'_>) -> Markup {
    let meaning = |header: &Header| {
        if header.name == headers::CORRELATION_ID.name {
            (header.doc, "요청의 값이 그대로 반환됩니다.")
        } else {
            (header.doc, "응답을 암호화한 키의 ID입니다. 응답이 평문이면 포함되지 않습니다.")
        }
    };
    let row = |header: &Header| vec![mono(header.name), w.say(meaning(header))];
    let heads = [("Header", "헤더"), ("Meaning", "설명")];
    html! {
        (w.table(&heads, &RESPONSE.iter().map(row).collect::<Vec<_>>()))
        (w.p((
            "If `X-KM-Crypto-Key-Id` is there, the body is `{\"encData\": …}`; otherwise it is \
             plain. With @000_917 (HTTP 429) comes `Retry-After`, in seconds.",
            "`X-KM-Crypto-Key-Id`가 있으면 본문은 `{\"encData\": …}` 형식이고, 없으면 평문입니다. \
             @000_917(HTTP 429)에는 초 단위의 `Retry-After`가 함께 반환됩니다.",
        )))
    }
}

const MISTAKES: &[&[Both<'static>]] = &[
    &[
        (
            "Korean time sent as `UTC`: the call seems to come from nine hours ahead.",
            "한국 시각을 `UTC`로 표기: 9시간 뒤에 요청한 것으로 처리됩니다.",
        ),
        (
            "@000_903. In a sandbox nothing: its window is a day.",
            "@000_903. 샌드박스는 허용 범위가 하루이므로 오류가 발생하지 않습니다.",
        ),
        (
            "Format the time in the zone that `X-KM-Time-Zone` names.",
            "`X-KM-Time-Zone`에 지정한 시간대로 시각을 변환하십시오.",
        ),
    ],
    &[
        (
            "A zone by another name: `Asia/Seoul`, `+09:00`, `kst`.",
            "다른 표기의 시간대: `Asia/Seoul`, `+09:00`, `kst`",
        ),
        ("@000_901 `X-KM-Time-Zone`", "@000_901 `X-KM-Time-Zone`"),
        ("One of those [in the table](#limits).", "[표](#limits)에 있는 값을 사용하십시오."),
    ],
    &[
        (
            "A time of another form: `2022-11-08 12:08`, or seconds since 1970.",
            "다른 형식의 시각: `2022-11-08 12:08` 또는 Unix 시각(초)",
        ),
        ("@000_901 `X-KM-Tran-Time`", "@000_901 `X-KM-Tran-Time`"),
        (
            "14 digits. 15 to 17 are taken too; digits behind the seconds do not count.",
            "14자리로 전송하십시오. 15~17자리도 허용되며 초 이하 자릿수는 무시됩니다.",
        ),
    ],
    &[
        (
            "A 16-digit time in the token: some pages of the reference print 16.",
            "토큰에 16자리 시각 사용: 참조 문서 일부에 16자리로 표기되어 있습니다.",
        ),
        ("@000_902", "@000_902"),
        (
            "17 digits there: milliseconds have three.",
            "토큰의 시각은 밀리초 3자리를 포함해 17자리여야 합니다.",
        ),
    ],
    &[
        ("One correlation id for all calls.", "모든 호출에 동일한 Correlation ID 사용"),
        (
            "Calls cannot be told apart in the log; in a strict project @000_915.",
            "로그에서 호출을 구분할 수 없습니다. strict 프로젝트에서는 @000_915가 반환됩니다.",
        ),
        (
            "A new one for each transaction; the same one only to repeat a call.",
            "거래마다 새로 생성하고, 같은 호출을 재전송할 때만 동일한 값을 사용하십시오.",
        ),
    ],
    &[
        ("The body is encrypted, the key is not named.", "본문을 암호화하고 키 ID를 지정하지 않음"),
        ("@000_910", "@000_910"),
        ("Send `X-KM-Crypto-Key-Id`.", "`X-KM-Crypto-Key-Id`를 전송하십시오."),
    ],
    &[
        (
            "`Content-Type: text/plain`, or a form, which is curl's default with `-d`.",
            "`Content-Type: text/plain` 또는 form(curl `-d` 옵션의 기본값)",
        ),
        ("@000_908", "@000_908"),
        ("`application/json`", "`application/json`"),
    ],
];

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("You see", "결과"), ("Mend it", "해결 방법")];
    w.table_of(&heads, MISTAKES)
}

use contract::headers;
use crypto::tran_token::TOKEN_CHARS;
use maud::{Markup, html};

use super::Draft;
use super::examples::{hex_start, secret_key, sign, sign_with_decoded_secret, token_time};
use super::writer::{Writer, block, mono};

pub(super) const DRAFT: Draft = Draft {
    name: "token",
    title: ("Signing with X-KM-Tran-Token", "X-KM-Tran-Token 서명"),
    summary: (
        "How the token is made, with an example to check your own code against.",
        "토큰 생성 방법과, 직접 작성한 코드를 검증할 수 있는 예제를 제공합니다.",
    ),
    body,
};

/// Bytes of the body that the page shows.
const SHOWN_BYTES: usize = 24;
/// Characters of a token that is too long that the page shows.
const SHOWN_CHARS: usize = 48;

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("form", ("What it is", "토큰의 구조"), form(w)))
        (w.section("steps", ("Make it, step by step", "토큰 생성 순서"), steps(w)))
        (w.section("example", ("A worked example", "예제"), example(w)))
        (w.section("check", ("Check it with openssl", "openssl로 검증하기"), check(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
        (w.section("scope", ("What it proves, and what not", "토큰의 보장 범위"), scope(w)))
    }
}

fn form(w: &Writer<'_>) -> Markup {
    let heads = [("Part", "구성"), ("What", "내용"), ("Characters", "길이")];
    let time = token_time().len();
    html! {
        (w.p((
            "The token shows that the holder of the secret key has sent this body, and that \
             nobody has changed it on its way.",
            "토큰은 Secret Key 보유자가 해당 본문을 전송했으며 전송 과정에서 위변조되지 않았음을 \
             증명합니다.",
        )))
        (block("text", headers::TRAN_TOKEN.form))
        (w.table(&heads, &[
            vec![mono("KMV1:"), w.say(("Version, always the same.", "버전(고정값)")), html! { "5" }],
            vec![
                mono("yyyyMMddHHmmssSSS"),
                w.say(("Time with milliseconds.", "밀리초를 포함한 시각")),
                html! { (time) },
            ],
            vec![mono(":"), w.say(("A colon.", "콜론")), html! { "1" }],
            vec![
                mono("base64(…)"),
                w.say((
                    "HMAC-SHA-256, 32 bytes, as Base64: standard alphabet, with padding.",
                    "HMAC-SHA-256 결과 32바이트를 표준 Base64(패딩 포함)로 인코딩한 값",
                )),
                html! { "44" },
            ],
            vec![w.say(("**Together**", "**전체**")), html! {}, html! { (TOKEN_CHARS) }],
        ]))
    }
}

fn steps(w: &Writer<'_>) -> Markup {
    w.steps(&[
        (
            "Write the body as text and turn it into UTF-8 bytes **once**. From here on use \
             these bytes alone, to sign and to send.",
            "본문을 문자열로 만들고 UTF-8 바이트로 **한 번만** 변환합니다. 이후 서명과 전송에는 \
             반드시 이 바이트를 그대로 사용합니다.",
        ),
        (
            "If the operation is encrypted, the body is the whole envelope `{\"encData\":\"…\"}`, \
             not the request in clear.",
            "암호화 대상 API라면 서명 대상 본문은 평문 요청이 아니라 `{\"encData\":\"…\"}` 전문 \
             전체입니다.",
        ),
        (
            "The key is the **text** of the secret key: its 64 characters as UTF-8. It looks like \
             hexadecimal digits; do not decode it.",
            "서명 키는 Secret Key **문자열** 64자를 UTF-8로 변환한 값입니다. 16진수처럼 보이지만 \
             디코딩하지 마십시오.",
        ),
        (
            "Compute HMAC-SHA-256 and encode its 32 **bytes** as Base64.",
            "HMAC-SHA-256을 계산하고 결과 32**바이트**를 Base64로 인코딩합니다.",
        ),
        (
            "Join: `KMV1:`, the time in 17 digits, `:`, the Base64.",
            "`KMV1:`, 17자리 시각, `:`, Base64 값을 차례로 이어 붙입니다.",
        ),
    ])
}

fn example(w: &Writer<'_>) -> Markup {
    let body = w.request.as_bytes();
    let signed = sign(body);
    let heads = [("Step", "단계"), ("Value", "값")];
    let (id, scenario) = w.names();
    let counts = (body.len(), w.request.chars().count());
    html! {
        (w.p((
            &format!(
                "The body is the request of scenario `{scenario}` of [{id}](/api/{id}). All \
                 numbers were computed for this page by the code that verifies your tokens."
            ),
            &format!(
                "본문은 [{id}](/api/{id})의 `{scenario}` 시나리오 요청입니다. 모든 값은 실제로 \
                 토큰을 검증하는 코드로 이 페이지를 생성할 때 계산한 것입니다."
            ),
        )))
        (w.table(&heads, &[
            vec![
                w.say(("Secret key (an example)", "Secret Key(예제)")),
                html! { code id="example-secret" { (secret_key()) } },
            ],
            vec![
                w.say(("Body as sent", "전송 본문")),
                html! { code id="example-body" { (w.request) } },
            ],
            vec![
                w.say(("Its length", "본문 길이")),
                w.say((
                    &format!(
                        "**{} bytes** ({} characters: a Hangul syllable is one character and \
                         three bytes)", counts.0, counts.1
                    ),
                    &format!(
                        "**{}바이트**({}자: 한글 1자는 UTF-8에서 3바이트)", counts.0, counts.1
                    ),
                )),
            ],
            vec![
                w.say(("Its first bytes, hexadecimal", "앞부분 바이트(16진수)")),
                mono(&format!("{} …", hex_start(body, SHOWN_BYTES))),
            ],
            vec![w.say(("HMAC-SHA-256, hexadecimal", "HMAC-SHA-256(16진수)")), mono(&signed.mac_hex)],
            vec![w.say(("The same as Base64", "Base64 인코딩")), mono(&signed.mac)],
            vec![w.say(("Time", "시각")), mono(token_time())],
        ]))
        (parts(w, &signed.mac))
    }
}

/// The token with its parts marked.
fn parts(w: &Writer<'_>, mac: &str) -> Markup {
    html! {
        (w.p(("The token, part by part:", "완성된 토큰과 각 부분입니다.")))
        pre.token tabindex="0" data-copy {
            code id="example-token" {
                span.token-version { "KMV1:" }
                span.token-time { (token_time()) }
                ":"
                span.token-mac { (mac) }
            }
        }
    }
}

fn check(w: &Writer<'_>) -> Markup {
    let commands = format!(
        "printf '%s' '{}' > body.json\nwc -c < body.json\n\
         openssl dgst -sha256 -hmac {} -binary body.json | openssl base64",
        w.request,
        secret_key()
    );
    html! {
        (block("sh", &commands))
        (w.p((
            "It prints the length and the Base64 of the table. Use `printf`, not `echo`, which \
             adds a line feed that is signed as well. Then do the same in your own code: if it has \
             the same Base64, your tokens are right.",
            "표에 있는 길이와 Base64 값이 출력됩니다. `echo`는 줄바꿈 문자를 추가하여 서명 값이 \
             달라지므로 `printf`를 사용하십시오. 직접 작성한 코드에서 같은 Base64 값이 나오면 토큰 \
             생성이 올바른 것입니다.",
        )))
    }
}

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [
        ("Mistake", "실수"),
        ("The example's HMAC would be", "예제의 HMAC이 다음과 같으면"),
        ("Mend it", "해결 방법"),
    ];
    html! {
        (w.p((
            "All of these are answered with @000_902, the same code as a wrong access key: which \
             it was is told to nobody who cannot sign. If your code makes one of these values of \
             the example, you have found the mistake. In a sandbox the [log](/log) shows the token \
             that was expected.",
            "아래 실수는 모두 @000_902로 응답하며, Access Key가 잘못된 경우와 코드가 같습니다. \
             서명하지 못하는 호출자에게는 어느 쪽이 원인인지 알리지 않기 때문입니다. 직접 작성한 \
             코드로 예제를 계산했을 때 아래 값이 나오면 원인을 찾은 것입니다. 샌드박스에서는 \
             [로그](/log)에서 기대한 토큰 값을 확인할 수 있습니다.",
        )))
        (w.table(&heads, &[of_the_body(w), of_the_form(w)].concat()))
    }
}

/// Mistakes in what is signed, or under which key.
fn of_the_body(w: &Writer<'_>) -> Vec<Vec<Markup>> {
    let clear = w.request.as_bytes();
    let mac = |body: &[u8]| mono(&sign(body).mac);
    let right = sign(clear);
    let pretty = serde_json::to_string_pretty(&w.scenario.request).unwrap_or_default();
    vec![
        vec![
            w.say(("The secret key is decoded from hexadecimal.", "Secret Key를 16진수로 디코딩")),
            mono(&sign_with_decoded_secret(clear).mac),
            w.say(("Use its 64 characters as they are.", "64자 문자열을 그대로 사용하십시오.")),
        ],
        vec![
            w.say((
                "The body is printed anew after signing: indented, sorted, or by another library.",
                "서명 후 본문을 다시 직렬화(들여쓰기, 키 정렬, 다른 라이브러리 사용 등)",
            )),
            mac(pretty.as_bytes()),
            w.say((
                "Sign and send the same bytes: hand your HTTP client bytes, not an object.",
                "서명한 바이트를 그대로 전송하십시오. HTTP 클라이언트에 객체가 아닌 바이트를 \
                 전달해야 합니다.",
            )),
        ],
        vec![
            w.say(("A line feed at the end is signed.", "본문 끝의 줄바꿈까지 서명")),
            mac(format!("{}\n", w.request).as_bytes()),
            w.say((
                "`printf '%s'` instead of `echo`.",
                "`echo` 대신 `printf '%s'`를 사용하십시오.",
            )),
        ],
        vec![
            w.say(("An empty body is signed.", "빈 본문을 서명")),
            mac(b""),
            w.say(("Read the body before it is sent away.", "본문을 완성한 뒤 서명하십시오.")),
        ],
        vec![
            w.say((
                "The request in clear is signed, the envelope is sent.",
                "평문 요청에 서명하고 `encData` 전문을 전송",
            )),
            mono(&right.mac),
            w.say((
                "First encrypt, then sign the envelope: \
                 [example](/guides/encryption#example).",
                "먼저 암호화한 뒤 `encData` 전문에 서명하십시오. \
                 [예제](/guides/encryption#example)",
            )),
        ],
    ]
}

/// Mistakes in how the signature is written.
fn of_the_form(w: &Writer<'_>) -> Vec<Vec<Markup>> {
    let right = sign(w.request.as_bytes());
    let of_hex: String = data_encoding::BASE64.encode(right.mac_hex.as_bytes());
    let of_hex: String = of_hex.chars().take(SHOWN_CHARS).collect();
    vec![
        vec![
            w.say((
                "The HMAC's hexadecimal text is encoded, not its bytes. The token is then too \
                 long.",
                "HMAC 바이트가 아닌 16진수 문자열을 Base64로 인코딩(토큰이 지나치게 길어짐)",
            )),
            mono(&format!("{of_hex}…")),
            w.say(("`digest('base64')`, not `hex`.", "`hex`가 아닌 `digest('base64')`")),
        ],
        vec![
            w.say((
                "Base64 for URLs, without padding, or broken into lines.",
                "URL용 Base64, 패딩 생략, 줄바꿈이 포함된 Base64",
            )),
            mono(&right.mac.replace('+', "-").replace('/', "_").replace('=', "")),
            w.say((
                "The standard alphabet, padded, on one line: in Java `Base64.getEncoder()`.",
                "표준 알파벳, 패딩 포함, 한 줄로 인코딩하십시오. Java에서는 `Base64.getEncoder()`",
            )),
        ],
        vec![
            w.say((
                "The time has 14 or 16 digits instead of 17.",
                "시각을 17자리가 아닌 14자리나 16자리로 작성",
            )),
            w.say(("as it should be", "정상 값과 동일")),
            w.say((
                "`yyyyMMddHHmmssSSS`: three digits of milliseconds.",
                "`yyyyMMddHHmmssSSS`: 밀리초는 3자리입니다.",
            )),
        ],
    ]
}

fn scope(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "It signs the body and nothing else. Neither its own time nor any header is covered.",
            "토큰은 본문만 서명합니다. 토큰에 포함된 시각과 다른 헤더는 서명 대상이 아닙니다.",
        ),
        (
            "The time in the token is not compared with anything. `X-KM-Tran-Time` is: too far \
             from the platform's clock is @000_903.",
            "토큰의 시각은 검증에 사용되지 않습니다. 대신 `X-KM-Tran-Time`이 플랫폼 시각과 크게 \
             다르면 @000_903이 반환됩니다.",
        ),
        (
            "That a captured call cannot be used again is the work of \
             [other guards](/guides/idempotency#encrypted). Encrypt, and use TLS.",
            "가로챈 호출의 재사용은 [별도의 장치](/guides/idempotency#encrypted)로 방지합니다. 반드시 \
             암호화와 TLS를 사용하십시오.",
        ),
        (
            "The key authenticates your company. Keep it on servers: never in an app or a browser.",
            "Secret Key는 제휴사를 인증하는 키입니다. 서버에만 보관하고 앱이나 브라우저에 절대 \
             포함하지 마십시오.",
        ),
    ])
}

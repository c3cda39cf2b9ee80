use contract::Entry;
use crypto::jwe::{COMPACT_CHARS_MAX, Enc, RSA_BITS_MAX, RSA_BITS_MIN};
use maud::{Markup, html};

use super::Draft;
use super::examples::{ENC, PRIVATE_KEY, Sealed, hex_start, sign};
use super::writer::{Writer, block, mono};
use crate::settings::Settings;

pub(super) const DRAFT: Draft = Draft {
    name: "encryption",
    title: ("Message encryption", "메시지 암호화"),
    summary: (
        "How a body becomes a JWE and back, part by part, with an example that you can open.",
        "본문을 JWE로 암호화하고 복호화하는 과정을 직접 열어볼 수 있는 예제와 함께 설명합니다.",
    ),
    body,
};

/// Bytes of a part that the page shows.
const SHOWN_BYTES: usize = 16;
/// Characters of a long part that the table shows.
const SHOWN_CHARS: usize = 32;

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("when", ("What is encrypted", "암호화 대상"), when(w)))
        (w.section("form", ("Algorithms and limits", "알고리즘과 제한"), form(w)))
        (w.section("steps", ("Encrypt, step by step", "암호화 순서"), steps(w)))
        (w.section("example", ("A worked example", "예제"), example(w)))
        (w.section("check", ("Open it with openssl", "openssl로 복호화하기"), check(w)))
        (w.section("answer", ("Open an answer", "응답 복호화"), answer(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), super::jwe_mistakes::table(w)))
    }
}

fn when(w: &Writer<'_>) -> Markup {
    let heads = [("Operation", "API"), ("Request", "요청"), ("Response", "응답")];
    let word = |is_encrypted: bool| {
        w.say(if is_encrypted { ("encrypted", "암호화") } else { ("plain", "평문") })
    };
    let row = |entry: &Entry| {
        let address = w.lang.path(&format!("/api/{}", entry.spec.id));
        vec![
            html! { a href=(address) { (entry.spec.id) } },
            word(entry.spec.request_encrypted),
            word(entry.spec.response_encrypted),
        ]
    };
    html! {
        (w.p((
            "Each operation says for each direction whether it is encrypted:",
            "암호화 여부는 API별로, 요청과 응답 각각에 대해 정해져 있습니다.",
        )))
        (w.table(&heads, &w.registry.entries().iter().map(row).collect::<Vec<_>>()))
        (w.list(&[
            (
                "A sandbox takes a plain request too. A project can be set to refuse it: @000_913.",
                "샌드박스는 평문 요청도 허용합니다. 평문을 거부하도록 설정된 프로젝트에서는 \
                 @000_913이 반환됩니다.",
            ),
            (
                "A response is encrypted where the operation says so and the request names a key \
                 in `X-KM-Crypto-Key-Id`.",
                "응답은 암호화 대상 API이면서 요청에 `X-KM-Crypto-Key-Id`가 지정된 경우에 \
                 암호화됩니다.",
            ),
            (
                "Codes of 000_9xx always come in clear: look for `encData` before you decrypt.",
                "000_9xx 코드는 항상 평문으로 반환됩니다. 복호화하기 전에 `encData`가 있는지 \
                 확인하십시오.",
            ),
        ]))
    }
}

fn form(w: &Writer<'_>) -> Markup {
    let heads = [("What", "항목"), ("Value", "값")];
    let encs = Enc::ALL.map(Enc::name).join(", ");
    let keys = Enc::ALL.map(|enc| key_bytes(enc).to_string()).join(", ");
    let body_limit = Settings::default().body_limit_bytes;
    let line = |what, value: &str| vec![w.say(what), mono(value)];
    html! {
        (w.table(&heads, &[
            line(("Form", "형식"), "JWE compact serialization (RFC 7516)"),
            line(("Key encryption (`alg`)", "키 암호화(`alg`)"), "RSA-OAEP-256"),
            line(("Its hash and MGF1 hash", "OAEP 해시와 MGF1 해시"), "SHA-256, SHA-256"),
            line(
                ("RSA key, bits", "RSA 키 길이(비트)"),
                &format!("2048 ({RSA_BITS_MIN}–{RSA_BITS_MAX})"),
            ),
            line(("Content encryption (`enc`)", "본문 암호화(`enc`)"), &encs),
            line(("Content key (CEK), bytes", "콘텐츠 암호화 키(CEK) 길이(바이트)"), &keys),
            line(("IV, bytes", "IV 길이(바이트)"), "12"),
            line(("Tag, bytes", "인증 태그 길이(바이트)"), "16"),
            line(("Alphabet of each part", "각 부분의 인코딩"), "base64url, no padding"),
            line(
                ("Longest body as sent, bytes (setting)", "전송 본문 최대 길이(바이트, 설정값)"),
                &body_limit.to_string(),
            ),
            line(
                ("Longest JWE, characters", "JWE 최대 길이(문자)"),
                &COMPACT_CHARS_MAX.to_string(),
            ),
        ]))
        (w.p((
            "Nothing else is spoken: no compression (`zip`), no critical extensions (`crit`). \
             Other members of the header, such as `kid`, are passed over. A longer body is \
             @000_907.",
            "그 외의 알고리즘, 압축(`zip`), 필수 확장(`crit`)은 지원하지 않습니다. `kid` 등 다른 \
             헤더 항목은 무시합니다. 본문이 최대 길이를 넘으면 @000_907이 반환됩니다.",
        )))
    }
}

/// Length of the content key.
pub(super) fn key_bytes(enc: Enc) -> usize {
    match enc {
        Enc::A128Gcm => 16,
        Enc::A256Gcm => 32,
    }
}

fn steps(w: &Writer<'_>) -> Markup {
    w.steps(&[
        (
            "Write the whole request as JSON. These UTF-8 bytes are the clear text.",
            "전체 요청을 JSON으로 작성합니다. 이 UTF-8 바이트가 평문입니다.",
        ),
        (
            "Write the header, `{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\"}`, and encode it as \
             base64url: part 1.",
            "헤더 `{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\"}`를 base64url로 인코딩합니다(1번 \
             부분).",
        ),
        (
            "Draw a new content key (CEK) for this message. Encrypt it with RSA-OAEP-256 under \
             **the platform's public key**: part 2.",
            "메시지마다 새로운 콘텐츠 암호화 키(CEK)를 생성하고 **플랫폼의 공개키**로 RSA-OAEP-256 \
             암호화합니다(2번 부분).",
        ),
        (
            "Draw a new IV of 12 bytes: part 3.",
            "12바이트 IV를 새로 생성합니다(3번 부분).",
        ),
        (
            "Encrypt the clear text with AES-GCM under CEK and IV. The additional data (AAD) is \
             part 1, **as the ASCII text that it is**, encoded. You get ciphertext, part 4, and a \
             tag of 16 bytes, part 5.",
            "CEK와 IV로 평문을 AES-GCM 암호화합니다. 추가 인증 데이터(AAD)는 **인코딩된 상태 그대로의** \
             1번 부분(ASCII 문자열)입니다. 결과로 암호문(4번 부분)과 16바이트 인증 태그(5번 부분)를 \
             얻습니다.",
        ),
        (
            "Join the five parts with dots, and put them into `{\"encData\":\"…\"}`. Nothing may \
             stand beside it.",
            "다섯 부분을 점(.)으로 이어 `{\"encData\":\"…\"}`에 넣습니다. 다른 필드를 함께 넣으면 \
             안 됩니다.",
        ),
        (
            "[Sign](/guides/token) this text, and name your crypto key in `X-KM-Crypto-Key-Id`.",
            "이 전문에 [서명](/guides/token)하고 `X-KM-Crypto-Key-Id`에 암호화 키 ID를 지정합니다.",
        ),
    ])
}

fn example(w: &Writer<'_>) -> Markup {
    let Some(sealed) = Sealed::of(&w.request) else {
        tracing::error!("the example of a JWE could not be made");
        return html! {};
    };
    html! {
        (w.p((
            "The clear text is that of the [token's example](/guides/token#example). The \
             platform's own code has encrypted it when this page was made, under a key pair that \
             was made for this page. Content key and IV are random, so your parts 2 to 5 differ: \
             their lengths do not.",
            "평문은 [토큰 예제](/guides/token#example)와 같습니다. 이 페이지를 생성할 때 플랫폼의 실제 \
             코드가 예제 전용 키 쌍으로 암호화했습니다. CEK와 IV는 무작위이므로 직접 암호화하면 2~5번 \
             부분의 값은 달라지지만 길이는 같습니다.",
        )))
        (w.p(("The clear text:", "평문:")))
        pre tabindex="0" data-copy { code id="example-clear" { (w.request) } }
        (parts(w, &sealed))
        (w.p(("The JWE, which is `encData`:", "`encData`에 들어가는 JWE:")))
        pre tabindex="0" data-copy { code id="example-jwe" { (sealed.compact) } }
        (w.p((
            "The token of this call signs the envelope `{\"encData\":\"…\"}`, not the clear text:",
            "이 호출의 토큰은 평문이 아니라 `{\"encData\":\"…\"}` 전문에 대한 서명입니다.",
        )))
        pre tabindex="0" data-copy {
            code id="example-token" { (sign(sealed.envelope().as_bytes()).token) }
        }
        (keys(w, &sealed))
    }
}

fn parts(w: &Writer<'_>, sealed: &Sealed) -> Markup {
    let heads = [
        ("Part", "부분"),
        ("Bytes", "바이트"),
        ("Characters", "문자"),
        ("What it is", "내용"),
        ("It begins", "앞부분"),
    ];
    let [header, key, iv, ciphertext, tag] = &sealed.bytes;
    let clear = w.request.len();
    let meanings = [
        w.say(("Header", "헤더")),
        w.say((
            &format!("The content key ({} bytes), encrypted by RSA", key_bytes(ENC)),
            &format!("RSA로 암호화한 CEK({}바이트)", key_bytes(ENC)),
        )),
        w.say(("IV", "IV")),
        w.say((
            &format!("Ciphertext, as long as the clear text ({clear} bytes)"),
            &format!("암호문, 평문과 같은 길이({clear}바이트)"),
        )),
        w.say(("Tag", "인증 태그")),
    ];
    let rows: Vec<Vec<Markup>> = (1..)
        .zip(&sealed.bytes)
        .zip(&sealed.parts)
        .zip(meanings)
        .map(|(((number, bytes), part), meaning): (((usize, _), _), _)| {
            let start: String = part.chars().take(SHOWN_CHARS).collect();
            let dots = if part.len() > SHOWN_CHARS { "…" } else { "" };
            vec![
                html! { (number) },
                html! { (bytes.len()) },
                html! { (part.len()) },
                meaning,
                mono(&format!("{start}{dots}")),
            ]
        })
        .collect();
    let line = |what, value: String| vec![w.say(what), mono(&value)];
    html! {
        (w.table(&heads, &rows))
        (w.table(&[("More exactly", "상세"), ("Value", "값")], &[
            line(("Header, JSON", "헤더(JSON)"), String::from_utf8_lossy(header).into_owned()),
            line(("Header, base64url", "헤더(base64url)"), sealed.parts[0].clone()),
            line(
                ("AAD: the same text as bytes", "AAD: 위 문자열의 바이트"),
                format!("{} … ({})", hex_start(sealed.parts[0].as_bytes(), SHOWN_BYTES),
                    sealed.parts[0].len()),
            ),
            line(
                ("Encrypted key", "암호화된 CEK"),
                format!("{} … ({})", hex_start(key, SHOWN_BYTES), key.len()),
            ),
            line(("IV", "IV"), hex_start(iv, iv.len())),
            line(
                ("Ciphertext", "암호문"),
                format!("{} … ({})", hex_start(ciphertext, SHOWN_BYTES), ciphertext.len()),
            ),
            line(("Tag", "인증 태그"), hex_start(tag, tag.len())),
        ]))
    }
}

fn keys(w: &Writer<'_>, sealed: &Sealed) -> Markup {
    html! {
        (w.note((
            "These two keys are examples. They protect nothing: never use them for a call.",
            "아래 두 키는 예제용이며 아무것도 보호하지 않습니다. 실제 호출에 절대 사용하지 마십시오.",
        )))
        details {
            summary { (w.word(("The example's key pair (PEM)", "예제 키 쌍(PEM)"))) }
            pre tabindex="0" data-copy { code id="example-public-key" { (sealed.public_key) } }
            pre tabindex="0" data-copy { code id="example-private-key" { (PRIVATE_KEY) } }
        }
    }
}

const OPENSSL: &str = r#"JWE='…'                     # encData
KEY=example.pem             # the private key

part() {                    # part N of the JWE, decoded
  printf '%s' "$JWE" | cut -d. -f"$1" | tr '_-' '/+' |
    awk '{ while (length($0) % 4) $0 = $0 "="; print }' | openssl base64 -d -A
}
hex() { od -An -v -tx1 | tr -d ' \n'; }

part 1; echo                                              # the header
CEK=$(part 2 | openssl pkeyutl -decrypt -inkey "$KEY" \
  -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
  -pkeyopt rsa_mgf1_md:sha256 | hex)
echo "${#CEK}"                                            # 32 for A128GCM, 64 for A256GCM
part 4 | openssl enc -d -aes-128-ctr -K "$CEK" -iv "$(part 3 | hex)00000002"; echo
part 5 | hex; echo                                        # the tag"#;

const NODE: &str = r#"node -e '
const { createDecipheriv, privateDecrypt } = require("crypto");
const [jwe, key] = [process.argv[1], require("fs").readFileSync(process.argv[2])];
const [head, ...rest] = jwe.split(".");
const [wrapped, iv, text, tag] = rest.map((part) => Buffer.from(part, "base64url"));
const cek = privateDecrypt({ key, oaepHash: "sha256" }, wrapped);
const open = createDecipheriv(`aes-${cek.length * 8}-gcm`, cek, iv);
open.setAAD(Buffer.from(head)).setAuthTag(tag);
console.log(Buffer.concat([open.update(text), open.final()]).toString());
' "$JWE" "$KEY""#;

fn check(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "Save the example's private key as `example.pem` and put the JWE into the first line. \
             The last lines print the clear text and the tag.",
            "예제 개인키를 `example.pem`으로 저장하고 첫 줄에 JWE를 넣으십시오. 마지막 명령이 평문과 \
             인증 태그를 출력합니다.",
        )))
        (block("sh", OPENSSL))
        (w.p((
            "`openssl enc` knows no GCM. But GCM encrypts as CTR does, beginning at the IV \
             followed by `00000002`; so it opens the text, though it does not check the tag. (For \
             A256GCM: `-aes-256-ctr`.) With Node the tag is checked too:",
            "`openssl enc`는 GCM을 지원하지 않습니다. 다만 GCM의 암호화는 IV 뒤에 `00000002`를 붙인 \
             값에서 시작하는 CTR과 같으므로 본문을 복호화할 수 있습니다(태그는 검증하지 않음). \
             A256GCM이면 `-aes-256-ctr`를 사용하십시오. Node를 사용하면 태그까지 검증합니다.",
        )))
        (block("sh", NODE))
        (w.p((
            "So you can open your own request: encrypt it for the example's public key first.",
            "직접 만든 요청을 확인하려면 예제 공개키로 암호화한 뒤 같은 방법으로 복호화해 보십시오.",
        )))
    }
}

fn answer(w: &Writer<'_>) -> Markup {
    w.steps(&[
        (
            "Look whether the body has `encData`. If not, it is plain: read it as it is.",
            "본문에 `encData`가 있는지 확인합니다. 없으면 평문이므로 그대로 처리합니다.",
        ),
        (
            "Take **your private key** of the pair that `X-KM-Crypto-Key-Id` of the response \
             names.",
            "응답의 `X-KM-Crypto-Key-Id`에 해당하는 **자사의 개인키**를 선택합니다.",
        ),
        (
            "Decrypt part 2 to the content key. Its length must be the one that `enc` asks for.",
            "2번 부분을 복호화하여 CEK를 구합니다. 길이가 `enc`에 맞는지 확인합니다.",
        ),
        (
            "Open part 4 with AES-GCM: IV is part 3, AAD is part 1 as text, the tag is part 5. If \
             the tag does not fit, throw everything away.",
            "4번 부분을 AES-GCM으로 복호화합니다. IV는 3번 부분, AAD는 문자열 그대로의 1번 부분, 인증 \
             태그는 5번 부분입니다. 태그가 일치하지 않으면 결과를 모두 폐기합니다.",
        ),
        (
            "What you get is the ordinary JSON with `response` in it. Its `enc` is that of your \
             request; where that was plain, A128GCM.",
            "결과는 `response`를 포함한 일반 JSON입니다. 응답의 `enc`는 요청과 동일하며, 요청이 \
             평문이면 A128GCM입니다.",
        ),
    ])
}

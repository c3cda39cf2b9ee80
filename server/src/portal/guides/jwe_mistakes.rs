//! What goes wrong with JWE, and by what one knows it.

use maud::{Markup, html};

use super::writer::{Both, Writer, block};

const JAVA: &str = r#"var oaep = new OAEPParameterSpec("SHA-256", "MGF1",
    MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);
var rsa = Cipher.getInstance("RSA/ECB/OAEPPadding");
rsa.init(Cipher.ENCRYPT_MODE, serverPublicKey, oaep);
byte[] encryptedKey = rsa.doFinal(cek);"#;

/// The table of mistakes.
pub(super) fn table(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("You see", "결과"), ("Mend it", "해결 방법")];
    let rows = [algorithm(), envelope(), keys()].concat();
    let rows: Vec<&[Both<'_>]> = rows.iter().map(<[_; 3]>::as_slice).collect();
    html! {
        (w.p((
            "Whatever does not open is @000_912: which step failed is not told, because an \
             attacker could learn from it. In a sandbox the [log](/log) shows the header and the \
             lengths of the parts that came.",
            "복호화에 실패하면 원인과 관계없이 @000_912가 반환됩니다. 공격에 악용될 수 있으므로 실패한 \
             단계는 알리지 않습니다. 샌드박스에서는 [로그](/log)에서 수신한 헤더와 각 부분의 길이를 \
             확인할 수 있습니다.",
        )))
        (w.table_of(&heads, &rows))
        (w.p((
            "Java's default is the mistake seen most. This is right in every JDK:",
            "가장 흔한 실수는 Java의 기본값입니다. 모든 JDK에서 올바른 코드는 다음과 같습니다.",
        )))
        (block("java", JAVA))
    }
}

fn algorithm() -> Vec<[Both<'static>; 3]> {
    vec![
        [
            (
                "Java's `RSA/ECB/OAEPWithSHA-256AndMGF1Padding` as it is: its MGF1 uses SHA-1.",
                "Java의 `RSA/ECB/OAEPWithSHA-256AndMGF1Padding`을 그대로 사용: MGF1의 해시가 \
                 SHA-1입니다.",
            ),
            ("@000_912", "@000_912"),
            (
                "Name both hashes in an `OAEPParameterSpec`, as below.",
                "아래와 같이 `OAEPParameterSpec`에 두 해시를 모두 지정하십시오.",
            ),
        ],
        [
            (
                "`RSA-OAEP` (SHA-1) or `RSA1_5` instead of `RSA-OAEP-256`.",
                "`RSA-OAEP-256` 대신 `RSA-OAEP`(SHA-1)이나 `RSA1_5` 사용",
            ),
            ("@000_912", "@000_912"),
            ("`alg` is `RSA-OAEP-256`.", "`alg`는 `RSA-OAEP-256`이어야 합니다."),
        ],
        [
            (
                "The tag stays at the end of the ciphertext: Java and WebCrypto append it.",
                "인증 태그를 암호문 끝에 붙인 채 전송: Java와 WebCrypto는 태그를 암호문에 덧붙입니다.",
            ),
            ("@000_912", "@000_912"),
            (
                "Cut the last 16 bytes off: they are part 5, what is before them is part 4.",
                "마지막 16바이트를 분리하여 5번 부분으로, 나머지를 4번 부분으로 사용하십시오.",
            ),
        ],
        [
            (
                "AAD is left out, or is the JSON of the header.",
                "AAD를 생략하거나 헤더 JSON을 AAD로 사용",
            ),
            ("@000_912", "@000_912"),
            (
                "AAD is the encoded header: the characters before the first dot.",
                "AAD는 인코딩된 헤더, 즉 첫 번째 점 앞의 문자열입니다.",
            ),
        ],
        [
            ("An IV of 16 bytes.", "16바이트 IV 사용"),
            ("@000_912", "@000_912"),
            ("12 bytes, new for each message.", "12바이트를 메시지마다 새로 생성하십시오."),
        ],
        [
            (
                "Standard Base64, with `+`, `/` or `=`, in the parts.",
                "각 부분에 `+`, `/`, `=`가 포함된 표준 Base64 사용",
            ),
            ("@000_912", "@000_912"),
            (
                "base64url without padding: `Base64.getUrlEncoder().withoutPadding()`.",
                "패딩 없는 base64url을 사용하십시오. `Base64.getUrlEncoder().withoutPadding()`",
            ),
        ],
    ]
}

fn envelope() -> Vec<[Both<'static>; 3]> {
    vec![
        [
            (
                "Base64 that breaks lines (MIME encoders, `openssl base64` without `-A`).",
                "줄바꿈이 포함된 Base64(MIME 인코더, `-A` 없는 `openssl base64`)",
            ),
            (
                "@000_912; @000_909 where the line feeds stand unescaped in the JSON.",
                "@000_912. 줄바꿈이 JSON에 이스케이프 없이 포함되면 @000_909",
            ),
            ("Encode to one line.", "한 줄로 인코딩하십시오."),
        ],
        [
            (
                "Another field beside `encData`, or `encData` is not a text.",
                "`encData` 외의 필드를 함께 전송하거나 `encData`가 문자열이 아님",
            ),
            ("@000_912", "@000_912"),
            (
                "Every field goes into the clear text.",
                "모든 필드를 평문에 넣어 함께 암호화하십시오.",
            ),
        ],
        [
            (
                "The clear text was signed instead of the envelope.",
                "`encData` 전문이 아닌 평문에 서명",
            ),
            ("@000_902", "@000_902"),
            ("Sign what is sent.", "실제로 전송하는 전문에 서명하십시오."),
        ],
        [
            (
                "A text that was sent before goes out again with a new correlation id.",
                "이전에 전송한 암호문을 새 Correlation ID로 재전송",
            ),
            ("@000_914", "@000_914"),
            (
                "Encrypt each call anew. To repeat a call keep its correlation id.",
                "호출마다 새로 암호화하십시오. 같은 호출을 재전송할 때는 Correlation ID를 유지하십시오.",
            ),
        ],
    ]
}

fn keys() -> Vec<[Both<'static>; 3]> {
    vec![
        [
            (
                "Encrypted under your own public key, or another sandbox's.",
                "자사의 공개키나 다른 샌드박스의 공개키로 암호화",
            ),
            ("@000_912", "@000_912"),
            (
                "Requests: `serverPublicKey`. Answers: your `clientPrivateKey`.",
                "요청은 `serverPublicKey`, 응답은 자사의 `clientPrivateKey`를 사용하십시오.",
            ),
        ],
        [
            ("No `X-KM-Crypto-Key-Id`.", "`X-KM-Crypto-Key-Id` 누락"),
            ("@000_910", "@000_910"),
            ("Name the key.", "키 ID를 지정하십시오."),
        ],
        [
            ("The key id is unknown or retired.", "등록되지 않았거나 폐기된 키 ID"),
            ("@000_911", "@000_911"),
            (
                "Take the [live one](/guides/credentials#rotation) of this project.",
                "프로젝트의 [현재 키](/guides/credentials#rotation)를 사용하십시오.",
            ),
        ],
    ]
}

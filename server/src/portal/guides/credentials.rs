use contract::headers;
use maud::{Markup, html};

use super::Draft;
use super::writer::{Both, Writer, block, mono};

pub(super) const DRAFT: Draft = Draft {
    name: "credentials",
    title: ("Credentials and keys", "인증 정보와 키"),
    summary: (
        "Which key is for what, what it looks like, how it is changed, and what never to do.",
        "각 키의 용도와 형식, 교체 방법, 금지 사항을 설명합니다.",
    ),
    body,
};

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("which", ("Which key is for what", "키의 용도"), which(w)))
        (w.section("forms", ("What they look like", "키의 형식"), forms(w)))
        (w.section("get", ("Get those of a sandbox", "샌드박스 인증 정보 확인"), get(w)))
        (w.section("keys", ("Two pairs of keys", "두 개의 키 쌍"), pairs(w)))
        (w.section("rotation", ("Rotate the crypto key", "암호화 키 교체"), rotation(w)))
        (w.section("list", ("Look at the keys", "키 목록 확인"), list(w)))
        (w.section("never", ("What never to do", "금지 사항"), never(w)))
        (w.section("mistakes", ("Common mistakes", "자주 발생하는 실수"), mistakes(w)))
    }
}

/// One credential: its names, where it is used, and whether it is secret.
struct Credential {
    json: &'static str,
    dotenv: &'static str,
    used: Both<'static>,
    secret: Both<'static>,
}

const SECRET: Both<'static> = ("**Secret**", "**비밀**");
const PUBLIC: Both<'static> = ("No", "아니요");

const ALL: [Credential; 6] = [
    Credential {
        json: "aspId",
        dotenv: "PLATEN_ASP_ID",
        used: ("Your company: `X-KM-User-AspId`", "제휴사 ID: `X-KM-User-AspId`"),
        secret: PUBLIC,
    },
    Credential {
        json: "accessKey",
        dotenv: "PLATEN_ACCESS_KEY",
        used: ("Your project: `X-KM-Access-Key`", "프로젝트 식별: `X-KM-Access-Key`"),
        secret: ("Treat it as secret: it goes over the wire", "비밀로 취급(네트워크로 전송됨)"),
    },
    Credential {
        json: "secretKey",
        dotenv: "PLATEN_SECRET_KEY",
        used: (
            "Signs every body: [token](/guides/token). It is never sent",
            "모든 본문을 서명: [토큰](/guides/token). 전송하지 않음",
        ),
        secret: SECRET,
    },
    Credential {
        json: "cryptoKeyId",
        dotenv: "PLATEN_CRYPTO_KEY_ID",
        used: (
            "Names the two key pairs below: `X-KM-Crypto-Key-Id`",
            "아래 두 키 쌍의 ID: `X-KM-Crypto-Key-Id`",
        ),
        secret: PUBLIC,
    },
    Credential {
        json: "serverPublicKey",
        dotenv: "PLATEN_SERVER_PUBLIC_KEY",
        used: (
            "Encrypts requests: [encryption](/guides/encryption)",
            "요청 암호화: [메시지 암호화](/guides/encryption)",
        ),
        secret: PUBLIC,
    },
    Credential {
        json: "clientPrivateKey",
        dotenv: "PLATEN_CLIENT_PRIVATE_KEY",
        used: (
            "Opens answers: [encryption](/guides/encryption#answer)",
            "응답 복호화: [메시지 암호화](/guides/encryption#answer)",
        ),
        secret: SECRET,
    },
];

fn which(w: &Writer<'_>) -> Markup {
    let heads = [
        ("Name in JSON", "JSON 이름"),
        ("In dotenv", "dotenv 이름"),
        ("Used for", "용도"),
        ("Secret", "비밀 여부"),
    ];
    let row = |each: &Credential| {
        vec![mono(each.json), mono(each.dotenv), w.say(each.used), w.say(each.secret)]
    };
    w.table(&heads, &ALL.iter().map(row).collect::<Vec<_>>())
}

fn forms(w: &Writer<'_>) -> Markup {
    let heads = [("Key", "키"), ("Form", "형식"), ("Example", "예시")];
    let line = |name: &str, form: Markup, example: &str| vec![mono(name), form, mono(example)];
    let pem = |label: &str| format!("-----BEGIN {label}-----");
    w.table(&heads, &[
        line("aspId", w.say((headers::ASP_ID.form, "숫자 15자리")), headers::ASP_ID.example),
        line(
            "accessKey",
            w.say((headers::ACCESS_KEY.form, "16진수 7자리, `-`, 16진수 32자리")),
            headers::ACCESS_KEY.example,
        ),
        line(
            "secretKey",
            w.say((
                "64 hexadecimal digits; used as text, [never decoded](/guides/token#mistakes)",
                "16진수 64자리. 문자열 그대로 사용하며 [디코딩하지 않음](/guides/token#mistakes)",
            )),
            &super::examples::secret_key(),
        ),
        line(
            "cryptoKeyId",
            w.say((headers::CRYPTO_KEY_ID.form, "16진수 32자리")),
            headers::CRYPTO_KEY_ID.example,
        ),
        line(
            "serverPublicKey",
            w.say((
                "RSA 2048, SubjectPublicKeyInfo, PEM",
                "RSA 2048, SubjectPublicKeyInfo, PEM",
            )),
            &pem("PUBLIC KEY"),
        ),
        line(
            "clientPrivateKey",
            w.say(("RSA 2048, PKCS#8, PEM", "RSA 2048, PKCS#8, PEM")),
            &pem("PRIVATE KEY"),
        ),
    ])
}

fn get(w: &Writer<'_>) -> Markup {
    html! {
        (block("sh", "platen credentials > .env                            # one line each\n\
             platen credentials --format json > credentials.json\n\
             platen credentials --database /tmp/s.db              # of another sandbox"))
        (w.p((
            "They are made anew for each sandbox database. In the dotenv form a key's line breaks \
             stand as `\\n`. In production you get the keys from the operator; this command works \
             on sandboxes alone.",
            "샌드박스 데이터베이스마다 새로 생성됩니다. dotenv 형식에서는 키의 줄바꿈이 `\\n`으로 \
             표시됩니다. 운영 환경의 키는 운영자가 제공하며, 이 명령은 샌드박스에서만 사용할 수 있습니다.",
        )))
    }
}

fn pairs(w: &Writer<'_>) -> Markup {
    let heads = [
        ("Pair", "키 쌍"),
        ("Public half", "공개키"),
        ("Private half", "개인키"),
        ("Encrypts", "암호화 대상"),
    ];
    html! {
        (w.p((
            "A crypto key id stands for two pairs, one for each direction:",
            "암호화 키 ID 하나는 방향별로 하나씩, 두 개의 키 쌍을 나타냅니다.",
        )))
        (w.table_of(&heads, &[
            &[
                ("Server's", "서버 키 쌍"),
                ("You: `serverPublicKey`", "제휴사: `serverPublicKey`"),
                ("The platform alone", "플랫폼만 보유"),
                ("Requests", "요청"),
            ],
            &[
                ("Client's", "클라이언트 키 쌍"),
                ("The platform", "플랫폼"),
                ("You: `clientPrivateKey`", "제휴사: `clientPrivateKey`"),
                ("Responses", "응답"),
            ],
        ]))
        (w.p((
            "A sandbox makes both pairs and gives you your half. In production make your own pair \
             and hand over the public half only.",
            "샌드박스는 두 키 쌍을 모두 생성하여 필요한 키를 제공합니다. 운영 환경에서는 클라이언트 키 \
             쌍을 직접 생성하고 공개키만 전달하십시오.",
        )))
    }
}

fn rotation(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "A project has at most **two** live crypto keys. So one can take over from the other \
             while calls go on, and no call fails:",
            "프로젝트는 사용 가능한 암호화 키를 최대 **두 개**까지 가질 수 있습니다. 따라서 호출을 중단하지 \
             않고 키를 교체할 수 있습니다.",
        )))
        (w.steps(&[
            (
                "Make the second key. Both are live from now on.",
                "두 번째 키를 생성합니다. 이때부터 두 키를 모두 사용할 수 있습니다.",
            ),
            (
                "Fetch the new credentials and give them to all your servers, one after another. \
                 Each server uses what it has: the old id or the new one.",
                "새 인증 정보를 모든 서버에 차례로 배포합니다. 각 서버는 보유한 키 ID(기존 또는 신규)를 \
                 사용합니다.",
            ),
            (
                "When none uses the old id any more, retire it. Calls that name it then get \
                 @000_911, within seconds.",
                "기존 키 ID를 사용하는 서버가 없으면 폐기합니다. 이후 해당 ID를 사용한 호출에는 수 초 \
                 내에 @000_911이 반환됩니다.",
            ),
        ]))
        (block("sh", "platen keys rotate crypto --reason \"yearly\"\n\
             platen credentials --format json > credentials.json   # the new one\n\
             platen keys list                                      # ids of both\n\
             platen keys retire crypto OLD_ID --reason \"yearly\""))
        (w.p((
            "A third key is refused while two are live, and so is retiring the last one. The \
             reason is kept in the operation log. What is encrypted under a retired key cannot be \
             opened any more.",
            "두 키가 모두 유효한 동안에는 세 번째 키를 생성할 수 없으며, 마지막 키는 폐기할 수 없습니다. \
             사유는 작업 로그에 기록됩니다. 폐기된 키로 암호화한 내용은 더 이상 복호화할 수 없습니다.",
        )))
        (w.note((
            "Access key and secret key cannot be rotated by command yet. If a secret key has \
             leaked, have the project suspended.",
            "Access Key와 Secret Key를 교체하는 명령은 아직 없습니다. Secret Key가 유출되면 운영자에게 \
             프로젝트 정지를 요청하십시오.",
        )))
    }
}

fn list(w: &Writer<'_>) -> Markup {
    html! {
        (block("sh", "platen keys list\nplaten keys list --json"))
        (w.p((
            "It also lists the platform's own keys: they seal data at rest, find cards by number, \
             make CVCs and card numbers, recognise repeated calls and seal the log. They are the \
             operator's matter and change nothing for you. No command prints a key.",
            "플랫폼 내부 키도 함께 표시됩니다. 저장 데이터 암호화, 카드번호 검색, CVC 및 카드번호 생성, \
             중복 호출 식별, 로그 봉인에 사용되며 운영자가 관리하므로 제휴사에는 영향이 없습니다. 키 값을 \
             출력하는 명령은 없습니다.",
        )))
    }
}

fn never(w: &Writer<'_>) -> Markup {
    w.list(&[
        (
            "Never put secret key or private key into an app, a web page, a repository or a log.",
            "Secret Key와 개인키를 앱, 웹 페이지, 소스 저장소, 로그에 넣지 마십시오.",
        ),
        (
            "Never call the platform from a phone or a browser: your server calls.",
            "단말기나 브라우저에서 플랫폼을 직접 호출하지 마십시오. 반드시 서버에서 호출해야 합니다.",
        ),
        (
            "Never use sandbox keys, or the example keys of these pages, for anything real.",
            "샌드박스 키나 이 문서의 예제 키를 실제 업무에 사용하지 마십시오.",
        ),
        (
            "Never send a key by mail or chat; nobody needs your private key, the operator least.",
            "키를 메일이나 메신저로 보내지 마십시오. 운영자를 포함해 누구도 제휴사의 개인키를 요구하지 \
             않습니다.",
        ),
        (
            "Never log bodies in clear: they hold card numbers and CVCs. Never store a CVC.",
            "평문 본문을 로그에 남기지 마십시오. 카드번호와 CVC가 포함되어 있습니다. CVC는 저장해서는 안 \
             됩니다.",
        ),
        (
            "Never share keys between test and production.",
            "테스트 환경과 운영 환경에서 같은 키를 사용하지 마십시오.",
        ),
    ])
}

fn mistakes(w: &Writer<'_>) -> Markup {
    let heads = [("Mistake", "실수"), ("You see", "결과"), ("Mend it", "해결 방법")];
    w.table_of(
        &heads,
        &[
            &[
                ("Credentials of another sandbox", "다른 샌드박스의 인증 정보 사용"),
                ("@000_902", "@000_902"),
                ("`platen credentials --database …`", "`platen credentials --database …`"),
            ],
            &[
                (
                    "The `\\n` of the dotenv form are not turned into line breaks.",
                    "dotenv의 `\\n`을 줄바꿈으로 변환하지 않음",
                ),
                ("Your library cannot read the key.", "라이브러리에서 키를 읽을 수 없음"),
                (
                    "Replace them, or use the JSON form.",
                    "줄바꿈으로 변환하거나 JSON 형식을 사용하십시오.",
                ),
            ],
            &[
                ("New key id, old private key", "새 키 ID에 기존 개인키 사용"),
                ("The answer does not open on your side.", "응답을 복호화할 수 없음"),
                (
                    "The id, the public and the private key change together.",
                    "키 ID, 공개키, 개인키를 함께 교체하십시오.",
                ),
            ],
            &[
                ("A retired id", "폐기된 키 ID 사용"),
                ("@000_911", "@000_911"),
                ("Fetch the credentials anew.", "인증 정보를 다시 받으십시오."),
            ],
        ],
    )
}

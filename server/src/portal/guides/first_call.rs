use maud::{Markup, html};

use super::Draft;
use super::writer::{NEW_ID, Writer, block};

pub(super) const DRAFT: Draft = Draft {
    name: "first-call",
    title: ("First call in five minutes", "5분 만에 첫 호출하기"),
    summary: (
        "Start a sandbox, make a signed and encrypted call, and see what went over the wire.",
        "샌드박스를 실행하고, 서명·암호화된 API를 호출한 뒤, 실제로 주고받은 전문을 확인합니다.",
    ),
    body,
};

fn body(w: &Writer<'_>) -> Markup {
    html! {
        (w.section("start", ("1. Start a sandbox", "1. 샌드박스 실행"), start(w)))
        (w.section("call", ("2. Make a call", "2. 첫 호출"), call(w)))
        (w.section("wire", ("3. Look at the wire", "3. 전문 확인"), wire(w)))
        (w.section("again", ("4. Send it again", "4. 같은 호출 다시 보내기"), again(w)))
        (w.section("own-code", ("5. Call from your own code", "5. 직접 작성한 코드로 호출"), own(w)))
        (w.section("trouble", ("If it does not work", "호출이 되지 않을 때"), trouble(w)))
    }
}

fn start(w: &Writer<'_>) -> Markup {
    html! {
        (w.p((
            "You need a Rust toolchain and a C compiler. In the project's folder:",
            "Rust 툴체인과 C 컴파일러가 필요합니다. 프로젝트 폴더에서 실행하십시오.",
        )))
        (block("sh", "cargo build --release\nexport PATH=$PWD/target/release:$PATH\n\
                      platen sandbox"))
        (w.p((
            "It serves `http://127.0.0.1:8080` until you stop it with Ctrl-C. Its data lies in \
             `platen-data/sandbox.db`: members, cards, bank accounts and the keys of one project. \
             If you read this page on a running sandbox, this step is done.",
            "Ctrl-C로 종료할 때까지 `http://127.0.0.1:8080`에서 요청을 받습니다. 회원, 카드, 은행 \
             계좌와 프로젝트 1개의 키가 `platen-data/sandbox.db`에 저장됩니다. 실행 중인 \
             샌드박스에서 이 페이지를 보고 있다면 이 단계는 이미 끝난 것입니다.",
        )))
    }
}

fn call(w: &Writer<'_>) -> Markup {
    let (id, scenario) = w.names();
    let command = format!("platen call {id} --scenario {scenario}");
    let page = format!("/api/{id}");
    html! {
        (w.p((
            "Open another shell in the same folder:",
            "같은 폴더에서 새 셸을 열고 실행하십시오.",
        )))
        (block("sh", &command))
        (w.p((
            &format!(
                "The command puts the data of the [scenario](/guides/sandbox#scenarios) in place, \
                 signs and encrypts its request, sends it to [{id}]({page}), opens the answer and \
                 prints it in clear:"
            ),
            &format!(
                "이 명령은 [시나리오](/guides/sandbox#scenarios)의 데이터를 준비하고, 요청을 \
                 서명·암호화하여 [{id}]({page})로 전송한 다음, 응답을 복호화하여 평문으로 \
                 출력합니다."
            ),
        )))
        (block("json", &expected(w)))
        (w.p((
            "`000_000` means that it worked. The card numbers are made up; the four dots stand for \
             digits that differ from call to call.",
            "`000_000`은 정상 처리를 뜻합니다. 카드번호는 가상의 번호이며, 점 네 개는 호출마다 \
             달라지는 값을 나타냅니다.",
        )))
    }
}

/// The scenario's answer, with dots for what differs from call to call.
fn expected(w: &Writer<'_>) -> String {
    w.scenario.expected_body(&w.entry.response, &|_| "....".into()).to_string()
}

fn wire(w: &Writer<'_>) -> Markup {
    let (id, scenario) = w.names();
    html! {
        (block("sh", &format!("platen call {id} --scenario {scenario} --verbose")))
        (w.p(("Now you see what was really sent:", "이제 실제로 전송된 전문을 볼 수 있습니다.")))
        (w.list(&[
            (
                "Seven headers that begin with `X-KM-`. See [Request headers](/guides/headers).",
                "`X-KM-`으로 시작하는 헤더 7개. [요청 헤더](/guides/headers)를 참고하십시오.",
            ),
            (
                "A token that signs the body, byte for byte. See \
                 [Signing with X-KM-Tran-Token](/guides/token).",
                "본문을 바이트 단위로 서명한 토큰. [X-KM-Tran-Token 서명](/guides/token)을 \
                 참고하십시오.",
            ),
            (
                "A body of one field, `encData`: the encrypted request. See \
                 [Message encryption](/guides/encryption).",
                "`encData` 필드 하나로 이루어진 본문, 즉 암호화된 요청. \
                 [메시지 암호화](/guides/encryption)를 참고하십시오.",
            ),
        ]))
        (w.p((
            "To see a plain body instead, add `--encrypt no`. The sandbox takes both.",
            "평문 본문을 보려면 `--encrypt no`를 추가하십시오. 샌드박스는 두 방식을 모두 받습니다.",
        )))
    }
}

fn again(w: &Writer<'_>) -> Markup {
    let (id, scenario) = w.names();
    let arm =
        format!("curl -X POST http://127.0.0.1:8080/sandbox/v1/scenarios/{id}/{scenario}/arm\n");
    let data = format!("printf '%s' '{}' > request.json\n", w.request);
    let call = format!("platen call {id} --data @request.json --correlation-id $ID\n");
    html! {
        (w.p((
            "Put the scenario's data back, write its request to a file and send it twice with the \
             same correlation id:",
            "시나리오 데이터를 초기 상태로 되돌리고, 요청을 파일로 저장한 뒤, 같은 Correlation ID로 \
             두 번 전송하십시오.",
        )))
        (block("sh", format!("{NEW_ID}\n{arm}{data}{call}{call}").trim_end()))
        (w.p((
            "Both answers are the same, down to the card number: the call was done once and \
             answered twice. With another correlation id the second one is a new call, and is \
             refused, because the card has been replaced. See [Idempotency](/guides/idempotency).",
            "카드번호까지 두 응답이 동일합니다. 처리는 한 번만 수행되고 응답만 두 번 반환된 \
             것입니다. Correlation ID를 바꾸면 새로운 호출로 간주되며, 카드가 이미 재발급되었으므로 \
             거절됩니다. [멱등성](/guides/idempotency)을 참고하십시오.",
        )))
    }
}

fn own(w: &Writer<'_>) -> Markup {
    let page = format!("/api/{}", w.entry.spec.id);
    html! {
        (w.steps(&[
            (
                "Write the keys to a file: `platen credentials --format json > credentials.json`. \
                 [Credentials](/guides/credentials) says which key is for what.",
                "키를 파일로 저장하십시오. `platen credentials --format json > credentials.json` \
                 각 키의 용도는 [인증 정보](/guides/credentials)에 설명되어 있습니다.",
            ),
            (
                &format!("Copy the code in your language from the [operation's page]({page})."),
                &format!("[API 페이지]({page})에서 사용하는 언어의 예제 코드를 복사하십시오."),
            ),
            (
                "Run it, and look at the [log](/log): every call that reaches the sandbox is \
                 there, with the step that failed and why.",
                "코드를 실행하고 [로그](/log)를 확인하십시오. 샌드박스에 도달한 모든 호출과, \
                 실패한 경우 실패한 단계와 원인이 표시됩니다.",
            ),
        ]))
    }
}

fn trouble(w: &Writer<'_>) -> Markup {
    let heads = [("What you see", "증상"), ("What to do", "조치")];
    w.table_of(&heads, &[
        &[
            ("`no sandbox answers at …`", "`no sandbox answers at …`"),
            (
                "Start it, or say where it listens: `--url http://127.0.0.1:9000`.",
                "샌드박스를 실행하거나 주소를 지정하십시오. `--url http://127.0.0.1:9000`",
            ),
        ],
        &[
            ("`there is no database …`", "`there is no database …`"),
            (
                "Run the command in the folder of the sandbox, or name its file: \
                 `--database /path/sandbox.db`.",
                "샌드박스를 실행한 폴더에서 명령을 실행하거나 파일을 지정하십시오. \
                 `--database /path/sandbox.db`",
            ),
        ],
        &[
            ("@000_902", "@000_902"),
            (
                "Keys and signature do not fit. Against another sandbox: its own credentials. In \
                 your own code: [common mistakes](/guides/token#mistakes).",
                "키와 서명이 일치하지 않습니다. 다른 샌드박스를 호출한다면 해당 샌드박스의 인증 \
                 정보를 사용하십시오. 직접 작성한 코드라면 \
                 [자주 발생하는 실수](/guides/token#mistakes)를 확인하십시오.",
            ),
        ],
        &[
            ("@000_912", "@000_912"),
            (
                "The body does not open: [common mistakes](/guides/encryption#mistakes).",
                "본문을 복호화할 수 없습니다. \
                 [자주 발생하는 실수](/guides/encryption#mistakes)를 확인하십시오.",
            ),
        ],
    ])
}

//! The portal's languages, and its own words in each.

use contract::headers::HeaderNeed;
use contract::{Action, Need};

/// A language of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// Words in English and in Korean.
pub(super) type Both = (&'static str, &'static str);

impl Lang {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::En, Self::Ko];

    /// The address of a page in this language.
    pub fn path(self, path: &str) -> String {
        match self {
            Lang::En => path.to_owned(),
            Lang::Ko => format!("/ko{path}"),
        }
    }

    /// The language of the page at an address.
    pub(super) fn of_path(path: &str) -> Self {
        if path == "/ko" || path.starts_with("/ko/") { Lang::Ko } else { Lang::En }
    }

    /// Its tag, as HTML names it.
    pub fn code(self) -> &'static str {
        self.of(("en", "ko"))
    }

    /// What it calls itself.
    pub(super) fn name(self) -> &'static str {
        self.of(("English", "한국어"))
    }

    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Lang::En => Lang::Ko,
            Lang::Ko => Lang::En,
        }
    }

    /// The words in this language.
    pub(super) fn of(self, words: Both) -> &'static str {
        match self {
            Lang::En => words.0,
            Lang::Ko => words.1,
        }
    }

    /// The portal's own words.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Lang::En => &ENGLISH,
            Lang::Ko => &KOREAN,
        }
    }
}

/// Defines the words: a name, the English, the Korean.
macro_rules! words {
    ($( $name:ident: $english:literal, $korean:literal; )+) => {
        /// The portal's own words in one language.
        pub(super) struct Words {
            lang: Lang,
            $( pub(super) $name: &'static str, )+
        }

        static ENGLISH: Words = Words { lang: Lang::En, $( $name: $english, )+ };
        static KOREAN: Words = Words { lang: Lang::Ko, $( $name: $korean, )+ };
    };
}

words! {
    skip: "Skip to the content", "본문으로 건너뛰기";
    menu: "Menu", "메뉴";
    navigation: "Pages", "페이지 목록";
    developers: "Developers", "개발자 센터";
    theme: "Theme", "테마";
    home: "Home", "홈";
    guides: "Guides", "가이드";
    reference: "Reference", "레퍼런스";
    operations: "Operations", "API 목록";
    operation: "Operation", "API";
    errors: "Error codes", "오류 코드";
    coverage: "Coverage", "지원 현황";
    changelog: "Changelog", "변경 이력";
    log: "Request log", "요청 로그";
    link_to: "Link to this place", "이 항목의 링크";
    on_this_page: "On this page", "이 페이지의 목차";
    for_machines: "For tools:", "도구용 문서:";
    not_found: "There is no such page", "페이지를 찾을 수 없습니다";
    not_found_help: "The address may be misspelt, or the page may have moved.",
        "주소가 잘못되었거나 페이지가 이동되었을 수 있습니다.";

    promise: "Issue, reissue and manage prepaid cards with signed, encrypted calls.",
        "서명되고 암호화된 호출로 선불카드를 발급하고 재발급하며 관리합니다.";
    promise_more: "Read every call with its fields and codes, try it against the sandbox in the \
                   browser, and copy code that signs and encrypts for real.",
        "모든 API의 필드와 코드를 확인하고, 브라우저에서 샌드박스에 직접 호출해 보고, 실제로 서명과 \
         암호화를 수행하는 코드를 복사해 사용할 수 있습니다.";
    begin: "Two commands to the first call", "명령 두 개로 첫 호출까지";
    begin_start: "Start the sandbox. It stays until it is stopped:",
        "샌드박스를 시작합니다. 중지할 때까지 실행됩니다.";
    begin_call: "In another shell, make a signed and encrypted call:",
        "다른 셸에서 서명되고 암호화된 호출을 보냅니다.";
    begin_guide: "Your first call in five minutes", "5분 안에 첫 호출하기";

    sync: "Sync", "동기(Sync)";
    version: "Version", "버전";
    as_markdown: "This page as Markdown", "Markdown으로 보기";
    request_headers: "Request headers", "요청 헤더";
    request_parameters: "Request parameters", "요청 파라미터";
    response_headers: "Response headers", "응답 헤더";
    response_parameters: "Response parameters", "응답 파라미터";
    response_codes: "Response codes", "응답 코드";
    test_data: "Test data", "테스트 데이터";
    test_data_about: "Each example has a member, a card and a bank account of its own in the \
                      sandbox, and answers as it stands here. A value that differs from call to \
                      call is shown as a pattern.",
        "각 예제는 샌드박스에 전용 회원, 카드, 은행 계좌를 가지고 있으며 아래와 같이 응답합니다. \
         호출마다 달라지는 값은 패턴으로 표시합니다.";
    request: "Request", "요청";
    response: "Response", "응답";
    length: "Length", "길이";
    min: "Min", "최소";
    max: "Max", "최대";
    digits_only: "Digits only", "숫자만 허용";
    items_min: "Min items", "최소 개수";
    items_max: "Max items", "최대 개수";
    form: "Form", "형식";
    example: "Example", "예시";
    default: "Default", "기본값";
    values: "Values", "허용 값";
    required: "Required", "필수";
    optional: "Optional", "선택";
    conditional: "Conditional", "조건부 필수";
    required_when: "Required where {} is true; else neither read nor checked.",
        "{} 값이 true이면 필수입니다. 그렇지 않으면 읽거나 검사하지 않습니다.";
    required_unless: "Required unless {} is given.", "{} 값이 없으면 필수입니다.";
    also_at: "Also taken at", "다음 위치에서도 받습니다:";
    wire_name: "Error messages name it", "오류 메시지에 표시되는 이름:";
    encrypted: "Encrypted", "암호화";
    encrypted_help: "The body travels as a JWE; the fields below are what is inside.",
        "본문은 JWE로 전송되며, 아래는 암호화되기 전의 필드입니다.";
    no_fields: "No fields beside response.", "response 외의 필드가 없습니다.";
    token_guide: "How the token is made", "토큰 생성 방법";
    code: "Code", "코드";
    message: "Message", "메시지";
    meaning: "Meaning", "의미";
    what_to_do: "What to do", "조치 방법";
    success: "The call was carried out.", "요청이 정상적으로 처리되었습니다.";
    codes_about: "Success first, then the refusals in the order in which they are checked. What is \
                  marked assigned is this platform's own choice; all else is the reference's.",
        "성공 코드 다음에 검사 순서대로 거절 코드를 표시합니다. ‘자체 지정’ 표시가 있는 항목은 이 \
         플랫폼이 정한 것이며, 그 외에는 레퍼런스에 명시된 코드입니다.";
    assigned: "assigned", "자체 지정";
    assigned_use: "assigned use", "자체 지정 용도";
    show_all: "Show all", "모두 보기";
    pipeline: "Codes of every call", "모든 호출의 공통 코드";
    pipeline_about: "What can go wrong before, around or below an operation. These answers are \
                     never encrypted, and their codes are all assigned.",
        "API가 처리되기 전이나 처리 환경에서 발생하는 오류입니다. 이 응답은 암호화되지 않으며, \
         코드는 모두 자체 지정입니다.";
    life: "Life of a card", "카드의 상태 변화";
    life_described: "The table below says the same in words.",
        "아래 표에 같은 내용이 글로 설명되어 있습니다.";
    life_steps: "steps", "단계";
    life_from: "From", "이전 상태";
    life_to: "To", "다음 상태";
    life_what: "What happens", "내용";
    by_this: "this operation", "이 API";
    delivery_skips: "Steps of the ordinary way may be skipped.",
        "정상 배송 단계는 건너뛸 수 있습니다.";
    call: "The call", "호출";
    try_needs_script: "Try It! signs and encrypts in the browser, which needs JavaScript. The test \
                       data on this page and the code to copy do not.",
        "Try It!은 브라우저에서 서명과 암호화를 수행하므로 JavaScript가 필요합니다. 이 페이지의 테스트 \
         데이터와 코드 예제는 JavaScript 없이도 볼 수 있습니다.";
    code_to_copy: "Code to copy", "코드 예제";
    code_to_copy_about: "The call on the screen, signed and encrypted for real.",
        "화면에 있는 요청을 실제로 서명하고 암호화하여 호출하는 코드입니다.";

    errors_about: "Every code that a call can be answered with, what it means and what to do.",
        "호출에 대한 모든 응답 코드와 그 의미, 조치 방법입니다.";
    errors_guide: "How errors are answered, and when to call again",
        "오류 응답의 형식과 재호출 기준";
    returned_by: "Returned by", "반환하는 API:";
    class_common: "Common", "공통";
    class_member: "Members", "회원";
    class_bank: "Bank accounts and payment gateway", "은행 계좌 및 PG";
    class_card: "Cards", "카드";
    class_transfer: "Transfers and gifts", "송금 및 선물";
    class_payment: "Payments and points", "결제 및 포인트";
    class_charge: "Charging, and accounts for it", "충전 및 충전 계좌";
    class_refund: "Refunds and ATM", "환불 및 ATM";
    class_product: "Products", "카드 상품";
    class_other: "Others", "기타";

    coverage_about: "Every title of the reference's navigation, in its order. What is not built is \
                     absent, not simulated.",
        "레퍼런스의 모든 항목을 순서대로 표시합니다. 구현되지 않은 항목은 흉내 내지 않으며, 호출할 수 \
         없습니다.";
    coverage_count: "{working} of {all} titles work.", "전체 {all}개 항목 중 {working}개를 지원합니다.";
    extensions_about: "Operations that platen has beyond the reference. They are not counted \
                       above.",
        "레퍼런스에는 없는 platen 고유의 API입니다. 위의 항목 수에는 포함되지 않습니다.";
    title: "Title", "항목";
    here: "Here", "지원 여부";
    works: "Works", "지원";
    not_built: "Not built", "미구현";
    same_as: "the same call as", "다음과 같은 API:";

    changelog_about: "What was added to the API and what changed in it, newest first.",
        "API에 추가되거나 변경된 내용을 최신순으로 표시합니다.";
    log_about: "Every call that reached the sandbox, newest first, from whatever program it came.",
        "어떤 프로그램에서 보냈든 샌드박스에 도착한 모든 호출을 최신순으로 표시합니다.";
    log_elsewhere: "Only a sandbox keeps such a log: start one with platen sandbox and open this \
                    address there.",
        "이 로그는 샌드박스에서만 제공합니다. platen sandbox로 샌드박스를 시작한 뒤 해당 서버의 같은 \
         주소를 여십시오.";
    log_needs_script: "The log is live, which needs JavaScript.",
        "요청 로그는 실시간으로 갱신되므로 JavaScript가 필요합니다.";
}

impl Words {
    /// Whether a field must be there.
    pub(super) fn need(&self, need: Need) -> &'static str {
        match need {
            Need::Required => self.required,
            Need::Optional => self.optional,
            Need::When(_) | Need::Unless(_) | Need::Either(_) => self.conditional,
        }
    }

    /// Whether a header must be there.
    pub(super) fn header_need(&self, need: HeaderNeed) -> &'static str {
        match need {
            HeaderNeed::Always => self.required,
            HeaderNeed::ExceptCallbacks | HeaderNeed::WhereEncrypted => self.conditional,
        }
    }

    /// The condition of a conditional header.
    pub(super) fn header_condition(&self, need: HeaderNeed) -> Option<&'static str> {
        let korean = match need {
            HeaderNeed::Always => return None,
            HeaderNeed::ExceptCallbacks => "Callback API에서는 사용하지 않습니다.",
            HeaderNeed::WhereEncrypted => "요청이나 응답을 암호화할 때 필수입니다.",
        };
        need.condition().map(|english| self.lang.of((english, korean)))
    }

    /// What to do about a code.
    pub(super) fn advice(&self, action: Action) -> &'static str {
        let korean = match action {
            Action::None => "조치가 필요하지 않습니다.",
            Action::MendRequest => "요청을 수정하여 다시 보내십시오.",
            Action::AskMember => "회원 또는 카드의 상태가 먼저 변경되어야 합니다.",
            Action::NewCallLater => "잠시 후 새 correlation id로 다시 호출하십시오.",
            Action::SameCallAgain => {
                "같은 correlation id로 같은 요청을 다시 보내십시오. 중복 처리되지 않습니다."
            }
            Action::CallOperator => "correlation id와 함께 플랫폼 운영자에게 문의하십시오.",
        };
        self.lang.of((action.advice(), korean))
    }

    /// What the codes are about that begin with these three digits.
    pub(super) fn class_of(&self, class: &str) -> &'static str {
        match class {
            "000" => self.class_common,
            "001" => self.class_member,
            "002" => self.class_bank,
            "003" => self.class_card,
            "005" => self.class_transfer,
            "006" => self.class_payment,
            "007" => self.class_charge,
            "009" => self.class_refund,
            "023" => self.class_product,
            _ => self.class_other,
        }
    }
}

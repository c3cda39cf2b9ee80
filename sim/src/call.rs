//! Calls as a partner sends them: signed, in clear, on the wire's own form.

use axum::body::Body;
use axum::http::{Method, Request};
use crypto::tran_token::TokenKey;

use crate::model::card::DAY_US;
use crate::model::{Ask, CallKey, CardState, Kind, Wish};
use crate::server::EPOCH_MS;

/// Address of whoever gets plastic.
const ADDRESS: &str =
    r#""addressInfo":{"address":"세종대로 1","addressDetail":"2층","zipCode":"04524"}"#;

/// What is wrong with a call before any operation looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// The token is of another body.
    WrongToken,
    /// No such partner.
    UnknownPartner,
    /// The access key is another partner's.
    ForeignKey,
    /// The time is a day old.
    OldTime,
    /// The time is missing.
    NoTime,
    /// No operation has the path.
    UnknownPath,
    /// It is not a POST.
    Get,
    /// The body is cut off.
    CutOff,
    /// A field is out of its limits; its name as the answer prints it.
    Field(&'static str),
}

impl Flaw {
    /// The code that it must be answered with.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Flaw::None => None,
            Flaw::NoTime => Some("000_901"),
            Flaw::WrongToken | Flaw::UnknownPartner | Flaw::ForeignKey => Some("000_902"),
            Flaw::OldTime => Some("000_903"),
            Flaw::UnknownPath => Some("000_905"),
            Flaw::Get => Some("000_906"),
            Flaw::CutOff => Some("000_909"),
            Flaw::Field(_) => Some("000_002"),
        }
    }
}

/// What signs a partner's calls.
pub struct Credentials {
    /// The partner.
    pub asp: String,
    /// Its access key.
    pub access_key: String,
    /// The key of its tokens.
    pub token: TokenKey,
}

/// A call that can be sent, and sent again.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Place of the partner in the world.
    pub partner: usize,
    /// The operation.
    pub operation: &'static str,
    /// The caller's number for it.
    pub correlation: String,
    /// The body in clear.
    pub body: String,
    /// What it asks for.
    pub ask: Ask,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// What recognises it.
    pub key: CallKey,
}

impl Spec {
    const fn path(&self) -> &'static str {
        match self.flaw {
            Flaw::UnknownPath => "/open-api/api/v1/card/unknown",
            Flaw::None
            | Flaw::WrongToken
            | Flaw::UnknownPartner
            | Flaw::ForeignKey
            | Flaw::OldTime
            | Flaw::NoTime
            | Flaw::Get
            | Flaw::CutOff
            | Flaw::Field(_) => self.ask.path(),
        }
    }

    /// The request, at a moment of the world; `None` where a header cannot be written.
    #[must_use]
    pub fn request(
        &self,
        own: &Credentials,
        foreign_key: &str,
        now_ms: u64,
    ) -> Option<Request<Body>> {
        let at_us = i64::try_from((EPOCH_MS + now_ms) * 1_000).ok()?;
        let told_us = if self.flaw == Flaw::OldTime { at_us - 2 * DAY_US } else { at_us };
        let time = bank::kst_date_time(told_us);
        let signed = if self.flaw == Flaw::WrongToken { "{}" } else { &self.body };
        let token = own.token.issue(&format!("{time}000"), signed.as_bytes());
        let asp = if self.flaw == Flaw::UnknownPartner { "999999999999999" } else { &own.asp };
        let key = if self.flaw == Flaw::ForeignKey { foreign_key } else { &own.access_key };
        let method = if self.flaw == Flaw::Get { Method::GET } else { Method::POST };
        let mut request = Request::builder()
            .method(method)
            .uri(self.path())
            .header("content-type", "application/json")
            .header("x-km-user-aspid", asp)
            .header("x-km-correlation-id", &self.correlation)
            .header("x-km-access-key", key)
            .header("x-km-tran-token", token)
            .header("x-km-time-zone", "KST");
        if self.flaw != Flaw::NoTime {
            request = request.header("x-km-tran-time", time);
        }
        request.body(Body::from(self.body.clone())).ok()
    }
}

impl Ask {
    /// The operation that is asked.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Ask::Issue { .. } => Kind::Issue.operation(),
            Ask::Reissue { .. } => Kind::Reissue.operation(),
            Ask::Renew { .. } => Kind::Renew.operation(),
            Ask::State { .. } => "prepaid-card.state",
            Ask::Discard { .. } => "prepaid-card.terminate",
            Ask::Register { .. } => "prepaid-card.physical-register",
            Ask::Cancel { .. } => "prepaid-card.application-cancel",
            Ask::Resend { .. } => "platen.delivery-resend",
            Ask::CallOff { .. } => "platen.delivery-call-off",
        }
    }

    const fn path(&self) -> &'static str {
        match self {
            Ask::Issue { .. } => "/api/v1/prepay-card/issue/delivery",
            Ask::Reissue { .. } => "/open-api/api/v1/prepay-card/reissue/delivery",
            Ask::Renew { .. } => "/api/v1/prepay-card/expired/reissue",
            Ask::State { .. } => "/api/v1/card/status",
            Ask::Discard { .. } => "/api/v1/card/terminate",
            Ask::Register { .. } => "/api/v1/prepay-card/physical/register",
            Ask::Cancel { .. } => "/open-api/api/v1/card/delivery/cancel",
            Ask::Resend { .. } => "/platen/v1/prepaid-card/delivery/resend",
            Ask::CallOff { .. } => "/platen/v1/prepaid-card/delivery/call-off",
        }
    }

    /// The fields that may be out of their limits.
    #[must_use]
    pub const fn fields(&self) -> &'static [&'static str] {
        match self {
            Ask::Issue { .. } => &["userId", "serviceId", "isDeliveryRequired"],
            Ask::Reissue { .. } => &["userId", "cardInfo.oldCardNo", "isDeliveryRequired"],
            Ask::Renew { .. } => &["userId", "cardInfo.oldCardNo"],
            Ask::State { .. } => &["userId", "status"],
            Ask::Discard { .. } => &["userId", "par"],
            Ask::Register { .. } => &["userId", "physicalCardNo", "physicalCardCVC"],
            Ask::Cancel { .. } | Ask::Resend { .. } | Ask::CallOff { .. } => {
                &["userId", "cardApplyNo"]
            }
        }
    }

    /// The member.
    #[must_use]
    pub const fn user(&self) -> u64 {
        match self {
            Ask::Issue { user, .. }
            | Ask::Reissue { user, .. }
            | Ask::Renew { user, .. }
            | Ask::State { user, .. }
            | Ask::Discard { user, .. }
            | Ask::Register { user, .. }
            | Ask::Cancel { user, .. }
            | Ask::Resend { user, .. }
            | Ask::CallOff { user, .. } => *user,
        }
    }
}

impl Kind {
    /// The operation by which it is applied for.
    #[must_use]
    pub const fn operation(self) -> &'static str {
        match self {
            Kind::Issue => "prepaid-card.issue",
            Kind::Reissue => "prepaid-card.reissue",
            Kind::Renew => "prepaid-card.renew",
        }
    }
}

/// The body of what is asked for, with a field out of its limits where the flaw is one.
#[must_use]
pub fn body(ask: &Ask, flaw: Flaw) -> String {
    let user = if flaw == Flaw::Field("userId") { 0 } else { ask.user() };
    // A text that is too short, where it is the field at fault.
    let cut = |field: &'static str, text: &str| match flaw == Flaw::Field(field) {
        true => text.get(1..).unwrap_or_default().to_owned(),
        false => text.to_owned(),
    };
    let body = match ask {
        Ask::Issue { service, plastic, .. } => {
            let card = format!(r#""serviceId":"{}""#, cut("serviceId", service));
            applied(user, &card, *plastic, flaw)
        }
        Ask::Reissue { number, plastic, .. } => {
            let number = cut("cardInfo.oldCardNo", number);
            applied(user, &format!(r#""cardInfo":{{"oldCardNo":"{number}"}}"#), *plastic, flaw)
        }
        Ask::Renew { number, .. } => {
            let user_info = format!(r#""userInfo":{{"userId":{user},{ADDRESS}}}"#);
            let number = cut("cardInfo.oldCardNo", number);
            format!(r#"{{{user_info},"cardInfo":{{"oldCardNo":"{number}"}}}}"#)
        }
        Ask::State { number, par, to, .. } => {
            let number =
                number.as_ref().map_or(String::new(), |number| format!(r#","cardNo":"{number}""#));
            let par = par.as_ref().map_or(String::new(), |par| format!(r#","par":"{par}""#));
            let status = match (flaw == Flaw::Field("status"), to) {
                (true, _) => "STOP",
                (false, CardState::Active) => "RESUME",
                (false, CardState::Suspended | CardState::Terminated) => "SUSPEND",
            };
            format!(r#"{{"userId":{user}{par}{number},"status":"{status}"}}"#)
        }
        Ask::Discard { par, .. } => {
            format!(r#"{{"userId":{user},"par":"{}"}}"#, cut("par", par))
        }
        Ask::Register { on_card, no, .. } => {
            let number = cut("physicalCardNo", &on_card.number);
            let card = format!(r#""userId":{user},"physicalCardNo":"{number}""#);
            let cvc = cut("physicalCardCVC", &on_card.cvc);
            let yymm = &on_card.yymm;
            let more = format!(r#""physicalCardExpDate":"{yymm}","physicalCardCVC":"{cvc}""#);
            let no = no.as_ref().map_or(String::new(), |no| format!(r#","cardApplyNo":"{no}""#));
            format!("{{{card},{more}{no}}}")
        }
        Ask::Cancel { no, .. } | Ask::Resend { no, .. } | Ask::CallOff { no, .. } => {
            format!(r#"{{"cardApplyNo":"{}","userId":{user}}}"#, cut("cardApplyNo", no))
        }
    };
    if flaw == Flaw::CutOff { body[..body.len() - 1].to_owned() } else { body }
}

fn applied(user: u64, card: &str, plastic: Wish, flaw: Flaw) -> String {
    let address = if plastic == Wish::Wanted { format!(",{ADDRESS}") } else { String::new() };
    // Where it is not said, plastic is wanted: every other member's calls leave it out.
    let wanted = match (flaw == Flaw::Field("isDeliveryRequired"), plastic) {
        (true, _) => r#","isDeliveryRequired":"no""#,
        (false, Wish::Unwanted) => r#","isDeliveryRequired":false"#,
        (false, Wish::Wanted) if user.is_multiple_of(2) => "",
        (false, Wish::Wanted) => r#","isDeliveryRequired":true"#,
    };
    format!(r#"{{"userInfo":{{"userId":{user}{address}}},{card}{wanted}}}"#)
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// The code.
    pub code: String,
    /// The description.
    pub description: String,
    /// The fields beside the code.
    pub fields: Vec<(String, String)>,
}

impl Answer {
    /// Reads an answer; `None` where it has not the documented form.
    #[must_use]
    pub fn read(status: u16, body: &str) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_str(body).ok()?;
        let object = json.as_object()?;
        let response = object.get("response")?;
        let fields = object.iter().filter(|(name, _)| *name != "response");
        let fields = fields.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Some(Answer {
            status,
            code: response.get("code")?.as_str()?.to_owned(),
            description: response.get("description")?.as_str()?.to_owned(),
            fields: fields.collect::<Option<_>>()?,
        })
    }

    /// A field of the answer.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str())
    }
}

//! What an answer means for the money.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::config::Config;
use crate::port::{DepositAnswer, InquiryAnswer, WithdrawAnswer};
use crate::{BankTranId, RefusalCause};

const HTTP_OK: u16 = 200;
const HTTP_UNAUTHORIZED: u16 = 401;
/// The gateway did what it was asked for.
const RSP_SUCCESS: &str = "A0000";
/// The bank did.
const BANK_RSP_SUCCESS: &str = "000";
/// Of a code in a log line.
const CODE_CHARS_MAX: usize = 8;
/// Banks say 40 at the most.
const API_TRAN_ID_CHARS_MAX: usize = 40;
const MISMATCH: &str = "answer does not match the order";

type Fields = Map<String, Value>;

/// Codes that no table may call a refusal.
pub(crate) fn is_success_code(code: &str) -> bool {
    code == RSP_SUCCESS || code == BANK_RSP_SUCCESS
}

/// An answer that arrived whole.
pub(super) struct Reply {
    status: u16,
    fields: Option<Fields>,
}

/// What an answer to an order has to say again.
pub(super) struct Expected {
    tran_id: BankTranId,
    amount: u64,
}

impl Reply {
    pub(super) fn new(status: u16, body: &[u8]) -> Self {
        Self { status, fields: serde_json::from_slice(body).ok() }
    }

    /// The fields of a proper answer, else why it is none.
    pub(super) fn fields(&self) -> Result<&Fields, String> {
        if self.status != HTTP_OK {
            return Err(format!("HTTP status {}", self.status));
        }
        self.fields.as_ref().ok_or_else(|| "answer is no JSON object".to_owned())
    }

    /// Whether the bank executed nothing, as it did not accept the token. An answer that has
    /// results is none of those: the bank looked at the message.
    pub(super) fn rejects_token(&self, codes: &BTreeSet<String>) -> bool {
        self.status == HTTP_UNAUTHORIZED
            || self.fields().is_ok_and(|fields| {
                codes.contains(&text(fields, "rsp_code"))
                    && text(fields, "bank_rsp_code") != BANK_RSP_SUCCESS
                    && matches!(results(fields), Results::None)
            })
    }
}

impl Expected {
    pub(super) fn new(tran_id: &BankTranId, amount: u64) -> Self {
        Self { tran_id: tran_id.clone(), amount }
    }

    pub(super) fn tran_id(&self) -> &str {
        self.tran_id.as_str()
    }

    /// Both id and amount are there and ours.
    fn is_echoed_by(&self, fields: &Fields) -> bool {
        text(fields, "bank_tran_id") == self.tran_id.as_str()
            && text(fields, "tran_amt").parse() == Ok(self.amount)
    }

    /// The answer names another order. A refusal may name none.
    fn is_contradicted_by(&self, fields: &Fields) -> bool {
        let echoed = text(fields, "bank_tran_id");
        !echoed.is_empty() && echoed != self.tran_id.as_str()
    }
}

/// What an answer says of an order of either kind.
enum Verdict {
    Executed { api_tran_id: String },
    Refused { cause: RefusalCause, bank_code: String },
    Unknown(String),
}

/// The results of an answer that lists them.
enum Results<'a> {
    None,
    One(&'a Fields),
    /// Several, or no list of results.
    Other,
}

pub(super) fn withdraw(reply: &Reply, order: &Expected, config: &Config) -> WithdrawAnswer {
    let verdict = match reply.fields() {
        Ok(fields) => verdict(fields, fields, order, config),
        Err(why) => Verdict::Unknown(why),
    };
    match verdict {
        Verdict::Executed { api_tran_id } => WithdrawAnswer::Taken { api_tran_id },
        Verdict::Refused { cause, bank_code } => WithdrawAnswer::Refused { cause, bank_code },
        Verdict::Unknown(why) => WithdrawAnswer::Unknown { why },
    }
}

pub(super) fn deposit(reply: &Reply, order: &Expected, config: &Config) -> DepositAnswer {
    let verdict = match reply.fields() {
        Ok(fields) => deposit_verdict(fields, order, config),
        Err(why) => Verdict::Unknown(why),
    };
    match verdict {
        Verdict::Executed { api_tran_id } => DepositAnswer::Given { api_tran_id },
        Verdict::Refused { cause, bank_code } => DepositAnswer::Refused { cause, bank_code },
        Verdict::Unknown(why) => DepositAnswer::Unknown { why },
    }
}

/// The bank answers for the order in the list's one result. Without a list the gateway speaks for
/// itself, and can only refuse.
fn deposit_verdict(fields: &Fields, order: &Expected, config: &Config) -> Verdict {
    let outside = text(fields, "bank_rsp_code") == BANK_RSP_SUCCESS;
    if outside || order.is_contradicted_by(fields) {
        return Verdict::Unknown(MISMATCH.to_owned());
    }
    match results(fields) {
        Results::One(result) => verdict(fields, result, order, config),
        Results::None => verdict(fields, &Fields::new(), order, config),
        Results::Other => Verdict::Unknown("answer has not one result".to_owned()),
    }
}

/// `fields` is the gateway's part of the answer, `result` the bank's.
fn verdict(fields: &Fields, result: &Fields, order: &Expected, config: &Config) -> Verdict {
    let (rsp_code, bank_rsp_code) = (text(fields, "rsp_code"), text(result, "bank_rsp_code"));
    if rsp_code == RSP_SUCCESS && bank_rsp_code == BANK_RSP_SUCCESS && order.is_echoed_by(result) {
        return Verdict::Executed { api_tran_id: nearest_api_tran_id(result, fields) };
    }
    // The bank executed something: no code of the gateway makes that a refusal.
    if bank_rsp_code == BANK_RSP_SUCCESS || order.is_contradicted_by(result) {
        return Verdict::Unknown(MISMATCH.to_owned());
    }
    let listed = [&bank_rsp_code, &rsp_code]
        .into_iter()
        .find_map(|code| config.codes.get(code).map(|&cause| (cause, code.clone())));
    match listed {
        Some((cause, bank_code)) => Verdict::Refused { cause, bank_code },
        None => Verdict::Unknown(unlisted(&rsp_code, &bank_rsp_code)),
    }
}

/// `rsp_code` is about the inquiry itself, so it can say "no such order" but never "refused".
pub(super) fn inquiry(reply: &Reply, order: &Expected, config: &Config) -> InquiryAnswer {
    let unknown = |why: String| InquiryAnswer::Unknown { why };
    let fields = match reply.fields() {
        Ok(fields) => fields,
        Err(why) => return unknown(why),
    };
    let rsp_code = text(fields, "rsp_code");
    let result = match results(fields) {
        Results::One(result) => result,
        Results::None if config.not_found_codes.contains(&rsp_code) => {
            return InquiryAnswer::NotFound;
        }
        Results::None | Results::Other => return unknown(unlisted(&rsp_code, "")),
    };
    let bank_rsp_code = text(result, "bank_rsp_code");
    if rsp_code != RSP_SUCCESS {
        return unknown(unlisted(&rsp_code, &bank_rsp_code));
    }
    if bank_rsp_code == BANK_RSP_SUCCESS && order.is_echoed_by(result) {
        return InquiryAnswer::Executed { api_tran_id: nearest_api_tran_id(result, fields) };
    }
    if bank_rsp_code == BANK_RSP_SUCCESS || order.is_contradicted_by(result) {
        return unknown(MISMATCH.to_owned());
    }
    if config.not_found_codes.contains(&bank_rsp_code) {
        return InquiryAnswer::NotFound;
    }
    match config.codes.get(&bank_rsp_code) {
        Some(&cause) => InquiryAnswer::Refused { cause, bank_code: bank_rsp_code },
        None => unknown(unlisted(&rsp_code, &bank_rsp_code)),
    }
}

fn results(fields: &Fields) -> Results<'_> {
    match fields.get("res_list") {
        None | Some(Value::Null) => Results::None,
        Some(Value::Array(list)) => match list.as_slice() {
            [] => Results::None,
            [Value::Object(result)] => Results::One(result),
            [..] => Results::Other,
        },
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Results::Other
        }
    }
}

/// A field's text. Banks write numbers both ways; what is missing is empty.
pub(super) fn text(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            String::new()
        }
    }
}

fn api_tran_id(fields: &Fields) -> String {
    let id = text(fields, "api_tran_id");
    id.chars().filter(char::is_ascii_graphic).take(API_TRAN_ID_CHARS_MAX).collect()
}

/// That of the result, or else of the whole answer.
fn nearest_api_tran_id(result: &Fields, fields: &Fields) -> String {
    let ids = [result, fields].map(api_tran_id);
    ids.into_iter().find(|id| !id.is_empty()).unwrap_or_default()
}

fn unlisted(rsp_code: &str, bank_rsp_code: &str) -> String {
    let shown = |code: &str| -> String {
        code.chars().filter(char::is_ascii_alphanumeric).take(CODE_CHARS_MAX).collect()
    };
    format!("code {}/{} is not listed", shown(rsp_code), shown(bank_rsp_code))
}

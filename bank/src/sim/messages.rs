//! Reads the messages of connectors as strictly as a bank does: what is wrong is named.

use serde_json::{Map, Value};

use super::orders::Withdrawal;
use crate::BankTranId;

const AMOUNT_DIGITS_MAX: usize = 12;

pub(super) type Fields = Map<String, Value>;

/// The order that an inquiry is about.
pub(super) struct Asked {
    pub(super) tran_id: String,
    pub(super) tran_date: String,
    pub(super) amount: i64,
}

pub(super) fn withdrawal(body: &[u8], now_us: i64) -> Result<Withdrawal, &'static str> {
    let fields: Fields = serde_json::from_slice(body).map_err(|_| "no JSON object")?;
    for name in [
        "cntr_account_num",
        "dps_print_content",
        "req_client_name",
        "req_client_fintech_use_num",
        "req_client_num",
        "transfer_purpose",
    ] {
        text(&fields, name)?;
    }
    if !matches!(text(&fields, "cntr_account_type")?, "N" | "C") {
        return Err("cntr_account_type");
    }
    let tran_id = text(&fields, "bank_tran_id")?;
    BankTranId::parse(tran_id).map_err(|_| "bank_tran_id")?;
    Ok(Withdrawal {
        tran_id: tran_id.to_owned(),
        tran_date: date(&fields, "tran_dtime", 14)?,
        fintech_use_num: text(&fields, "fintech_use_num")?.to_owned(),
        amount: amount(&fields, "tran_amt")?,
        now_us,
    })
}

pub(super) fn inquiry(body: &[u8]) -> Result<Asked, &'static str> {
    let fields: Fields = serde_json::from_slice(body).map_err(|_| "no JSON object")?;
    date(&fields, "tran_dtime", 14)?;
    if text(&fields, "check_type")? != "1" {
        return Err("check_type");
    }
    if text(&fields, "req_cnt")? != "1" {
        return Err("req_cnt");
    }
    let list = fields.get("req_list").and_then(Value::as_array).map(Vec::as_slice);
    let Some([Value::Object(item)]) = list else {
        return Err("req_list");
    };
    text(item, "tran_no")?;
    Ok(Asked {
        tran_id: text(item, "org_bank_tran_id")?.to_owned(),
        tran_date: date(item, "org_bank_tran_date", 8)?,
        amount: amount(item, "org_tran_amt")?,
    })
}

/// A text that is there, else the field's name.
fn text<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a str, &'static str> {
    fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(name)
}

/// The day of a date or a time stamp of so many digits.
fn date(fields: &Fields, name: &'static str, digits: usize) -> Result<String, &'static str> {
    let text = text(fields, name)?;
    let well_formed = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { Ok(text.chars().take(8).collect()) } else { Err(name) }
}

fn amount(fields: &Fields, name: &'static str) -> Result<i64, &'static str> {
    let text = text(fields, name)?;
    let well_formed =
        text.len() <= AMOUNT_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(amount) if well_formed && amount > 0 => Ok(amount),
        Ok(_) | Err(_) => Err(name),
    }
}

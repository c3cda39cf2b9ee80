//! Reads the messages of connectors as strictly as a bank does: what is wrong is named.

use serde_json::{Map, Value};

use super::orders::Received;
use crate::{BankTranId, OrderKind};

const AMOUNT_DIGITS_MAX: usize = 12;

pub(super) type Fields = Map<String, Value>;

/// The order that an inquiry is about.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) kind: OrderKind,
    pub(super) tran_id: String,
    pub(super) tran_date: String,
    pub(super) amount: i64,
}

pub(super) fn withdrawal(body: &[u8], now_us: i64) -> Result<Received, &'static str> {
    let fields: Fields = serde_json::from_slice(body).map_err(|_| "no JSON object")?;
    contract_account(&fields)?;
    text(&fields, "dps_print_content")?;
    order(OrderKind::Withdrawal, &fields, &fields, now_us)
}

/// The holder's name is not compared: `refuse:815` stands for that.
pub(super) fn deposit(body: &[u8], now_us: i64) -> Result<Received, &'static str> {
    let fields: Fields = serde_json::from_slice(body).map_err(|_| "no JSON object")?;
    contract_account(&fields)?;
    text(&fields, "wd_pass_phrase")?;
    text(&fields, "wd_print_content")?;
    if !matches!(text(&fields, "name_check_option")?, "on" | "off") {
        return Err("name_check_option");
    }
    let item = the_one_request(&fields)?;
    text(item, "print_content")?;
    order(OrderKind::Deposit, &fields, item, now_us)
}

fn contract_account(fields: &Fields) -> Result<(), &'static str> {
    text(fields, "cntr_account_num")?;
    match text(fields, "cntr_account_type")? {
        "N" | "C" => Ok(()),
        _ => Err("cntr_account_type"),
    }
}

/// What orders of both kinds say: `fields` when, and `item`, which may be the same, the rest.
fn order(
    kind: OrderKind,
    fields: &Fields,
    item: &Fields,
    now_us: i64,
) -> Result<Received, &'static str> {
    for name in
        ["req_client_name", "req_client_fintech_use_num", "req_client_num", "transfer_purpose"]
    {
        text(item, name)?;
    }
    let tran_id = text(item, "bank_tran_id")?;
    BankTranId::parse(tran_id).map_err(|_| "bank_tran_id")?;
    Ok(Received {
        kind,
        tran_id: tran_id.to_owned(),
        tran_date: date(fields, "tran_dtime", 14)?,
        fintech_use_num: text(item, "fintech_use_num")?.to_owned(),
        amount: amount(item, "tran_amt")?,
        now_us,
    })
}

pub(super) fn inquiry(body: &[u8]) -> Result<Asked, &'static str> {
    let fields: Fields = serde_json::from_slice(body).map_err(|_| "no JSON object")?;
    date(&fields, "tran_dtime", 14)?;
    let kind = match text(&fields, "check_type")? {
        "1" => OrderKind::Withdrawal,
        "2" => OrderKind::Deposit,
        _ => return Err("check_type"),
    };
    let item = the_one_request(&fields)?;
    Ok(Asked {
        kind,
        tran_id: text(item, "org_bank_tran_id")?.to_owned(),
        tran_date: date(item, "org_bank_tran_date", 8)?,
        amount: amount(item, "org_tran_amt")?,
    })
}

/// The item of a list of one.
fn the_one_request(fields: &Fields) -> Result<&Fields, &'static str> {
    if text(fields, "req_cnt")? != "1" {
        return Err("req_cnt");
    }
    let list = fields.get("req_list").and_then(Value::as_array).map(Vec::as_slice);
    let Some([Value::Object(item)]) = list else {
        return Err("req_list");
    };
    text(item, "tran_no")?;
    Ok(item)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deposit_message() -> Value {
        json!({
            "cntr_account_type": "N",
            "cntr_account_num": "1",
            "wd_pass_phrase": "NONE",
            "wd_print_content": "a",
            "name_check_option": "off",
            "tran_dtime": "20260301090000",
            "req_cnt": "1",
            "req_list": [{
                "tran_no": "1",
                "bank_tran_id": "M202600001U000000001",
                "fintech_use_num": "2",
                "print_content": "b",
                "tran_amt": "3000",
                "req_client_name": "c",
                "req_client_fintech_use_num": "2",
                "req_client_num": "1",
                "transfer_purpose": "TR",
            }],
        })
    }

    fn refusal(message: &Value) -> Option<&'static str> {
        deposit(message.to_string().as_bytes(), 7).err()
    }

    #[test]
    fn a_deposit_is_read() {
        let read = deposit(deposit_message().to_string().as_bytes(), 7).unwrap();
        assert_eq!(read.kind, OrderKind::Deposit);
        assert_eq!(read.tran_id, "M202600001U000000001");
        assert_eq!((read.tran_date.as_str(), read.fintech_use_num.as_str()), ("20260301", "2"));
        assert_eq!((read.amount, read.now_us), (3_000, 7));
    }

    #[test]
    fn each_field_of_a_deposit_is_wanted() {
        let whole = deposit_message();
        for name in whole.as_object().unwrap().keys() {
            let mut message = whole.clone();
            message.as_object_mut().unwrap().remove(name);
            assert_eq!(refusal(&message), Some(name.as_str()));
        }
        for name in whole["req_list"][0].as_object().unwrap().keys() {
            let mut message = whole.clone();
            message["req_list"][0].as_object_mut().unwrap().remove(name);
            assert_eq!(refusal(&message), Some(name.as_str()));
        }
    }

    #[test]
    fn a_malformed_deposit_is_refused_by_its_field() {
        for (name, value) in [
            ("cntr_account_type", json!("X")),
            ("name_check_option", json!("maybe")),
            ("tran_dtime", json!("20260301")),
            ("req_cnt", json!("2")),
            ("req_list", json!([])),
            ("req_list", json!([{}, {}])),
        ] {
            let mut message = deposit_message();
            message[name] = value;
            assert_eq!(refusal(&message), Some(name), "{message}");
        }
        for (name, value) in [
            ("bank_tran_id", json!("1")),
            ("tran_amt", json!(3_000)),
            ("tran_amt", json!("0")),
            ("tran_amt", json!("-1")),
            ("tran_amt", json!("1000000000000")),
        ] {
            let mut message = deposit_message();
            message["req_list"][0][name] = value;
            assert_eq!(refusal(&message), Some(name), "{message}");
        }
    }
}

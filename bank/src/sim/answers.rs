//! What the bank says of orders, in its fields.

use serde_json::json;

use super::messages::{Asked, Fields};
use super::orders::{Decision, Order, Received};
use crate::{OrderKind, kst_date_time};

const SUCCESS: &str = "A0000";
/// A participating bank refused; its own code stands beside.
const BANK_REFUSED: &str = "A0002";
const PROCESSING: &str = "A0007";
const BANK_SUCCESS: &str = "000";
pub(super) const MESSAGE_ERROR: &str = "S58";
const NOT_FOUND: &str = "S04";

/// To the caller of an order: a withdrawal's answer is flat, a deposit's a list of one.
pub(super) fn of_order(order: &Order, now_us: i64) -> Fields {
    let (gateway, result) = told(order, now_us);
    of_kind(order.kind, gateway, result, now_us)
}

/// To the caller of an order whose id is another order's.
pub(super) fn of_clash(received: &Received) -> Fields {
    let gateway =
        fields([("rsp_code", MESSAGE_ERROR), ("rsp_message", "bank_tran_id is another order's")]);
    let result =
        fields([("bank_tran_id", &received.tran_id), ("tran_amt", &received.amount.to_string())]);
    of_kind(received.kind, gateway, result, received.now_us)
}

/// To an inquiry: outside, the code is about the inquiry; inside, about the order.
pub(super) fn of_inquiry(found: Option<&Order>, asked: &Asked, now_us: i64) -> Fields {
    let (code, result) = match found {
        Some(order) => {
            let open = order.told(now_us).is_none();
            let (_, mut result) = told(order, now_us);
            result.insert("api_tran_id".to_owned(), json!(order.api_tran_id));
            (if open { PROCESSING } else { SUCCESS }, result)
        }
        None => {
            let result = fields([
                ("bank_tran_id", &asked.tran_id),
                ("bank_tran_date", &asked.tran_date),
                ("bank_rsp_code", NOT_FOUND),
                ("bank_rsp_message", "no such order"),
                ("tran_amt", &asked.amount.to_string()),
            ]);
            (SUCCESS, result)
        }
    };
    listed(fields([("rsp_code", code)]), result, now_us)
}

fn of_kind(kind: OrderKind, mut gateway: Fields, result: Fields, now_us: i64) -> Fields {
    match kind {
        OrderKind::Withdrawal => {
            gateway.extend(result);
            gateway.insert("wd_limit_remain_amt".to_owned(), json!("9999999"));
            timed(gateway, now_us)
        }
        OrderKind::Deposit => listed(gateway, result, now_us),
    }
}

fn listed(mut gateway: Fields, mut result: Fields, now_us: i64) -> Fields {
    result.insert("tran_no".to_owned(), json!("1"));
    gateway.insert("res_cnt".to_owned(), json!("1"));
    gateway.insert("res_list".to_owned(), json!([result]));
    timed(gateway, now_us)
}

fn timed(mut gateway: Fields, now_us: i64) -> Fields {
    let time = format!("{}000", kst_date_time(now_us));
    gateway.insert("api_tran_dtm".to_owned(), json!(time));
    gateway
}

/// What is known of an order: the gateway's part and the bank's.
fn told(order: &Order, now_us: i64) -> (Fields, Fields) {
    let (rsp_code, bank_rsp_code, message) = match order.told(now_us) {
        None | Some(Decision::Held) => (PROCESSING, "", "processing"),
        Some(Decision::Executed) => (SUCCESS, BANK_SUCCESS, ""),
        Some(Decision::Refused(code)) => (BANK_REFUSED, code.as_str(), "refused"),
    };
    let gateway = fields([
        ("api_tran_id", order.api_tran_id.as_str()),
        ("rsp_code", rsp_code),
        ("rsp_message", message),
    ]);
    let result = fields([
        ("bank_tran_id", order.tran_id.as_str()),
        ("bank_tran_date", &order.tran_date),
        ("bank_rsp_code", bank_rsp_code),
        ("bank_rsp_message", message),
        ("fintech_use_num", &order.fintech_use_num),
        ("tran_amt", &order.amount.to_string()),
    ]);
    (gateway, result)
}

fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

//! The messages that are sent.

use serde_json::{Value, json};

use super::config::Config;
use crate::kst_date_time;
use crate::port::{InquiryOrder, WithdrawOrder};

pub(super) fn withdraw(config: &Config, order: &WithdrawOrder) -> Value {
    let mut message = json!({
        "bank_tran_id": order.bank_tran_id.as_str(),
        "cntr_account_type": "N",
        "cntr_account_num": config.contract_account,
        "dps_print_content": order.print_content,
        "fintech_use_num": order.fintech_use_num,
        "wd_print_content": order.print_content,
        "tran_amt": order.amount.to_string(),
        "tran_dtime": kst_date_time(order.ordered_at_us),
        "req_client_name": order.client_name.expose(),
        "req_client_fintech_use_num": order.fintech_use_num,
        "req_client_num": order.client_num,
        "transfer_purpose": "TR",
    });
    if let Some(receiver) = &config.receiver {
        message["recv_client_name"] = json!(receiver.name);
        message["recv_client_bank_code"] = json!(receiver.bank_code);
        message["recv_client_account_num"] = json!(receiver.account_num);
    }
    message
}

pub(super) fn inquiry(order: &InquiryOrder) -> Value {
    json!({
        // 1 asks about withdrawals, 2 about deposits.
        "check_type": "1",
        "tran_dtime": kst_date_time(order.asked_at_us),
        "req_cnt": "1",
        "req_list": [{
            "tran_no": "1",
            "org_bank_tran_id": order.bank_tran_id.as_str(),
            "org_bank_tran_date": order.tran_date,
            "org_tran_amt": order.amount.to_string(),
        }],
    })
}

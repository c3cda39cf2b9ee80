//! The messages that are sent.

use serde_json::{Value, json};

use super::config::Config;
use crate::kst_date_time;
use crate::port::{DepositOrder, InquiryOrder, OrderKind, WithdrawOrder};

/// What a deposit says where no passphrase was agreed.
const NO_PASSPHRASE: &str = "NONE";

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

/// A list of one: of several in a message, some could be answered and others not.
///
/// Assumed: the contract account is the one that the fees arrive at, and takes deposits of fees.
pub(super) fn deposit(config: &Config, order: &DepositOrder) -> Value {
    let passphrase = config.deposit_passphrase.as_ref();
    json!({
        "cntr_account_type": "N",
        "cntr_account_num": config.contract_account,
        "wd_pass_phrase": passphrase.map_or(NO_PASSPHRASE, |phrase| phrase.expose()),
        "wd_print_content": order.print_content,
        // Assumed: the bank then refuses where the account is no more its registrant's.
        "name_check_option": "on",
        "tran_dtime": kst_date_time(order.ordered_at_us),
        "req_cnt": "1",
        "req_list": [{
            "tran_no": "1",
            "bank_tran_id": order.bank_tran_id.as_str(),
            "fintech_use_num": order.fintech_use_num,
            "print_content": order.print_content,
            "tran_amt": order.amount.to_string(),
            "req_client_name": order.client_name.expose(),
            "req_client_fintech_use_num": order.fintech_use_num,
            "req_client_num": order.client_num,
            "transfer_purpose": "TR",
        }],
    })
}

pub(super) fn inquiry(order: &InquiryOrder) -> Value {
    json!({
        "check_type": check_type(order.kind),
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

/// What an inquiry calls the kind of the order that it is about.
const fn check_type(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Withdrawal => "1",
        OrderKind::Deposit => "2",
    }
}

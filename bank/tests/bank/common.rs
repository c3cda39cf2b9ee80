//! A simulator in this process, a connector to it, and orders.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bank::sim::{Account, Admin, Behaviour, SimError, SimOptions};
use bank::{
    Bank, BankTranId, ClientSecret, Config, DepositAnswer, DepositOrder, InquiryAnswer,
    InquiryOrder, OpenBanking, OrderKind, Personal, WithdrawAnswer, WithdrawOrder, default_codes,
    default_not_found_codes, default_token_rejected_codes, kst_date,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
pub(crate) const SHORT_DEADLINE: Duration = Duration::from_millis(300);
pub(crate) const INSTITUTION: &str = "M202600001";
pub(crate) const ACCOUNT: &str = "120220000000000000000001";
/// 2026-01-01 09:00 in Korea.
const START_US: i64 = 1_767_225_600_000_000;

/// Time that passes, from the start of the process.
pub(crate) fn clock() -> i64 {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    let passed = STARTED.get_or_init(Instant::now).elapsed().as_micros();
    START_US + i64::try_from(passed).unwrap()
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Admin,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), SimError>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    pub(crate) async fn put(&self, number: &str, balance: i64, behaviour: &str) {
        self.admin.put_account(&account(number, balance, behaviour)).await.unwrap();
    }

    pub(crate) async fn set(&self, behaviour: &str, scope: bank::sim::Scope) {
        self.admin.set_behaviour(ACCOUNT, behaviour.parse().unwrap(), scope).await.unwrap();
    }

    pub(crate) async fn balance(&self) -> i64 {
        self.admin.account(ACCOUNT).await.unwrap().balance
    }

    pub(crate) fn connector(&self) -> OpenBanking {
        OpenBanking::new(config(&format!("http://{}", self.address))).unwrap()
    }
}

pub(crate) fn account(number: &str, balance: i64, behaviour: &str) -> Account {
    Account {
        fintech_use_num: number.to_owned(),
        holder: "김코나".to_owned(),
        bank_code: "003".to_owned(),
        account_no: "333015555557".to_owned(),
        balance,
        behaviour: behaviour.parse::<Behaviour>().unwrap(),
        next: None,
    }
}

pub(crate) async fn start(data: &Path) -> Result<Running, SimError> {
    start_at(data, "127.0.0.1:0".parse().unwrap()).await
}

pub(crate) async fn start_at(data: &Path, listen: SocketAddr) -> Result<Running, SimError> {
    let (ready, is_ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = SimOptions {
        listen,
        data: data.to_owned(),
        token_seconds: 3_600,
        clock,
        on_ready: Box::new(|address| ready.send(address).unwrap()),
    };
    let served = tokio::spawn(bank::sim::serve(options, async {
        let _ = stopped.await;
    }));
    match is_ready.await {
        Ok(address) => Ok(Running { address, admin: Admin::new(address).unwrap(), stop, served }),
        Err(_) => Err(served.await.unwrap().unwrap_err()),
    }
}

pub(crate) fn config(base_url: &str) -> Config {
    Config {
        base_url: base_url.to_owned(),
        gateways: Vec::new(),
        client_id: "client".to_owned(),
        client_secret: ClientSecret::new("s3cret&x=y".to_owned()),
        institution_code: INSTITUTION.to_owned(),
        contract_account: "10012345678".to_owned(),
        deposit_passphrase: Some(ClientSecret::new("pa55phrase".to_owned())),
        receiver: None,
        codes: default_codes(),
        not_found_codes: default_not_found_codes(),
        token_rejected_codes: default_token_rejected_codes(),
    }
}

/// An id of its own for every call.
fn next_id() -> BankTranId {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    BankTranId::new(INSTITUTION, SERIAL.fetch_add(1, Ordering::SeqCst)).unwrap()
}

/// An order of its own for every call.
pub(crate) fn order(fintech_use_num: &str, amount: u64) -> WithdrawOrder {
    let ordered_at_us = clock();
    WithdrawOrder {
        bank_tran_id: next_id(),
        tran_date: kst_date(ordered_at_us),
        ordered_at_us,
        fintech_use_num: fintech_use_num.to_owned(),
        amount,
        client_name: Personal::new("김코나".to_owned()),
        client_num: "1000000001".to_owned(),
        print_content: "재발급수수료".to_owned(),
    }
}

/// As [`order`], to give the money back.
pub(crate) fn refund(fintech_use_num: &str, amount: u64) -> DepositOrder {
    let ordered_at_us = clock();
    DepositOrder {
        bank_tran_id: next_id(),
        tran_date: kst_date(ordered_at_us),
        ordered_at_us,
        fintech_use_num: fintech_use_num.to_owned(),
        amount,
        client_name: Personal::new("김코나".to_owned()),
        client_num: "1000000001".to_owned(),
        print_content: "수수료환불".to_owned(),
    }
}

/// An order that can be asked about.
pub(crate) trait Asked {
    fn inquiry(&self) -> InquiryOrder;
}

impl Asked for WithdrawOrder {
    fn inquiry(&self) -> InquiryOrder {
        InquiryOrder {
            kind: OrderKind::Withdrawal,
            bank_tran_id: self.bank_tran_id.clone(),
            tran_date: self.tran_date.clone(),
            fintech_use_num: self.fintech_use_num.clone(),
            amount: self.amount,
            asked_at_us: clock(),
        }
    }
}

impl Asked for DepositOrder {
    fn inquiry(&self) -> InquiryOrder {
        InquiryOrder {
            kind: OrderKind::Deposit,
            bank_tran_id: self.bank_tran_id.clone(),
            tran_date: self.tran_date.clone(),
            fintech_use_num: self.fintech_use_num.clone(),
            amount: self.amount,
            asked_at_us: clock(),
        }
    }
}

impl Asked for InquiryOrder {
    fn inquiry(&self) -> InquiryOrder {
        self.clone()
    }
}

pub(crate) async fn withdraw(bank: &OpenBanking, order: &WithdrawOrder) -> String {
    withdraw_within(bank, order, DEADLINE).await
}

/// The answer in short: `taken`, `refused 412 InvalidAccount`, `not sent`, `unknown: why`.
pub(crate) async fn withdraw_within(
    bank: &OpenBanking,
    order: &WithdrawOrder,
    deadline: Duration,
) -> String {
    match bank.withdraw(order, deadline).await {
        WithdrawAnswer::Taken { .. } => "taken".to_owned(),
        WithdrawAnswer::Refused { cause, bank_code } => format!("refused {bank_code} {cause:?}"),
        WithdrawAnswer::NotSent => "not sent".to_owned(),
        WithdrawAnswer::Unknown { why } => format!("unknown: {why}"),
    }
}

pub(crate) async fn deposit(bank: &OpenBanking, order: &DepositOrder) -> String {
    deposit_within(bank, order, DEADLINE).await
}

/// The answer in short: `given`, and else as [`withdraw_within`].
pub(crate) async fn deposit_within(
    bank: &OpenBanking,
    order: &DepositOrder,
    deadline: Duration,
) -> String {
    match bank.deposit(order, deadline).await {
        DepositAnswer::Given { .. } => "given".to_owned(),
        DepositAnswer::Refused { cause, bank_code } => format!("refused {bank_code} {cause:?}"),
        DepositAnswer::NotSent => "not sent".to_owned(),
        DepositAnswer::Unknown { why } => format!("unknown: {why}"),
    }
}

/// The answer in short: `taken` or `given` by what is asked about.
pub(crate) async fn inquire(bank: &OpenBanking, order: &impl Asked) -> String {
    let inquiry = order.inquiry();
    match bank.inquire(&inquiry, DEADLINE).await {
        InquiryAnswer::Executed { .. } => match inquiry.kind {
            OrderKind::Withdrawal => "taken".to_owned(),
            OrderKind::Deposit => "given".to_owned(),
        },
        InquiryAnswer::Refused { cause, bank_code } => format!("refused {bank_code} {cause:?}"),
        InquiryAnswer::NotFound => "not found".to_owned(),
        InquiryAnswer::Unknown { why } => format!("unknown: {why}"),
    }
}

/// Sums of the ledger by account: what was taken, less what was given.
pub(crate) fn sums(entries: &[bank::sim::LedgerEntry]) -> BTreeMap<String, i64> {
    entries.iter().fold(BTreeMap::new(), |mut sums, entry| {
        *sums.entry(entry.fintech_use_num.clone()).or_default() += entry.taken();
        sums
    })
}

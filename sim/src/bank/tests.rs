use bank::{BankTranId, Personal};

use super::*;

fn order(serial: u64) -> WithdrawOrder {
    WithdrawOrder {
        bank_tran_id: BankTranId::new("M202600001", serial).unwrap(),
        tran_date: "20260301".to_owned(),
        ordered_at_us: 0,
        fintech_use_num: "account".to_owned(),
        amount: 3_000,
        client_name: Personal::new("name".to_owned()),
        client_num: "1".to_owned(),
        print_content: "fee".to_owned(),
    }
}

#[test]
fn an_order_is_executed_once_and_not_when_it_is_old() {
    let (bank, mut rng) = (SimBank::default(), Rng::new(1));
    bank.become_honest();
    bank.put("account", 10_000);
    let deadline = Duration::from_secs(5);
    let waiting: Vec<_> = [1, 1, 2, 3].map(|serial| bank.withdraw(&order(serial), deadline)).into();
    // The first two have one id; what is answered lies on the wire behind the orders.
    let mut seen = Vec::new();
    for now_ms in [0, 0, 0, ON_THE_WIRE_MS_MAX + 1] {
        seen.extend(bank.step(&mut rng, now_ms).map(|(what, _)| what));
    }
    assert_eq!(seen, ["taken", "taken", "taken", "order too old"]);
    assert_eq!(bank.inside().accounts["account"], 4_000);
    assert!(bank.orders().iter().all(|(_, order)| order.executed == 1));
    assert_eq!((bank.orders().len(), bank.on_the_wire()), (2, 3));
    drop(waiting);
}

#[test]
fn what_is_not_there_is_not_taken() {
    let (bank, mut rng) = (SimBank::default(), Rng::new(1));
    bank.become_honest();
    bank.put("account", 2_999);
    let waiting = bank.withdraw(&order(1), Duration::from_secs(5));
    let (what, id) = bank.step(&mut rng, 0).unwrap();
    assert_eq!(what, "refused");
    let done = bank.order(&id.unwrap()).unwrap().done;
    assert_eq!(done, Done::Refused(RefusalCause::InsufficientBalance));
    drop(waiting);
}

fn deposit(serial: u64) -> DepositOrder {
    let WithdrawOrder { bank_tran_id, tran_date, fintech_use_num, amount, .. } = order(serial);
    DepositOrder {
        bank_tran_id,
        tran_date,
        ordered_at_us: 0,
        fintech_use_num,
        amount,
        client_name: Personal::new("name".to_owned()),
        client_num: "1".to_owned(),
        print_content: "fee".to_owned(),
    }
}

#[tokio::test]
async fn a_deposit_is_executed_once_and_is_no_withdrawal() {
    let (bank, mut rng) = (SimBank::default(), Rng::new(1));
    bank.become_honest();
    bank.put("account", 3_000);
    let deadline = Duration::from_secs(5);
    let taken = bank.withdraw(&order(1), deadline);
    let given = [2, 2].map(|serial| bank.deposit(&deposit(serial), deadline));
    let clash = bank.deposit(&deposit(1), deadline);
    let asked = [OrderKind::Withdrawal, OrderKind::Deposit].map(|kind| {
        let DepositOrder { bank_tran_id, tran_date, fintech_use_num, amount, .. } = deposit(2);
        let (asked_at_us, id) = (0, bank_tran_id);
        let inquiry = InquiryOrder {
            kind,
            bank_tran_id: id,
            tran_date,
            fintech_use_num,
            amount,
            asked_at_us,
        };
        bank.inquire(&inquiry, deadline)
    });
    while bank.step(&mut rng, 0).is_some() {}
    assert_eq!(bank.inside().accounts["account"], 3_000);
    assert_eq!(bank.orders().iter().map(|(_, order)| order.taken()).sum::<i64>(), 0);
    assert!(matches!(taken.await, WithdrawAnswer::Taken { .. }));
    for given in given {
        assert!(matches!(given.await, DepositAnswer::Given { .. }));
    }
    let refused = DepositAnswer::Refused {
        cause: RefusalCause::MessageError,
        bank_code: "message_error".to_owned(),
    };
    assert_eq!(clash.await, refused);
    let [as_withdrawal, as_deposit] = asked;
    assert_eq!(as_withdrawal.await, InquiryAnswer::NotFound);
    assert!(matches!(as_deposit.await, InquiryAnswer::Executed { .. }));
}

/// Whatever becomes of its messages, a deposit is executed once at the most, and never after
/// its caller was told that it was refused or not sent.
#[tokio::test(start_paused = true)]
async fn the_answer_to_a_deposit_is_true() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let (bank, mut rng) = (SimBank::default(), Rng::new(seed));
        bank.put("account", 0);
        let answer = bank.deposit(&deposit(1), Duration::from_secs(5));
        while bank.step(&mut rng, 0).is_some() {}
        let executed: u32 = bank.orders().iter().map(|(_, order)| order.executed).sum();
        let held = bank.inside().accounts["account"];
        assert_eq!(held, 3_000 * i64::from(executed), "seed {seed}");
        let (said, is_true) = match answer.await {
            DepositAnswer::Given { .. } => ("given", executed == 1),
            DepositAnswer::Refused { .. } => ("refused", executed == 0),
            DepositAnswer::NotSent => ("not sent", executed == 0),
            DepositAnswer::Unknown { .. } => ("unknown", executed <= 1),
        };
        assert!(is_true, "seed {seed}: {said}, executed {executed} times");
        seen.insert((said, executed));
    }
    let all = [("given", 1), ("not sent", 0), ("refused", 0), ("unknown", 0), ("unknown", 1)];
    assert_eq!(seen, all.into());
}

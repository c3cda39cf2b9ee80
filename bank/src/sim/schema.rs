//! The simulator's tables.

use store::Migration;

/// A state `TAKEN` is an executed order, whichever its kind: the files of the first release have
/// it in a constraint.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "accounts, orders and the ledger", sql: FIRST },
    Migration { version: 2, name: "deposits beside withdrawals", sql: DEPOSITS },
];

const FIRST: &str = "
CREATE TABLE account (
    fintech_use_num TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    bank_code TEXT NOT NULL,
    account_no TEXT NOT NULL,
    balance BIGINT NOT NULL CHECK (balance >= 0),
    behaviour TEXT NOT NULL,
    next_behaviour TEXT,
    behaviour_changes BIGINT NOT NULL
);

CREATE TABLE bank_order (
    tran_id TEXT NOT NULL,
    tran_date TEXT NOT NULL,
    fintech_use_num TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    state TEXT NOT NULL CHECK (state IN ('TAKEN', 'REFUSED', 'HELD')),
    code TEXT,
    api_tran_id TEXT NOT NULL,
    received_at_us BIGINT NOT NULL,
    final_at_us BIGINT NOT NULL,
    behaviour_changes BIGINT NOT NULL,
    PRIMARY KEY (tran_id, tran_date),
    CHECK ((state = 'REFUSED') = (code IS NOT NULL))
);

CREATE INDEX bank_order_of_account ON bank_order (fintech_use_num);

CREATE TABLE ledger (
    seq BIGINT NOT NULL PRIMARY KEY,
    tran_id TEXT NOT NULL,
    tran_date TEXT NOT NULL,
    fintech_use_num TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    at_us BIGINT NOT NULL,
    UNIQUE (tran_id, tran_date)
);

CREATE INDEX ledger_of_account ON ledger (fintech_use_num, seq);

CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counter (name, value) VALUES ('serial', 0);

CREATE TABLE identity (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
";

/// What there is by then was withdrawn.
const DEPOSITS: &str = "
ALTER TABLE bank_order ADD COLUMN kind TEXT NOT NULL DEFAULT 'WITHDRAWAL'
    CHECK (kind IN ('WITHDRAWAL', 'DEPOSIT'));
ALTER TABLE ledger ADD COLUMN kind TEXT NOT NULL DEFAULT 'WITHDRAWAL'
    CHECK (kind IN ('WITHDRAWAL', 'DEPOSIT'));
";

#[cfg(test)]
mod tests {
    use store::{Options, Store, Target, params};

    use super::super::file;
    use super::super::orders::{self, Decision};
    use super::*;
    use crate::OrderKind;

    const BEFORE: &[Migration] = &[Migration { version: 1, name: "before", sql: FIRST }];

    #[tokio::test]
    async fn what_a_file_of_the_first_release_has_was_withdrawn() {
        let folder = tempfile::TempDir::new().unwrap();
        let data = folder.path().join("bank.db");
        let target = Target::Sqlite(data.clone());
        let before = Store::open(&target, BEFORE, Options::default()).unwrap();
        file::write(&before, |tx| {
            tx.execute(
                "INSERT INTO account (fintech_use_num, holder, bank_code, account_no, balance,
                     behaviour, behaviour_changes)
                 VALUES ('1', '', '', '', 7000, 'hold', 1)",
                params![],
            )?;
            tx.execute(
                "INSERT INTO bank_order (tran_id, tran_date, fintech_use_num, amount, state, code,
                     api_tran_id, received_at_us, final_at_us, behaviour_changes)
                 VALUES ('A', '20260301', '1', 3000, 'TAKEN', NULL, 'a', 5, 0, 0),
                     ('B', '20260301', '1', 4000, 'REFUSED', 'S56', 'b', 6, 0, 0),
                     ('C', '20260301', '1', 500, 'HELD', NULL, 'c', 7, 0, 1)",
                params![],
            )?;
            tx.execute(
                "INSERT INTO ledger (seq, tran_id, tran_date, fintech_use_num, amount, at_us)
                 VALUES (1, 'A', '20260301', '1', 3000, 5)",
                params![],
            )
        })
        .await
        .unwrap();
        before.close();

        let totals = file::totals(&data).await.unwrap();
        assert_eq!((totals.count, totals.amount, totals.taken()), (1, 3_000, 3_000));
        let ledger = file::ledger(&data).await.unwrap();
        assert_eq!((ledger.len(), ledger[0].kind), (1, OrderKind::Withdrawal));
        let after = file::open(&data).unwrap();
        let orders = file::read(&after, |tx| {
            ["A", "B", "C"].into_iter().map(|id| orders::find(tx, id, "20260301")).collect()
        });
        let orders: Vec<_> = orders.await.unwrap();
        let refused = Decision::Refused("S56".to_owned());
        for (found, decision) in orders.iter().zip([Decision::Executed, refused, Decision::Held]) {
            let found = found.as_ref().unwrap();
            assert!(found.decision == decision && found.kind == OrderKind::Withdrawal);
        }
        assert_eq!(orders.len(), 3);
        after.close();
    }
}

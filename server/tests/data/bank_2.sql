-- The bank simulator's file as it was when `bank_2.jsonl` was taken.

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

ALTER TABLE bank_order ADD COLUMN kind TEXT NOT NULL DEFAULT 'WITHDRAWAL'
    CHECK (kind IN ('WITHDRAWAL', 'DEPOSIT'));
ALTER TABLE ledger ADD COLUMN kind TEXT NOT NULL DEFAULT 'WITHDRAWAL'
    CHECK (kind IN ('WITHDRAWAL', 'DEPOSIT'));

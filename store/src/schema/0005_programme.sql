-- A whole card programme: products as policy, applications of every kind, fees that go back,
-- deliveries with their tracking and files, expiry, and the sandbox's clock.

ALTER TABLE product ADD COLUMN service_group TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN issue_fee BIGINT NOT NULL DEFAULT 0 CHECK (issue_fee >= 0);
ALTER TABLE product ADD COLUMN issue_fee_mobile_only BIGINT NOT NULL DEFAULT 0
    CHECK (issue_fee_mobile_only >= 0);
ALTER TABLE product ADD COLUMN renewal_fee BIGINT NOT NULL DEFAULT 0 CHECK (renewal_fee >= 0);
ALTER TABLE product ADD COLUMN first_reissue TEXT NOT NULL DEFAULT 'CHARGED'
    CHECK (first_reissue IN ('CHARGED', 'FREE'));
ALTER TABLE product ADD COLUMN defective_card TEXT NOT NULL DEFAULT 'CHARGED'
    CHECK (defective_card IN ('CHARGED', 'FREE'));
ALTER TABLE product ADD COLUMN returned_fee TEXT NOT NULL DEFAULT 'KEPT'
    CHECK (returned_fee IN ('KEPT', 'REFUNDED'));
ALTER TABLE product ADD COLUMN balance_limit_unnamed BIGINT NOT NULL DEFAULT 500000
    CHECK (balance_limit_unnamed >= 0);
ALTER TABLE product ADD COLUMN balance_limit_named BIGINT NOT NULL DEFAULT 2000000
    CHECK (balance_limit_named >= balance_limit_unnamed);
ALTER TABLE product ADD COLUMN card_art TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN uses TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN detail_title TEXT;
ALTER TABLE product ADD COLUMN detail_content TEXT;
ALTER TABLE product ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN debit_bank TEXT;
ALTER TABLE product ADD COLUMN cash_ic TEXT NOT NULL DEFAULT 'NONE'
    CHECK (cash_ic IN ('NONE', 'SUPPORTED'));

ALTER TABLE member ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN real_name_at BIGINT;

ALTER TABLE card_account ADD COLUMN expiry_yymm TEXT NOT NULL DEFAULT '9912';
ALTER TABLE card_account ADD COLUMN expiry_stage BIGINT NOT NULL DEFAULT 0
    CHECK (expiry_stage BETWEEN 0 AND 4);
ALTER TABLE card_account ADD COLUMN role TEXT NOT NULL DEFAULT 'ORDINARY'
    CHECK (role IN ('ORDINARY', 'BASIC', 'SUB', 'MARRIED'));
ALTER TABLE card_account ADD COLUMN main_account_id BIGINT;
ALTER TABLE card_account ADD COLUMN defect_reported_at BIGINT;
ALTER TABLE card_account ADD COLUMN reissues BIGINT NOT NULL DEFAULT 0 CHECK (reissues >= 0);
ALTER TABLE card_account ADD COLUMN used_at BIGINT;
ALTER TABLE card_account ADD COLUMN limit_once BIGINT CHECK (limit_once >= 0);
ALTER TABLE card_account ADD COLUMN limit_day BIGINT CHECK (limit_day >= 0);
ALTER TABLE card_account ADD COLUMN limit_month BIGINT CHECK (limit_month >= 0);
ALTER TABLE card_account ADD COLUMN deduction_day TEXT;
ALTER TABLE card_account ADD COLUMN deduction_at BIGINT;
ALTER TABLE card_account ADD COLUMN bank_account_id BIGINT;
UPDATE card_account SET expiry_yymm = COALESCE((
    SELECT MIN(c.expiry_yymm) FROM card c
    WHERE c.asp_id = card_account.asp_id AND c.account_id = card_account.account_id), '9912');
UPDATE card_account SET reissues = 1 WHERE predecessor_id IS NOT NULL;
CREATE INDEX card_account_by_expiry ON card_account
    (asp_id, expiry_stage, expiry_yymm, account_id) WHERE state <> 'TERMINATED';
CREATE INDEX card_account_by_main ON card_account (asp_id, main_account_id)
    WHERE main_account_id IS NOT NULL;

ALTER TABLE card ADD COLUMN registered_at BIGINT;
ALTER TABLE card ADD COLUMN ended_at BIGINT;

-- Made anew: an application to issue replaces no account, and there are more kinds and states.
CREATE TABLE application_new (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('ISSUE', 'REISSUE', 'RENEW')),
    state TEXT NOT NULL CHECK (state IN ('READY', 'COST_PAYING', 'COST_PAID',
        'COST_PAY_FAILED', 'DIGITAL_ISSUED', 'PHYSICAL_ISSUED', 'CANCELLED', 'RETURN_DUE',
        'RETURNED')),
    user_id BIGINT NOT NULL,
    old_account_id BIGINT,
    holds_old_card BOOLEAN NOT NULL,
    service_id TEXT NOT NULL,
    issuance TEXT NOT NULL CHECK (issuance IN ('PRE_ISSUANCE', 'ORDINARY')),
    delivery TEXT NOT NULL CHECK (delivery IN ('PHYSICAL', 'MOBILE_ONLY')),
    recipient_sealed BYTEA,
    fee BIGINT NOT NULL CHECK (fee >= 0),
    waiver TEXT CHECK (waiver IN ('FIRST_REISSUE', 'DEFECTIVE_CARD')),
    returned_fee TEXT NOT NULL CHECK (returned_fee IN ('KEPT', 'REFUNDED')),
    balance_limit BIGINT NOT NULL CHECK (balance_limit >= 0),
    vat_basis_points BIGINT NOT NULL CHECK (vat_basis_points >= 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    validity_months BIGINT NOT NULL,
    new_account_id BIGINT,
    mobile_card_id BIGINT,
    mobile_number TEXT,
    physical_card_id BIGINT,
    physical_number TEXT,
    number_key_id BIGINT NOT NULL,
    bank_account_id BIGINT,
    bank_tran_id TEXT,
    bank_tran_day TEXT,
    api_tran_id TEXT,
    refusal TEXT,
    ordered_at BIGINT,
    deadline_at BIGINT,
    applied_at BIGINT NOT NULL,
    settled_at BIGINT,
    correlation_id TEXT NOT NULL,
    replay_key BYTEA,
    cipher_digest BYTEA,
    strict_key BYTEA,
    CHECK ((kind = 'ISSUE') = (old_account_id IS NULL)),
    PRIMARY KEY (asp_id, apply_no)
);
INSERT INTO application_new (asp_id, apply_no, kind, state, user_id, old_account_id,
    holds_old_card, service_id, issuance, delivery, recipient_sealed, fee, returned_fee,
    balance_limit, vat_basis_points, currency, validity_months, new_account_id, mobile_card_id,
    mobile_number, physical_card_id, physical_number, number_key_id, bank_account_id,
    bank_tran_id, bank_tran_day, api_tran_id, refusal, ordered_at, deadline_at, applied_at,
    settled_at, correlation_id, replay_key, cipher_digest, strict_key)
SELECT asp_id, apply_no, kind, state, user_id, old_account_id,
    holds_old_card, service_id, issuance, delivery, recipient_sealed, fee, 'KEPT',
    500000, vat_basis_points, currency, validity_months, new_account_id, mobile_card_id,
    mobile_number, physical_card_id, physical_number, number_key_id, bank_account_id,
    bank_tran_id, bank_tran_day, api_tran_id, refusal,
    CASE WHEN bank_tran_id IS NOT NULL THEN applied_at END, deadline_at, applied_at,
    settled_at, correlation_id, replay_key, cipher_digest, strict_key
FROM application;
DROP TABLE application;
ALTER TABLE application_new RENAME TO application;
CREATE UNIQUE INDEX application_open_for_card ON application (asp_id, old_account_id)
    WHERE holds_old_card;
CREATE UNIQUE INDEX application_by_bank_tran ON application (asp_id, bank_tran_id, bank_tran_day)
    WHERE bank_tran_id IS NOT NULL;
CREATE INDEX application_awaiting_bank ON application (asp_id, deadline_at, ordered_at)
    WHERE state = 'COST_PAYING';
CREATE INDEX application_return_due ON application (asp_id, apply_no)
    WHERE state = 'RETURN_DUE';
CREATE UNIQUE INDEX application_by_strict ON application (asp_id, strict_key)
    WHERE state = 'COST_PAYING' AND strict_key IS NOT NULL;
CREATE INDEX application_by_user ON application (asp_id, user_id, apply_no, physical_card_id);

-- A fee that goes back to its member. Each order to the bank has an id of its own; a new one is
-- made only after the bank has refused the last for good.
CREATE TABLE fee_return (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('CANCELLED', 'UNDELIVERABLE', 'NOT_SETTLED')),
    state TEXT NOT NULL CHECK (state IN ('DUE', 'RETURNED')),
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    bank_account_id BIGINT NOT NULL,
    bank_tran_id TEXT NOT NULL,
    bank_tran_day TEXT NOT NULL,
    ordered_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL CHECK (attempt >= 1),
    is_sent BOOLEAN NOT NULL,
    next_at BIGINT NOT NULL,
    refusal TEXT,
    api_tran_id TEXT,
    due_at BIGINT NOT NULL,
    returned_at BIGINT,
    PRIMARY KEY (asp_id, apply_no)
);
CREATE INDEX fee_return_due ON fee_return (asp_id, next_at, apply_no) WHERE state = 'DUE';

-- Made anew: the recipient is erased some days after arrival.
CREATE TABLE delivery_new (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('READY', 'RECEIPT', 'PRE_SHIPPING', 'SHIPPING',
        'ARRIVAL', 'LOST', 'RETURN', 'CANCEL', 'ETC')),
    card_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL CHECK (attempt >= 1),
    recipient_sealed BYTEA,
    maker_id TEXT,
    file_sequence BIGINT,
    carrier TEXT,
    tracking_no TEXT,
    ordered_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (asp_id, apply_no)
);
INSERT INTO delivery_new (asp_id, apply_no, state, card_id, attempt, recipient_sealed, ordered_at,
    changed_at, ended_at)
SELECT asp_id, apply_no, state, card_id, 1, recipient_sealed, ordered_at, changed_at,
    CASE WHEN state IN ('ARRIVAL', 'CANCEL', 'ETC') THEN changed_at END
FROM delivery;
DROP TABLE delivery;
ALTER TABLE delivery_new RENAME TO delivery;
CREATE INDEX delivery_unwritten ON delivery (asp_id, ordered_at, apply_no)
    WHERE state = 'READY' AND file_sequence IS NULL;
CREATE INDEX delivery_by_file ON delivery (asp_id, maker_id, file_sequence, apply_no)
    WHERE file_sequence IS NOT NULL;
CREATE INDEX delivery_returned ON delivery (asp_id, changed_at, apply_no) WHERE state = 'RETURN';
CREATE INDEX delivery_to_erase ON delivery (asp_id, ended_at, apply_no)
    WHERE recipient_sealed IS NOT NULL AND ended_at IS NOT NULL;

CREATE TABLE delivery_event (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('READY', 'RECEIPT', 'PRE_SHIPPING', 'SHIPPING',
        'ARRIVAL', 'LOST', 'RETURN', 'CANCEL', 'ETC')),
    received_at BIGINT NOT NULL,
    is_effective BOOLEAN NOT NULL,
    carrier TEXT,
    tracking_no TEXT,
    place TEXT,
    reason TEXT,
    PRIMARY KEY (asp_id, apply_no, attempt, occurred_at, state)
);

CREATE TABLE card_maker (
    asp_id TEXT NOT NULL,
    maker_id TEXT NOT NULL,
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    next_sequence BIGINT NOT NULL CHECK (next_sequence >= 1),
    next_return_sequence BIGINT NOT NULL CHECK (next_return_sequence >= 1),
    PRIMARY KEY (asp_id, maker_id)
);

CREATE TABLE delivery_file (
    asp_id TEXT NOT NULL,
    maker_id TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('OUT', 'RETURN')),
    file_sequence BIGINT NOT NULL,
    row_count BIGINT NOT NULL CHECK (row_count >= 0),
    digest BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    PRIMARY KEY (asp_id, maker_id, direction, file_sequence)
);

CREATE TABLE virtual_account (
    asp_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    bank_code TEXT NOT NULL,
    account_no_sealed BYTEA NOT NULL,
    connect_type TEXT NOT NULL,
    connected_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, account_id)
);

ALTER TABLE operation_log ADD COLUMN clock_shift_us BIGINT NOT NULL DEFAULT 0;

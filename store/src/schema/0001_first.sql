-- One text for SQLite and PostgreSQL: BIGINT, TEXT, BYTEA, BOOLEAN alone. Times are microseconds
-- since 1970 UTC; amounts are minor units of the currency beside them. Every table is keyed by
-- partner first; what belongs to the platform itself stands under asp_id '000000000000000'.
-- What each column means and how it is classed stands in columns.rs.

CREATE TABLE platform_fact (
    asp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (asp_id, name)
);

CREATE TABLE platform_key (
    asp_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'RETIRED')),
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (asp_id, purpose, key_id)
);

CREATE TABLE sandbox_master_key (
    asp_id TEXT NOT NULL,
    master_key BYTEA NOT NULL,
    PRIMARY KEY (asp_id)
);

CREATE TABLE sandbox_secret (
    asp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value_sealed BYTEA NOT NULL,
    PRIMARY KEY (asp_id, name)
);

CREATE TABLE counter (
    asp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    next_value BIGINT NOT NULL,
    PRIMARY KEY (asp_id, name)
);

CREATE TABLE partner (
    asp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'SUSPENDED')),
    PRIMARY KEY (asp_id)
);

CREATE TABLE project (
    asp_id TEXT NOT NULL,
    project_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('SANDBOX', 'UAT', 'SI')),
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'INACTIVE', 'DISCARDED')),
    access_key_digest BYTEA NOT NULL,
    digest_key_id BIGINT NOT NULL,
    secret_key_sealed BYTEA NOT NULL,
    plain_requests TEXT NOT NULL CHECK (plain_requests IN ('ACCEPTED', 'REFUSED')),
    correlation_ids TEXT NOT NULL CHECK (correlation_ids IN ('LENIENT', 'STRICT')),
    tran_time_window_ms BIGINT NOT NULL CHECK (tran_time_window_ms > 0),
    replay_window_ms BIGINT NOT NULL CHECK (replay_window_ms > 0),
    PRIMARY KEY (asp_id, project_id)
);
CREATE UNIQUE INDEX project_by_access_key ON project (asp_id, access_key_digest);

CREATE TABLE crypto_key (
    asp_id TEXT NOT NULL,
    crypto_key_id TEXT NOT NULL,
    project_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'RETIRED')),
    server_private_key_sealed BYTEA NOT NULL,
    client_public_key BYTEA NOT NULL,
    PRIMARY KEY (asp_id, crypto_key_id)
);

CREATE TABLE product (
    asp_id TEXT NOT NULL,
    service_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('VOID', 'ACTIVE', 'SUSPENDED', 'DELETED')),
    issuance TEXT NOT NULL CHECK (issuance IN ('PRE_ISSUANCE', 'ORDINARY')),
    mobile_only TEXT NOT NULL CHECK (mobile_only IN ('ALLOWED', 'REFUSED')),
    pays_abroad TEXT NOT NULL CHECK (pays_abroad IN ('NO', 'YES')),
    reissue_fee BIGINT NOT NULL CHECK (reissue_fee >= 0),
    reissue_fee_mobile_only BIGINT NOT NULL CHECK (reissue_fee_mobile_only >= 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    next_service_id TEXT,
    validity_months BIGINT NOT NULL CHECK (validity_months BETWEEN 1 AND 240),
    PRIMARY KEY (asp_id, service_id)
);

CREATE TABLE number_range (
    asp_id TEXT NOT NULL,
    service_id TEXT NOT NULL,
    prefix TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('ISSUE', 'GIVEN')),
    number_key_id BIGINT NOT NULL,
    next_serial BIGINT NOT NULL CHECK (next_serial >= 0),
    serial_end BIGINT NOT NULL CHECK (serial_end >= next_serial),
    PRIMARY KEY (asp_id, service_id, prefix)
);
CREATE UNIQUE INDEX number_range_by_prefix ON number_range (asp_id, prefix);

CREATE TABLE member (
    asp_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'CANCELLED')),
    name_sealed BYTEA NOT NULL,
    phone_sealed BYTEA NOT NULL,
    birth_date_sealed BYTEA NOT NULL,
    id_verified_at BIGINT,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, user_id)
);

CREATE TABLE bank_account (
    asp_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    bank_account_id BIGINT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('PENDING', 'REGISTERED', 'FAILED', 'CONSENT_ENDED', 'DELETED')),
    is_primary BOOLEAN NOT NULL,
    bank_code TEXT NOT NULL,
    fintech_use_num TEXT NOT NULL,
    account_no_sealed BYTEA NOT NULL,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, user_id, bank_account_id)
);

CREATE TABLE card_account (
    asp_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    service_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'SUSPENDED', 'TERMINATED')),
    balance BIGINT NOT NULL CHECK (balance >= 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    balance_limit BIGINT NOT NULL CHECK (balance_limit >= 0),
    is_named BOOLEAN NOT NULL,
    is_main BOOLEAN NOT NULL,
    predecessor_id BIGINT,
    successor_id BIGINT,
    opened_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (asp_id, account_id)
);
CREATE INDEX card_account_by_user ON card_account (asp_id, user_id);

CREATE TABLE card (
    asp_id TEXT NOT NULL,
    card_id BIGINT NOT NULL,
    account_id BIGINT,
    service_id TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('MOBILE', 'PHYSICAL')),
    pan_sealed BYTEA NOT NULL,
    pan_index BYTEA NOT NULL,
    lookup_key_id BIGINT NOT NULL,
    pan_first6 TEXT NOT NULL,
    pan_last4 TEXT NOT NULL,
    par TEXT NOT NULL,
    expiry_yymm TEXT NOT NULL,
    cvc_key_id BIGINT,
    given_cvc_sealed BYTEA,
    apply_no TEXT,
    issued_at BIGINT NOT NULL,
    CHECK ((cvc_key_id IS NULL) <> (given_cvc_sealed IS NULL)),
    PRIMARY KEY (asp_id, card_id)
);
CREATE UNIQUE INDEX card_by_number ON card (asp_id, pan_index);
CREATE UNIQUE INDEX card_by_par ON card (asp_id, par);
-- Covers what is asked by it: SQLite would rather read all of a partner's rows by the primary key
-- than look further by an index of two columns.
CREATE INDEX card_by_account ON card (asp_id, account_id, card_id, par);

CREATE TABLE application (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('ISSUE', 'REISSUE')),
    state TEXT NOT NULL CHECK (state IN ('READY', 'COST_PAYING', 'COST_PAID',
        'COST_PAY_FAILED', 'DIGITAL_ISSUED', 'PHYSICAL_ISSUED', 'CANCELLED', 'RETURN_DUE')),
    user_id BIGINT NOT NULL,
    old_account_id BIGINT NOT NULL,
    holds_old_card BOOLEAN NOT NULL,
    service_id TEXT NOT NULL,
    issuance TEXT NOT NULL CHECK (issuance IN ('PRE_ISSUANCE', 'ORDINARY')),
    delivery TEXT NOT NULL CHECK (delivery IN ('PHYSICAL', 'MOBILE_ONLY')),
    recipient_sealed BYTEA,
    fee BIGINT NOT NULL CHECK (fee >= 0),
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
    deadline_at BIGINT,
    applied_at BIGINT NOT NULL,
    settled_at BIGINT,
    correlation_id TEXT NOT NULL,
    replay_key BYTEA,
    cipher_digest BYTEA,
    strict_key BYTEA,
    PRIMARY KEY (asp_id, apply_no)
);
CREATE UNIQUE INDEX application_open_for_card ON application (asp_id, old_account_id)
    WHERE holds_old_card;
CREATE UNIQUE INDEX application_by_bank_tran ON application (asp_id, bank_tran_id, bank_tran_day)
    WHERE bank_tran_id IS NOT NULL;
CREATE INDEX application_awaiting_bank ON application (asp_id, deadline_at, applied_at)
    WHERE state = 'COST_PAYING';
CREATE INDEX application_return_due ON application (asp_id, apply_no)
    WHERE state = 'RETURN_DUE';
CREATE UNIQUE INDEX application_by_strict ON application (asp_id, strict_key)
    WHERE state = 'COST_PAYING' AND strict_key IS NOT NULL;
CREATE INDEX application_by_user ON application (asp_id, user_id, apply_no, physical_card_id);

CREATE TABLE delivery (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('READY', 'RECEIPT', 'PRE_SHIPPING', 'SHIPPING',
        'ARRIVAL', 'LOST', 'RETURN', 'CANCEL', 'ETC')),
    card_id BIGINT NOT NULL,
    recipient_sealed BYTEA NOT NULL,
    ordered_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, apply_no)
);

CREATE TABLE posting (
    asp_id TEXT NOT NULL,
    log_id BIGINT NOT NULL,
    line BIGINT NOT NULL,
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    PRIMARY KEY (asp_id, log_id, line)
);

CREATE TABLE operation_log (
    asp_id TEXT NOT NULL,
    log_id BIGINT NOT NULL,
    operation TEXT NOT NULL,
    event TEXT NOT NULL,
    code TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    replay_key BYTEA,
    cipher_digest BYTEA,
    strict_key BYTEA,
    PRIMARY KEY (asp_id, log_id)
);
CREATE UNIQUE INDEX operation_log_by_replay ON operation_log (asp_id, replay_key)
    WHERE replay_key IS NOT NULL;
CREATE UNIQUE INDEX operation_log_by_cipher ON operation_log (asp_id, cipher_digest)
    WHERE cipher_digest IS NOT NULL;
CREATE UNIQUE INDEX operation_log_by_strict ON operation_log (asp_id, strict_key)
    WHERE strict_key IS NOT NULL;
CREATE INDEX operation_log_by_subject ON operation_log (asp_id, subject);

CREATE TABLE merchant (
    asp_id TEXT NOT NULL,
    merchant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (asp_id, merchant_id)
);

CREATE TABLE terms (
    asp_id TEXT NOT NULL,
    terms_id TEXT NOT NULL,
    PRIMARY KEY (asp_id, terms_id)
);

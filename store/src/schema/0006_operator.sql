-- What operators do about money that is stuck: rulings on fees that the bank does not speak of,
-- and differences between the bank's daily file and the books.

-- What one person has proposed and another has to confirm.
CREATE TABLE fee_proposal (
    asp_id TEXT NOT NULL,
    apply_no TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('TAKEN', 'REFUSED')),
    evidence TEXT NOT NULL,
    reason TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, apply_no)
);

CREATE TABLE reconciliation_case (
    asp_id TEXT NOT NULL,
    case_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('OURS_ONLY', 'THEIRS_ONLY', 'AMOUNT_DIFFERS')),
    direction TEXT NOT NULL CHECK (direction IN ('W', 'D')),
    bank_tran_id TEXT NOT NULL,
    bank_day TEXT NOT NULL,
    apply_no TEXT,
    ours_amount BIGINT CHECK (ours_amount > 0),
    theirs_amount BIGINT CHECK (theirs_amount > 0),
    currency TEXT NOT NULL CHECK (currency = 'KRW'),
    state TEXT NOT NULL CHECK (state IN ('OPEN', 'CLOSED')),
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    closed_by TEXT,
    reason TEXT,
    CHECK ((state = 'CLOSED') = (closed_by IS NOT NULL)),
    PRIMARY KEY (asp_id, case_id)
);
CREATE UNIQUE INDEX reconciliation_case_once ON reconciliation_case
    (asp_id, bank_day, bank_tran_id, direction) WHERE state = 'OPEN';
CREATE INDEX reconciliation_case_by_day ON reconciliation_case (asp_id, bank_day, case_id);
CREATE INDEX reconciliation_case_open ON reconciliation_case (asp_id, opened_at, case_id)
    WHERE state = 'OPEN';

CREATE INDEX application_by_bank_day ON application (asp_id, bank_tran_day, bank_tran_id)
    WHERE bank_tran_id IS NOT NULL;
CREATE INDEX fee_return_by_bank_day ON fee_return (asp_id, bank_tran_day, bank_tran_id);

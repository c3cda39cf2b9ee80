-- The operation log is sealed into a chain for each partner, in batches, after it is committed.
-- NULL in sealed_in: not yet. Rows that were there before are sealed like new ones.

ALTER TABLE operation_log ADD COLUMN sealed_in BIGINT;
CREATE INDEX operation_log_by_seal ON operation_log (asp_id, sealed_in, log_id);

CREATE TABLE audit_seal (
    asp_id TEXT NOT NULL,
    seal_no BIGINT NOT NULL,
    sealed_at BIGINT NOT NULL,
    audit_key_id BIGINT NOT NULL,
    entries BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (asp_id, seal_no)
);

-- From where, and how often, a project may be called.

ALTER TABLE project ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '';
ALTER TABLE project ADD COLUMN rate_limit_per_second BIGINT NOT NULL DEFAULT 0
    CHECK (rate_limit_per_second >= 0);
ALTER TABLE project ADD COLUMN rate_limit_burst BIGINT NOT NULL DEFAULT 0
    CHECK (rate_limit_burst >= 0);

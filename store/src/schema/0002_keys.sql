-- Keys begin at a moment, so that every server knows a new one before any server uses it. Keys and
-- pairs of keys that were there before have begun.

ALTER TABLE platform_key ADD COLUMN active_from BIGINT NOT NULL DEFAULT 0;

ALTER TABLE sandbox_master_key ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;

ALTER TABLE crypto_key ADD COLUMN made_at BIGINT NOT NULL DEFAULT 0;

-- A component of a key that one person has entered and that waits for another person's.

CREATE TABLE key_component (
    asp_id TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose = 'card_verification'),
    wrapped BYTEA NOT NULL,
    entered_by TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, purpose)
);

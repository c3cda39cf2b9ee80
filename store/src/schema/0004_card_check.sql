-- Wrong guesses at a card's CVC or expiry, while they count. card_id 0 stands for every number that
-- belongs to no card that may be checked.
CREATE TABLE card_check (
    asp_id TEXT NOT NULL,
    card_id BIGINT NOT NULL,
    failures BIGINT NOT NULL CHECK (failures >= 0),
    failed_at BIGINT NOT NULL,
    last_guess BYTEA NOT NULL,
    PRIMARY KEY (asp_id, card_id)
);

-- A project's access keys, up to two live ones; the end of a partner's certificate; banks.

-- Those that projects have had so far are their first ones. The columns of the same names in
-- project stay for servers of the release before, which read them alone: they are written for a
-- project's first key, and name none that exists while that key is suspended or discarded. A later
-- release drops them.
CREATE TABLE access_key (
    asp_id TEXT NOT NULL,
    project_id BIGINT NOT NULL,
    key_no BIGINT NOT NULL CHECK (key_no > 0),
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DISCARDED')),
    access_key_digest BYTEA NOT NULL,
    digest_key_id BIGINT NOT NULL,
    secret_key_sealed BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, project_id, key_no)
);
CREATE UNIQUE INDEX access_key_by_digest ON access_key (asp_id, access_key_digest);
INSERT INTO access_key (asp_id, project_id, key_no, state, access_key_digest, digest_key_id,
    secret_key_sealed, made_at)
SELECT asp_id, project_id, 1, 'ACTIVE', access_key_digest, digest_key_id, secret_key_sealed, 0
FROM project;

-- Servers of the release before take a suspended crypto key for one that serves.
ALTER TABLE crypto_key ADD COLUMN suspended_at BIGINT;
ALTER TABLE crypto_key ADD COLUMN client_not_after BIGINT;

-- The banks of members' accounts, of the platform itself. One that is not there is active.
CREATE TABLE bank (
    asp_id TEXT NOT NULL,
    bank_code TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DISCARDED')),
    made_at BIGINT NOT NULL,
    PRIMARY KEY (asp_id, bank_code)
);

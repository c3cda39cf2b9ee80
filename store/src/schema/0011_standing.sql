-- A partner that was discarded, for good; for servers of the release before it is a suspended one.
ALTER TABLE partner ADD COLUMN discarded_at BIGINT;

-- A range that gives out no further numbers until it is resumed. Servers of the release before take
-- no notice of it.
ALTER TABLE number_range ADD COLUMN suspended_at BIGINT;

-- Whether a worker holds the lease. Without a worker, `lease_until` only delays the janitor. Existing rows count as attended
-- until their lease ends.
ALTER TABLE transactions ADD COLUMN is_attended BIGINT NOT NULL DEFAULT 1;

-- Whether the live branch was kept. Without the row, `sweep` would list that branch as stray.
ALTER TABLE transactions ADD COLUMN is_kept_in_place BIGINT NOT NULL DEFAULT 0;

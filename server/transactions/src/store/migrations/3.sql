-- Whether a worker has the row: a lease without one keeps only the janitor away. Rows of before are told by their lease.
ALTER TABLE transactions ADD COLUMN is_attended BIGINT NOT NULL DEFAULT 1;

-- Whether the branch stays under the name that a transaction had it by: the row is all that tells it from one that was forgotten.
ALTER TABLE transactions ADD COLUMN is_kept_in_place BIGINT NOT NULL DEFAULT 0;

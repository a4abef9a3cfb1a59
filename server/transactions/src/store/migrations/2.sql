-- Idle timeout from `details`, to extend transactions after a downtime. Existing rows get the default of the service.
ALTER TABLE transactions ADD COLUMN idle_timeout BIGINT NOT NULL DEFAULT 600000;

-- Random number of the last write. If the response to a write is lost, the writer finds its own number.
ALTER TABLE transactions ADD COLUMN write_id BIGINT NOT NULL DEFAULT 0;

-- Start of the commit in progress. Queue positions are computed from it.
ALTER TABLE transactions ADD COLUMN commit_time BIGINT;

-- Rows that the janitor may have to process. Clean rows are excluded, so the index stays small.
CREATE INDEX transactions_to_do ON transactions (idle_expire_time) WHERE is_clean = 0;

CREATE INDEX transactions_live ON transactions (owner) WHERE end_time IS NULL;

CREATE INDEX transactions_committing ON transactions (repository, base_branch) WHERE state = 'committing';

-- Time of the last heartbeat of any replica.
CREATE TABLE lakeport_service (seen BIGINT NOT NULL);

INSERT INTO lakeport_service (seen) VALUES (0);

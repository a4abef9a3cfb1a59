-- As in `details`, for a downtime. Rows of before get the default of the service.
ALTER TABLE transactions ADD COLUMN idle_timeout BIGINT NOT NULL DEFAULT 600000;

-- Who wrote a row last, so that a writer whose answer was lost finds itself.
ALTER TABLE transactions ADD COLUMN write_id BIGINT NOT NULL DEFAULT 0;

-- When the commit under way began, which is the order of those of one base.
ALTER TABLE transactions ADD COLUMN commit_time BIGINT;

-- What the janitor looks through, however many have ended.
CREATE INDEX transactions_to_do ON transactions (idle_expire_time) WHERE is_clean = 0;

CREATE INDEX transactions_live ON transactions (owner) WHERE end_time IS NULL;

CREATE INDEX transactions_committing ON transactions (repository, base_branch) WHERE state = 'committing';

-- When any replica was last there.
CREATE TABLE lakeport_service (seen BIGINT NOT NULL);

INSERT INTO lakeport_service (seen) VALUES (0);

-- Version calls with an idempotency key. Rows are kept while a retry may arrive.
CREATE TABLE requests (
    owner       TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    -- Hash of the method and the parameters.
    fingerprint TEXT   NOT NULL,
    -- Random number of the current attempt.
    attempt     BIGINT NOT NULL,
    -- State of lakeFS before the first attempt, as JSON.
    state_before TEXT  NOT NULL,
    -- Result, as JSON. Empty: not known yet.
    outcome     TEXT   NOT NULL,
    -- Time until which the current attempt may take effect.
    until       BIGINT NOT NULL,
    expire_time BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
);

CREATE INDEX requests_by_expiry ON requests (expire_time);

CREATE TABLE transactions (
    owner              TEXT   NOT NULL,
    id                 TEXT   NOT NULL,
    state              TEXT   NOT NULL,
    version            BIGINT NOT NULL,
    epoch              BIGINT NOT NULL,
    repository         TEXT   NOT NULL,
    base_branch        TEXT   NOT NULL,
    base_commit_id     TEXT   NOT NULL,
    branch             TEXT   NOT NULL,
    lease_until        BIGINT NOT NULL,
    is_clean           BIGINT NOT NULL,
    create_time        BIGINT NOT NULL,
    idle_expire_time   BIGINT NOT NULL,
    expire_time        BIGINT NOT NULL,
    end_time           BIGINT,
    details            TEXT   NOT NULL,
    PRIMARY KEY (owner, id)
);

CREATE INDEX transactions_by_age ON transactions (owner, create_time);

CREATE INDEX transactions_by_end ON transactions (end_time, idle_expire_time);

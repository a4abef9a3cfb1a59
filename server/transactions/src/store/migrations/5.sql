-- Requests that change a path in a transaction and may be on their way to lakeFS. The name of a live branch is never reused.
CREATE TABLE requests_in_flight (
    branch  TEXT NOT NULL,
    path    TEXT NOT NULL,
    -- The process that sent the request.
    process TEXT NOT NULL,
    PRIMARY KEY (branch, path)
);

-- Server processes.
CREATE TABLE processes (
    name        TEXT   NOT NULL PRIMARY KEY,
    -- Start of the time in which the process was alive without a gap.
    alive_since BIGINT NOT NULL,
    -- Time at which the other processes assume that the process is dead, unless it extends the time.
    alive_until BIGINT NOT NULL
);

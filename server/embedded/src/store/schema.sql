-- A lake, schema version 1. Keys of objects are BLOBs, so that they sort by their bytes.

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE repositories (
    number            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so what a deleted one left is told apart
    id                TEXT NOT NULL UNIQUE,
    storage_namespace TEXT NOT NULL,
    default_branch    TEXT NOT NULL,
    read_only         INTEGER NOT NULL,
    creation_date     INTEGER NOT NULL
);

-- Every namespace that was ever used: lakeFS never lets one be used again.
CREATE TABLE namespaces (storage_namespace TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE repository_metadata (
    repository INTEGER NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE branches (
    number     INTEGER PRIMARY KEY AUTOINCREMENT, -- names what is staged; a branch of the same name made later has another
    repository INTEGER NOT NULL,
    name       TEXT NOT NULL,
    commit_id  TEXT NOT NULL,
    hidden     INTEGER NOT NULL,
    UNIQUE (repository, name)
);

CREATE TABLE tags (
    repository INTEGER NOT NULL,
    name       TEXT NOT NULL,
    commit_id  TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE commits (
    repository    INTEGER NOT NULL,
    id            TEXT NOT NULL,
    parents       TEXT NOT NULL, -- JSON array, in order
    committer     TEXT NOT NULL,
    message       TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    tree          TEXT NOT NULL, -- hex ID of the metarange, '' for the empty tree
    metadata      TEXT NOT NULL, -- JSON object
    generation    INTEGER NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;

-- Ranges and metaranges, by the SHA-256 of their content.
CREATE TABLE nodes (
    repository INTEGER NOT NULL,
    id         BLOB NOT NULL,
    is_range   INTEGER NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (repository, id)
);

-- What is written and not committed. No entry: the key is deleted.
CREATE TABLE staging (
    branch   INTEGER NOT NULL,
    path     BLOB NOT NULL,
    sequence INTEGER NOT NULL, -- grows with every write to the lake: a commit takes what is not above what it has seen
    entry    BLOB,
    PRIMARY KEY (branch, path)
) WITHOUT ROWID;

CREATE TABLE protections (
    repository INTEGER NOT NULL,
    pattern    TEXT NOT NULL,
    PRIMARY KEY (repository, pattern)
) WITHOUT ROWID;

PRAGMA user_version = 1;

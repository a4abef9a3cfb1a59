-- Schema of a lake, version 2. Object keys are BLOBs, so that they sort by their bytes.

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE repositories (
    number            INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused, so that data left by a deleted repository is not confused
    id                TEXT NOT NULL UNIQUE,
    storage_namespace TEXT NOT NULL,
    default_branch    TEXT NOT NULL,
    read_only         INTEGER NOT NULL,
    creation_date     INTEGER NOT NULL
);

-- All storage namespaces that were ever used. As in lakeFS, a namespace cannot be used again.
CREATE TABLE namespaces (storage_namespace TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE repository_metadata (
    repository INTEGER NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE branches (
    number     INTEGER PRIMARY KEY AUTOINCREMENT, -- key of staged changes; never reused, even for a branch with the same name
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

-- Ranges and metaranges, keyed by the SHA-256 of their content.
CREATE TABLE nodes (
    repository INTEGER NOT NULL,
    id         BLOB NOT NULL,
    is_range   INTEGER NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (repository, id)
);

-- Uncommitted changes. If the entry is NULL, the change is a deletion.
CREATE TABLE staging (
    branch   INTEGER NOT NULL,
    path     BLOB NOT NULL,
    sequence INTEGER NOT NULL, -- grows with every write to the lake; a commit takes only writes up to the last that it read
    entry    BLOB,
    crc32c   INTEGER, -- CRC32C of the branch, the path and the entry; NULL for rows of version 1
    PRIMARY KEY (branch, path)
) WITHOUT ROWID;

-- Checksums of blobs. A blob of version 1 has no row until a scrub has verified it.
CREATE TABLE blobs (
    id     TEXT PRIMARY KEY,
    size   INTEGER NOT NULL,
    blocks BLOB NOT NULL -- CRC32C of each block of 256 KiB: 4 bytes each, in little-endian order
) WITHOUT ROWID;

CREATE TABLE protections (
    repository INTEGER NOT NULL,
    pattern    TEXT NOT NULL,
    PRIMARY KEY (repository, pattern)
) WITHOUT ROWID;

PRAGMA user_version = 2;

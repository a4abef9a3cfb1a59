-- Migrates a lake from schema version 1 to version 2. Data of version 1 stays without checksums.

CREATE TABLE blobs (
    id     TEXT PRIMARY KEY,
    size   INTEGER NOT NULL,
    blocks BLOB NOT NULL -- CRC32C of each block of 256 KiB: 4 bytes each, in little-endian order
) WITHOUT ROWID;

ALTER TABLE staging ADD COLUMN crc32c INTEGER; -- CRC32C of the branch, the path and the entry; NULL for rows of version 1

PRAGMA user_version = 2;

-- What an endpoint's calls were like: statuses, times, sizes, consumers (addresses and keyed fingerprints), data classes by name of field,
-- calls by hour and day. Bytes as agent/audit/src/inventory/profile/packed.rs writes them.
ALTER TABLE endpoints ADD COLUMN profile BLOB;

-- What an endpoint's bodies and parameters look like: types, formats, presence, no value but words that many share. In a form of its own
-- (agent/audit/src/schema/codec.rs), whose first byte is its version.
CREATE TABLE schemas (
    endpoint TEXT PRIMARY KEY,
    packed   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What counts in this file belong to, since it was made: of two reports of one life the newer counts (agent/audit/src/inventory/fleet.rs).
INSERT INTO meta VALUES ('life', lower(hex(randomblob(8))));

-- What an API's documents have and had: a line for each operation, method and templates, parted by tabs.
CREATE TABLE documents (
    api        TEXT PRIMARY KEY,
    operations TEXT NOT NULL
) STRICT, WITHOUT ROWID;

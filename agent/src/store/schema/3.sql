-- What an endpoint's calls were like: statuses, times, sizes, consumers (addresses and keyed fingerprints), data classes by name of field,
-- calls by hour and day. Bytes as agent/audit/src/inventory/profile/packed.rs writes them.
ALTER TABLE endpoints ADD COLUMN profile BLOB;

-- What an endpoint's bodies and parameters look like: types, formats, presence, no value but words that many share. In a form of its own
-- (agent/audit/src/schema/codec.rs), whose first byte is its version.
CREATE TABLE schemas (
    endpoint TEXT PRIMARY KEY,
    packed   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

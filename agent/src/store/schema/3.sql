-- What an endpoint's calls were like: statuses, times, sizes, consumers (addresses and keyed fingerprints), data classes by name of field,
-- calls by hour and day. Bytes as agent/audit/src/inventory/profile/packed.rs writes them.
ALTER TABLE endpoints ADD COLUMN profile BLOB;

-- Each severity that a finding was seen with and that still holds, its classes of evidence, and why nothing is told of it.
ALTER TABLE findings ADD COLUMN levels TEXT NOT NULL DEFAULT '[]';   -- JSON: [{severity, last, because}, ...], mildest first
ALTER TABLE findings ADD COLUMN classes TEXT NOT NULL DEFAULT '[]';  -- JSON: numbers
ALTER TABLE findings ADD COLUMN quiet TEXT;                          -- JSON: {why, since, until, by, reason}; NULL: it is told

-- What people decided about findings, one decision for each. Some may be about findings that are no longer known.
CREATE TABLE decisions (
    finding TEXT PRIMARY KEY,
    choice  TEXT NOT NULL,               -- acknowledged, accepted, baseline
    author  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    reason  TEXT,
    up_to   TEXT NOT NULL,               -- the worst severity that it covers
    classes TEXT,                        -- JSON: the classes of evidence that it covers; NULL: all
    warned  INTEGER NOT NULL,            -- its end was announced
    kind    TEXT NOT NULL,
    api     TEXT NOT NULL,
    method  TEXT NOT NULL,
    route   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Windows in which nothing leaves for what matches; NULL matches all.
CREATE TABLE silences (
    id       INTEGER PRIMARY KEY,
    kind     TEXT,
    api      TEXT,
    endpoint TEXT,
    author   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    reason   TEXT NOT NULL
) STRICT;

-- When each API was first met, and whether somebody ended its first days early.
CREATE TABLE learning (
    api      TEXT PRIMARY KEY,
    began    INTEGER NOT NULL,
    ended    INTEGER,
    ended_by TEXT
) STRICT, WITHOUT ROWID;

-- What happened to each finding, and who did it. Lines are added, never changed.
CREATE TABLE history (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    finding  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    author   TEXT,                       -- NULL: the agent itself
    what     TEXT NOT NULL,
    severity TEXT NOT NULL,
    note     TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_finding ON history (finding, id);

-- What an endpoint's own answers announce of its end (Deprecation, RFC 9745; Sunset, RFC 8594): JSON of dates and words, nothing else of the
-- fields' text. Since when it is known to be in the document. For how long it is idle, and how well that is known: JSON.
ALTER TABLE endpoints ADD COLUMN announced TEXT;
ALTER TABLE endpoints ADD COLUMN since INTEGER;
ALTER TABLE endpoints ADD COLUMN idle TEXT;

-- Who owns what the finding is about.
ALTER TABLE findings ADD COLUMN owner TEXT;

-- How long, and how completely, traffic was watched, by day (UTC, days since 1970): of the agent (api is empty) the seconds, of an API with
-- a document its bytes and those in which calls may have been that nobody saw.
CREATE TABLE watched (
    api     TEXT NOT NULL,
    day     INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    missed  INTEGER NOT NULL,
    PRIMARY KEY (api, day)
) STRICT, WITHOUT ROWID;

-- Paths that are no endpoint, and who asks for them: a list for each API that has one, and one (api = '') for all others. In a form of its
-- own (agent/audit/src/inventory/probed/packed.rs), whose first byte is its version. Paths as names and variables, no value.
CREATE TABLE probed (
    api    TEXT PRIMARY KEY,
    packed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

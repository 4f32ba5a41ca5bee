-- Times are nanoseconds since the Unix epoch, UTC. Ids are 16 hex digits. Nothing here holds a secret value:
-- text from traffic comes in masked, keys and tokens only as keyed fingerprints ("k:" and 16 hex digits).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints (
    id                 TEXT PRIMARY KEY,
    api                TEXT NOT NULL,
    method             TEXT NOT NULL,
    route              TEXT NOT NULL,
    template           TEXT NOT NULL,
    document           TEXT NOT NULL,
    first              INTEGER,
    last               INTEGER,
    calls              INTEGER NOT NULL,
    by_class           TEXT NOT NULL,    -- JSON: six counts, 1xx .. 5xx and no answer
    by_auth            TEXT NOT NULL,    -- JSON: [[way or null, count], ...]
    request_bytes_max  INTEGER NOT NULL,
    response_bytes_max INTEGER NOT NULL,
    response_bytes_sum INTEGER NOT NULL,
    latency_ms         TEXT,             -- JSON: p50, p90, p99
    owner              TEXT
) STRICT;
CREATE INDEX endpoints_by_route ON endpoints (api, method, route);

CREATE TABLE findings (
    id             TEXT PRIMARY KEY,
    api            TEXT NOT NULL,
    kind           TEXT NOT NULL,
    method         TEXT NOT NULL,
    route          TEXT NOT NULL,
    severity       TEXT NOT NULL,
    because        TEXT NOT NULL,
    status         TEXT NOT NULL,
    opened         INTEGER NOT NULL,
    first          INTEGER NOT NULL,
    last           INTEGER NOT NULL,
    resolved       INTEGER,
    count          INTEGER NOT NULL,
    calls          INTEGER NOT NULL,
    consumers      TEXT NOT NULL,        -- JSON: who called
    consumers_more INTEGER NOT NULL,
    evidence       TEXT NOT NULL,        -- JSON: [{at, flow, index, consumer, what}, ...]
    revision       INTEGER NOT NULL,
    transition     TEXT NOT NULL
) STRICT;
CREATE INDEX findings_open ON findings (status, severity);

CREATE TABLE calls (
    id                INTEGER PRIMARY KEY,
    began             INTEGER NOT NULL,
    ended             INTEGER NOT NULL,
    flow              TEXT NOT NULL,
    exchange          INTEGER NOT NULL,
    api               TEXT NOT NULL,
    method            TEXT,
    route             TEXT,
    host              TEXT,
    path              TEXT NOT NULL,
    query_keys        TEXT NOT NULL,     -- JSON: names
    status            INTEGER,
    consumer          TEXT NOT NULL,
    client            TEXT NOT NULL,
    server            TEXT NOT NULL,
    interface         TEXT,
    workload          TEXT,
    version           TEXT NOT NULL,
    encrypted         INTEGER NOT NULL,
    request_bytes     INTEGER,
    response_bytes    INTEGER,
    records           INTEGER,
    request_complete  INTEGER NOT NULL,
    response_complete INTEGER NOT NULL
) STRICT;
CREATE INDEX calls_by_time ON calls (began);
CREATE INDEX calls_by_consumer ON calls (consumer, began);
CREATE INDEX calls_by_route ON calls (api, route, method, began);

CREATE TABLE coverage (
    api         TEXT PRIMARY KEY,
    parsed      INTEGER NOT NULL,
    budget      INTEGER NOT NULL,
    verdict     INTEGER NOT NULL,
    encrypted   INTEGER NOT NULL,
    ring        INTEGER NOT NULL,
    gap         INTEGER NOT NULL,
    memory      INTEGER NOT NULL,
    not_http    INTEGER NOT NULL,
    malformed   INTEGER NOT NULL,
    joined_late INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What receivers have to hear, in order. A row goes when the cursor of every target has passed it.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    finding    TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    transition TEXT NOT NULL,
    severity   TEXT NOT NULL,
    enqueued   INTEGER NOT NULL,
    snapshot   TEXT NOT NULL             -- JSON: the finding right after its transition
) STRICT;

-- One for each address that alerts are sent to: the newest outbox row that it accepted.
CREATE TABLE cursors (
    target   TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    seen     INTEGER NOT NULL            -- last time the target was configured or resolved
) STRICT, WITHOUT ROWID;

-- What a target that wants to be reminded (Alertmanager) has accepted, and is reminded of.
CREATE TABLE standing (
    target    TEXT NOT NULL,
    finding   TEXT NOT NULL,
    severity  TEXT NOT NULL,
    team      TEXT,
    accepted  INTEGER NOT NULL,          -- first acceptance as firing
    ended     INTEGER,                   -- when it ended
    end_told  INTEGER,                   -- first acceptance of the end
    snapshot  TEXT NOT NULL,
    PRIMARY KEY (target, finding, severity)
) STRICT, WITHOUT ROWID;

-- What a receiver refused for good. For people to look at.
CREATE TABLE parked (
    id       INTEGER PRIMARY KEY,
    target   TEXT NOT NULL,
    finding  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    snapshot TEXT NOT NULL
) STRICT;

-- Documents on their way to a remote sink. Written in the transaction of what they tell of.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    prio INTEGER NOT NULL,              -- 0 goes first, and is dropped last
    target TEXT NOT NULL,
    op TEXT NOT NULL,                   -- create or index
    doc_id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0, -- NULL would defeat UNIQUE
    body BLOB NOT NULL,
    enqueued_at INTEGER NOT NULL,       -- by the clock of this machine, in nanoseconds
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE (target, doc_id, version)
);
CREATE INDEX outbox_order ON outbox (prio, seq);
CREATE INDEX outbox_age ON outbox (enqueued_at);

-- What the sink will never take, and why.
CREATE TABLE dead_letter (
    seq INTEGER PRIMARY KEY,
    prio INTEGER NOT NULL,
    target TEXT NOT NULL,
    op TEXT NOT NULL,
    doc_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,            -- of HTTP; 0 where it was never sent
    error_type TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- What was counted, and how the sender is.
CREATE TABLE delivery_counts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE delivery_facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What was told of each device last, so that only changes are told.
CREATE TABLE told_assets (
    id TEXT PRIMARY KEY,
    facts TEXT NOT NULL                 -- JSON
) WITHOUT ROWID;

-- What is normal: who takes part, how far each conversation is learned, and every statement.
CREATE TABLE baseline_facts (
    name TEXT PRIMARY KEY,       -- learning, since_ns, days
    value TEXT NOT NULL          -- JSON
) WITHOUT ROWID;

CREATE TABLE baseline_parties (
    id TEXT PRIMARY KEY,         -- of the asset, or its address where it is none
    name TEXT NOT NULL,
    ip TEXT,
    mac TEXT,
    vlan INTEGER,
    addresses TEXT NOT NULL      -- JSON: every address that it was seen under
) WITHOUT ROWID;

CREATE TABLE baseline_edges (
    client TEXT NOT NULL,
    server TEXT NOT NULL,
    protocol TEXT NOT NULL,
    document TEXT NOT NULL,      -- JSON
    PRIMARY KEY (client, server, protocol)
) WITHOUT ROWID;

CREATE TABLE baseline_statements (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,         -- a state that a person gave is only changed by people
    count INTEGER NOT NULL,      -- how often it was seen, and when last: written far more often
    last_seen_ns INTEGER NOT NULL,
    document TEXT NOT NULL       -- JSON: key, ranges, first time, who settled it and why
) WITHOUT ROWID;

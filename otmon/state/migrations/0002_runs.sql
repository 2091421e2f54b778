-- Every capture file that has been taken in, so that none counts twice.
CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    sha256 TEXT UNIQUE,          -- of the whole file; NULL for standard input
    head TEXT,                   -- SHA-256 of its first 4,096 bytes: finds a file that has grown
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_ns INTEGER,
    last_ns INTEGER,
    taken_ns INTEGER NOT NULL    -- when it was taken in, by the clock of this machine
);
CREATE INDEX captures_head ON captures (head);

-- How far each sensor has come, in packet time. Files together are one sensor.
CREATE TABLE positions (
    sensor TEXT PRIMARY KEY,
    time_ns INTEGER NOT NULL
) WITHOUT ROWID;

-- What detectors and other parts with memory remember, each in a form of its own.
CREATE TABLE memories (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    content TEXT NOT NULL        -- JSON
) WITHOUT ROWID;

-- The document of the last run, in parts, as compressed JSON.
CREATE TABLE result_parts (
    name TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;

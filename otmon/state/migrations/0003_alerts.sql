CREATE TABLE alerts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,   -- what people call it; never given twice
    key TEXT NOT NULL,                          -- the same for all matches that make one alert
    rule TEXT NOT NULL,                         -- id of the rule
    severity INTEGER NOT NULL,
    level TEXT NOT NULL,
    sighted_ns INTEGER NOT NULL,                -- first match since it was last quiet for long
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    count INTEGER NOT NULL,
    client TEXT,
    server TEXT,
    storm INTEGER,                              -- the alert it is folded into
    status TEXT NOT NULL DEFAULT 'open',        -- what people settled: only they change it, but
    muted_until_ns INTEGER,                     -- for traffic that opens an alert again
    document TEXT NOT NULL                      -- all of it as JSON
);
CREATE INDEX alerts_key ON alerts (key, number);
CREATE INDEX alerts_last ON alerts (status, last_ns);
CREATE INDEX alerts_client ON alerts (client, first_ns) WHERE client IS NOT NULL;
CREATE INDEX alerts_server ON alerts (server, first_ns) WHERE server IS NOT NULL;

-- What sinks have to tell: an alert was raised, became worse, came back, or was settled.
CREATE TABLE alert_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time_ns INTEGER NOT NULL,                   -- packet time, or when a person acted
    status TEXT NOT NULL,
    severity INTEGER NOT NULL,
    level TEXT NOT NULL,
    count INTEGER NOT NULL,
    author TEXT,
    note TEXT
);
CREATE INDEX alert_changes_number ON alert_changes (number);

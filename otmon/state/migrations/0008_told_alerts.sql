-- What a remote sink was told of alerts, as it was told: for one that has lost it. It goes with
-- the alert; what an older otmon told is not here.
CREATE TABLE told_alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    raised INTEGER NOT NULL,            -- 1 for the alert itself, 0 for an update of it
    prio INTEGER NOT NULL,
    target TEXT NOT NULL,
    doc_id TEXT NOT NULL,
    body BLOB NOT NULL,                 -- the document, by zlib
    UNIQUE (target, doc_id)
);
CREATE INDEX told_alerts_number ON told_alerts (number);

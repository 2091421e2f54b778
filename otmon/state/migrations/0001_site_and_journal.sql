-- What the file is about: one row a name.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What people did, in the order in which they did it. Nothing here is ever changed.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ns INTEGER NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,      -- alert, statement, asset, ...
    subject TEXT NOT NULL,   -- its id
    before TEXT,             -- JSON; NULL where it was not there
    after TEXT,              -- JSON; NULL where it is gone
    note TEXT,
    batch INTEGER NOT NULL,  -- the first entry of one command
    undoes INTEGER REFERENCES journal (id)
);
CREATE INDEX journal_subject ON journal (kind, subject, id);
CREATE INDEX journal_batch ON journal (batch);
CREATE UNIQUE INDEX journal_undoes ON journal (undoes) WHERE undoes IS NOT NULL;

CREATE TRIGGER journal_is_not_changed BEFORE UPDATE ON journal
BEGIN SELECT RAISE (ABORT, 'the journal is only added to'); END;
CREATE TRIGGER journal_is_not_shortened BEFORE DELETE ON journal
BEGIN SELECT RAISE (ABORT, 'the journal is only added to'); END;

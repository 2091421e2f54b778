-- Every device of the site, as the inventory left it. An id is for ever.
CREATE TABLE assets (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,     -- rises with every device, so that gateways come first
    gateway TEXT,                -- the asset behind which it stands
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    record TEXT NOT NULL         -- all of it as JSON
) WITHOUT ROWID;
CREATE INDEX assets_number ON assets (number);

-- Ids of devices that turned out to be another one.
CREATE TABLE asset_aliases (
    old TEXT PRIMARY KEY,
    id TEXT NOT NULL
) WITHOUT ROWID;

-- What people said of assets. Traffic never writes here.
CREATE TABLE asset_words (
    id TEXT PRIMARY KEY,
    words TEXT NOT NULL          -- JSON
) WITHOUT ROWID;

-- What two ends did in a protocol, over all runs: so that a new run knows who is new.
CREATE TABLE histories (
    client TEXT NOT NULL,        -- IP address, or hardware address where there is none
    server TEXT NOT NULL,
    vlan INTEGER NOT NULL,       -- -1 for none
    protocol TEXT NOT NULL,
    read_count INTEGER NOT NULL,
    change_count INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (client, server, vlan, protocol)
) WITHOUT ROWID;
CREATE INDEX histories_last ON histories (last_ns);

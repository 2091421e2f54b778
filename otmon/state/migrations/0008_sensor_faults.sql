-- What was not well with a sensor, from when to when, in packet time.
CREATE TABLE sensor_faults (
    number INTEGER PRIMARY KEY,
    sensor TEXT NOT NULL,               -- its interfaces
    key TEXT NOT NULL,                  -- what it is: 'eth1 lost'
    words TEXT NOT NULL,                -- the same for people, as it was said last
    began_ns INTEGER NOT NULL,
    ended_ns INTEGER                    -- none while it lasts
);
CREATE INDEX sensor_faults_open ON sensor_faults (sensor) WHERE ended_ns IS NULL;

-- Names for queries: the incident's among all sensors, the sensor's, and those of its hosts (a JSON object, by address). Rows from
-- before have the hosts' only, in what was written.
ALTER TABLE incidents ADD COLUMN uid TEXT;
ALTER TABLE incidents ADD COLUMN sensor TEXT;
ALTER TABLE incidents ADD COLUMN names TEXT;
UPDATE incidents SET names = json_extract(json, '$.names') WHERE json_valid(json);
CREATE INDEX incidents_by_uid ON incidents (uid);

-- What happened to an incident, in order: but for further alerts, which change its row only. Times are of the packets' clock.
CREATE TABLE changes (
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    change TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    shape TEXT NOT NULL,
    severity INTEGER NOT NULL,
    alerts INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    probability REAL NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, id, number),
    FOREIGN KEY (run, id) REFERENCES incidents ON DELETE CASCADE
) WITHOUT ROWID;

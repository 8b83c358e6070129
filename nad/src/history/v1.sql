-- A process of nad that wrote here. Times are nanoseconds since the Unix epoch.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    -- Which process it is, for whoever wants to know whether it still runs.
    process TEXT NOT NULL,
    source TEXT NOT NULL,
    version TEXT NOT NULL,
    -- Seconds that a row of spans sums up.
    span_s INTEGER NOT NULL,
    -- By the system's clock: the beginning, the last sign of life, and the end, unless there was none.
    begun_ns INTEGER NOT NULL,
    noted_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    -- JSON: what became of every packet.
    ledger TEXT
);

-- Incidents as of their last update. Times are of the packets' clock, but for noted_ns, when the row was written.
CREATE TABLE incidents (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    id TEXT NOT NULL,
    noted_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    shape TEXT NOT NULL,
    technique TEXT,
    detected_ns INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    sources TEXT NOT NULL,
    targets TEXT NOT NULL,
    ports TEXT NOT NULL,
    protocols TEXT NOT NULL,
    alerts INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    coverage REAL NOT NULL,
    peak_score REAL NOT NULL,
    score REAL NOT NULL,
    probability REAL NOT NULL,
    threshold REAL NOT NULL,
    view TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- The incident as --incidents writes it.
    json TEXT NOT NULL,
    PRIMARY KEY (run, id)
);
CREATE INDEX incidents_by_time ON incidents (start_ns);
CREATE INDEX incidents_by_age ON incidents (noted_ns);

-- What went on: runs.span_s seconds from start_s on, in seconds since the Unix epoch by the packets' clock. There is no
-- row where no packet came.
CREATE TABLE spans (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    start_s INTEGER NOT NULL,
    noted_ns INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    -- Packets that were looked at.
    records INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    anomalies INTEGER NOT NULL,
    peak_score REAL NOT NULL,
    -- In force at the peak.
    threshold REAL NOT NULL,
    is_learning INTEGER NOT NULL,
    PRIMARY KEY (run, start_s)
);
CREATE INDEX spans_by_age ON spans (noted_ns);

-- The busiest hosts of a span.
CREATE TABLE hosts (
    run INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    host TEXT NOT NULL,
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (run, start_s, host),
    FOREIGN KEY (run, start_s) REFERENCES spans ON DELETE CASCADE
) WITHOUT ROWID;

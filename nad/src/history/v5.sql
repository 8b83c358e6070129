-- What somebody said of an incident; marked_ns is the system's time.
CREATE TABLE marks (
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    mark TEXT NOT NULL,
    comment TEXT,
    marked_ns INTEGER NOT NULL,
    PRIMARY KEY (run, id),
    FOREIGN KEY (run, id) REFERENCES incidents ON DELETE CASCADE
) WITHOUT ROWID;

-- How long this file has been kept, as far as the machine's own clock tells: what leaves because of its age leaves by this, so
-- that a system clock that is set ahead, for a minute or for good, makes nothing old.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Nanoseconds of that.
    kept_ns INTEGER NOT NULL,
    -- The machine's start that boot_ns counts from, and its clock (CLOCK_BOOTTIME) and the system's as of kept_ns.
    boot TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    wall_ns INTEGER
);

-- When a row was written, by that clock.
ALTER TABLE runs ADD COLUMN kept_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN kept_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spans ADD COLUMN kept_ns INTEGER NOT NULL DEFAULT 0;
-- How grave an incident is, 1 to 3: where there is too much, the least grave leaves first.
ALTER TABLE incidents ADD COLUMN severity INTEGER NOT NULL DEFAULT 1;

-- Rows from before have the system's time only. A step of more than a day between two of them counts as a day: it may be a clock
-- that was set.
CREATE TEMP TABLE steps AS
    SELECT noted_ns, sum(min(noted_ns - earlier_ns, 86400000000000)) OVER (ORDER BY noted_ns) AS kept_ns
    FROM (SELECT noted_ns, lag(noted_ns, 1, noted_ns) OVER (ORDER BY noted_ns) AS earlier_ns
          FROM (SELECT noted_ns FROM runs UNION SELECT noted_ns FROM incidents UNION SELECT noted_ns FROM spans));
CREATE INDEX temp.steps_by_time ON steps (noted_ns, kept_ns);
UPDATE runs SET kept_ns = (SELECT steps.kept_ns FROM steps WHERE steps.noted_ns = runs.noted_ns);
UPDATE incidents SET kept_ns = (SELECT steps.kept_ns FROM steps WHERE steps.noted_ns = incidents.noted_ns);
UPDATE spans SET kept_ns = (SELECT steps.kept_ns FROM steps WHERE steps.noted_ns = spans.noted_ns);
INSERT INTO clock (id, kept_ns, boot, boot_ns, wall_ns)
    VALUES (1, coalesce((SELECT max(kept_ns) FROM steps), 0), '', 0, (SELECT max(noted_ns) FROM steps));
DROP TABLE temp.steps;

DROP INDEX incidents_by_age;
DROP INDEX spans_by_age;
CREATE INDEX incidents_by_age ON incidents (severity, kept_ns);
CREATE INDEX spans_by_age ON spans (kept_ns);

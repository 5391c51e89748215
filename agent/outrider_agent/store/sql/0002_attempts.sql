-- Schema 2: a run that was resumed (`outrider run --resume`) has several attempts, each with an end of its own; an end may have evidence.

ALTER TABLE streams ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE runs ADD COLUMN evidence TEXT;      -- JSON: what the kernel killed for memory in the run's cgroup

-- One row an attempt. `runs` shows the newest one's status, reason and so on.
CREATE TABLE attempts (
    run_key       INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    attempt       INTEGER NOT NULL,             -- from 1
    status        TEXT NOT NULL,
    reason        TEXT,
    exit_code     INTEGER,
    signal        INTEGER,
    error_type    TEXT,
    error_message TEXT,
    traceback     TEXT,
    ended_by      TEXT,
    evidence      TEXT,
    started       INTEGER NOT NULL,
    ended         INTEGER,
    host          TEXT,
    seen_end      TEXT,                         -- JSON of the `end` as the attempt's owner (or who watched it die) saw it
    said          TEXT,                         -- JSON of the worst `end` that its other streams wrote: what the script itself said
    PRIMARY KEY (run_key, attempt)
) WITHOUT ROWID;

INSERT INTO attempts (run_key, attempt, status, reason, exit_code, signal, error_type, error_message, traceback, ended_by, started, ended, host,
                      seen_end, said)
SELECT run_key, attempt, status, reason, exit_code, signal, error_type, error_message, traceback, ended_by, started, ended, host, seen_end, said
FROM runs;
UPDATE streams SET attempt = coalesce((SELECT attempt FROM runs WHERE runs.run_id = streams.run_id), 1);

ALTER TABLE runs DROP COLUMN seen_end;
ALTER TABLE runs DROP COLUMN said;

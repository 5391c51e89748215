-- The tracking store, schema 1. Times are nanoseconds since the epoch, UTC. Read it with any SQLite client; views at the end make it easy.

CREATE TABLE experiments (
    experiment_key INTEGER PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    created        INTEGER NOT NULL,
    last_number    INTEGER NOT NULL DEFAULT 0   -- the last run number given out
);

CREATE TABLE runs (
    run_key        INTEGER PRIMARY KEY,
    run_id         TEXT NOT NULL UNIQUE,
    experiment_key INTEGER NOT NULL REFERENCES experiments,
    number         INTEGER NOT NULL,            -- within the experiment, from 1
    name           TEXT,
    status         TEXT NOT NULL,               -- Running, Completed, Failed, Canceled, Unknown
    reason         TEXT,                        -- the vocabulary of docs/spool.md; NULL while it runs
    exit_code      INTEGER,
    signal         INTEGER,
    error_type     TEXT,
    error_message  TEXT,
    traceback      TEXT,
    ended_by       TEXT,                        -- who canceled it
    seen_end       TEXT,                        -- JSON of the `end` as the run's owner (or who watched it die) saw it
    said           TEXT,                        -- JSON of the worst `end` that other streams of the run wrote: what the script itself said
    started        INTEGER NOT NULL,
    ended          INTEGER,
    parent_run_id  TEXT,
    attempt        INTEGER NOT NULL DEFAULT 1,
    experiment_default INTEGER NOT NULL DEFAULT 1,  -- 1 while nobody has chosen the experiment
    command        TEXT,                        -- JSON list
    cwd            TEXT,
    host           TEXT,
    user           TEXT,
    python         TEXT,
    outputs        TEXT,                        -- JSON list of absolute folders that are collected
    UNIQUE (experiment_key, number)
);
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_parent ON runs (parent_run_id) WHERE parent_run_id IS NOT NULL;

-- A deleted run's id: what its streams still bring is passed over.
CREATE TABLE deleted_runs (
    run_id  TEXT PRIMARY KEY,
    deleted INTEGER NOT NULL
);

CREATE TABLE streams (
    stream_key INTEGER PRIMARY KEY,
    run_id     TEXT NOT NULL,
    writer     TEXT NOT NULL,
    owner      INTEGER NOT NULL DEFAULT 0,      -- 1: this stream owns the run (its death without an `end` ends the run)
    host       TEXT,
    boot       TEXT,
    pid        INTEGER,
    rank       INTEGER,
    started    INTEGER,
    UNIQUE (run_id, writer)
);

-- Who may write for a sink, and how far each stream is committed. A commit moves a cursor only from where it stands.
CREATE TABLE owners (
    sink  TEXT PRIMARY KEY,
    token INTEGER NOT NULL,                     -- only grows
    taken INTEGER NOT NULL
);
CREATE TABLE cursors (
    sink           TEXT NOT NULL,
    stream_key     INTEGER NOT NULL REFERENCES streams,
    segment        INTEGER NOT NULL,
    "offset"       INTEGER NOT NULL,
    records        INTEGER NOT NULL DEFAULT 0,  -- committed so far
    bytes          INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, stream_key)
) WITHOUT ROWID;

-- A metric's name within a run, by where its points come from.
CREATE TABLE series (
    series_key INTEGER PRIMARY KEY,
    run_key    INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    name       TEXT NOT NULL,
    source     TEXT NOT NULL,                   -- call, log, printed, file
    kind       TEXT NOT NULL,                   -- scalar, list, text (as soon as one value is text)
    description TEXT,
    stream_key INTEGER,                         -- the stream that its points come from; NULL: from several (then the order is by time)
    count      INTEGER NOT NULL DEFAULT 0,
    last       TEXT,                            -- JSON value: of the last point of the stream, or of the newest where there are several
    last_step  INTEGER,
    last_time  INTEGER,
    min        REAL,                            -- of the finite values
    max        REAL,
    UNIQUE (run_key, name, source)
);

-- Points, packed: each row holds `count` points in the order committed (within a stream: as logged), as three JSON lists of one length.
CREATE TABLE points (
    series_key INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    first      INTEGER NOT NULL,                -- ordinal of its first point in the series, from 0
    count      INTEGER NOT NULL,
    step_min   INTEGER, step_max INTEGER,       -- NULL: no point has a step
    time_min   INTEGER NOT NULL, time_max INTEGER NOT NULL,
    value_min  REAL, value_max REAL,            -- of the finite values
    value_first REAL, value_last REAL,          -- the first and the last finite value
    nonfinite  INTEGER NOT NULL DEFAULT 0,      -- values that are no finite number
    times      TEXT NOT NULL,                   -- JSON: nanoseconds after time_min
    steps      TEXT,                            -- JSON; NULL when no point has one
    "values"   TEXT NOT NULL,                   -- JSON values as docs/spool.md spells them
    PRIMARY KEY (series_key, first)
);

CREATE TABLE rows (
    row_key    INTEGER PRIMARY KEY,             -- in the order committed (within a stream: as logged)
    run_key    INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    stream_key INTEGER NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,                   -- row: one row of it; table: columns of many
    time       INTEGER NOT NULL,
    columns    TEXT NOT NULL,                   -- JSON object, column -> value (row) or list (table), order kept
    description TEXT
);
CREATE INDEX rows_by_run ON rows (run_key, name);

CREATE TABLE logs (
    log_key    INTEGER PRIMARY KEY,             -- in the order committed
    run_key    INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    stream_key INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    level      INTEGER NOT NULL,
    level_name TEXT,                            -- only where it is not a standard one
    logger     TEXT,
    message    TEXT NOT NULL,
    file       TEXT,
    line       INTEGER,
    function   TEXT,
    thread     TEXT,
    thread_id  INTEGER,
    process    TEXT,
    task       TEXT,                            -- of asyncio
    extra      TEXT,                            -- JSON object
    exception  TEXT,                            -- JSON {type, message, traceback}
    stack      TEXT,
    metrics    TEXT,                            -- JSON object, as logged
    step       INTEGER,
    degraded   TEXT,                            -- why it could not be kept as it was
    via        TEXT
);
CREATE INDEX logs_by_run ON logs (run_key, log_key);

-- What the command wrote, as it was: raw chunks.
CREATE TABLE console (
    console_key INTEGER PRIMARY KEY,            -- in the order committed
    run_key    INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    stream_key INTEGER NOT NULL,
    attempt    INTEGER NOT NULL DEFAULT 1,
    fd         INTEGER NOT NULL,                -- 1 stdout, 2 stderr
    "offset"   INTEGER NOT NULL,                -- of its first byte in that stream
    time       INTEGER NOT NULL,
    data       BLOB NOT NULL
);
CREATE INDEX console_by_run ON console (run_key, console_key);

CREATE TABLE tags (
    run_key INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT,                               -- JSON value
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;
CREATE TABLE params (
    run_key INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT,
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;
CREATE TABLE properties (
    run_key INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT,
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;

CREATE TABLE artifacts (
    run_key  INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    path     TEXT NOT NULL,                     -- within the run, as `outputs/model.pkl`; the file system's own bytes
    version  INTEGER NOT NULL,                  -- from 1
    size     INTEGER NOT NULL,
    sha256   TEXT NOT NULL,
    time     INTEGER NOT NULL,                  -- when it was captured
    modified INTEGER,                           -- mtime
    source   TEXT NOT NULL,                     -- outputs, upload
    observed INTEGER NOT NULL DEFAULT 1,        -- 0: earlier versions may have been missed
    PRIMARY KEY (run_key, path, version)
);
CREATE INDEX artifacts_by_blob ON artifacts (sha256);

-- Losses that are known, each with its place: lines set aside, torn tails, refused records.
CREATE TABLE set_aside (
    stream_key INTEGER NOT NULL REFERENCES streams,
    segment    INTEGER NOT NULL,
    "offset"   INTEGER NOT NULL,
    length     INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    data       BLOB,                            -- the line's first 64 KiB
    PRIMARY KEY (stream_key, segment, "offset")
);
CREATE TABLE gaps (
    gap_key    INTEGER PRIMARY KEY,
    run_key    INTEGER REFERENCES runs ON DELETE CASCADE,
    stream_key INTEGER,
    time       INTEGER NOT NULL,
    since      INTEGER,
    records    INTEGER NOT NULL,
    bytes      INTEGER,
    why        TEXT
);
CREATE INDEX gaps_by_run ON gaps (run_key);
CREATE TABLE notes (
    note_key INTEGER PRIMARY KEY,
    run_key  INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    time     INTEGER NOT NULL,
    level    INTEGER,
    message  TEXT NOT NULL
);
CREATE INDEX notes_by_run ON notes (run_key);

-- For people: SELECT * FROM points_view WHERE run_id = '…' AND name = 'loss';
CREATE VIEW points_view AS
SELECT r.run_id, s.name, s.source, p.first + t.key AS ordinal,
       json_extract(p.steps, '$[' || t.key || ']') AS step,
       p.time_min + t.value AS time,
       json_extract(p."values", '$[' || t.key || ']') AS value
FROM points p JOIN series s USING (series_key) JOIN runs r USING (run_key), json_each(p.times) t;

CREATE VIEW runs_view AS
SELECT r.run_id, e.name AS experiment, r.number, r.name, r.status, r.reason, r.exit_code,
       datetime(r.started / 1000000000, 'unixepoch') AS started, datetime(r.ended / 1000000000, 'unixepoch') AS ended
FROM runs r JOIN experiments e USING (experiment_key);

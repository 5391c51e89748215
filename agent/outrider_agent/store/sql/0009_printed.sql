-- What is read from the console's lines. Points of series whose source is `printed`, each with the place that it was read from.

-- How far the console of an attempt is read, and all that the reading of the next line depends on. Written with the points that it led to.
CREATE TABLE readings (
    run_key  INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    attempt  INTEGER NOT NULL,
    fd       INTEGER NOT NULL,
    stream_key INTEGER NOT NULL,                -- the writer that brings it
    "offset" INTEGER NOT NULL,                  -- of the first byte that has not been read
    tail     BLOB NOT NULL,                     -- the line in progress, which ends there
    state    TEXT NOT NULL,                     -- JSON
    unread   INTEGER NOT NULL DEFAULT 0,        -- lines that look like numbers, and that no rule read
    count    REAL,                              -- how far the run is by its own account, of `total`
    total    REAL,
    PRIMARY KEY (run_key, attempt, fd)
) WITHOUT ROWID;

-- Where points were read: as many as `places` has, from the series' `first`-th on.
CREATE TABLE origins (
    series_key INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    first      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    places     TEXT NOT NULL,                   -- JSON: [attempt, fd, offset, length, line] each
    rules      TEXT NOT NULL,                   -- JSON: what read it; one text where it is the same for all
    PRIMARY KEY (series_key, first)
) WITHOUT ROWID;

-- Users' own rules. They go before what is known in general.
CREATE TABLE rules (
    rule_key       INTEGER PRIMARY KEY,
    experiment_key INTEGER REFERENCES experiments ON DELETE CASCADE,  -- NULL: for every run
    name           TEXT,
    pattern        TEXT NOT NULL,
    created        INTEGER NOT NULL
);

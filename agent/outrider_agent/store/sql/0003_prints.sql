-- Schema 3: how records of a logger are printed on the console, as their process told it: by this the print of a record is known among other lines.
CREATE TABLE prints (
    print_key  INTEGER PRIMARY KEY,             -- in the order committed
    run_key    INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    stream_key INTEGER NOT NULL,                -- holds for this process
    time       INTEGER NOT NULL,                -- from here on
    logger     TEXT NOT NULL,
    printers   TEXT NOT NULL                    -- JSON list, docs/spool.md `to`
);
CREATE INDEX prints_by_run ON prints (run_key, print_key);

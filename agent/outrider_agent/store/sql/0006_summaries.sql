-- Summaries of summaries: a chart of millions of points reads a thousand rows, not ten thousand chunks. Kept for chunks that stay as they are;
-- what lies behind the last one of a level is told by the level below, in the end by the chunks themselves (`points`, level 0).
CREATE TABLE summaries (
    series_key  INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    level       INTEGER NOT NULL,               -- 1: of 8 chunks, 2: of 8 of level 1, and so on
    first       INTEGER NOT NULL,               -- ordinal of its first point in the series
    count       INTEGER NOT NULL,
    step_min    INTEGER, step_max INTEGER,
    time_min    INTEGER NOT NULL, time_max INTEGER NOT NULL,
    value_min   REAL, value_max REAL,
    value_first REAL, value_last REAL,
    nonfinite   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (series_key, level, first)
) WITHOUT ROWID;

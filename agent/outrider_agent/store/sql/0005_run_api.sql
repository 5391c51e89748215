-- Schema 5: what the run API says of a run beyond numbers: its description and type, figures, registered models, snapshots.

ALTER TABLE runs ADD COLUMN description TEXT;
ALTER TABLE runs ADD COLUMN type TEXT;
ALTER TABLE runs ADD COLUMN phase TEXT;         -- Queued, Preparing … (docs/spool.md `ph`): what it is doing while status is Running
ALTER TABLE runs ADD COLUMN inputs TEXT;        -- JSON: datasets that it was given, by name
-- A run may be described and tagged by several streams, after its end too: the latest word counts, in whichever order they are committed.
ALTER TABLE runs ADD COLUMN described INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN stream_key INTEGER; -- within a stream its order counts. A tag whose value is NULL was removed.

-- Images, and charts as data: the bytes are the artifact of that path.
CREATE TABLE figures (
    figure_key  INTEGER PRIMARY KEY,            -- in the order committed
    run_key     INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,                  -- of the artifact
    type        TEXT NOT NULL,                  -- image/png … or azureml.v2.confusion_matrix …
    time        INTEGER NOT NULL,
    description TEXT
);
CREATE INDEX figures_by_run ON figures (run_key, figure_key);

-- Models that were registered from a run. The registry itself is the folder `models` of the home.
CREATE TABLE models (
    run_key     INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    path        TEXT,                           -- within the run
    files       TEXT NOT NULL,                  -- JSON: path within the model -> [sha256, size]
    tags        TEXT,                           -- JSON
    properties  TEXT,                           -- JSON
    description TEXT,
    framework   TEXT,
    framework_version TEXT,
    PRIMARY KEY (run_key, name, version)
) WITHOUT ROWID;

CREATE TABLE snapshots (
    run_key     INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    snapshot_id TEXT NOT NULL,
    time        INTEGER NOT NULL,
    sha256      TEXT NOT NULL,                  -- of its content, a blob
    size        INTEGER NOT NULL,
    files       INTEGER,
    root        TEXT,                           -- the folder that it is of
    PRIMARY KEY (run_key, snapshot_id)
) WITHOUT ROWID;

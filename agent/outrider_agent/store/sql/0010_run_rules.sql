-- How a run wants its console read: what it brought itself, as it came. The rules of its experiment come after these.

CREATE TABLE run_rules (
    run_key  INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    attempt  INTEGER NOT NULL,
    options  TEXT NOT NULL,                     -- JSON: the texts of --metric
    file     TEXT,                              -- its project's outrider.toml
    PRIMARY KEY (run_key, attempt)
) WITHOUT ROWID;

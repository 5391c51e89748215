-- Schema 4: several streams may say what a run is called, where it belongs and what it leaves (`outrider run`, then the script): the later
-- word counts (of two chosen experiments the first), in whichever order streams are committed. Times are those of the `run` lines.

ALTER TABLE runs ADD COLUMN named INTEGER NOT NULL DEFAULT 0;           -- when its name was said
ALTER TABLE runs ADD COLUMN chosen INTEGER NOT NULL DEFAULT 0;          -- when its experiment was chosen
ALTER TABLE runs ADD COLUMN outputs_named INTEGER NOT NULL DEFAULT 0;   -- when its outputs were said

-- A run that a user deleted is hidden from every list until it is purged: that can be undone. And warnings are counted without reading the log.

ALTER TABLE runs ADD COLUMN removed INTEGER;    -- when it was deleted; NULL: it was not
CREATE INDEX logs_by_level ON logs (run_key, level) WHERE level >= 30;

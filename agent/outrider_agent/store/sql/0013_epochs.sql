-- The epoch of a point, where what it was read from tells it (printed lines do). NULL wherever no point of a chunk has one.
ALTER TABLE points ADD COLUMN epoch_min REAL;
ALTER TABLE points ADD COLUMN epoch_max REAL;
ALTER TABLE points ADD COLUMN epochs TEXT;          -- JSON, one of each point; NULL when no point has one
ALTER TABLE summaries ADD COLUMN epoch_min REAL;
ALTER TABLE summaries ADD COLUMN epoch_max REAL;
ALTER TABLE series ADD COLUMN last_epoch REAL;      -- the last one that is known

DROP VIEW points_view;
CREATE VIEW points_view AS
SELECT r.run_id, s.name, s.source, p.first + t.key AS ordinal,
       json_extract(p.steps, '$[' || t.key || ']') AS step,
       p.time_min + t.value AS time,
       json_extract(p."values", '$[' || t.key || ']') AS value,
       json_extract(p.epochs, '$[' || t.key || ']') AS epoch
FROM points p JOIN series s USING (series_key) JOIN runs r USING (run_key), json_each(p.times) t;

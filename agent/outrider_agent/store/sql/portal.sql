-- name: overviews
-- How many runs of each experiment have which status, and the latest of each: its key stands beside the greatest start.
SELECT e.name, e.created, r.status, count(*) AS runs, max(r.started) AS last_started, r.run_key
FROM runs r JOIN experiments e USING (experiment_key)
WHERE r.removed IS NULL GROUP BY r.experiment_key, r.status ORDER BY e.name;

-- name: series_of
-- The metrics of several runs (all, or those of a JSON list of names), each in the order they appeared. Runs are a JSON list of keys.
SELECT s.run_key, s.name, s.source, s.kind, s.description, s.count, s.last, s.last_step, s.last_time, s.last_epoch, s.min, s.max
FROM series s WHERE s.run_key IN (SELECT value FROM json_each(:runs)) AND (:names IS NULL OR s.name IN (SELECT value FROM json_each(:names)))
ORDER BY s.run_key, s.series_key;

-- name: heads_of
-- What the metrics of several runs are called, as above, and no more of them.
SELECT s.run_key, s.name, s.source, s.kind FROM series s WHERE s.run_key IN (SELECT value FROM json_each(:runs)) ORDER BY s.run_key, s.series_key;

-- name: spark_series
-- The best series of some names of some runs, and how many points each has. Both are JSON lists.
SELECT r.run_id, s.name, s.series_key, s.stream_key, s.count,
       min(CASE s.source WHEN 'call' THEN 0 WHEN 'log' THEN 1 ELSE 2 END) AS worth
FROM series s JOIN runs r USING (run_key)
WHERE r.run_id IN (SELECT value FROM json_each(:runs)) AND s.name IN (SELECT value FROM json_each(:names)) AND s.kind <> 'text'
GROUP BY s.run_key, s.name;

-- name: spark_chunks
-- The last finite value of each chunk of a series, in order, and how many points the chunk has.
SELECT count, value_last FROM points WHERE series_key = :series_key ORDER BY first;

-- name: names
-- Names that the runs of an experiment, or all, have in one of the tables, those that most have first.
SELECT n.{name} FROM {table} n JOIN runs r USING (run_key) JOIN experiments e USING (experiment_key)
WHERE r.removed IS NULL AND (:experiment IS NULL OR e.name = :experiment) GROUP BY n.{name} ORDER BY count(*) DESC, min(r.run_key), n.{name} LIMIT :limit;

-- name: keyed_series
-- A run's metrics with their keys, in the order they appeared.
SELECT series_key, name, source, kind, description, count, last, last_step, last_time, last_epoch, min, max
FROM series WHERE run_key = :run_key ORDER BY series_key;

-- name: points_from
-- The chunks that hold a metric's points from an ordinal on.
SELECT first, time_min, times, steps, "values", epochs FROM points WHERE series_key = :series_key AND first + count > :have ORDER BY first LIMIT :chunks;

-- name: versions
-- How many versions of files a run has.
SELECT count(*) FROM artifacts WHERE run_key = :run_key;

-- name: logs_before
-- A run's log records before one of them, the last one first; of one attempt or of all.
SELECT log_key AS key, s.writer, s.attempt, time, level, level_name, logger, message, file, line, function, thread, thread_id, process, task, extra, exception,
       stack, metrics, step, degraded, via
FROM logs JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND log_key < :before AND level >= :level AND (:attempt IS NULL OR s.attempt = :attempt) ORDER BY log_key DESC LIMIT :limit;

-- name: log_bounds
-- The first and the last key of a run's log records.
SELECT min(log_key) AS first, max(log_key) AS last FROM logs WHERE run_key = :run_key;

-- name: log_from
-- A log record, or the next after it, and its time.
SELECT log_key AS key, time FROM logs WHERE run_key = :run_key AND log_key >= :key ORDER BY log_key LIMIT 1;

-- name: console_bounds
-- The first and the last key of a run's console.
SELECT min(console_key) AS first, max(console_key) AS last FROM console WHERE run_key = :run_key;

-- name: console_from
-- A chunk of the console, or the next after it, and its time.
SELECT console_key AS key, time FROM console WHERE run_key = :run_key AND console_key >= :key ORDER BY console_key LIMIT 1;

-- name: log_texts
-- What a run's log records say, after one of them; of one attempt or of all.
SELECT log_key AS key, time, message FROM logs JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND log_key > :after AND (:attempt IS NULL OR s.attempt = :attempt) ORDER BY log_key LIMIT :limit;

-- name: blob
-- One version of a file, or its last.
SELECT CAST(path AS BLOB) AS path, version, size, sha256, time, modified, source, observed FROM artifacts
WHERE run_key = :run_key AND CAST(path AS BLOB) = :path AND (:version IS NULL OR version = :version) ORDER BY version DESC LIMIT 1;

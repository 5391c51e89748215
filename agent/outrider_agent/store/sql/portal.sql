-- name: last_runs
-- The run of each experiment that started last.
SELECT e.name AS experiment, r.run_id, max(r.started) AS started FROM runs r JOIN experiments e USING (experiment_key) GROUP BY r.experiment_key;

-- name: statuses
-- How many runs of each experiment have which status.
SELECT e.name AS experiment, r.status, count(*) AS runs FROM runs r JOIN experiments e USING (experiment_key) GROUP BY r.experiment_key, r.status;

-- name: page
-- A page of runs in some order, and how many there are in all. What has no value comes last.
WITH found AS (
    SELECT r.run_id, r.run_key, r.started,
           CASE :sort
               WHEN 'number' THEN r.number
               WHEN 'started' THEN r.started
               WHEN 'duration' THEN coalesce(r.ended, :now) - r.started
               WHEN 'status' THEN r.status
               WHEN 'name' THEN lower(r.name)
               WHEN 'metric' THEN (
                   SELECT CASE WHEN json_type(s.last) IN ('integer', 'real') THEN json_extract(s.last, '$') END
                   FROM series s WHERE s.run_key = r.run_key AND s.name = :metric
                   ORDER BY s.source IN ('call', 'log') DESC, s.last_time DESC LIMIT 1)
           END AS value
    FROM runs r JOIN experiments e USING (experiment_key)
    WHERE (:experiment IS NULL OR e.name = :experiment) AND (:status IS NULL OR r.status = :status)
      AND (:text IS NULL OR instr(lower(coalesce(r.name, '')), lower(:text)) OR instr(r.run_id, :text) = 1)
)
SELECT run_id, run_key, count(*) OVER () AS total FROM found
ORDER BY value IS NULL, CASE WHEN :down THEN value END DESC, CASE WHEN NOT :down THEN value END, started DESC, run_key DESC
LIMIT :limit OFFSET :offset;

-- name: total
-- How many runs fit.
SELECT count(*) FROM runs r JOIN experiments e USING (experiment_key)
WHERE (:experiment IS NULL OR e.name = :experiment) AND (:status IS NULL OR r.status = :status)
  AND (:text IS NULL OR instr(lower(coalesce(r.name, '')), lower(:text)) OR instr(r.run_id, :text) = 1);

-- name: series_of
-- The metrics of several runs, each in the order they appeared. Runs are a JSON list of keys.
SELECT s.run_key, s.name, s.source, s.kind, s.description, s.count, s.last, s.last_step, s.last_time, s.min, s.max
FROM series s WHERE s.run_key IN (SELECT value FROM json_each(:runs)) ORDER BY s.run_key, s.series_key;

-- name: keyed_series
-- A run's metrics with their keys, in the order they appeared.
SELECT series_key, name, source, kind, description, count, last, last_step, last_time, min, max
FROM series WHERE run_key = :run_key ORDER BY series_key;

-- name: points_from
-- The chunks that hold a metric's points from an ordinal on.
SELECT first, time_min, times, steps, "values" FROM points WHERE series_key = :series_key AND first + count > :have ORDER BY first LIMIT :chunks;

-- name: versions
-- How many versions of files a run has.
SELECT count(*) FROM artifacts WHERE run_key = :run_key;

-- name: logs_before
-- A run's log records before one of them, the last one first; of one attempt or of all.
SELECT log_key AS key, s.writer, s.attempt, time, level, level_name, logger, message, file, line, function, thread, thread_id, process, task, extra, exception,
       stack, metrics, step, degraded, via
FROM logs JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND log_key < :before AND level >= :level AND (:attempt IS NULL OR s.attempt = :attempt) ORDER BY log_key DESC LIMIT :limit;

-- name: console_before
-- The chunks that a run's command wrote before one of them, the last one first; in one attempt or in all.
SELECT console_key AS key, attempt, fd, "offset", time, data FROM console
WHERE run_key = :run_key AND console_key < :before AND (:attempt IS NULL OR attempt = :attempt) ORDER BY console_key DESC LIMIT :limit;

-- name: blob
-- One version of a file, or its last.
SELECT CAST(path AS BLOB) AS path, version, size, sha256, time, modified, source, observed FROM artifacts
WHERE run_key = :run_key AND CAST(path AS BLOB) = :path AND (:version IS NULL OR version = :version) ORDER BY version DESC LIMIT 1;

-- name: documents
-- Runs with everything that is said of them (the run API's documents), the newest first: all that were not deleted, of an experiment, or by
-- a JSON list of ids.
SELECT r.run_id AS run, e.name AS experiment, r.number, r.name, r.description, r.type, r.status, r.phase, r.reason, r.exit_code, r.signal,
       r.error_type, r.error_message, r.error_code, r.traceback, r.started, r.ended, r.parent_run_id AS parent, r.command, r.cwd, r.host, r.user, r.python,
       r.outputs, r.inputs,
       (SELECT snapshot_id FROM snapshots s WHERE s.run_key = r.run_key ORDER BY time DESC LIMIT 1) AS snapshot,
       (SELECT json_group_object(key, json(coalesce(value, 'null'))) FROM tags t WHERE t.run_key = r.run_key AND value IS NOT NULL) AS tags,
       (SELECT json_group_object(key, json(coalesce(value, 'null'))) FROM properties p WHERE p.run_key = r.run_key) AS properties,
       (SELECT json_group_object(key, json(coalesce(value, 'null'))) FROM params p WHERE p.run_key = r.run_key) AS params
FROM runs r JOIN experiments e USING (experiment_key)
WHERE (:experiment IS NULL OR e.name = :experiment) AND (:runs IS NULL AND r.removed IS NULL OR r.run_id IN (SELECT value FROM json_each(:runs)))
ORDER BY r.started DESC, r.run_key DESC;

-- name: children
-- The ids of a run's children.
SELECT run_id FROM runs WHERE parent_run_id = :run AND removed IS NULL;

-- name: descendants
-- The ids of a run's children, of theirs, and so on.
WITH RECURSIVE below (run_id) AS (
    SELECT run_id FROM runs WHERE parent_run_id = :run AND removed IS NULL
    UNION SELECT r.run_id FROM runs r JOIN below b ON r.parent_run_id = b.run_id WHERE r.removed IS NULL)
SELECT run_id FROM below WHERE run_id <> :run;

-- name: series_of
-- The metrics of several runs that calls and log records made, in the order they appeared. Runs are a JSON list of ids.
SELECT r.run_id, s.series_key, s.stream_key, s.name, s.source, s.kind FROM series s JOIN runs r USING (run_key)
WHERE r.run_id IN (SELECT value FROM json_each(:runs)) AND s.source IN ('call', 'log') ORDER BY s.series_key;

-- name: values
-- A metric's values alone, packed, in the order committed.
SELECT "values" FROM points WHERE series_key = :series_key ORDER BY first;

-- name: points
-- A metric's times and values, packed, in the order committed.
SELECT time_min, times, "values" FROM points WHERE series_key = :series_key ORDER BY first;

-- name: is_known
-- Is the run there?
SELECT 1 FROM runs WHERE run_id = :run;

-- name: positions
-- How far each stream is committed, of all runs or of a JSON list of them.
SELECT s.run_id, s.writer, c.segment, c."offset" FROM streams s JOIN cursors c ON c.stream_key = s.stream_key AND c.sink = 'store'
WHERE :runs IS NULL OR s.run_id IN (SELECT value FROM json_each(:runs));

-- name: deleted
-- Runs that were deleted: what their streams still bring is nothing.
SELECT run_id FROM deleted_runs WHERE :runs IS NULL OR run_id IN (SELECT value FROM json_each(:runs));

-- name: streams_of
-- A run's streams.
SELECT stream_key, writer, owner, attempt FROM streams WHERE run_id = :run;

-- name: said_of
-- When things were said of a run (ns), and what its newest attempt's end was decided from.
SELECT r.attempt, r.named, r.described, r.outputs_named, r.chosen, r.experiment_default AS is_default, a.seen_end AS seen, a.said
FROM runs r LEFT JOIN attempts a ON a.run_key = r.run_key AND a.attempt = r.attempt WHERE r.run_id = :run;

-- name: tags_of
-- A run's tags, the removed ones too, with when and by which writer they were said.
SELECT t.key, t.value, t.time, s.writer FROM tags t JOIN runs r USING (run_key) LEFT JOIN streams s ON s.stream_key = t.stream_key
WHERE r.run_id = :run;

-- name: files_of
-- A run's files in their last versions.
SELECT CAST(a.path AS BLOB) AS path, a.size, a.sha256 AS sha, a.time FROM artifacts a JOIN runs r USING (run_key)
WHERE r.run_id = :run AND a.version = (SELECT max(version) FROM artifacts b WHERE b.run_key = a.run_key AND b.path = a.path) ORDER BY a.path;

-- name: tables_of
-- Of which names several runs have rows or tables, in the order of the first one committed; of how many streams and kinds they are.
SELECT r.run_id, w.run_key, w.name, count(DISTINCT w.stream_key) AS streams, min(w.stream_key) AS stream_key, min(w.kind) || max(w.kind) AS kinds
FROM rows w JOIN runs r USING (run_key)
WHERE r.run_id IN (SELECT value FROM json_each(:runs)) GROUP BY w.run_key, w.name ORDER BY min(w.row_key);

-- name: rows_of
-- Rows and tables of a name, in the order committed.
SELECT columns, time, kind FROM rows WHERE run_key = :run_key AND name = :name ORDER BY row_key;

-- name: figures_of
-- Images and charts of several runs, in the order committed.
SELECT r.run_id, f.name, CAST(f.path AS BLOB) AS path, f.type, f.description, f.time FROM figures f JOIN runs r USING (run_key)
WHERE r.run_id IN (SELECT value FROM json_each(:runs)) ORDER BY f.figure_key;

-- name: console_size
-- How many bytes of a run's console are kept.
SELECT coalesce(sum(length(data)), 0) FROM console JOIN runs USING (run_key) WHERE run_id = :run;

-- name: console_from
-- A run's console from a byte of it on: chunks, each with the place of its first byte.
WITH placed AS (
    SELECT console_key, length(data) AS size, sum(length(data)) OVER (ORDER BY console_key) - length(data) AS place
    FROM console JOIN runs USING (run_key) WHERE run_id = :run)
SELECT p.place, c.data FROM placed p JOIN console c USING (console_key)
WHERE p.place + p.size > :start AND p.place < :stop ORDER BY p.console_key;

-- name: last_console
-- The end of a run's console, the last chunk first.
SELECT data FROM console JOIN runs USING (run_key) WHERE run_id = :run ORDER BY console_key DESC LIMIT 256;

-- name: last_logs
-- A run's last log records, the last one first.
SELECT l.time, l.level, l.level_name, l.logger, l.message FROM logs l JOIN runs USING (run_key)
WHERE run_id = :run ORDER BY l.log_key DESC LIMIT :count;

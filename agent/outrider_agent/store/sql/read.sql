-- name: experiments
-- Every experiment that has a run, by name.
SELECT e.name, e.created, count(*) AS runs, sum(r.status = 'Running') AS running, max(r.started) AS last_started
FROM experiments e JOIN runs r USING (experiment_key)
WHERE r.removed IS NULL GROUP BY e.experiment_key ORDER BY e.name;

-- name: runs
-- Runs that were not deleted, the latest first, of one experiment and status or of all.
SELECT r.run_key, r.run_id, e.name AS experiment, r.number, r.name, r.status, r.reason, r.exit_code, r.signal, r.started, r.ended,
       r.parent_run_id, r.attempt, r.error_type, r.error_message, r.error_code, r.traceback, r.ended_by, r.evidence, r.command, r.cwd, r.host, r.user, r.python, r.outputs,
       r.description, r.type, r.phase, r.inputs, r.removed
FROM runs r JOIN experiments e USING (experiment_key)
WHERE (:experiment IS NULL OR e.name = :experiment) AND (:status IS NULL OR r.status = :status) AND r.removed IS NULL
ORDER BY r.started DESC, r.run_key DESC LIMIT coalesce(:limit, -1);

-- name: run
-- One run, deleted or not.
SELECT r.run_key, r.run_id, e.name AS experiment, r.number, r.name, r.status, r.reason, r.exit_code, r.signal, r.started, r.ended,
       r.parent_run_id, r.attempt, r.error_type, r.error_message, r.error_code, r.traceback, r.ended_by, r.evidence, r.command, r.cwd, r.host, r.user, r.python, r.outputs,
       r.description, r.type, r.phase, r.inputs, r.removed
FROM runs r JOIN experiments e USING (experiment_key)
WHERE r.run_id = :run_id;

-- name: attempts
-- A run's attempts, in order.
SELECT attempt, status, reason, exit_code, signal, error_type, error_message, error_code, traceback, ended_by, evidence, started, ended, host
FROM attempts WHERE run_key = :run_key ORDER BY attempt;

-- name: run_key
-- A run's key.
SELECT run_key FROM runs WHERE run_id = :run_id;

-- name: latest_run
-- The run that started last.
SELECT run_id FROM runs WHERE removed IS NULL ORDER BY started DESC, run_key DESC LIMIT 1;

-- name: run_by_number
-- The run of that number in that experiment.
SELECT run_id FROM runs JOIN experiments e USING (experiment_key) WHERE e.name = :experiment AND number = :number;

-- name: runs_by_prefix
-- Runs whose id begins so; a few are enough to say that it is ambiguous.
SELECT run_id FROM runs WHERE substr(run_id, 1, length(:prefix)) = :prefix ORDER BY started DESC LIMIT 6;

-- name: status
-- A run's status.
SELECT status FROM runs WHERE run_key = :run_key;

-- name: tags
-- A run's tags by key.
SELECT key, value FROM tags WHERE run_key = :run_key AND value IS NOT NULL ORDER BY key;

-- name: params
-- A run's parameters by key.
SELECT key, value FROM params WHERE run_key = :run_key ORDER BY key;

-- name: properties
-- A run's properties by key.
SELECT key, value FROM properties WHERE run_key = :run_key ORDER BY key;

-- name: streams
-- A run's streams (or all) and what is committed of each.
SELECT s.run_id, s.writer, s.owner, s.host, s.boot, s.pid, s.rank, s.started, s.attempt, coalesce(c.segment, 0) AS segment, coalesce(c."offset", 0) AS "offset",
       coalesce(c.records, 0) AS records, coalesce(c.bytes, 0) AS bytes
FROM streams s LEFT JOIN cursors c ON c.stream_key = s.stream_key AND c.sink = 'store'
WHERE :run_id IS NULL OR s.run_id = :run_id ORDER BY s.stream_key;

-- name: series
-- A run's metrics in the order they appeared.
SELECT series_key, stream_key, name, source, kind, description, count, last, last_step, last_time, last_epoch, min, max
FROM series WHERE run_key = :run_key AND (:name IS NULL OR name = :name) AND (:source IS NULL OR source = :source) ORDER BY series_key;

-- name: points
-- A metric's points, packed, in the order committed.
SELECT time_min, times, steps, "values", epochs FROM points WHERE series_key = :series_key ORDER BY first;

-- name: chunk_summaries
-- What a metric's chunks say of their points, without the points; from an ordinal up to another, of those that touch a span.
SELECT first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite, epoch_min, epoch_max
FROM points
WHERE series_key = :series_key AND first >= :start AND first < :stop
  AND (:low IS NULL OR step_max >= :low) AND (:high IS NULL OR step_min <= :high)
  AND (:since IS NULL OR time_max >= :since) AND (:until IS NULL OR time_min <= :until) ORDER BY first;

-- name: summaries
-- The same of several chunks at once: the summaries of one level.
SELECT first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite, epoch_min, epoch_max
FROM summaries
WHERE series_key = :series_key AND level = :level AND first >= :start AND first < :stop
  AND (:low IS NULL OR step_max >= :low) AND (:high IS NULL OR step_min <= :high)
  AND (:since IS NULL OR time_max >= :since) AND (:until IS NULL OR time_min <= :until) ORDER BY first;

-- name: end_of_level
-- The ordinal up to which a level sums up a metric's points.
SELECT first + count FROM summaries WHERE series_key = :series_key AND level = :level ORDER BY first DESC LIMIT 1;

-- name: chunk
-- One chunk of points.
SELECT first, time_min, times, steps, "values", epochs FROM points WHERE series_key = :series_key AND first = :first;

-- name: rows
-- A run's rows and tables in the order committed.
SELECT row_key AS key, stream_key, name, kind, time, columns, description FROM rows
WHERE run_key = :run_key AND (:name IS NULL OR name = :name) ORDER BY row_key;

-- name: logs
-- A run's log records in the order committed, after one of them, from a level up; of one attempt or of all.
SELECT log_key AS key, s.writer, s.attempt, time, level, level_name, logger, message, file, line, function, thread, thread_id, process, task, extra, exception,
       stack, metrics, step, degraded, via
FROM logs JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND log_key > :after AND level >= :level AND (:attempt IS NULL OR s.attempt = :attempt) ORDER BY log_key LIMIT coalesce(:limit, -1);

-- name: prints
-- How a run's loggers print their records, in the order told.
SELECT print_key AS key, s.writer, time, p.logger, p.printers FROM prints p JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND print_key > :after ORDER BY print_key;

-- name: last_logs
-- A run's last log records, the last one first; of one attempt or of all.
SELECT log_key AS key, s.writer, s.attempt, time, level, level_name, logger, message, file, line, function, thread, thread_id, process, task, extra, exception,
       stack, metrics, step, degraded, via
FROM logs JOIN streams s USING (stream_key)
WHERE run_key = :run_key AND level >= :level AND (:attempt IS NULL OR s.attempt = :attempt) ORDER BY log_key DESC LIMIT :limit;

-- name: console
-- What a run's command wrote, in the order committed; in one attempt or in all.
SELECT console_key AS key, attempt, fd, "offset", time, data FROM console
WHERE run_key = :run_key AND console_key > :after AND (:attempt IS NULL OR attempt = :attempt) ORDER BY console_key LIMIT coalesce(:limit, -1);

-- name: last_console
-- The last chunks that a run's command wrote before one of them, the last one first; in one attempt or in all.
SELECT console_key AS key, attempt, fd, "offset", time, data FROM console
WHERE run_key = :run_key AND console_key < :before AND (:attempt IS NULL OR attempt = :attempt) ORDER BY console_key DESC LIMIT :limit;

-- name: artifacts
-- A run's artifacts, by path; every version or the last.
SELECT CAST(path AS BLOB) AS path, version, size, sha256, time, modified, source, observed FROM artifacts a
WHERE run_key = :run_key AND (:all_versions OR version = (SELECT max(version) FROM artifacts b WHERE b.run_key = a.run_key AND b.path = a.path))
ORDER BY a.path, version;

-- name: children
-- The runs that a run started, in the order they began.
SELECT run_id, number, name, status FROM runs WHERE parent_run_id = :run_id AND removed IS NULL ORDER BY started, run_key LIMIT coalesce(:limit, -1);

-- name: figures
-- A run's images and charts in the order logged.
SELECT name, CAST(path AS BLOB) AS path, type, time, description FROM figures WHERE run_key = :run_key ORDER BY figure_key;

-- name: models
-- Models that were registered from a run.
SELECT name, version, time, path, files, description, framework, framework_version FROM models WHERE run_key = :run_key ORDER BY time, name;

-- name: snapshots
-- Copies of folders that are kept with a run.
SELECT snapshot_id, time, sha256, size, files AS file_count, root FROM snapshots WHERE run_key = :run_key ORDER BY time;

-- name: gaps
-- Records of a run that its writers refused.
SELECT s.writer, time, since, g.records, g.bytes, why FROM gaps g LEFT JOIN streams s USING (stream_key) WHERE run_key = :run_key ORDER BY gap_key;

-- name: set_aside
-- Lines of a run that could not be taken.
SELECT s.writer, segment, "offset", length, reason, data FROM set_aside JOIN streams s USING (stream_key)
WHERE s.run_id = :run_id ORDER BY stream_key, segment, "offset" LIMIT coalesce(:limit, -1);

-- name: notes
-- What Outrider has to say about a run.
SELECT time, level, message FROM notes WHERE run_key = :run_key ORDER BY note_key;

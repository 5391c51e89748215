-- name: take_over
-- Makes the caller the sink's owner; earlier tokens are void from now on.
INSERT INTO owners (sink, token, taken) VALUES (:sink, 1, :now)
ON CONFLICT (sink) DO UPDATE SET token = token + 1, taken = excluded.taken RETURNING token;

-- name: token
-- Who owns the sink.
SELECT token FROM owners WHERE sink = :sink;

-- name: position
-- How far a stream is committed.
SELECT segment, "offset" FROM cursors JOIN streams USING (stream_key) WHERE sink = :sink AND run_id = :run AND writer = :writer;

-- name: stream_key
-- A stream's key.
SELECT stream_key FROM streams WHERE run_id = :run AND writer = :writer;

-- name: add_stream
-- A stream seen for the first time.
INSERT INTO streams (run_id, writer) VALUES (:run, :writer) RETURNING stream_key;

-- name: describe_stream
-- What a stream's header says of it.
UPDATE streams SET attempt = max(attempt, :att), owner = max(owner, :own), host = coalesce(:host, host), boot = coalesce(:boot, boot), pid = coalesce(:pid, pid),
       rank = coalesce(:rank, rank), started = coalesce(started, :t)
WHERE stream_key = :stream_key;

-- name: add_cursor
-- A sink's cursor at a stream's very beginning.
INSERT INTO cursors (sink, stream_key, segment, "offset") VALUES (:sink, :stream_key, 0, 0) ON CONFLICT DO NOTHING;

-- name: move_cursor
-- Compare and set: changes one row where the cursor stands where the slice began, else none.
UPDATE cursors SET segment = :segment, "offset" = :offset, records = records + :records, bytes = bytes + :bytes
WHERE sink = :sink AND stream_key = :stream_key AND segment = :start_segment AND "offset" = :start_offset;

-- name: is_deleted
-- Has the run been deleted?
SELECT 1 FROM deleted_runs WHERE run_id = :run;

-- name: run
-- What ingestion needs to know of a run.
SELECT run_key, experiment_key, experiment_default, attempt, chosen FROM runs WHERE run_id = :run;

-- name: stream_attempt
-- Which attempt of its run a stream belongs to.
SELECT attempt FROM streams WHERE stream_key = :stream_key;

-- name: set_stream_attempt
-- The attempt that a stream belongs to, where only its `run` line says so.
UPDATE streams SET attempt = :attempt WHERE stream_key = :stream_key;

-- name: add_attempt
-- An attempt seen (the earliest header, or `run` line, decides when it started), and the run's newest one.
INSERT INTO attempts (run_key, attempt, status, started, host) VALUES (:run_key, :attempt, 'Running', :t, :host)
ON CONFLICT (run_key, attempt) DO UPDATE SET started = min(started, excluded.started), host = coalesce(host, excluded.host);

-- name: newest_attempt
-- The run's newest attempt, raised where another was seen.
UPDATE runs SET attempt = max(attempt, :attempt) WHERE run_key = :run_key RETURNING attempt;

-- name: attempt
-- What an attempt's end was decided from.
SELECT seen_end, said FROM attempts WHERE run_key = :run_key AND attempt = :attempt;

-- name: unfinished
-- Attempts before the newest one that have no end.
SELECT attempt FROM attempts WHERE run_key = :run_key AND attempt < :newest AND status = 'Running' ORDER BY attempt;

-- name: next_started
-- When the attempt after this one began.
SELECT min(started) FROM attempts WHERE run_key = :run_key AND attempt > :attempt;

-- name: experiment
-- An experiment's key and name, made when it is new.
INSERT INTO experiments (name, created) VALUES (:name, :t) ON CONFLICT (name) DO UPDATE SET name = name RETURNING experiment_key;

-- name: experiment_name
-- An experiment's name.
SELECT name FROM experiments WHERE experiment_key = :experiment_key;

-- name: next_number
-- The next run number of an experiment.
UPDATE experiments SET last_number = last_number + 1 WHERE experiment_key = :experiment_key RETURNING last_number;

-- name: add_run
-- A run seen for the first time.
INSERT INTO runs (run_id, experiment_key, number, status, started) VALUES (:run, :experiment_key, :number, 'Running', :t) RETURNING run_key;

-- name: move_run
-- A run in the experiment that was chosen for it.
UPDATE runs SET experiment_key = :experiment_key, number = :number, experiment_default = :default, chosen = :t WHERE run_key = :run_key;

-- name: choose_experiment
-- The run's experiment was chosen, and is the one where it is already.
UPDATE runs SET experiment_default = 0, chosen = :t WHERE run_key = :run_key;

-- name: started
-- The earliest header, or `run` line, decides when a run started.
UPDATE runs SET started = min(started, :t), host = coalesce(host, :host) WHERE run_key = :run_key;

-- name: describe_run
-- What a `run` line says; later fields win: by their time where the script may say them too.
UPDATE runs SET name = CASE WHEN :t >= named THEN coalesce(:name, name) ELSE name END,
       named = CASE WHEN :name IS NULL THEN named ELSE max(named, :t) END,
       description = CASE WHEN :t >= described THEN coalesce(:description, description) ELSE description END,
       described = CASE WHEN :description IS NULL THEN described ELSE max(described, :t) END,
       outputs = CASE WHEN :t >= outputs_named THEN coalesce(:outputs, outputs) ELSE outputs END,
       outputs_named = CASE WHEN :outputs IS NULL THEN outputs_named ELSE max(outputs_named, :t) END,
       command = coalesce(:command, command), cwd = coalesce(:cwd, cwd),
       host = coalesce(:host, host), user = coalesce(:user, user), python = coalesce(:python, python),
       parent_run_id = coalesce(:parent, parent_run_id), type = coalesce(:type, type),
       inputs = coalesce(:inputs, inputs)
WHERE run_key = :run_key;

-- name: describe_run_earlier
-- What a `run` line of an earlier attempt says, read after a newer one's: it fills what is missing, but for what goes by time.
UPDATE runs SET name = CASE WHEN :t >= named THEN coalesce(:name, name) ELSE name END,
       named = CASE WHEN :name IS NULL THEN named ELSE max(named, :t) END,
       outputs = CASE WHEN :t >= outputs_named THEN coalesce(:outputs, outputs) ELSE outputs END,
       outputs_named = CASE WHEN :outputs IS NULL THEN outputs_named ELSE max(outputs_named, :t) END,
       command = coalesce(command, :command), cwd = coalesce(cwd, :cwd),
       host = coalesce(host, :host), user = coalesce(user, :user), python = coalesce(python, :python),
       description = CASE WHEN :t >= described THEN coalesce(:description, description) ELSE description END,
       described = CASE WHEN :description IS NULL THEN described ELSE max(described, :t) END,
       parent_run_id = coalesce(parent_run_id, :parent), type = coalesce(type, :type),
       inputs = coalesce(inputs, :inputs)
WHERE run_key = :run_key;

-- name: has_tag
-- Has the run this tag?
SELECT 1 FROM tags WHERE run_key = :run_key AND key = :key;

-- name: owned
-- The stream that owns an attempt of the run, if one is known.
SELECT writer FROM streams WHERE run_id = :run AND owner = 1 AND attempt = :attempt ORDER BY stream_key LIMIT 1;

-- name: is_owner
-- Does this stream own its run?
SELECT owner FROM streams WHERE stream_key = :stream_key;

-- name: end_attempt
-- How an attempt ended (or that it still runs), and what that was decided from.
UPDATE attempts SET status = :status, reason = :reason, exit_code = :code, signal = :signal, error_type = :error_type,
       error_message = :error_message, error_code = :error_code, traceback = :traceback, ended_by = :by, evidence = :evidence, ended = :ended, seen_end = :seen, said = :said
WHERE run_key = :run_key AND attempt = :attempt;

-- name: end_run
-- The run is as its newest attempt is.
UPDATE runs SET (status, reason, exit_code, signal, error_type, error_message, error_code, traceback, ended_by, evidence, ended) = (
       SELECT status, reason, exit_code, signal, error_type, error_message, error_code, traceback, ended_by, evidence, ended
       FROM attempts a WHERE a.run_key = runs.run_key AND a.attempt = runs.attempt)
WHERE run_key = :run_key;

-- name: status
-- The status of a run, or of one of its attempts; none where that attempt is not known yet.
SELECT coalesce(a.status, r.status) FROM runs r LEFT JOIN attempts a ON a.run_key = r.run_key AND a.attempt = :attempt
WHERE r.run_id = :run AND (:attempt IS NULL OR a.attempt IS NOT NULL);

-- name: series
-- A series' state.
SELECT series_key, kind, count, min, max, stream_key, last, last_step, last_time, last_epoch FROM series WHERE run_key = :run_key AND name = :name AND source = :source;

-- name: add_series
-- A series seen for the first time.
INSERT INTO series (run_key, name, source, kind, description, stream_key)
VALUES (:run_key, :name, :source, :kind, :description, :stream_key) RETURNING series_key;

-- name: update_series
-- A series after more points.
UPDATE series SET kind = :kind, count = :count, last = :last, last_step = :last_step, last_time = :last_time,
       last_epoch = :last_epoch, min = :min, max = :max, description = coalesce(:description, description), stream_key = :stream_key
WHERE series_key = :series_key;

-- name: newest_chunk
-- The chunk of a series that holds the newest point, the last one of several.
SELECT time_min, times, steps, "values", epochs FROM points WHERE series_key = :series_key ORDER BY time_max DESC, first DESC LIMIT 1;

-- name: last_chunks
-- The last chunks of a series, the last one first.
SELECT first, count FROM points WHERE series_key = :series_key ORDER BY first DESC LIMIT :limit;

-- name: tail
-- The chunks of a series from one of them on.
SELECT time_min, times, steps, "values", epochs FROM points WHERE series_key = :series_key AND first >= :first ORDER BY first;

-- name: drop_tail
-- Away with the chunks from one of them on: they are written again, merged.
DELETE FROM points WHERE series_key = :series_key AND first >= :first;

-- name: add_points
-- A chunk of points.
INSERT INTO points (series_key, first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite,
       epoch_min, epoch_max, times, steps, "values", epochs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_summaries
-- What several chunks, or summaries of them, say together.
INSERT INTO summaries (series_key, level, first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite,
       epoch_min, epoch_max)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_row
-- A row or a table.
INSERT INTO rows (run_key, stream_key, name, kind, time, columns, description) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: add_log
-- A log record.
INSERT INTO logs (run_key, stream_key, time, level, level_name, logger, message, file, line, function, thread, thread_id, process, task, extra,
       exception, stack, metrics, step, degraded, via)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_print
-- How a logger's records are printed from now on.
INSERT INTO prints (run_key, stream_key, time, logger, printers) VALUES (?, ?, ?, ?, ?);

-- name: add_console
-- A raw chunk of the console.
INSERT INTO console (run_key, stream_key, attempt, fd, "offset", time, data) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: set_tag
-- A tag; the latest value wins. NULL: it is removed.
INSERT INTO tags (run_key, key, value, time, stream_key) VALUES (:run_key, :key, :value, :t, :stream_key)
ON CONFLICT DO UPDATE SET value = excluded.value, time = excluded.time, stream_key = excluded.stream_key
WHERE excluded.time >= tags.time OR excluded.stream_key = tags.stream_key;

-- name: set_param
-- A parameter; the last value wins.
INSERT INTO params (run_key, key, value) VALUES (:run_key, :key, :value) ON CONFLICT DO UPDATE SET value = excluded.value;

-- name: property
-- A property's value.
SELECT value FROM properties WHERE run_key = :run_key AND key = :key;

-- name: set_property
-- A property; it is set once.
INSERT INTO properties (run_key, key, value) VALUES (:run_key, :key, :value);

-- name: last_version
-- The last version of an artifact.
SELECT version, sha256 FROM artifacts WHERE run_key = :run_key AND path = CAST(:path AS TEXT) ORDER BY version DESC LIMIT 1;

-- name: add_artifact
-- A version of an artifact. The path is bound as bytes, so that any file name is kept.
INSERT INTO artifacts (run_key, path, version, size, sha256, time, modified, source, observed)
VALUES (:run_key, CAST(:path AS TEXT), :version, :size, :sha256, :time, :modified, :source, :observed);

-- name: add_figure
-- An image, or a chart as data. The path is bound as bytes, as an artifact's.
INSERT INTO figures (run_key, name, path, type, time, description) VALUES (?, ?, CAST(? AS TEXT), ?, ?, ?);

-- name: add_model
-- A model that was registered from the run.
INSERT INTO models (run_key, name, version, time, path, files, tags, properties, description, framework, framework_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: add_snapshot
-- A copy of a folder, kept with the run.
INSERT INTO snapshots (run_key, snapshot_id, time, sha256, size, files, root) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: set_phase
-- What the run is doing.
UPDATE runs SET phase = :phase WHERE run_key = :run_key;

-- name: set_description
-- What a series is, as the script said with a point.
UPDATE series SET description = :description WHERE run_key = :run_key AND name = :name AND source = 'call';

-- name: add_gap
-- Records that a writer refused.
INSERT INTO gaps (run_key, stream_key, time, since, records, bytes, why) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: add_note
-- Something that Outrider has to say about a run.
INSERT INTO notes (run_key, time, level, message) VALUES (?, ?, ?, ?);

-- name: set_aside
-- Bytes of a stream that could not be taken.
INSERT INTO set_aside (stream_key, segment, "offset", length, reason, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: forget_run
-- Deletes a run and all that hangs on it (ON DELETE CASCADE).
DELETE FROM runs WHERE run_id = :run;

-- name: remove_run
-- Hides a run, or shows it again (NULL); its number and its data stay. None where there is no such run.
UPDATE runs SET removed = CASE WHEN :removed IS NULL THEN NULL ELSE coalesce(removed, :removed) END WHERE run_id = :run RETURNING run_key;

-- name: removed_before
-- Runs that were hidden before that moment, for good now.
SELECT run_id FROM runs WHERE removed < :before ORDER BY removed;

-- name: remember_deleted
-- What a deleted run's streams still bring is passed over.
INSERT INTO deleted_runs (run_id, deleted) VALUES (:run, :now) ON CONFLICT DO NOTHING;

-- name: forget_set_aside
-- What was set aside of a run's streams.
DELETE FROM set_aside WHERE stream_key IN (SELECT stream_key FROM streams WHERE run_id = :run);

-- name: unused_blobs
-- Those of a run's blobs that no other run names.
WITH named AS (SELECT run_key, sha256 FROM artifacts UNION ALL SELECT run_key, sha256 FROM snapshots)
SELECT DISTINCT sha256 FROM named a JOIN runs r USING (run_key)
WHERE r.run_id = :run AND NOT EXISTS (SELECT 1 FROM named b WHERE b.sha256 = a.sha256 AND b.run_key <> a.run_key);

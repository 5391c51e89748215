-- name: page
-- A page of runs in some order, then how many there are by status, those of other statuses too. What has no value comes last. In braces stand a value and a condition of paging.py.
WITH found AS MATERIALIZED (
    SELECT r.run_key, r.started, r.status, {value} AS value FROM runs r WHERE {condition}
), page AS (
    SELECT run_key FROM found WHERE :status IS NULL OR status = :status
    ORDER BY value IS NULL, CASE WHEN :down THEN value END DESC, CASE WHEN NOT :down THEN value END, started DESC, run_key DESC
    LIMIT :limit OFFSET :offset
)
SELECT run_key, NULL AS status, NULL AS runs FROM page
UNION ALL SELECT NULL, status, count(*) FROM found GROUP BY status;

-- name: recent
-- The same in the order in which they began, of a list without a query: an index has both, and no run is looked at that is not shown. In braces stand the direction and a condition.
SELECT run_key, NULL AS status, NULL AS runs FROM (
    SELECT r.run_key FROM runs r WHERE (:status IS NULL OR r.status = :status) AND {condition}
    ORDER BY r.started {direction}, r.run_key DESC LIMIT :limit OFFSET :offset)
UNION ALL SELECT NULL, r.status, count(*) FROM runs r WHERE {condition} GROUP BY r.status;

-- name: present
-- Runs that were not deleted.
r.removed IS NULL

-- name: in_place
-- The same, in the order of their keys (the plus keeps `runs_listed` out): what is looked up of each run lies in that order too.
+r.removed IS NULL

-- name: removed
-- Runs that were deleted and not purged yet.
r.removed IS NOT NULL

-- name: in_experiment
-- Those of one experiment.
r.experiment_key = (SELECT experiment_key FROM experiments WHERE name = :experiment)

-- name: with_text
-- Those with a text in their name, or at the beginning of their id.
(instr(lower(coalesce(r.name, '')), lower(:text)) OR instr(r.run_id, :text) = 1)

-- name: of_parent
-- Those that a run started.
r.parent_run_id = :parent

-- name: by_number
-- Its number in its experiment.
r.number

-- name: by_started
-- When it began.
r.started

-- name: by_duration
-- How long it took, or has taken.
coalesce(r.ended, :now) - r.started

-- name: by_status
-- Its status.
r.status

-- name: by_name
-- Its name.
lower(r.name)

-- name: by_experiment
-- Its experiment's name.
(SELECT lower(e.name) FROM experiments e WHERE e.experiment_key = r.experiment_key)

-- name: by_metric
-- The last value of a metric, where it is a number: of calls, else of log records, else of whatever made it.
coalesce(
    (SELECT {number} FROM series s WHERE s.run_key = r.run_key AND s.name = :by AND s.source = 'call'),
    (SELECT {number} FROM series s WHERE s.run_key = r.run_key AND s.name = :by AND s.source = 'log'),
    (SELECT {number} FROM series s WHERE s.run_key = r.run_key AND s.name = :by AND NOT EXISTS (
        SELECT 1 FROM series o WHERE o.run_key = r.run_key AND o.name = :by AND o.source IN ('call', 'log'))
     ORDER BY s.last_time DESC LIMIT 1))

-- name: number
-- A metric's last value as a number. JSON's numbers are the only values that begin with a digit or a sign.
CASE WHEN s.last GLOB '[-0-9]*' THEN CAST(s.last AS NUMERIC) END

-- name: by_param
-- A parameter's value.
(SELECT json_extract(p.value, '$') FROM params p WHERE p.run_key = r.run_key AND p.key = :by)

-- name: by_tag
-- A tag's value.
(SELECT json_extract(t.value, '$') FROM tags t WHERE t.run_key = r.run_key AND t.key = :by)

-- name: runs
-- Several runs, whose keys are a JSON list.
SELECT r.run_key, r.run_id, e.name AS experiment, r.number, r.name, r.status, r.reason, r.exit_code, r.signal, r.started, r.ended,
       r.parent_run_id, r.attempt, r.error_type, r.error_message, r.error_code, r.traceback, r.ended_by, r.evidence, r.command, r.cwd, r.host, r.user, r.python, r.outputs,
       r.description, r.type, r.phase, r.inputs, r.removed
FROM runs r JOIN experiments e USING (experiment_key)
WHERE r.run_key IN (SELECT value FROM json_each(:runs));

-- name: tags
-- The tags of several runs, by key.
SELECT run_key, key, value FROM tags WHERE run_key IN (SELECT value FROM json_each(:runs)) AND value IS NOT NULL ORDER BY run_key, key;

-- name: params
-- The parameters of several runs, by key.
SELECT run_key, key, value FROM params WHERE run_key IN (SELECT value FROM json_each(:runs)) ORDER BY run_key, key;

-- name: log_counts
-- How many warnings and errors a run logged.
SELECT coalesce(sum(level < 40), 0) AS warnings, coalesce(sum(level >= 40), 0) AS errors
FROM logs JOIN runs USING (run_key) WHERE run_id = :run_id AND level >= 30;

-- name: console_bytes
-- How many bytes of each stream of the console are kept.
SELECT fd, sum(length(data)) AS bytes FROM console JOIN runs USING (run_key) WHERE run_id = :run_id GROUP BY fd;

-- name: children
-- The runs that a run started, in the order they began.
SELECT run_id FROM runs WHERE parent_run_id = :run_id AND removed IS NULL ORDER BY started, run_key;

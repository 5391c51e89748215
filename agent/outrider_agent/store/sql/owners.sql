-- name: open_runs
-- The runs that have not ended, each with the streams that own it: what liveness must not forget when a stream's folder is gone.
SELECT r.run_id, s.writer, s.host, s.boot, s.attempt
FROM runs r JOIN streams s ON s.run_id = r.run_id AND s.owner = 1
AND s.attempt = r.attempt
WHERE r.status = 'Running';

-- name: reading
-- How far a console is read.
SELECT "offset", tail, state FROM readings WHERE run_key = :run_key AND attempt = :attempt AND fd = :fd;

-- name: set_reading
-- How far it is read now.
INSERT INTO readings (run_key, attempt, fd, stream_key, "offset", tail, state, unread, count, total)
VALUES (:run_key, :attempt, :fd, :stream_key, :offset, :tail, :state, :unread, :count, :total)
ON CONFLICT DO UPDATE SET "offset" = excluded."offset", tail = excluded.tail, state = excluded.state, unread = excluded.unread,
       count = excluded.count, total = excluded.total;

-- name: open_readings
-- The consoles of an attempt that a writer brought.
SELECT fd FROM readings WHERE run_key = :run_key AND attempt = :attempt AND stream_key = :stream_key ORDER BY fd;

-- name: add_origin
-- Where the points of a series were read.
INSERT INTO origins (series_key, first, count, places, rules) VALUES (?, ?, ?, ?, ?);

-- name: rules
-- The users' rules for a run: its experiment's, then those for all.
SELECT u.name, u.pattern FROM rules u LEFT JOIN runs r ON r.run_key = :run_key
WHERE u.experiment_key IS NULL OR u.experiment_key = r.experiment_key ORDER BY u.experiment_key IS NULL, u.rule_key;

-- name: run_rules
-- What an attempt brought itself.
SELECT options, file FROM run_rules WHERE run_key = :run_key AND attempt = :attempt;

-- name: set_run_rules
-- It brings this.
INSERT INTO run_rules (run_key, attempt, options, file) VALUES (:run_key, :attempt, :options, :file)
ON CONFLICT DO UPDATE SET options = excluded.options, file = excluded.file;

-- name: has_rule
-- Is there that rule for the run's experiment?
SELECT 1 FROM rules WHERE experiment_key = :experiment_key AND name IS :name AND pattern = :pattern;

-- name: add_rule
-- A rule for an experiment.
INSERT INTO rules (experiment_key, name, pattern, created) VALUES (:experiment_key, :name, :pattern, :now);

-- name: drop_rules
-- Away with an experiment's rules.
DELETE FROM rules WHERE experiment_key = :experiment_key;

-- name: run
-- A run, for reading it again.
SELECT run_key, experiment_key, status FROM runs WHERE run_id = :run;

-- name: forget_series
-- Away with what was read from a run's console; where it was read from goes with it.
DELETE FROM series WHERE run_key = :run_key AND source = 'printed';

-- name: forget_readings
-- Away with how far it was read.
DELETE FROM readings WHERE run_key = :run_key;

-- name: chunks
-- A run's console, each stream in its order.
SELECT attempt, fd, "offset", time, data, stream_key FROM console WHERE run_key = :run_key ORDER BY attempt, fd, "offset", console_key;

-- name: last_chunk
-- When the last bytes of a console came that a writer brought.
SELECT time FROM console WHERE run_key = :run_key AND attempt = :attempt AND stream_key = :stream_key AND fd = :fd
ORDER BY console_key DESC LIMIT 1;

-- name: progress
-- What the readings of a run's newest attempt say of it, and when that began.
SELECT sum(g.unread) AS unread, max(g.count / g.total) AS share,
       (SELECT a.started FROM attempts a WHERE a.run_key = r.run_key AND a.attempt = r.attempt) AS started
FROM runs r LEFT JOIN readings g ON g.run_key = r.run_key AND g.attempt = r.attempt
WHERE r.run_id = :run_id;

-- name: origins
-- Where the points of a printed series were read, in order.
SELECT o.first, o.places, o.rules FROM origins o JOIN series s USING (series_key) JOIN runs r USING (run_key)
WHERE r.run_id = :run_id AND s.name = :name AND s.source = 'printed' ORDER BY o.first;

-- name: origins_between
-- The same of all of a run's printed series, without those whose first and last place show that none is between two offsets of a console.
SELECT s.name, o.first, o.places FROM origins o JOIN series s USING (series_key) JOIN runs r USING (run_key)
WHERE r.run_id = :run_id AND s.source = 'printed' AND NOT (
        json_extract(o.places, '$[0][0]') = json_extract(o.places, '$[#-1][0]') AND json_extract(o.places, '$[0][1]') = json_extract(o.places, '$[#-1][1]')
    AND (json_extract(o.places, '$[#-1][2]') < :start OR json_extract(o.places, '$[0][2]') >= :stop))
ORDER BY s.series_key, o.first;

-- name: states
-- The state of reading of a run's newest attempt.
SELECT g.attempt, g.fd, g.state FROM readings g JOIN runs r USING (run_key) WHERE r.run_id = :run_id AND g.attempt = r.attempt ORDER BY g.fd;

-- name: bytes_at
-- The chunks that hold some bytes of a console.
SELECT c."offset", c.data FROM console c JOIN runs r USING (run_key)
WHERE r.run_id = :run_id AND c.attempt = :attempt AND c.fd = :fd AND c."offset" < :stop AND c."offset" + length(c.data) > :start
ORDER BY c."offset";

-- name: times
-- In which seconds the last chunks of a run's newest attempt came, the newest first: the last time in each.
SELECT max(n.time) FROM (
    SELECT c.time FROM runs r JOIN console c USING (run_key) WHERE r.run_id = :run_id AND c.attempt = r.attempt
    ORDER BY c.console_key DESC LIMIT :limit
) n GROUP BY n.time / 1000000000 ORDER BY 1 DESC;

-- name: count
-- How many points a run's printed series have.
SELECT coalesce(sum(count), 0) FROM series WHERE run_key = :run_key AND source = 'printed';

-- name: printed_names
-- What was read from a run's console.
SELECT name FROM series WHERE run_key = :run_key AND source = 'printed';

-- name: has_note
-- Was something said of a run that begins so?
SELECT 1 FROM notes WHERE run_key = :run_key AND substr(message, 1, length(:begin)) = :begin;

-- name: add_note
-- Something that reading has to say about a run.
INSERT INTO notes (run_key, time, level, message) VALUES (?, ?, ?, ?);

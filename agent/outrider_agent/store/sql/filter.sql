-- name: plain
-- A run's own column, as the caller names it from its table of fields.
r.{column} {test}

-- name: experiment
-- The experiment's name.
(SELECT e.name FROM experiments e WHERE e.experiment_key = r.experiment_key) {test}

-- name: duration
-- Seconds since it began, until its end or until now.
(coalesce(r.ended, :now) - r.started) / 1e9 {test}

-- name: metric
-- A metric that calls or log records made, or, where there is none, one of any source; the caller's figure of it.
EXISTS (SELECT 1 FROM series s WHERE s.run_key = r.run_key AND s.name = {name} AND {value}
        AND (s.source IN ('call', 'log') OR NOT EXISTS (SELECT 1 FROM series o WHERE o.run_key = r.run_key AND o.name = s.name AND o.source IN ('call', 'log'))))

-- name: has_metric
-- The run has the metric.
EXISTS (SELECT 1 FROM series s WHERE s.run_key = r.run_key AND s.name = {name})

-- name: named
-- A parameter, tag or property (the caller names the table), and what is asked of its value: JSON text.
EXISTS (SELECT 1 FROM {table} v WHERE v.run_key = r.run_key AND v.key = {name} AND v.value IS NOT NULL AND {value})

-- name: git
-- What is known of the repository, under whichever of its names.
EXISTS (SELECT 1 FROM properties v WHERE v.run_key = r.run_key AND v.key IN ('azureml.git.' || {name}, 'mlflow.source.git.' || {name}) AND {value})

-- name: word
-- In the name, or the beginning of the id.
(instr(lower(coalesce(r.name, '')), lower({name})) > 0 OR instr(r.run_id, {name}) = 1)

-- name: json_number
-- A JSON value that is a number: the only ones that begin with a digit or a sign.
{json} GLOB '[-0-9]*' AND CAST({json} AS NUMERIC) {test}

-- name: json_text
-- A JSON value as text: what is no text is compared as it is spelled.
CASE json_type({json}) WHEN 'text' THEN json_extract({json}, '$') ELSE {json} END {test}

-- name: json_constant
-- A JSON value that is true, false or null; a text that says so counts too, as Python spells it.
lower(CASE json_type({json}) WHEN 'text' THEN json_extract({json}, '$') ELSE {json} END) {test}

-- name: json_is
-- A JSON value that is not false, empty or null.
lower(CASE json_type({json}) WHEN 'text' THEN json_extract({json}, '$') ELSE {json} END) NOT IN ('false', 'null', '', '0')

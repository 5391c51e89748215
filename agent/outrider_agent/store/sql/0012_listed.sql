-- What a list of runs begins with: those that began last, and how many there are of each status, without a look at the runs themselves.

CREATE INDEX runs_listed ON runs (experiment_key, started, status, removed) WHERE removed IS NULL;

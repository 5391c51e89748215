-- name: chunks_from
-- The chunks that hold a metric's points from an ordinal on, up to another. None begins before `least`, for a chunk is bounded.
SELECT first, time_min, times, steps, "values", epochs FROM points
WHERE series_key = :series_key AND first > :least AND first < :end AND first + count > :first ORDER BY first LIMIT :chunks;

-- name: ranges
-- Where a metric's chunks begin, how many points they hold, and the first moment of each.
SELECT first, count, time_min FROM points WHERE series_key = :series_key ORDER BY first;

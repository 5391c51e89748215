"""The matrix of neutrality: script kinds x conditions, each run bare and under `outrider run`, and compared by `judge`."""

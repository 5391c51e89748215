"""The tracking store: runs, series and points, logs, console, artifacts, cursors. One module an engine, SQL in sql/."""

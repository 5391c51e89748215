"""The tracking store: SQLite today. What it answers with is in `records`, how to ask in `reading`, who writes in `sqlite`."""

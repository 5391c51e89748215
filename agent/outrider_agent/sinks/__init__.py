"""Sinks: each takes batches of the spool further. They know nothing of collectors."""

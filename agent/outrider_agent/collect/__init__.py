"""Collectors: whatever turns the outside world into lines of the spool. They know nothing of sinks."""

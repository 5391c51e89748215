"""
The record format: kinds, field names' meaning, and its version. `docs/spool.md` is the specification.

With `spool.py` this is all that the agent may import from the handler. Nothing here does I/O.
"""

FORMAT_VERSION = 1

HEAD = "head"
RUN = "run"
METRIC = "m"
LIST = "ls"
ROW = "rw"
TABLE = "tb"
LOG = "l"
PRINT = "pr"
CONSOLE = "c"
TAG = "tag"
PARAM = "param"
PROPERTY = "prop"
ARTIFACT = "art"
SEEN = "seen"
END = "end"
GAP = "gap"
NOTE = "note"

KINDS = frozenset({HEAD, RUN, METRIC, LIST, ROW, TABLE, LOG, PRINT, CONSOLE, TAG, PARAM, PROPERTY, ARTIFACT, SEEN, END, GAP, NOTE})

RUNNING = "Running"
COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"
UNKNOWN = "Unknown"
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})

#: Why a run ended: the fixed vocabulary (docs/spool.md says what each means).
REASONS = frozenset(
    {
        "completed",
        "ended",
        "exit-code",
        "signal",
        "exception",
        "failed",
        "canceled",
        "could-not-start",
        "vanished",
        "keeper-lost",
        "oom-killed",
    }
)

#: A run id or writer name: it becomes a folder's name.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,255}"

#: How the floats that JSON has no word for are spelled, as a value, in a line and in the store.
NAN = "NaN"
INFINITY = "Infinity"
NEGATIVE_INFINITY = "-Infinity"
NONFINITE = frozenset({NAN, INFINITY, NEGATIVE_INFINITY})

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
FIGURE = "fig"
MODEL = "model"
SNAPSHOT = "snap"
PHASE = "ph"
SEEN = "seen"
FROM = "from"
END = "end"
GAP = "gap"
NOTE = "note"

KINDS = frozenset(
    {
        HEAD, RUN, METRIC, LIST, ROW, TABLE, LOG, PRINT, CONSOLE, TAG, PARAM, PROPERTY,
        ARTIFACT, FIGURE, MODEL, SNAPSHOT, PHASE, SEEN, FROM, END, GAP, NOTE,
    }
)  # fmt: skip

RUNNING = "Running"
COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"
UNKNOWN = "Unknown"
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})

#: What a run that has not ended may be doing, in the order it comes; without a word of it, it runs.
PHASES = ("NotStarted", "Queued", "Preparing", "Provisioning", "Starting", RUNNING, "CancelRequested", "Finalizing")

#: Types of figures that are documents: what is in them is in docs/spool.md.
CHARTS = {
    "confusion_matrix": "azureml.v2.confusion_matrix",
    "accuracy_table": "azureml.v2.accuracy_table",
    "predictions": "azureml.v2.predictions",
    "residuals": "azureml.v2.residuals",
}

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

"""The run API and RunHandler in one process: values, shapes, errors that say what to do, configuration by name."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import logging
import logging.config
import math
import os
import shutil

import pytest
from handler_support import lines, process, run_script, streams  # noqa: F401 -- a fixture

import outrider
from outrider import _history, _metrics


@pytest.fixture
def run(process):  # noqa: F811
    return outrider.start_run("ridge", name="first", tags={"who": "me"}, params={"lr": 0.1})


@pytest.fixture
def logger(process):  # noqa: F811
    made = logging.getLogger("outrider.test")
    made.propagate = False
    made.setLevel(1)
    made.addHandler(outrider.RunHandler())
    yield made
    made.handlers.clear()


def test_a_run_says_what_it_is(run, home):
    """The `run` line: experiment, name, tags, command, folders; parameters follow."""
    about = lines(home, "run")[0]
    assert {"experiment": "ridge", "name": "first", "tags": {"who": "me"}, "cwd": os.getcwd()}.items() <= about.items()
    assert about["outputs"] == [os.path.join(os.getcwd(), "outputs")]
    assert "default" not in about
    assert lines(home, "param")[0]["v"] == 0.1
    assert (run.status, run.name) == ("Running", "first")
    assert outrider.current_run() is run


def test_get_metrics_has_the_shapes_of_what_was_logged(run):
    """One value bare, many a list; rows and tables as columns; NaN and infinities as floats; in the order logged."""
    np = pytest.importorskip("numpy")
    run.log("once", 1)
    for value in (1, 2.5, np.float32(0.25)):
        run.log("mixed", value)
    run.log("text", "NaN")
    run.log("nan", float("nan"))
    run.log("inf", np.float64("-inf"))
    run.log("flag", np.bool_(False))
    run.log_list("list", range(3))
    run.log_list("array", np.arange(2))
    run.log_list(name="one", value=[7], description="as Azure ML spells it")
    run.log_row("row", a=1, b="x")
    for i in range(2):
        run.log_row("rows", i=i, square=i * i)
    run.log_table("table", {"x": [1, 2], "y": np.array([0.5, float("inf")])})
    run.log_table("flat", {"x": 1, "y": 2})
    metrics = run.get_metrics()
    assert math.isnan(metrics.pop("nan"))
    assert metrics == {
        "once": 1, "mixed": [1.0, 2.5, 0.25], "text": "NaN", "inf": float("-inf"), "flag": False,
        "list": [0, 1, 2], "array": [0, 1], "one": 7, "row": {"a": 1, "b": "x"}, "rows": {"i": [0, 1], "square": [0, 1]},
        "table": {"x": [1, 2], "y": [0.5, float("inf")]}, "flat": {"x": 1, "y": 2},
    }  # fmt: skip
    assert run.get_metrics("once") == {"once": 1}
    assert run.get_metrics("unknown") == {}


def test_a_name_that_is_a_series_and_a_table_keeps_both(run):
    """The kinds are kept apart."""
    run.log("x", 1)
    run.log_row("x", a=2)
    assert run.get_metrics() == {"x": 1, "x (table)": {"a": 2}}


def test_rows_with_different_columns_are_filled(run):
    """None where a row has no such column."""
    run.log_row("r", a=1)
    run.log_row("r", b=2)
    assert run.get_metrics() == {"r": {"a": [1, None], "b": [None, 2]}}


def test_points_of_records_are_in_get_metrics(run, logger):
    """extra={"metrics": …} is as good as a call."""
    logger.info("epoch", extra={"metrics": {"loss": 0.5}, "step": 1})
    run.log("loss", 0.25, step=2)
    assert run.get_metrics() == {"loss": [0.5, 0.25]}


def test_get_metrics_never_gives_a_part(run, home):
    """Segment 0 has been shipped and deleted, and no agent answers: an error that says what to do."""
    run.log("x", 1)
    folder = run._writer.directory
    os.rename(os.path.join(folder, "00000000.ndjson"), os.path.join(folder, "00000001.ndjson"))
    with pytest.raises(outrider.MetricsUnavailable, match="outrider agent"):
        run.get_metrics()


@pytest.mark.parametrize("value", [[1], (1, 2), {"a": 1}, decimal.Decimal(1), dt.datetime.now(tz=dt.UTC), object(), b"x"])
def test_a_wrong_value_raises_at_the_call(run, value):
    """With a message that says what to do; nothing is written."""
    before = run._writer.position()
    with pytest.raises(TypeError, match=r"log_list\(\)|log_row\(\)|float\(\)"):
        run.log("x", value)
    with pytest.raises(TypeError):
        run.log_row("x", a=value)
    assert run._writer.position() == before


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda run: run.log("", 1), TypeError, "name"),
        (lambda run: run.log(3, 1), TypeError, "name"),
        (lambda run: run.log([], 1), TypeError, "name"),
        (lambda run: run.log("x", 1, step="a"), TypeError, "whole number"),
        (lambda run: run.log("x", 1, step=1.5), TypeError, "whole number"),
        (lambda run: run.log_list("x", "abc"), TypeError, r"log\(\)"),
        (lambda run: run.log_list("x", 3), TypeError, r"log\(\)"),
        (lambda run: run.log_list("x", [[1]]), TypeError, "metric value"),
        (lambda run: run.log_row("x"), ValueError, "column"),
        (lambda run: run.log_table("x", {"a": [1], "b": [1, 2]}), ValueError, "one length"),
        (lambda run: run.log_table("x", {}), ValueError, "column"),
        (lambda run: run.log_table("x", [1]), TypeError, "dict of columns"),
        (lambda run: run.params(3), TypeError, "dict"),
        (lambda run: run.fail(3), TypeError, "exception or a text"),
        (lambda run: run.upload_file("../x", "y"), ValueError, "path within the run"),
        (lambda run: run.upload_file("x", 3), TypeError, "path or an open"),
        (lambda run: run.upload_file("x", io.StringIO("t")), TypeError, "binary"),
        (lambda run: run.upload_file("x", "/no/such/file"), FileNotFoundError, "no/such"),
        (lambda run: outrider.start_run(3), TypeError, "experiment"),
        (lambda run: outrider.start_run(run_id="a/b"), ValueError, "run_id"),
        (lambda run: outrider.start_run(outputs=3), TypeError, "outputs"),
    ],
)
def test_misuse_raises_and_says_what_to_do(run, call, error, says):
    """The explicit API only."""
    with pytest.raises(error, match=says):
        call(run)


def test_a_run_ends_once(run):
    """The same end again does nothing; another, or a call after it, raises RunEnded."""
    run.log("x", 1)
    run.complete()
    run.complete()
    assert run.status == "Completed"
    for call in (
        run.fail,
        run.cancel,
        lambda: run.log("x", 1),
        lambda: run.log_row("r", a=1),
        lambda: run.param("k", 1),
        lambda: outrider.log("x", 1),
    ):
        with pytest.raises(outrider.RunEnded):
            call()


def test_a_with_block_fails_the_run_and_lets_the_exception_go_on(process, home):  # noqa: F811
    """With its traceback."""
    with pytest.raises(ZeroDivisionError), outrider.start_run("e") as run:
        _ = 1 / 0
    assert run.status == "Failed"
    assert lines(home, "end")[0]["err"]["type"] == "ZeroDivisionError"


def test_ctrl_c_in_a_with_block_cancels(process):  # noqa: F811
    with pytest.raises(KeyboardInterrupt), outrider.start_run("e") as run:
        raise KeyboardInterrupt
    assert run.status == "Canceled"


def test_a_run_in_a_run_is_its_child(run, home):
    """And when it ends the outer one is active again."""
    with outrider.start_run(name="inner") as inner:
        outrider.log("x", 1)
        assert os.environ["OUTRIDER_RUN_ID"] == inner.id
    outrider.log("x", 2)
    assert os.environ["OUTRIDER_RUN_ID"] == run.id
    about = [line for line in lines(home, "run") if line["name"] == "inner"]
    assert about[0]["parent"] == run.id
    assert (inner.get_metrics(), run.get_metrics()) == ({"x": 1}, {"x": 2})


def test_an_uploaded_file_is_a_blob_and_an_artifact(run, home, tmp_path):
    """The bytes are in the blob store by their sha256, then the line is written; no temporary file stays."""
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "a.txt").write_bytes(b"hello")
    (tmp_path / "d" / "e" / "b.txt").write_bytes(b"")
    run.upload_folder("models", tmp_path / "d")
    run.upload_file("./outputs/s", io.BytesIO(b"hello"))
    found = {line["p"]: line for line in lines(home, "art")}
    assert sorted(found) == ["models/a.txt", "models/e/b.txt", "outputs/s"]
    sha = found["models/a.txt"]["sha"]
    assert (home / "blobs" / sha[:2] / sha).read_bytes() == b"hello"
    assert found["outputs/s"]["sha"] == sha
    assert os.listdir(home / "blobs" / "tmp") == []


def test_records_keep_what_logging_knows(run, logger, home):
    """Level, logger, place, thread, extra fields, exception, stack."""
    logger.log(25, "odd level")
    try:
        int("no")
    except ValueError:
        logger.exception("it failed", extra={"shape": (2, 3)}, stack_info=True)
    odd, failed = lines(home, "l")
    assert (odd["lv"], odd["ln"], odd["lg"], odd["fi"], odd["th"]) == (25, "Level 25", "outrider.test", __file__, "MainThread")
    assert (failed["exc"]["type"], failed["x"]) == ("ValueError", {"shape": [2, 3]})
    assert "test_records_keep" in failed["st"]
    assert failed["fn"] == "test_records_keep_what_logging_knows"


def test_filters_and_levels_work(run, logger, home):
    """As on any handler."""
    handler = logger.handlers[0]
    handler.setLevel("WARNING")
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.info("low")
    logger.warning("secret")
    logger.warning("kept")
    assert [line["msg"] for line in lines(home, "l")] == ["kept"]


def test_another_handlers_formatter_makes_no_extra_field(run, logger, home):
    """`message` and `asctime`, which a formatter leaves on the record, are nobody's extra fields."""
    other = logging.StreamHandler(io.StringIO())
    other.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.handlers.insert(0, other)
    logger.info("plain %d", 1)
    assert "x" not in lines(home, "l")[0]


def test_a_record_of_another_class_is_asked_for_its_own_message(run, logger, home):
    """setLogRecordFactory: brace style."""

    class Brace(logging.LogRecord):
        def getMessage(self):  # noqa: N802 -- logging's name
            return self.msg.format(*self.args)

    logger.handle(Brace("n", 20, "f", 1, "{} and {}", (1, 2), None))
    assert lines(home, "l")[0]["msg"] == "1 and 2"


def test_a_handler_may_belong_to_another_run(run, home):
    """RunHandler(run=…): a Run, or a run id."""
    record = logging.makeLogRecord({"msg": "there", "levelno": 20, "levelname": "INFO"})
    handler = outrider.RunHandler(run="elsewhere")
    handler.handle(record)
    handler._writer.close()
    assert [found[-1]["msg"] for (name, _), found in streams(home).items() if name == "elsewhere"] == ["there"]


@pytest.mark.parametrize(
    "configure",
    [
        'logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])',
        """logging.config.dictConfig({"version": 1, "root": {"level": "INFO", "handlers": ["run"]},
            "handlers": {"run": {"class": "outrider.RunHandler", "experiment": "chosen"}}})""",
        r"""logging.config.fileConfig(io.StringIO("[loggers]\nkeys=root\n[handlers]\nkeys=run\n[formatters]\nkeys=\n"
            "[logger_root]\nlevel=INFO\nhandlers=run\n[handler_run]\nclass=outrider.RunHandler\nlevel=NOTSET\nargs=()\n"))""",
    ],
    ids=["basicConfig", "dictConfig", "fileConfig"],
)
def test_logging_configures_it_by_name(home, configure):
    """All three ways; the implicit run is named after folder and script."""
    run_script(home, f"import io, logging, logging.config, outrider\n{configure}\nlogging.info('hello', extra={{'metrics': {{'a': 1}}}})\n")
    (line,) = lines(home, "l")
    assert (line["msg"], line["m"]) == ("hello", {"a": 1})
    (about,) = lines(home, "run")
    assert about["name"] == "script.py"
    assert about["experiment"] == ("chosen" if "chosen" in configure else home.parent.name)
    assert lines(home, "end")[0]["status"] == "Completed"


def test_structlog_events_are_records(process, home, capsys):  # noqa: F811
    """The processor passes the event on unchanged; metrics and step make points."""
    structlog = pytest.importorskip("structlog")
    seen = []
    log = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[
            structlog.processors.add_log_level,
            outrider.structlog.OutriderProcessor("e"),
            lambda *a: seen.append(a[2]) or str(a[2]),
        ],
        wrapper_class=structlog.BoundLogger,
    )
    log.warning("epoch", metrics={"loss": 0.5}, step=3, host="a")
    try:
        int("no")
    except ValueError:
        log.exception("failed")
    first, second = lines(home, "l")
    assert (first["lv"], first["msg"], first["m"], first["s"], first["x"]) == (30, "epoch", {"loss": 0.5}, 3, {"host": "a"})
    assert seen[0]["metrics"] == {"loss": 0.5}
    assert second["exc"]["type"] == "ValueError"
    assert capsys.readouterr().err == ""


def test_golden_files_of_format_1_are_read_for_ever(tmp_path):
    """tests/golden/spool-v1 was written by the first version: its metrics stay readable, whatever the format becomes."""
    golden = os.path.join(os.path.dirname(__file__), "..", "golden", "spool-v1")
    shutil.copytree(golden, tmp_path / "spool")
    with open(os.path.join(golden, "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    found = _metrics.shape(_history.metrics(str(tmp_path), "golden-run")["golden-run"])
    assert found == expected["metrics"]
    kinds = {line["k"] for stream in streams(tmp_path).values() for line in stream}
    assert kinds == set(expected["kinds"])


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"k":"m","t":1}',
        b'{"k":"m","t":"x","n":"a","v":1}',
        b'{"k":"ls","t":1,"n":"a","v":5}',
        b'{"k":"l","t":1,"m":[1]}',
        b'{"k":"tb","t":1,"n":"a","c":{"x":[1,2],"y":[1]}}',
        b'{"k":"m","t":1,"n":[],"v":1}',
        b"[1]",
        b"\xff",
    ],
)
def test_lines_that_the_agent_would_set_aside_do_not_keep_metrics_from_being_read(text):
    """Rule: a bad line harms only itself, without an agent too."""
    found = _metrics.from_streams([[text, b'{"k":"m","t":1,"n":"good","v":1}']])
    assert _metrics.shape(found) == {"good": 1}


@pytest.mark.parametrize("step", [2**63, 10**30, -(10**30), 2.0**70])
def test_a_step_that_the_store_has_no_room_for_is_refused_at_the_call(home, process, step):  # noqa: F811
    """Accepted in silence it would be set aside later, where nobody looks. In a log record it stays an extra field."""
    run = outrider.start_run("e")
    with pytest.raises(ValueError, match="64 bits"):
        run.log("x", 1, step=step)
    run.log("x", 1, step=2**63 - 1)
    logging.getLogger("steps").handlers = [outrider.RunHandler()]
    logging.getLogger("steps").warning("w", extra={"metrics": {"a": 1}, "step": step})
    assert [line["s"] for line in lines(home, "m")] == [2**63 - 1]
    (record,) = lines(home, "l")
    assert (record["m"], record["x"], "s" in record) == ({"a": 1}, {"step": step}, False)
    assert "step" in record["bad"]


def test_none_is_no_value_of_a_point(home, process):  # noqa: F811
    """What the text of the error says; in a log record it stays an extra field. An empty cell of a row is one, though."""
    run = outrider.start_run("e")
    with pytest.raises(TypeError, match="number, text or bool, not NoneType"):
        run.log("x", None)
    run.log_row("r", a=None)
    logging.getLogger("nones").handlers = [outrider.RunHandler()]
    logging.getLogger("nones").warning("w", extra={"metrics": {"a": None, "b": 1}})
    assert lines(home, "m") == []
    (record,) = lines(home, "l")
    assert (record["m"], record["x"]) == ({"b": 1}, {"metrics": {"a": None}})
    assert "a" in record["bad"]


def test_a_long_double_of_numpy_is_a_number(home, process):  # noqa: F811
    """Its item() is itself."""
    numpy = pytest.importorskip("numpy")
    outrider.start_run("e").log("x", numpy.longdouble("0.25"))
    assert [line["v"] for line in lines(home, "m")] == [0.25]

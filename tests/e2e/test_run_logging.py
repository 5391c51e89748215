"""Every way to set up logging, under `outrider run`: what the user sees is byte for byte the bare run's, and each record is kept once."""

from __future__ import annotations

import sys

import pytest
from tracked import RUN, gone, lines, result, same
from waiting import until


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture
def kept(home, tmp_path, monkeypatch):
    """Runs a script bare and tracked, which must be the same; the messages that were kept."""
    monkeypatch.chdir(tmp_path)

    def run(text, compared=True):
        (tmp_path / "script.py").write_text("import logging, sys\n" + text)
        if compared:
            assert same([sys.executable, "script.py"])[0] == 0
        else:
            assert result([*RUN, sys.executable, "script.py"])[0] == 0
        return [line["msg"] for line in lines(home, "l", "py-")]

    return run


#: name -> (script, what is kept)
SETUPS = {
    "the last resort": ("log = logging.getLogger('a'); log.warning('heard'); log.info('not')", ["heard"]),
    "no last resort": ("logging.lastResort = None; logging.getLogger('a').warning('said to nobody')", ["said to nobody"]),
    "disable": (
        "logging.basicConfig(level=10); logging.disable(20); logging.info('x'); logging.error('on'); logging.disable(0); logging.info('y')",
        ["on", "y"],
    ),
    "a disabled logger": ("logging.basicConfig(); log = logging.getLogger('a'); log.disabled = True; log.error('off')", []),
    "a handler's level and filter": (
        """
handler = logging.StreamHandler(); handler.setLevel("ERROR"); handler.addFilter(lambda r: "no" not in r.msg)
logging.basicConfig(level="INFO", handlers=[handler])
logging.info("below"); logging.error("yes"); logging.error("no")
""",
        ["below", "yes", "no"],
    ),
    "a subclass that handles by itself": (
        """
class Own(logging.Logger):
    def handle(self, record):
        if not self.disabled and self.filter(record): print("mine", record.getMessage()); self.callHandlers(record)
    def callHandlers(self, record):
        print("calling"); super().callHandlers(record)
logging.setLoggerClass(Own); logging.basicConfig()
logging.getLogger("a").warning("own"); Own("b").warning("loose")
""",
        ["own", "loose"],
    ),
    "a subclass with a filter of its own": (
        """
class Own(logging.Logger):
    def filter(self, record): return super().filter(record) and "no" not in record.msg
logging.setLoggerClass(Own); logging.basicConfig()
logging.getLogger("a").warning("yes")
""",
        ["yes"],
    ),
    "an adapter and a factory": (
        """
old = logging.getLogRecordFactory()
class Rec(logging.LogRecord):
    def getMessage(self): return super().getMessage().upper()
logging.setLogRecordFactory(Rec); logging.basicConfig()
logging.LoggerAdapter(logging.getLogger("a"), {"k": 1}).warning("adapted")
""",
        ["ADAPTED"],
    ),
    "dictConfig, twice": (
        """
import logging.config
for name in ("one", "two"):
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "formatters": {"f": {"format": name + " %(message)s"}},
        "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}}, "root": {"handlers": ["h"], "level": "INFO"}})
    logging.info(name)
""",
        ["one", "two"],
    ),
    "a handler that is an odd object": (
        """
class Duck:
    __slots__ = ("level",)
    def handle(self, record): print("quack", record.getMessage())
duck = Duck(); duck.level = 0
logging.getLogger().handlers.append(duck)
logging.warning("one"); logging.warning("two")
""",
        ["one", "two"],
    ),
    "warnings": (
        "import warnings; logging.captureWarnings(True); warnings.warn_explicit('careful', UserWarning, 'f.py', 3)",
        ["f.py:3: UserWarning: careful\n"],
    ),
    "a memory handler": (
        """
import logging.handlers
memory = logging.handlers.MemoryHandler(10, target=logging.StreamHandler())
logging.basicConfig(level="INFO", handlers=[memory]); logging.info("one"); logging.info("two")
""",
        ["one", "two"],
    ),
    "a queue and its listener": (
        """
import logging.handlers, queue
waiting = queue.Queue(); listener = logging.handlers.QueueListener(waiting, logging.StreamHandler())
logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(waiting)])
listener.start()
for i in range(100): logging.info("%d", i)
listener.stop()
""",
        [str(i) for i in range(100)],
    ),
    "a queue whose records are logged again": (
        """
import logging.handlers, queue, threading
waiting = queue.Queue()
logging.getLogger("work").addHandler(logging.handlers.QueueHandler(waiting)); logging.getLogger("work").propagate = False
logging.basicConfig(level="INFO", format="%(name)s %(message)s"); logging.getLogger("work").setLevel("INFO")
def listen():
    for record in iter(waiting.get, None): logging.getLogger("main").handle(record)
thread = threading.Thread(target=listen); thread.start()
for i in range(100): logging.getLogger("work").info("%d", i)
waiting.put(None); thread.join()
""",
        [str(i) for i in range(100)],
    ),
    "a handler that logs on elsewhere": (
        """
class Forward(logging.Handler):
    def emit(self, record): logging.getLogger("elsewhere").handle(record)
logging.getLogger("a").addHandler(Forward()); logging.getLogger("a").propagate = False
logging.basicConfig(); logging.getLogger("a").warning("once")
""",
        ["once"],
    ),
    "a queue while the clock stands still": (
        """
import logging.handlers, queue, time
now = time.time(); time.time = lambda: now
class Rec(logging.LogRecord):
    def __init__(self, *args, **more): super().__init__(*args, **more); self.created = now
logging.setLogRecordFactory(Rec)
logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(queue.Queue())])
for i in range(5): logging.info("%d", i)
""",
        [str(i) for i in range(5)],
    ),
    "structlog by itself": (
        "import structlog\nstructlog.configure(processors=[structlog.processors.JSONRenderer()]); structlog.get_logger().info('one', a=1)",
        [],
    ),
    "structlog through logging": (
        """
import structlog
logging.basicConfig(level="INFO", format="%(message)s")
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
    processors=[structlog.stdlib.filter_by_level, structlog.stdlib.add_log_level, structlog.processors.JSONRenderer(sort_keys=True)])
structlog.get_logger("a").info("event", k=1); structlog.get_logger("a").debug("no")
""",
        ['{"event": "event", "k": 1, "level": "info"}'],
    ),
    "loguru by itself": (
        "from loguru import logger\nlogger.remove(); logger.add(sys.stderr, format='{function}:{line} {message}'); logger.info('one')",
        [],
    ),
    "logging into loguru": (
        """
import inspect
from loguru import logger
class InterceptHandler(logging.Handler):
    def emit(self, record):
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__): frame, depth = frame.f_back, depth + 1
        logger.opt(depth=depth, exception=record.exc_info).log(record.levelname, record.getMessage())
logging.basicConfig(handlers=[InterceptHandler()], level=0, force=True)
logger.remove(); logger.add(sys.stderr, format="{level} {name} {function}:{line} {message}")
def caller(): logging.getLogger("a").info("where")
caller()
""",
        ["where"],
    ),
    "loguru into logging": (
        """
from loguru import logger
class PropagateHandler(logging.Handler):
    def emit(self, record): logging.getLogger(record.name).handle(record)
logging.basicConfig(level="INFO", format="%(levelname)s %(funcName)s %(message)s")
logger.remove(); logger.add(PropagateHandler(), format="{message}")
logger.info("through")
""",
        ["through"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), list(SETUPS.values()), ids=list(SETUPS))
def test_output_is_the_bare_runs_and_each_record_is_kept_once(kept, text, expected):
    """Whatever stands between a call and the line on the screen."""
    assert kept(text) == expected


OURS = {
    "behind a queue": """
import logging.handlers, outrider, queue
waiting = queue.Queue(); listener = logging.handlers.QueueListener(waiting, outrider.RunHandler())
logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(waiting)])
listener.start()
for i in range(100): logging.info("%d", i)
listener.stop()
""",
    "behind a queue, and on the way": """
import logging.handlers, outrider, queue
waiting = queue.Queue(); ours = outrider.RunHandler()
listener = logging.handlers.QueueListener(waiting, logging.StreamHandler())
logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(waiting), ours])
listener.start()
for i in range(100): logging.info("%d", i)
listener.stop()
""",
    "behind a memory handler": """
import logging.handlers, outrider
logging.basicConfig(level="INFO", handlers=[logging.handlers.MemoryHandler(7, target=outrider.RunHandler())])
for i in range(100): logging.info("%d", i)
""",
    "in loguru": """
import outrider
from loguru import logger
logging.getLogger("__main__")
logger.remove(); logger.add(outrider.RunHandler(), format="{message}")
for i in range(100): logger.info("{}", i)
""",
    "structlog's processor before logging": """
import outrider.structlog, structlog
logging.basicConfig(level="INFO", format="%(message)s")
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
    processors=[structlog.stdlib.filter_by_level, outrider.structlog.OutriderProcessor(), structlog.processors.JSONRenderer()])
for i in range(100): structlog.get_logger("a").info(str(i), k=i)
""",
    "structlog's processor, and a formatter that renders": """
import outrider, outrider.structlog, structlog
handler = logging.StreamHandler()
handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.dev.ConsoleRenderer()))
logging.basicConfig(level="INFO", handlers=[handler, outrider.RunHandler()])
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
    processors=[outrider.structlog.OutriderProcessor(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter])
for i in range(100): structlog.get_logger("a").info(str(i), k=i)
""",
}


@pytest.mark.parametrize("text", list(OURS.values()), ids=list(OURS))
def test_a_script_that_uses_outrider_itself_keeps_each_record_once(kept, text):
    """What the hook keeps, no RunHandler keeps again that gets it later; what the processor keeps, neither."""
    assert kept(text, compared=False) == [str(i) for i in range(100)]


def test_an_event_that_logging_drops_takes_no_other_record_with_it(kept):
    """structlog's processor kept an event which `logging` then drops: what is logged directly after is a record of its own."""
    text = """
import outrider.structlog, structlog
logging.basicConfig(level="WARNING")
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(),
    processors=[outrider.structlog.OutriderProcessor(), structlog.processors.JSONRenderer()])
structlog.get_logger("a").info("dropped below")
logging.getLogger("a").warning("dropped below")
logging.getLogger("a").warning("more")
"""
    assert kept(text, compared=False) == ["dropped below", "dropped below", "more"]


PROCESSES = """
import logging.handlers, multiprocessing, outrider
def work(queue, n):
    log = logging.getLogger("work"); log.propagate = False; log.setLevel("INFO")
    log.handlers = [logging.handlers.QueueHandler(queue)]
    for i in range(20): log.info("%d of %d", i, n)
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    listener = logging.handlers.QueueListener(queue, outrider.RunHandler()); listener.start()
    workers = [context.Process(target=work, args=(queue, n)) for n in range(2)]
    [w.start() for w in workers]; [w.join() for w in workers]
    work(queue, 2)
    listener.stop()
"""


def test_records_of_workers_that_come_through_a_queue_are_kept_once(kept):
    """The worker's hook kept them; the parent's RunHandler gets them from the queue."""
    assert sorted(kept(PROCESSES, compared=False)) == sorted(f"{i} of {n}" for n in range(3) for i in range(20))


def test_handlers_live_no_longer_for_being_looked_at(kept):
    """The hook holds on to no handler: one that the script drops is gone, and its file closed."""
    text = """
import gc, weakref
log = logging.getLogger("a")
handler = logging.StreamHandler(); gone = weakref.ref(handler)
log.addHandler(handler); log.warning("one"); log.removeHandler(handler); del handler
print(gone() is None, len(gc.get_objects()) > 0)
"""
    assert kept(text) == ["one"]


def test_a_handler_may_take_the_place_of_another_in_memory(home, kept):
    """A RunHandler is not mistaken for the handler that was there before, at the same address."""
    text = """
import outrider
log = logging.getLogger("a"); log.propagate = False
for i in range(50):
    log.addHandler(logging.NullHandler()); log.warning("hook %d", i); log.handlers.clear()
    log.addHandler(outrider.RunHandler()); log.warning("ours %d", i); log.handlers.clear()
"""
    assert kept(text, compared=False) == [f"{who} {i}" for i in range(50) for who in ("hook", "ours")]
    assert until(lambda: lines(home, "end", "keeper-"))


ODD = """
import threading
logging.raiseExceptions = False
logging.basicConfig(level=1, handlers=[logging.NullHandler()])
class Text(str): pass
class Quiet:
    def __str__(self): return "quiet"
class Rec(logging.LogRecord): pass
log = logging.getLogger("train")
def say():
    log.info("plain")
    log.info("%d %s %.1f %s", 1, "two", 3.0, None)
    log.info("%(a)s", {"a": Quiet()})
    log.info("%d", "no number")
    log.info("%s and %s", 1)
    log.info("an object: %s", Quiet())
    log.info(Text("no plain text"))
    log.info(Quiet())
    log.info("metrics", extra={"metrics": {"loss": 0.5}, "step": 3})
    log.info("fields", extra={"k": [1, 2]})
    log.info("\\ud800 \\0 é \\n")
    log.info("x" * (1 << 20))
    log.info("x" * (1 << 19) + "\\0" * (1 << 19))
    log.info("where", stack_info=True)
    for level in (5, 10, 35, 50): log.log(level, "level")
    try: 1 / 0
    except ZeroDivisionError: log.exception("failed")
    logging.info("by the root")
    logging.getLogger("train.deep").info("deeper")
    thread = threading.Thread(target=log.info, args=("by a thread",), name="worker"); thread.start(); thread.join()
    logging.setLogRecordFactory(Rec); log.info("of a class of its own"); logging.setLogRecordFactory(logging.LogRecord)
for _ in range(3): say()
"""


def test_a_call_site_that_is_known_is_kept_as_it_was_the_first_time(home, kept):
    """The quick way of the hook writes what RunHandler's way writes, for whatever is logged there."""
    assert len(kept(ODD)) % 3 == 0
    found = lines(home, "l", "py-")
    third = len(found) // 3
    rounds = [
        [{key: value for key, value in line.items() if key not in ("t", "ti")} for line in found[i * third :][:third]] for i in range(3)
    ]
    assert rounds[0] == rounds[1] == rounds[2]
    assert third == 23


def test_a_call_site_that_is_known_follows_its_handlers(kept):
    """Wherever they are added, replaced, or said by another way from then on: each record once, by whoever keeps it."""
    text = """
import logging.handlers, outrider, outrider.structlog, queue
log = logging.getLogger("work"); log.setLevel("INFO"); seen = queue.Queue(); ours = outrider.RunHandler()
def say(what):
    for i in range(3): log.info("%s %d", what, i)
say("none")
logging.root.handlers = [logging.NullHandler()]; say("at the root")
logging.root.handlers.append(ours); say("ours at the root")
logging.root.handlers[:] = [logging.NullHandler()]; say("at the root again")
log.handlers.append(ours); say("ours"); log.handlers.clear(); say("without")
log.propagate = False; say("alone"); log.addHandler(ours); say("alone with ours"); log.handlers.clear(); log.propagate = True
logging.root.handlers = [logging.handlers.QueueHandler(seen)]; say("queued")
listener = logging.handlers.QueueListener(seen, ours); listener.start(); listener.stop()
logging.root.handlers = [logging.NullHandler()]; say("after the queue")
outrider.structlog.OutriderProcessor()(log, "info", {"event": "of structlog"})
log.info("of structlog")
"""
    names = ["none", "at the root", "ours at the root", "at the root again", "ours", "without", "alone", "alone with ours", "queued"]
    assert kept(text, compared=False) == [f"{name} {i}" for name in [*names, "after the queue"] for i in range(3)] + ["of structlog"]

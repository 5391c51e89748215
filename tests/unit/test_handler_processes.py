"""The handler in processes that fork, spawn, thread, take signals and end in every way: nothing lost, nothing printed, nothing hung."""

from __future__ import annotations

import pytest
from handler_support import lines, run_script, streams

from outrider import spool


def messages(home):
    return [line["msg"] for line in lines(home, "l")]


def test_os_exit_loses_nothing(home):
    """There is no buffer: what returned is kept. Nobody says how the run ended."""
    run_script(
        home,
        """
        import logging, os, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        for i in range(100): logging.info("n %d", i)
        os._exit(0)
        """,
    )
    assert messages(home) == [f"n {i}" for i in range(100)]
    assert lines(home, "end") == []


def test_a_killed_script_loses_nothing(home):
    """SIGKILL in the middle."""
    done = run_script(
        home,
        """
        import os, signal, outrider
        run = outrider.start_run("e")
        for i in range(1000): run.log("x", i)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        check=False,
    )
    assert done.returncode == -9
    assert [line["v"] for line in lines(home, "m")] == list(range(1000))


def test_records_of_a_dying_interpreter_make_no_noise(home):
    """From atexit, `__del__` of what is torn down last, and daemon threads: kept while it can be, never an exception on stderr."""
    done = run_script(
        home,
        """
        import atexit, logging, sys, threading, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        log = logging.getLogger("late")
        class Late:
            def __del__(self, log=log): log.info("del"); log.warning("object %r", object(), extra={"metrics": {"x": 1}})
        sys.modules["keep"] = Late(); builtins_hold = Late()
        import builtins; builtins.hold = Late()
        atexit.register(lambda: log.info("atexit"))
        started = threading.Event()
        def forever():
            while True: log.info("daemon %s", "x"); started.set()
        threading.Thread(target=forever, daemon=True).start()
        started.wait()
        """,
    )
    assert done.stderr == ""
    assert "atexit" in messages(home)
    assert [line["reason"] for line in lines(home, "end")] == ["ended"]


@pytest.mark.parametrize(
    ("text", "status", "reason", "code"),
    [
        ("", "Completed", "ended", 0),
        ("sys.exit(3)", "Completed", "ended", 3),
        ("raise ValueError('no')", "Failed", "exception", 1),
        ("raise KeyboardInterrupt", "Canceled", "canceled", -2),
        ("run.complete()", "Completed", "completed", 0),
        ("run.fail('why'); raise ValueError", "Failed", "failed", 1),
        ("run.cancel()", "Canceled", "canceled", 0),
        ("with run: raise ValueError('no')", "Failed", "exception", 1),
        ("with run: sys.exit(0)", "Completed", "completed", 0),
        ("with run: sys.exit(2)", "Failed", "exception", 2),
    ],
)
def test_how_a_script_ends_is_how_its_run_ends(home, text, status, reason, code):
    """The owner's last word, and the script's own exit code."""
    done = run_script(home, f"import sys, outrider\nrun = outrider.start_run('e')\n{text}\n", check=False)
    assert done.returncode == code
    (end,) = lines(home, "end")
    assert (end["status"], end["reason"]) == (status, reason)
    if "ValueError('no')" in text:
        assert (end["err"]["type"], end["err"]["message"]) == ("ValueError", "no")
        assert "Traceback" in end["err"]["traceback"]


def test_the_order_of_each_thread_is_kept(home):
    """Eight threads, one stream."""
    run_script(
        home,
        """
        import logging, threading, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        def work(t):
            for i in range(500): logging.info("%d %d", t, i)
        threads = [threading.Thread(target=work, args=(t,)) for t in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """,
        OUTRIDER_SEGMENT_BYTES="20000",
    )
    found = [tuple(map(int, message.split())) for message in messages(home)]
    assert len(found) == 4000
    assert all([i for t, i in found if t == thread] == list(range(500)) for thread in range(8))
    assert len(streams(home)) == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_write_streams_of_their_own_in_the_same_run(home, method):
    """fork, spawn and forkserver: one run, a stream a process, one end."""
    run_script(
        home,
        f"""
        import logging, multiprocessing, outrider
        def work(i):
            logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()], force=True)
            logging.info("worker %d", i)
            outrider.log("w", i)
        if __name__ == "__main__":
            run = outrider.start_run("e")
            run.log("main", 1)
            context = multiprocessing.get_context({method!r})
            workers = [context.Process(target=work, args=(i,)) for i in range(3)]
            [w.start() for w in workers]; [w.join() for w in workers]
            assert [w.exitcode for w in workers] == [0, 0, 0]
            run.log("main", 2)
        """,
    )
    found = streams(home)
    assert len({run for run, _ in found}) == 1
    assert len(found) == 4
    assert sorted(line["v"] for line in lines(home, "m") if line["n"] == "w") == [0, 1, 2]
    assert all("pr" in line for line in lines(home, "l"))
    assert len(lines(home, "end")) == 1
    assert sum(line.get("own", False) for line in lines(home, "head")) == 1


def test_a_fork_in_the_middle_of_other_threads_appends_does_not_hang(home):
    """Forks while threads rotate segments as fast as they can: every child logs and ends."""
    run_script(
        home,
        """
        import os, threading, outrider
        run = outrider.start_run("e")
        stop = False
        def work():
            while not stop: run.log("x", 1)
        threads = [threading.Thread(target=work) for _ in range(4)]
        [t.start() for t in threads]
        for i in range(30):
            pid = os.fork()
            if pid == 0:
                run.log("child", i)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop = True
        [t.join() for t in threads]
        """,
        OUTRIDER_SEGMENT_BYTES="2000",
    )
    assert sorted(line["v"] for line in lines(home, "m") if line["n"] == "child") == list(range(30))


def test_a_signal_handler_may_log_at_any_moment(home):
    """Also in the middle of an append, of a rotation, of the first record."""
    run_script(
        home,
        """
        import logging, signal, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        seen = 0
        def on_alarm(*_):
            global seen
            seen += 1
            mine = seen
            logging.info("alarm", extra={"metrics": {"alarm": mine}})
            outrider.log("alarms", mine)
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.002)  # rarely enough for one handler to end before the next
        i = 0
        while seen < 200:
            logging.info("n %d %s", i, {"a": i}); i += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        outrider.log("done", i)
        """,
        OUTRIDER_SEGMENT_BYTES="5000",
    )
    found = lines(home, "m")
    count = found[-1]["v"]
    assert [message for message in messages(home) if message != "alarm"] == [f"n {i} {{'a': {i}}}" for i in range(count)]
    assert sorted(line["v"] for line in found if line["n"] == "alarms") == list(range(1, len(found)))


def test_a_signal_handler_may_be_the_second_to_ask_for_the_api(home):
    """It comes in the middle of the import that the first call began, and both are kept."""
    run_script(
        home,
        """
        import os, signal, sys, outrider
        signal.signal(signal.SIGALRM, lambda *_: outrider.log("alarm", 1))
        def heard(event, about):
            if event == "import" and about[0] == "outrider._current" and "outrider._api" in sys.modules:
                os.kill(os.getpid(), signal.SIGALRM)
        sys.addaudithook(heard)
        outrider.log("mine", 2)
        """,
    )
    assert sorted((line["n"], line["v"]) for line in lines(home, "m")) == [("alarm", 1), ("mine", 2)]


def test_a_repr_that_logs_ends_and_is_kept(home):
    """Even one that logs itself, twice: no recursion, no deadlock, every record there."""
    done = run_script(
        home,
        """
        import logging, outrider
        log = logging.getLogger("t"); log.propagate = False; log.setLevel(1); log.addHandler(outrider.RunHandler())
        class Chatty:
            def __repr__(self):
                log.info("plain %d", 1); log.info("self %r", self); log.info("self %s", self, extra={"x": self})
                return "Chatty"
        log.info("outer %r", Chatty())
        try: raise ValueError(Chatty())
        except ValueError: log.exception("with %s", Chatty(), extra={"metrics": {"a": Chatty()}})
        """,
    )
    assert done.stderr == ""
    assert "outer Chatty" in messages(home)
    assert "plain 1" in messages(home)
    assert any("being encoded" in line.get("bad", "") for line in lines(home, "l"))
    assert len(messages(home)) < 100


def test_descriptors_closed_by_a_daemon_are_no_end(home):
    """os.closerange over everything, then files of the script's own: its files stay its own, records go on."""
    run_script(
        home,
        """
        import os, logging, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        logging.info("before")
        os.closerange(3, 4096)
        files = [open(f"f{i}", "w") for i in range(20)]
        for i in range(10): logging.info("after %d", i)
        [f.close() for f in files]
        assert all(os.path.getsize(f"f{i}") == 0 for i in range(20))
        """,
    )
    assert sorted(messages(home)) == sorted(["before", *[f"after {i}" for i in range(10)]])


def test_disabled_means_nothing_at_all(home):
    """OUTRIDER_DISABLED=1: the same calls, no file."""
    run_script(
        home,
        """
        import logging, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        logging.info("x", extra={"metrics": {"a": 1}})
        with outrider.start_run("e", name="n", tags={"a": 1}, params={"b": 2}) as run:
            run.log("x", 1, step=2); run.log_list("l", [1]); run.log_row("r", a=1); run.log_table("t", {"a": [1]})
            run.tag("k"); run.param("p", 1); run.upload_file("f", __file__); assert run.get_metrics() == {}; assert run.flush()
        outrider.start_run("e2").complete()
        """,
        OUTRIDER_DISABLED="1",
    )
    assert not home.exists()


def test_a_process_inside_a_run_joins_it(home):
    """OUTRIDER_RUN_ID: the first start_run speaks of that run, the second is its child; only the child is owned."""
    run_script(
        home,
        """
        import outrider
        run = outrider.start_run("chosen", name="n")
        run.log("x", 1)
        child = outrider.start_run(name="second")
        child.log("y", 2); child.complete()
        run.log("x", 2); run.complete()
        third = outrider.start_run(name="third")
        """,
        OUTRIDER_RUN_ID="outer-run",
    )
    by_run = {}
    for (run, _), found in streams(home).items():
        by_run.setdefault(run, []).extend(found)
    outer = by_run.pop("outer-run")
    assert [line["v"] for line in outer if line["k"] == "m"] == [1, 2]
    assert not any(line.get("own") for line in outer)
    assert {"experiment": "chosen", "name": "n"}.items() <= next(line for line in outer if line["k"] == "run").items()
    assert [line["status"] for line in outer if line["k"] == "end"] == ["Completed"]
    about = [line for found in by_run.values() for line in found if line["k"] == "run"]
    assert {(line["name"], line["parent"]) for line in about} == {("second", "outer-run"), ("third", "outer-run")}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_starts_a_run_of_its_own_does_not_rename_its_parents(home, method):
    """A run is spoken for once: the first `start_run` of a worker of that run makes a child run."""
    run_script(
        home,
        f"""
        import multiprocessing, outrider
        def work(i):
            with outrider.start_run("e", name=f"fold {{i}}") as fold:
                fold.log("w", i)
        if __name__ == "__main__":
            run = outrider.start_run("e", name="all")
            context = multiprocessing.get_context({method!r})
            workers = [context.Process(target=work, args=(i,)) for i in range(2)]
            [w.start() for w in workers]; [w.join() for w in workers]
            run.complete()
        """,
    )
    about = {line["name"]: line.get("parent") for line in lines(home, "run")}
    assert set(about) == {"all", "fold 0", "fold 1"}
    assert about["fold 0"] == about["fold 1"] in {run for run, _ in streams(home)}
    assert [line["status"] for line in lines(home, "end")] == ["Completed"] * 3


def test_runs_one_after_another_are_no_relatives(home):
    """A run that has ended is nobody's parent; the environment is as it was."""
    run_script(
        home,
        """
        import logging, os, outrider
        logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
        for i in range(3):
            run = outrider.start_run("e", name=f"n{i}")
            assert os.environ["OUTRIDER_RUN_ID"] == run.id
            logging.info("in %d", i)
            run.complete()
            assert "OUTRIDER_RUN_ID" not in os.environ
            logging.info("after %d", i)
        """,
    )
    found = streams(home)
    assert len(found) == 3
    for stream in found.values():
        about = next(line for line in stream if line["k"] == "run")
        assert "parent" not in about
        i = about["name"][1:]
        assert [line.get("msg", line["k"]) for line in stream] == ["head", "run", f"in {i}", "end", f"after {i}"]


def test_nothing_of_logging_or_the_interpreter_is_touched(home):
    """Root handlers, excepthook, threads: as bare. And the import brings in next to nothing."""
    run_script(
        home,
        """
        import sys, threading
        before = set(sys.modules)
        import outrider
        assert not {"json", "re", "inspect", "socket", "http", "hashlib", "typing", "logging"} & (set(sys.modules) - before)
        import logging
        with_logging = set(sys.modules)
        hook, handlers, levels = sys.excepthook, list(logging.root.handlers), logging.root.level
        logger = logging.getLogger("x"); logger.addHandler(outrider.RunHandler()); logger.warning("w")
        run = outrider.start_run("e"); run.log("a", 1.0)
        brought = {name.partition(".")[0] for name in set(sys.modules) - with_logging}
        assert not {"json", "inspect", "socket", "http", "hashlib", "typing", "subprocess", "asyncio"} & brought, brought
        assert (hook, handlers, levels) == (sys.excepthook, list(logging.root.handlers), logging.root.level)
        assert threading.active_count() == 1
        """,
    )
    assert len(streams(home)) == 1
    assert all(not spool.is_locked(str(home / "spool" / run / writer / "lock")) for run, writer in streams(home))

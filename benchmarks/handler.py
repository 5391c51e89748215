"""
What a call costs: RunHandler beside FileHandler and NullHandler, run.log beside its bare floor, and the import.

Each figure stands beside its floor, measured in the same process, turn about, so that a noisy machine reaches both. `make bench` imports
`measure`; `python benchmarks/handler.py` prints it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from time import time_ns

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "handler"))

BARS = {"handler_to_file": 0.9, "log_to_floor": 1.5, "import_ms": 10.0}


def per_call_ns(loop, count):
    """Nanoseconds a call, of `count` in one go."""
    start = time.perf_counter_ns()
    loop(count)
    return (time.perf_counter_ns() - start) / count


def logger_loop(name, handler):
    """`logger.info("epoch %d loss %.4f", i, x)` through one handler."""
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]

    def loop(count):
        info = logger.info
        for i in range(count):
            info("epoch %d loss %.4f", i, i * 0.1)

    return loop


def floor_loop(path):
    """Time, format and os.write of such a line, and nothing else."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    write = os.write

    def loop(count):
        for i in range(count):
            write(fd, f'\n{{"k":"m","t":{time_ns()},"n":"loss","v":{i * 0.1!r},"s":{i}}}\n'.encode())

    return loop


def log_loop(log):
    """`run.log("loss", x, step=i)`."""

    def loop(count):
        for i in range(count):
            log("loss", i * 0.1, step=i)

    return loop


def single_calls_ns(log, count):
    """The time of each call by itself."""
    times = []
    clock = time.perf_counter_ns
    for i in range(count):
        start = clock()
        log("loss", i * 0.1, step=i)
        times.append(clock() - start)
    return sorted(times)


def spread(times):
    """Median, p99 and max, in microseconds."""
    return {"median_us": times[len(times) // 2] / 1e3, "p99_us": times[len(times) * 99 // 100] / 1e3, "max_us": times[-1] / 1e3}


def peers(folder):
    """`{name: log(name, value, step)}` of the trackers that are installed here."""
    found = {}
    for name, make in (("tensorboard", _tensorboard), ("wandb", _wandb), ("trackio", _trackio)):
        try:
            found[name] = make(folder)
        except Exception as error:  # noqa: BLE001 -- not installed, or not willing to work offline
            print(f"{name}: left out ({type(error).__name__})", file=sys.stderr)
    return found


def _tensorboard(folder):
    from tensorboard.summary import Writer

    writer = Writer(os.path.join(folder, "tensorboard"))
    return writer.add_scalar


def _wandb(folder):
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=folder)
    import wandb

    run = wandb.init(project="bench", mode="offline")
    return lambda name, value, step: run.log({name: value}, step=step)


def _trackio(folder):
    os.environ.update(TRACKIO_DIR=os.path.join(folder, "trackio"))
    import trackio

    trackio.init(project="bench")
    return lambda name, value, step: trackio.log({name: value}, step=step)


def import_ms(repeats=9):
    """`import outrider` and what a script uses of it, above `import logging`, in fresh processes: (bare import, with RunHandler)."""
    path = str(Path(__file__).resolve().parents[1] / "handler")
    text = (
        f"import sys, time; sys.path.insert(0, {path!r}); import logging; a = time.perf_counter(); import outrider; "
        "b = time.perf_counter(); outrider.RunHandler; outrider.start_run; c = time.perf_counter(); print((b - a) * 1e3, (c - a) * 1e3)"
    )
    runs = [
        subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=True).stdout for _ in range(repeats)
    ]
    pairs = [tuple(map(float, out.split())) for out in runs]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def measure(calls=3000, repeats=40):
    """Everything as one dict; ratios are medians of repeats taken turn about."""
    folder = tempfile.mkdtemp(prefix="outrider-bench-")
    os.environ["OUTRIDER_HOME"] = os.path.join(folder, "home")
    import outrider

    run = outrider.start_run("bench", outputs=False)
    null = logger_loop("bench.null", logging.NullHandler())
    file = logger_loop("bench.file", logging.FileHandler(os.path.join(folder, "file.log")))
    ours = logger_loop("bench.ours", outrider.RunHandler())
    floor, log = floor_loop(os.path.join(folder, "floor")), log_loop(run.log)
    columns = {"null": null, "file": file, "ours": ours, "floor": floor, "log": log}
    times = {name: [] for name in columns}
    for _ in range(repeats):
        for name, loop in columns.items():
            times[name].append(per_call_ns(loop, calls))
    middle = {name: statistics.median(found) for name, found in times.items()}
    bare, used = import_ms()
    result = {
        "python": sys.version.split()[0],
        "ns": {name: round(value) for name, value in middle.items()},
        "handler_to_file": (middle["ours"] - middle["null"]) / (middle["file"] - middle["null"]),
        "log_to_floor": middle["log"] / middle["floor"],
        "import_ms": bare,
        "import_and_use_ms": used,
        "log": spread(single_calls_ns(run.log, calls * 5)),
        "peers": {name: spread(single_calls_ns(call, calls)) for name, call in peers(folder).items()},
    }
    run.complete()
    return result


def main():
    """Prints the figures and whether the bars hold; exit code 1 when one does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=40)
    arguments = parser.parse_args()
    result = measure(repeats=arguments.repeats)
    missed = [name for name, bar in BARS.items() if result[name] > bar]
    if arguments.json:
        print(json.dumps(result))
        return int(bool(missed))
    print(f"Python {result['python']}, ns a call: {result['ns']}")
    for name, bar in BARS.items():
        print(f"{name:18s} {result[name]:7.3f}   bar {bar:g}   {'MISSED' if name in missed else 'ok'}")
    print(f"import and use     {result['import_and_use_ms']:7.3f} ms")
    for name, found in {"run.log": result["log"], **result["peers"]}.items():
        print(f"{name:18s} median {found['median_us']:.2f} us, p99 {found['p99_us']:.2f} us, max {found['max_us']:.0f} us")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
